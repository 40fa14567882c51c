# SPDX-License-Identifier: Apache-2.0
defmodule SeccompProtocolsTest do
  use ExUnit.Case, async: true

  # Tests run with consolidated protocols; this one starts a node without.
  @moduletag :enforced

  @script ~S"""
  false = Protocol.consolidated?(Enumerable)

  run = fn rules ->
    policy = Seccomp.compile!(mode: :whitelist, rules: rules)

    {pid, ref} =
      :seccomp.spawn_monitor(policy, fn -> exit({:value, Unconsolidated.sum(1..3)}) end)

    receive do
      {:DOWN, ^ref, :process, ^pid, {:value, value}} -> value
      {:DOWN, ^ref, :process, ^pid, {{:seccomp, mfa}, _}} -> mfa
    end
  end

  # Funs of a script are run by `erl_eval`.
  rules = [Unconsolidated, :"@eval", :"@elixir_pure"]
  IO.inspect({run.(rules), run.(rules ++ [:"@elixir_protocols"])})
  """

  test "protocols that are not consolidated need @elixir_protocols" do
    module =
      "defmodule Unconsolidated, do: (def sum(range), do: Enum.sum(Stream.map(range, & &1)))\n"

    ebin = Path.dirname(:code.which(Seccomp))
    env = [{"ELIXIR_ERL_OPTIONS", nil}, {"ERL_LIBS", nil}]

    assert {output, 0} =
             System.cmd("elixir", ["-pa", ebin, "-e", module <> @script],
               env: env,
               stderr_to_stdout: true
             )

    assert output =~ "{{Module, :concat, 2}, 6}"
  end
end
