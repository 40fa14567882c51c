# SPDX-License-Identifier: Apache-2.0
defmodule SeccompEvalTest do
  use ExUnit.Case, async: false

  @moduletag :enforced
  @moduletag timeout: 120_000

  defp value(source, options \\ []) do
    assert {:ok, %{value: value}} = Seccomp.eval(source, options)
    value
  end

  for compile <- [false, true] do
    test "expressions give their value (compile: #{compile})" do
      options = [compile: unquote(compile)]
      assert value("1 + 2", options) == 3
      assert value("Enum.map([1, 2], &(&1 * 2))", options) == [2, 4]
      assert value("never_seen_x = 2; other_y = never_seen_x + 1; other_y * 2", options) == 6
      assert value(~S[x = 3; "a#{x}b"], options) == "a3b"
      assert value("if 1 > 2, do: :error, else: :ok", options) == :ok
      assert value("for x <- 1..3, x != 2, do: {x, x * x}", options) == [{1, 1}, {3, 9}]
      assert value("%{a: 1} |> Map.put(:b, 2) |> Map.keys()", options) == [:a, :b]
      assert value("case {1, 2} do {a, b} when a < b -> a; _ -> 0 end", options) == 1
      assert value("with {:ok, x} <- {:ok, 1}, do: x", options) == 1
      assert value("try do raise \"no\" rescue e -> e.message end", options) == "no"
      assert value("String.split(\"a b\") ++ ~w(c d)", options) == ~w(a b c d)
      assert value("<<a::binary-size(1), _::binary>> = \"xyz\"; a", options) == "x"
      assert value("Enum.sum(1..50_000)", options) == 1_250_025_000
      assert value("Enum.reduce(1..100, 0, fn x, acc -> x + acc end)", options) == 5050
      assert value("inspect(%{a: [1, {2}]})", options) == "%{a: [1, {2}]}"
    end

    test "what is denied is denied (compile: #{compile})" do
      options = [compile: unquote(compile)]

      for source <- [
            ~S|System.cmd("id", [])|,
            ~S[:os.cmd('id')],
            ~S|apply(:os, :cmd, ['id'])|,
            ~S|f = &System.cmd/2; f.("id", [])|,
            ~S[File.read("/etc/passwd")],
            ~S[File.write!("/tmp/owned", "x")],
            ~S[spawn(fn -> :ok end)],
            ~S[send(:init, {:stop, :stop})],
            ~S[Process.list()],
            ~S[String.to_atom("bomb_e1")],
            ~S[x = "e2"; :"bomb_#{x}"],
            ~S[Code.eval_string("1")],
            ~S[System.halt()],
            ~S[Process.whereis(:init) |> Process.exit(:kill)],
            ~S[:persistent_term.put(:a, 1)],
            ~S|Enum.each(["id"], &:os.cmd/1)|
          ] do
        assert {^source, {:error, {:denied, %{mfa: _}}}} = {source, Seccomp.eval(source, options)}
      end
    end
  end

  test "what defines, imports or quotes is refused" do
    for source <- [
          "defmodule Enum do end",
          "Kernel.defmodule(Enum, do: nil)",
          "Kernel.SpecialForms.quote(do: 1)",
          "def f(x), do: x",
          "import System",
          "require Logger",
          "use GenServer",
          "alias System, as: Enum",
          "quote do: 1",
          "@foo 1",
          "binding()",
          "__ENV__",
          "Application.compile_env(:kernel, :a)",
          "~w(foo_new bar_new)a",
          "~D[2020-01-01]"
        ] do
      assert {^source, {:error, {:refused, _}}} = {source, Seccomp.eval(source)}
    end
  end

  test "atoms are not made" do
    for source <- [
          ":zork_none",
          "zork_none(1)",
          "Zork.None.f()",
          "%{zork_none: 1}",
          ~S[:"zork none"]
        ] do
      assert {^source, {:error, {:unknown_atom, _}}} = {source, Seccomp.eval(source)}
    end

    run = fn n ->
      Seccomp.eval("zork_#{n} = 1; fn yy_#{n} -> zork_#{n} + yy_#{n} end.(2)")
      Seccomp.eval(":zork_#{n}")
      Seccomp.eval("1 + zork_#{n}")
    end

    Enum.each(1..20, run)
    before = :erlang.system_info(:atom_count)
    Enum.each(21..200, run)
    # Other tests may run at the same time: not one for each name.
    assert :erlang.system_info(:atom_count) - before < 100
  end

  test "errors and limits are reasons" do
    assert {:error, {:syntax, %{line: 1}}} = Seccomp.eval("1 +")
    assert {:error, {:syntax, %{message: message}}} = Seccomp.eval("xyz + 1")
    assert message =~ "undefined function xyz/0"

    assert {:error, {:exception, %{class: :error, reason: {:badmatch, 2}}}} =
             Seccomp.eval("1 = 2")

    assert {:error, {:timeout, _}} = Seccomp.eval("receive do :never -> 1 end", timeout: 100)
    forever = "f = fn f -> f.(f) end; f.(f)"
    assert {:error, {:reductions, _}} = Seccomp.eval(forever, max_reductions: 100_000)

    assert {:error, {:memory, _}} =
             Seccomp.eval("Enum.to_list(1..10_000_000)", max_heap: 8_000_000)

    assert {:error, {:too_long, _}} = Seccomp.eval("1 + 1", max_source: 3)

    assert {:ok, %{output: "hi\n[1]\n"}} = Seccomp.eval(~S|IO.puts("hi"); IO.inspect([1])|)
    assert {:error, {:output, _}} = Seccomp.eval(~S[IO.puts("hello")], max_output: 3)
  end
end
