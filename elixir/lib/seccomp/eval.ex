# SPDX-License-Identifier: Apache-2.0
defmodule Seccomp.Eval do
  @moduledoc """
  Elixir expressions that somebody else wrote: see `Seccomp.eval/2`.

  The text is read without making atoms, and macros are expanded outside of the
  policy, within limits of their own. So only macros of `Kernel` that are known
  to do nothing but to give other code may be used; whatever defines, imports or
  quotes is refused. What comes out are Erlang expressions, which
  `:seccomp_eval` runs as it runs others.
  """

  alias Seccomp.Eval.Output

  @mark :seccomp_name
  @variables 256

  @special [:__block__, :%{}, :{}, :<<>>, :%, :^, :=, :&, :fn, :->, :., :"::", :<-] ++
             [:case, :cond, :for, :with, :try, :receive]
  @macros [:if, :unless, :and, :or, :!, :&&, :||, :|>, :.., :"..//", :in, :<>, :is_nil] ++
            [:match?, :to_string, :to_charlist, :then, :tap, :raise, :is_struct, :is_exception] ++
            [:sigil_s, :sigil_S, :sigil_c, :sigil_C, :sigil_w, :sigil_W, :destructure]
  # All macros that can be called without `require`.
  @known Enum.flat_map(
           [Kernel, Kernel.SpecialForms, Kernel.Typespec, Application],
           & &1.__info__(:macros)
         )
         |> Keyword.keys()
         |> Enum.uniq()
  @refused @known -- (@special ++ @macros)
  @refused_names Enum.map(@refused, &Atom.to_string/1)

  @doc "The rules of the whitelist that is used when no policy is given."
  @spec policy_rules() :: [Seccomp.rule()]
  def policy_rules, do: :seccomp_eval.policy_rules() ++ [:"@elixir_format", Output]

  @doc false
  @spec eval(String.t(), map) :: {:ok, map} | {:error, {atom, map}}
  def eval(source, opts) when is_binary(source) do
    limit = Map.get(opts, :max_source, 64 * 1024)

    with :ok <- fits(source, limit),
         {:ok, quoted} <- parse(source),
         {:ok, safe, names} <- resolve(quoted),
         {:ok, opts} <- with_policy(opts),
         {:ok, erl} <- expand(safe, names, Map.get(opts, :timeout, 5000)) do
      case :seccomp_eval.eval_exprs([Output.redirect(erl)], opts) do
        {:ok, answer} -> {:ok, Map.delete(answer, :bindings)}
        error -> error
      end
    end
  end

  defp fits(source, limit) when byte_size(source) > limit,
    do: {:error, {:too_long, %{limit: limit}}}

  defp fits(_source, _limit), do: :ok

  defp with_policy(%{policy: _} = opts), do: {:ok, opts}

  defp with_policy(opts) do
    case Seccomp.compile(mode: :whitelist, rules: policy_rules(), spawn: :deny) do
      {:ok, policy} -> {:ok, Map.put(opts, :policy, policy)}
      {:error, reason} -> {:error, {:internal, %{reason: reason}}}
    end
  end

  # -- Names -------------------------------------------------------------------

  defp parse(source) do
    case Code.string_to_quoted(source,
           static_atoms_encoder: fn name, _ -> {:ok, {@mark, name}} end
         ) do
      {:ok, quoted} ->
        {:ok, quoted}

      {:error, {meta, message, token}} ->
        text = message |> List.wrap() |> Enum.map_join("", &text/1)
        {:error, {:syntax, %{line: meta[:line] || 1, message: text <> text(token)}}}
    end
  end

  defp text({before, rest}), do: text(before) <> text(rest)
  defp text(text) when is_binary(text), do: text
  defp text(other), do: inspect(other)

  defp resolve(quoted) do
    {safe, names} = walk(quoted, %{})
    {:ok, safe, names}
  catch
    {:refused, reason} -> {:error, reason}
  end

  # A variable gets the name of its number: the expansion makes atoms of names.
  defp walk({{@mark, name}, meta, context}, names) when is_atom(context) do
    {atom, names} = variable(name, names)
    {{atom, meta, context}, names}
  end

  defp walk({:__aliases__, _, segments}, names) do
    parts =
      for segment <- segments do
        case segment do
          {@mark, name} -> name
          _ -> refuse(:refused, %{what: :alias, message: "a module is written by its name"})
        end
      end

    {existing("Elixir." <> Enum.join(parts, ".")), names}
  end

  defp walk({:&, _, [n]} = capture, names) when is_integer(n), do: {capture, names}

  defp walk({{@mark, name}, meta, args}, names) when is_list(args) do
    walk({existing(name), meta, args}, names)
  end

  defp walk({{:., dot, [module, name]}, meta, args}, names) do
    name = with {@mark, text} <- name, do: existing(text)
    if module_name(module) in [Kernel, Application], do: check(name, args)
    {module, names} = walk(module, names)
    {args, names} = walk(args, names)
    {{{:., dot, [module, name]}, meta, args}, names}
  end

  defp walk({name, meta, args}, names) when is_atom(name) and is_list(args) do
    check(name, args)
    {args, names} = walk(args, names)
    {{name, meta, args}, names}
  end

  defp walk({name, _, context} = node, names) when is_atom(name) and is_atom(context) do
    # The types of a binary, and what the parser adds.
    if name in @refused, do: refuse_macro(name)
    {node, names}
  end

  defp walk({a, meta, b}, names) do
    {a, names} = walk(a, names)
    {b, names} = walk(b, names)
    {{a, meta, b}, names}
  end

  defp walk({@mark, name}, names) when is_binary(name), do: {existing(name), names}

  defp walk({a, b}, names) do
    {a, names} = walk(a, names)
    {b, names} = walk(b, names)
    {{a, b}, names}
  end

  defp walk(list, names) when is_list(list), do: Enum.map_reduce(list, names, &walk/2)
  defp walk(other, names), do: {other, names}

  defp module_name({:__aliases__, _, [{@mark, "Application"}]}), do: Application
  defp module_name({:__aliases__, _, [{@mark, "Kernel"} | _]}), do: Kernel
  defp module_name({@mark, "Elixir.Application"}), do: Application
  defp module_name({@mark, "Elixir.Kernel" <> _}), do: Kernel
  defp module_name(Kernel), do: Kernel
  defp module_name(_), do: nil

  defp check(name, [_, modifiers]) when name in [:sigil_w, :sigil_W] do
    if modifiers != [] and modifiers != 's' and modifiers != 'c', do: refuse_macro(name)
  end

  defp check(name, _args) do
    if name in @refused, do: refuse_macro(name)
  end

  defp refuse_macro(name) do
    refuse(:refused, %{what: :macro, message: "#{name} cannot be used here"})
  end

  defp variable("_", names), do: {:_, names}

  defp variable("__" <> _ = name, _names) when name in @refused_names, do: refuse_macro(name)

  defp variable(name, names) when name in ["binary", "bytes", "integer", "float", "utf8"] do
    # Types in `<<x::binary>>` look like variables.
    {String.to_existing_atom(name), names}
  end

  defp variable(name, names) do
    case names do
      %{^name => atom} ->
        {atom, names}

      _ when map_size(names) >= @variables ->
        refuse(:too_many_variables, %{limit: @variables})

      _ ->
        prefix = if String.starts_with?(name, "_"), do: "_v", else: "v"
        atom = String.to_atom(prefix <> Integer.to_string(map_size(names)))
        {atom, Map.put(names, name, atom)}
    end
  end

  defp existing(name) do
    String.to_existing_atom(name)
  rescue
    _ in [ArgumentError, SystemLimitError] ->
      refuse(:unknown_atom, %{name: String.replace_prefix(name, "Elixir.", "")})
  end

  defp refuse(name, map), do: throw({:refused, {name, map}})

  # -- Macros ------------------------------------------------------------------

  # The expansion is the compiler's; what it says of an error is a `CompileError`.
  defp expand(quoted, names, timeout) do
    tag = make_ref()
    heap = %{size: 4 * 1024 * 1024, kill: true, error_logger: false}

    {pid, monitor} =
      :erlang.spawn_opt(fn -> exit({tag, expanded(quoted, names)}) end, [
        :monitor,
        max_heap_size: heap
      ])

    receive do
      {:DOWN, ^monitor, :process, ^pid, {^tag, answer}} -> answer
      {:DOWN, ^monitor, :process, ^pid, _} -> {:error, {:memory, %{output: ""}}}
    after
      timeout ->
        Process.exit(pid, :kill)
        Process.demonitor(monitor, [:flush])
        {:error, {:timeout, %{output: ""}}}
    end
  end

  defp expanded(quoted, names) do
    {erl, _, _, _} = :elixir.quoted_to_erl(quoted, :elixir.env_for_eval([]))
    {:ok, erl}
  rescue
    error ->
      message =
        for {name, atom} <- names, reduce: Exception.message(error) do
          text -> String.replace(text, ~r/\b#{atom}\b/, name)
        end

      {:error, {:syntax, %{line: Map.get(error, :line) || 1, message: message}}}
  end
end
