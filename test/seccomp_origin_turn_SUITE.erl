%% SPDX-License-Identifier: Apache-2.0
%%
%% When a server is done with a restricted client: what it receives decides,
%% and how deep in its work it does so.
-module(seccomp_origin_turn_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, init_per_suite/1, end_per_suite/1]).
-export([
    unrelated_message_in_a_request/1,
    restricted_message_in_a_request/1,
    timeout_in_a_request/1,
    timeout_of_the_loop/1,
    no_wait/1,
    exit_of_a_child/1,
    down_of_a_child/1,
    own_timer/1,
    timer_of_a_client/1,
    hibernation/1,
    another_function_receives/1,
    deep_server/1,
    raw_messages/1,
    heir/1
]).
-export([woken/1]).

-import(seccomp_test_origin, [policies/0, hash/1, child/2, as/2, answer/1, who/0]).

all() ->
    [
        unrelated_message_in_a_request,
        restricted_message_in_a_request,
        timeout_in_a_request,
        timeout_of_the_loop,
        no_wait,
        exit_of_a_child,
        down_of_a_child,
        own_timer,
        timer_of_a_client,
        hibernation,
        another_function_receives,
        deep_server,
        raw_messages,
        heir
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    %% Else the first client would be the one for whom it is started.
    ok = timer:start(),
    Config.

end_per_suite(_Config) -> ok.

%% A server that runs what it is sent. Other messages, and a pause, make it
%% run what `Idle` gives.
server(Idle) -> server(Idle, infinity).

server(Idle, Pause) ->
    spawn(fun() ->
        process_flag(trap_exit, true),
        loop(Idle, Pause)
    end).

loop(Idle, Pause) ->
    receive
        {run, Fun} -> Fun();
        Other -> Idle(Other)
    after Pause -> Idle(timeout)
    end,
    loop(Idle, Pause).

%% A fun that starts a child, and what becomes of that.
starter() ->
    Me = self(),
    Ref = make_ref(),
    {Ref, fun() -> spawn(fun() -> Me ! {Ref, who()} end) end}.

idle_starter() ->
    {Ref, Start} = starter(),
    {Ref, fun(_) -> Start() end}.

ask(Client, Server, Fun) -> as(Client, fun() -> Server ! {run, Fun} end).

stop(Server) -> exit(Server, kill).

unrelated_message_in_a_request(_Config) ->
    {P, _} = policies(),
    Server = server(fun(_) -> ok end),
    {Ref, Start} = starter(),
    ask(P, Server, fun() -> receive unrelated -> Start() end, Start() end),
    Server ! unrelated,
    ?assertEqual(hash(P), answer(Ref)),
    ?assertEqual(hash(P), answer(Ref)),
    ask(trusted, Server, Start),
    ?assertEqual(trusted, answer(Ref)),
    stop(Server).

restricted_message_in_a_request(_Config) ->
    {P, _} = policies(),
    Server = server(fun(_) -> ok end),
    {Ref, Start} = starter(),
    ask(trusted, Server, fun() -> receive related -> Start() end, Start() end),
    as(P, fun() -> Server ! related end),
    ?assertEqual(hash(P), answer(Ref)),
    ?assertEqual(hash(P), answer(Ref)),
    ask(trusted, Server, Start),
    ?assertEqual(trusted, answer(Ref)),
    stop(Server).

timeout_in_a_request(_Config) ->
    {P, _} = policies(),
    Server = server(fun(_) -> ok end),
    {Ref, Start} = starter(),
    ask(P, Server, fun() -> receive after 5 -> Start() end end),
    ?assertEqual(hash(P), answer(Ref)),
    stop(Server).

timeout_of_the_loop(_Config) ->
    {P, _} = policies(),
    {Ref, Idle} = idle_starter(),
    Server = server(Idle, 200),
    ask(P, Server, fun() -> Idle(now) end),
    ?assertEqual(hash(P), answer(Ref)),
    ?assertEqual(trusted, answer(Ref)),
    stop(Server).

%% `after 0` is a look at the queue and no turn.
no_wait(_Config) ->
    {P, _} = policies(),
    {Ref, Start} = starter(),
    Server = spawn(fun() ->
        receive {run, Fun} -> ok end,
        receive nothing -> ok after 0 -> Fun() end
    end),
    ask(P, Server, Start),
    ?assertEqual(hash(P), answer(Ref)).

exit_of_a_child(_Config) ->
    {P, _} = policies(),
    {Ref, Idle} = idle_starter(),
    Server = server(Idle),
    ask(P, Server, fun() -> spawn_link(fun() -> exit(Idle) end) end),
    ?assertEqual(trusted, answer(Ref)),
    %% Nor when a client sends the signal.
    as(P, fun() -> exit(Server, chosen) end),
    ?assertEqual(trusted, answer(Ref)),
    stop(Server).

down_of_a_child(_Config) ->
    {P, _} = policies(),
    {Ref, Idle} = idle_starter(),
    Server = server(Idle),
    ask(P, Server, fun() -> spawn_monitor(fun() -> exit(Idle) end) end),
    ?assertEqual(trusted, answer(Ref)),
    stop(Server).

%% A server that starts its own clock while it serves a client.
own_timer(_Config) ->
    {P, _} = policies(),
    {Ref, Idle} = idle_starter(),
    Server = server(Idle),
    ask(P, Server, fun() -> erlang:send_after(1, self(), tick) end),
    ?assertEqual(trusted, answer(Ref)),
    ask(P, Server, fun() -> erlang:start_timer(1, self(), tick) end),
    ?assertEqual(trusted, answer(Ref)),
    stop(Server).

%% With a message of its own and without, soon and late, to a name.
timer_of_a_client(_Config) ->
    {P, _} = policies(),
    {Ref, Idle} = idle_starter(),
    Server = server(Idle),
    true = register(?MODULE, Server),
    [
        begin
            as(Client, fun() -> Timer(Time, To, Message) end),
            ?assertEqual(hash(Client), answer(Ref))
        end
     || Timer <- [fun erlang:send_after/3, fun erlang:start_timer/3, fun timer:send_after/3],
        Time <- [0, 1, 30],
        To <- [Server, ?MODULE],
        Message <- [tick, {tick, [long, "message"]}],
        Client <- [P, trusted]
    ],
    %% Cancelled, or to nobody.
    as(P, fun() ->
        false =/= erlang:cancel_timer(erlang:send_after(60000, Server, {a, b})) orelse error(gone)
    end),
    Dead = spawn(fun() -> ok end),
    ok = seccomp_test_run:eventually(fun() -> not is_process_alive(Dead) end),
    as(P, fun() -> erlang:send_after(1, Dead, {a, b}) end),
    stop(Server).

%% The stack that the depth was measured on is gone then.
hibernation(_Config) ->
    {P, _} = policies(),
    {Ref, Start} = starter(),
    Server = spawn(fun() -> receive {run, Fun} -> Fun(), sleep() end end),
    ask(P, Server, Start),
    ?assertEqual(hash(P), answer(Ref)),
    [
        begin
            ask(Client, Server, Start),
            ?assertEqual(hash(Client), answer(Ref))
        end
     || Client <- [trusted, P, trusted, trusted, P, P, trusted]
    ],
    stop(Server).

sleep() -> proc_lib:hibernate(?MODULE, woken, [[a, {frame, with, much}, "in it"]]).

%% It receives below more frames than before, and with more on the stack.
woken(Much) ->
    Length = length(Much),
    try
        receive
            {run, Fun} -> Fun()
        end,
        Length = length(Much)
    after
        ok
    end,
    sleep().

%% Functions of a loop that call each other last, with frames of all sizes.
another_function_receives(_Config) ->
    {P, _} = policies(),
    {Ref, Start} = starter(),
    Server = spawn(fun() -> small() end),
    [
        begin
            ask(Client, Server, Start),
            ?assertEqual(hash(Client), answer(Ref))
        end
     || Client <- [P, trusted, P, P, trusted, trusted, P, P, trusted, P, trusted, trusted]
    ],
    stop(Server).

small() -> receive {run, Fun} -> Fun(), large(1, 2, 3, 4, 5, 6, 7, 8) end.

large(A, B, C, D, E, F, G, H) ->
    receive
        {run, Fun} ->
            Fun(),
            true = is_list([A, B, C, D, E, F, G, H]),
            after_a_call(1, 2)
    end.

%% What it has called has left a return address in its frame.
after_a_call(A, B) ->
    Sum = lists:sum([A, B]),
    receive
        {run, Fun} ->
            Fun(),
            3 = Sum,
            small()
    end.

%% A loop that stands on a large stack.
deep_server(_Config) ->
    {P, _} = policies(),
    {Ref, Start} = starter(),
    Server = spawn(fun() -> deep(200000) end),
    [
        begin
            ask(Client, Server, Start),
            ?assertEqual(hash(Client), answer(Ref))
        end
     || Client <- [P, trusted, P, trusted]
    ],
    stop(Server).

deep(0) -> loop(fun(_) -> ok end, infinity);
deep(N) -> [N | deep(N - 1)].

%% Messages that carry no token at all on a stock emulator.
raw_messages(_Config) ->
    {P, _} = policies(),
    {Ref, Idle} = idle_starter(),
    Server = server(Idle),
    as(P, fun() -> Server ! {run, fun() -> ok end} end),
    Server ! {hello, "of a trusted process"},
    ?assertEqual(trusted, answer(Ref)),
    as(P, fun() -> ets:give_away(ets:new(t, []), Server, Idle) end),
    ?assertEqual(hash(P), answer(Ref)),
    Port = open_port({spawn, "true"}, [exit_status]),
    ask(P, Server, fun() -> ok end),
    true = port_connect(Port, Server),
    catch port_close(Port),
    _ = (catch port_command(Port, "x")),
    Server ! again,
    ?assertEqual(trusted, answer(Ref)),
    stop(Server).

%% An inheritance is an end, as an exit is.
heir(_Config) ->
    {P, _} = policies(),
    {Ref, Idle} = idle_starter(),
    Server = server(Idle),
    as(P, fun() -> ets:new(t, [{heir, Server, {data, Idle}}]) end),
    ?assertEqual(trusted, answer(Ref)),
    ?assertEqual(trusted, child(trusted, fun(F) -> spawn(F) end)),
    stop(Server).
