%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_report_tests).

-export([log/2]).

-include_lib("eunit/include/eunit.hrl").

%% -- What is logged for what was counted -------------------------------------

state(Counts) ->
    #{
        total => lists:sum([C || {_, C} <- Counts]),
        dropped => 0,
        ring => [],
        counters => [#{policy => <<"p">>, mfa => Mfa, count => C} || {Mfa, C} <- Counts]
    }.

entry(Pid, Action) ->
    #{
        seq => 1,
        time => 0,
        pid => Pid,
        mfa => {os, cmd, 1},
        policy => <<"p">>,
        action => Action
    }.

nothing_new_is_nothing_to_log_test() ->
    State = state([{{os, cmd, 1}, 3}]),
    ?assertEqual([], seccomp_report:events(State, State)).

only_what_is_new_is_counted_test() ->
    ?assertMatch(
        [#{what := seccomp_denied, mfa := {os, cmd, 1}, count := 4, policy := <<"p">>}],
        seccomp_report:events(
            state([{{os, cmd, 1}, 3}, {{os, getenv, 1}, 1}]),
            state([{{os, cmd, 1}, 7}, {{os, getenv, 1}, 1}])
        )
    ).

the_newest_entry_gives_the_process_test() ->
    Pid = self(),
    Entry = entry(Pid, kill),
    Now = (state([{{os, cmd, 1}, 1}]))#{ring := [entry(list_to_pid("<0.1.0>"), kill), Entry]},
    ?assertMatch([#{pid := Pid, action := kill}], seccomp_report:events(state([]), Now)).

a_flood_of_functions_is_ten_events_test() ->
    Counts = [{{m, f, N}, N} || N <- lists:seq(1, 200)],
    Events = seccomp_report:events(state([]), state(Counts)),
    ?assertEqual(10, length(Events)),
    ?assertMatch(#{mfa := {m, f, 200}, count := 200}, hd(Events)),
    ?assertMatch(#{what := seccomp_denied_more, functions := 191}, lists:last(Events)),
    ?assertEqual(lists:sum(lists:seq(1, 200)), lists:sum([C || #{count := C} <- Events])).

every_event_can_be_printed_test() ->
    Counts = [{{m, f, N}, 1} || N <- lists:seq(1, 20)],
    [
        begin
            {Format, Args} = seccomp_report:format(Event),
            ?assertMatch([_ | _], lists:flatten(io_lib:format(Format, Args)))
        end
     || Event <- seccomp_report:events(state([]), state(Counts))
    ].

one_process_is_picked_out_of_all_test() ->
    Entry = entry(self(), log),
    Other = entry(list_to_pid("<0.1.0>"), log),
    All = (state([{{os, cmd, 1}, 3}]))#{ring := [Entry, Other, Entry]},
    ?assertMatch(
        #{total := 2, ring := [Entry, Entry], counters := [#{mfa := {os, cmd, 1}, count := 2}]},
        seccomp_report:only(self(), All)
    ).

%% -- The process -------------------------------------------------------------

the_application_starts_and_stops_test() ->
    ?assert(is_pid(while_started(fun() -> whereis(seccomp_report) end))),
    ?assertEqual(undefined, whereis(seccomp_report)).

logging_can_be_switched_off_test() ->
    ok = application:set_env(seccomp, log_violations, false),
    try
        ?assertEqual(undefined, while_started(fun() -> whereis(seccomp_report) end))
    after
        ok = application:unset_env(seccomp, log_violations)
    end.

denials_are_logged_test_() ->
    case seccomp:enforcement() of
        #{status := unsupported} -> [];
        #{status := enforced} -> [{timeout, 30, fun denials_are_logged/0}]
    end.

denials_are_logged() ->
    {ok, Policy} = seccomp:compile(#{
        mode => blacklist, rules => [{os, getpid, 0}], comment => <<"seccomp_report_tests">>
    }),
    ok = logger:add_handler(?MODULE, ?MODULE, #{config => #{to => self()}}),
    Event =
        while_started(fun() ->
            %% The process has looked once before there is something to see.
            _ = sys:get_state(seccomp_report),
            {Pid, Monitor} = seccomp:spawn_monitor(Policy, fun() ->
                [catch os:getpid() || _ <- lists:seq(1, 100)]
            end),
            receive
                {'DOWN', Monitor, process, Pid, normal} -> ok
            end,
            receive
                {logged, #{mfa := {os, getpid, 0}} = Seen} -> Seen#{from => Pid}
            after 30000 -> nothing
            end
        end),
    ok = logger:remove_handler(?MODULE),
    ?assertMatch(#{what := seccomp_denied, count := 100, action := raise}, Event),
    ?assertMatch(#{pid := Pid, from := Pid}, Event).

%% Called by logger.
log(#{msg := {report, Report}}, #{config := #{to := Pid}}) -> Pid ! {logged, Report};
log(_Event, _Config) -> ok.

%% -- Inside ------------------------------------------------------------------

%% Starting and stopping say so in the log, which nobody wants to read here.
while_started(Fun) ->
    #{level := Level} = logger:get_primary_config(),
    ok = logger:set_primary_config(level, warning),
    {ok, Started} = application:ensure_all_started(seccomp),
    try
        Fun()
    after
        [ok = application:stop(App) || App <- lists:reverse(Started)],
        ok = logger:set_primary_config(level, Level)
    end.
