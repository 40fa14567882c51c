%% SPDX-License-Identifier: Apache-2.0
%%
%% Uses each recipe once and prints what became of it: `make recipes`.
-module(recipes).

-export([main/0]).

main() ->
    {module, _} = code:ensure_loaded(kv),
    _ = kv:open(),
    plugins(),
    tools(),
    requests(),
    say("a calculator", [{Line, calc:line(Line)} || Line <- ["6 * 7.", "os:cmd(\"id\")."]]),
    halt().

plugins() ->
    {ok, Counter} = plugin_host:load(file("counter_plugin.erl")),
    say("a plugin that counts", [{visit, ask(Counter, {visit, <<"/">>})} || _ <- [once, again]]),
    {ok, Greedy} = plugin_host:load(file("greedy_plugin.erl")),
    Wants = [table, file, program, 'fun', large, spawn, message, memory, loop],
    say("a plugin that wants more", [{Want, ask(Greedy, Want)} || Want <- Wants]).

tools() ->
    Sources = ["model_tools:weather(\"Oslo\").", "file:read_file(\"weather.txt\")."],
    say("code of a model", [{S, io_lib:format("~0tp", [model_tools:answer(S)])} || S <- Sources]).

requests() ->
    ok = kv:put(<<"colour">>, blue),
    {ok, Server} = http_host:start(page_handler),
    Paths = ["/kv/colour", "/file//etc/passwd"],
    say("requests", [{Path, get(http_host:port(Server), Path)} || Path <- Paths]),
    http_host:stop(Server).

get(Port, Path) ->
    {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, Port, [{active, false}, {packet, line}]),
    ok = gen_tcp:send(Socket, ["GET ", Path, " HTTP/1.1\r\n\r\n"]),
    {ok, "HTTP/1.1 " ++ Status} = gen_tcp:recv(Socket, 0),
    string:slice(Status, 0, 3).

ask(Plugin, Request) -> io_lib:format("~0tP", [plugin_host:call(Plugin, Request, 500), 9]).

file(Name) -> filename:join(os:getenv("RECIPES"), Name).

say(Title, Rows) ->
    io:format("~ts~n", [Title]),
    [io:format("  ~-34ts ~ts~n", [name(What), Answer]) || {What, Answer} <- Rows],
    ok.

name(What) when is_atom(What) -> atom_to_list(What);
name(What) -> What.
