# SPDX-License-Identifier: Apache-2.0
defmodule SeccompTest do
  use ExUnit.Case, async: true

  test "policies are compiled from keywords and maps and can be asked" do
    {:ok, policy} = Seccomp.compile(mode: :whitelist, rules: [Enum, {String, :upcase, 1}])
    assert Seccomp.check(policy, {Enum, :map, 2}) == :allow
    assert Seccomp.check(policy, {String, :upcase, 1}) == :allow
    assert {:deny, %{}} = Seccomp.check(policy, {String, :upcase, 2})
    assert {:deny, %{}} = Seccomp.check(policy, {System, :cmd, 2})

    policy = Seccomp.compile!(%{mode: :blacklist, rules: [System]})
    assert {:deny, %{}} = Seccomp.check(policy, {System, :cmd, 2})
    assert Seccomp.explain(policy, {System, :cmd, 2}) =~ "System"
  end

  test "an unknown function is an error that says what was meant" do
    policy = [mode: :whitelist, rules: [{Enum, :mapp, 2}]]

    assert {:error, {:unknown_function, %{position: 1, did_you_mean: {Enum, :map, 2}}}} =
             Seccomp.compile(policy)

    error = assert_raise Seccomp.SeccompError, fn -> Seccomp.compile!(policy) end
    assert Exception.message(error) =~ "Enum.map/2"
  end

  test "misuse raises an ArgumentError that names the argument" do
    error = assert_raise ArgumentError, fn -> Seccomp.restrict(:me, :whitelist, []) end
    assert error.message =~ "1st argument: not a pid"
  end

  test "an untouched process is trusted" do
    assert Seccomp.info(self()) == :trusted
  end

  @tag :stock
  test "nothing pretends to restrict on an emulator without the patch" do
    policy = Seccomp.compile!(mode: :whitelist, rules: [])
    assert {:error, {:unsupported, _}} = Seccomp.restrict(self(), :whitelist, [])

    assert_raise Seccomp.SeccompError, ~r/make otp/, fn ->
      Seccomp.restrict!(self(), :whitelist, [])
    end

    assert_raise ErlangError, fn -> Seccomp.spawn(policy, fn -> :ok end) end
  end

  @tag :enforced
  test "a restricted process makes the allowed calls only" do
    test = self()
    policy = Seccomp.compile!(mode: :blacklist, rules: [{System, :get_env}], on_deny: :raise)

    {pid, monitor} =
      Seccomp.spawn_monitor(policy, fn ->
        send(test, {:upcase, String.upcase("abc")})
        System.get_env("HOME")
      end)

    assert_receive {:upcase, "ABC"}
    assert_receive {:DOWN, ^monitor, :process, ^pid, {{:seccomp, {System, :get_env, 1}}, _}}
    assert %{total: total} = Seccomp.violations(pid)
    assert total >= 1
  end

  @tag :enforced
  test "a trusted process restricts another one and lifts it again" do
    pid = spawn(fn -> Process.sleep(:infinity) end)
    assert Seccomp.restrict!(pid, :blacklist, [System], spawn: :deny) == :ok
    assert %{mode: :blacklist, spawn: :deny} = Seccomp.info(pid)
    assert Seccomp.lift!(pid) == :ok
    assert Seccomp.info(pid) == :trusted
    Process.exit(pid, :kill)
  end

  test "a policy comes from a file" do
    file = Path.join(System.tmp_dir!(), "seccomp_test_#{System.pid()}.terms")
    on_exit(fn -> File.rm!(file) end)
    File.write!(file, "\#{mode => whitelist, rules => ['Elixir.Enum', '@pure']}.")
    policy = Seccomp.load_policy!(file)
    assert Seccomp.check(policy, {Enum, :sum, 1}) == :allow
    assert {:deny, _} = Seccomp.check(policy, {System, :cmd, 2})
    File.write!(file, "\#{mode => whitelist,\n  rulez => []}.")
    assert {:error, {:bad_terms, %{line: 2, column: 3}}} = Seccomp.load_policy(file)
    error = assert_raise Seccomp.SeccompError, fn -> Seccomp.load_policy!([file]) end
    assert Exception.message(error) =~ ".terms:2:3: unknown field"
  end

  test "what returns an error has a variant that raises it" do
    policy = Seccomp.compile!(mode: :whitelist, rules: [])
    {dead, ref} = spawn_monitor(fn -> :ok end)
    assert_receive {:DOWN, ^ref, :process, ^dead, _}, 20_000

    for {returns, raises} <- [
          {fn -> Seccomp.compile(rules: []) end, fn -> Seccomp.compile!(rules: []) end},
          {fn -> Seccomp.from_json("{") end, fn -> Seccomp.from_json!("{") end},
          {fn -> Seccomp.to_json(mode: 1) end, fn -> Seccomp.to_json!(mode: 1) end},
          {fn -> Seccomp.load_policy("no.json") end, fn -> Seccomp.load_policy!("no.json") end},
          {fn -> Seccomp.group(:"@no") end, fn -> Seccomp.group!(:"@no") end},
          {fn -> Seccomp.set_policy(dead, policy) end,
           fn -> Seccomp.set_policy!(dead, policy) end},
          {fn -> Seccomp.lift(dead) end, fn -> Seccomp.lift!(dead) end},
          {fn -> Seccomp.restrict_spawn(dead) end, fn -> Seccomp.restrict_spawn!(dead) end},
          {fn -> Seccomp.group_leader(dead) end, fn -> Seccomp.group_leader!(dead) end},
          {fn -> Seccomp.info(dead) end, fn -> Seccomp.info!(dead) end},
          {fn -> Seccomp.restrict(dead, :whitelist, []) end,
           fn -> Seccomp.restrict!(dead, :whitelist, []) end},
          {fn -> Seccomp.learn(fn -> 1 end, nothing: 1) end,
           fn -> Seccomp.learn!(fn -> 1 end, nothing: 1) end},
          {fn -> Seccomp.guard_node(nothing: 1) end, fn -> Seccomp.guard_node!(nothing: 1) end}
        ] do
      assert {:error, reason} = returns.()
      assert %Seccomp.SeccompError{reason: ^reason} = error = catch_error(raises.())
      assert Exception.message(error) == Seccomp.SeccompError.format(reason)
      assert String.printable?(Exception.message(error))
    end
  end

  test "messages write names as Elixir does" do
    format = &Seccomp.SeccompError.format/1

    reason =
      {:unknown_function, %{mfa: {Enum, :all?, 9}, position: 1, did_you_mean: {Enum, :all?, 2}}}

    assert format.(reason) =~
             "there is no function Enum.all?/9 (rule 1) (did you mean Enum.all?/2?)"

    assert format.({:unknown_function, %{mfa: {Kernel, :"f'g", 1}}}) =~ "Kernel.f"

    assert format.({:unknown_module, %{module: String.Chars, position: 3}}) =~
             "module String.Chars (rule 3)"

    assert format.({:unknown_module, %{module: :lists, position: 3}}) =~ "module lists (rule 3)"
    assert format.(:noproc) =~ "has ended"
  end

  @tag :enforced
  test "a restricted process tightens itself where the policy lets it" do
    policy =
      Seccomp.compile!(
        mode: :whitelist,
        rules: [:"@elixir_tighten", {System, :get_env, 1}, {:os, :getenv, 1}]
      )

    for {tighten, passed} <- [
          {fn -> :ok end, true},
          {fn -> Seccomp.restrict!(self(), :blacklist, [{System, :get_env, 1}]) end, false},
          {fn -> Seccomp.restrict(self(), :whitelist, [{Map, :fetch, 2}, Enum], spawn: :deny) end,
           false}
        ] do
      {pid, ref} =
        Seccomp.spawn_monitor(policy, fn ->
          :ok = tighten.()
          System.get_env("PATH")
        end)

      assert_receive {:DOWN, ^ref, :process, ^pid, reason}, 20_000

      if passed do
        assert reason == :normal
      else
        assert {{:seccomp, {System, :get_env, 1}}, _} = reason
      end
    end
  end
end
