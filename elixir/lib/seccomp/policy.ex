# SPDX-License-Identifier: Apache-2.0
defmodule Seccomp.Policy do
  @moduledoc """
  A policy as a struct, and as a module.

  The struct has the options of `Seccomp.compile/1` as its keys. One that is `nil`
  is as one that is not given.

      iex> policy = %Seccomp.Policy{mode: :whitelist, rules: [{String, :upcase}]}
      iex> compiled = Seccomp.compile!(%{policy | spawn: :deny})
      iex> Seccomp.check(compiled, {String, :upcase, 1})
      :allow

  A policy that belongs to a program can be a module of it:

      defmodule Plugins.Policy do
        use Seccomp.Policy,
          mode: :whitelist,
          rules: [:"@elixir_pure", {Plugins.Store, :get, 1}],
          spawn: :deny
      end

      Seccomp.restrict!(self(), Plugins.Policy)
      policy = Seccomp.compile!(Plugins.Policy)

  A rule that names a module or function that does not exist fails the
  compilation, with what exists and looks like it. Modules of the same project
  are compiled first; `unknown: :allow` takes what comes later. The functions
  that the policy names are listed in the documentation of the module, behind its
  own `@moduledoc`.

  The module gets two functions:

    * `policy/0` returns the struct;
    * `functions/0` returns what the rules name, as a list of
      `{module, function, arity}` with groups unfolded, without `@base`.
  """

  alias Seccomp.Policy.Definition

  @enforce_keys [:mode, :rules]
  defstruct [
    :mode,
    :rules,
    :spawn,
    :inherit,
    :provenance,
    :on_deny,
    :base,
    :unknown,
    :send,
    :comment
  ]

  @type t :: %__MODULE__{
          mode: Seccomp.mode(),
          rules: [Seccomp.rule()],
          spawn: :allow | :deny | nil,
          inherit: boolean | nil,
          provenance: boolean | nil,
          on_deny: :raise | :kill | :log | nil,
          base: boolean | nil,
          unknown: :error | :allow | nil,
          send: :any | :none | list | nil,
          comment: binary | nil
        }

  @doc false
  @callback policy() :: t
  @doc false
  @callback functions() :: [mfa]

  defmacro __using__(options) do
    # A policy is compiled again when what a module that it names exports changes.
    requires =
      for module <- Definition.named(options, __CALLER__), do: quote(do: require(unquote(module)))

    quote do
      unquote(requires)
      @behaviour Seccomp.Policy
      @before_compile Seccomp.Policy
      @seccomp_policy Seccomp.Policy.Definition.build!(unquote(options), __ENV__)

      @doc "The policy as a struct."
      @impl Seccomp.Policy
      def policy, do: @seccomp_policy

      @doc "The functions that the rules name."
      @impl Seccomp.Policy
      def functions, do: Seccomp.Policy.Definition.functions(@seccomp_policy)
    end
  end

  defmacro __before_compile__(env) do
    policy = Module.get_attribute(env.module, :seccomp_policy)

    case Module.get_attribute(env.module, :moduledoc) do
      {_, false} ->
        :ok

      false ->
        :ok

      doc ->
        text = with {_line, text} when is_binary(text) <- doc, do: text <> "\n\n"
        text = if is_binary(text), do: text, else: ""
        text = text <> Definition.doc(policy)
        Module.put_attribute(env.module, :moduledoc, {env.line, text})
    end

    nil
  end

  @doc """
  The map that `:seccomp.compile/1` takes, of a struct, a keyword, a map or the
  name of a policy module.

      iex> Seccomp.Policy.to_map(mode: :blacklist, rules: [{Kernel, :send, 2}])
      %{mode: :blacklist, rules: [{Kernel, :send, 2}, {:erlang, :send, 2}]}
  """
  @spec to_map(t | keyword | map | module) :: map
  def to_map(module) when is_atom(module) do
    if Code.ensure_loaded?(module) and function_exported?(module, :policy, 0) do
      to_map(module.policy())
    else
      raise ArgumentError, "#{inspect(module)} is no module that has `use Seccomp.Policy`"
    end
  end

  def to_map(%__MODULE__{} = policy) do
    to_map(for {key, value} <- Map.from_struct(policy), value != nil, into: %{}, do: {key, value})
  end

  def to_map(options) when is_list(options) or is_map(options) do
    case Map.new(options) do
      %{rules: rules} = map -> %{map | rules: Seccomp.Rules.expand(rules)}
      map -> map
    end
  end

  def to_map(other) do
    raise ArgumentError,
          "a policy is a keyword, a map, a struct or a policy module, and not #{inspect(other)}"
  end
end
