%% SPDX-License-Identifier: Apache-2.0
%%
%% Events of `telemetry`, with a module of that name made here: it is no
%% dependency, and not there otherwise.
-module(seccomp_telemetry_tests).

-include_lib("eunit/include/eunit.hrl").

-define(SENDING,
    "execute(Name, Values, Meta) -> whereis(seccomp_telemetry_test) ! {Name, Values, Meta}."
).

event() ->
    #{
        what => seccomp_denied, mfa => {os, cmd, 1}, count => 3, policy => <<"p">>,
        pid => self(), action => raise
    }.

without_the_library_nothing_happens_test() ->
    ?assertEqual(non_existing, code:which(telemetry)),
    ?assertEqual(ok, seccomp_telemetry:execute(event())).

events_have_the_shape_of_telemetry_test() ->
    with_telemetry(?SENDING, fun() ->
        Pid = self(),
        ok = seccomp_telemetry:execute(event()),
        Meta = #{mfa => {os, cmd, 1}, policy => <<"p">>, pid => Pid, action => raise},
        ?assertEqual({[seccomp, denied], #{count => 3}, Meta}, received()),
        Refused = #{
            what => seccomp_refused, mfa => {m, f, 1}, count => 1, policy => <<"p">>, node => n@h
        },
        ok = seccomp_telemetry:execute(Refused),
        ?assertEqual(
            {[seccomp, refused], #{count => 1}, maps:with([mfa, policy, node], Refused)}, received()
        ),
        ok = seccomp_telemetry:execute(#{what => seccomp_denied_more, functions => 7, count => 9}),
        ?assertEqual({[seccomp, more], #{count => 9, functions => 7}, #{}}, received())
    end).

what_fails_in_there_stops_nobody_test() ->
    with_telemetry("execute(_, _, _) -> error(broken).", fun() ->
        ?assertEqual(ok, seccomp_telemetry:execute(event()))
    end),
    with_telemetry("execute(_, _, _) -> exit(broken).", fun() ->
        ?assertEqual(ok, seccomp_telemetry:execute(event()))
    end).

%% From a denial to the event, through the process that reports.
denials_become_events_test_() ->
    case seccomp:enforcement() of
        #{status := unsupported} -> [];
        #{status := enforced} -> [{timeout, 60, fun denials_become_events/0}]
    end.

denials_become_events() ->
    with_telemetry(?SENDING, fun() ->
        #{level := Level} = logger:get_primary_config(),
        ok = logger:set_primary_config(level, none),
        {ok, Started} = application:ensure_all_started(seccomp),
        try
            _ = sys:get_state(seccomp_report),
            {ok, Policy} = seccomp:compile(#{mode => blacklist, rules => [{os, getpid, 0}]}),
            {Pid, Monitor} = seccomp:spawn_monitor(Policy, fun() ->
                [catch os:getpid() || _ <- lists:seq(1, 100)]
            end),
            receive
                {'DOWN', Monitor, process, Pid, normal} -> ok
            end,
            {[seccomp, denied], #{count := 100}, Meta} = received(),
            ?assertMatch(#{pid := Pid, mfa := {os, getpid, 0}, action := raise}, Meta)
        after
            [ok = application:stop(App) || App <- lists:reverse(Started)],
            ok = logger:set_primary_config(level, Level)
        end
    end).

received() ->
    receive
        Event -> Event
    after 30000 -> nothing
    end.

with_telemetry(Source, Fun) ->
    Forms = [
        begin
            {ok, Tokens, _} = erl_scan:string(Text),
            {ok, Form} = erl_parse:parse_form(Tokens),
            Form
        end
     || Text <- ["-module(telemetry).", "-export([execute/3]).", Source]
    ],
    {ok, telemetry, Beam} = compile:forms(Forms, []),
    {module, telemetry} = code:load_binary(telemetry, "telemetry.beam", Beam),
    true = register(seccomp_telemetry_test, self()),
    try
        Fun()
    after
        true = unregister(seccomp_telemetry_test),
        _ = code:purge(telemetry),
        true = code:delete(telemetry),
        _ = code:purge(telemetry)
    end.
