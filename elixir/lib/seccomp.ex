# SPDX-License-Identifier: Apache-2.0
defmodule Seccomp do
  @moduledoc """
  Per-process function-call policies.

  A thin wrapper of the Erlang module `:seccomp`: options are keywords or maps,
  each function that returns `{:error, reason}` has a variant with `!` that
  raises `Seccomp.Error`, and the rest is delegated.

      {:ok, policy} =
        Seccomp.compile(mode: :whitelist, rules: [Enum, {String, :upcase}, :"@pure"])

      Seccomp.spawn(policy, fn -> String.upcase("only this") end)

  Rules are `Module`, `{Module, function}`, `{Module, function, arity}` or a
  group such as `:"@pure"`; `:_` is the wildcard in each place.
  """

  @typedoc "A compiled policy. Any number of processes can share one."
  @type policy :: :seccomp.policy()
  @type mode :: :whitelist | :blacklist
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
  @type reason :: {atom, map}

  defmodule Error do
    @moduledoc "Raised by the functions with `!`; `reason` is `{name, facts}`."
    defexception [:reason]

    @impl true
    def message(%{reason: reason}) do
      reason |> :seccomp.format_error() |> IO.chardata_to_string()
    end
  end

  @doc "Compiles a policy; needs `:mode` and `:rules`."
  @spec compile([{:mode, mode} | {:rules, list} | option] | map) ::
          {:ok, policy} | {:error, reason}
  def compile(policy), do: policy |> Map.new() |> :seccomp.compile()

  @doc "As `compile/1`, and raises `Seccomp.Error`."
  @spec compile!([{:mode, mode} | {:rules, list} | option] | map) :: policy
  def compile!(policy), do: policy |> compile() |> bang!()

  @doc "Reads and compiles a policy from a file, `NAME.json` or `NAME.terms`."
  @spec load_policy(Path.t()) :: {:ok, policy} | {:error, reason}
  def load_policy(file), do: file |> IO.chardata_to_string() |> :seccomp.load_policy()

  @doc "As `load_policy/1`, and raises `Seccomp.Error`."
  @spec load_policy!(Path.t()) :: policy
  def load_policy!(file), do: file |> load_policy() |> bang!()

  @doc "Tightens what `pid` may call."
  @spec restrict(pid, mode, list, options) :: :ok | {:error, reason}
  def restrict(pid, mode, rules, options \\ []) do
    :seccomp.restrict(pid, mode, rules, Map.new(options))
  end

  @doc "As `restrict/4`, and raises `Seccomp.Error`."
  @spec restrict!(pid, mode, list, options) :: :ok
  def restrict!(pid, mode, rules, options \\ []) do
    pid |> restrict(mode, rules, options) |> bang!()
  end

  @doc "Puts a policy on `pid` in place of any that it has; for trusted callers."
  @spec set_policy(pid, policy) :: :ok | {:error, reason}
  defdelegate set_policy(pid, policy), to: :seccomp

  @doc "As `set_policy/2`, and raises `Seccomp.Error`."
  @spec set_policy!(pid, policy) :: :ok
  def set_policy!(pid, policy), do: pid |> set_policy(policy) |> bang!()

  @doc "Forbids `pid` to spawn, and nothing else."
  @spec restrict_spawn(pid) :: :ok | {:error, reason}
  defdelegate restrict_spawn(pid), to: :seccomp

  @doc "As `restrict_spawn/1`, and raises `Seccomp.Error`."
  @spec restrict_spawn!(pid) :: :ok
  def restrict_spawn!(pid), do: pid |> restrict_spawn() |> bang!()

  @doc """
  Says what other nodes may do to this one: a keyword or map, `:strict` or
  `:cluster`. A `:spawn` policy may be a keyword, too.
  """
  @spec guard_node(:strict | :cluster | keyword | map) :: :ok | {:error, reason}
  def guard_node(profile) when is_atom(profile), do: :seccomp.guard_node(profile)

  def guard_node(guard) do
    guard
    |> Map.new(fn
      {:spawn, [{_, _} | _] = policy} -> {:spawn, Map.new(policy)}
      pair -> pair
    end)
    |> :seccomp.guard_node()
  end

  @doc "As `guard_node/1`, and raises `Seccomp.Error`."
  @spec guard_node!(:strict | :cluster | keyword | map) :: :ok
  def guard_node!(guard), do: guard |> guard_node() |> bang!()

  @doc "Takes the guard away; for trusted callers."
  @spec unguard_node() :: :ok | {:error, reason}
  defdelegate unguard_node, to: :seccomp

  @doc "As `unguard_node/0`, and raises `Seccomp.Error`."
  @spec unguard_node!() :: :ok
  def unguard_node!, do: bang!(unguard_node())

  @doc "The guard that is set."
  @spec guard_info() :: map | {:error, reason}
  defdelegate guard_info, to: :seccomp

  @doc "What a ready guard holds, with the reason of each entry."
  @spec guard_profile(:strict | :cluster) :: {:ok, map} | {:error, reason}
  defdelegate guard_profile(name), to: :seccomp

  @doc "Makes `pid` trusted again; for trusted callers."
  @spec lift(pid) :: :ok | {:error, reason}
  defdelegate lift(pid), to: :seccomp

  @doc "As `lift/1`, and raises `Seccomp.Error`."
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

  @doc "Gives `pid` a group leader that runs nothing; for trusted callers."
  @spec group_leader(pid, Enumerable.t()) :: {:ok, pid} | {:error, reason}
  def group_leader(pid, options \\ []), do: :seccomp.group_leader(pid, Map.new(options))

  @doc "What a policy says to a call, without making it."
  @spec check(policy, mfa) :: :allow | {:deny, map}
  defdelegate check(policy, mfa), to: :seccomp

  @doc "Which rule or group decides about a call, as a sentence."
  @spec explain(policy, mfa) :: String.t()
  def explain(policy, mfa), do: policy |> :seccomp.explain(mfa) |> IO.chardata_to_string()

  @doc """
  Evaluates Elixir expressions that somebody else wrote, under a policy and
  within limits; options and reasons are those of `:seccomp_eval.eval/2`.

      {:ok, %{value: 6}} = Seccomp.eval("Enum.sum([1, 2, 3])")
      {:error, {:denied, %{mfa: {System, :cmd, 2}}}} = Seccomp.eval(~s{System.cmd("id", [])})
  """
  @spec eval(String.t(), keyword | map) :: {:ok, map} | {:error, {atom, map}}
  def eval(source, options \\ []), do: Seccomp.Eval.eval(source, Map.new(options))

  @doc "Under which policy a process is and who put it there, or `:trusted`."
  @spec info(pid) :: map | :trusted | {:error, reason}
  defdelegate info(pid), to: :seccomp

  @doc """
  For whom the caller acts: `:trusted`, or `{:restricted, info}` when the request
  that it handles came from a restricted process.
  """
  @spec origin() :: :trusted | {:restricted, map} | {:error, reason}
  defdelegate origin(), to: :seccomp

  @doc "Says that what the caller does from now on it does for itself."
  @spec forget_origin() :: :ok | {:error, reason}
  defdelegate forget_origin(), to: :seccomp

  @doc "As `forget_origin/0`, and raises `Seccomp.Error`."
  @spec forget_origin!() :: :ok
  def forget_origin!(), do: forget_origin() |> bang!()

  @doc "What was denied, or logged."
  @spec violations() :: map
  defdelegate violations(), to: :seccomp

  @doc "As `violations/0`, for one process."
  @spec violations(pid) :: map
  defdelegate violations(pid), to: :seccomp

  @doc "What this emulator enforces."
  @spec enforcement() :: map
  defdelegate enforcement(), to: :seccomp

  defp bang!(:ok), do: :ok
  defp bang!({:ok, value}), do: value
  defp bang!({:error, reason}), do: raise(Error, reason: reason)
end
