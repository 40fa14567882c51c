%% SPDX-License-Identifier: Apache-2.0
%%
%% Which commands can be run in a state of the model.
-module(seccomp_oracle_may).

-export([may/3]).

-import(seccomp_oracle_state, [
    proc/2, is_alive/2, is_awake/2, policy/2, caller_policy/2, handler/2
]).

-define(ROOT, 0).

may(S, spawn, [Parent, Child, Way, Map]) ->
    is_awake(S, Parent) andalso not is_map_key(Child, map_get(procs, S)) andalso
        (Parent =/= ?ROOT orelse not is_link(Way)) andalso
        not reports_crash(S, Way, seccomp_model:child(policy(S, Parent)), start(Child)) andalso
        fits_layers(policy(S, Parent), Map);
may(S, spawn_mfa, [Parent, Child, Way, Mfa]) ->
    is_awake(S, Parent) andalso not is_map_key(Child, map_get(procs, S)) andalso
        (Parent =/= ?ROOT orelse not is_link(Way)) andalso
        not reports_crash(S, Way, seccomp_model:child(policy(S, Parent)), Mfa);
may(S, call, [Id, _]) ->
    is_awake(S, Id);
may(S, once, [Id, _, _]) ->
    not is_map_key(Id, map_get(procs, S));
may(S, admin, [Caller, Target, Op]) ->
    (Caller =:= controller orelse is_awake(S, Caller)) andalso
        is_map_key(Target, map_get(procs, S)) andalso
        (Target =/= ?ROOT orelse caller_policy(S, Caller) =/= trusted) andalso
        is_exact(S, caller_policy(S, Caller), Op);
may(S, hibernate, [Id, _, _]) ->
    %% A message about an end would wake it up, sooner or later.
    is_awake(S, Id) andalso Id =/= ?ROOT andalso not map_get(monitors, proc(S, Id));
may(S, wake, [Id]) ->
    case maps:get(Id, map_get(procs, S), gone) of
        #{asleep := {proc_lib, Mfa}, policy := Policy} ->
            %% A crash in it would be reported, by its own calls of logger.
            element(1, seccomp_model:run(Policy, [{call, {proc_lib, wake_up, 3}}])) =/= done orelse
                not crashes(S, Policy, handler(S, Id), Mfa);
        #{asleep := {_, _}} ->
            true;
        _ ->
            false
    end;
may(S, kill, [Id, _]) ->
    is_alive(S, Id) andalso Id =/= ?ROOT;
may(S, link, [A, B]) ->
    is_awake(S, A) andalso is_alive(S, B) andalso A =/= B andalso A =/= ?ROOT andalso B =/= ?ROOT;
may(S, flag, [Id, _, _]) ->
    is_awake(S, Id) andalso Id =/= ?ROOT;
may(S, load, [M, _]) ->
    is_map_key(M, map_get(code, S));
may(S, delete, [M]) ->
    map_get(M, map_get(code, S)) =/= none.

is_link(Way) -> map_get(link, seccomp_oracle_ways:spawn(Way)).

start(Child) -> {seccomp_oracle_worker, start, [Child]}.

%% Whether the child would crash inside of proc_lib's `catch`: the report of it
%% is long, and made of calls that depend on logger's configuration.
reports_crash(S, Way, Policy, Mfa) ->
    map_get(catches, seccomp_oracle_ways:spawn(Way)) andalso crashes(S, Policy, false, Mfa).

crashes(S, Policy, Handler, {M, F, Args}) ->
    {Steps, Ending} = seccomp_oracle_eval:function(S, Handler, {M, F, Args}),
    case seccomp_model:run(Policy, Steps) of
        {{raise, _}, _} -> true;
        {{kill, _}, _} -> false;
        {done, _} -> Ending =:= undef
    end.

fits_layers(_Parent, none) ->
    true;
fits_layers(Parent, Map) ->
    case seccomp_model:child(Parent) of
        trusted -> true;
        Policy -> element(1, seccomp_model:meet(Policy, seccomp_model:policy(Map))) =:= ok
    end.

%% What restrict/4 calls is known only roughly.
is_exact(_S, trusted, _Op) ->
    true;
is_exact(S, Policy, {restrict, #{rules := Rules}}) ->
    [First | Rest] = seccomp_oracle_ways:admin({restrict, any}),
    lists:member(seccomp_model:reaction(Policy, First), [raise, kill]) orelse
        (seccomp_model:run(Policy, [First | Rest]) =:= {done, []} andalso
            lists:all(fun(Rule) -> needs_no_loading(S, Rule) end, Rules));
is_exact(_S, _Policy, _Op) ->
    true.

needs_no_loading(_S, '_') -> true;
needs_no_loading(_S, {'_', _, _}) -> true;
needs_no_loading(#{code := Code}, {M, F, A}) when is_map_key(M, Code) ->
    %% An open arity is looked up in the module's own list of exports.
    map_get(M, Code) =/= none andalso (A =/= '_' orelse F =:= '_');
needs_no_loading(_S, {M, _, A}) ->
    A =/= '_' andalso lists:member(M, [erlang, lists, atomics, maps]);
needs_no_loading(#{code := Code}, M) when is_map_key(M, Code) ->
    map_get(M, Code) =/= none;
needs_no_loading(_S, Rule) ->
    is_atom(Rule) andalso hd(atom_to_list(Rule)) =:= $@.

