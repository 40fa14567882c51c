%% SPDX-License-Identifier: Apache-2.0
%%
%% The model of a node: who is there, under what, which code is loaded, what was
%% recorded. Processes have numbers, of which 0 is the trusted one that all
%% others come from.
-module(seccomp_oracle_state).

-export([initial/0, new/2, add/3, alive/1, awake/1, asleep/1, is_alive/2, is_awake/2]).
-export([proc/2, policy/2, caller_policy/2, handler/2, update/4, steps/3, steps/4, counted/2]).
-export([gone/3, link/3]).

-define(ROOT, 0).

%% -- The state ---------------------------------------------------------------

%% `stats` counts what became of the steps of restricted processes.
initial() ->
    #{
        procs => #{?ROOT => new(trusted, none)},
        code => maps:from_list([{M, 1} || M <- seccomp_oracle_hot:modules()]),
        records => [],
        hits => 0,
        sends => 0,
        stats => #{}
    }.

new(Policy, Origin) ->
    #{
        policy => Policy,
        origin => Origin,
        links => [],
        monitors => false,
        asleep => no,
        handler => false
    }.

alive(#{procs := Procs}) -> [Id || {Id, #{}} <- maps:to_list(Procs), Id =/= ?ROOT].

awake(#{procs := Procs}) -> [Id || {Id, #{asleep := no}} <- maps:to_list(Procs), Id =/= ?ROOT].

asleep(S) -> alive(S) -- awake(S).

proc(#{procs := Procs}, Id) -> map_get(Id, Procs).

policy(S, Id) ->
    case proc(S, Id) of
        gone -> gone;
        #{policy := Policy} -> Policy
    end.

add(#{procs := Procs} = S, Id, Proc) -> S#{procs := Procs#{Id => Proc}}.

update(#{procs := Procs} = S, Id, Key, Value) ->
    Proc = map_get(Id, Procs),
    S#{procs := Procs#{Id := Proc#{Key := Value}}}.

is_alive(S, Id) -> is_map(maps:get(Id, map_get(procs, S), gone)).

is_awake(S, Id) ->
    case maps:get(Id, map_get(procs, S), gone) of
        #{asleep := no} -> true;
        _ -> false
    end.

caller_policy(_S, controller) -> trusted;
caller_policy(S, Id) -> policy(S, Id).

handler(S, Id) -> map_get(handler, proc(S, Id)).

%% -- Steps -------------------------------------------------------------------

steps(S, Id, Steps) -> steps(S, Id, policy(S, Id), Steps).

%% Takes them, and remembers what is recorded.
steps(#{records := Records} = S, Id, Policy, Steps) ->
    {Ending, New} = seccomp_model:run(Policy, Steps),
    Recorded = [{Id, Mfa, Action, Policy} || {Mfa, Action} <- New],
    Taken =
        case Ending of
            done -> Steps;
            {_, Denied} -> lists:takewhile(fun(Step) -> Step =/= Denied end, Steps) ++ [Denied]
        end,
    Allowed = [allow || Policy =/= trusted, _ <- lists:seq(length(New) + 1, length(Taken))],
    S1 = S#{records := lists:reverse(Recorded, Records)},
    Spawns = [spawn_denied || {_, {spawn, _}} <- [Ending]],
    {Ending, lists:foldl(fun counted/2, S1, Allowed ++ [Action || {_, Action} <- New] ++ Spawns)}.

counted(Key, #{stats := Stats} = S) ->
    S#{stats := maps:update_with(Key, fun(N) -> N + 1 end, 1, Stats)}.

%% -- Ends --------------------------------------------------------------------

%% With `true` those go along that are linked.
gone(#{procs := Procs} = S, Id, Spreads) ->
    case map_get(Id, Procs) of
        gone ->
            S;
        #{links := Links} ->
            S1 = S#{procs := Procs#{Id := gone}},
            case Spreads of
                true -> lists:foldl(fun(Other, Acc) -> gone(Acc, Other, true) end, S1, Links);
                false -> S1
            end
    end.

link(S, A, B) ->
    S1 = update(S, A, links, lists:usort([B | map_get(links, proc(S, A))])),
    update(S1, B, links, lists:usort([A | map_get(links, proc(S1, B))])).

