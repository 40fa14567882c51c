# SPDX-License-Identifier: Apache-2.0
defmodule Calc do
  @moduledoc "Runs functions that may compute and nothing else."

  @doc "The policy of `priv/policy.terms`, compiled once."
  def policy do
    case :persistent_term.get(__MODULE__, nil) do
      nil ->
        file = Application.app_dir(:calc, "priv/policy.terms")
        policy = Seccomp.load_policy!(file)
        :ok = :persistent_term.put(__MODULE__, policy)
        policy

      policy ->
        policy
    end
  end

  @doc "What `fun` returns, or the function that it may not call."
  def run(fun) when is_function(fun, 0) do
    tag = make_ref()
    {pid, ref} = Seccomp.spawn_monitor(policy(), fn -> exit({tag, fun.()}) end)

    receive do
      {:DOWN, ^ref, :process, ^pid, {^tag, value}} -> {:ok, value}
      {:DOWN, ^ref, :process, ^pid, {{:seccomp, mfa}, _stack}} -> {:denied, mfa}
      {:DOWN, ^ref, :process, ^pid, reason} -> {:error, reason}
    end
  end

  @doc "What the release prints: `bin/calc eval 'Calc.main()'`."
  def main do
    {:ok, _} = Application.ensure_all_started(:calc)
    IO.puts("sum     => #{inspect(run(fn -> Enum.sum(1..100) end))}")
    IO.puts("upcase  => #{inspect(run(fn -> String.upcase("abc") end))}")
    IO.puts("cmd     => #{inspect(run(fn -> System.cmd("id", []) end))}")
    IO.puts("read    => #{inspect(run(fn -> File.read("/etc/passwd") end))}")
  end
end
