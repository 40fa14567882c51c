# SPDX-License-Identifier: Apache-2.0
#
# Writes a page of Markdown for each documented Elixir module, from the chunks
# that the compiler leaves in the compiled modules.
#
#     mix run --no-start scripts/docs/api_elixir.exs OUT
defmodule ApiElixir do
  def main([out]) do
    docs = Enum.flat_map(modules(), &read/1)
    Enum.each(docs, &write(out, page(&1.module) <> ".md", module(&1)))
    write(out, "elixir-modules.md", index(docs))
    write(out, "elixir.symbols", Enum.map(docs, &symbols/1))
  end

  defp modules do
    {:ok, modules} = :application.get_key(:seccomp, :modules)
    modules |> Enum.filter(&match?("Elixir." <> _, Atom.to_string(&1))) |> Enum.sort()
  end

  defp read(module) do
    case Code.fetch_docs(module) do
      {:docs_v1, _, _, _, %{"en" => text}, _, entries} ->
        [%{module: module, text: text, entries: Enum.sort_by(entries, &line/1)}]

      _ ->
        []
    end
  end

  defp line({_, annotation, _, _, _}), do: :erl_anno.line(annotation)

  defp module(%{module: module, text: text, entries: entries}) do
    {:ok, specs} = fetched(Code.Typespec.fetch_specs(module))
    {:ok, types} = fetched(Code.Typespec.fetch_types(module))

    [
      "# #{inspect(module)}\n\n#{text}\n\n",
      part("Functions", for(e <- functions(entries), do: function(e, specs))),
      part("Types", for({kind, type} <- types, kind != :typep, do: type(kind, type, entries)))
    ]
  end

  defp fetched(:error), do: {:ok, []}
  defp fetched(ok), do: ok

  defp part(_, []), do: ""
  defp part(title, items), do: ["## #{title} {##{String.downcase(title)}}\n\n", items]

  # Those that say nothing and are no callbacks of a behaviour, either.
  defp functions(entries) do
    for {{kind, _, _}, _, _, doc, _} = entry <- entries,
        kind in [:function, :macro],
        doc != :hidden,
        do: entry
  end

  defp function({{kind, name, arity}, _, signature, doc, _}, specs) do
    specs =
      for {{^name, ^arity}, list} <- specs,
          spec <- list,
          do: "@spec " <> shown(Code.Typespec.spec_to_quoted(name, spec))

    heading = "### #{name}/#{arity} {##{anchor(name, arity)}}\n\n"
    macro = if kind == :macro, do: "A macro.\n\n", else: ""
    [heading, code(signature ++ specs), macro, text(doc), "\n\n"]
  end

  defp type(kind, {name, _, args} = type, entries) do
    texts = for {{:type, ^name, n}, _, _, doc, _} <- entries, n == length(args), do: text(doc)
    quoted = Code.Typespec.type_to_quoted(type)
    ["### #{name}() {#t-#{name}}\n\n", code(["@#{kind} " <> shown(quoted)]), texts, "\n\n"]
  end

  defp shown(quoted) do
    quoted |> Macro.to_string() |> Code.format_string!(line_length: 80) |> IO.iodata_to_binary()
  end

  defp code(lines), do: ["```elixir\n", Enum.join(lines, "\n"), "\n```\n\n"]
  defp text(%{"en" => text}), do: text
  defp text(_), do: ""

  defp index(docs) do
    rows =
      for %{module: module, text: text} <- docs do
        [first | _] = String.split(text, "\n\n")
        "| [`#{inspect(module)}`](#{page(module)}.html) | #{String.replace(first, "\n", " ")} |\n"
      end

    ["# Elixir modules\n\n| module | |\n| --- | --- |\n", rows]
  end

  defp symbols(%{module: module, entries: entries}) do
    functions =
      for {{_, name, arity}, _, _, _, _} <- functions(entries) do
        "#{inspect(module)}.#{name}/#{arity} #{page(module)}.html##{anchor(name, arity)}\n"
      end

    ["#{inspect(module)} #{page(module)}.html\n", functions]
  end

  defp page(module), do: "elixir-" <> inspect(module)

  # "!" and "?" may stand in an anchor, but not in pandoc's attributes.
  defp anchor(name, arity) do
    name = name |> to_string() |> String.replace("!", "-bang") |> String.replace("?", "-p")
    "#{name}-#{arity}"
  end

  defp write(out, name, text), do: File.write!(Path.join(out, name), text)
end

ApiElixir.main(System.argv())
