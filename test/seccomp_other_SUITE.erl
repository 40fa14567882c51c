%% SPDX-License-Identifier: Apache-2.0
%%
%% Policies that are put on other processes, whatever those are doing: once
%% `restrict` has returned `ok`, not one call outside the policy is made.
-module(seccomp_other_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    busy_process_is_stopped/1,
    receive_handles_the_request/1,
    reductions_never_run_backwards/1,
    signals_to_self/1,
    lifted_process_goes_on/1,
    busy_process_is_killed/1,
    dirty_process/1,
    suspended_process/1,
    waiting_process/1,
    many_busy_processes/1,
    ending_process/1,
    exiting_process_with_much_to_free/1,
    too_many_layers_in_another_process/1,
    dead_process/1,
    remote_process/1,
    hundred_at_once/1,
    crowd_round_a_flushing_process/1,
    info_while_it_changes/1,
    restricting_each_other/1
]).

-import(seccomp_test_loops, [turns/0, spin/1, start/1, start/2]).
-import(seccomp_test_loops, [moves/1, stands_still/1, stop/1]).

%% The denied call has its effect in one step, so that nothing which began
%% before the policy can be counted after it.
-define(ADD, {atomics, add, 3}).

%% A call that should have been denied may leave somebody waiting.
suite() -> [{timetrap, {seconds, 120}}].

