# SPDX-License-Identifier: Apache-2.0
defmodule Seccomp.Test.Isolated do
  @moduledoc """
  Tests in processes of their own.

  A process that reads a message of a restricted one acts for it until it reads
  another. A test that did so would end by telling ExUnit's runner on behalf of
  the restricted process, and all tests after it would be started restricted.
  How a process ended is told without an origin.
  """

  defmacro isolated(name, do: block) do
    quote do
      test unquote(name) do
        Seccomp.Test.Isolated.run(fn -> unquote(block) end)
      end
    end
  end

  @doc "Runs the fun in a process and raises here what was raised there."
  @spec run((() -> any)) :: :ok
  def run(fun) do
    {pid, ref} =
      spawn_monitor(fn ->
        try do
          fun.()
        rescue
          error -> exit({:raised, error, __STACKTRACE__})
        end
      end)

    receive do
      {:DOWN, ^ref, :process, ^pid, :normal} -> :ok
      {:DOWN, ^ref, :process, ^pid, {:raised, error, stack}} -> reraise(error, stack)
      {:DOWN, ^ref, :process, ^pid, reason} -> exit(reason)
    end
  end
end
