# SPDX-License-Identifier: Apache-2.0
defmodule Seccomp.Policy.Definition do
  @moduledoc false
  # The work of `use Seccomp.Policy`, while the module is compiled.

  alias Seccomp.{Policy, Rules, SeccompError}

  @near 5

  @doc "The Elixir modules that stand in the code of the options."
  @spec named(Macro.t(), Macro.Env.t()) :: [module]
  def named(options, env) do
    {_, modules} =
      Macro.prewalk(options, [], fn
        {:__aliases__, _, _} = alias, modules -> {alias, [Macro.expand(alias, env) | modules]}
        other, modules -> {other, modules}
      end)

    for module <- Enum.uniq(modules),
        is_atom(module) and module != env.module,
        match?({:module, _}, Code.ensure_compiled(module)),
        do: module
  end

  @doc "The policy of the options, or a `CompileError` that says all that is wrong."
  @spec build!(keyword, Macro.Env.t()) :: Policy.t()
  def build!(options, env) do
    Keyword.keyword?(options) ||
      fail(env, ["write `use Seccomp.Policy, mode: ..., rules: [...]`"])

    rules = Keyword.get(options, :rules, [])

    mistakes =
      if proper?(rules) and options[:unknown] != :allow do
        rules |> Enum.with_index(1) |> Enum.flat_map(&mistakes(&1, env))
      else
        []
      end

    mistakes == [] || fail(env, mistakes)

    case Seccomp.compile(options) do
      {:ok, _} -> struct!(Policy, options)
      {:error, reason} -> fail(env, [SeccompError.format(reason)])
    end
  end

  defp proper?(rules), do: is_list(rules) and not List.improper?(rules)

  defp fail(env, mistakes) do
    lines = Enum.map_join(mistakes, &"\n  * #{&1}")

    raise CompileError,
      file: env.file,
      line: env.line,
      description: "#{inspect(env.module)} is no good policy:#{lines}"
  end

  # -- Rules -------------------------------------------------------------------

  defp mistakes({rule, position}, env) do
    # A macro may stand for a function that is there.
    case [rule] |> Rules.expand() |> hd() |> pattern() do
      {m, f, a} when is_atom(m) and is_atom(f) and m != :_ -> look(m, f, a, position, env)
      # A group, or what `Seccomp.compile/1` refuses.
      _ -> []
    end
  end

  defp pattern({m, f, a}), do: {m, f, a}
  defp pattern({m, f}), do: {m, f, :_}
  defp pattern(m) when is_atom(m), do: if(group?(m), do: nil, else: {m, :_, :_})
  defp pattern(_), do: nil

  defp group?(name), do: String.starts_with?(Atom.to_string(name), "@")

  defp look(m, f, a, position, env) do
    with false <- m == env.module,
         {:module, ^m} <- Code.ensure_compiled(m) do
      there = m.module_info(:exports)
      known = f == :_ or exports?(there, f, a) or builtin?(m, f, a)
      if known, do: [], else: [no_function(m, f, a, position, there)]
    else
      true -> ["rule #{position} names the module of the policy itself"]
      {:error, _} -> [no_module(m, position)]
    end
  end

  defp exports?(there, f, a), do: Enum.any?(there, fn {name, n} -> name == f and a in [n, :_] end)
  defp builtin?(m, f, :_), do: Enum.any?(1..2, &:erlang.is_builtin(m, f, &1))
  defp builtin?(m, f, a), do: is_integer(a) and :erlang.is_builtin(m, f, a)

  defp no_module(m, position) do
    modules = for {name, _, _} <- :code.all_available(), do: List.to_string(name)

    case near(Atom.to_string(m), modules) do
      [] -> "rule #{position}: there is no module #{inspect(m)}"
      names -> "rule #{position}: there is no module #{inspect(m)}; there is #{modules(names)}"
    end
  end

  defp modules(names) do
    Enum.map_join(names, ", ", fn
      "Elixir." <> name -> name
      name -> ":" <> name
    end)
  end

  defp no_function(m, f, a, position, there) do
    missing = {:unknown_function, %{mfa: {m, f, a}, position: position}}

    case Rules.name_macro(missing) do
      {:macro, %{message: message}} -> "rule #{position}: #{message}"
      _ -> "rule #{position}: there is no function #{mfa(m, f, a)}; #{nearby(m, f, there)}"
    end
  end

  # The same name, or names that look like it, or all if they are few.
  defp nearby(m, f, there) do
    there = for {name, arity} <- there, runs?(name), do: {Atom.to_string(name), arity}
    names = there |> Enum.map(&elem(&1, 0)) |> Enum.uniq()

    near =
      if Atom.to_string(f) in names, do: [Atom.to_string(f)], else: near(Atom.to_string(f), names)

    near = if near == [] and length(names) <= @near, do: Enum.sort(names), else: near

    case for name <- near, {^name, arity} <- there, do: "#{name}/#{arity}" do
      [] -> "#{inspect(m)} has nothing like it"
      found -> "#{inspect(m)} has #{Enum.join(found, ", ")}"
    end
  end

  defp near(name, names) do
    names
    |> Enum.map(&{String.jaro_distance(name, &1), &1})
    |> Enum.filter(fn {distance, _} -> distance > 0.8 end)
    |> Enum.sort(:desc)
    |> Enum.take(@near)
    |> Enum.map(&elem(&1, 1))
  end

  defp mfa(m, f, a), do: "#{inspect(m)}.#{name(f, a)}"
  defp name(f, :_), do: Atom.to_string(f)
  defp name(f, a), do: "#{f}/#{a}"

  # -- What the rules name -----------------------------------------------------

  @doc "The functions that a policy names, with groups unfolded."
  @spec functions(Policy.t()) :: [mfa]
  def functions(%Policy{rules: rules}) do
    rules |> Rules.expand() |> Enum.flat_map(&unfold/1) |> Enum.uniq() |> Enum.sort()
  end

  defp unfold(rule) do
    case pattern(rule) do
      nil -> group(rule)
      {:_, _, _} -> []
      {m, f, a} when is_integer(a) and f != :_ -> [{m, f, a}]
      {m, f, a} -> exports(m, f, a)
    end
  end

  defp group(name) do
    {:ok, %{members: members}} = :seccomp.group(name)
    Enum.flat_map(members, fn {rule, _reason} -> unfold(rule) end)
  end

  # `_info` functions and macros are nobody's wish.
  defp runs?(name) do
    name not in [:module_info, :__info__, :behaviour_info] and
      not String.starts_with?(Atom.to_string(name), "MACRO-")
  end

  defp exports(m, f, a) do
    with {:module, ^m} <- Code.ensure_loaded(m) do
      for {name, arity} <- m.module_info(:exports),
          f in [name, :_] and a in [arity, :_],
          runs?(name),
          do: {m, name, arity}
    else
      {:error, _} -> []
    end
  end

  @doc "The section of the module's documentation."
  @spec doc(Policy.t()) :: String.t()
  def doc(%Policy{mode: mode, rules: rules} = policy) do
    {groups, others} = Enum.split_with(rules, &(pattern(&1) == nil))

    functions =
      others
      |> Rules.expand()
      |> Enum.flat_map(&unfold/1)
      |> Enum.uniq()
      |> Enum.group_by(&elem(&1, 0))

    wild = for {:_, f, a} <- Enum.map(others, &pattern/1), do: "* any module's `#{name(f, a)}`\n"

    IO.iodata_to_binary([
      if(mode == :whitelist, do: "## Allowed functions\n\n", else: "## Denied functions\n\n"),
      Enum.map(groups, &group_line/1),
      Enum.map(Enum.sort(functions), &module_line/1),
      wild,
      options(policy)
    ])
  end

  defp group_line(name) do
    {:ok, %{doc: doc}} = :seccomp.group(name)
    "* the group `#{name}`: #{doc}\n"
  end

  defp module_line({module, functions}) do
    names =
      functions |> Enum.sort() |> Enum.map_join(", ", fn {m, f, a} -> "`#{mfa(m, f, a)}`" end)

    "* `#{inspect(module)}`: #{names}\n"
  end

  defp options(policy) do
    set =
      for {key, value} <- Map.from_struct(policy),
          key not in [:mode, :rules, :comment] and value != nil,
          do: "`#{key}: #{inspect(value)}`"

    if set == [], do: "", else: "\nOptions: #{Enum.join(set, ", ")}.\n"
  end
end