all() ->
    [
        busy_process_is_stopped,
        receive_handles_the_request,
        reductions_never_run_backwards,
        signals_to_self,
        lifted_process_goes_on,
        busy_process_is_killed,
        dirty_process,
        suspended_process,
        waiting_process,
        many_busy_processes,
        ending_process,
        exiting_process_with_much_to_free,
        too_many_layers_in_another_process,
        dead_process,
        remote_process,
        hundred_at_once,
        crowd_round_a_flushing_process,
        info_while_it_changes,
        restricting_each_other
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

%% -- Busy processes ----------------------------------------------------------

busy_process_is_stopped(_Config) ->
    ?assertEqual([], [
        {Name, Round, Late}
     || {Name, Turn} <- turns(), Round <- lists:seq(1, 5), Late <- [late_calls(Turn)], Late =/= ok
    ]).

%% Comparing takes time and no reductions, so the process stays scheduled in for
%% long, and a receive of it handles the request while its code goes on. Each
%% on a scheduler of its own, or the requester would have to wait for the end
%% of that.
receive_handles_the_request(_Config) ->
    A = lists:seq(1, 200000),
    B = lists:seq(1, 200000),
    Turn = fun() -> {A =:= B, receive nothing -> ok after 0 -> ok end} end,
    Self = self(),
    _ = spawn_opt(
        fun() -> Self ! {late, [late_calls(Turn, [{scheduler, 2}]) || _ <- lists:seq(1, 10)]} end,
        [link, {scheduler, 1}]
    ),
    ?assert(erlang:system_info(schedulers_online) > 1),
    receive
        {late, Late} -> ?assertEqual(lists:duplicate(10, ok), Late)
    end.

%% process_info/2 waits for the signals that the caller sent itself, and handles
%% the request on the way, after some signals more or less. A process that goes
%% on like this has to get its policy all the same: see attach_signal().
signals_to_self(_Config) ->
    [
        begin
            Signals = lists:seq(1, N),
            Turn = fun() ->
                _ = [is_process_alive(self()) || _ <- Signals],
                process_info(self(), [messages, message_queue_len, memory])
            end,
            ?assertEqual({N, ok}, {N, late_calls(Turn)})
        end
     || N <- lists:seq(0, 16)
    ].

late_calls(Turn) -> late_calls(Turn, []).

late_calls(Turn, Options) ->
    {Pid, Counter} = start(Turn, Options),
    ok = seccomp:restrict(Pid, blacklist, [?ADD]),
    Before = atomics:get(Counter, 1),
    %% No time says that it has run since, but what it was denied does.
    Tried = fun() ->
        case seccomp:violations(Pid) of
            #{ring := [#{mfa := ?ADD} | _]} -> true;
            #{ring := Other} -> Other
        end
    end,
    ok = seccomp_test_run:eventually(Tried),
    Late = atomics:get(Counter, 1) - Before,
    Alive = is_process_alive(Pid),
    stop(Pid),
    case {Late, Alive} of
        {0, true} -> ok;
        _ -> {Late, Alive}
    end.

%% A request makes the process yield, and what it gives up by that is not to be
%% counted twice: the scheduler looks at its timers by these numbers.
reductions_never_run_backwards(_Config) ->
    A = lists:seq(1, 100000),
    B = lists:seq(1, 100000),
    {ok, Policy} = seccomp:compile(#{mode => blacklist, rules => [?ADD]}),
    [
        begin
            {Pid, _} = start(Turn),
            Used = [
                begin
                    ok = seccomp:set_policy(Pid, Policy),
                    element(2, process_info(Pid, reductions))
                end
             || _ <- lists:seq(1, 50)
            ],
            stop(Pid),
            ?assertEqual({Name, lists:sort(Used)}, {Name, Used})
        end
     || {Name, Turn} <- [
            {'receive', fun() -> {A =:= B, receive nothing -> ok after 0 -> ok end} end},
            {bif, fun() -> {A =:= B, process_info(self(), [messages, message_queue_len, memory])} end}
        ]
    ].

lifted_process_goes_on(_Config) ->
    [
        begin
            {Pid, Counter} = start(Turn),
            ok = seccomp:restrict(Pid, blacklist, [?ADD]),
            ?assertEqual({Name, 0}, {Name, stands_still(Counter)}),
            ok = seccomp:lift(Pid),
            ok = moves(Counter),
            ok = seccomp:restrict(Pid, blacklist, [?ADD]),
            ?assertEqual({Name, 0}, {Name, stands_still(Counter)}),
            stop(Pid)
        end
     || {Name, Turn} <- turns()
    ].

busy_process_is_killed(_Config) ->
    [
        begin
            {Pid, Counter} = start(Turn),
            true = unlink(Pid),
            Monitor = monitor(process, Pid),
            ok = seccomp:restrict(Pid, blacklist, [?ADD], #{on_deny => kill}),
            ?assertEqual({Name, 0}, {Name, stands_still(Counter)}),
            receive
                {'DOWN', Monitor, process, Pid, Reason} ->
                    ?assertEqual({Name, {seccomp, ?ADD}}, {Name, Reason})
            after 30000 -> ct:fail({still_alive, Name})
            end
        end
     || {Name, Turn} <- turns()
    ].

%% It is inside dirty code when the policy comes, and calls when it is back.
dirty_process(_Config) ->
    [restrict_while_dirty(Dirty, 300) || Dirty <- [dirty_cpu, dirty_io]].

restrict_while_dirty(Dirty, Time) ->
    Counter = atomics:new(1, []),
    Me = self(),
    {Pid, Monitor} = spawn_monitor(fun() ->
        Me ! {self(), ready},
        erts_debug:Dirty(wait, Time),
        atomics:add(Counter, 1, 1)
    end),
    receive
        {Pid, ready} -> timer:sleep(50)
    end,
    case seccomp:restrict(Pid, blacklist, [?ADD]) of
        ok ->
            receive
                {'DOWN', Monitor, process, Pid, Reason} ->
                    ?assertMatch({{seccomp, ?ADD}, _}, Reason)
            end,
            ?assertEqual(0, atomics:get(Counter, 1));
        {error, noproc} when Time < 30000 ->
            %% It was over before this process got to run.
            restrict_while_dirty(Dirty, 3 * Time)
    end.

suspended_process(_Config) ->
    {Pid, Counter} = start(fun() -> ok end),
    true = erlang:suspend_process(Pid),
    ?assertEqual(0, stands_still(Counter)),
    ok = seccomp:restrict(Pid, blacklist, [?ADD]),
    Before = atomics:get(Counter, 1),
    true = erlang:resume_process(Pid),
    ok = seccomp_test_run:eventually(fun() -> map_get(total, seccomp:violations(Pid)) > 0 end),
    ?assertEqual(Before, atomics:get(Counter, 1)),
    stop(Pid).

waiting_process(_Config) ->
    Counter = atomics:new(1, []),
    {Pid, Monitor} = spawn_monitor(fun() ->
        receive
            go -> atomics:add(Counter, 1, 1)
        end
    end),
    ok = seccomp:restrict(Pid, blacklist, [?ADD]),
    Pid ! go,
    receive
        {'DOWN', Monitor, process, Pid, Reason} -> ?assertMatch({{seccomp, ?ADD}, _}, Reason)
    end,
    ?assertEqual(0, atomics:get(Counter, 1)).

%% More than there are schedulers, of each kind.
many_busy_processes(_Config) ->
    Busy = [start(Turn) || {_, Turn} <- turns(), _ <- [1, 2, 3]],
    Late = [
        begin
            ok = seccomp:restrict(Pid, blacklist, [?ADD]),
            {Counter, atomics:get(Counter, 1)}
        end
     || {Pid, Counter} <- Busy
    ],
    timer:sleep(200),
    ?assertEqual([], [
        atomics:get(Counter, 1) - Count
     || {Counter, Count} <- Late, atomics:get(Counter, 1) =/= Count
    ]),
    [stop(Pid) || {Pid, _} <- Busy],
    ok = seccomp_test_run:eventually(fun() ->
        [Pid || {Pid, _} <- Busy, lists:member(Pid, seccomp:processes())] =:= []
    end).

%% -- Processes that end ------------------------------------------------------

%% The request comes while the process does its last turn, so that it is still
%% unanswered when the process ends.
ending_process(_Config) ->
    Policy = seccomp_test_run:policy(blacklist, [?ADD]),
    Me = self(),
    Answers = [
        begin
            Pid = spawn(fun() ->
                Me ! {self(), ending},
                last_turn(N, 1 bsl 20000, 0)
            end),
            receive
                {Pid, ending} -> ok
            end,
            seccomp_test_run:outcome(fun() -> seccomp:set_policy(Pid, Policy) end)
        end
     || _ <- lists:seq(1, 20), N <- [0, 10, 100, 1000, 3000]
    ],
    ?assertEqual([], [Answer || Answer <- Answers, not is_good(Answer)]),
    ?assert(lists:member({value, {error, noproc}}, Answers)).

%% Long for the clock, short in reductions: it does not yield.
last_turn(0, _Big, Sum) -> Sum band 1;
last_turn(N, Big, Sum) -> last_turn(N - 1, Big, Sum bxor ((Big + N) * (Big - N))).

is_good({value, ok}) -> true;
is_good({value, {error, noproc}}) -> true;
is_good(_) -> false.

exiting_process_with_much_to_free(_Config) ->
    Policy = seccomp_test_run:policy(blacklist, [?ADD]),
    Outcomes = [
        begin
            Pid = spawn(fun() ->
                _ = [ets:insert(ets:new(t, []), [{K, K} || K <- lists:seq(1, 500)])
                    || _ <- lists:seq(1, 200)],
                receive
                    stop -> ok
                end
            end),
            timer:sleep(20),
            Pid ! stop,
            spin(Wait * 20000),
            seccomp_test_run:outcome(fun() -> seccomp:set_policy(Pid, Policy) end)
        end
     || Wait <- lists:seq(0, 15)
    ],
    ?assertEqual([], [Answer || Answer <- Outcomes, not is_good(Answer)]).

%% An error that only shows in the context of the other process comes back as
%% an error, in its documented form.
too_many_layers_in_another_process(_Config) ->
    Pid = spawn_link(fun() -> receive stop -> ok end end),
    Answers = [
        seccomp_test_run:outcome(fun() ->
            seccomp:restrict(Pid, whitelist, [{lists, F, '_'}], #{unknown => allow})
        end)
     || N <- lists:seq(1, 100), F <- [list_to_atom("layer_" ++ integer_to_list(N))]
    ],
    ?assertEqual({value, ok}, hd(Answers)),
    ?assertMatch({value, {error, {too_many_layers, #{}}}}, lists:last(Answers)),
    ?assertEqual(16#90, seccomp:flags(Pid)),
    stop(Pid).

calls() ->
    Policy = seccomp_test_run:policy(blacklist, [?ADD]),
    [
        fun(P) -> seccomp:restrict(P, blacklist, [?ADD]) end,
        fun(P) -> seccomp:restrict_spawn(P) end,
        fun(P) -> seccomp:set_policy(P, Policy) end,
        fun(P) -> seccomp:lift(P) end,
        fun(P) -> seccomp:flags(P) end,
        fun(P) -> seccomp:info(P) end
    ].

dead_process(_Config) ->
    {Pid, Monitor} = spawn_monitor(fun() -> ok end),
    receive
        {'DOWN', Monitor, process, Pid, normal} -> ok
    end,
    [?assertEqual({error, noproc}, Call(Pid)) || Call <- calls()].

%% A pid of a node that was never met, from its external form.
remote_process(_Config) ->
    Node = 'somebody@elsewhere.invalid',
    Name = atom_to_binary(Node),
    Pid = binary_to_term(
        <<131, 88, 119, (byte_size(Name)), Name/binary, 42:32, 0:32, 7:32>>
    ),
    [?assertMatch({error, {remote_pid, #{pid := Pid, node := Node}}}, C(Pid)) || C <- calls()].

%% -- Many at once ------------------------------------------------------------

hundred_at_once(_Config) ->
    {Pid, Counter} = start(fun() -> ok end),
    Free = seccomp_test_run:policy(blacklist, [{os, getpid, 0}]),
    Work = [
        fun() -> seccomp:restrict(Pid, blacklist, [?ADD]) end,
        fun() -> seccomp:lift(Pid) end,
        fun() -> seccomp:set_policy(Pid, Free) end,
        fun() -> seccomp:restrict_spawn(Pid) end
    ],
    Workers = [
        spawn_monitor(fun() ->
            exit([(lists:nth(1 + (N + K) rem 4, Work))() || K <- lists:seq(1, 50)])
        end)
     || N <- lists:seq(1, 100)
    ],
    Answers = [receive {'DOWN', M, process, P, R} -> R end || {P, M} <- Workers],
    ?assertEqual([lists:duplicate(50, ok)], lists:usort(Answers)),
    case seccomp:info(Pid) of
        trusted -> ?assertEqual(0, seccomp:flags(Pid));
        #{flags := Flags} -> ?assertEqual(Flags, seccomp:flags(Pid))
    end,
    ok = seccomp:restrict(Pid, blacklist, [?ADD]),
    ?assertEqual(0, stands_still(Counter)),
    ok = seccomp:lift(Pid),
    ok = moves(Counter),
    stop(Pid).

%% A process_info/2 that is continued takes all signals before the scheduler
%% sees them, in each of its turns, once there is one that was sent by the
%% process itself. Every request has to be answered all the same.
crowd_round_a_flushing_process(_Config) ->
    Turn = fun() ->
        %% With messages, which keeps an assertion of the emulator out of this that
        %% does not know of signals behind those that are waited for.
        _ = process_info(self(), [messages, message_queue_len, memory]),
        erlang:bump_reductions(20)
    end,
    {Pid, Counter} = start(Turn),
    Change = fun() ->
        [{ok, ok} = {seccomp:restrict(Pid, blacklist, [?ADD]), seccomp:lift(Pid)}
            || _ <- lists:seq(1, 30)]
    end,
    Workers = [spawn_monitor(Change) || _ <- lists:seq(1, 5)],
    Ends = [
        receive
            {'DOWN', M, process, P, Reason} -> Reason
        after 60000 -> no_answer
        end
     || {P, M} <- Workers
    ],
    ?assertEqual([normal], lists:usort(Ends)),
    ok = seccomp:restrict(Pid, blacklist, [?ADD]),
    ?assertEqual(0, stands_still(Counter)),
    stop(Pid).

%% The table and the word of a process change one after the other, which must
%% not look like a policy that nobody knows. Often, but not for long where the
%% machine has other work.
info_while_it_changes(_Config) ->
    Pid = spawn_link(fun() -> receive stop -> ok end end),
    End = erlang:monotonic_time(millisecond) + 20000,
    {_, Monitor} = spawn_monitor(fun() ->
        [{ok, ok} = {seccomp:restrict(Pid, blacklist, [?ADD]), seccomp:lift(Pid)}
            || _ <- lists:seq(1, 20000), erlang:monotonic_time(millisecond) < End]
    end),
    ?assertEqual([], unexpected_info(Pid, Monitor, [])),
    ?assertEqual(trusted, seccomp:info(Pid)),
    stop(Pid).

unexpected_info(Pid, Monitor, Unexpected) ->
    receive
        {'DOWN', Monitor, process, _, Reason} -> [Reason || Reason =/= normal] ++ Unexpected
    after 0 ->
        case seccomp:info(Pid) of
            trusted -> unexpected_info(Pid, Monitor, Unexpected);
            #{flags := 16#d0} -> unexpected_info(Pid, Monitor, Unexpected);
            Other -> unexpected_info(Pid, Monitor, lists:sublist([Other | Unexpected], 5))
        end
    end.

%% Two that wait for each other's answer must not wait for ever; who came
%% first makes the other one restricted, whose request is then refused.
restricting_each_other(_Config) ->
    [
        begin
            Me = self(),
            Pair = [spawn(fun() -> receive Other -> Me ! {self(),
                seccomp:restrict(Other, blacklist, [?ADD])} end end) || _ <- [1, 2]],
            [A, B] = Pair,
            A ! B,
            B ! A,
            Answers = [
                receive
                    {P, Answer} -> Answer
                after 30000 -> ct:fail({stuck, process_info(P)})
                end
             || P <- Pair
            ],
            ok = seccomp:forget_origin(),
            ?assertEqual([], [X || X <- Answers, not is_fair(X)])
        end
     || _ <- lists:seq(1, 300)
    ].

is_fair(ok) -> true;
is_fair({error, noproc}) -> true;
is_fair({error, {restricted, #{}}}) -> true;
is_fair(_) -> false.
