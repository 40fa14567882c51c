# SPDX-License-Identifier: Apache-2.0
defmodule SeccompGuideTest do
  use ExUnit.Case, async: true

  @moduletag :enforced

  # SeccompPagesTest runs them.
  test "the guide has blocks of Elixir" do
    {:ok, text} = File.read(Path.expand("../../docs/elixir.md", __DIR__))
    blocks = Regex.scan(~r/^```elixir\n(.*?)^```/ms, text, capture: :all_but_first)
    assert length(blocks) > 5
  end

  test "the table of groups has all of Elixir's" do
    {:ok, text} = File.read(Path.expand("../../docs/elixir.md", __DIR__))
    named = for [name] <- Regex.scan(~r/^\| `(@\w+)`/m, text, capture: :all_but_first), do: name
    known = for name <- Seccomp.groups(), text = "#{name}", text =~ ~r/^@elixir_/, do: text
    assert Enum.sort(named) == Enum.sort(known)
  end
end
