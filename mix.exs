# SPDX-License-Identifier: Apache-2.0
defmodule Seccomp.MixProject do
  use Mix.Project

  # One file says what the version is, for both build tools.
  @app_src Path.join([__DIR__, "erlang", "seccomp.app.src"])
  @external_resource @app_src
  {:ok, [{:application, :seccomp, keys}]} = :file.consult(@app_src)
  @keys keys

  def project do
    [
      app: :seccomp,
      version: to_string(@keys[:vsn]),
      description: to_string(@keys[:description]),
      elixir: "~> 1.14",
      # rebar3 has _build/test, too, with other things in it.
      build_path: "_build/mix",
      compilers: [:seccomp_nif] ++ Mix.compilers(),
      erlc_paths: ["erlang"],
      erlc_options: [:debug_info, :warnings_as_errors],
      elixirc_paths: elixirc_paths(Mix.env()),
      test_paths: ["elixir/test"],
      start_permanent: Mix.env() == :prod,
      deps: []
    ]
  end

  defp elixirc_paths(:test), do: ["elixir/lib", "elixir/test/support"]
  defp elixirc_paths(_env), do: ["elixir/lib"]

  def application do
    [
      mod: {:seccomp_app, []},
      extra_applications: [:logger],
      registered: @keys[:registered],
      # Tests are about denials; a warning for each would hide what they say.
      env: Keyword.put(@keys[:env], :log_violations, Mix.env() != :test)
    ]
  end
end

defmodule Mix.Tasks.Compile.SeccompNif do
  @shortdoc "Builds the native library"
  @moduledoc "Builds priv/native/seccomp_nif.so with `make nif`."

  use Mix.Task.Compiler

  @impl true
  def run(_args) do
    # As a dependency this is not the directory where mix was started.
    case System.cmd("make", ["-s", "nif"], cd: __DIR__, into: IO.stream(), stderr_to_stdout: true) do
      {_, 0} ->
        so = Path.join(__DIR__, "priv/native/seccomp_nif.so")
        File.regular?(so) || Mix.raise("`make nif` left no #{so}")
        # mix links priv before this compiler has run for the first time.
        Mix.Project.build_structure()
        {:ok, []}

      {_, status} ->
        Mix.raise("`make nif` failed with status #{status}, see above")
    end
  end
end
