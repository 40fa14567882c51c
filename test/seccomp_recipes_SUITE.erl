%% SPDX-License-Identifier: Apache-2.0
%%
%% The recipes that run: examples/recipes, used and attacked.
-module(seccomp_recipes_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    a_plugin_reaches_the_store/1,
    a_plugin_reaches_nothing_else/1,
    a_plugin_is_no_module_of_the_host/1,
    a_model_has_tools/1,
    requests_are_restricted/1,
    lines_are_calculated/1,
    hosts_are_short/1
]).

-define(RUN, seccomp_test_run).

suite() -> [{timetrap, {seconds, 300}}].

all() ->
    [
        a_plugin_reaches_the_store,
        a_plugin_reaches_nothing_else,
        a_plugin_is_no_module_of_the_host,
        a_model_has_tools,
        requests_are_restricted,
        lines_are_calculated,
        hosts_are_short
    ].

init_per_suite(Config) ->
    case ?RUN:must_have_gates(Config) of
        {skip, _} = Skip -> Skip;
        Config1 -> compiled(Config1)
    end.

end_per_suite(Config) ->
    code:del_path(?config(out, Config)),
    [begin code:purge(M), code:delete(M), code:purge(M) end || M <- [counter_plugin, greedy_plugin | hosts()]],
    ok.

hosts() -> [kv, plugin_host, model_tools, http_host, page_handler, calc].

%% Plugins are compiled by their host.
compiled(Config) ->
    Dir = recipes(filename:absname(filename:dirname(?FILE))),
    Out = filename:join(?config(priv_dir, Config), "recipes"),
    ok = filelib:ensure_path(Out),
    [{ok, M} = compile:file(filename:join(Dir, M), [warnings_as_errors, {outdir, Out}]) || M <- hosts()],
    {ok, _} = file:copy(filename:join(Dir, "weather.txt"), filename:join(Out, "weather.txt")),
    true = code:add_patha(Out),
    [{dir, Dir}, {out, Out} | Config].

%% Tests are compiled from copies below `_build`.
recipes(Dir) ->
    Recipes = filename:join(Dir, "examples/recipes"),
    case filelib:is_dir(Recipes) of
        true -> Recipes;
        false when Dir =/= "/" -> recipes(filename:dirname(Dir))
    end.

load(Module, Config) -> plugin_host:load(filename:join(?config(dir, Config), atom_to_list(Module) ++ ".erl")).

%% A store that lives as long as the case.
with_store(Fun) ->
    _ = kv:open(),
    try Fun() after ets:delete(kv) end.

a_plugin_reaches_the_store(Config) ->
    {ok, Counter} = load(counter_plugin, Config),
    with_store(fun() ->
        ?assertEqual({ok, 1}, plugin_host:call(Counter, {visit, <<"/">>})),
        ?assertEqual({ok, 2}, plugin_host:call(Counter, {visit, <<"/">>})),
        ?assertEqual({ok, 2}, kv:get(<<"/">>)),
        %% The stored number is no page: the plugin fails, and the host does not.
        ?assertMatch({error, {{badmatch, _}, _}}, plugin_host:call(Counter, {visit, page}))
    end).

a_plugin_reaches_nothing_else(Config) ->
    {ok, Greedy} = load(greedy_plugin, Config),
    ?assertEqual(none, persistent_term:get(greedy_plugin, none)),
    Denied = fun(Request) -> plugin_host:call(Greedy, Request) end,
    with_store(fun() ->
        ?assertEqual({error, {denied, {ets, tab2list, 1}}}, Denied(table)),
        ?assertEqual({error, {denied, {file, read_file, 1}}}, Denied(file)),
        ?assertEqual({error, {denied, {os, cmd, 1}}}, Denied(program)),
        ?assertEqual({error, {denied, {gate_fun, {kv, put, 2}}}}, Denied('fun')),
        ?assertEqual({ok, {error, not_stored}}, Denied(large)),
        ?assertMatch({error, {denied, _}}, Denied(spawn)),
        ?assertMatch({error, {denied, _}}, Denied(message)),
        ?assertEqual({error, killed}, Denied(memory)),
        ?assertEqual({error, timeout}, plugin_host:call(Greedy, loop, 100)),
        ?assertEqual([], ets:tab2list(kv))
    end).

a_plugin_is_no_module_of_the_host(Config) ->
    File = filename:join(?config(priv_dir, Config), "kv.erl"),
    ok = file:write_file(File, "-module(kv).\n-export([handle/1]).\nhandle(X) -> X.\n"),
    ?assertEqual({error, {there_is_a_module, kv}}, plugin_host:load(File)),
    ?assert(erlang:function_exported(kv, get, 1)).

a_model_has_tools(_Config) ->
    ?assertEqual({ok, {-3, <<"snow">>}}, model_tools:answer("model_tools:weather(\"Oslo\").")),
    ?assertEqual(
        {ok, 8},
        model_tools:answer("{A, _} = model_tools:weather(\"Paris\"), {B, _} = model_tools:weather(\"Oslo\"), A + B.")
    ),
    ?assertMatch({retry, <<"file:consult/1", _/binary>>}, model_tools:answer("file:consult(\"weather.txt\").")),
    ?assertMatch({retry, _}, model_tools:answer("model_tools:weather(fun() -> os:cmd(\"id\") end).")),
    ?assertMatch({retry, _}, model_tools:answer("model_tools:answer(\"1.\").")),
    ?assertEqual({ok, ok}, model_tools:answer("model_tools:note(\"it snows\").")).

requests_are_restricted(_Config) ->
    with_store(fun() ->
        ok = kv:put(<<"colour">>, blue),
        {ok, Server} = http_host:start(page_handler),
        ?assertEqual({"200", "blue\n"}, get(Server, "/kv/colour")),
        ?assertEqual({"404", "no such key\n"}, get(Server, "/kv/shape")),
        ?assertEqual({"500", "refused\n"}, get(Server, "/file//etc/passwd")),
        ?assertEqual({"200", "blue\n"}, get(Server, "/kv/colour")),
        http_host:stop(Server)
    end).

%% The status and body that a client reads.
get(Server, Path) ->
    {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, http_host:port(Server), [list, {active, false}]),
    ok = gen_tcp:send(Socket, ["GET ", Path, " HTTP/1.1\r\nhost: localhost\r\n\r\n"]),
    "HTTP/1.1 " ++ [A, B, C | Rest] = all_of(Socket, ""),
    [_, Body] = string:split(Rest, "\r\n\r\n"),
    {[A, B, C], Body}.

all_of(Socket, Text) ->
    case gen_tcp:recv(Socket, 0, 20000) of
        {ok, More} -> all_of(Socket, Text ++ More);
        {error, closed} -> Text
    end.

lines_are_calculated(_Config) ->
    Says = fun(Line) -> unicode:characters_to_list(calc:line(Line)) end,
    ?assertEqual("42", Says("6 * 7.")),
    ?assertMatch("os:cmd/1" ++ _, Says("os:cmd(\"id\").")).

%% What the page of recipes says of them.
hosts_are_short(Config) ->
    Lines = fun(File) ->
        {ok, Text} = file:read_file(filename:join(?config(dir, Config), File)),
        length(binary:matches(Text, <<"\n">>))
    end,
    ?assert(Lines("plugin_host.erl") < 60),
    ?assert(Lines("http_host.erl") < 60),
    ?assert(Lines("calc.erl") =< 10).
