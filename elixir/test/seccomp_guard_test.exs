# SPDX-License-Identifier: Apache-2.0
defmodule SeccompGuardTest do
  # The guard is the node's.
  use ExUnit.Case

  @moduletag :enforced

  setup do
    on_exit(&Seccomp.unguard_node/0)
  end

  test "a guard is set, shown and taken away" do
    assert %{status: :off} = Seccomp.guard_info()
    assert Seccomp.guard_node(names: [:my_server], protect: [:init, :user]) == :ok
    assert %{status: :on, spawn: :deny, names: [:my_server]} = Seccomp.guard_info()
    assert Enum.sort(Seccomp.guard_info().protect) == [:init, :user]
    assert Seccomp.unguard_node() == :ok
    assert %{status: :off} = Seccomp.guard_info()
  end

  test "its policy for spawns has any form" do
    hashes =
      for spawn <- [
            [mode: :whitelist, rules: [:"@pure"]],
            %{mode: :whitelist, rules: [:"@pure"]},
            %Seccomp.Policy{mode: :whitelist, rules: [:"@pure"]}
          ] do
        assert Seccomp.guard_node!(spawn: spawn) == :ok
        Seccomp.guard_info().spawn
      end

    assert [hash] = Enum.uniq(hashes)
    assert is_binary(hash)
    assert Seccomp.guard_node!(spawn: [mode: :whitelist, rules: [{Map, :fetch, 2}]]) == :ok
    refute Seccomp.guard_info().spawn == hash

    assert Seccomp.guard_node!(spawn: Seccomp.compile!(mode: :whitelist, rules: [:"@pure"])) ==
             :ok
  end

  test "the profiles" do
    for name <- [:strict, :cluster] do
      assert {:ok, %{}} = Seccomp.guard_profile(name)
      assert Seccomp.guard_node!(name) == :ok
      assert %{status: :on} = Seccomp.guard_info()
      assert Seccomp.unguard_node!() == :ok
    end

    assert {:error, _} = Seccomp.guard_profile(:none)
  end

  test "what is wrong with a guard is said" do
    assert {:error, {:unknown_option, _}} = Seccomp.guard_node(nams: [])

    assert_raise Seccomp.SeccompError,
                 ~r/nams is not an option; the options are spawn, names/,
                 fn ->
                   Seccomp.guard_node!(nams: [])
                 end

    assert {:error, {:unknown_function, %{mfa: {Enum, :mapp, 2}}}} =
             Seccomp.guard_node(spawn: [mode: :whitelist, rules: [{Enum, :mapp, 2}]])

    assert {:error, {:macro, _}} =
             Seccomp.guard_node(spawn: [mode: :whitelist, rules: [{Kernel, :if, 2}]])

    assert %{status: :off} = Seccomp.guard_info()
  end

  test "it holds for messages from another node" do
    {_, 0} = System.cmd("epmd", ["-daemon"])
    {:ok, _} = :net_kernel.start([:"seccomp_guard_#{System.pid()}", :shortnames])
    on_exit(&Node.stop/0)
    # Told what to do through its standard input, not by messages.
    {:ok, peer, _} = :peer.start_link(%{name: :peer.random_name(), connection: :standard_io})
    Process.register(self(), :seccomp_guard_test)

    tell = fn message ->
      :peer.call(peer, :erlang, :send, [{:seccomp_guard_test, node()}, message], 60_000)
    end

    tell.(:first)
    assert_receive :first, 20_000

    Seccomp.guard_node!(names: [:other])
    tell.(:refused)
    Seccomp.guard_node!(names: [:seccomp_guard_test])
    tell.(:last)
    # Messages keep their order.
    assert_receive :last, 20_000
    assert {:restricted, _} = Seccomp.origin()
    assert Seccomp.forget_origin!() == :ok
    refute_received :refused
  end
end
