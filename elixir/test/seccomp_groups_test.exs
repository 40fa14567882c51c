# SPDX-License-Identifier: Apache-2.0
defmodule SeccompGroupsTest do
  use ExUnit.Case, async: true

  alias Seccomp.Test.Calls

  # What a function of a group can reach and a process under the group may not
  # call, each with the reason why it is left out.
  @pure %{
    {IO, :warn, 1} => "writes to standard error, for deprecated forms",
    {IO, :warn_once, 3} => "the same, for deprecated units of time",
    {Dict, :put, 3} => "deprecated: a module in place of a map",
    {Dict, :update, 4} => "deprecated: a module in place of a map",
    {Regex, :match?, 2} => "patterns that are regular expressions: @elixir_regex",
    {Regex, :replace, 4} => "as Regex.match?/2",
    {Regex, :split, 3} => "as Regex.match?/2",
    {Macro, :to_string, 1} => "code, which an exception holds after blame/2 only",
    {Process, :info, 2} => "the stack, for an exception whose message/1 fails",
    {:application, :get_application, 1} => "as Process.info/2",
    {:application, :get_key, 2} => "as Process.info/2"
  }

  @text %{
    {Kernel, :inspect, 1} => "values in error messages: @elixir_format",
    {Kernel, :inspect, 2} => "as Kernel.inspect/1",
    {Inspect.Algebra, :format, 2} => "as Kernel.inspect/1",
    {Inspect.Algebra, :group, 1} => "as Kernel.inspect/1",
    {Inspect.Algebra, :to_doc, 2} => "as Kernel.inspect/1",
    {Inspect.Opts, :new, 1} => "as Kernel.inspect/1",
    {Exception, :format_mfa, 3} => "as Kernel.inspect/1",
    {Macro, :inspect_atom, 2} => "as Kernel.inspect/1",
    {Code.Identifier, :extract_anonymous_fun_parent, 1} => "as Kernel.inspect/1"
  }

  @format %{
    {:erlang, :binary_to_atom, 2} => "makes an atom of the name of a local fun",
    {Exception, :format_stacktrace, 1} => "the stack, for an Inspect.Error that is inspected"
  }

  @server %{
    {:global, :send, 2} => "servers with global names",
    {:global, :whereis_name, 1} => "servers with global names",
    {:logger, :error, 2} => "reports of what went wrong: @logger"
  }

  @task %{
    {:code, :is_loaded, 1} => "as :logger.error/2"
  }

  @supervisor %{
    {:logger, :format_otp_report, 1} => "as :logger.error/2"
  }

  @left_out %{
    pure: [@pure, @text],
    regex: [@pure, @text],
    format: [@pure, @format],
    print: [@pure, @format],
    server: [@pure, @format, @server],
    task: [@pure, @format, @server, @task],
    supervisor: [@pure, @format, @server, @task, @supervisor]
  }

  defp groups do
    for name <- :seccomp.groups(), String.starts_with?(Atom.to_string(name), "@elixir_"), do: name
  end

  defp own(group) do
    {:ok, %{members: members}} = :seccomp.group(group)
    for {rule, _reason} <- members, do: rule
  end

  defp group?(rule), do: is_atom(rule) and String.starts_with?(Atom.to_string(rule), "@")

  defp expand(group) do
    Enum.flat_map(own(group), fn rule ->
      if group?(rule), do: expand(rule), else: [pattern(rule)]
    end)
  end

  defp pattern({m, f, a}), do: {m, f, a}
  defp pattern({m, f}), do: {m, f, :_}
  defp pattern(m), do: {m, :_, :_}

  defp matches?(patterns, {m, f, a}) do
    Enum.any?(patterns[m] || [], fn {_, pf, pa} -> pf in [f, :_] and pa in [a, :_] end)
  end

  defp index(patterns), do: Enum.group_by(patterns, &elem(&1, 0))

  defp elixir?(module) do
    name = Atom.to_string(module)
    String.starts_with?(name, "Elixir.") or String.starts_with?(name, "elixir")
  end

  # What only the compiler calls, or the code server.
  defp runs?({name, _}) do
    name not in [:module_info, :__info__, :behaviour_info] and
      not String.starts_with?(Atom.to_string(name), "MACRO-")
  end

  test "members exist" do
    missing =
      for group <- groups(), rule <- own(group), not group?(rule), not there?(pattern(rule)) do
        {group, rule}
      end

    assert missing == []
  end

  defp there?({m, f, a}) do
    match?({:module, ^m}, Code.ensure_loaded(m)) and
      Enum.any?(m.module_info(:exports), fn {name, arity} ->
        f in [name, :_] and a in [arity, :_]
      end)
  end

  for name <- Map.keys(@left_out) do
    group = :"@elixir_#{name}"

    test "#{group} holds what its functions of Elixir call" do
      members = expand(unquote(group))
      allowed = index(members ++ expand(:"@base"))
      left_out = Enum.reduce(@left_out[unquote(name)], &Map.merge/2)

      missing =
        for module <- members |> Enum.map(&elem(&1, 0)) |> Enum.uniq(),
            elixir?(module),
            {{f, a} = function, calls} <- Calls.reached(module),
            runs?(function),
            matches?(allowed, {module, f, a}),
            {_, _, _} = call <- calls,
            not matches?(allowed, call),
            do: {call, {module, f, a}}

      unknown = Enum.reject(missing, fn {call, _} -> is_map_key(left_out, call) end)
      assert Enum.group_by(unknown, &elem(&1, 0), &elem(&1, 1)) == %{}

      # A reason that nothing needs any more is a mistake, too.
      if unquote(name) in [:pure, :supervisor] do
        for {call, _} <- left_out, call != {Process, :info, 2} do
          assert {call, true} == {call, List.keymember?(missing, call, 0)}
        end
      end
    end
  end

  # Data in, data out: nothing of Erlang's library beyond @pure, but for these.
  test "@elixir_pure adds to @pure what is as pure" do
    pure = index(expand(:"@pure") ++ expand(:"@base"))

    added =
      for {m, f, a} <- expand(:"@elixir_pure"), not elixir?(m), not matches?(pure, {m, f, a}) do
        {m, f, a}
      end

    assert Enum.sort(added) == [
             {:atomics, :info, 1},
             {:counters, :info, 1},
             {:erl_erts_errors, :format_error, 2},
             {:erl_stdlib_errors, :format_error, 2},
             {:io_lib_format, :fwrite_g, 1}
           ]
  end

  test "what reaches further is not in @elixir_pure" do
    policy = Seccomp.compile!(mode: :whitelist, rules: [:"@elixir_pure"])

    for mfa <- [
          {String, :to_atom, 1},
          {List, :to_atom, 1},
          {Module, :concat, 2},
          {Enum, :random, 1},
          {Stream, :interval, 1},
          {Function, :capture, 3},
          {Kernel, :spawn, 1},
          {Kernel, :send, 2},
          {Kernel, :inspect, 2},
          {URI, :parse, 1},
          {DateTime, :utc_now, 0},
          {IO, :puts, 1},
          {Regex, :run, 2},
          {:persistent_term, :get, 1},
          {:erlang, :binary_to_atom, 2},
          {:erlang, :make_fun, 3}
        ] do
      assert {^mfa, {:deny, _}} = {mfa, Seccomp.check(policy, mfa)}
    end
  end
end
