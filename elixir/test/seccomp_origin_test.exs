# SPDX-License-Identifier: Apache-2.0
defmodule SeccompOriginTest do
  use ExUnit.Case

  # Tells the test which policy the caller is under, and whether it holds.
  defp report(test, ref) do
    denied =
      try do
        System.get_env("HOME")
        false
      rescue
        error in ErlangError -> match?({:seccomp, {System, :get_env, 1}}, error.original)
      end

    send(test, {ref, {denied, Seccomp.info(self()) != :trusted}})
  end

  defp answer(ref) do
    receive do
      {^ref, answer} ->
        Seccomp.forget_origin!()
        answer
    after
      10_000 -> :no_child
    end
  end

  # What a child is that a deputy starts for the client.
  defp child(client, start) do
    test = self()
    ref = make_ref()
    ask = fn -> start.(fn -> report(test, ref) end) end

    {pid, monitor} =
      case client do
        :trusted -> spawn_monitor(ask)
        policy -> Seccomp.spawn_monitor(policy, ask)
      end

    assert_receive {:DOWN, ^monitor, :process, ^pid, :normal}, 10_000
    answer(ref)
  end

  @moduletag :enforced

  setup do
    {:ok, policy: Seccomp.compile!(mode: :blacklist, rules: [{System, :get_env, 1}])}
  end

  defp in_turn(policy, start) do
    for client <- [:trusted, policy, policy, :trusted, policy, :trusted] do
      restricted = client != :trusted
      assert child(client, start) == {restricted, restricted}
    end
  end

  test "a task of a Task.Supervisor is under its client's policy", %{policy: policy} do
    supervisor = start_supervised!(Task.Supervisor)
    in_turn(policy, fn fun -> {:ok, _} = Task.Supervisor.start_child(supervisor, fun) end)

    in_turn(policy, fn fun ->
      Task.Supervisor.async_nolink(supervisor, fun)
    end)
  end

  test "so is a child of a DynamicSupervisor", %{policy: policy} do
    supervisor = start_supervised!(DynamicSupervisor)

    in_turn(policy, fn fun ->
      {:ok, _} = DynamicSupervisor.start_child(supervisor, {Task, fun})
    end)
  end

  test "and what an Agent starts", %{policy: policy} do
    agent = start_supervised!({Agent, fn -> nil end})
    in_turn(policy, fn fun -> Agent.update(agent, fn nil -> spawn(fun) && nil end) end)
  end

  test "a server can ask for whom it acts", %{policy: policy} do
    agent = start_supervised!({Agent, fn -> nil end})
    test = self()
    ask = fn -> send(test, {:origin, Agent.get(agent, fn nil -> Seccomp.origin() end)}) end

    spawn(ask)
    assert_receive {:origin, :trusted}
    Seccomp.spawn(policy, ask)
    assert_receive {:origin, {:restricted, %{mode: :blacklist, provenance: true}}}
    assert {:restricted, %{}} = Seccomp.origin()
    assert :ok = Seccomp.forget_origin()
    assert :trusted = Seccomp.origin()
  end
end
