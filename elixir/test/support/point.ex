# SPDX-License-Identifier: Apache-2.0
defmodule Seccomp.Test.Point do
  @moduledoc "A struct with an implementation of a protocol, known when protocols are consolidated."

  defstruct [:x, :y]

  defimpl String.Chars do
    def to_string(point), do: "#{point.x}/#{point.y}"
  end
end
