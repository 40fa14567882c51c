# SPDX-License-Identifier: Apache-2.0
defmodule SeccompGateTest do
  use ExUnit.Case, async: true

  defmodule Kv do
    # What a plugin may not: `os:getpid/0`.
    def get(key), do: {key, :os.getpid(), Seccomp.in_gate?()}
  end

  defp policy(rules) do
    Seccomp.compile!(mode: :whitelist, rules: [__MODULE__ | rules])
  end

  defp in_policy(policy, fun) do
    {pid, monitor} = Seccomp.spawn_monitor(policy, fn -> exit({:value, fun.()}) end)

    receive do
      {:DOWN, ^monitor, :process, ^pid, reason} -> reason
    end
  end

  test "a gate is written as an option or as a tuple" do
    for rule <- [gate: {Kv, :get, 1}] ++ [{:gate, Kv, :get, 1}] do
      text = policy([rule]) |> Seccomp.explain({Kv, :get, 1}) |> IO.iodata_to_binary()
      assert text =~ "gate 'Elixir.SeccompGateTest.Kv':get/1. What it calls is not checked."
    end
  end

  test "what a gate calls is not checked, and what follows is" do
    get = fn ->
      {key, _pid, inside?} = Kv.get(:key)
      {key, inside?, catch_error(:os.getpid())}
    end

    policy = policy(gate: {Kv, :get, 1})

    if Seccomp.set_policy(spawn(fn -> Process.sleep(:infinity) end), policy) == :ok do
      assert in_policy(policy, get) == {:value, {:key, true, {:seccomp, {:os, :getpid, 0}}}}
    end
  end

  test "nobody else is in one" do
    refute Seccomp.in_gate?()
  end
end
