%% SPDX-License-Identifier: Apache-2.0
%%
%% A web server whose requests are each answered by a restricted process. The
%% socket stays with a trusted one: the handler gets a request and gives an
%% answer, and has nothing else.
-module(http_host).

-export([start/1, port/1, stop/1]).

%% The handler is a module with `handle(Method, Path)`, that gives a status and
%% a body.
start(Handler) ->
    {ok, Policy} = seccomp:compile(#{
        mode => whitelist, spawn => deny, send => [],
        rules => ['@format', Handler, {gate, kv, get, 1}]
    }),
    Options = [binary, {active, false}, {packet, http_bin}, {ip, loopback}, {reuseaddr, true}],
    {ok, Listener} = gen_tcp:listen(0, Options),
    _ = spawn_link(fun() -> accept(Listener, {Handler, Policy}) end),
    {ok, Listener}.

port(Listener) -> element(2, inet:port(Listener)).

stop(Listener) -> gen_tcp:close(Listener).

accept(Listener, Plugin) ->
    case gen_tcp:accept(Listener) of
        {ok, Socket} ->
            Pid = spawn(fun() -> receive go -> serve(Socket, Plugin) end end),
            ok = gen_tcp:controlling_process(Socket, Pid),
            Pid ! go,
            accept(Listener, Plugin);
        {error, closed} ->
            ok
    end.

serve(Socket, Plugin) ->
    {ok, {http_request, Method, {abs_path, Path}, _}} = gen_tcp:recv(Socket, 0, 5000),
    {Status, Body} = answer(Plugin, Method, Path),
    ok = gen_tcp:send(Socket, [
        "HTTP/1.1 ", integer_to_list(Status), " .\r\nconnection: close\r\ncontent-length: ",
        integer_to_list(iolist_size(Body)), "\r\n\r\n", Body
    ]),
    gen_tcp:close(Socket).

answer({Handler, Policy}, Method, Path) ->
    Heap = {max_heap_size, #{size => 1_000_000, kill => true, error_logger => false}},
    Work = fun() -> exit({answer, Handler:handle(Method, Path)}) end,
    {Pid, Ref} = seccomp:spawn_opt(Policy, Work, [monitor, Heap]),
    receive
        {'DOWN', Ref, process, Pid, {answer, {Status, Body}}} when is_integer(Status) ->
            {Status, iolist_to_binary(Body)};
        {'DOWN', Ref, process, Pid, _Denied} ->
            {500, <<"refused\n">>}
    after 2000 ->
        exit(Pid, kill),
        {503, <<"too slow\n">>}
    end.
