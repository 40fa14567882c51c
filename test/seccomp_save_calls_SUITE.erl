%% SPDX-License-Identifier: Apache-2.0
%%
%% What shares its place in the emulator with the check, or shows it:
%% process_flag(save_calls, _), process_info/2, and the lines for people.
-module(seccomp_save_calls_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    on_before_restricting/1,
    on_after_restricting/1,
    off_keeps_the_policy/1,
    lift_keeps_the_buffer/1,
    children_do_not_get_the_buffer/1,
    set_by_another_process/1,
    light_bifs_are_saved_too/1,
    process_info_works/1,
    procs_names_the_policy/1
]).

-define(T, seccomp_test_target).
-define(HIT, {?T, hit, 1}).

%% A call that should have been denied may leave somebody waiting.
suite() -> [{timetrap, {seconds, 60}}].

all() ->
    [
        on_before_restricting,
        on_after_restricting,
        off_keeps_the_policy,
        lift_keeps_the_buffer,
        children_do_not_get_the_buffer,
        set_by_another_process,
        light_bifs_are_saved_too,
        process_info_works,
        procs_names_the_policy
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

%% -- Serving what the test wants ---------------------------------------------

start() -> spawn_link(fun serve/0).

serve() ->
    receive
        {From, Fun} ->
            From ! {self(), seccomp_test_run:outcome(Fun)},
            serve()
    end.

ask(Pid, Fun) ->
    Pid ! {self(), Fun},
    receive
        {Pid, Outcome} -> Outcome
    after 30000 -> error({no_answer, process_info(Pid)})
    end.

value(Pid, Fun) ->
    {value, Value} = ask(Pid, Fun),
    Value.

%% Two allowed calls and a denied one; gives what the buffer has of the target.
saved(Pid) ->
    Counter = atomics:new(1, []),
    Denied = ask(Pid, fun() ->
        {hit, x} = ?T:hit(Counter, x),
        {hit, y} = ?T:hit(Counter, y),
        ?T:hit(Counter)
    end),
    ?assertEqual(ok, seccomp_test_run:denial(Denied, {?HIT, [Counter]})),
    ?assertEqual(2, atomics:get(Counter, 1)),
    case process_info(Pid, last_calls) of
        {last_calls, false} -> false;
        {last_calls, Calls} -> [Call || {?T, _, _} = Call <- Calls]
    end.

-define(BOTH, [{?T, hit, 2}, {?T, hit, 2}]).

save(N) -> fun() -> process_flag(save_calls, N) end.

on_before_restricting(_Config) ->
    Pid = start(),
    0 = value(Pid, save(50)),
    ok = seccomp:restrict(Pid, blacklist, [?HIT]),
    ?assertEqual(?BOTH, saved(Pid)),
    ?assertEqual(16#d0, seccomp:flags(Pid)).

on_after_restricting(_Config) ->
    Pid = start(),
    ok = seccomp:restrict(Pid, blacklist, [?HIT]),
    ?assertEqual(false, saved(Pid)),
    0 = value(Pid, save(50)),
    ?assertEqual(?BOTH, saved(Pid)),
    50 = value(Pid, save(40)),
    ?assertEqual(?BOTH, saved(Pid)).

off_keeps_the_policy(_Config) ->
    Pid = start(),
    ok = seccomp:restrict(Pid, blacklist, [?HIT]),
    [
        begin
            0 = value(Pid, save(50)),
            ?assertEqual(?BOTH, saved(Pid)),
            50 = value(Pid, save(0)),
            ?assertEqual(false, saved(Pid))
        end
     || _ <- lists:seq(1, 20)
    ],
    ?assertEqual(16#d0, seccomp:flags(Pid)).

lift_keeps_the_buffer(_Config) ->
    Pid = start(),
    ok = seccomp:restrict(Pid, blacklist, [?HIT]),
    0 = value(Pid, save(50)),
    ok = seccomp:lift(Pid),
    Counter = atomics:new(1, []),
    hit = value(Pid, fun() -> ?T:hit(Counter) end),
    {last_calls, Calls} = process_info(Pid, last_calls),
    ?assertEqual([?HIT], [Call || {?T, _, _} = Call <- Calls]),
    50 = value(Pid, save(0)),
    hit = value(Pid, fun() -> ?T:hit(Counter) end),
    ?assertEqual(2, atomics:get(Counter, 1)).

children_do_not_get_the_buffer(_Config) ->
    Pid = start(),
    ok = seccomp:restrict(Pid, blacklist, [?HIT]),
    0 = value(Pid, save(50)),
    Child = value(Pid, fun start/0),
    ?assertEqual(false, saved(Child)),
    0 = value(Child, save(50)),
    ?assertEqual(?BOTH, saved(Child)).

set_by_another_process(_Config) ->
    Pid = start(),
    0 = erlang:process_flag(Pid, save_calls, 50),
    ok = seccomp:restrict(Pid, blacklist, [?HIT]),
    ?assertEqual(?BOTH, saved(Pid)),
    50 = erlang:process_flag(Pid, save_calls, 0),
    ?assertEqual(false, saved(Pid)),
    0 = erlang:process_flag(Pid, save_calls, 50),
    ?assertEqual(?BOTH, saved(Pid)).

%% They have a short cut of their own, which a buffer must keep them from.
light_bifs_are_saved_too(_Config) ->
    Pid = start(),
    ok = seccomp:restrict(Pid, blacklist, [?HIT]),
    _ = [value(Pid, fun() -> erlang:phash2(x) end) || _ <- [1, 2, 3]],
    0 = value(Pid, save(50)),
    _ = value(Pid, fun() -> erlang:phash2(x) end),
    {last_calls, Calls} = process_info(Pid, last_calls),
    ?assert(lists:member({erlang, phash2, 1}, Calls)).

%% -- What shows the process --------------------------------------------------

process_info_works(_Config) ->
    Pid = start(),
    ok = seccomp:restrict(Pid, blacklist, [?HIT]),
    Info = process_info(Pid),
    ?assert(is_list(Info)),
    ?assertEqual({current_function, {?MODULE, serve, 0}}, lists:keyfind(current_function, 1, Info)),
    Items = [status, memory, backtrace, binary, reductions, current_stacktrace, garbage_collection_info],
    ?assertMatch([{status, waiting} | _], process_info(Pid, Items)),
    {value, {status, running}} = ask(Pid, fun() -> process_info(self(), status) end).

%% The text of crash dumps, which the emulator also gives while it lives.
procs_names_the_policy(_Config) ->
    Pid = start(),
    ok = seccomp:restrict(Pid, blacklist, [?HIT], #{spawn => deny}),
    ?assertMatch({match, _}, re:run(lines_of(Pid), "Seccomp: flags 16#f0, policy [1-9]")),
    ok = seccomp:lift(Pid),
    ?assertEqual(nomatch, re:run(lines_of(Pid), "Seccomp")).

lines_of(Pid) ->
    Sections = binary:split(erlang:system_info(procs), <<"=proc:">>, [global]),
    Head = list_to_binary(pid_to_list(Pid) ++ "\n"),
    [Section] = [S || S <- Sections, binary:longest_common_prefix([S, Head]) =:= byte_size(Head)],
    Section.
