%% SPDX-License-Identifier: Apache-2.0
%%
%% What policies mean, in plain Erlang: docs/policy.md as a program. It calls
%% nothing of the library and nothing native, and looks nothing up in tables; it
%% is what the library and the emulator are compared with, so it is written to
%% be read and not to be fast.
-module(seccomp_model).

-export([policy/1, spawn_only/0, meet/2, layers/1, patterns/1, matches/2]).
-export([allows/2, reaction/2, flags/1, info/1]).
-export([run/2, change/4, child/1]).

-export_type([policy/0, step/0, change/0]).

-type name() :: atom().
-type pattern() :: {name(), name(), arity() | '_'}.
-type layer() :: {whitelist | blacklist, ordsets:ordset(pattern())}.
-type policy() :: #{
    layers := ordsets:ordset(layer()),
    spawn := allow | deny,
    inherit := boolean(),
    provenance := boolean(),
    on_deny := log | raise | kill
}.
-type step() :: {call, mfa()} | {spawn, mfa()}.
%% What a process does that its policy is asked about: a call, or a spawn
%% through the BIF of this name.
-type change() :: {restrict, policy()} | {replace, policy()} | lift.

-define(MAX_LAYERS, 32).

%% -- Policies ----------------------------------------------------------------

%% The policy of a map as compile/1 takes it, whose rules are in order.
policy(#{mode := Mode, rules := Rules} = Map) ->
    Base = ['@base' || Mode =:= whitelist, maps:get(base, Map, true)],
    #{
        layers => [{Mode, patterns(Rules ++ Base)}],
        spawn => maps:get(spawn, Map, allow),
        inherit => maps:get(inherit, Map, true),
        provenance => maps:get(provenance, Map, maps:get(inherit, Map, true)),
        on_deny => maps:get(on_deny, Map, raise)
    }.

%% What restrict_spawn/1 puts on a process.
spawn_only() -> policy(#{mode => blacklist, rules => [], spawn => deny}).

patterns(Rules) -> lists:usort(lists:flatmap(fun pattern/1, Rules)).

pattern({M, F, A}) -> [{M, F, A}];
pattern({M, F}) -> [{M, F, '_'}];
pattern(Atom) ->
    case atom_to_list(Atom) of
        "@" ++ _ -> seccomp_model_groups:expand(Atom);
        _ -> [{Atom, '_', '_'}]
    end.

layers(#{layers := Layers}) -> length(Layers).

%% The policy that allows what both allow, unless it has too many layers.
%% Blacklists are one layer; one that denies nothing says nothing where there
%% are others.
meet(#{layers := L1} = P, #{layers := L2} = Q) ->
    White = lists:usort([L || {whitelist, _} = L <- L1 ++ L2]),
    Denied = lists:usort([Pattern || {blacklist, Ps} <- L1 ++ L2, Pattern <- Ps]),
    Layers = [{blacklist, Denied} || Denied =/= [] orelse White =:= []] ++ White,
    case length(Layers) =< ?MAX_LAYERS of
        true ->
            {ok, #{
                layers => Layers,
                spawn => stricter([deny, allow], spawn, P, Q),
                inherit => stricter([true, false], inherit, P, Q),
                provenance => stricter([true, false], provenance, P, Q),
                on_deny => stricter([kill, raise, log], on_deny, P, Q)
            }};
        false ->
            {error, too_many_layers}
    end.

%% The first of `Order` that one of both says.
stricter(Order, Key, P, Q) ->
    Said = [map_get(Key, P), map_get(Key, Q)],
    hd([Value || Value <- Order, lists:member(Value, Said)]).

%% -- Decisions ---------------------------------------------------------------

allows(#{layers := Layers}, Mfa) ->
    lists:all(fun(Layer) -> layer_allows(Layer, Mfa) end, Layers).

layer_allows({whitelist, Patterns}, Mfa) -> matches(Patterns, Mfa);
layer_allows({blacklist, Patterns}, Mfa) -> not matches(Patterns, Mfa).

matches(Patterns, {M, F, A}) ->
    lists:any(
        fun({Pm, Pf, Pa}) -> place(Pm, M) andalso place(Pf, F) andalso place(Pa, A) end,
        Patterns
    ).

place('_', _) -> true;
place(Value, Value) -> true;
place(_, _) -> false.

%% What becomes of a step, in a process under the policy or in a trusted one.
reaction(trusted, _) ->
    allow;
reaction(#{on_deny := OnDeny} = Policy, {call, Mfa}) ->
    case allows(Policy, Mfa) of
        true -> allow;
        false -> OnDeny
    end;
reaction(#{spawn := allow}, {spawn, _}) ->
    allow;
reaction(#{on_deny := OnDeny}, {spawn, _}) ->
    OnDeny.

%% The byte E M S I: M only where nothing but a blacklist holds.
flags(trusted) ->
    0;
flags(#{layers := Layers, spawn := Spawn, inherit := Inherit}) ->
    bit(true, 7) + bit([] =:= [w || {whitelist, _} <- Layers], 6) +
        bit(Spawn =:= deny, 5) + bit(Inherit, 4).

bit(true, N) -> 1 bsl N;
bit(false, _) -> 0.

%% What info/1 says of a process, but for who restricted it and the hash.
info(trusted) ->
    trusted;
info(#{layers := Layers, spawn := Spawn, inherit := Inherit, on_deny := OnDeny} = Policy) ->
    #{provenance := Provenance} = Policy,
    Flags = flags(Policy),
    #{
        mode =>
            case Flags band 16#40 of
                0 -> whitelist;
                16#40 -> blacklist
            end,
        flags => Flags,
        spawn => Spawn,
        inherit => Inherit,
        provenance => Provenance,
        on_deny => OnDeny,
        %% It has no servers, so its policies say nothing else.
        send => any,
        layers => length(Layers),
        rules => lists:sum([length(Patterns) || {_, Patterns} <- Layers])
    }.

%% -- Processes ---------------------------------------------------------------

%% Takes the steps one after the other, as far as they go: how that ends, and
%% what is recorded on the way.
run(Policy, Steps) -> run(Policy, Steps, []).

run(_Policy, [], Records) ->
    {done, lists:reverse(Records)};
run(Policy, [{_, Mfa} = Step | Steps], Records) ->
    case reaction(Policy, Step) of
        allow -> run(Policy, Steps, Records);
        log -> run(Policy, Steps, [{Mfa, log} | Records]);
        raise -> {{raise, Step}, lists:reverse([{Mfa, raise} | Records])};
        kill -> {{kill, Step}, lists:reverse([{Mfa, kill} | Records])}
    end.

%% What a process under `Caller` may do to one under `Target`: to itself or to
%% another one. A policy, `trusted`, or an error's name.
change(trusted, _Whom, gone, _Change) -> {error, noproc};
change(trusted, _Whom, Target, Change) -> changed(Target, Change);
change(_Restricted, self, Target, {restrict, _} = Change) -> changed(Target, Change);
change(_Restricted, _Whom, _Target, _Change) -> {error, restricted}.

changed(_Target, lift) -> {ok, trusted};
changed(_Target, {replace, Policy}) -> {ok, Policy};
changed(trusted, {restrict, Policy}) -> {ok, Policy};
changed(Target, {restrict, Policy}) -> meet(Target, Policy).

%% What a process that is started by one under this policy starts with.
child(#{inherit := true} = Policy) -> Policy;
child(_) -> trusted.
