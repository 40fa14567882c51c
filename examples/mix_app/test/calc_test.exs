# SPDX-License-Identifier: Apache-2.0
defmodule CalcTest do
  use ExUnit.Case, async: true

  test "the emulator enforces policies" do
    assert %{status: :enforced} = Seccomp.enforcement()
  end

  test "the library is the dependency and no other copy" do
    libs = Path.dirname(:code.lib_dir(:calc))
    assert to_string(:code.lib_dir(:seccomp)) == Path.join(libs, "seccomp")
  end

  test "a value comes out" do
    assert Calc.run(fn -> Enum.sum(1..100) end) == {:ok, 5050}
    assert Calc.run(fn -> String.upcase("abc") end) == {:ok, "ABC"}
  end

  test "what the policy lacks does not run" do
    file = Path.join(System.tmp_dir!(), "calc_test_#{System.pid()}")
    assert Calc.run(fn -> File.write(file, "") end) == {:denied, {File, :write, 2}}
    refute File.exists?(file)
    assert Calc.run(fn -> System.cmd("id", []) end) == {:denied, {System, :cmd, 2}}
    assert {:denied, {:erlang, spawn, _}} = Calc.run(fn -> spawn(fn -> :ok end) end)
    assert spawn in [:spawn, :spawn_opt]
  end
end
