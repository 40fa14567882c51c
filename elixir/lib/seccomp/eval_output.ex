# SPDX-License-Identifier: Apache-2.0
defmodule Seccomp.Eval.Output do
  @moduledoc "What evaluated Elixir code prints, kept where `:seccomp_eval_io` keeps it."

  @doc "The same Erlang expressions, printing here where they name `IO`."
  @spec redirect(term) :: term
  def redirect({:remote, a, {:atom, b, IO}, {:atom, c, name}})
      when name in [:puts, :write, :inspect] do
    {:remote, a, {:atom, b, __MODULE__}, {:atom, c, name}}
  end

  def redirect([head | tail]), do: [redirect(head) | redirect(tail)]
  def redirect(tuple) when is_tuple(tuple), do: List.to_tuple(redirect(Tuple.to_list(tuple)))
  def redirect(other), do: other

  @doc false
  @spec puts(term) :: :ok
  def puts(item), do: :seccomp_eval_io.put_chars([chars(item), ?\n])

  @doc false
  @spec write(term) :: :ok
  def write(item), do: :seccomp_eval_io.put_chars(chars(item))

  @doc false
  @spec inspect(term, keyword) :: term
  def inspect(item, options \\ []) do
    puts(Kernel.inspect(item, options))
    item
  end

  defp chars(item) when is_list(item), do: item
  defp chars(item), do: String.Chars.to_string(item)
end
