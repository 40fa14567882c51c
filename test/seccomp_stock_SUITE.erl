%% SPDX-License-Identifier: Apache-2.0
%%
%% The library in an emulator without the patch: it compiles, checks and
%% explains, refuses to enforce, and never runs unprotected what should be
%% restricted. The emulator is the host's, or that of SECCOMP_STOCK_ERL.
-module(seccomp_stock_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    says_unsupported/1,
    refuses_to_restrict/1,
    starts_no_process/1,
    policies_work/1,
    looking_works/1,
    tables_and_page_say_so/1,
    application_starts/1
]).
-export([restricting/0, spawning/0, simulating/0, looking/0, showing/0]).

%% A call that should have been denied may leave somebody waiting.
suite() -> [{timetrap, {seconds, 60}}].

all() ->
    [
        says_unsupported,
        refuses_to_restrict,
        starts_no_process,
        policies_work,
        looking_works,
        tables_and_page_say_so,
        application_starts
    ].

init_per_suite(Config) ->
    Erl = seccomp_test_node:stock_erl(),
    case filelib:is_regular(Erl) of
        true ->
            of_this_release(seccomp_test_node:start(stock), Config);
        false ->
            {skip, "there is no " ++ Erl ++ "; name a stock erl in SECCOMP_STOCK_ERL"}
    end.

%% An older release does not run what this one has compiled.
of_this_release(Peer, Config) ->
    Ours = erlang:system_info(otp_release),
    case seccomp_test_node:call(Peer, erlang, system_info, [otp_release]) of
        Ours ->
            [{peer, Peer} | Config];
        Theirs ->
            ok = seccomp_test_node:stop(Peer),
            {skip,
                "the stock erl is of OTP " ++ Theirs ++ ", this is " ++ Ours ++
                    "; name another in SECCOMP_STOCK_ERL"}
    end.

end_per_suite(Config) -> seccomp_test_node:stop(?config(peer, Config)).

there(Config, Function) ->
    seccomp_test_node:call(?config(peer, Config), ?MODULE, Function, []).

