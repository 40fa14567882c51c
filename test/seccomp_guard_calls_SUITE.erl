%% SPDX-License-Identifier: Apache-2.0
%%
%% The functions that a guard hands out (`calls`): other nodes may call these, and
%% they run under no policy of the guard. Nothing else does, however a request for
%% it looks.
-module(seccomp_guard_calls_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    listed/1,
    not_listed/1,
    payloads/1,
    too_big/1,
    options/1,
    without_spawns/1,
    taken_away/1,
    servers/1,
    answers/1,
    bad_calls/1
]).
%% On the nodes.
-export([touch/1, touch/2, state/0, touched/1, applier/0, ask/2, until_touched/1]).
-export([starter/1, start_by/2]).

-define(N, seccomp_test_node).
-define(RAW, seccomp_guard_raw).
-define(COOKIE, "leaked").
-define(PURE, #{mode => whitelist, rules => ['@pure']}).
-define(CALLS, [{?MODULE, touch, 1}, {?MODULE, state, 0}]).

suite() -> [{timetrap, {minutes, 5}}].

all() ->
    [
        listed,
        not_listed,
        payloads,
        too_big,
        options,
        without_spawns,
        taken_away,
        servers,
        answers,
        bad_calls
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    {Other, _} = ?N:start_named(stock, ["-setcookie", ?COOKIE, "-kernel", "logger_level", "none"]),
    {Victim, Node} = ?N:start_named(same, ["-setcookie", ?COOKIE]),
    {module, _} = ?N:call(Victim, code, ensure_loaded, [?MODULE]),
    [{other, Other}, {victim, Victim}, {node, Node} | Config].

end_per_suite(Config) -> [ok = ?N:stop(get(Key, Config)) || Key <- [other, victim]].

get(Key, Config) -> proplists:get_value(Key, Config).

on_other(Config, M, F, Args) -> ?N:call(get(other, Config), M, F, Args).

on_victim(Config, M, F, Args) -> ?N:call(get(victim, Config), M, F, Args).

guard(Config, Guard) -> ok = on_victim(Config, seccomp, guard_node, [Guard]).

%% -- On the nodes ------------------------------------------------------------

%% Shows that it ran, by what the policy denies. Not twice the same.
touch(Tag) -> persistent_term:put({?MODULE, Tag}, true).

touch(Tag, _) -> touch(Tag).

touched(Tag) -> persistent_term:get({?MODULE, Tag}, false).

until_touched(Tag) -> seccomp_test_run:eventually(fun() -> touched(Tag) end).

%% What the process is, and what the processes are that it starts.
state() ->
    Me = self(),
    Pid = spawn(fun() -> Me ! {self(), seccomp:flags(self()), seccomp:origin()} end),
    receive
        {Pid, Flags, Origin} -> {seccomp:flags(self()), seccomp:origin(), Flags, Origin}
    end.

-define(FREE, {0, trusted, 0, trusted}).

%% A server that applies what it is told.
applier() ->
    spawn(fun() ->
        true = register(seccomp_test_applier, self()),
        applier_loop()
    end).

applier_loop() ->
    receive
        {'$gen_call', From, {apply, M, F, Args}} ->
            gen_server:reply(From, catch apply(M, F, Args)),
            applier_loop();
        {_, _, {Tag, touch}} ->
            touch(Tag),
            applier_loop();
        _ ->
            applier_loop()
    end.

ask(Node, Request) ->
    try
        gen_server:call({seccomp_test_applier, Node}, Request, 500)
    catch
        exit:{timeout, _} -> no_answer
    end.

%% -- What is handed out ------------------------------------------------------

listed(Config) ->
    guard(Config, #{spawn => ?PURE, calls => ?CALLS}),
    #{calls := Calls} = on_victim(Config, seccomp, guard_info, []),
    ?assertEqual(lists:sort(?CALLS), lists:sort(Calls)),
    Node = get(node, Config),
    ?assertEqual(?FREE, on_other(Config, erpc, call, [Node, ?MODULE, state, []])),
    ?assertEqual(?FREE, on_other(Config, rpc, call, [Node, ?MODULE, state, []])),
    ?assertEqual([{ok, ?FREE}], on_other(Config, erpc, multicall, [[Node], ?MODULE, state, []])),
    ?assertEqual({[?FREE], []}, on_other(Config, rpc, multicall, [[Node], ?MODULE, state, []])),
    [
        begin
            Tag = {How, Args},
            _ = on_other(Config, How, F, Args(Tag)),
            ?assertEqual({Tag, ok}, {Tag, on_victim(Config, ?MODULE, until_touched, [Tag])})
        end
     || {How, F, Args} <- [
            {rpc, cast, fun(Tag) -> [Node, ?MODULE, touch, [Tag]] end},
            {erpc, cast, fun(Tag) -> [Node, ?MODULE, touch, [Tag]] end},
            {erpc, multicast, fun(Tag) -> [[Node], ?MODULE, touch, [Tag]] end},
            {rpc, eval_everywhere, fun(Tag) -> [[Node], ?MODULE, touch, [Tag]] end},
            {erlang, spawn, fun(Tag) -> [Node, ?MODULE, touch, [Tag]] end},
            {erlang, spawn_link, fun(Tag) -> [Node, ?MODULE, touch, [Tag]] end},
            {erlang, spawn_opt, fun(Tag) -> [Node, ?MODULE, touch, [Tag], [monitor]] end}
        ]
    ].

not_listed(Config) ->
    guard(Config, #{spawn => ?PURE, calls => ?CALLS}),
    Node = get(node, Config),
    [
        ?assertMatch(
            {badrpc, {'EXIT', {{seccomp, _}, _}}},
            on_other(Config, rpc, call, [Node, M, F, Args])
        )
     || {M, F, Args} <- [
            {?MODULE, touch, [not_listed, x]},
            {persistent_term, put, [{?MODULE, not_listed}, true]},
            {erlang, apply, [?MODULE, touch, [not_listed]]},
            {os, getpid, []}
        ]
    ],
    _ = on_other(Config, erlang, spawn, [Node, ?MODULE, touch, [not_listed, x]]),
    ?assertEqual(3, on_other(Config, erpc, call, [Node, lists, sum, [[1, 2]]])),
    ?assertNot(on_victim(Config, ?MODULE, touched, [not_listed])).

%% Requests as no node would write them. The first few are what nodes write, with
%% the same bytes but for one thing.
payloads(Config) ->
    guard(Config, #{spawn => ?PURE, calls => ?CALLS}),
    Call = {erpc, execute_call, 4},
    Cast = {erpc, execute_cast, 3},
    Plain = {?MODULE, touch, 1},
    Good = [
        {good_call, Call, fun(Tag) -> args([ref, ?MODULE, touch, args([Tag])]) end},
        {good_cast, Cast, fun(Tag) -> args([?MODULE, touch, args([Tag])]) end},
        {good_plain, Plain, fun(Tag) -> args([Tag]) end},
        %% The process does not look at this number, and neither does the guard.
        {good_number, {?MODULE, touch, 7}, fun(Tag) -> args([Tag]) end}
    ],
    Bad = [
        {arity, Call, fun(Tag) -> args([ref, ?MODULE, touch, args([Tag, x])]) end},
        {two_lists, Call, fun(Tag) -> args([ref, ?MODULE, touch, args([Tag], args([x]))]) end},
        {improper, Call, fun(Tag) -> args([ref, ?MODULE, touch, args([Tag], x)]) end},
        {three, Call, fun(Tag) -> args([?MODULE, touch, args([Tag, x])]) end},
        {outer_tail, Call, fun(Tag) -> args([ref, ?MODULE, touch, args([Tag])], x) end},
        {outer_more, Call, fun(Tag) -> args([ref, ?MODULE, touch, args([Tag]), x]) end},
        {cast_as_call, Call, fun(Tag) -> args([?MODULE, touch, ?MODULE, args([Tag])]) end},
        {cast_arity, Cast, fun(Tag) -> args([?MODULE, touch, args([Tag, x])]) end},
        {cast_two_lists, Cast, fun(Tag) -> args([?MODULE, touch, args([Tag], args([x]))]) end},
        {through_erpc, Cast, fun(Tag) ->
            args([erpc, execute_cast, args([?MODULE, touch, args([Tag])])])
        end},
        {plain_arity, Plain, fun(Tag) -> args([Tag, x]) end},
        {plain_two_lists, Plain, fun(Tag) -> args([Tag], args([x])) end},
        {plain_improper, Plain, fun(Tag) -> args([Tag], x) end},
        {plain_other, {?MODULE, touch, 1}, fun(_) -> {raw, <<107, 2:16, 1, 2>>} end},
        {huge, Plain, fun(Tag) -> args([Tag, args(lists:duplicate(70000, x))]) end},
        {huge_call, Call, fun(Tag) ->
            Long = args([Tag, args(lists:duplicate(70000, x))]),
            args([ref, ?MODULE, touch, Long])
        end}
    ],
    Junk = [a, 17, 1.5, <<"x">>, {}, {ref, ?MODULE, touch, [junk]}, #{}, [], "string"],
    Cut = [
        {raw, Bytes}
     || {raw, Whole} <- [args([ref, ?MODULE, touch, args([cut])])],
        N <- lists:seq(1, byte_size(Whole) - 1, 5),
        Bytes <- [binary:part(Whole, 0, N)]
    ],
    Send = fun(Requests) -> ok = ?RAW:spawns(get(node, Config), ?COOKIE, Requests) end,
    [
        begin
            Send([{Mfa, Args(Tag)}]),
            ?assertEqual({Tag, ok}, {Tag, on_victim(Config, ?MODULE, until_touched, [Tag])})
        end
     || {Tag, Mfa, Args} <- Good
    ],
    Send([{Mfa, Args(Tag)} || {Tag, Mfa, Args} <- Bad]),
    Send([{Mfa, Payload} || Mfa <- [Call, Cast, Plain], Payload <- Junk ++ Cut]),
    ?assertEqual(
        [],
        [T || {T, _, _} <- Bad, on_victim(Config, ?MODULE, touched, [T])] ++
            [T || T <- [1, 2, junk, cut], on_victim(Config, ?MODULE, touched, [T])]
    ).

args(Elements) -> ?RAW:args(Elements).

args(Elements, Tail) -> ?RAW:args(Elements, Tail).

%% A request that is cut in fragments runs under the policy; a long one that is
%% not is handed out.
too_big(Config) ->
    guard(Config, #{spawn => ?PURE, calls => ?CALLS}),
    Node = get(node, Config),
    Call = fun(Size) ->
        Tag = {too_big, binary:copy(<<"x">>, Size)},
        Answer = on_other(Config, rpc, call, [Node, ?MODULE, touch, [Tag]]),
        {Answer, on_victim(Config, ?MODULE, touched, [Tag])}
    end,
    ?assertEqual({ok, true}, Call(60000)),
    [?assertMatch({{badrpc, _}, false}, Call(Size)) || Size <- [70000, 500000]].

%% Options take effect before anything runs.
options(Config) ->
    [
        begin
            guard(Config, #{spawn => Spawn, calls => ?CALLS}),
            Try = fun(Tag, Opts) ->
                _ = (catch on_other(Config, erlang, spawn_opt, [
                    get(node, Config), ?MODULE, touch, [Tag], Opts
                ])),
                Tag
            end,
            Good = Try({good, Spawn}, [{priority, low}, link, {min_heap_size, 1000}]),
            ok = on_victim(Config, ?MODULE, until_touched, [Good]),
            Bad = [
                Try({Option, Spawn}, [Option])
             || Option <- [{priority, high}, {priority, max}, {min_heap_size, 1 bsl 40}]
            ],
            ?assertEqual([], [T || T <- Bad, on_victim(Config, ?MODULE, touched, [T])])
        end
     || Spawn <- [deny, ?PURE]
    ].

%% Where nothing else may be spawned, these may.
without_spawns(Config) ->
    guard(Config, #{calls => ?CALLS}),
    Node = get(node, Config),
    ?assertEqual(?FREE, on_other(Config, erpc, call, [Node, ?MODULE, state, []])),
    [
        ?assertMatch({badrpc, _}, on_other(Config, rpc, call, [Node, M, F, Args]))
     || {M, F, Args} <- [{?MODULE, touch, [denied, x]}, {lists, sum, [[1]]}]
    ],
    ?assertNot(on_victim(Config, ?MODULE, touched, [denied])),
    #{ring := Ring} = on_victim(Config, seccomp, violations, []),
    ?assertMatch([_ | _], [V || #{target := spawn, mfa := {erpc, execute_call, 4}} = V <- Ring]).

taken_away(Config) ->
    Node = get(node, Config),
    Ask = fun() -> on_other(Config, rpc, call, [Node, ?MODULE, state, []]) end,
    [
        begin
            guard(Config, #{spawn => ?PURE, calls => ?CALLS}),
            ?assertEqual(?FREE, Ask()),
            guard(Config, Guard),
            ?assertMatch({badrpc, _}, Ask())
        end
     || Guard <- [#{spawn => ?PURE}, #{spawn => ?PURE, calls => [{?MODULE, touch, 1}]}, #{}]
    ].

%% A server that applies what it is told is asked for what is handed out alone.
servers(Config) ->
    guard(Config, #{
        spawn => ?PURE, calls => ?CALLS, pids => any, names => [{seccomp_test_applier, calls}]
    }),
    Node = get(node, Config),
    Applier = on_victim(Config, ?MODULE, applier, []),
    Ask = fun(Request) -> on_other(Config, ?MODULE, ask, [Node, Request]) end,
    ?assertEqual(?FREE, Ask({apply, ?MODULE, state, []})),
    [
        ?assertEqual({Request, no_answer}, {Request, Ask(Request)})
     || Request <- [
            {apply, ?MODULE, touch, [server, x]},
            {apply, ?MODULE, state, [x]},
            {apply, ?MODULE, state, x},
            {apply, erlang, apply, [?MODULE, touch, [server]]},
            {apply, ?MODULE, touch, [binary:copy(<<"x">>, 100000)]},
            {server, touch},
            state
        ]
    ],
    Name = {seccomp_test_applier, Node},
    Send = fun(Message) -> on_other(Config, erlang, send, [Name, Message]) end,
    Victim = on_victim(Config, erlang, whereis, [init]),
    %% The answer would be sent to a process of this node.
    _ = Send({'$gen_call', {Victim, server}, {apply, ?MODULE, touch, [server]}}),
    _ = Send({'EXIT', Victim, {server, touch}}),
    _ = Send({apply, ?MODULE, touch, [server]}),
    _ = on_other(Config, erlang, send, [Applier, {x, x, {server, touch}}]),
    _ = on_other(Config, erlang, exit, [Applier, kill]),
    ?assertEqual(?FREE, Ask({apply, ?MODULE, state, []})),
    ?assertNot(on_victim(Config, ?MODULE, touched, [server])),
    #{names := [{seccomp_test_applier, calls}]} = on_victim(Config, seccomp, guard_info, []).

%% Who asks by a message is answered by one to its pid. That does not make it act
%% for the other node, unless it is a request to a server.
answers(Config) ->
    OtherNode = on_other(Config, erlang, node, []),
    Try = fun(Guard, Name, Kind, Tag) ->
        guard(Config, Guard),
        Pid = on_victim(Config, ?MODULE, starter, [Name]),
        _ = on_victim(Config, erlang, send, [{nobody, OtherNode}, {given, Pid}]),
        Answer = on_other(Config, ?MODULE, start_by, [Pid, {Kind, Tag}]),
        true = on_victim(Config, erlang, exit, [Pid, kill]),
        {Tag, Answer, on_victim(Config, ?MODULE, touched, [Tag])}
    end,
    Answers = #{spawn => ?PURE, pids => answers},
    guard(Config, Answers),
    #{pids := answers} = on_victim(Config, seccomp, guard_info, []),
    ?assertEqual({a, started, true}, Try(Answers, none, plain, a)),
    ?assertEqual({b, started, true}, Try(Answers, none, long, b)),
    ?assertEqual({c, started, false}, Try(Answers, none, call, c)),
    ?assertEqual({d, started, false}, Try(Answers, none, cast, d)),
    ?assertEqual({e, started, false}, Try(Answers#{pids := known}, none, plain, e)),
    %% One with a name that is not listed is asked for nothing, and gets answers.
    ?assertEqual({f, started, true}, Try(Answers, seccomp_test_starter, plain, f)),
    Silent = [
        {Kind, Guard}
     || Guard <- [Answers, Answers#{pids := known}, Answers#{protect => [seccomp_test_starter]}],
        Kind <- [plain, call, cast, order],
        Guard =/= Answers orelse Kind =/= plain
    ],
    [
        ?assertEqual({What, no_answer, false}, Try(Guard, seccomp_test_starter, Kind, What))
     || {Kind, Guard} = What <- Silent
    ],
    Named = Answers#{names => [seccomp_test_starter]},
    ?assertEqual({g, started, false}, Try(Named, seccomp_test_starter, plain, g)),
    %% Orders are none of that.
    ?assertEqual({h, no_answer, false}, Try(Answers, none, order, h)).

%% A process that starts another one for whoever asks.
starter(Name) ->
    spawn(fun() ->
        _ = [register(Name, self()) || Name =/= none],
        starter_loop()
    end).

starter_loop() ->
    receive
        {start, From, Tag} -> start_for(From, Tag);
        {start, From, Tag, _} -> start_for(From, Tag);
        {'$gen_call', {From, _}, Tag} -> start_for(From, Tag);
        {'$gen_cast', {From, Tag}} -> start_for(From, Tag);
        {system, {From, _}, Tag} -> start_for(From, Tag)
    end,
    starter_loop().

start_for(From, Tag) ->
    {_, Monitor} = spawn_monitor(fun() -> touch(Tag) end),
    receive
        {'DOWN', Monitor, process, _, _} -> From ! {started, Tag}
    end.

%% A stock node that got an answer goes on under what the answer was given under.
start_by(Pid, {Kind, Tag}) ->
    Pid ! request(Kind, Tag),
    Answer =
        receive
            {started, Tag} -> started
        after 1000 -> no_answer
        end,
    _ = seq_trace:set_token([]),
    Answer.

request(plain, Tag) -> {start, self(), Tag};
request(long, Tag) -> {start, self(), Tag, binary:copy(<<"x">>, 200000)};
request(call, Tag) -> {'$gen_call', {self(), Tag}, Tag};
request(cast, Tag) -> {'$gen_cast', {self(), Tag}};
request(order, Tag) -> {system, {self(), Tag}, Tag}.

bad_calls(_Config) ->
    [
        begin
            {error, {bad_option, #{option := calls}} = Reason} =
                seccomp:guard_node(#{calls => Calls}),
            Text = unicode:characters_to_binary(seccomp:format_error(Reason)),
            ?assertMatch({_, _}, binary:match(Text, Says))
        end
     || {Calls, Says} <-
            [
                {Calls, <<"{Module, Function, Arity}">>}
             || Calls <- [
                    x,
                    [x],
                    [{a, b}],
                    [{a, b, -1}],
                    [{a, b, 256}],
                    [{a, b, '_'}],
                    [{a, "b", 1}],
                    [{a, b, 1} | c]
                ]
            ] ++
                [
                    {[{lists, sort, 1}, Call], <<"of the caller's choice">>}
                 || Call <- [
                        {erlang, apply, 2},
                        {erlang, apply, 3},
                        {erlang, spawn, 3},
                        {erlang, spawn_opt, 4},
                        {erpc, call, 4},
                        {erpc, execute_call, 4},
                        {rpc, call, 4},
                        {erl_eval, exprs, 2},
                        {proc_lib, spawn, 3},
                        {proc_lib, start_link, 3},
                        {timer, apply_after, 4},
                        {supervisor, start_child, 2},
                        {application, ensure_all_started, 1},
                        {code, load_binary, 3},
                        {os, cmd, 1},
                        {sys, replace_state, 2}
                    ]
                ]
    ],
    ?assertMatch(#{status := off}, seccomp:guard_info()).
