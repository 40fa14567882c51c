# SPDX-License-Identifier: Apache-2.0
defmodule SeccompGroupsTest do
  use ExUnit.Case, async: true

  alias Seccomp.Test.Calls

  # What a function of a group can reach and a process under the group may not
  # call, each with the reason why it is left out.
  @left_out %{
    :"@elixir_pure" => %{
      {IO, :warn, 1} => "writes to standard error, for deprecated forms",
      {IO, :warn_once, 3} => "the same, for deprecated units of time",
      {Dict, :put, 3} => "deprecated: a module in place of a map",
      {Dict, :update, 4} => "deprecated: a module in place of a map",
      {Kernel, :inspect, 1} => "values in error messages: @elixir_format",
      {Inspect.Algebra, :format, 2} => "as Kernel.inspect/1",
      {Inspect.Algebra, :group, 1} => "as Kernel.inspect/1",
      {Inspect.Algebra, :to_doc, 2} => "as Kernel.inspect/1",
      {Inspect.Opts, :new, 1} => "as Kernel.inspect/1",
      {Regex, :match?, 2} => "patterns that are regular expressions: @elixir_regex",
      {Regex, :replace, 4} => "as Regex.match?/2",
      {Regex, :split, 3} => "as Regex.match?/2",
      {Calendar, :get_time_zone_database, 0} => "reads the node's settings"
    },
    :"@elixir_format" => %{
      {IO, :warn, 1} => "as in @elixir_pure"
    }
  }

  defp groups do
    for name <- :seccomp.groups(), String.starts_with?(Atom.to_string(name), "@elixir_"), do: name
  end

  defp own(group) do
    {:ok, %{members: members}} = :seccomp.group(group)
    for {rule, _reason} <- members, do: rule
  end

  defp group?(rule), do: is_atom(rule) and String.starts_with?(Atom.to_string(rule), "@")

  defp expand(group) do
    Enum.flat_map(own(group), fn rule ->
      if group?(rule), do: expand(rule), else: [pattern(rule)]
    end)
  end

  defp pattern({m, f, a}), do: {m, f, a}
  defp pattern({m, f}), do: {m, f, :_}
  defp pattern(m), do: {m, :_, :_}

  defp matches?(patterns, {m, f, a}) do
    Enum.any?(patterns[m] || [], fn {_, pf, pa} -> pf in [f, :_] and pa in [a, :_] end)
  end

  defp index(patterns), do: Enum.group_by(patterns, &elem(&1, 0))

  defp elixir?(module) do
    name = Atom.to_string(module)
    String.starts_with?(name, "Elixir.") or String.starts_with?(name, "elixir")
  end

  # What only the compiler calls, or the code server.
  defp runs?({name, _}) do
    name not in [:module_info, :__info__, :behaviour_info] and
      not String.starts_with?(Atom.to_string(name), "MACRO-")
  end

  test "members exist" do
    for group <- groups(), rule <- own(group), not group?(rule) do
      {m, f, a} = pattern(rule)
      assert {group, {:module, ^m}} = {group, Code.ensure_loaded(m)}
      exports = m.module_info(:exports)
      known = Enum.any?(exports, fn {name, arity} -> f in [name, :_] and a in [arity, :_] end)
      assert known, "#{group}: #{inspect(rule)} is not there"
    end
  end

  for group <- [:pure, :format, :regex, :print, :server, :task, :supervisor] do
    group = :"@elixir_#{group}"

    test "#{group} holds what its functions of Elixir call" do
      group = unquote(group)
      members = expand(group)
      allowed = index(members ++ expand(:"@base"))
      left_out = left_out(group)

      missing =
        for module <- members |> Enum.map(&elem(&1, 0)) |> Enum.uniq(),
            elixir?(module),
            {{f, a} = function, calls} <- Calls.reached(module),
            runs?(function),
            matches?(allowed, {module, f, a}),
            {_, _, _} = call <- calls,
            not matches?(allowed, call),
            do: {call, {module, f, a}}

      unknown = Enum.reject(missing, fn {call, _} -> is_map_key(left_out, call) end)
      assert Enum.group_by(unknown, &elem(&1, 0), &elem(&1, 1)) == %{}

      # A reason that nothing needs any more is a mistake, too.
      for {call, _} <- Map.get(@left_out, group, %{}) do
        assert {call, true} == {call, List.keymember?(missing, call, 0)}
      end
    end
  end

  defp left_out(:"@elixir_pure"), do: @left_out[:"@elixir_pure"]

  defp left_out(group) do
    Map.merge(@left_out[:"@elixir_pure"], Map.get(@left_out, group, %{}))
  end
end
