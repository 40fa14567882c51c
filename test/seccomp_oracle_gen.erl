%% SPDX-License-Identifier: Apache-2.0
%%
%% Random policies, functions and expressions. Names come from a small world, so
%% that rules and calls meet.
-module(seccomp_oracle_gen).

-include("seccomp_oracle.hrl").

-export([policy/0, tightening/0, mfa/0, hot/0, expression/0, called/1, same/1]).

-import(proper_types, [oneof/1, frequency/1, list/1, elements/1, boolean/0, resize/2, exactly/1]).

%% A type is built once: that takes longer than to draw from it.
once(Name, Build) ->
    case persistent_term:get({?MODULE, Name}, undefined) of
        undefined ->
            Type = Build(),
            persistent_term:put({?MODULE, Name}, Type),
            Type;
        Type ->
            Type
    end.

%% -- Policies ----------------------------------------------------------------

%% A map as compile/1 takes it. Wide whitelists are there because under a
%% narrow one a process gets nowhere.
policy() -> once(policy, fun any_policy/0).

any_policy() ->
    ?LET(
        {Mode, Rules, Spawn, Inherit, OnDeny, Base},
        ?LET(
            Kind,
            frequency([{4, wide}, {2, narrow}, {4, black}]),
            {
                case Kind of
                    black -> blacklist;
                    _ -> whitelist
                end,
                rules(Kind),
                frequency([{4, allow}, {1, deny}]),
                frequency([{4, true}, {1, false}]),
                frequency([{5, raise}, {1, kill}, {2, log}]),
                frequency([{3, true}, {1, false}])
            }
        ),
        #{
            mode => Mode,
            rules => Rules,
            spawn => Spawn,
            inherit => Inherit,
            on_deny => OnDeny,
            base => Base,
            unknown => allow
        }
    ).

rules(black) ->
    distinct(resize(5, list(rule())));
rules(narrow) ->
    distinct(resize(4, list(rule())));
rules(wide) ->
    ?LET(
        {Without, More},
        {resize(4, list(elements(infrastructure()))), resize(6, list(rule()))},
        distinct(exactly((infrastructure() -- Without) ++ More))
    ).

%% For a process that restricts itself: what it names has to be loaded.
tightening() -> once(tightening, fun any_tightening/0).

any_tightening() ->
    ?LET(
        Policy,
        policy(),
        ?LET(
            Rules,
            distinct(resize(5, list(frequency([{2, mfa()}, {2, wildcard()}, {1, group()}])))),
            Policy#{rules := Rules}
        )
    ).

%% The same rule twice is an error, also where it is written in another way.
distinct(Type) ->
    ?LET(Rules, Type, first_of_each(Rules, [])).

first_of_each([], _Seen) ->
    [];
first_of_each([Rule | Rules], Seen) ->
    Same = same(Rule),
    case lists:member(Same, Seen) of
        true -> first_of_each(Rules, Seen);
        false -> [Rule | first_of_each(Rules, [Same | Seen])]
    end.

same({M, F}) -> {M, F, '_'};
same({M, F, A}) -> {M, F, A};
same(Atom) ->
    case atom_to_list(Atom) of
        "@" ++ _ -> Atom;
        _ -> {Atom, '_', '_'}
    end.

%% What a process needs to do most of what the oracle has it do.
infrastructure() ->
    [
        erlang, erts_internal, proc_lib, seccomp, seccomp_attach, seccomp_nif, seccomp_policy,
        seccomp_error, seccomp_oracle_worker, atomics, {lists, '_', 2}, {lists, foldl},
        {lists, keyfind, 3}, {maps, '_'}, error_handler, {code, ensure_loaded, 1},
        {code_server, call, '_'}, seccomp_hot_a, {seccomp_hot_b, '_', 1}, {seccomp_hot_c, f}
    ].

rule() ->
    frequency([{4, mfa()}, {3, open(mfa())}, {2, wildcard()}, {2, group()}]).

open(Type) ->
    ?LET({{M, F, _}, Kind}, {Type, elements([module, all, function, any])},
        case Kind of
            module -> M;
            all -> {M, '_'};
            function -> {M, F};
            any -> {M, F, '_'}
        end).

