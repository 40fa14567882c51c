# SPDX-License-Identifier: Apache-2.0
defmodule SeccompElixirCallsTest do
  use ExUnit.Case, async: true

  # What restricted processes can really do under the groups for Elixir.
  @moduletag :enforced

  alias Seccomp.Test.{Point, Restricted}

  defp policy(rules), do: Seccomp.compile!(mode: :whitelist, rules: [__MODULE__ | rules])

  defp run(rules, fun) when is_list(rules), do: run(policy(rules), fun)
  defp run(policy, fun), do: Restricted.run(policy, fun)

  # The compiler cannot know it.
  defp hide(value), do: :erlang.binary_to_term(:erlang.term_to_binary(value))

  test "@elixir_pure: data in, data out" do
    n = hide(3)
    text = hide("Grüße, Jürgen")
    map = hide(%{a: 1, b: 2})
    list = hide([3, 1, 2])
    keys = hide(a: 1, b: 2)
    range = hide(1..5)
    set = hide(MapSet.new([1, 2]))

    for {value, fun} <- [
          {[4, 2, 3], fn -> Enum.map(list, &(&1 + 1)) end},
          {[{:a, 2}, {:b, 4}], fn -> Enum.map(map, fn {k, v} -> {k, v * 2} end) end},
          {15, fn -> Enum.sum(range) end},
          {[1, 2, 3], fn -> Enum.sort(list) end},
          {[3, 2, 1], fn -> Enum.sort(list, :desc) end},
          {%{1 => [3, 1], 0 => [2]}, fn -> Enum.group_by(list, &rem(&1, 2)) end},
          {[{3, 1}, {1, 2}], fn -> Enum.zip(list, range) |> Enum.take(2) end},
          {%{3 => 1, 1 => 1, 2 => 1}, fn -> Enum.frequencies(list) end},
          {[[3, 1], [2]], fn -> Enum.chunk_every(list, 2) end},
          {"3-1-2", fn -> Enum.join(list, "-") end},
          {%{a: 1}, fn -> Enum.into([a: 1], %{}) end},
          {[1, 2], fn -> Enum.to_list(set) end},
          {true, fn -> 2 in set and Enum.member?(range, 3) end},
          {[4, 5], fn -> Enum.slice(range, -2..-1) end},
          {"GRÜSSE, JÜRGEN", fn -> String.upcase(text) end},
          {["Grüße", "Jürgen"], fn -> String.split(text, ", ") end},
          {13, fn -> String.length(text) end},
          {"negrüJ ,eßürG", fn -> String.reverse(text) end},
          {"Grüsse, Jürgen", fn -> String.replace(text, "ß", "ss") end},
          {"003", fn -> n |> Integer.to_string() |> String.pad_leading(3, "0") end},
          {"Gr", fn -> String.slice(text, 0, 2) end},
          {["a", "b"], fn -> String.split(hide_text("  a b ")) end},
          {"a=3 b=1.5", fn -> "a=#{n} b=#{n / 2}" end},
          {"e\u0301", fn -> String.normalize("é", :nfd) end},
          {%{a: 1, b: 3}, fn -> Map.update!(map, :b, &(&1 + 1)) end},
          {{:ok, 1}, fn -> Map.fetch(map, :a) end},
          {%{b: 2}, fn -> Map.drop(map, [:a]) end},
          {%{a: 1, b: 2, c: 3}, fn -> Map.merge(map, %{c: n}) end},
          {%{a: 1}, fn -> Map.new(keys) |> Map.take([:a]) end},
          {[b: 2], fn -> Keyword.delete(keys, :a) end},
          {{1, [b: 2]}, fn -> Keyword.pop(keys, :a) end},
          {[1, 1], fn -> Integer.digits(n, 2) end},
          {{42, "x"}, fn -> Integer.parse(hide_text("42x")) end},
          {"1.5", fn -> Float.to_string(n / 2) end},
          {1.3, fn -> Float.round(n / 2.34, 1) end},
          {{1.5, ""}, fn -> Float.parse(hide_text("1.5")) end},
          {[1, 4, 9], fn -> for x <- 1..n, do: x * x end},
          {[2, 4], fn -> 1..n |> Stream.map(&(&1 * 2)) |> Enum.take(2) end},
          {[0, 1, 1, 2],
           fn ->
             Stream.unfold({0, 1}, &{elem(&1, 0), {elem(&1, 1), elem(&1, 0) + elem(&1, 1)}})
             |> Enum.take(4)
           end},
          {%{x: %{y: 2}}, fn -> put_in(hide_map().x.y, 2) end},
          {1, fn -> get_in(hide_map(), [:x, :y]) end},
          {~D[2024-03-01], fn -> Date.add(~D[2024-02-28], n - 1) end},
          {:gt, fn -> Version.compare("1.10.0", "1.9.#{n}") end},
          {true, fn -> Version.match?("1.#{n}.0", "~> 1.2") end},
          {{:ok, <<1, 255>>}, fn -> Base.decode16(hide_text("01ff"), case: :lower) end},
          {"a%20b", fn -> URI.encode(hide_text("a b")) end},
          {"2024-02-28 10:00",
           fn -> Calendar.strftime(~N[2024-02-28 10:00:00], "%Y-%m-%d %H:%M") end},
          {'Jürgen', fn -> to_charlist(hide_text("Jürgen")) end},
          {%Point{x: 1, y: 2}, fn -> struct!(%Point{}, x: 1, y: 2) end}
        ] do
      assert {value, run([:"@elixir_pure"], fun)} == {value, value}
    end
  end

  # A local function of a module that the policy names.
  def hide_text(text), do: :binary.copy(text)
  def hide_map, do: %{x: %{y: 1}}

  test "@elixir_pure: errors are raised and rescued as outside" do
    zero = hide(0)

    for fun <- [
          fn -> 1 / zero end,
          fn -> raise "no" end,
          fn -> Map.fetch!(%{}, zero) end,
          fn -> Keyword.fetch!([], :a) end,
          fn -> String.to_integer(hide_text("x")) end,
          fn -> Enum.fetch!([], zero) end,
          fn -> Enum.max([]) end,
          fn -> hd(hide_list()) end,
          fn -> hide_text(zero) end,
          fn -> {:ok, _} = hide_map() end,
          fn -> String.to_existing_atom(hide_text("seccomp no such atom")) end,
          fn -> throw(:thrown) end,
          fn -> exit(:bye) end
        ] do
      caught = fn ->
        try do
          fun.()
        rescue
          error -> {:rescued, error.__struct__}
        catch
          kind, reason -> {kind, reason}
        end
      end

      assert run([:"@elixir_pure"], caught) == caught.()
    end
  end

  def hide_list, do: []

  test "@elixir_pure: the message of an error" do
    assert run([:"@elixir_pure"], fn ->
             try do
               raise ArgumentError, "wrong"
             rescue
               error -> Exception.message(error)
             end
           end) == "wrong"
  end

  test "@elixir_pure: nothing else" do
    for {mfa, fun} <- [
          {{:erlang, :binary_to_atom, 2}, fn -> String.to_atom(hide_text("x")) end},
          {{System, :cmd, 2}, fn -> System.cmd("id", []) end},
          {{File, :read, 1}, fn -> File.read("/etc/passwd") end},
          {{:erlang, :spawn, 1}, fn -> spawn(fn -> :ok end) end},
          {{Task, :async, 1}, fn -> Task.async(fn -> :ok end) end},
          {{Kernel, :inspect, 1}, fn -> inspect(self()) end},
          {{IO, :puts, 1}, fn -> IO.puts("x") end},
          {{Code, :eval_string, 1}, fn -> Code.eval_string("1") end},
          {{Regex, :run, 2}, fn -> Regex.run(~r/a/, hide_text("a")) end},
          {{Enum, :random, 1}, fn -> Enum.random(hide_list()) end},
          {{DateTime, :utc_now, 0}, fn -> DateTime.utc_now() end},
          {{:persistent_term, :get, 0}, fn -> :persistent_term.get() end},
          {{Application, :get_env, 2}, fn -> Application.get_env(:kernel, :a) end},
          {{String, :to_atom, 1}, fn -> apply(hide_module(), :to_atom, ["a"]) end}
        ] do
      assert {mfa, run([:"@elixir_pure"], fun)} == {mfa, {:denied, mfa}}
    end
  end

  def hide_module, do: String

  test "@elixir_format: inspect" do
    for {text, term} <- [
          {"%{a: [1, {2.5}]}", %{a: [1, {2.5}]}},
          {~s|"a\\n"|, "a\n"},
          {"<<255>>", <<255>>},
          {"'ab'", 'ab'},
          {":\"a b\"", :"a b"},
          {"[a: 1]", [a: 1]},
          {"Foo.Bar", Foo.Bar},
          {"1..2", 1..2},
          {"~D[2024-02-28]", ~D[2024-02-28]},
          {"~U[2024-02-28 10:00:00Z]", ~U[2024-02-28 10:00:00Z]},
          {"MapSet.new([1])", MapSet.new([1])},
          {"&String.upcase/1", &String.upcase/1},
          {"%Seccomp.Test.Point{x: 1, y: nil}", %Point{x: 1}},
          {"#PID<0.0.0>", :erlang.list_to_pid('<0.0.0>')}
        ] do
      assert {text,
              run([:"@elixir_format", {Point, :__struct__}, {Point, :__info__}], fn ->
                inspect(term)
              end)} == {text, text}
    end

    local = hide(fn -> :ok end)

    assert run([:"@elixir_format"], fn -> inspect(local) end) ==
             {:denied, {:erlang, :binary_to_atom, 2}}
  end

  test "@elixir_format: messages that show values" do
    message = fn ->
      try do
        Map.fetch!(%{a: 1}, hide_list())
      rescue
        error -> Exception.message(error)
      end
    end

    assert run([:"@elixir_format"], message) == message.()
    assert run([:"@elixir_pure"], message) == {:denied, {Kernel, :inspect, 1}}
  end

  test "@elixir_regex" do
    text = hide("a1b22")

    for fun <- [
          fn -> Regex.run(~r/\d+/, text) end,
          fn -> Regex.scan(~r/(\d)/, text) end,
          fn -> Regex.replace(~r/\d/, text, "x") end,
          fn -> Regex.named_captures(~r/(?<n>\d+)/, text) end,
          fn -> Regex.compile!("b" <> hide_text("2")) |> Regex.match?(text) end,
          fn -> String.split(text, ~r/\d+/) end,
          fn -> text =~ ~r/b/ end
        ] do
      assert run([:"@elixir_regex"], fun) == fun.()
    end
  end

  test "a struct of one's own needs rules for what its protocols call" do
    point = hide(%Point{x: 1, y: 2})
    implementation = String.Chars.Seccomp.Test.Point
    show = fn -> "#{point}" end

    assert run([:"@elixir_pure"], show) == {:denied, {implementation, :to_string, 1}}
    assert run([:"@elixir_pure", implementation], show) == "1/2"
  end

  test "@elixir_print prints through a private group leader" do
    policy =
      Seccomp.compile!(
        mode: :whitelist,
        rules: [__MODULE__, :"@elixir_print"],
        send: [:self, :parent, :children, :replies, :group_leader]
      )

    {:ok, device} = StringIO.open("")

    {pid, ref} =
      spawn_monitor(fn ->
        Process.group_leader(self(), device)
        {:ok, _} = {:ok, Seccomp.set_policy!(self(), policy)}
        IO.puts("hello")
        IO.inspect(%{a: 1})
        IO.write(["x", ?y])
      end)

    assert_receive {:DOWN, ^ref, :process, ^pid, :normal}, 20_000
    assert {"", "hello\n%{a: 1}\nxy"} = StringIO.contents(device)
  end
end
