# SPDX-License-Identifier: Apache-2.0
defmodule SeccompMixTest do
  # The tasks run in this project, with messages to the test in place of a shell.
  use ExUnit.Case

  alias Mix.Tasks.Seccomp.{Check, Learn}

  defmodule Sample do
    def total(text), do: text |> String.split(",") |> Enum.map(&String.to_integer/1) |> Enum.sum()
    def fails(_), do: raise("no luck")
  end

  setup do
    shell = Mix.shell()
    Mix.shell(Mix.Shell.Process)
    dir = Path.join(System.tmp_dir!(), "seccomp_mix_#{System.pid()}")
    File.mkdir_p!(dir)

    on_exit(fn ->
      Mix.shell(shell)
      File.rm_rf!(dir)
    end)

    {:ok, dir: dir}
  end

  defp file(dir, name, text) do
    path = Path.join(dir, name)
    File.write!(path, text)
    path
  end

  defp said(kind) do
    receive do
      {:mix_shell, ^kind, [text]} -> text
    after
      0 -> flunk("nothing was said")
    end
  end

  describe "mix seccomp.check" do
    test "good policies are said to be good, and explained", %{dir: dir} do
      json = file(dir, "a.json", ~s({"mode": "whitelist", "rules": ["@elixir_pure"]}))
      terms = file(dir, "b.terms", "\#{mode => blacklist, rules => ['Elixir.System']}.")
      calls = ["--explain", "String.upcase/1", "--explain", ":os.cmd/1"]
      assert Check.run(["--no-compile", json, terms | calls]) == :ok
      assert said(:info) == "#{json}: good"
      assert said(:info) =~ "'Elixir.String':upcase/1 is allowed"
      assert said(:info) =~ "os:cmd/1 is denied"
      assert said(:info) == "#{terms}: good"
    end

    test "a bad one is said to be, with its place", %{dir: dir} do
      good = file(dir, "a.json", ~s({"mode": "whitelist", "rules": []}))
      text = ~s({"mode": "whitelist",\n "rules": ["'Elixir.String':upcas/1"]})
      bad = file(dir, "b.json", text)

      assert_raise Mix.Error, "1 of 2 policies are bad", fn ->
        Check.run(["--no-compile", good, bad])
      end

      assert said(:info) == "#{good}: good"
      error = said(:error)
      assert error =~ ~r/^#{Regex.escape(bad)}:2:\d+: /
      assert error =~ "there is no function String.upcas/1"
      assert error =~ "did you mean String.upcase/1?"
    end

    test "policy modules are checked by name, and found in the project" do
      assert Check.run(["--no-compile", "Seccomp.Test.Plugins"]) == :ok
      assert said(:info) == "Seccomp.Test.Plugins: good"
      assert Check.run(["--no-compile"]) == :ok
      assert said(:info) == "Seccomp.Test.Plugins: good"
    end

    test "what is no policy is refused" do
      for {args, message} <- [
            {["String"], ~r/neither NAME.json/},
            {["x.yaml"], ~r/neither NAME.json/},
            {["x.json", "--explain", "upcase"], ~r/is no call/},
            {["nowhere/x.json"], ~r/1 of 1 policies are bad/}
          ] do
        assert_raise Mix.Error, message, fn -> Check.run(["--no-compile" | args]) end
      end
    end
  end

  describe "mix seccomp.learn" do
    test "what was learned lets the run pass, and nothing less does", %{dir: dir} do
      file = Path.join(dir, "learned.terms")
      function = inspect(Sample) <> ".total"
      Learn.run(["--warm", "-o", file, function, "1,2,3"])
      assert said(:info) =~ ~r"^#{function}/1: \d+ functions, by (log|trace)$"
      assert said(:info) =~ ~r"#{file}: a whitelist of \d+ rules, spawn: deny"

      assert Check.run(["--no-compile", file]) == :ok
      {:ok, map} = :seccomp.read_policy(file)
      assert {Sample, :total, 1} in map.rules
      assert {String, :split, 2} in map.rules

      if Seccomp.enforcement().status == :enforced do
        assert total(map) == {:value, 6}
        less = %{map | rules: map.rules -- [{String, :split, 2}]}
        assert {{:seccomp, {String, :split, 2}}, _} = total(less)
      end
    end

    test "expressions are compiled, and learned as one", %{dir: dir} do
      file = Path.join(dir, "learned.json")
      expressions = ["-e", ~s|String.downcase("A")|, "-e", "Integer.digits(12)"]
      Learn.run(["--warm", "-g", "@pure", "-o", file | expressions])
      {:ok, map} = file |> File.read!() |> Seccomp.from_json()
      assert {String, :downcase, 1} in map.rules
      assert {Integer, :digits, 1} in map.rules
      refute inspect(map.rules) =~ "Learn"
      refute Enum.any?(map.rules, &(is_tuple(&1) and elem(&1, 0) == :erl_eval))
    end

    test "without a file the policy is printed" do
      Learn.run(["--warm", "-e", "Integer.digits(12)"])
      said(:info)
      assert said(:info) =~ ~r/mode => whitelist.*'Elixir.Integer',digits,1/s
    end

    test "what cannot be run is said", %{dir: dir} do
      fails = inspect(Sample) <> ".fails"

      for {args, message} <- [
            {[], ~r/nothing to run/},
            {["String.nothing"], ~r"no function String.nothing/0"},
            {[fails, "x"], ~r/failed: \*\* \(RuntimeError\) no luck/},
            {["-e", "exit(:bye)"], ~r/failed: \*\* \(exit\) :bye/},
            {["-g", "@nothing", "-e", "1"], ~r/no group @nothing/},
            {["-o", Path.join(dir, "x.yaml"), "-e", "1"], ~r/end with .json or .terms/}
          ] do
        assert_raise Mix.Error, message, fn -> Learn.run(args) end
      end
    end
  end

  defp total(map) do
    policy = Seccomp.compile!(map)
    {pid, ref} = Seccomp.spawn_monitor(policy, fn -> exit({:value, Sample.total("1,2,3")}) end)
    assert_receive {:DOWN, ^ref, :process, ^pid, reason}, 20_000
    reason
  end
end
