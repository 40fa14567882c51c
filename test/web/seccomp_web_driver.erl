%% SPDX-License-Identifier: Apache-2.0
%%
%% A browser without a screen: chromium, by the HTTP interface of chromedriver
%% (W3C WebDriver). What scripts answer comes percent-encoded, so that no reader
%% of JSON is needed.
-module(seccomp_web_driver).

-export([start/0, stop/1, open/2, type/3, click/2, eval/2, screenshot/2]).

-record(browser, {driver :: port(), url :: string(), profile :: string()}).

-define(PATIENCE, 60000).
-define(ELEMENT, "element-6066-11e4-a52e-4f735466cecf").

start() ->
    Path = os:find_executable("chromedriver"),
    Path =/= false orelse
        throw({web_test, "chromedriver is missing: scripts/deps chromium-driver"}),
    Port = free_port(),
    Profile = string:trim(os:cmd("mktemp -d")),
    Driver = open_port({spawn_executable, Path}, [
        {args, ["--port=" ++ integer_to_list(Port)]}, exit_status, stderr_to_stdout, binary
    ]),
    Url = "http://127.0.0.1:" ++ integer_to_list(Port),
    ok = ready(Url, erlang:monotonic_time(millisecond) + ?PATIENCE),
    Args = [
        <<"--headless">>, <<"--no-sandbox">>, <<"--disable-gpu">>, <<"--disable-dev-shm-usage">>,
        <<"--disable-background-networking">>, <<"--no-first-run">>, <<"--hide-scrollbars">>,
        <<"--force-prefers-reduced-motion">>, <<"--window-size=1100,1000">>, <<"--lang=en">>,
        list_to_binary("--user-data-dir=" ++ Profile)
    ],
    Options = [{args, {array, Args}}],
    Body = [{capabilities, [{alwaysMatch, [{'goog:chromeOptions', Options}]}]}],
    Answer = post(Url ++ "/session", Body),
    Session = Url ++ "/session/" ++ found(Answer, "\"sessionId\":\"([^\"]+)\""),
    #browser{driver = Driver, url = Session, profile = Profile}.

stop(#browser{driver = Driver, url = Url, profile = Profile}) ->
    _ = httpc:request(delete, {Url, []}, [{timeout, ?PATIENCE}], []),
    {os_pid, Pid} = erlang:port_info(Driver, os_pid),
    true = port_close(Driver),
    _ = os:cmd("kill " ++ integer_to_list(Pid)),
    _ = file:del_dir_r(Profile),
    ok.

open(#browser{url = Url}, Address) ->
    _ = post(Url ++ "/url", [{url, iolist_to_binary(Address)}]),
    ok.

%% Types a text into the field, in place of what it holds.
type(Browser, Selector, Text) ->
    Element = found_element(Browser, Selector),
    _ = post(Element ++ "/clear", nothing),
    _ = post(Element ++ "/value", [{text, unicode:characters_to_binary(Text)}]),
    ok.

click(Browser, Selector) ->
    _ = post(found_element(Browser, Selector) ++ "/click", nothing),
    ok.

%% The value of an expression in JavaScript, as text.
eval(#browser{url = Url}, Script) ->
    Code = iolist_to_binary(["return encodeURIComponent(String(", Script, "));"]),
    Answer = post(Url ++ "/execute/sync", [{script, Code}, {args, {array, []}}]),
    uri_string:percent_decode(list_to_binary(found(Answer, "\"value\":\"([^\"]*)\""))).

screenshot(#browser{url = Url}, File) ->
    {ok, {{_, 200, _}, _, Body}} =
        httpc:request(get, {Url ++ "/screenshot", []}, [{timeout, ?PATIENCE}], [
            {body_format, binary}
        ]),
    Png = base64:decode(found(Body, "\"value\":\"([^\"]+)\"")),
    <<137, "PNG", _/binary>> = Png,
    file:write_file(File, Png).

found_element(#browser{url = Url}, Selector) ->
    Answer = post(Url ++ "/element", [
        {using, <<"css selector">>}, {value, list_to_binary(Selector)}
    ]),
    Url ++ "/element/" ++ found(Answer, "\"" ?ELEMENT "\":\"([^\"]+)\"").

post(Url, Body) ->
    Json =
        case Body of
            nothing -> <<"{}">>;
            _ -> seccomp_web_json:encode(Body)
        end,
    Request = {Url, [], "application/json", Json},
    case httpc:request(post, Request, [{timeout, ?PATIENCE}], [{body_format, binary}]) of
        {ok, {{_, 200, _}, _, Answer}} ->
            Answer;
        {ok, {_, _, Answer}} ->
            Said = binary:part(Answer, 0, min(600, byte_size(Answer))),
            throw({web_test, ["the browser says: ", Said]});
        {error, Reason} ->
            throw({web_test, io_lib:format("no answer from chromedriver: ~0tp", [Reason])})
    end.

found(Text, Pattern) ->
    case re:run(Text, Pattern, [{capture, all_but_first, list}]) of
        {match, [Value]} -> Value;
        nomatch -> throw({web_test, ["not in the answer of the browser: ", Pattern]})
    end.

ready(Url, Deadline) ->
    case httpc:request(get, {Url ++ "/status", []}, [{timeout, 1000}], []) of
        {ok, {{_, 200, _}, _, _}} ->
            ok;
        _ ->
            erlang:monotonic_time(millisecond) < Deadline orelse
                throw({web_test, "chromedriver does not answer"}),
            timer:sleep(100),
            ready(Url, Deadline)
    end.

free_port() ->
    {ok, Socket} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(Socket),
    ok = gen_tcp:close(Socket),
    Port.
