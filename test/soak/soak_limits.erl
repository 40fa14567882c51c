%% SPDX-License-Identifier: Apache-2.0
%%
%% What has an end: export entries for missing functions, counters, the ring,
%% processes. Each is filled from several processes at once, beyond its end.
-module(soak_limits).

-export([entries/0, processes/0]).

%% As in erl_seccomp.c and violations.rs.
-define(STUBS, 4096).
-define(COUNTERS, 16384).
-define(RING, 1024).
-define(WORKERS, 8).

%% -- Entries, counters, the ring ---------------------------------------------

-spec entries() -> [soak_check:check()].
entries() ->
    ok = logger:set_primary_config(level, none),
    {ok, Policy} = seccomp:compile(#{
        mode => whitelist, rules => [{soak_missing, f, 0}, {lists, '_'}], unknown => allow
    }),
    Each = 2500,
    %% What this part itself needs is loaded before entries are counted.
    0 = soak_wait:down(seccomp:spawn_monitor(Policy, fun() -> exit(apply_all([], 0)) end)),
    soak_check:say("~b export entries before", [export_entries()]),
    Before = export_entries(),
    Names = [
        [list_to_atom(lists:concat([f, W, "_", K])) || K <- lists:seq(1, Each)]
     || W <- lists:seq(1, ?WORKERS)
    ],
    Workers = [
        seccomp:spawn_monitor(Policy, fun() -> exit(apply_all(Mine, 0)) end)
     || Mine <- Names
    ],
    Denied = lists:sum([soak_wait:down(Worker) || Worker <- Workers]),
    Made = export_entries() - Before,
    All = ?WORKERS * Each,
    soak_check:say("~ts functions that are missing were denied, ~b entries made", [
        soak_check:count(Denied), Made
    ]),
    #{total := Total, dropped := Dropped, counters := Counters} = seccomp:violations(),
    Sum = lists:sum([N || #{count := N} <- Counters]),
    Ring = ring(Policy),
    [
        soak_check:equal("missing functions that were denied", All, Denied),
        %% Each of those that work at once may be past the comparison.
        soak_check:between("export entries made for them", 1, ?STUBS + ?WORKERS, Made),
        soak_check:equal("denials recorded", All, Total),
        soak_check:equal("counters", ?COUNTERS, length(Counters)),
        soak_check:equal("counted or dropped", All, Sum + Dropped),
        soak_check:equal("dropped", All - ?COUNTERS, Dropped),
        soak_check:equal("the ring holds the newest", true, Ring)
    ].

apply_all([], Denied) ->
    Denied;
apply_all([Name | Names], Denied) ->
    try apply(soak_missing, Name, [x]) of
        _ -> apply_all(Names, Denied)
    catch
        error:{seccomp, {soak_missing, Name, 1}} -> apply_all(Names, Denied + 1)
    end.

%% The last ones of a single process, after the crowd has gone.
ring(Policy) ->
    Last = seccomp:spawn_monitor(Policy, fun() ->
        exit(apply_all(lists:duplicate(?RING, f0_0), 0))
    end),
    ?RING = soak_wait:down(Last),
    #{total := Total, ring := Ring} = seccomp:violations(),
    [Seq || #{seq := Seq} <- Ring] =:= lists:seq(Total - ?RING + 1, Total).

%% Entries that were made while code ran are in the table that the next loading
%% of code makes the active one.
export_entries() ->
    [{Module, Code} | _] = soak_code:compile(),
    _ = code:purge(Module),
    {module, Module} = code:load_binary(Module, "generated", Code),
    Options = [{capture, all_but_first, list}],
    {match, [Entries]} = re:run(
        erlang:system_info(info), "=index_table:export_list\\n(?:.*\\n)*?entries: (\\d+)", Options
    ),
    list_to_integer(Entries).

%% -- Processes ---------------------------------------------------------------

%% In a node that has room for few: those that could not be started leave no
%% entry behind.
-spec processes() -> [soak_check:check()].
processes() ->
    ok = logger:set_primary_config(level, none),
    {ok, Policy} = seccomp:compile(#{mode => blacklist, rules => [os]}),
    Rounds = [full(Policy) || _ <- lists:seq(1, 20)],
    soak_check:say("a node of ~b processes was full 20 times", [
        erlang:system_info(process_limit)
    ]),
    [
        soak_check:equal("spawns refused for lack of room", true, lists:all(fun refused/1, Rounds)),
        soak_check:equal(
            "started and in the table", [true], lists:usort([Same || {_, Same, _} <- Rounds])
        ),
        soak_check:equal("left in the table", [0], lists:usort([Left || {_, _, Left} <- Rounds]))
    ].

refused({Refused, _, _}) -> Refused > 0.

full(Policy) ->
    Me = self(),
    {Pid, _} = Parent = seccomp:spawn_monitor(Policy, fun() ->
        Me ! {self(), fill([], 0)},
        receive
            stop -> ok
        end
    end),
    {Pids, Refused} =
        receive
            {Pid, Filled} -> Filled
        end,
    Same = lists:sort([Pid | Pids]) =:= lists:sort(seccomp:processes()),
    Monitors = [{P, monitor(process, P)} || P <- Pids],
    [exit(P, kill) || P <- Pids],
    Pid ! stop,
    [soak_wait:down(Monitor) || Monitor <- [Parent | Monitors]],
    {Refused, Same, length(seccomp:processes())}.

fill(Pids, 100) ->
    {Pids, 100};
fill(Pids, Refused) ->
    try spawn(fun() -> receive stop -> ok end end) of
        Pid -> fill([Pid | Pids], Refused)
    catch
        error:system_limit -> fill(Pids, Refused + 1)
    end.
