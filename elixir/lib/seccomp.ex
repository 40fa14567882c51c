# SPDX-License-Identifier: Apache-2.0
defmodule Seccomp do
  @moduledoc """
  Per-process function-call policies.

  A process under a policy is restricted: what it may call is checked where a
  call leaves a module. All others are trusted and pay nothing.

      Seccomp.restrict(self(), :whitelist, [Enum, {String, :upcase}, {Kernel, :+, 2}])

  Rules are `Module`, `{Module, function}`, `{Module, function, arity}` or a
  group such as `:"@elixir_pure"`; `:_` is the wildcard in each place. What the
  compiler makes of a function of Elixir's library is added, see
  `Seccomp.Rules`. What a function calls in other modules needs rules of its own:
  groups have both.

      iex> policy = Seccomp.compile!(mode: :whitelist, rules: [:"@elixir_pure"])
      iex> Seccomp.check(policy, {Enum, :map, 2})
      :allow
      iex> {:deny, _} = Seccomp.check(policy, {File, :read, 1})
      iex> {pid, ref} = Seccomp.spawn_monitor(policy, fn ->
      ...>   exit({:value, Enum.map_join(~w(a b), &String.upcase/1)})
      ...> end)
      iex> receive do {:DOWN, ^ref, :process, ^pid, reason} -> reason end
      {:value, "AB"}

  Options are keywords or maps; a policy can also be a `Seccomp.Policy` or the
  name of a module that has `use Seccomp.Policy`. A function that returns
  `{:error, reason}` has a variant with `!` that raises `Seccomp.SeccompError`.
  Arguments of a wrong type raise `ArgumentError`.

  A denied call raises an `ErlangError` whose `original` is
  `{:seccomp, {module, function, arity}}`, and has not run:

      iex> policy = Seccomp.compile!(mode: :blacklist, rules: [System])
      iex> {_, ref} = Seccomp.spawn_monitor(policy, fn ->
      ...>   try do
      ...>     System.get_env("HOME")
      ...>   rescue
      ...>     error in ErlangError -> exit(error.original)
      ...>   end
      ...> end)
      iex> receive do {:DOWN, ^ref, :process, _, reason} -> reason end
      {:seccomp, {System, :get_env, 1}}
  """

  alias Seccomp.{Policy, Rules, SeccompError}

  @typedoc "A compiled policy. Any number of processes can share one."
  @type policy :: :seccomp.policy()
  @typedoc "What becomes a policy: options with `:mode` and `:rules`."
  @type source :: Policy.t() | module | [{:mode, mode} | {:rules, [rule]} | option] | map
  @type mode :: :whitelist | :blacklist
  @type rule ::
          module
          | {module, atom}
          | {module, atom, arity | :_}
          | {:gate, module, atom, arity}
          | {:gate, mfa}
  @type option ::
          {:spawn, :allow | :deny}
          | {:inherit, boolean}
          | {:provenance, boolean}
          | {:on_deny, :raise | :kill | :log}
          | {:base, boolean}
          | {:unknown, :error | :allow}
          | {:send, :any | :none | list}
          | {:comment, binary}
  @type options :: [option] | %{optional(atom) => term}
  @type reason :: {atom, map} | :noproc

  @doc """
  What this emulator enforces. `:unsupported`: policies can be compiled and
  checked, and every function that would enforce one refuses.
  """
  @spec enforcement() :: map
  defdelegate enforcement(), to: :seccomp

  # -- Policies ----------------------------------------------------------------

  @doc """
  Compiles a policy, which any number of processes can share.

      iex> {:error, {:unknown_function, facts}} =
      ...>   Seccomp.compile(mode: :whitelist, rules: [Map, {Enum, :mapp, 2}])
      iex> {facts.position, facts.did_you_mean}
      {2, {Enum, :map, 2}}
      iex> {:error, {:macro, facts}} = Seccomp.compile(mode: :whitelist, rules: [{Kernel, :if, 2}])
      iex> facts.message
      "Kernel.if/2 is a macro, which leaves no call of its own to check; \
  name the functions that it makes the code call"
  """
  @spec compile(source) :: {:ok, policy} | {:error, reason}
  def compile(source), do: source |> Policy.to_map() |> :seccomp.compile() |> named()

  @doc "As `compile/1`, and raises `Seccomp.SeccompError`."
  @spec compile!(source) :: policy
  def compile!(source), do: source |> compile() |> bang!()

  @doc "Reads and compiles a policy from a file, `NAME.json` or `NAME.terms`."
  @spec load_policy(Path.t()) :: {:ok, policy} | {:error, reason}
  def load_policy(file), do: file |> IO.chardata_to_string() |> :seccomp.load_policy()

  @doc "As `load_policy/1`, and raises `Seccomp.SeccompError`."
  @spec load_policy!(Path.t()) :: policy
  def load_policy!(file), do: file |> load_policy() |> bang!()

  @doc "Reads a policy from JSON, as a map for `compile/1`."
  @spec from_json(binary) :: {:ok, map} | {:error, reason}
  defdelegate from_json(json), to: :seccomp

  @doc "As `from_json/1`, and raises `Seccomp.SeccompError`."
  @spec from_json!(binary) :: map
  def from_json!(json), do: json |> from_json() |> bang!()

  @doc "Writes a policy as JSON."
  @spec to_json(source) :: {:ok, binary} | {:error, reason}
  def to_json(source), do: source |> Policy.to_map() |> :seccomp.to_json()

  @doc "As `to_json/1`, and raises `Seccomp.SeccompError`."
  @spec to_json!(source) :: binary
  def to_json!(source), do: source |> to_json() |> bang!()

  @doc "What a policy says to a call, without making it. Works on any emulator."
  @spec check(policy, mfa) :: :allow | {:deny, map}
  defdelegate check(policy, mfa), to: :seccomp

  @doc """
  Which rule or group decides about a call, as a sentence.

      iex> policy = Seccomp.compile!(mode: :whitelist, rules: [Enum])
      iex> Seccomp.explain(policy, {System, :cmd, 2})
      "'Elixir.System':cmd/2 is denied: the whitelist has no rule for it."
  """
  @spec explain(policy, mfa) :: String.t()
  def explain(policy, mfa), do: policy |> :seccomp.explain(mfa) |> IO.chardata_to_string()

  @doc "The whole policy as readable text."
  @spec dump(policy) :: String.t()
  defdelegate dump(policy), to: :seccomp

  @doc "The names of all groups."
  @spec groups() :: [atom]
  defdelegate groups(), to: :seccomp

  @doc "What a group holds, with a reason for each member."
  @spec group(atom) :: {:ok, map} | {:error, reason}
  defdelegate group(name), to: :seccomp

  @doc "As `group/1`, and raises `Seccomp.SeccompError`."
  @spec group!(atom) :: map
  def group!(name), do: name |> group() |> bang!()

  # -- Putting policies on processes -------------------------------------------

  @doc """
  Tightens what `pid` may call, by a policy of any form.

      iex> pid = spawn(fn -> Process.sleep(:infinity) end)
      iex> Seccomp.restrict(pid, %Seccomp.Policy{mode: :blacklist, rules: [System]})
      :ok
  """
  @spec restrict(pid, source) :: :ok | {:error, reason}
  def restrict(pid, source) do
    case Policy.to_map(source) do
      %{mode: mode, rules: rules} = map -> tighten(pid, mode, rules, map)
      # Says which of the two is missing.
      map -> with {:ok, _} <- :seccomp.compile(map), do: :ok
    end
  end

  @doc """
  Tightens what `pid` may call: from when this returns `:ok`, it runs no call
  that the policy denies. A policy that it had before goes on to hold.

      iex> pid = spawn(fn -> Process.sleep(:infinity) end)
      iex> Seccomp.restrict(pid, :whitelist, [Enum, {String, :upcase}, {Kernel, :+, 2}])
      :ok
      iex> Seccomp.restrict(pid, :blacklist, [File], spawn: :deny)
      :ok
      iex> Seccomp.info(pid).spawn
      :deny
  """
  @spec restrict(pid, mode, [rule], options) :: :ok | {:error, reason}
  def restrict(pid, mode, rules, options \\ []) do
    tighten(pid, mode, Rules.expand(rules), Map.new(options))
  end

  defp tighten(pid, mode, rules, options) do
    pid |> :seccomp.restrict(mode, rules, options) |> named()
  end

  @doc "As `restrict/2`, and raises `Seccomp.SeccompError`."
  @spec restrict!(pid, source) :: :ok
  def restrict!(pid, source), do: pid |> restrict(source) |> bang!()

  @doc "As `restrict/4`, and raises `Seccomp.SeccompError`."
  @spec restrict!(pid, mode, [rule], options) :: :ok
  def restrict!(pid, mode, rules, options \\ []) do
    pid |> restrict(mode, rules, options) |> bang!()
  end

  @doc "Forbids `pid` to spawn, and nothing else."
  @spec restrict_spawn(pid) :: :ok | {:error, reason}
  defdelegate restrict_spawn(pid), to: :seccomp

  @doc "As `restrict_spawn/1`, and raises `Seccomp.SeccompError`."
  @spec restrict_spawn!(pid) :: :ok
  def restrict_spawn!(pid), do: pid |> restrict_spawn() |> bang!()

  @doc "Puts a policy on `pid` in place of any that it has; for trusted callers."
  @spec set_policy(pid, policy) :: :ok | {:error, reason}
  defdelegate set_policy(pid, policy), to: :seccomp

  @doc "As `set_policy/2`, and raises `Seccomp.SeccompError`."
  @spec set_policy!(pid, policy) :: :ok
  def set_policy!(pid, policy), do: pid |> set_policy(policy) |> bang!()

  @doc "Makes `pid` trusted again; for trusted callers."
  @spec lift(pid) :: :ok | {:error, reason}
  defdelegate lift(pid), to: :seccomp

  @doc "As `lift/1`, and raises `Seccomp.SeccompError`."
  @spec lift!(pid) :: :ok
  def lift!(pid), do: pid |> lift() |> bang!()

  @doc "Spawns a process that is restricted before `fun` runs."
  @spec spawn(policy, (() -> any)) :: pid
  defdelegate spawn(policy, fun), to: :seccomp

  @doc "As `spawn/2`, and linked to the caller."
  @spec spawn_link(policy, (() -> any)) :: pid
  defdelegate spawn_link(policy, fun), to: :seccomp

  @doc "As `spawn/2`, and monitored by the caller."
  @spec spawn_monitor(policy, (() -> any)) :: {pid, reference}
  defdelegate spawn_monitor(policy, fun), to: :seccomp

  @doc "As `spawn/2`, with the options of `:erlang.spawn_opt/2`."
  @spec spawn_opt(policy, (() -> any), list) :: pid | {pid, reference}
  defdelegate spawn_opt(policy, fun, options), to: :seccomp

  # -- Evaluating and learning -------------------------------------------------

  @doc """
  Evaluates Elixir expressions that somebody else wrote, under a policy and
  within limits; options and reasons are those of `:seccomp_eval.eval/2`.

      iex> {:ok, %{value: value}} = Seccomp.eval("Enum.sum([1, 2, 3])")
      iex> value
      6
      iex> {:error, {:denied, %{mfa: mfa}}} = Seccomp.eval(~s{System.cmd("id", [])})
      iex> mfa
      {System, :cmd, 2}
  """
  @spec eval(String.t(), keyword | map) :: {:ok, map} | {:error, {atom, map}}
  def eval(source, options \\ []), do: Seccomp.Eval.eval(source, Map.new(options))

  @doc """
  Runs `fun` in a process of its own and learns the smallest whitelist that would
  have let it pass; `mix seccomp.learn` does it from the command line.

      iex> {:ok, learned} = Seccomp.learn(fn -> String.to_charlist("ab") end)
      iex> {:value, 'ab'} = learned.result
      iex> {String, :to_charlist, 1} in learned.policy.rules
      true
  """
  @spec learn((() -> any), keyword | map) :: {:ok, map} | {:error, reason}
  def learn(fun, options \\ []), do: :seccomp.learn(fun, Map.new(options))

  @doc "As `learn/2`, and raises `Seccomp.SeccompError`."
  @spec learn!((() -> any), keyword | map) :: map
  def learn!(fun, options \\ []), do: fun |> learn(options) |> bang!()

  @doc "Starts to learn from a live process and the children it starts from now on."
  @spec learn_start(pid, keyword | map) :: {:ok, term} | {:error, reason}
  def learn_start(pid, options \\ []), do: :seccomp.learn_start(pid, Map.new(options))

  @doc "Ends the session of `learn_start/2` and says what it learned."
  @spec learn_stop(term) :: {:ok, map} | {:error, reason}
  defdelegate learn_stop(session), to: :seccomp

  @doc "What several runs learned, as one."
  @spec learn_merge([map, ...]) :: {:ok, map} | {:error, reason}
  defdelegate learn_merge(runs), to: :seccomp

  @doc "Writes what was learned: JSON when the name ends with `.json`, else an Erlang term."
  @spec learn_write(map, Path.t()) :: :ok | {:error, reason}
  def learn_write(learned, file), do: :seccomp.learn_write(learned, IO.chardata_to_string(file))

  # -- Printing ----------------------------------------------------------------

  @doc "Gives `pid` a group leader that runs nothing; for trusted callers."
  @spec group_leader(pid, Enumerable.t()) :: {:ok, pid} | {:error, reason}
  def group_leader(pid, options \\ []), do: :seccomp.group_leader(pid, Map.new(options))

  @doc "As `group_leader/2`, and raises `Seccomp.SeccompError`."
  @spec group_leader!(pid, Enumerable.t()) :: pid
  def group_leader!(pid, options \\ []), do: pid |> group_leader(options) |> bang!()

  @doc "Logs a text through the caller's private group leader."
  @spec log(Logger.level(), IO.chardata()) :: :ok | {:error, reason}
  defdelegate log(level, text), to: :seccomp

  # -- Looking at processes ----------------------------------------------------

  @doc "The byte E M S I 0000 of a process, most significant bit first."
  @spec flags(pid) :: byte | {:error, reason}
  defdelegate flags(pid), to: :seccomp

  @doc "Under which policy a process is and who put it there, or `:trusted`."
  @spec info(pid) :: map | :trusted | {:error, reason}
  defdelegate info(pid), to: :seccomp

  @doc "As `info/1`, and raises `Seccomp.SeccompError`."
  @spec info!(pid) :: map | :trusted
  def info!(pid), do: pid |> info() |> bang!()

  @doc "Whether the caller runs inside of a gate of its policy."
  @spec in_gate?() :: boolean
  def in_gate?, do: :seccomp.in_gate()

  @doc "All restricted processes."
  @spec processes() :: [pid]
  defdelegate processes(), to: :seccomp

  @doc """
  For whom the caller acts: `:trusted`, or `{:restricted, info}` when the request
  that it handles came from a restricted process.
  """
  @spec origin() :: :trusted | {:restricted, map} | {:error, reason}
  defdelegate origin(), to: :seccomp

  @doc "Says that what the caller does from now on it does for itself."
  @spec forget_origin() :: :ok | {:error, reason}
  defdelegate forget_origin(), to: :seccomp

  @doc "As `forget_origin/0`, and raises `Seccomp.SeccompError`."
  @spec forget_origin!() :: :ok
  def forget_origin!, do: bang!(forget_origin())

  @doc "What was denied, or logged."
  @spec violations() :: map
  defdelegate violations(), to: :seccomp

  @doc "As `violations/0`, for one process."
  @spec violations(pid) :: map
  defdelegate violations(pid), to: :seccomp

  # -- Other nodes -------------------------------------------------------------

  @doc """
  Says what other nodes may do to this one: a keyword or map, `:strict` or
  `:cluster`. A `:spawn` policy may have any form that `compile/1` takes.
  """
  @spec guard_node(:strict | :cluster | keyword | map) :: :ok | {:error, reason}
  def guard_node(profile) when is_atom(profile), do: :seccomp.guard_node(profile)

  def guard_node(guard) do
    case Map.new(guard) do
      %{spawn: [{_, _} | _] = policy} = map -> %{map | spawn: Policy.to_map(policy)}
      %{spawn: %{} = policy} = map -> %{map | spawn: Policy.to_map(policy)}
      map -> map
    end
    |> :seccomp.guard_node()
    |> named()
  end

  @doc "As `guard_node/1`, and raises `Seccomp.SeccompError`."
  @spec guard_node!(:strict | :cluster | keyword | map) :: :ok
  def guard_node!(guard), do: guard |> guard_node() |> bang!()

  @doc "Takes the guard away; for trusted callers."
  @spec unguard_node() :: :ok | {:error, reason}
  defdelegate unguard_node, to: :seccomp

  @doc "As `unguard_node/0`, and raises `Seccomp.SeccompError`."
  @spec unguard_node!() :: :ok
  def unguard_node!, do: bang!(unguard_node())

  @doc "The guard that is set."
  @spec guard_info() :: map | {:error, reason}
  defdelegate guard_info, to: :seccomp

  @doc "What a ready guard holds, with the reason of each entry."
  @spec guard_profile(:strict | :cluster) :: {:ok, map} | {:error, reason}
  defdelegate guard_profile(name), to: :seccomp

  defp named({:error, reason}), do: {:error, Rules.name_macro(reason)}
  defp named(answer), do: answer

  defp bang!({:error, reason}), do: raise(SeccompError, reason: reason)
  defp bang!({:ok, value}), do: value
  defp bang!(value), do: value
end
