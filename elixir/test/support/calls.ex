# SPDX-License-Identifier: Apache-2.0
defmodule Seccomp.Test.Calls do
  @moduledoc """
  What the compiled functions of a module call outside of it, read from the
  instructions: what the compiler inlined or replaced is seen as it will run.

  Calls of names that are made while running (`apply`, funs that came as
  arguments) are not seen, they are marked as `:apply` and `:fun`.
  """

  @type call :: mfa | :apply | :fun

  @doc "For each exported function what it can reach, its local functions included."
  @spec reached(module) :: %{{atom, arity} => MapSet.t(call)}
  def reached(module), do: reached_in(beam(module))

  @doc "As `reached/1`, for code that is loaded from nowhere."
  @spec reached_in(binary) :: %{{atom, arity} => MapSet.t(call)}
  def reached_in(binary) do
    {:beam_file, module, exports, _, _, functions} = :beam_disasm.file(binary)
    direct = Map.new(functions, &direct(module, &1))

    for {name, arity, _} <- exports, into: %{} do
      {{name, arity}, follow([{name, arity}], direct, MapSet.new(), MapSet.new())}
    end
  end

  # Modules of Elixir's protocols lie in a second, consolidated version.
  defp beam(module) do
    case :code.get_object_code(module) do
      {^module, binary, _} -> binary
      :error -> raise "no code of #{inspect(module)}"
    end
  end

  defp follow([], _direct, _seen, reached), do: reached

  defp follow([name | rest], direct, seen, reached) do
    if name in seen do
      follow(rest, direct, seen, reached)
    else
      {locals, calls} = Map.fetch!(direct, name)
      follow(locals ++ rest, direct, MapSet.put(seen, name), MapSet.union(reached, calls))
    end
  end

  defp direct(module, {:function, name, arity, _entry, code}) do
    {locals, calls} = code |> Enum.flat_map(&found/1) |> Enum.split_with(&match?({:local, _}, &1))

    {local, external} =
      Enum.split_with(calls, &(match?({^module, _, _}, &1) and is_integer(elem(&1, 2))))

    locals = Enum.map(locals, &elem(&1, 1)) ++ Enum.map(local, fn {_, f, a} -> {f, a} end)
    {{name, arity}, {locals, MapSet.new(external)}}
  end

  defp found(instruction) do
    case instruction do
      {call, _, {:extfunc, m, f, a}} when call in [:call_ext, :call_ext_only] -> [{m, f, a}]
      {:call_ext_last, _, {:extfunc, m, f, a}, _} -> [{m, f, a}]
      {call, _, {_, f, a}} when call in [:call, :call_only] -> [{:local, {f, a}}]
      {:call_last, _, {_, f, a}, _} -> [{:local, {f, a}}]
      {:make_fun2, {_, f, a}, _, _, _} -> [{:local, {f, a}}]
      {:make_fun3, {_, f, a}, _, _, _, _} -> [{:local, {f, a}}]
      {:apply, _} -> [:apply]
      {:apply_last, _, _} -> [:apply]
      {:call_fun, _} -> [:fun]
      {:call_fun2, _, _, _} -> [:fun]
      _ -> []
    end ++ literals(instruction)
  end

  # External funs lie in literals: `&String.upcase/1`.
  defp literals({:literal, term}), do: funs(term)
  defp literals(tuple) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> literals()
  defp literals([head | tail]), do: literals(head) ++ literals(tail)
  defp literals(_), do: []

  defp funs(fun) when is_function(fun) do
    info = Function.info(fun)
    [{info[:module], info[:name], info[:arity]}]
  end

  defp funs(tuple) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> funs()
  defp funs([head | tail]), do: funs(head) ++ funs(tail)
  defp funs(map) when is_map(map), do: map |> :maps.to_list() |> funs()
  defp funs(_), do: []
end
