# SPDX-License-Identifier: Apache-2.0
defmodule SeccompGuideTest do
  # Sets the node's guard.
  use ExUnit.Case

  import Seccomp.Test.Isolated

  @moduletag :enforced

  isolated "the Elixir blocks of the guide run, one after the other" do
    {:ok, text} = File.read(Path.expand("../../docs/elixir.md", __DIR__))
    blocks = Regex.scan(~r/^```elixir\n(.*?)^```/ms, text, capture: :all_but_first)
    assert length(blocks) > 5
    Enum.reduce(blocks, [], fn [block], bindings -> bindings |> eval(block) |> elem(1) end)
  end

  defp eval(bindings, block), do: Code.eval_string(block, bindings, file: "docs/elixir.md")

  test "the table of groups has all of Elixir's" do
    {:ok, text} = File.read(Path.expand("../../docs/elixir.md", __DIR__))
    named = for [name] <- Regex.scan(~r/^\| `(@\w+)`/m, text, capture: :all_but_first), do: name
    known = for name <- Seccomp.groups(), text = "#{name}", text =~ ~r/^@elixir_/, do: text
    assert Enum.sort(named) == Enum.sort(known)
  end
end
