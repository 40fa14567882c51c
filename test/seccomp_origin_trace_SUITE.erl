%% SPDX-License-Identifier: Apache-2.0
%%
%% The origin rides on the token of seq_trace, whose users must neither see it
%% nor be able to drop it, and whose tracing goes on as on a stock emulator.
-module(seccomp_origin_trace_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([
    same_to_the_user/1,
    not_dropped/1,
    reset_of_the_node/1,
    match_specifications/1,
    events/1,
    counters_of_the_parent/1,
    tracing_server/1,
    exits/1,
    another_node/1
]).
-export([to_node/1]).

-import(seccomp_test_origin, [policies/0, hash/1, as/2, run/1, answer/1]).

all() ->
    [
        same_to_the_user,
        not_dropped,
        reset_of_the_node,
        match_specifications,
        events,
        counters_of_the_parent,
        tracing_server,
        exits,
        another_node
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

init_per_testcase(_Case, Config) ->
    _ = seq_trace:reset_trace(),
    ok = seccomp:forget_origin(),
    Config.

end_per_testcase(_Case, _Config) ->
    _ = seq_trace:set_system_tracer(false),
    _ = seq_trace:reset_trace(),
    ok.

clients() ->
    {P, Q} = policies(),
    [trusted, P, Q, seccomp_test_run:policy(blacklist, [], #{provenance => false})].

%% Runs the same in clients of all kinds, and expects the same.
same(Fun) ->
    [First | Others] = [
        begin
            Me = self(),
            Ref = make_ref(),
            ok = as(Client, fun() -> Me ! {Ref, plain(Fun())} end),
            answer(Ref)
        end
     || Client <- clients()
    ],
    ?assertNotEqual(no_child, First),
    [?assertEqual(First, Other) || Other <- Others],
    First.

%% Pids and references differ.
plain(Pid) when is_pid(Pid), Pid =:= self() -> self;
plain(Pid) when is_pid(Pid) -> pid;
plain(Ref) when is_reference(Ref) -> ref;
plain(List) when is_list(List) -> [plain(Term) || Term <- List];
plain(Tuple) when is_tuple(Tuple) -> list_to_tuple(plain(tuple_to_list(Tuple)));
plain(Term) -> Term.

seen() ->
    [
        seq_trace:get_token(),
        process_info(self(), sequential_trace_token),
        [catch seq_trace:get_token(Item) || Item <- items()]
    ].

items() ->
    [label, serial, send, 'receive', print, timestamp, monotonic_timestamp,
        strict_monotonic_timestamp].

same_to_the_user(_Config) ->
    [[[], {sequential_trace_token, []} | _] | _] = same(fun() ->
        Echo = spawn_link(fun() -> echo() end),
        Call = fun() -> Echo ! {self(), hello}, receive hello -> seen() end end,
        Result = [
            seen(),
            Call(),
            seq_trace:print(hello),
            seq_trace:print(17, hello),
            seq_trace:set_token(label, 17),
            seen(),
            Call(),
            seq_trace:print(17, hello),
            seq_trace:print(18, hello),
            seq_trace:set_token(label, {a, [term], "of any kind"}),
            seq_trace:set_token(send, true),
            seq_trace:set_token(print, true),
            seq_trace:set_token(timestamp, true),
            seq_trace:set_token(serial, {7, 9}),
            seen(),
            Call(),
            erlang:garbage_collect(),
            seen(),
            put(token, seq_trace:set_token([])),
            get(token),
            seen(),
            Call(),
            seq_trace:set_token(get(token)),
            seen(),
            seq_trace:set_token(serial, {1, 2}),
            Call(),
            seq_trace:set_token([]),
            seen(),
            catch seq_trace:set_token(nonsense, true),
            catch erlang:seq_trace(sequential_trace_token, nonsense),
            catch erlang:seq_trace(serial, nonsense),
            seen()
        ],
        unlink(Echo),
        exit(Echo, kill),
        Result
    end).

echo() ->
    receive {From, Message} -> From ! Message, echo() end.

%% Whatever a restricted process does with its token, its requests carry the
%% origin, and its own children are under its policy.
not_dropped(_Config) ->
    {P, _} = policies(),
    Deputy = spawn(fun seccomp_test_origin:loop/0),
    Deeds = [
        fun() -> seq_trace:set_token([]) end,
        fun() -> seq_trace:set_token(label, forged), seq_trace:set_token([]) end,
        fun() -> seq_trace:set_token(label, forged) end,
        fun() -> seq_trace:set_token({0, 0, 0, self(), 0}) end,
        fun() -> seq_trace:set_token({31, x, 5, self(), 5}) end,
        fun() -> (catch erlang:seq_trace(send, 16#1ff)) end,
        fun() -> seq_trace:set_token(seq_trace:get_token()) end,
        fun() -> seq_trace:reset_trace() end,
        fun() -> self() ! m, receive m -> ok end, seq_trace:set_token([]) end,
        fun() -> receive after 1 -> ok end end,
        fun() -> erlang:garbage_collect(), seq_trace:set_token([]), erlang:garbage_collect() end,
        fun() -> Deputy ! {run, fun() -> ok end} end
    ],
    [
        begin
            Got = run(fun(F) ->
                as(P, fun() -> Deed(), Deputy ! {run, fun() -> spawn(F) end} end)
            end),
            ?assertEqual({N, hash(P)}, {N, Got}),
            ?assertEqual({N, hash(P)}, {N, run(fun(F) -> as(P, fun() -> Deed(), spawn(F) end) end)})
        end
     || {N, Deed} <- lists:zip(lists:seq(1, length(Deeds)), Deeds)
    ],
    exit(Deputy, kill).

%% Messages in queues, and a process that holds an origin.
reset_of_the_node(_Config) ->
    {P, _} = policies(),
    Me = self(),
    Ref = make_ref(),
    Deputy = spawn(fun() ->
        receive go -> ok end,
        seccomp_test_origin:loop()
    end),
    Start = fun() -> spawn(fun() -> Me ! {Ref, seccomp_test_origin:who()} end) end,
    as(P, fun() -> Deputy ! {run, Start} end),
    as(P, fun() -> seq_trace:set_token(label, 1), Deputy ! {run, Start} end),
    as(P, fun() ->
        Deputy ! {run, fun() -> receive again -> Start() end end}
    end),
    _ = seq_trace:reset_trace(),
    Deputy ! go,
    ?assertEqual(hash(P), answer(Ref)),
    ?assertEqual(hash(P), answer(Ref)),
    _ = seq_trace:reset_trace(),
    Deputy ! again,
    ?assertEqual(hash(P), answer(Ref)),
    Deputy ! {run, Start},
    ?assertEqual(trusted, answer(Ref)),
    exit(Deputy, kill).

match_specifications(_Config) ->
    Spec = [{'_', [], [{message, {{{get_seq_token}, {is_seq_trace}}}}]}],
    Traced = fun(Client, Do) ->
        Me = self(),
        Pid = spawn(fun() ->
            receive go -> ok end,
            as(Client, fun() ->
                Me ! {trace_me, self()},
                receive go -> Do(), _ = lists:reverse([]) end
            end)
        end),
        Pid ! go,
        Traced = receive {trace_me, Who} -> Who end,
        ok = seccomp:forget_origin(),
        1 = erlang:trace(Traced, true, [call]),
        1 = erlang:trace_pattern({lists, reverse, 1}, Spec, [global]),
        Traced ! go,
        receive {trace, Traced, call, _, Seen} -> plain(Seen) after 30000 -> nothing end
    end,
    Nothing = fun() -> ok end,
    Label = fun() -> seq_trace:set_token(label, {any, "term"}) end,
    {module, lists} = code:ensure_loaded(lists),
    [
        ?assertEqual({[], false}, Traced(Client, Nothing))
     || Client <- clients()
    ],
    [Tokens | Others] = [Traced(Client, Label) || Client <- clients()],
    ?assertMatch({{0, {any, "term"}, _, _, _}, true}, Tokens),
    [?assertEqual(Tokens, Other) || Other <- Others],
    1 = erlang:trace_pattern({lists, reverse, 1}, false, [global]).

%% What a tracer hears of a client, a server and what that starts.
events(_Config) ->
    Me = self(),
    [First | Others] = [
        begin
            Tracer = spawn_link(fun() -> collect([]) end),
            _ = seq_trace:set_system_tracer(Tracer),
            Server = spawn(fun seccomp_test_origin:loop/0),
            Ref = make_ref(),
            ok = as(Client, fun() ->
                seq_trace:set_token(label, 5),
                [seq_trace:set_token(Flag, true) || Flag <- [send, 'receive', print]],
                seq_trace:print(begins),
                Self = self(),
                Server ! {run, fun() ->
                    _ = seq_trace:print(serves),
                    spawn(fun() -> Self ! {child, seq_trace:print(runs)} end)
                end},
                receive {child, ok} -> Me ! {Ref, done} end,
                seq_trace:set_token([]),
                seq_trace:print(not_heard)
            end),
            ?assertEqual(done, answer(Ref)),
            _ = seq_trace:set_system_tracer(false),
            Tracer ! {stop, Me},
            Events = receive {events, E} -> E end,
            exit(Server, kill),
            _ = seq_trace:reset_trace(),
            ok = seccomp:forget_origin(),
            [{Label, element(1, What), element(2, What)} || {seq_trace, Label, What} <- Events]
        end
     || Client <- clients()
    ],
    ?assert(length(First) >= 9),
    [?assertEqual(First, Other) || Other <- Others].

collect(Events) ->
    receive
        {stop, To} -> To ! {events, lists:reverse(Events)};
        Event -> collect([Event | Events])
    end.

%% A spawn without tracing does not set back the counters of seq_trace.
counters_of_the_parent(_Config) ->
    same(fun() ->
        seq_trace:set_token(serial, {11, 12}),
        seq_trace:set_token([]),
        {Pid, M} = spawn_monitor(fun() -> ok end),
        receive {'DOWN', M, process, Pid, _} -> ok end,
        self() ! x,
        receive x -> ok end,
        seq_trace:set_token(label, 1),
        self() ! y,
        receive y -> ok end,
        seen()
    end).

%% A trusted server that traces itself, and serves restricted clients.
tracing_server(_Config) ->
    {P, _} = policies(),
    Me = self(),
    Ref = make_ref(),
    Server = spawn(fun() ->
        seq_trace:set_token(label, mine),
        erlang:send_after(1, self(), {run, fun() -> ok end}),
        receive {run, _} -> Me ! {Ref, seq_trace:get_token(label)} end,
        seccomp_test_origin:loop()
    end),
    ?assertEqual({label, mine}, answer(Ref)),
    _ = seq_trace:set_token([]),
    Report = fun() ->
        Label = seq_trace:get_token(label),
        spawn(fun() -> Me ! {Ref, {Label, seccomp_test_origin:who()}} end)
    end,
    %% A timer of a client leaves the server's tracing alone, as on stock.
    as(P, fun() -> erlang:send_after(1, Server, {run, Report}) end),
    ?assertEqual({{label, mine}, hash(P)}, answer(Ref)),
    _ = seq_trace:set_token([]),
    Server ! {run, Report},
    ?assertEqual({[], trusted}, answer(Ref)),
    as(P, fun() -> seq_trace:set_token(label, its), Server ! {run, Report} end),
    ?assertEqual({{label, its}, hash(P)}, answer(Ref)),
    _ = seq_trace:set_token([]),
    as(P, fun() -> Server ! {run, Report} end),
    ?assertEqual({[], hash(P)}, answer(Ref)),
    exit(Server, kill).

%% An exit signal brings what it brings on stock, and not the origin.
exits(_Config) ->
    Me = self(),
    Deaths = [
        fun(Server) -> exit(Server, chosen) end,
        fun(Server) -> link(Server), exit(chosen) end,
        fun(Server) -> seq_trace:set_token(label, its), exit(Server, chosen) end,
        fun(Server) -> seq_trace:set_token(label, its), link(Server), exit(chosen) end
    ],
    [
        begin
            Ref = make_ref(),
            Server = spawn(fun() ->
                process_flag(trap_exit, true),
                receive
                    {'EXIT', _, chosen} ->
                        Label = seq_trace:get_token(label),
                        spawn(fun() -> Me ! {Ref, {Label, seccomp_test_origin:who()}} end)
                end
            end),
            _ = (catch as(Client, fun() -> Death(Server) end)),
            {Label, trusted} = answer(Ref),
            _ = seq_trace:set_token([]),
            case Client of
                trusted -> put(Death, Label);
                _ -> ?assertEqual(get(Death), Label)
            end
        end
     || Death <- Deaths, Client <- clients()
    ].

%% The user's part goes to another patched node as it does from a trusted
%% process.
another_node(_Config) ->
    {Here, _} = seccomp_test_node:start_named(same, []),
    {There, Node} = seccomp_test_node:start_named(same, []),
    try
        {ok, _} = seccomp_test_node:call(There, application, ensure_all_started, [seccomp]),
        [First | Others] = seccomp_test_node:call(Here, ?MODULE, to_node, [Node]),
        ?assertMatch([[[]], [{{0, {a, "label"}, _, _, _}}], [{{3, {a, "label"}, _, _, _}}]], First),
        [?assertEqual(First, Other) || Other <- Others]
    after
        seccomp_test_node:stop(Here),
        seccomp_test_node:stop(There)
    end.

to_node(Node) ->
    {ok, _} = application:ensure_all_started(seccomp),
    true = net_kernel:connect_node(Node),
    ok = seccomp_nodes:sync(Node, 5000),
    Report = fun() ->
        receive {From, report} -> From ! [tuple(seq_trace:get_token())] end
    end,
    Ask = fun() ->
        %% Started by nobody's token.
        Token = seq_trace:set_token([]),
        Pid = spawn(Node, Report),
        _ = seq_trace:set_token(Token),
        Pid ! {self(), report},
        receive Seen -> Seen after 30000 -> no_answer end
    end,
    [
        begin
            Me = self(),
            Ref = make_ref(),
            ok = as(Client, fun() ->
                Bare = Ask(),
                _ = seq_trace:set_token(label, {a, "label"}),
                Label = Ask(),
                _ = seq_trace:set_token(send, true),
                _ = seq_trace:set_token('receive', true),
                Flags = Ask(),
                Me ! {Ref, plain([Bare, Label, Flags])}
            end),
            Answer = answer(Ref),
            _ = seq_trace:set_token([]),
            Answer
        end
     || Client <- clients()
    ].

tuple([]) -> [];
tuple(Token) -> {Token}.
