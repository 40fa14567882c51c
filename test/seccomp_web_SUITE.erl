%% SPDX-License-Identifier: Apache-2.0
%%
%% The page's server, asked over a plain socket: what it shows, and what hostile
%% pages, hostile clients and hostile names get out of it.
-module(seccomp_web_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([init_per_testcase/2, end_per_testcase/2]).
-export([
    the_page_and_its_parts/1,
    every_answer_has_the_headers/1,
    other_hosts_are_refused/1,
    other_origins_are_refused/1,
    other_methods_and_types_are_refused/1,
    bad_bodies_are_refused/1,
    large_requests_are_refused/1,
    broken_requests_do_no_harm/1,
    paths_lead_to_no_file/1,
    state_is_shown_and_bounded/1,
    markup_is_escaped/1,
    policies_are_dumped/1,
    metrics_are_read/1,
    expressions_are_evaluated/1,
    evaluations_are_bounded/1,
    no_atoms_are_made/1,
    playground_can_be_off/1,
    only_this_machine_reaches_it/1,
    options_are_checked/1,
    restricted_process_cannot_start_it/1,
    it_starts_once_and_stops/1,
    it_ends_with_its_server/1
]).

-define(PATIENCE, 30000).

suite() -> [{timetrap, {seconds, 120}}].

all() ->
    No = [init_per_suite, end_per_suite, module_info],
    [F || {F, 1} <- ?MODULE:module_info(exports), not lists:member(F, No)].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    {ok, Started} = application:ensure_all_started(seccomp),
    [{started, Started} | Config].

end_per_suite(Config) ->
    [ok = application:stop(App) || App <- lists:reverse(?config(started, Config))],
    ok.

init_per_testcase(playground_can_be_off, Config) -> start(Config, #{playground => false});
init_per_testcase(_Case, Config) -> start(Config, #{}).

start(Config, Opts) ->
    {ok, #{port := Port, url := Url}} = seccomp_web:start(0, Opts),
    ?assertEqual(iolist_to_binary(["http://127.0.0.1:", integer_to_list(Port), "/"]), Url),
    [{port, Port} | Config].

end_per_testcase(_Case, _Config) ->
    _ = seccomp_web:stop(),
    [exit(Pid, kill) || Pid <- seccomp:processes()],
    ok.

%% -- The page ----------------------------------------------------------------

the_page_and_its_parts(Config) ->
    {200, Html, Page} = get(Config, "/"),
    ?assertEqual("text/html; charset=utf-8", header("content-type", Html)),
    %% Everything that it loads is there, and from here.
    {match, Links} = re:run(Page, "(?:src|href)=\"([^\"]+)\"", [global, {capture, [1], list}]),
    ?assert(length(Links) >= 3),
    [?assertMatch({_, {200, _, _}}, {Link, get(Config, Link)}) || [Link] <- Links],
    ?assertEqual(nomatch, re:run(Page, "<script>|<style|style=|\\son[a-z]+=|https?://")),
    {200, Js, _} = get(Config, "/seccomp.js"),
    ?assertEqual("text/javascript; charset=utf-8", header("content-type", Js)).

every_answer_has_the_headers(Config) ->
    Answers = [
        get(Config, "/"), get(Config, "/state"), get(Config, "/nowhere"), eval(Config, "1."),
        %% These httpd makes.
        request(Config, ["BREW / HTTP/1.1\r\nHost: ", host(Config), "\r\n\r\n"]),
        request(Config, "GET / HTTP/1.1\r\n\r\n")
    ],
    [
        begin
            Csp = header("content-security-policy", Headers),
            ?assertMatch({match, _}, re:run(Csp, "default-src 'none'")),
            ?assertEqual(nomatch, re:run(Csp, "unsafe|\\*|data:")),
            ?assertEqual("nosniff", header("x-content-type-options", Headers)),
            ?assertEqual("DENY", header("x-frame-options", Headers)),
            ?assertEqual("no-store", header("cache-control", Headers)),
            ?assertEqual([], [N || {N, _} <- Headers, N =:= "access-control-allow-origin"]),
            ?assertEqual([], [N || {N, _} <- Headers, N =:= "server"])
        end
     || {_, Headers, _} <- Answers
    ].

%% -- Who asks ----------------------------------------------------------------

other_hosts_are_refused(Config) ->
    Port = integer_to_list(?config(port, Config)),
    Ask = fun(Lines) -> request(Config, ["GET /state HTTP/1.1\r\n", Lines, "\r\n"]) end,
    Host = fun(Name) -> ["Host: ", Name, "\r\n"] end,
    Bad = [
        "evil.example:" ++ Port, "evil.example", "127.0.0.1", "127.0.0.1:1", "localhost",
        "127.0.0.1:" ++ Port ++ ".evil.example", "localhost.evil.example:" ++ Port,
        "127.0.0.1:" ++ Port ++ "@evil.example", "", "127.0.0.1:0" ++ Port
    ],
    [?assertMatch({Name, {403, _, _}}, {Name, Ask(Host(Name))}) || Name <- Bad],
    Two = [Host("127.0.0.1:" ++ Port), Host("evil.example")],
    ?assertMatch({403, _, _}, Ask(Two)),
    ?assertMatch({403, _, _}, Ask(lists:reverse(Two))),
    ?assertMatch({400, _, _}, Ask("")),
    ?assertMatch({403, _, _}, request(Config, "GET /state HTTP/1.0\r\n\r\n")),
    Good = ["127.0.0.1:" ++ Port, "localhost:" ++ Port, "LocalHost:" ++ Port, "[::1]:" ++ Port],
    [?assertMatch({Name, {200, _, _}}, {Name, Ask(Host(Name))}) || Name <- Good].

other_origins_are_refused(Config) ->
    Before = denials(),
    Host = host(Config),
    Json = "Content-Type: application/json\r\n",
    Bad = [
        "", "Origin: null\r\n", "Origin: http://evil.example\r\n",
        ["Origin: https://", Host, "\r\n"],
        ["Origin: http://", Host, ".evil.example\r\n"], "Origin: http://127.0.0.1\r\n",
        %% Another name of this machine is another origin.
        ["Origin: http://localhost:", integer_to_list(?config(port, Config)), "\r\n"],
        ["Origin: http://", Host, "\r\nOrigin: http://evil.example\r\n"],
        ["Origin: http://", Host, "\r\nSec-Fetch-Site: cross-site\r\n"],
        ["Origin: http://", Host, "\r\nSec-Fetch-Site: same-site\r\n"]
    ],
    Body = source("os:cmd(\"id\")."),
    [?assertMatch({O, {403, _, _}}, {O, post(Config, "/eval", [Json, O], Body)}) || O <- Bad],
    %% Reading what another origin's page asks for.
    Ask = fun(Path, Site) ->
        request(Config, [
            ["GET ", Path, " HTTP/1.1\r\nHost: ", Host, "\r\nSec-Fetch-Site: ", Site, "\r\n\r\n"]
        ])
    end,
    Foreign = ["cross-site", "same-site", "x"],
    [?assertMatch({S, {403, _, _}}, {S, Ask("/state", S)}) || S <- Foreign],
    [?assertMatch({S, {200, _, _}}, {S, Ask("/state", S)}) || S <- ["same-origin", "none"]],
    ?assertMatch({200, _, _}, Ask("/", "cross-site")),
    %% Nothing of it ran.
    ?assertEqual(Before, denials()).

other_methods_and_types_are_refused(Config) ->
    Before = denials(),
    Body = source("os:cmd(\"id\")."),
    Types = [
        "", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: multipart/form-data\r\n", "Content-Type: text/plain; application/json\r\n",
        "Content-Type: application/jsonp\r\n",
        "Content-Type: text/plain\r\nContent-Type: application/json\r\n"
    ],
    Origin = origin(Config),
    [
        ?assertMatch(
            {T, {Code, _, _}} when Code =:= 415; Code =:= 403,
            {T, post(Config, "/eval", [Origin, T], Body)}
        )
     || T <- Types
    ],
    Method = fun(Name, Path) ->
        request(Config, [Name, " ", Path, " HTTP/1.1\r\nHost: ", host(Config), "\r\n\r\n"])
    end,
    {405, Allowed, _} = Method("GET", "/eval"),
    ?assertEqual("POST", header("allow", Allowed)),
    [
        ?assertMatch({M, P, {405, _, _}}, {M, P, Method(M, P)})
     || M <- ["PUT", "DELETE", "PATCH", "TRACE"], P <- ["/", "/state", "/eval"]
    ],
    Json = "Content-Type: application/json\r\n",
    ?assertMatch({405, _, _}, post(Config, "/state", [Origin, Json], Body)),
    %% Those that inets does not know; from 29 on it hands OPTIONS on.
    [
        ?assertMatch({M, {Status, _, _}} when Status =:= 501; Status =:= 405, {M, Method(M, "/")})
     || M <- ["OPTIONS", "CONNECT", "BREW"]
    ],
    ?assertEqual(Before, denials()).

bad_bodies_are_refused(Config) ->
    Bad = [
        "", "{", "null", "[]", "\"x\"", "{}", "{\"source\": 1}", "{\"source\": [\"1.\"]}",
        "{\"source\": \"1.\", \"policy\": \"none\"}", "{\"source\": \"1.\", \"source\": \"2.\"}",
        "{\"source\": \"\\ud800\"}", <<"{\"source\": \"", 255, "\"}">>, "{\"source\": \"1.\"} x",
        lists:duplicate(4000, $[)
    ],
    [?assertMatch({B, {400, _, _}}, {B, post_json(Config, B)}) || B <- Bad].

large_requests_are_refused(Config) ->
    Large = lists:duplicate(100_000, $x),
    ?assertMatch({413, _, _}, post_json(Config, source(Large))),
    %% Declared, and not sent.
    Declared = fun(Length) ->
        request(Config, [
            ["POST /eval HTTP/1.1\r\nHost: ", host(Config)],
            ["\r\nContent-Length: ", Length, "\r\n\r\n"]
        ])
    end,
    ?assertMatch({413, _, _}, Declared("100000000000000000")),
    ?assertMatch({413, _, _}, Declared("9999")),
    ?assertMatch({411, _, _}, Declared("-1")),
    ?assertMatch({411, _, _}, Declared("x")),
    Line = ["GET /", Large, " HTTP/1.1\r\nHost: ", host(Config), "\r\n\r\n"],
    ?assertMatch({414, _, _}, request(Config, Line)),
    Headers = ["GET / HTTP/1.1\r\nHost: ", host(Config), "\r\nX: ", Large, "\r\n\r\n"],
    ?assertMatch({413, _, _}, request(Config, Headers)),
    %% A text that fits the request may be too long to be evaluated.
    {200, _, Answer} = eval(Config, lists:duplicate(3000, $1) ++ "."),
    ?assertMatch({match, _}, re:run(Answer, "\"outcome\":\"refused\"")),
    ?assertMatch({200, _, _}, get(Config, "/state")).

broken_requests_do_no_harm(Config) ->
    [
        begin
            Options = [binary, {active, false}],
            {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, ?config(port, Config), Options),
            ok = gen_tcp:send(Socket, Bytes),
            ok = gen_tcp:shutdown(Socket, write),
            _ = gen_tcp:recv(Socket, 0, 2000),
            ok = gen_tcp:close(Socket)
        end
     || Bytes <- [
            <<>>, <<0>>, <<"GET">>, <<"GET /\r\n\r\n">>, <<"\r\n\r\n\r\n">>,
            <<22, 3, 1, 2, 0, 1, 0, 1>>,
            <<"GET / HTTP/9.9\r\nHost: x\r\n\r\n">>, <<"GET / HTTP/1.1\r\nHost\r\n: :\r\n\r\n">>,
            <<"POST /eval HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n">>
        ]
    ],
    ?assertMatch({200, _, _}, get(Config, "/state")).

paths_lead_to_no_file(Config) ->
    Paths = [
        "/../../../../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/seccomp.js/../../../erlang/seccomp.erl", "/./index.html", "/index.html",
        "/priv/web/index.html", "/seccomp.css%00", "/cgi-bin/x", "/erl/os:cmd", "/*", "/%"
    ],
    [
        ?assertMatch(
            {P, {Code, _, _}} when Code =:= 404; Code =:= 400; Code =:= 403, {P, get(Config, P)}
        )
     || P <- Paths
    ],
    Absolute = ["GET http://evil.example/etc/passwd HTTP/1.1\r\nHost: ", host(Config), "\r\n\r\n"],
    ?assertMatch({404, _, _}, request(Config, Absolute)).

%% -- What is shown -----------------------------------------------------------

state_is_shown_and_bounded(Config) ->
    Policy = seccomp_test_run:policy(blacklist, [{os, getpid, 0}]),
    Pids = [seccomp:spawn(Policy, fun idle/0) || _ <- lists:seq(1, 150)],
    Denied = seccomp:spawn(Policy, fun() ->
        catch os:getpid(),
        idle()
    end),
    ok = seccomp_test_run:eventually(fun() -> is_denied(Denied) end),
    {200, Headers, Body} = get(Config, "/state"),
    ?assertEqual("application/json", header("content-type", Headers)),
    ?assertEqual(100, length(binary:matches(Body, <<"\"pid\":">>))),
    ?assertMatch({match, _}, re:run(Body, "\"more_processes\":51")),
    %% Who was denied comes first.
    First = iolist_to_binary(["\"processes\":[{\"pid\":\"", escaped(pid_to_list(Denied))]),
    ?assertNotEqual(nomatch, binary:match(Body, First)),
    ?assertNotEqual(nomatch, binary:match(Body, <<"os:getpid/0">>)),
    [exit(Pid, kill) || Pid <- Pids].

is_denied(Pid) ->
    #{total := Total} = seccomp:violations(Pid),
    Total > 0.

markup_is_escaped(Config) ->
    Markup = <<"</script><script>alert(1)</script>\"'&", 16#2028/utf8, 1>>,
    {ok, Policy} = seccomp:compile(#{
        mode => blacklist, rules => [{'<i>', '"&<', 0}], unknown => allow, comment => Markup
    }),
    Pid = seccomp:spawn(Policy, fun() ->
        catch '<i>':'"&<'(),
        idle()
    end),
    true = register('<b>&"', Pid),
    ok = seccomp_test_run:eventually(fun() -> is_denied(Pid) end),
    {200, _, Body} = get(Config, "/state"),
    {200, _, Value} = eval(Config, "<<\"<script>&\">>."),
    {200, _, Output} = eval(Config, "io:format(\"<script>~c\", [255])."),
    [
        begin
            ?assertEqual(nomatch, re:run(Answer, "[<>&\\x00-\\x1f]")),
            ?assertMatch({Answer, {match, _}}, {Answer, re:run(Answer, "u003c")}),
            ?assertMatch({ok, _}, decoded(Answer))
        end
     || Answer <- [Body, Value, Output]
    ],
    %% What httpd says of a path or a method is no HTML, nor is what is said here.
    Strange = [
        get(Config, "/<script>alert(1)</script>"), get(Config, "/%<script>"),
        request(Config, ["<script> /<script> HTTP/1.1\r\nHost: ", host(Config), "\r\n\r\n"]),
        request(Config, ["GET / <script>\r\nHost: ", host(Config), "\r\n\r\n"])
    ],
    [?assertEqual("text/plain; charset=utf-8", header("content-type", H)) || {_, H, _} <- Strange].

%% The native library reads JSON; it may only say that this is no policy.
decoded(Json) ->
    case seccomp:from_json(Json) of
        {error, {bad_json, #{message := Message}}} ->
            case re:run(Message, "unknown field|missing field") of
                {match, _} -> {ok, Message};
                nomatch -> {error, Message}
            end;
        Other ->
            Other
    end.

policies_are_dumped(Config) ->
    {ok, Policy} = seccomp:compile(#{mode => blacklist, rules => [{os, getpid, 0}]}),
    Pid = seccomp:spawn(Policy, fun idle/0),
    ok = seccomp_test_run:eventually(fun() -> seccomp:info(Pid) =/= trusted end),
    #{hash := Hash} = seccomp:info(Pid),
    {200, Headers, Text} = get(Config, "/policy/" ++ binary_to_list(Hash)),
    ?assertEqual("text/plain; charset=utf-8", header("content-type", Headers)),
    ?assertEqual(seccomp:dump(Policy), Text),
    Bad = ["", "x", lists:duplicate(64, $0), lists:duplicate(64, $g), binary_to_list(Hash) ++ "0"],
    [?assertMatch({404, _, _}, get(Config, "/policy/" ++ B)) || B <- Bad].

metrics_are_read(Config) ->
    Policy = seccomp_test_run:policy(blacklist, [{os, getpid, 0}]),
    #{denials_raise_total := Before} = seccomp:metrics(),
    _ = seccomp_test_run:in(Policy, fun() -> [catch os:getpid() || _ <- [1, 2, 3]] end),
    Pid = seccomp:spawn(Policy, fun idle/0),
    {200, Headers, Text} = get(Config, "/metrics"),
    ?assertEqual("text/plain; version=0.0.4; charset=utf-8", header("content-type", Headers)),
    Lines = binary:split(Text, <<"\n">>, [global, trim]),
    Form = "^# (HELP|TYPE) seccomp_\\w+ .+$|^seccomp_\\w+(\\{action=\"\\w+\"\\})? \\d+$",
    [?assertMatch({L, {match, _}}, {L, re:run(L, Form)}) || L <- Lines],
    Count = integer_to_binary(Before + 3),
    Raised = <<"seccomp_denials_total{action=\"raise\"} ", Count/binary>>,
    ?assert(lists:member(Raised, Lines)),
    ?assert(lists:member(<<"seccomp_enforced 1">>, Lines)),
    ok = seccomp_test_run:eventually(fun() ->
        maps:get(restricted_processes, seccomp:metrics()) =:= length(seccomp:processes())
    end),
    true = exit(Pid, kill).

%% -- The playground ----------------------------------------------------------

expressions_are_evaluated(Config) ->
    Expected = [
        {"1 + 2.", "value", "3"},
        {"os:cmd(\"id\").", "denied", "os:cmd/1"},
        {"zzz_web_no_such_atom:f().", "refused", "zzz_web_no_such_atom"},
        {"F = fun G() -> G() end, F().", "stopped", ""},
        {"lists:seq(1, 10000000).", "stopped", ""},
        {"1 +", "invalid", "syntax error"},
        {"1 div 0.", "failed", "badarith"},
        {"spawn(fun() -> ok end).", "denied", "spawn"}
    ],
    [
        begin
            {200, _, Answer} = eval(Config, Source),
            Start = "^\\{\"outcome\":\"" ++ Outcome ++ "\"",
            ?assertMatch({Source, {match, _}}, {Source, re:run(Answer, Start)}),
            ?assertNotEqual(nomatch, string:find(Answer, Text))
        end
     || {Source, Outcome, Text} <- Expected
    ],
    %% However large the value, the answer is not.
    {200, _, Long} = eval(Config, "lists:seq(1, 100000)."),
    ?assert(byte_size(Long) < 10000),
    ?assertEqual([], seccomp:processes()).

evaluations_are_bounded(Config) ->
    %% Requests that evaluate, more than there are places.
    Test = self(),
    Requests = [
        spawn_link(fun() -> Test ! {self(), eval(Config, "F = fun G() -> G() end, F().")} end)
     || _ <- lists:seq(1, 12)
    ],
    Codes = [
        receive
            {Pid, {Code, _, _}} -> Code
        after ?PATIENCE -> none
        end
     || Pid <- Requests
    ],
    ?assertEqual([], Codes -- ([200 || 200 <- Codes] ++ [503 || 503 <- Codes])),
    ?assert(lists:member(200, Codes)),
    %% Two at a time, and a place that is taken is told to nobody else.
    Holders = [holder() || _ <- [1, 2]],
    ?assertEqual([ok, ok], [Answer || {_, Answer} <- Holders]),
    ?assertMatch({503, _, _}, eval(Config, "1.")),
    [exit(Pid, kill) || {Pid, _} <- Holders],
    %% Who ended gave it back.
    ok = seccomp_test_run:eventually(fun() -> element(1, eval(Config, "1.")) =:= 200 end).

holder() ->
    Test = self(),
    Pid = spawn(fun() ->
        Test ! {self(), seccomp_web_server:enter()},
        idle()
    end),
    receive
        {Pid, Answer} -> {Pid, Answer}
    after ?PATIENCE -> error(no_answer)
    end.

no_atoms_are_made(Config) ->
    Ask = fun(N) ->
        Name = "zzz_web_" ++ integer_to_list(N),
        _ = get(Config, "/" ++ Name ++ "?" ++ Name),
        _ = get(Config, "/policy/" ++ Name),
        _ = eval(Config, Name ++ ":" ++ Name ++ "()."),
        _ = post_json(Config, ["{\"", Name, "\": 1}"]),
        request(Config, [
            "GET /state HTTP/1.1\r\n", Name, ": ", Name, "\r\nHost: ", host(Config), "\r\n\r\n"
        ])
    end,
    _ = [Ask(N) || N <- lists:seq(1, 3)],
    Before = erlang:system_info(atom_count),
    _ = [Ask(N) || N <- lists:seq(4, 40)],
    %% Five names were new in each of the rounds.
    ?assert(erlang:system_info(atom_count) - Before < 20).

playground_can_be_off(Config) ->
    {403, _, _} = eval(Config, "1."),
    {200, _, State} = get(Config, "/state"),
    ?assertNotEqual(nomatch, string:find(State, "\"playground\":false")).

%% -- Starting and stopping ---------------------------------------------------

only_this_machine_reaches_it(Config) ->
    {ok, All} = inet:getifaddrs(),
    Others = [A || {_, Facts} <- All, {addr, {B, _, _, _} = A} <- Facts, B =/= 127],
    [
        ?assertMatch({error, _}, gen_tcp:connect(A, ?config(port, Config), [], 2000))
     || A <- Others
    ],
    ok.

options_are_checked(_Config) ->
    ok = seccomp_web:stop(),
    Bad = [
        #{ip => "127.0.0.1"}, #{hosts => ["x"]}, #{hosts => [<<"a b">>]}, #{hosts => [<<"a:1">>]},
        #{playground => yes}, #{policy => none}, #{max_evaluations => 0}, #{port => 1},
        %% Reachable from elsewhere, and under no name.
        #{ip => {0, 0, 0, 0}}
    ],
    [?assertMatch({O, {error, {bad_option, #{}}}}, {O, seccomp_web:start(0, O)}) || O <- Bad],
    Junk = [{-1, #{}}, {65536, #{}}, {x, #{}}, {0, []}],
    [?assertError(badarg, seccomp_web:start(Port, Opts)) || {Port, Opts} <- Junk],
    [
        ?assertMatch([_ | _], unicode:characters_to_list(seccomp:format_error(Reason)))
     || O <- Bad, {error, Reason} <- [seccomp_web:start(0, O)]
    ],
    {ok, Socket} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}]),
    {ok, Taken} = inet:port(Socket),
    {error, {no_server, #{message := Message} = Map}} = seccomp_web:start(Taken),
    ?assertEqual(<<"address already in use">>, Message),
    ?assertMatch([_ | _], unicode:characters_to_list(seccomp:format_error({no_server, Map}))),
    ok = gen_tcp:close(Socket).

restricted_process_cannot_start_it(_Config) ->
    ok = seccomp_web:stop(),
    Policy = seccomp_test_run:policy(blacklist, [{os, getpid, 0}]),
    Outcome = seccomp_test_run:in(Policy, fun() -> seccomp_web:start(0) end),
    ?assertMatch({value, {error, {restricted, _}}}, Outcome).

it_starts_once_and_stops(Config) ->
    ?assertMatch({error, {already_started, #{}}}, seccomp_web:start(0)),
    ok = seccomp_web:stop(),
    ?assertMatch({error, {not_started, #{}}}, seccomp_web:stop()),
    ?assertMatch({error, econnrefused}, connect(Config)),
    {ok, #{port := Port}} = seccomp_web:start(?config(port, Config)),
    ?assertEqual(?config(port, Config), Port),
    ?assertMatch({200, _, _}, get(Config, "/")).

it_ends_with_its_server(Config) ->
    true = exit(whereis(seccomp_web_server), kill),
    ok = seccomp_test_run:eventually(fun() -> connect(Config) =:= {error, econnrefused} end),
    {ok, _} = seccomp_web:start(?config(port, Config)),
    ?assertMatch({200, _, _}, get(Config, "/")).

%% -- Asking ------------------------------------------------------------------

connect(Config) ->
    case gen_tcp:connect({127, 0, 0, 1}, ?config(port, Config), []) of
        {ok, Socket} -> gen_tcp:close(Socket);
        Error -> Error
    end.

host(Config) -> "127.0.0.1:" ++ integer_to_list(?config(port, Config)).

origin(Config) -> ["Origin: http://", host(Config), "\r\n"].

get(Config, Path) ->
    request(Config, ["GET ", Path, " HTTP/1.1\r\nHost: ", host(Config), "\r\n\r\n"]).

post(Config, Path, Headers, Body) ->
    Length = integer_to_list(iolist_size(Body)),
    request(Config, [
        ["POST ", Path, " HTTP/1.1\r\nHost: ", host(Config), "\r\n"],
        [Headers, "Content-Length: ", Length, "\r\n\r\n", Body]
    ]).

post_json(Config, Body) ->
    post(Config, "/eval", [origin(Config), "Content-Type: application/json\r\n"], Body).

eval(Config, Source) -> post_json(Config, source(Source)).

source(Source) -> seccomp_web_json:encode([{source, unicode:characters_to_binary(Source)}]).

%% Code, headers and body of the answer, to exactly these bytes.
request(Config, Bytes) ->
    {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, ?config(port, Config), [
        binary, {active, false}, {packet, http}
    ]),
    %% The server may answer and close before it has read all.
    _ = gen_tcp:send(Socket, Bytes),
    {ok, {http_response, _, Code, _}} = gen_tcp:recv(Socket, 0, ?PATIENCE),
    Headers = headers(Socket),
    ok = inet:setopts(Socket, [{packet, raw}]),
    Body =
        case list_to_integer(header("content-length", Headers)) of
            0 ->
                <<>>;
            Length ->
                {ok, Received} = gen_tcp:recv(Socket, Length, ?PATIENCE),
                Received
        end,
    ok = gen_tcp:close(Socket),
    {Code, Headers, Body}.

headers(Socket) ->
    case gen_tcp:recv(Socket, 0, ?PATIENCE) of
        {ok, {http_header, _, Name, _, Value}} ->
            Text =
                case Name of
                    _ when is_atom(Name) -> atom_to_list(Name);
                    _ -> Name
                end,
            [{string:lowercase(Text), Value} | headers(Socket)];
        {ok, http_eoh} ->
            []
    end.

header(Name, Headers) -> proplists:get_value(Name, Headers).

escaped(Text) ->
    string:replace(string:replace(Text, "<", "\\u003c"), ">", "\\u003e").

denials() -> maps:get(denials_total, seccomp:metrics()).

idle() ->
    receive
        stop -> ok
    end.
