# SPDX-License-Identifier: Apache-2.0
defmodule Mix.Tasks.Seccomp.Learn do
  @shortdoc "Learns the smallest whitelist that lets code of the project run"
  @moduledoc """
  Runs code of the project and learns the smallest whitelist that lets it run.

      mix seccomp.learn MODULE.FUNCTION [ARG ...]
      mix seccomp.learn -e EXPRESSION [-e EXPRESSION ...]

  The function gets the arguments as strings. An expression is compiled before,
  so that nothing of an interpreter is learned. Several are run one after the
  other and learned as one: learning sees what ran, so run what matters.

    * `-e`, `--eval EXPRESSION` code to run; again for more
    * `-o`, `--output FILE` where to write the policy: `NAME.json`, or
      `NAME.terms` with counts as comments; else it is printed
    * `-g`, `--group @NAME` a group to write in place of its members, though it
      allows more; again for more
    * `--warm` runs everything once before, so that modules are loaded and what
      loads them is not learned
    * `--no-start` does not start the application

  What runs in other processes than the one that is started here and its children
  is not learned: servers of the application need `Seccomp.learn_start/1`. Check
  the file with `mix seccomp.check FILE`, and read it.
  """

  use Mix.Task

  alias Seccomp.SeccompError

  @switches [eval: :keep, output: :string, group: :keep, warm: :boolean, start: :boolean]
  @aliases [e: :eval, o: :output, g: :group]

  @impl true
  def run(args) do
    {options, args} = OptionParser.parse_head!(args, strict: @switches, aliases: @aliases)
    if options[:start] == false, do: Mix.Task.run("compile"), else: Mix.Task.run("app.start")
    # It counts and writes; without the application it does nothing else.
    {:ok, _} = Application.ensure_all_started(:seccomp)

    runs = function(args) ++ expressions(Keyword.get_values(options, :eval))
    runs != [] || Mix.raise("nothing to run; see `mix help seccomp.learn`")
    if options[:warm], do: Enum.each(runs, fn {_, fun} -> fun.() end)

    groups = options |> Keyword.get_values(:group) |> Enum.map(&group/1)
    learned = runs |> Enum.map(&learn(&1, groups)) |> merge()
    write(learned, options[:output])
  end

  # -- What to run -------------------------------------------------------------

  defp function([]), do: []

  defp function([name | args]) do
    with {:ok, {{:., _, [module, function]}, _, []}} <- Code.string_to_quoted(name),
         {module, _} when is_atom(module) <- Code.eval_quoted(module),
         {:module, ^module} <- Code.ensure_loaded(module),
         true <- function_exported?(module, function, length(args)) do
      [{"#{name}/#{length(args)}", fn -> apply(module, function, args) end}]
    else
      _ ->
        Mix.raise("there is no function #{name}/#{length(args)}; write MODULE.FUNCTION [ARG ...]")
    end
  end

  # Each is the function of a module, as the code that will run is.
  defp expressions(texts) do
    for {text, n} <- Enum.with_index(texts, 1) do
      module = Module.concat(__MODULE__, "Expression#{n}")
      quoted = Code.string_to_quoted!(text, file: "expression #{n}")
      body = quote(do: def(run, do: unquote(quoted)))
      Code.put_compiler_option(:ignore_module_conflict, true)

      [{^module, _} | _] =
        Code.compile_quoted(quote(do: defmodule(unquote(module), do: unquote(body))))

      Code.put_compiler_option(:ignore_module_conflict, false)
      {text, fn -> module.run() end}
    end
  end

  defp group("@" <> _ = name), do: group(name, :seccomp.groups())
  defp group(name), do: group("@" <> name)

  defp group(name, known) do
    Enum.find(known, &(Atom.to_string(&1) == name)) ||
      Mix.raise("there is no group #{name}; `seccomp:groups()` lists them")
  end

  # -- Learning ----------------------------------------------------------------

  defp learn({name, fun}, groups) do
    case Seccomp.learn(fun, groups: groups) do
      {:ok, %{result: {:value, _}} = learned} ->
        Mix.shell().info("#{name}: #{length(learned.entries)} functions, by #{learned.method}")
        learned

      {:ok, %{result: {:exception, kind, reason, stack}}} ->
        Mix.raise("#{name} failed: " <> Exception.format_banner(kind, reason, stack))

      {:ok, %{result: {:ended, reason}}} ->
        Mix.raise("#{name} ended: " <> Exception.format_exit(reason))

      {:error, reason} ->
        Mix.raise(SeccompError.format(reason))
    end
  end

  # The module that holds an expression is not what the user asked about.
  defp merge(runs) do
    {:ok, learned} = runs |> Enum.map(&Map.delete(&1, :result)) |> Seccomp.learn_merge()
    mine = fn module -> String.starts_with?(Atom.to_string(module), "#{__MODULE__}.") end
    rules = Enum.reject(learned.policy.rules, &(is_tuple(&1) and mine.(elem(&1, 0))))
    %{learned | policy: %{learned.policy | rules: rules}}
  end

  defp write(learned, nil) do
    file = Path.join(System.tmp_dir!(), "seccomp_learn_#{System.pid()}.terms")
    write_file(learned, file)
    Mix.shell().info(String.trim_trailing(File.read!(file)))
    File.rm!(file)
  end

  defp write(learned, file) do
    Path.extname(file) in [".json", ".terms"] ||
      Mix.raise("#{file}: the name has to end with .json or .terms")

    write_file(learned, file)
    %{rules: rules, spawn: spawn} = learned.policy
    Mix.shell().info("#{file}: a whitelist of #{length(rules)} rules, spawn: #{spawn}")
  end

  defp write_file(learned, file) do
    with {:error, reason} <- Seccomp.learn_write(learned, file) do
      Mix.raise(SeccompError.format(reason))
    end
  end
end
