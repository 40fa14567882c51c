%% SPDX-License-Identifier: Apache-2.0
%%
%% Answers of restricted processes: who waits for one goes on acting for whom it
%% acted when it asked. Whatever does not come as an answer is a request.
-module(seccomp_origin_answer_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, init_per_suite/1, end_per_suite/1]).
-export([
    calls/1,
    reply_for_another/1,
    asynchronous/1,
    within_a_request/1,
    not_an_answer/1,
    explicit_alias/1,
    with_priority/1,
    traced/1
]).

-import(seccomp_test_origin, [policies/0, hash/1, as/2, answer/1, who/0]).

-define(SERVER, seccomp_test_server).

all() ->
    [
        calls,
        reply_for_another,
        asynchronous,
        within_a_request,
        not_an_answer,
        explicit_alias,
        with_priority,
        traced
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

%% A restricted server.
server() ->
    {P, _} = policies(),
    {ok, Server} = ?SERVER:start(P),
    ok = seccomp:forget_origin(),
    {P, Server}.

%% What a child of the calling process is under.
child() ->
    {Pid, Ref} = spawn_monitor(fun() -> exit({is, who()}) end),
    receive
        %% An exit carries nothing.
        {'DOWN', Ref, process, Pid, {is, Who}} -> Who
    end.

calls(_Config) ->
    {P, Server} = server(),
    [
        ?assertEqual({hello, trusted, trusted}, {gen_server:call(Server, hello), child(), seccomp:origin()})
     || _ <- lists:seq(1, 1000)
    ],
    ?assertEqual(trusted, child()),
    %% The server is restricted all the time, and so is what it starts.
    ?assertEqual(hash(P), gen_server:call(Server, {do, fun child/0})),
    true = exit(Server, kill).

%% A trusted server keeps a caller waiting until a restricted process says
%% something; what it answers then, it answers for that one.
reply_for_another(_Config) ->
    {P, _} = policies(),
    Broker = spawn(fun Loop() ->
        receive
            {'$gen_call', From, wait} ->
                receive go -> gen_server:reply(From, done) end
        end,
        Loop()
    end),
    Me = self(),
    Waiter = spawn_link(fun() ->
        done = gen_server:call(Broker, wait),
        Me ! {waiter, child()}
    end),
    as(P, fun() ->
        receive after 20 -> ok end,
        Broker ! go
    end),
    receive
        {waiter, Who} -> ?assertEqual(trusted, Who)
    end,
    unlink(Waiter),
    exit(Broker, kill).

asynchronous(_Config) ->
    {_, Server} = server(),
    Id = gen_server:send_request(Server, hello),
    ?assertEqual({reply, hello}, gen_server:receive_response(Id, 30000)),
    ?assertEqual(trusted, child()),
    Id2 = gen_server:send_request(Server, hello),
    receive
        Message -> ?assertEqual({reply, hello}, gen_server:check_response(Message, Id2))
    end,
    ?assertEqual(trusted, child()).

%% A server that acts for a restricted client asks another one and goes on when
%% its loop has the answer: still for the client.
within_a_request(_Config) ->
    {P, _} = policies(),
    {ok, Trusted} = ?SERVER:start(none),
    Me = self(),
    Ref = make_ref(),
    Deputy = spawn(fun Loop() ->
        receive
            later -> _ = gen_server:send_request(Trusted, hello);
            now -> hello = gen_server:call(Trusted, hello), start(Me, Ref);
            {[alias | _], hello} -> start(Me, Ref)
        end,
        Loop()
    end),
    [
        begin
            as(Client, fun() -> Deputy ! When end),
            ?assertEqual({When, hash(Client)}, {When, answer(Ref)})
        end
     || When <- [later, now, later], Client <- [P, trusted, P]
    ],
    exit(Deputy, kill).

start(Me, Ref) -> spawn(fun() -> Me ! {Ref, who()} end).

%% What else comes by the alias of a request, or looks like an answer and comes
%% to the process itself.
not_an_answer(_Config) ->
    {P, Server} = server(),
    Me = self(),
    Tries = [
        fun(To, _) -> To end,
        fun(_, Alias) -> Alias end
    ],
    Shapes = [
        fun(Alias) -> {request, Alias} end,
        fun(Alias) -> {'$gen_call', {self(), Alias}, x} end,
        fun(Alias) -> {Alias, x, y} end,
        fun(Alias) -> [Alias | x] end,
        fun(Alias) -> Alias end,
        fun(_) -> {make_ref(), x} end,
        fun(_) -> {[alias | make_ref()], x} end
    ],
    Answers = [fun(Alias) -> {Alias, x} end, fun(Alias) -> {[alias | Alias], x} end],
    Sent = fun(To, Shape) ->
        Alias = monitor(process, Server, [{alias, demonitor}]),
        Target = To(Me, Alias),
        sent = gen_server:call(Server, {do, fun() -> Target ! Shape(Alias), sent end}),
        receive
            Message -> ?assertNotMatch({'DOWN', _, _, _, _}, Message)
        end,
        Who = child(),
        demonitor(Alias, [flush]),
        ok = seccomp:forget_origin(),
        Who
    end,
    [?assertEqual(hash(P), Sent(To, Shape)) || To <- Tries, Shape <- Shapes],
    [Direct, ByAlias] = Tries,
    [?assertEqual(hash(P), Sent(Direct, Answer)) || Answer <- Answers],
    [?assertEqual(trusted, Sent(ByAlias, Answer)) || Answer <- Answers].

%% An alias that stays is an address, and what comes there may be anything.
explicit_alias(_Config) ->
    {P, Server} = server(),
    [
        begin
            Alias = Make(),
            sent = gen_server:call(Server, {do, fun() -> Alias ! {Alias, x}, sent end}),
            receive
                {Alias, x} -> ok
            end,
            ?assertEqual(hash(P), child()),
            unalias(Alias),
            ok = seccomp:forget_origin()
        end
     || Make <- [
            fun() -> alias() end,
            fun() -> alias([reply]) end,
            fun() -> monitor(process, Server, [{alias, explicit_unalias}]) end
        ]
    ].

%% From 28 on a message may overtake others, and takes a way of its own.
with_priority(_Config) ->
    case erlang:is_builtin(erlang, link, 2) of
        true -> overtaking();
        false -> {skip, "from OTP 28 on"}
    end.

overtaking() ->
    {P, Server} = server(),
    Got = fun(To, Message) ->
        ok = gen_server:call(Server, {do, fun() -> erlang:send(To, Message, [priority]) end}),
        receive
            Message -> ok
        end,
        Who = child(),
        ok = seccomp:forget_origin(),
        Who
    end,
    Urgent = apply(erlang, alias, [[priority]]),
    ?assertEqual(hash(P), Got(Urgent, hello)),
    ?assertEqual(hash(P), Got(Urgent, {Urgent, hello})),
    ?assertEqual(hash(P), Got(self(), hello)),
    ?assertEqual(hash(P), Got(alias(), hello)),
    Request = monitor(process, Server, [{alias, demonitor}, priority]),
    ?assertEqual(trusted, Got(Request, {Request, hello})),
    ?assertEqual(trusted, Got(Request, {[alias | Request], hello})),
    ?assertEqual(hash(P), Got(Request, {other, hello})),
    true = demonitor(Request, [flush]).

%% The user's own tracing rides on; without the origin, where it came with one.
traced(_Config) ->
    {_, Server} = server(),
    _ = seq_trace:set_token(label, 17),
    hello = gen_server:call(Server, hello),
    ?assertEqual({label, 17}, seq_trace:get_token(label)),
    ?assertEqual({trusted, trusted}, {child(), seccomp:origin()}),
    _ = seq_trace:set_token([]),
    hello = gen_server:call(Server, hello),
    ?assertEqual([], seq_trace:get_token()),
    ?assertEqual({trusted, trusted}, {child(), seccomp:origin()}).
