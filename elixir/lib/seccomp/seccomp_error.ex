# SPDX-License-Identifier: Apache-2.0
defmodule Seccomp.SeccompError do
  @moduledoc """
  Raised by the functions of `Seccomp` whose names end with `!`.

  `reason` is what the function without the `!` returns in `{:error, reason}`:
  `{name, facts}`, or `:noproc`. The message is that of `:seccomp.format_error/1`
  with names written as in Elixir.

      iex> Seccomp.compile!(mode: :whitelist, rules: [{Enum, :mapp, 2}])
      ** (Seccomp.SeccompError) there is no function Enum.mapp/2 (rule 1) \
  (did you mean Enum.map/2?); if it will be loaded later, give the option unknown: :allow
  """

  defexception [:reason]

  @type t :: %__MODULE__{reason: Seccomp.reason()}

  @impl true
  def message(%{reason: reason}), do: format(reason)

  @doc """
  A sentence for the reason of an `{:error, reason}`.

      iex> Seccomp.SeccompError.format({:unknown_module, %{module: Enun, position: 2}})
      "there is no module Enun (rule 2); if it will be loaded later, give the option unknown: :allow"
  """
  @spec format(Seccomp.reason()) :: String.t()
  def format(reason) do
    reason
    |> :seccomp.format_error()
    |> IO.chardata_to_string()
    |> String.replace("unknown => allow", "unknown: :allow")
    |> String.split("'Elixir.")
    |> elixir_names()
  end

  # `'Elixir.Enum':'all?'/2` is what Erlang writes for `Enum.all?/2`.
  defp elixir_names([text]), do: text

  defp elixir_names([before | rest]) do
    Enum.reduce(rest, before, fn part, text ->
      case String.split(part, "'", parts: 2) do
        [module, ":'" <> function] ->
          text <> module <> "." <> String.replace(function, "'", "", global: false)

        [module, ":" <> function] ->
          text <> module <> "." <> function

        [module, rest] ->
          text <> module <> rest

        [_] ->
          text <> "'Elixir." <> part
      end
    end)
  end
end
