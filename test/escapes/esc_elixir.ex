# SPDX-License-Identifier: Apache-2.0
#
# Elixir's own ways to a call, as programs for esc_elixir.erl: closures, which
# are entered without a check, so that what they call is what counts. Each
# runs `command`, a charlist, by :os.cmd/1 if it can.
defmodule EscElixir do
  import :os, only: [cmd: 1]
  alias :os, as: Enum

  # The alias stands for :os from here on; this is the real one.
  @real Elixir.Enum

  def names(command) do
    [
      fn -> cmd(command) end,
      fn -> Enum.cmd(command) end,
      fn ->
        module = hd([:os])
        module.cmd(command)
      end,
      fn -> apply(:os, :cmd, [command]) end,
      fn -> (&Enum.cmd/1).(command) end
    ]
  end

  def dispatch(command) do
    [
      fn -> String.Chars.to_string(%{__struct__: EscElixir.Printed, command: command}) end,
      fn -> raise(EscElixir.Raised, command) end,
      fn -> Date.new(1970, 1, 1, EscElixir.Calendar) end
    ]
  end

  def enumerable(command) do
    fn -> @real.count(fn _acc, _reducer -> {:done, :os.cmd(command)} end) end
  end
end

defmodule EscElixir.Printed do
  defstruct [:command]

  defimpl String.Chars do
    def to_string(%{command: command}), do: :os.cmd(command)
  end
end

defmodule EscElixir.Raised do
  def exception(command), do: :os.cmd(command)
end

defmodule EscElixir.Calendar do
  def valid_date?(_year, _month, _day), do: :os.cmd(Process.get(:command))
end