wildcard() ->
    ?LET({{M, F, A}, Kind}, {mfa(), frequency([
        {3, module_arity}, {3, function_arity}, {3, function}, {1, arity}, {1, everything}
    ])},
        case Kind of
            module_arity -> {M, '_', A};
            function_arity -> {'_', F, A};
            function -> {'_', F, '_'};
            arity -> {'_', '_', A};
            everything -> '_'
        end).

group() ->
    elements([
        '@base', '@pure', '@operators', '@messaging', '@spawn', '@process_control', '@tighten',
        '@seccomp', '@dictionary', '@introspect', '@code', '@internal', '@system',
        '@potentially_unsafe'
    ]).

%% A function that something in this world calls.
mfa() -> once(mfa, fun any_mfa/0).

any_mfa() ->
    frequency([
        {4, ?LET({M, F, Args}, hot(), {M, F, length(Args)})},
        {3, ?LET({M, F, Args}, elements(seccomp_oracle_ways:builtins()), {M, F, length(Args)})},
        {3, elements(asked())}
    ]).

%% What the ways of calling, spawning and changing ask about.
asked() ->
    Spawns = [seccomp_oracle_ways:spawn(Way) || Way <- seccomp_oracle_ways:spawns()],
    Steps = lists:append([
        lists:append([map_get(Key, Spawn) || Key <- [parent, inside, rescue, child]])
     || Spawn <- Spawns
    ]),
    Ops = [{set_policy, none}, lift, restrict_spawn, {nif_restrict, none}, nif_lift],
    Admin = lists:append([seccomp_oracle_ways:admin(Op) || Op <- Ops]),
    Missing = seccomp_oracle_ways:missing(seccomp_hot_a, true, loaded) ++
        seccomp_oracle_ways:missing(seccomp_hot_a, false, not_loaded),
    lists:usort([Mfa || {_, Mfa} <- Steps ++ Admin ++ Missing]) ++
        [
            {erlang, apply, 2}, {erlang, apply, 3}, {erlang, make_fun, 3}, {lists, map, 2},
            {erlang, error, 1}, {erlang, exit, 1}, {erlang, throw, 1}, {erlang, link, 1},
            {erlang, process_flag, 2}, {erlang, hibernate, 3}, {proc_lib, hibernate, 3},
            {proc_lib, wake_up, 3}, {seccomp_oracle_worker, start, 1},
            {seccomp_oracle_worker, awake, 1}, {seccomp_oracle_worker, undefined_function, 3}
        ].

%% -- Calls -------------------------------------------------------------------

%% Module, function and arguments. Twice as often one that counts.
hot() -> once(hot, fun any_hot/0).

any_hot() ->
    Functions = elements(seccomp_oracle_hot:functions()),
    ?LET(
        {M, {F, A}},
        {
            elements(seccomp_oracle_hot:modules()),
            frequency([{2, exactly({hit, 1})}, {5, Functions}, {1, {nope(), 1}}])
        },
        {M, F, arguments(F, A)}
    ).

%% In no version. Most have no export entry at first, and a restricted process
%% may come to make at most 4096 of them.
nope() ->
    ?LET(N, proper_types:range(1, 400), list_to_atom("nope_" ++ integer_to_list(N))).

arguments(hit, 1) -> ['$counter'];
arguments(_, A) -> lists:sublist([x, y], A).

function() -> once(function, fun any_function/0).

any_function() -> frequency([{3, hot()}, {2, elements(seccomp_oracle_ways:builtins())}]).

call() ->
    ?LET(Mfa, function(), ?LET(Way, elements(seccomp_oracle_ways:calls(Mfa)), {call, Way, Mfa})).

expression() -> once(expression, fun() -> expression(2) end).

expression(0) ->
    frequency([{6, call()}, {1, raise()}]);
expression(N) ->
    Inner = expression(N - 1),
    frequency([
        {6, call()},
        {1, raise()},
        {2, {'try', Inner, Inner}},
        {1, {'after', Inner, Inner}},
        {1, {'catch', Inner}},
        {2, {then, Inner, Inner}}
    ]).

raise() -> {raise, oneof([error, exit, throw, badmatch]), oneof([ball, {some, reason}])}.

%% The functions that an expression calls.
called({call, _, Mfa}) -> [Mfa];
called({raise, _, _}) -> [];
called({'catch', E}) -> called(E);
called({_, E1, E2}) -> called(E1) ++ called(E2).
