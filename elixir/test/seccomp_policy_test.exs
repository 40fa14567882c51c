# SPDX-License-Identifier: Apache-2.0
defmodule SeccompPolicyTest do
  use ExUnit.Case, async: true

  alias Seccomp.Policy

  defmodule Plugins do
    @moduledoc "What plugins may do."

    @store [{Map, :fetch, 2}, {Agent, :get}]

    use Seccomp.Policy,
      mode: :whitelist,
      rules: [:"@elixir_pure", String, {Kernel, :+, 2}, {Kernel, :to_string, 1} | @store],
      spawn: :deny,
      on_deny: :kill
  end

  defmodule NoSystem do
    use Seccomp.Policy, mode: :blacklist, rules: [System, {:_, :module_info}]
  end

  # The description of the error that compiling the policy ends with.
  defp mistakes(options) do
    name = Module.concat(__MODULE__, "Bad#{System.unique_integer([:positive])}")

    code =
      "defmodule #{inspect(name)} do\n  @moduledoc false\n\n  use Seccomp.Policy, #{options}\nend"

    error = assert_raise CompileError, fn -> Code.compile_string(code, "bad_policy.ex") end
    assert %{line: 4, file: file} = error
    assert Path.basename(file) == "bad_policy.ex"
    assert error.description =~ "#{inspect(name)} is no good policy:\n  * "
    refute Code.ensure_loaded?(name)
    error.description
  end

  test "a policy module gives a struct that compiles" do
    assert %Policy{mode: :whitelist, spawn: :deny, inherit: nil} = Plugins.policy()
    compiled = Seccomp.compile!(Plugins)
    assert Seccomp.check(compiled, {String, :upcase, 1}) == :allow
    assert Seccomp.check(compiled, {Enum, :map, 2}) == :allow
    assert Seccomp.check(compiled, {:maps, :find, 2}) == :allow
    assert Seccomp.check(compiled, {String.Chars, :to_string, 1}) == :allow
    assert {:deny, _} = Seccomp.check(compiled, {System, :cmd, 2})
  end

  test "a policy module names its functions" do
    functions = Plugins.functions()
    assert functions == Enum.sort(Enum.uniq(functions))

    for mfa <- [{String, :upcase, 1}, {Agent, :get, 3}, {Enum, :map, 2}, {:lists, :map, 2}] do
      assert mfa in functions
    end

    refute {Agent, :update, 2} in functions
    compiled = Seccomp.compile!(Plugins)
    for mfa <- functions, do: assert({mfa, Seccomp.check(compiled, mfa)} == {mfa, :allow})
  end

  test "its documentation lists them" do
    options =
      "mode: :whitelist, rules: [:\"@elixir_pure\", {Kernel, :to_string, 1}, {Agent, :get}, Tuple], spawn: :deny"

    doc = doc(~s(@moduledoc "What plugins may do."), options)

    assert doc =~
             ~r/\AWhat plugins may do.\n\n## Allowed functions\n\n\* the group `@elixir_pure`: /

    assert doc =~ ~r/^\* `Tuple`: .*`Tuple.append\/2`/m
    assert doc =~ ~r/^\* `Agent`: `Agent.get\/2`, `Agent.get\/3`/m
    assert doc =~ "* `String.Chars`: `String.Chars.to_string/1`\n"
    assert doc =~ "* `:erlang`: "
    assert doc =~ "Options: `spawn: :deny`.\n"
    refute doc =~ "module_info"

    options = "mode: :blacklist, rules: [System, {:_, :module_info}]"
    assert doc("", options) =~ ~r/\A## Denied functions\n\n.*`System.cmd\/2`/s
    assert doc("", options) =~ "* any module's `module_info`\n"
    assert doc("@moduledoc false", options) == :hidden
  end

  # Compiled with documentation, which tests else are not.
  defp doc(moduledoc, options) do
    name = Module.concat(__MODULE__, "Doc#{System.unique_integer([:positive])}")
    docs = Code.get_compiler_option(:docs)
    Code.put_compiler_option(:docs, true)

    [{^name, binary}] =
      Code.compile_string("""
      defmodule #{inspect(name)} do
        #{moduledoc}
        use Seccomp.Policy, #{options}
      end
      """)

    Code.put_compiler_option(:docs, docs)
    {:ok, {^name, [{'Docs', chunk}]}} = :beam_lib.chunks(binary, ['Docs'])
    {:docs_v1, _, :elixir, _, doc, _, _} = :erlang.binary_to_term(chunk)
    with %{"en" => text} <- doc, do: text
  end

  test "a function that does not exist fails the compilation" do
    assert mistakes("mode: :whitelist, rules: [Enum, {String, :upcas, 1}]") =~
             "rule 2: there is no function String.upcas/1; String has upcase/1, upcase/2"

    assert mistakes("mode: :blacklist, rules: [{Enum, :map, 7}]") =~
             "rule 1: there is no function Enum.map/7; Enum has map/2"

    assert mistakes("mode: :whitelist, rules: [{Seccomp.Test.Isolated, :zzzzz}]") =~
             "there is no function Seccomp.Test.Isolated.zzzzz; Seccomp.Test.Isolated has run/1"

    assert mistakes("mode: :whitelist, rules: [{:lists, :zzzzz}]") =~
             "there is no function :lists.zzzzz; :lists has nothing like it"
  end

  test "so does a module that does not exist, a macro, and the module itself" do
    assert mistakes("mode: :whitelist, rules: [Enun]") =~
             ~r/rule 1: there is no module Enun; there is .*Enum/

    assert mistakes("mode: :whitelist, rules: [:lits]") =~ ~r/no module :lits; there is .*:lists/
    assert mistakes("mode: :whitelist, rules: [{Kernel, :if, 2}]") =~ "Kernel.if/2 is a macro"

    assert mistakes("mode: :whitelist, rules: [__MODULE__]") =~
             "rule 1 names the module of the policy"
  end

  test "all mistakes are said at once" do
    text = mistakes("mode: :whitelist, rules: [Enun, Map, {Enum, :mapp}, {Map, :fetch, 3}]")
    for n <- [1, 3, 4], do: assert(text =~ "\n  * rule #{n}: ")
    refute text =~ "rule 2"
  end

  test "whatever else the library refuses fails the compilation" do
    assert mistakes("mode: :whitelist, rules: [:\"@elixir_pur\"]") =~ "did you mean @elixir_pure?"
    assert mistakes("mode: :greylist, rules: []") =~ "write whitelist or blacklist"
    assert mistakes("rules: []") =~ "mode"
    assert mistakes("mode: :whitelist, rules: [], spwan: :deny") =~ "did you mean spawn?"
    assert mistakes("mode: :whitelist, rules: [Enum, Enum]") =~ "Enum"
    assert mistakes("[:no]") =~ "write `use Seccomp.Policy, mode: ..., rules: [...]`"
  end

  test "unknown: :allow takes what comes later" do
    defmodule Later do
      @moduledoc false
      use Seccomp.Policy,
        mode: :whitelist,
        rules: [Seccomp.Nowhere, {Enum, :later, 9}],
        unknown: :allow
    end

    assert Seccomp.check(Seccomp.compile!(Later), {Enum, :later, 9}) == :allow
    assert Later.functions() |> Enum.member?({Enum, :later, 9})
  end

  test "a policy is a struct, a map or a keyword alike" do
    options = [mode: :whitelist, rules: [{Enum, :sum, 1}], spawn: :deny]

    for source <- [options, Map.new(options), struct!(Policy, options)] do
      compiled = Seccomp.compile!(source)
      assert Seccomp.check(compiled, {Enum, :sum, 1}) == :allow
      assert Seccomp.to_json!(source) =~ "'Elixir.Enum':sum/1"
    end
  end

  test "what is no policy raises" do
    for {source, text} <- [{Enum, "Enum is no module"}, {nil, "nil is no module"}, {1, "not 1"}] do
      error = assert_raise ArgumentError, fn -> Seccomp.compile(source) end
      assert error.message =~ text
    end
  end

  @tag :enforced
  test "a process can be restricted by any of them" do
    for source <- [NoSystem, NoSystem.policy(), [mode: :blacklist, rules: [System]]] do
      pid = spawn(fn -> Process.sleep(:infinity) end)
      assert Seccomp.restrict(pid, source) == :ok
      assert %{mode: :blacklist} = Seccomp.info!(pid)
      Process.exit(pid, :kill)
    end

    assert {:error, {:missing_option, %{option: :mode}}} = Seccomp.restrict(self(), rules: [])
    assert_raise Seccomp.SeccompError, ~r/no mode/, fn -> Seccomp.restrict!(self(), rules: []) end
    assert Seccomp.info(self()) == :trusted
  end
end
