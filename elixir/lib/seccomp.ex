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
          | {:on_deny, :raise | :kill | :log}
          | {:base, boolean}
          | {:unknown, :error | :allow}
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