says_unsupported(Config) ->
    Answer = seccomp_test_node:call(?config(peer, Config), seccomp, enforcement, []),
    ?assertMatch(#{status := unsupported, abi := 0, otp := _, flavor := _}, Answer).

%% -- Enforcing ---------------------------------------------------------------

refuses_to_restrict(Config) ->
    {Answers, Flags} = there(Config, restricting),
    [
        ?assertMatch({N, {error, {unsupported, #{reason := not_patched, hint := <<_, _/binary>>}}}}, {N, A})
     || {N, A} <- Answers
    ],
    ?assertEqual([0, 0], Flags),
    {_, {error, Reason}} = hd(Answers),
    Text = unicode:characters_to_list(seccomp:format_error(Reason)),
    ?assertNotEqual(nomatch, string:find(Text, "make otp")).

restricting() ->
    Other = spawn(fun() -> receive stop -> ok end end),
    Policy = policy(),
    Answers = [
        {{Name, Pid =:= self()}, Call(Pid)}
     || Pid <- [self(), Other],
        {Name, Call} <- [
            {restrict_3, fun(P) -> seccomp:restrict(P, blacklist, [os]) end},
            {restrict_4, fun(P) -> seccomp:restrict(P, whitelist, ['@pure'], #{spawn => deny}) end},
            {restrict_spawn, fun(P) -> seccomp:restrict_spawn(P) end},
            {set_policy, fun(P) -> seccomp:set_policy(P, Policy) end},
            {lift, fun(P) -> seccomp:lift(P) end}
        ]
    ],
    Flags = [seccomp:flags(self()), seccomp:flags(Other)],
    exit(Other, kill),
    {Answers, Flags}.

starts_no_process(Config) ->
    {Outcomes, Ran} = there(Config, spawning),
    [
        ?assertMatch({N, {raised, error, {unsupported, #{}}, _}}, {N, Outcome})
     || {N, Outcome} <- Outcomes
    ],
    ?assertEqual(4, length(Outcomes)),
    ?assertEqual(0, Ran).

spawning() ->
    Counter = atomics:new(1, []),
    Policy = policy(),
    Hit = fun() -> seccomp_test_target:hit(Counter) end,
    Outcomes = [
        {Name, seccomp_test_run:outcome(Spawn)}
     || {Name, Spawn} <- [
            {spawn, fun() -> seccomp:spawn(Policy, Hit) end},
            {spawn_link, fun() -> seccomp:spawn_link(Policy, Hit) end},
            {spawn_monitor, fun() -> seccomp:spawn_monitor(Policy, Hit) end},
            {spawn_opt, fun() -> seccomp:spawn_opt(Policy, Hit, [{priority, high}]) end}
        ]
    ],
    timer:sleep(100),
    {Outcomes, atomics:get(Counter, 1)}.

%% -- What needs no patch -----------------------------------------------------

policies_work(Config) ->
    #{compiled := Compiled, checks := Checks, text := Text, json := Json, groups := Groups} =
        there(Config, simulating),
    ?assertMatch({error, {unknown_function, #{mfa := {lists, summ, 1}}}}, Compiled),
    ?assertMatch([{deny, #{explanation := _}}, allow, {deny, #{}}, allow], Checks),
    ?assertNotEqual(nomatch, string:find(Text, "os")),
    ?assertMatch({ok, #{mode := blacklist, rules := [os]}}, Json),
    ?assert(lists:member('@pure', Groups)).

simulating() ->
    Blacklist = policy(),
    {ok, Whitelist} = seccomp:compile(#{mode => whitelist, rules => [{lists, sum, 1}]}),
    {ok, Json} = seccomp:to_json(#{mode => blacklist, rules => [os]}),
    #{
        compiled => seccomp:compile(#{mode => whitelist, rules => [{lists, summ, 1}]}),
        checks => [
            seccomp:check(P, Mfa)
         || P <- [Blacklist, Whitelist], Mfa <- [{os, cmd, 1}, {lists, sum, 1}]
        ],
        text => unicode:characters_to_list(seccomp:explain(Blacklist, {os, cmd, 1})),
        json => seccomp:from_json(Json),
        groups => seccomp:groups()
    }.

looking_works(Config) ->
    ?assertMatch(
        {0, trusted, [], #{total := 0, ring := [], counters := []}, {error, noproc}},
        there(Config, looking)
    ).

looking() ->
    {Dead, Monitor} = spawn_monitor(fun() -> ok end),
    receive
        {'DOWN', Monitor, process, Dead, normal} -> ok
    end,
    {seccomp:flags(self()), seccomp:info(self()), seccomp:processes(), seccomp:violations(),
        seccomp:flags(Dead)}.

%% They work, and say that nothing is enforced.
tables_and_page_say_so(Config) ->
    {Printed, Metrics, Page} = there(Config, showing),
    ?assertNotEqual(nomatch, string:find(Printed, "NOTHING is enforced")),
    ?assertNotEqual(nomatch, string:find(Printed, "No process is restricted.")),
    ?assertMatch(#{enforced := 0, restricted_processes := 0, denials_total := 0}, Metrics),
    ?assertNotEqual(nomatch, string:find(Page, "\"status\":\"unsupported\"")),
    %% There is nothing to hold an expression in.
    ?assertNotEqual(nomatch, string:find(Page, "\"playground\":false")).

showing() ->
    Printed = printed(fun seccomp:i/0),
    {ok, Started} = application:ensure_all_started(seccomp),
    {ok, #{url := Url}} = seccomp_web:start(0),
    {ok, _} = application:ensure_all_started(inets),
    {ok, {{_, 200, _}, _, Page}} = httpc:request(binary_to_list(Url) ++ "state"),
    Metrics = seccomp:metrics(),
    ok = seccomp_web:stop(),
    [ok = application:stop(App) || App <- Started],
    {Printed, Metrics, Page}.

%% Plays the group leader for one request.
printed(Fun) ->
    {Pid, Monitor} = spawn_monitor(fun() ->
        receive
            go -> ok = Fun()
        end
    end),
    true = group_leader(self(), Pid),
    Pid ! go,
    receive
        {io_request, From, As, {put_chars, unicode, Text}} ->
            From ! {io_reply, As, ok},
            receive
                {'DOWN', Monitor, process, Pid, normal} -> unicode:characters_to_binary(Text)
            end
    end.

application_starts(Config) ->
    Peer = ?config(peer, Config),
    ?assertMatch(
        {ok, [seccomp]}, seccomp_test_node:call(Peer, application, ensure_all_started, [seccomp])
    ),
    ?assertEqual(ok, seccomp_test_node:call(Peer, application, stop, [seccomp])).

policy() ->
    {ok, Policy} = seccomp:compile(#{mode => blacklist, rules => [os]}),
    Policy.
