%% SPDX-License-Identifier: Apache-2.0
%%
%% As many live restricted processes as asked for, which share one policy: half
%% of them inherit it, half are started under it. Three times: the first round
%% makes tables grow, the others are compared.
-module(soak_processes).

-export([run/1]).

-define(ROUNDS, 3).
-define(SLACK, 24 * 1024 * 1024).
-define(SMALL, [{min_heap_size, 12}]).
%% E, M and I.
-define(FLAGS, 16#d0).

-spec run(pos_integer()) -> [soak_check:check()].
run(N) ->
    ok = logger:set_primary_config(level, none),
    Trusted = soak_wait:alone(fun() -> trusted(N) end),
    Rounds = [round(N, Round) || Round <- lists:seq(1, ?ROUNDS)],
    [{_, First, _}, {_, PeakBefore, Before}, {_, PeakAfter, After}] = Rounds,
    %% What allocators keep of two gigabytes is another thing each time; what
    %% they need for the same processes is not.
    Bound = ?SLACK + 32 * N,
    Grown = PeakAfter - PeakBefore,
    Total = map_get(total, After) - map_get(total, Before),
    lists:append([Checks || {Checks, _, _} <- Rounds]) ++
        [
            soak_check:note("a restricted process takes more by", bytes((First - Trusted) div N)),
            soak_check:equal("number of the next policy", 1, soak_memory:lowest_number()),
            soak_check:at_most(
                "from round 2 to 3, erlang:memory grew by",
                {?SLACK, soak_check:megabytes(?SLACK)},
                {Total, soak_check:megabytes(Total)}
            ),
            soak_check:at_most(
                "from round 2 to 3, highest RSS grew by",
                {Bound, soak_check:megabytes(Bound)},
                {Grown, soak_check:megabytes(Grown)}
            )
        ].

bytes(N) -> [soak_check:count(N), " bytes"].

%% The same processes without a policy.
trusted(N) ->
    Pids = [spawn_opt(fun wait/0, ?SMALL) || _ <- lists:seq(1, N)],
    Size = soak_memory:resident(),
    soak_check:say("~ts trusted processes, RSS ~ts", [
        soak_check:count(N), soak_check:megabytes(Size)
    ]),
    finish(Pids),
    Size.

%% Ends by a message; the other half are killed.
wait() ->
    receive
        stop -> ok
    end.

finish(Pids) ->
    lists:foldl(
        fun
            (Pid, true) -> exit(Pid, kill), false;
            (Pid, false) -> Pid ! stop, true
        end,
        true,
        Pids
    ),
    Left = erlang:system_info(process_count) - length(Pids),
    soak_wait:until(fun() -> erlang:system_info(process_count) =< max(Left, 200) end, ended).

round(N, Round) ->
    {Checks, Size} = soak_wait:alone(fun() -> live(N, Round) end),
    Left = seccomp:processes(),
    Settled = soak_memory:settled(),
    soak_check:say("round ~b: all ended, RSS ~ts", [
        Round, soak_check:megabytes(map_get(resident, Settled))
    ]),
    {Checks ++ [soak_check:equal(name(Round, "left in the table"), 0, length(Left))], Size, Settled}.

live(N, Round) ->
    {ok, Policy} = seccomp:compile(#{mode => blacklist, rules => soak_target:denied()}),
    Half = N div 2,
    Started = [seccomp:spawn_opt(Policy, fun wait/0, ?SMALL) || _ <- lists:seq(1, Half)],
    Inherited = inherited(Policy, N - Half),
    Pids = Started ++ Inherited,
    ok = soak_wait:until(fun() -> length(seccomp:processes()) >= N end, {table, N}),
    Size = soak_memory:resident(),
    soak_check:say("round ~b: ~ts restricted processes, RSS ~ts", [
        Round, soak_check:count(N), soak_check:megabytes(Size)
    ]),
    Table = lists:sort(seccomp:processes()),
    Flagged = length([Pid || Pid <- Pids, seccomp:flags(Pid) =:= ?FLAGS]),
    Origins = [Origin || Pid <- every(1000, Pids), #{origin := {Origin, _}} <- [seccomp:info(Pid)]],
    Checks = [
        soak_check:equal(name(Round, "in the table"), N, length(Table)),
        soak_check:equal(name(Round, "and the same ones"), true, Table =:= lists:sort(Pids)),
        soak_check:equal(name(Round, "flagged"), N, Flagged),
        soak_check:equal(
            name(Round, "have come by it"), [inherited, restricted_by], lists:usort(Origins)
        )
    ],
    finish(Pids),
    ok = soak_wait:until(fun() -> seccomp:processes() =:= [] end, table_is_empty),
    {Checks, Size}.

name(Round, What) -> ["round ", integer_to_list(Round), ": ", What].

every(N, Pids) -> [Pid || {K, Pid} <- lists:zip(lists:seq(1, length(Pids)), Pids), K rem N =:= 0].

%% Started by a restricted process, which has ended before they are counted.
inherited(Policy, N) ->
    {Pid, Monitor} = seccomp:spawn_monitor(Policy, fun() ->
        exit({started, [spawn_opt(fun wait/0, ?SMALL) || _ <- lists:seq(1, N)]})
    end),
    receive
        {'DOWN', Monitor, process, Pid, {started, Pids}} -> Pids
    end.
