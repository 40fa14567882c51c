# SPDX-License-Identifier: Apache-2.0
defmodule SeccompRulesTest do
  use ExUnit.Case, async: true

  alias Seccomp.{Rules, SeccompError}
  alias Seccomp.Test.Calls

  # What the compiler makes of a call is read from what it made.
  test "rules stand for what the compiler emits" do
    emitted = Enum.sort(Rules.emitted())

    functions =
      for {{{m, f, a}, _to}, n} <- Enum.with_index(emitted) do
        # Unknown to the compiler, or it would do the work itself.
        args = Macro.generate_arguments(a, __MODULE__)
        vars = for arg <- args, do: quote(do: :erlang.hd(unquote(arg)))

        quote do
          def unquote(:"call_#{n}")(unquote_splicing(args)) do
            [unquote(m).unquote(f)(unquote_splicing(vars))]
          end
        end
      end

    name = :"#{__MODULE__}.Compiled"

    [{^name, binary}] =
      Code.compile_quoted(quote(do: defmodule(unquote(name), do: unquote(functions))))

    reached = Calls.reached_in(binary)

    # What became an instruction is not a call; the rest is the call we say.
    calls =
      for {{{m, f, a}, to}, n} <- Enum.with_index(emitted) do
        found = reached |> Map.fetch!({:"call_#{n}", a}) |> Enum.filter(&is_tuple/1)
        refute {m, f, a} in found, "#{inspect({m, f, a})} is called as it is written"
        # An instruction that takes the place of a call raises by `erlang:error/1`.
        assert {m, f, a, found -- [to, {:erlang, :error, 1}]} == {m, f, a, []}
        found != []
      end

    assert Enum.count(calls, & &1) > 60
  end

  test "nothing else of these modules is replaced" do
    for {m, f, a} <- [
          {Enum, :map, 2},
          {Map, :get, 3},
          {String, :upcase, 1},
          {Kernel, :inspect, 1}
        ] do
      assert Rules.emitted({m, f, a}) == []
    end
  end

  test "names and modules stand for all that they hold" do
    assert Enum.sort(Rules.emitted({Kernel, :spawn})) == [
             {:erlang, :spawn, 1},
             {:erlang, :spawn, 3}
           ]

    assert Rules.emitted({Kernel, :spawn, :_}) == Rules.emitted({Kernel, :spawn})
    assert {:maps, :find, 2} in Rules.emitted(Map)
    assert Rules.emitted({Map, :_}) == Rules.emitted(Map)
    assert Rules.emitted(:"@pure") == []
  end

  test "what is added comes last and never twice" do
    assert Rules.expand([{Map, :fetch, 2}, Enum]) == [{Map, :fetch, 2}, Enum, {:maps, :find, 2}]

    assert Rules.expand([{Map, :fetch, 2}, {:maps, :find, 2}]) == [
             {Map, :fetch, 2},
             {:maps, :find, 2}
           ]

    both = Rules.expand([{Process, :monitor, 1}, {Port, :monitor, 1}])
    assert both == [{Process, :monitor, 1}, {Port, :monitor, 1}, {:erlang, :monitor, 2}]
    assert {:ok, _} = Seccomp.compile(mode: :whitelist, rules: [Process, Port, Kernel, Node, Map])
  end

  test "what is no list of rules is refused by the library itself" do
    for rules <- [:no, [Enum | Map], [{Enum}], [1], [{Enum, :map, :x}], [{Enum, "map"}]] do
      assert {^rules, {:error, {name, %{}}}} =
               {rules, Seccomp.compile(mode: :whitelist, rules: rules)}

      assert name in [:bad_option, :bad_rules, :bad_rule]
    end
  end

  test "macros are named as such" do
    for rule <- [{Kernel, :if, 2}, {Kernel, :|>}, {Integer, :is_odd, 1}] do
      assert {:error, {:macro, %{position: 2}} = reason} =
               Seccomp.compile(mode: :blacklist, rules: [System, rule])

      assert SeccompError.format(reason) =~ ~r/is a macro, .* \(rule 2\)/
    end

    assert {:error, {:unknown_function, _}} =
             Seccomp.compile(mode: :blacklist, rules: [{Integer, :is_odd, 2}])
  end

  test "macros that become one call stand for it" do
    policy =
      Seccomp.compile!(mode: :whitelist, rules: [{Kernel, :to_string, 1}, {Kernel, :to_charlist}])

    assert Seccomp.check(policy, {String.Chars, :to_string, 1}) == :allow
    assert Seccomp.check(policy, {List.Chars, :to_charlist, 1}) == :allow
  end

  @tag :enforced
  test "a whitelist allows what it names and a blacklist denies it" do
    map = :erlang.binary_to_term(:erlang.term_to_binary(%{a: 1}))

    for {rule, fun} <- [
          {{Map, :fetch, 2}, fn -> Map.fetch(map, :a) end},
          {{Map, :delete, 2}, fn -> Map.delete(map, :b) end},
          {{Map, :keys}, fn -> Map.keys(map) end},
          {{Tuple, :duplicate, 2}, fn -> Tuple.duplicate(map, 2) end},
          {{String, :duplicate, 2}, fn -> String.duplicate("a", map_size(map)) end},
          {{Process, :list, 0}, fn -> Process.list() end},
          {{System, :system_time, 0}, fn -> System.system_time() end},
          {{Kernel, :put_elem, 3}, fn -> put_elem({map}, map_size(map) - 1, 1) end},
          {{Kernel, :++, 2}, fn -> Map.keys(map) ++ map.a end},
          {Process, fn -> Process.get_keys() end}
        ] do
      [emitted | _] = Rules.emitted(rule)
      keys = {:maps, :keys, 1}

      white = Seccomp.compile!(mode: :whitelist, rules: Enum.uniq([__MODULE__, keys, rule]))
      bare = Seccomp.compile!(%{mode: :whitelist, rules: [__MODULE__, keys]})
      black = Seccomp.compile!(mode: :blacklist, rules: [rule])
      assert {rule, outcome(white, fun)} == {rule, :passed}
      assert {^rule, {:denied, _}} = {rule, outcome(black, fun)}

      unless emitted == keys, do: assert({rule, {:denied, _}} = {rule, outcome(bare, fun)})
    end
  end

  # Called by name it is the function of Elixir after all.
  @tag :enforced
  test "an operator that is called by name is held to the rule" do
    kernel = hide(Kernel)
    plus = fn -> apply(kernel, :+, [1, 2]) end
    capture = hide(&Kernel.+/2)
    sum = fn -> :lists.foldl(capture, 0, [1, 2]) end

    policy = fn rules ->
      Seccomp.compile!(mode: :whitelist, rules: [__MODULE__, :lists | rules])
    end

    assert outcome(policy.([]), plus) == {:denied, {Kernel, :+, 2}}
    assert outcome(policy.([]), sum) == {:denied, {:erlang, :+, 2}}
    assert outcome(policy.([{Kernel, :+, 2}]), plus) == :passed
    assert outcome(policy.([{Kernel, :+, 2}]), sum) == :passed
  end

  defp hide(value), do: :erlang.binary_to_term(:erlang.term_to_binary(value))

  defp outcome(policy, fun) do
    {pid, ref} =
      Seccomp.spawn_monitor(policy, fn ->
        fun.()
        exit(:passed)
      end)

    assert_receive {:DOWN, ^ref, :process, ^pid, reason}, 20_000

    case reason do
      {{:seccomp, mfa}, _} -> {:denied, mfa}
      other -> other
    end
  end
end
