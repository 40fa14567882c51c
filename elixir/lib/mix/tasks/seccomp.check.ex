# SPDX-License-Identifier: Apache-2.0
defmodule Mix.Tasks.Seccomp.Check do
  @shortdoc "Checks policy files and policy modules"
  @moduledoc """
  Checks policies against the modules of the project and what it depends on.

      mix seccomp.check [FILE | MODULE ...]
      mix seccomp.check FILE --explain String.to_atom/1

  A file is `NAME.json` or `NAME.terms`, a module one that has
  `use Seccomp.Policy`. Without arguments these are all such modules of the
  project, `priv/policy.json`, `priv/policy.terms` and what is in
  `priv/policies`. The project is compiled first, so that a name in a policy that
  is none, or none any more, is found.

    * `--explain M.f/a` also says what decides about a call; again for more
    * `--no-compile` takes the project as it is

  The exit status is 1 when a policy is bad.
  """

  use Mix.Task

  @recursive true

  alias Seccomp.{Policy, SeccompError}

  @switches [explain: :keep, compile: :boolean]

  @impl true
  def run(args) do
    {options, names} = OptionParser.parse!(args, strict: @switches)
    calls = options |> Keyword.get_values(:explain) |> Enum.map(&call/1)
    if options[:compile] != false, do: Mix.Task.run("compile")
    Mix.Task.run("loadpaths")

    case if(names == [], do: found(), else: Enum.map(names, &source/1)) do
      [] ->
        Mix.shell().info("There is no policy; see `mix help seccomp.check`.")

      sources ->
        bad = Enum.reject(sources, &good?(&1, calls))
        bad == [] || Mix.raise("#{length(bad)} of #{length(sources)} policies are bad")
    end

    :ok
  end

  # -- What to check -----------------------------------------------------------

  defp found do
    files = Enum.filter(["priv/policy.json", "priv/policy.terms"], &File.regular?/1)
    files = files ++ Enum.sort(Path.wildcard("priv/policies/*.{json,terms}"))
    Enum.map(modules(), &{:module, &1}) ++ Enum.map(files, &{:file, &1})
  end

  # Those of the project itself, found by the behaviour that `use` gives them.
  defp modules do
    for beam <- Path.wildcard(Path.join(Mix.Project.compile_path(), "*.beam")),
        module = beam |> Path.basename(".beam") |> String.to_atom(),
        policy?(module),
        do: module
  end

  defp policy?(module) do
    match?({:module, _}, Code.ensure_loaded(module)) and
      function_exported?(module, :__info__, 1) and
      Policy in Keyword.get(module.__info__(:attributes), :behaviour, [])
  end

  defp source(name) do
    module = Module.concat([name])

    cond do
      Path.extname(name) in [".json", ".terms"] -> {:file, name}
      policy?(module) -> {:module, module}
      true -> Mix.raise("#{name} is neither NAME.json, NAME.terms nor a policy module")
    end
  end

  # -- Checking ----------------------------------------------------------------

  defp good?(source, calls) do
    case compile(source) do
      {:ok, policy} ->
        Mix.shell().info("#{title(source)}: good")
        for mfa <- calls, do: Mix.shell().info("  " <> Seccomp.explain(policy, mfa))
        true

      {:error, reason} ->
        Mix.shell().error(text(source, reason))
        false
    end
  end

  defp compile({:file, file}), do: Seccomp.load_policy(file)
  defp compile({:module, module}), do: Seccomp.compile(module)

  defp title({:file, file}), do: file
  defp title({:module, module}), do: inspect(module)

  # An error in a file begins with the file and the place.
  defp text(source, reason) do
    text = SeccompError.format(reason)
    if String.starts_with?(text, title(source)), do: text, else: "#{title(source)}: #{text}"
  end

  defp call(text) do
    with {:ok, {:/, _, [{{:., _, [module, function]}, _, []}, arity]}} <-
           Code.string_to_quoted(text),
         {module, _} when is_atom(module) <- Code.eval_quoted(module),
         true <- is_integer(arity) and arity in 0..255 do
      {module, function, arity}
    else
      _ -> Mix.raise("#{text} is no call; write String.upcase/1 or :lists.map/2")
    end
  end
end
