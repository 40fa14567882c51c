# SPDX-License-Identifier: Apache-2.0
#
# Every block of Elixir in README.md and the guides runs. The bindings of a page
# go on from block to block; a block of functions stands for the body of a module.
# What is marked as not run is listed by test/seccomp_doc_tests.erl.
defmodule SeccompPagesTest do
  use ExUnit.Case, async: false

  @moduletag :enforced
  @moduletag timeout: 120_000

  @root Path.expand("../..", __DIR__)
  @pages [Path.join(@root, "README.md") | Path.wildcard(Path.join(@root, "docs/*.md"))]
  @block ~r/^(<!-- not run: [^>]*-->\n)?```elixir\n(.*?)^```$/ms

  for page <- @pages, File.read!(page) =~ @block do
    @page page
    test "the blocks of #{Path.relative_to(page, @root)} run" do
      # On their own: a block may restrict its process.
      {pid, ref} = spawn_monitor(fn -> run(@page) end)
      assert_receive {:DOWN, ^ref, :process, ^pid, :normal}, 60_000
      assert Seccomp.origin() == :trusted
    end
  end

  defp run(page) do
    text = File.read!(page)
    Code.put_compiler_option(:ignore_module_conflict, true)

    for [{at, _}, mark, {from, length}] <- Regex.scan(@block, text, return: :index),
        unmarked?(mark),
        reduce: [] do
      bindings ->
        line = text |> binary_part(0, at) |> String.split("\n") |> length()
        block = binary_part(text, from, length)
        evaluate(block, bindings, file: Path.relative_to(page, @root), line: line + 1)
    end

    Seccomp.unguard_node()
  after
    Code.put_compiler_option(:ignore_module_conflict, false)
  end

  defp unmarked?({_, length}), do: length <= 0

  defp evaluate("def" <> _ = block, bindings, where) do
    if block =~ ~r/^defp? /m and not (block =~ ~r/^defmodule /m) do
      {:module, module, _, _} =
        Module.create(SeccompPagesTest.Block, Code.string_to_quoted!(block, where), where)

      true = module.__info__(:functions) != []
      bindings
    else
      expressions(block, bindings, where)
    end
  end

  defp evaluate(block, bindings, where), do: expressions(block, bindings, where)

  defp expressions(block, bindings, where) do
    {_, bindings} = Code.eval_string(block, bindings, where)
    bindings
  end
end
