%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_guard).

-include("seccomp_doc.hrl").

?MODULEDOC("
What other nodes may do to this one: from the terms that a user writes to what
the emulator asks about each message from another node. `docs/cluster.md` says
what a guard refuses and what it cannot.
").

-export([set/1, unset/0, info/0, configure/0]).

-export_type([guard/0, name/0, profile_name/0, info/0]).

-type name() :: atom() | {atom(), message | ping | trust | calls}.
-type profile_name() :: strict | cluster.
-type guard() :: #{
    spawn => deny | seccomp:policy() | seccomp:policy_map(),
    names => any | [name()],
    protect => [atom()],
    pids => any | known | answers | none,
    calls => [mfa()],
    shell => seccomp:policy() | seccomp:policy_map()
}.
-type info() ::
    #{status := off | closed, refused_at_boot := non_neg_integer()}
    | #{
        status := on,
        refused_at_boot := non_neg_integer(),
        spawn := deny | Hash :: binary(),
        names := any | [name()],
        protect := [atom()],
        pids := any | known | answers | none,
        calls := [mfa()],
        shell => Hash :: binary()
    }.

-type result() :: ok | {error, seccomp_error:reason()}.

%% As in erl_seccomp.h.
-define(MESSAGES, 16#01).
-define(PING, 16#02).
-define(PROTECTED, 16#08).
-define(TRUSTED, 16#10).
%% Which is protected, too.
-define(GATE, 16#28).
-define(CALLS, 16#40).

%% What erpc and rpc start on the other node, which calls what was asked for.
-define(REMOTE_CALLS, [{erpc, execute_call}, {erpc, execute_cast}]).

?NODOC.
-spec set(guard() | profile_name()) -> result().
set(Profile) when is_atom(Profile) ->
    case seccomp_guard_profile:get(Profile) of
        {ok, Guard} -> set(Guard);
        {error, _} = Error -> Error
    end;
set(Guard) ->
    case check(Guard) of
        ok -> with_shell(Guard);
        {error, _} = Error -> Error
    end.

?NODOC.
-spec unset() -> result().
unset() ->
    case answer(seccomp_nif:guard_unset()) of
        ok -> seccomp_rshell_gate:withdraw();
        {error, _} = Error -> Error
    end.

?NODOC.
-spec info() -> info() | {error, seccomp_error:reason()}.
info() ->
    case seccomp_nif:guard_state() of
        #{status := ok, names := Names, other_names := Others} = State ->
            shell_info(#{
                status => on,
                refused_at_boot => map_get(refused_at_boot, State),
                spawn => map_get(spawn, State),
                pids => map_get(pids, State),
                calls => map_get(calls, State),
                protect => [Name || {Name, ?PROTECTED} <- Names],
                names =>
                    case Others of
                        any ->
                            any;
                        listed ->
                            [
                                name(Name)
                             || {_, Rights} = Name <- Names, Rights =/= ?PROTECTED, Rights =/= ?GATE
                            ]
                    end
            });
        {error, _} = Error ->
            answer(Error);
        State ->
            maps:with([status, refused_at_boot], State)
    end.

shell_info(Info) ->
    case seccomp_rshell_gate:offered() of
        none -> Info;
        {Policy, _} ->
            Facts = seccomp_nif:policy_info(seccomp:reference(Policy)),
            Info#{shell => map_get(hash, Facts)}
    end.

name({Name, ?PING}) -> {Name, ping};
name({Name, ?MESSAGES}) -> Name;
name({Name, ?MESSAGES bor ?TRUSTED}) -> {Name, trust};
name({Name, ?CALLS bor ?TRUSTED}) -> {Name, calls}.

?DOC("
Sets the guard of the node's configuration, if there is one: the application's
environment has `guard`, or the command line `-seccomp_guard strict` (or
`cluster`). With that flag the emulator refuses everything from boot until this
is called; the value `config` leaves what comes then to the environment.
").
-spec configure() -> result().
configure() ->
    case {application:get_env(seccomp, guard), init:get_argument(seccomp_guard)} of
        {undefined, error} -> ok;
        {{ok, Guard}, _} when is_map(Guard); is_atom(Guard) -> set(Guard);
        {{ok, Other}, _} -> bad(guard, Other);
        {undefined, {ok, Values}} -> set_flag(lists:last(Values))
    end.

set_flag(["strict"]) -> set(strict);
set_flag(["cluster"]) -> set(cluster);
set_flag(["config"]) -> {error, {missing_option, #{option => guard, expected => expected(guard)}}};
set_flag(Other) -> bad(guard, Other).

%% -- What a user writes ------------------------------------------------------

keys() -> [spawn, names, protect, pids, calls, shell].

check(Guard) ->
    case maps:keys(maps:without(keys(), Guard)) of
        [] ->
            Wrong = [{Key, V} || {Key, V} <- maps:to_list(Guard), not is_value(Key, V)],
            case Wrong of
                [] -> all_ok([fun check_calls/1, fun check_overlap/1, fun check_shell/1], Guard);
                [{Key, Value} | _] -> bad(Key, Value)
            end;
        [Option | _] ->
            {error,
                {unknown_option, #{option => Option, known => keys(), did_you_mean => none}}}
    end.

check_calls(Guard) -> seccomp_guard_calls:check(maps:get(calls, Guard, [])).

%% Whoever names a process in both has made a mistake in one of them.
check_overlap(Guard) ->
    Protected = maps:get(protect, Guard, []),
    Named = [name_of(Name) || is_list(names(Guard)), Name <- names(Guard)],
    case [Name || Name <- Named, lists:member(Name, Protected)] of
        [] -> ok;
        [Name | _] -> bad(protect, Name)
    end.

%% The other node has to write to the shell, and remote calls have to be let in for
%% one to be asked for.
check_shell(#{shell := _, pids := Pids}) when Pids =/= none ->
    ok;
check_shell(#{shell := _}) ->
    {error,
        {missing_option, #{
            option => pids,
            expected => <<"pids => known, or nobody can type into the shells that are offered">>
        }}};
check_shell(_Guard) ->
    ok.

all_ok([Check | Checks], Guard) ->
    case Check(Guard) of
        ok -> all_ok(Checks, Guard);
        {error, _} = Error -> Error
    end;
all_ok([], _Guard) ->
    ok.

names(Guard) -> maps:get(names, Guard, []).

name_of({Name, _}) -> Name;
name_of(Name) -> Name.

is_value(spawn, deny) -> true;
is_value(spawn, {seccomp_policy, Ref}) -> is_reference(Ref);
is_value(spawn, Map) -> is_map(Map);
is_value(names, any) -> true;
is_value(names, Names) -> is_list_of(fun is_name/1, Names);
is_value(shell, Shell) -> is_map(Shell) orelse (is_value(spawn, Shell) andalso Shell =/= deny);
is_value(protect, Names) -> is_list_of(fun is_atom/1, Names);
is_value(pids, Pids) -> lists:member(Pids, [any, known, answers, none]);
is_value(calls, Calls) -> seccomp_guard_calls:is_calls(Calls).

is_name({Name, Right}) ->
    is_atom(Name) andalso lists:member(Right, [message, ping, trust, calls]);
is_name(Name) -> is_atom(Name).

is_list_of(_Is, []) -> true;
is_list_of(Is, [First | Rest]) -> Is(First) andalso is_list_of(Is, Rest);
is_list_of(_Is, _) -> false.

bad(Option, Value) ->
    {error, {bad_option, #{option => Option, value => Value, expected => expected(Option)}}}.

expected(spawn) -> <<"deny, a policy or a map that makes one, and children have to inherit it">>;
expected(names) -> <<"any or a list of names, each an atom, {Name, message}, ",
        "{Name, ping}, {Name, trust} or {Name, calls}">>;
expected(protect) -> <<"a list of registered names, none of which is in names">>;
expected(shell) -> <<"a policy, or a map that makes one">>;
expected(pids) -> <<"any, known, answers or none">>;
expected(calls) -> <<"a list of {Module, Function, Arity}; there are no wildcards">>;
expected(guard) -> <<"strict, cluster or a map, as seccomp:guard_node/1 takes it">>.

%% -- Shells ------------------------------------------------------------------

with_shell(#{shell := Shell} = Guard) ->
    case {seccomp_rshell:compile(Shell), spawn_policy(gated(maps:get(spawn, Guard, deny)))} of
        {{ok, Policy}, {ok, Ref}} ->
            case with_policy({seccomp_policy, Ref}, Guard) of
                ok -> seccomp_rshell_gate:offer(Policy, seccomp:policy(Ref));
                {error, _} = Error -> Error
            end;
        {{error, _} = Error, _} ->
            Error;
        {_, {error, _} = Error} ->
            Error
    end;
with_shell(Guard) ->
    case with_policy(maps:get(spawn, Guard, deny), Guard) of
        ok -> seccomp_rshell_gate:withdraw();
        {error, _} = Error -> Error
    end.

spawn_policy({seccomp_policy, Ref} = Policy) ->
    Denied = [
        M
     || {M, F, A} <- seccomp_rshell_gate:rules(), seccomp_nif:check(Ref, M, F, A) =/= allow
    ],
    case Denied of
        [] -> {ok, Ref};
        _ -> bad(spawn, Policy)
    end;
spawn_policy(Map) ->
    seccomp_policy:compile(Map, ?REMOTE_CALLS).

%% Remote calls may enter the gate and ask its process. Where they are denied
%% otherwise, that is all they may.
gated(deny) ->
    gated(#{mode => whitelist, rules => [], comment => <<"remote shells, and nothing else">>});
gated(#{mode := whitelist, rules := Rules} = Map) when is_list(Rules) ->
    Added = [Rule || Rule <- seccomp_rshell_gate:rules(), not lists:member(Rule, Rules)],
    gated_send(Map#{rules := Rules ++ Added});
gated(#{mode := blacklist} = Map) ->
    gated_send(Map);
gated(Other) ->
    Other.

gated_send(Map) ->
    case maps:get(send, Map, default(Map)) of
        none -> Map#{send => [seccomp_rshell_gate]};
        Send when is_list(Send) ->
            Gate = [seccomp_rshell_gate || not lists:member(seccomp_rshell_gate, Send)],
            Map#{send => Send ++ Gate};
        _ -> Map
    end.

default(#{mode := whitelist}) -> [self, parent, children, replies];
default(_) -> any.

%% -- For the native library --------------------------------------------------

with_policy(deny, Guard) ->
    apply_guard(deny, Guard);
with_policy({seccomp_policy, Ref}, Guard) ->
    case seccomp_nif:policy_info(Ref) of
        #{inherit := true} -> apply_guard(Ref, Guard);
        #{spawn := deny} -> apply_guard(Ref, Guard);
        _ -> bad(spawn, {seccomp_policy, Ref})
    end;
with_policy(Map, Guard) ->
    case spawn_policy(Map) of
        {ok, Ref} -> with_policy({seccomp_policy, Ref}, Guard);
        {error, _} = Error -> Error
    end.

apply_guard(Policy, Guard) ->
    {Others, Listed} =
        case names(Guard) of
            any -> {any, []};
            Names -> {listed, Names}
        end,
    Rights = maps:from_list(
        [{name_of(Name), rights(Name)} || Name <- Listed] ++
            [{Name, ?PROTECTED} || Name <- maps:get(protect, Guard, [])] ++
            [{seccomp_rshell_gate, ?GATE} || is_map_key(shell, Guard)]
    ),
    Pids = maps:get(pids, Guard, none),
    Calls = lists:usort(maps:get(calls, Guard, [])),
    answer(seccomp_nif:guard_set(Policy, maps:to_list(Rights), Others, Pids, Calls)).

rights({_, ping}) -> ?PING;
rights({_, trust}) -> ?MESSAGES bor ?TRUSTED;
rights({_, calls}) -> ?CALLS bor ?TRUSTED;
rights(_) -> ?MESSAGES.

answer({error, Reason}) -> {error, seccomp_error:complete(Reason, self())};
answer(Answer) -> Answer.
