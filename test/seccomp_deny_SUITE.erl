%% SPDX-License-Identifier: Apache-2.0
%%
%% What a denial does, and what is remembered of it.
-module(seccomp_deny_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([
    kill_ends_every_call/1,
    kill_runs_no_handler/1,
    kill_reaches_links_and_monitors/1,
    kill_frees_what_the_process_had/1,
    log_lets_every_call_run/1,
    log_counts_every_call/1,
    violations_are_exact/1,
    violations_of_one_process/1,
    violations_are_bounded/1,
    violations_are_events/1,
    recording_from_many_processes/1
]).
-export([fill/1, log/2]).

-define(T, seccomp_test_target).
-define(HIT, {?T, hit, 1}).

%% A call that should have been denied may leave somebody waiting.
suite() -> [{timetrap, {seconds, 60}}].

all() ->
    [
        kill_ends_every_call,
        kill_runs_no_handler,
        kill_reaches_links_and_monitors,
        kill_frees_what_the_process_had,
        log_lets_every_call_run,
        log_counts_every_call,
        violations_are_exact,
        violations_of_one_process,
        violations_are_bounded,
        violations_are_events,
        recording_from_many_processes
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

init_per_testcase(_Case, Config) ->
    [{env, seccomp_test_calls:env()} | Config].

end_per_testcase(_Case, Config) ->
    seccomp_test_calls:close(?config(env, Config)).

deny(OnDeny) -> deny([?HIT], OnDeny).

deny(Rules, OnDeny) -> seccomp_test_run:policy(blacklist, Rules, #{on_deny => OnDeny}).

%% -- Kill --------------------------------------------------------------------

%% The whole table of calls: the process ends with this reason whichever way
%% the call is made, also where a try, a catch or an `after` surrounds it.
kill_ends_every_call(Config) ->
    Env = ?config(env, Config),
    Before = seccomp_test_calls:effect(Env),
    Wrong = [
        {Name, Position, Outcome}
     || #{name := Name, mfa := Mfa} = Call <- seccomp_test_calls:calls(Env),
        Policy <- [deny([Mfa], kill)],
        Position <- [body, tail, 'try', 'catch', 'after'],
        Outcome <- [seccomp_test_calls:run(Policy, Position, Call)],
        Outcome =/= {died, {seccomp, Mfa}}
    ],
    ?assertEqual([], Wrong),
    ?assertEqual(Before, seccomp_test_calls:effect(Env)).

kill_runs_no_handler(Config) ->
    #{counter := Counter} = ?config(env, Config),
    Handlers = atomics:new(1, []),
    Ran = fun() -> atomics:add(Handlers, 1, 1) end,
    Outcome = seccomp_test_run:in(deny(kill), fun() ->
        try
            try
                lists:foreach(fun(C) -> catch ?T:hit(C) end, [Counter, Counter])
            catch
                _:_ -> Ran()
            after
                Ran()
            end
        catch
            _:_ -> Ran()
        after
            Ran()
        end,
        Ran()
    end),
    ?assertEqual({died, {seccomp, ?HIT}}, Outcome),
    ?assertEqual({0, 0}, {atomics:get(Counter, 1), atomics:get(Handlers, 1)}).

kill_reaches_links_and_monitors(Config) ->
    #{counter := Counter} = ?config(env, Config),
    process_flag(trap_exit, true),
    Pid = seccomp:spawn_link(deny(kill), fun() ->
        process_flag(trap_exit, true),
        receive
            go -> catch ?T:hit(Counter)
        end
    end),
    Monitor = monitor(process, Pid),
    Pid ! go,
    receive
        {'DOWN', Monitor, process, Pid, Down} -> ?assertEqual({seccomp, ?HIT}, Down)
    end,
    receive
        {'EXIT', Pid, Exit} -> ?assertEqual({seccomp, ?HIT}, Exit)
    end,
    ?assertEqual(0, atomics:get(Counter, 1)).

kill_frees_what_the_process_had(Config) ->
    #{counter := Counter} = ?config(env, Config),
    Outcome = seccomp_test_run:in(deny(kill), fun() ->
        true = register(?MODULE, self()),
        ?MODULE = ets:new(?MODULE, [named_table]),
        ?T:hit(Counter)
    end),
    ?assertEqual({died, {seccomp, ?HIT}}, Outcome),
    ?assertEqual({undefined, undefined}, {whereis(?MODULE), ets:whereis(?MODULE)}).

%% -- Log ---------------------------------------------------------------------

log_lets_every_call_run(Config) ->
    Env = ?config(env, Config),
    Wrong = [
        {Name, Position, Outcome, Logged}
     || #{name := Name, mfa := Mfa} = Call <- seccomp_test_calls:calls(Env),
        Policy <- [deny([Mfa], log)],
        Position <- [body, tail, 'try', 'catch', 'after'],
        {Outcome, Logged} <- [counted(fun() -> seccomp_test_calls:run(Policy, Position, Call) end)],
        not is_value(Outcome) orelse Logged =/= 1
    ],
    ?assertEqual([], Wrong).

is_value({value, {after_ran, {value, _}}}) -> true;
is_value({value, {value, _}}) -> true;
is_value(_) -> false.

counted(Fun) ->
    #{total := Before} = seccomp:violations(),
    Result = Fun(),
    #{total := After} = seccomp:violations(),
    {Result, After - Before}.

%% An allowed call sets a bit and is not asked about again; a logged one must
%% be asked about every time.
log_counts_every_call(Config) ->
    #{counter := Counter} = ?config(env, Config),
    {Outcome, Logged} = counted(fun() ->
        seccomp_test_run:in(deny(log), fun() ->
            lists:foreach(fun(_) -> ?T:hit(Counter) end, lists:seq(1, 5000))
        end)
    end),
    ?assertEqual({{value, ok}, 5000, 5000}, {Outcome, Logged, atomics:get(Counter, 1)}).

%% -- What is remembered ------------------------------------------------------

violations_are_exact(Config) ->
    #{counter := Counter} = ?config(env, Config),
    Policy = deny([?HIT, {?T, hit, 2}], raise),
    #{counters := Before} = seccomp:violations(),
    {value, {Pid, Hash}} = seccomp_test_run:in(Policy, fun() ->
        [catch ?T:hit(Counter) || _ <- lists:seq(1, 30)],
        [catch ?T:hit(Counter, x) || _ <- lists:seq(1, 12)],
        {self(), maps:get(hash, seccomp:info(self()))}
    end),
    #{ring := Ring, counters := Counters} = seccomp:violations(),
    Mine = [V || #{pid := P} = V <- Ring, P =:= Pid],
    ?assertEqual(42, length(Mine)),
    ?assertEqual(
        lists:duplicate(30, ?HIT) ++ lists:duplicate(12, {?T, hit, 2}),
        [Mfa || #{mfa := Mfa} <- Mine]
    ),
    ?assertEqual([{raise, Hash}], lists:usort([{A, H} || #{action := A, policy := H} <- Mine])),
    Seqs = [Seq || #{seq := Seq} <- Mine],
    ?assertEqual(lists:seq(hd(Seqs), hd(Seqs) + 41), Seqs),
    Times = [Time || #{time := Time} <- Mine],
    ?assertEqual(lists:sort(Times), Times),
    Now = erlang:system_time(nanosecond),
    ?assert(Now - lists:last(Times) >= 0),
    ?assert(Now - hd(Times) < 60_000_000_000),
    ?assertEqual(
        [{?HIT, 30}, {{?T, hit, 2}, 12}],
        lists:sort([
            {Mfa, N - count(Hash, Mfa, Before)}
         || #{policy := H, mfa := Mfa, count := N} <- Counters, H =:= Hash
        ])
    ).

%% Another process may have been under the same policy.
count(Hash, Mfa, Counters) ->
    lists:sum([N || #{policy := H, mfa := M, count := N} <- Counters, H =:= Hash, M =:= Mfa]).

violations_of_one_process(Config) ->
    #{counter := Counter} = ?config(env, Config),
    [A, B] = [
        begin
            {value, Pid} = seccomp_test_run:in(deny(raise), fun() ->
                [catch ?T:hit(Counter) || _ <- lists:seq(1, N)],
                self()
            end),
            Pid
        end
     || N <- [3, 5]
    ],
    ?assertMatch(#{total := 3, counters := [#{mfa := ?HIT, count := 3}]}, seccomp:violations(A)),
    ?assertMatch(#{total := 5, counters := [#{mfa := ?HIT, count := 5}]}, seccomp:violations(B)),
    ?assertMatch(#{total := 0, ring := [], counters := []}, seccomp:violations(self())).

%% In a node of its own, because the counters stay full.
violations_are_bounded(_Config) ->
    Peer = seccomp_test_node:start(same),
    try
        Denials = 20000,
        #{total := Total, dropped := Dropped, ring := Ring, counters := Counters} =
            seccomp_test_node:call(Peer, ?MODULE, fill, [Denials]),
        ?assertEqual(Denials, Total),
        ?assertEqual(1024, length(Ring)),
        ?assertEqual(lists:seq(Denials - 1023, Denials), [Seq || #{seq := Seq} <- Ring]),
        ?assertEqual(16 * 1024, length(Counters)),
        ?assertEqual(Denials - 16 * 1024, Dropped)
    after
        seccomp_test_node:stop(Peer)
    end.

fill(N) ->
    Policy = seccomp_test_run:policy(blacklist, [no_such], #{unknown => allow}),
    Names = [list_to_atom("name_" ++ integer_to_list(K)) || K <- lists:seq(1, N)],
    {value, ok} = seccomp_test_run:in(Policy, fun() ->
        lists:foreach(fun(F) -> {'EXIT', _} = (catch no_such:F(x)) end, Names)
    end),
    seccomp:violations().

%% Many denials of one function become one event a second, not many.
violations_are_events(Config) ->
    #{counter := Counter} = ?config(env, Config),
    {ok, Started} = application:ensure_all_started(seccomp),
    Me = self(),
    ok = logger:add_handler(?MODULE, ?MODULE, #{config => Me, level => warning}),
    try
        {value, ok} = seccomp_test_run:in(deny(raise), fun() ->
            lists:foreach(fun(_) -> catch ?T:hit(Counter) end, lists:seq(1, 10000))
        end),
        Events = events([]),
        ?assertEqual(10000, lists:sum([N || #{count := N} <- Events])),
        ?assert(length(Events) =< 3)
    after
        ok = logger:remove_handler(?MODULE),
        [application:stop(App) || App <- lists:reverse(Started)]
    end.

%% The callback of a logger handler.
log(#{msg := {report, Report}}, #{config := Pid}) -> Pid ! {event, Report};
log(_Event, _Handler) -> ok.

events(Events) ->
    receive
        {event, #{what := seccomp_denied, mfa := ?HIT} = Event} -> events([Event | Events])
    after 3000 -> Events
    end.

%% Nothing is lost when all schedulers record at once.
recording_from_many_processes(Config) ->
    #{counter := Counter} = ?config(env, Config),
    Policy = deny([?HIT, {os, getpid, 0}], raise),
    {Counts, Total} = counted(fun() ->
        Pids = [
            seccomp:spawn_monitor(Policy, fun() ->
                exit(length([x || _ <- lists:seq(1, 1000), {'EXIT', _} <- [catch ?T:hit(Counter)]]))
            end)
         || _ <- lists:seq(1, 20)
        ],
        [receive {'DOWN', M, process, P, N} -> N end || {P, M} <- Pids]
    end),
    ?assertEqual({lists:duplicate(20, 1000), 20000}, {Counts, Total}),
    ?assertEqual(0, atomics:get(Counter, 1)).
