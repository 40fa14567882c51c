# SPDX-License-Identifier: Apache-2.0
defmodule Seccomp.Rules do
  @moduledoc """
  From the rules of an Elixir programmer to calls that the emulator sees.

  A policy is checked where a call leaves a module, and there it is a call of
  what the compiler emitted. For some functions of Elixir's library that is
  another function: `Kernel.send/2` becomes `:erlang.send/2` and
  `Map.fetch(map, key)` becomes `:maps.find(key, map)`. So a rule for such a
  function also stands for what it becomes: without that, a whitelist with
  `{Map, :fetch, 2}` would deny it, and a blacklist with `{Kernel, :spawn}` would
  deny nothing. The rule itself stays, for `apply/3` calls it by its own name.

      iex> Seccomp.Rules.emitted({Map, :fetch, 2})
      [{:maps, :find, 2}]
      iex> Seccomp.Rules.emitted({Kernel, :+, 2})
      [{:erlang, :+, 2}]
      iex> Seccomp.Rules.emitted({Enum, :map, 2})
      []

  Many of these, as `a + b`, are not even calls but instructions, which no policy
  sees; the rule then acts on `apply(Kernel, :+, [a, b])` and on `&+/2`.

  Macros leave no call of their own. `to_string/1` and `to_charlist/1` become one
  call of a protocol and stand for that; any other macro in a rule is an error.
  """

  @type rule :: Seccomp.rule()

  # What the compiler of the Elixir that builds this library does.
  {:ok, modules} = :application.get_key(:elixir, :modules)

  inlined = fn module, name, arity ->
    case :elixir_rewrite.inline(module, name, arity) do
      {to, function} ->
        {to, function, arity}

      false ->
        vars = Macro.generate_arguments(arity, __MODULE__)

        {{:., _, [to, function]}, _, args} = :elixir_rewrite.rewrite(module, [], name, [], vars)

        {to, function, length(args)}
    end
  end

  @emitted for module <- modules,
               match?({:module, _}, Code.ensure_loaded(module)),
               {name, arity} <- module.module_info(:exports),
               mfa = {module, name, arity},
               to = inlined.(module, name, arity),
               to != mfa,
               into: %{},
               do: {mfa, to}

  @macros %{
    {Kernel, :to_string, 1} => {String.Chars, :to_string, 1},
    {Kernel, :to_charlist, 1} => {List.Chars, :to_charlist, 1}
  }

  by_name = Enum.group_by(@emitted, fn {{m, f, _}, _} -> {m, f} end, &elem(&1, 1))
  by_module = Enum.group_by(@emitted, fn {{m, _, _}, _} -> m end, &elem(&1, 1))
  @by_name Map.new(by_name, fn {key, to} -> {key, Enum.uniq(to)} end)
  @by_module Map.new(by_module, fn {key, to} -> {key, Enum.uniq(to)} end)

  @doc "What else the compiler makes of a call that the rule names."
  @spec emitted(rule) :: [mfa]
  def emitted({m, f, :_}), do: emitted({m, f})
  def emitted({m, :_}), do: emitted(m)
  def emitted({_, _, _} = mfa), do: @emitted |> Map.get(mfa) |> List.wrap()
  def emitted({_, _} = name), do: Map.get(@by_name, name, [])
  def emitted(module), do: Map.get(@by_module, module, [])

  @doc "Everything that the compiler replaces, for tests and the curious."
  @spec emitted() :: %{mfa => mfa}
  def emitted, do: @emitted

  @doc """
  The rules, and behind them what the compiler makes of what they name. Positions
  stay what they were. What is no list of rules is left to `:seccomp` to refuse.
  """
  @spec expand(term) :: term
  def expand(rules) do
    if is_list(rules) and List.improper?(rules) == false do
      rules = Enum.map(rules, &macro/1)
      there = MapSet.new(rules, &normal/1)
      added = for rule <- rules, to <- emitted(rule), not MapSet.member?(there, to), do: to
      rules ++ Enum.uniq(added)
    else
      rules
    end
  end

  # As the last of a list: `[Map, gate: {Kv, :get, 1}]`.
  defp macro({:gate, {m, f, a}}), do: {:gate, m, f, a}
  defp macro({m, f}), do: Map.get(@macros, {m, f, 1}, {m, f})
  defp macro(rule), do: Map.get(@macros, rule, rule)

  defp normal({m, :_, :_}), do: m
  defp normal({m, :_}), do: m
  defp normal({m, f, :_}), do: {m, f}
  defp normal(rule), do: rule

  @doc """
  Says of a function that does not exist that it is a macro, where it is one.
  """
  @spec name_macro(Seccomp.reason()) :: Seccomp.reason()
  def name_macro({:unknown_function, %{mfa: {m, f, a}} = facts} = reason) do
    case for {^f, arity} <- macros(m), a in [arity, :_], do: arity do
      [] ->
        reason

      [arity | _] ->
        message =
          "#{inspect(m)}.#{f}/#{arity} is a macro, which leaves no call of its own to check; " <>
            "name the functions that it makes the code call"

        {:macro, Map.put(Map.delete(facts, :did_you_mean), :message, message)}
    end
  end

  def name_macro(reason), do: reason

  defp macros(module) do
    if function_exported?(module, :__info__, 1), do: module.__info__(:macros), else: []
  end
end
