# SPDX-License-Identifier: Apache-2.0
defmodule Seccomp.Test.Restricted do
  @moduledoc "Runs things in restricted processes and says how they ended."

  import ExUnit.Assertions

  @doc "The value of the fun, what was denied, or what the process ended with."
  @spec run(Seccomp.policy(), (() -> any)) :: any
  def run(policy, fun) do
    {pid, ref} = Seccomp.spawn_monitor(policy, fn -> exit({:value, fun.()}) end)
    assert_receive {:DOWN, ^ref, :process, ^pid, reason}, 20_000

    case reason do
      {:value, value} -> value
      {{:seccomp, mfa}, stack} when is_list(stack) -> {:denied, mfa}
      other -> other
    end
  end
end
