%% SPDX-License-Identifier: Apache-2.0
%%
%% Restricted shells as a person has them: on terminals, with the programs that are
%% used for it. seccomp_rshell_remote_SUITE has those that come over the network.
-module(seccomp_rshell_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    commands/1,
    history/1,
    records/1,
    exceptions/1,
    attacks/1,
    group_leader_functions/1,
    policy_outlives_the_evaluator/1,
    killed_by_its_policy/1,
    memory/1,
    time/1,
    names/1,
    what_it_started_ends/1,
    completion/1,
    blacklist/1,
    jobs/1,
    terminal/1,
    terminal_refuses/1,
    api/1
]).

-import(seccomp_test_rshell, [erl/1, erl/2, prompt/1, line/2, says/3, denied/2, has/2, hasnt/2]).
-import(seccomp_test_pty, [type/2, until/2, stop/1, status/1]).

suite() -> [{timetrap, {minutes, 15}}].

all() ->
    [
        commands,
        history,
        records,
        exceptions,
        attacks,
        group_leader_functions,
        policy_outlives_the_evaluator,
        killed_by_its_policy,
        memory,
        time,
        names,
        what_it_started_ends,
        completion,
        blacklist,
        jobs,
        terminal,
        terminal_refuses,
        api
    ].

init_per_suite(Config) ->
    case seccomp:enforcement() of
        #{status := enforced} -> Config;
        #{status := unsupported} -> {skip, "no policies are enforced here"}
    end.

end_per_suite(_Config) -> ok.

%% -- What works --------------------------------------------------------------

commands(_Config) ->
    P = run("#{mode => whitelist, rules => ['@pure', '@print']}"),
    says(P, "lists:sum(lists:seq(1, 10)).", "55"),
    says(P, "X = 4.", "4"),
    says(P, "X * X.", "16"),
    says(P, "b().", "X = 4"),
    says(P, "f(X), X = 5.", "5"),
    says(P, "f().", "ok"),
    says(P, "X.", "variable 'X' is unbound"),
    says(P, "io:format(\"~s~w~n\", [hel, 1]).", "hel1"),
    says(P, "Sq = fun(A) -> A * A end, lists:map(Sq, [1, 2, 3]).", "[1,4,9]"),
    says(P, "self() ! hi, receive hi -> got end.", "got"),
    says(P, "rp(lists:seq(1, 3)).", "[1,2,3]"),
    %% Two lines, two commands in a line, and what is no command.
    line(P, "1 +"),
    prompt(P),
    says(P, "41.", "42"),
    line(P, "aa. bb."),
    _ = until(P, ["\naa\nbb\n"]),
    prompt(P),
    says(P, "1 2.", "syntax error before"),
    says(P, "help().", "leaves the shell"),
    says(P, "<0.0.0>.", "syntax error before"),
    leave(P).

history(_Config) ->
    P = run("#{mode => whitelist, rules => ['@pure']}"),
    says(P, "20 + 1.", "21"),
    says(P, "v(1) * 2.", "42"),
    says(P, "v(-1) + v(1).", "63"),
    says(P, "e(1).", "21"),
    says(P, "{v(2), v(2)}.", "{42,42}"),
    Text = says(P, "h().", "-> 63"),
    has("1: 20 + 1", Text),
    has("2: v(1) * 2", Text),
    says(P, "v(77).", "command not found"),
    says(P, "os:getpid().", "denied: os:getpid/0"),
    says(P, "v(-1).", "no result"),
    says(P, "results(1).", "20"),
    says(P, "history(2).", "20"),
    says(P, "v(1).", "command not found"),
    leave(P).

records(_Config) ->
    P = run("#{mode => whitelist, rules => ['@pure']}"),
    says(P, "rd(point, {x = 1, y}).", "point"),
    says(P, "P = #point{y = 2}.", "#point{x = 1,y = 2}"),
    says(P, "P#point.x + P#point.y.", "3"),
    says(P, "Q = P#point{x = 7}, Q#point.x.", "7"),
    says(P, "is_record(P, point).", "true"),
    says(P, "rl().", "-record(point"),
    says(P, "#point{z = 1}.", "field z undefined in record point"),
    says(P, "#nope{}.", "record nope undefined"),
    says(P, "rr(\"/etc/passwd\").", "records are not read from files here"),
    says(P, "rf().", "ok"),
    says(P, "#point{}.", "record point undefined"),
    leave(P).

exceptions(_Config) ->
    P = run("#{mode => whitelist, rules => ['@pure']}"),
    says(P, "hd([]).", "exception error: bad argument"),
    says(P, "lists:nothing(1).", "undefined function lists:nothing/1"),
    says(P, "throw(ball).", "exception throw: ball"),
    says(P, "exit(normal).", "exception exit: normal"),
    says(P, "X = 1, X = 2.", "nothing matches"),
    says(P, "nothing(1).", "undefined shell command nothing/1"),
    %% A forged explanation: the function would run in who prints it.
    Forged = "erlang:raise(error, oops, [{m, f, [], [{error_info, "
        "#{module => os, function => cmd}}]}]).",
    says(P, Forged, "exception error: oops"),
    %% Neither a list nor a stack.
    says(P, "catch erlang:raise(error, x, nonsense).", "bad"),
    %% A denial is a sentence, and no stack.
    Text = says(P, "os:cmd(\"id\").", "denied"),
    has("** denied: os:cmd/1 is not allowed by this process's policy\n", Text),
    hasnt("in function", Text),
    hasnt("erl_eval", Text),
    leave(P).

%% -- What is stopped ---------------------------------------------------------

attacks(_Config) ->
    P = run("#{mode => whitelist, rules => ['@pure', '@print']}"),
    lists:foreach(fun(Attack) -> denied(P, Attack) end, seccomp_test_rshell:attacks()),
    %% A catch has the reason and no more.
    hasnt("uid=", says(P, "catch os:cmd(\"id\").", "{seccomp,{os,cmd,1}}")),
    says(P, "try os:cmd(\"id\") catch error:{seccomp, W} -> W end.", "{os,cmd,1}"),
    says(P, "get(line_buffer).", "undefined"),
    says(P, "still_here.", "still_here"),
    leave(P).

%% The io protocol's requests with functions, to the own group leader.
group_leader_functions(_Config) ->
    P = run("#{mode => whitelist, rules => ['@pure', '@print']}"),
    says(P, "R = fun(Q) -> group_leader() ! {io_request, self(), q, Q}, "
        "receive {io_reply, q, A} -> {answer, A} end end, ok.", "ok"),
    Refused = [
        "{put_chars, unicode, os, cmd, [\"id\"]}",
        "{put_chars, os, cmd, [\"id\"]}",
        "{requests, [{put_chars, unicode, os, cmd, [\"id\"]}]}",
        "{get_until, unicode, \"\", os, cmd, [\"id\"]}",
        "{get_line, unicode, \"\"}",
        "{setopts, [{expand_fun, fun os:cmd/1}]}"
    ],
    lists:foreach(
        fun(Request) -> hasnt("uid=", says(P, "R(" ++ Request ++ ").", "{answer,")) end, Refused
    ),
    %% The function of the last one is not what the tabulator calls.
    type(P, "id\t"),
    says(P, "_there.", "id_there"),
    says(P, "R({put_chars, unicode, \"plain\"}).", "plain"),
    leave(P).

policy_outlives_the_evaluator(_Config) ->
    P = run("#{mode => whitelist, rules => ['@pure', {erlang, exit, 2}]}"),
    says(P, "X = 3.", "3"),
    says(P, "exit(self(), kill).", "there is a new one"),
    says(P, "X.", "3"),
    says(P, "os:cmd(\"id\").", "denied: os:cmd/1"),
    says(P, "exit(kill).", "exception exit: kill"),
    says(P, "os:cmd(\"id\").", "denied: os:cmd/1"),
    %% ^C ends what runs, and the shell that this one was started in takes over. Its
    %% next prompt is the proof that nothing of the restricted one reads any more.
    leave(P).

killed_by_its_policy(_Config) ->
    P = run("#{mode => whitelist, rules => ['@pure'], on_deny => kill}"),
    says(P, "X = 3.", "3"),
    has("denied: os:cmd/1", says(P, "catch os:cmd(\"id\").", "there is a new one")),
    says(P, "X.", "3"),
    has("denied: os:cmd/1", says(P, "catch os:cmd(\"id\").", "there is a new one")),
    leave(P).

memory(_Config) ->
    P = run("#{mode => whitelist, rules => ['@pure']}", "#{max_heap => 1000000}"),
    says(P, "X = 3.", "3"),
    says(P, "lists:seq(1, 10000000).", "was killed, maybe for its memory"),
    says(P, "X.", "3"),
    %% What is printed is cut.
    Text = says(P, "lists:duplicate(50000, abcdefghij).", "..."),
    ?assert(byte_size(Text) < 100000),
    leave(P).

time(_Config) ->
    P = run("#{mode => whitelist, rules => ['@pure']}", "#{timeout => 3000}"),
    says(P, "X = 3.", "3"),
    says(P, "receive never -> ok end.", "a command may take 3000 ms"),
    says(P, "(fun L() -> L() end)().", "a command may take 3000 ms"),
    says(P, "X.", "3"),
    leave(P).

names(_Config) ->
    P = run("#{mode => whitelist, rules => ['@pure']}", "#{max_atoms => 20}"),
    Numbers = [integer_to_list(N) || N <- lists:seq(1, 40)],
    Names = lists:join(", ", ["seccomp_unheard_of_" ++ N || N <- Numbers]),
    says(P, lists:flatten(["length([", Names, "])."]), "40"),
    says(P, "another.", "too many new names"),
    stop(P).

what_it_started_ends(_Config) ->
    Spawn = "{erlang, spawn, 1}, {erlang, spawn, 3}",
    P = run("#{mode => whitelist, rules => ['@pure', " ++ Spawn ++ "]}"),
    says(P, "spawn(fun() -> receive never -> ok end end).", "<0."),
    says(P, "exit(self(), kill).", "denied: erlang:exit/2"),
    %% They end a moment after it.
    leave(P, "(fun W() -> case seccomp:processes() of [] -> none_left; "
        "_ -> timer:sleep(50), W() end end)().", "none_left").

completion(_Config) ->
    P = run("#{mode => whitelist, rules => [lists, {maps, keys}]}"),
    type(P, "lists:revers\t"),
    says(P, "[1, 2]).", "[2,1]"),
    type(P, "lists:se\t"),
    _ = until(P, ["seq/3"]),
    %% From OTP 26 on what is found stands below the line, and it is not written again.
    _ = [until(P, ["lists:se"]) || not has_editor()],
    says(P, "q(1, 2).", "[1,2]"),
    type(P, "maps:k\t"),
    says(P, "#{a => 1}).", "[a]"),
    %% What is denied is not completed: neither the function nor the module.
    type(P, "io:forma\t"),
    says(P, "x().", "io:formax/0 is not allowed"),
    type(P, "os:getpi\t"),
    says(P, "x().", "os:getpix/0 is not allowed"),
    type(P, "filenam\t"),
    says(P, ":x().", "filenam:x/0 is not allowed"),
    type(P, "list\t"),
    says(P, "sum([1, 2]).", "3"),
    leave(P).

%% A blacklist has the shell's own rule for sending, too.
blacklist(_Config) ->
    P = run("#{mode => blacklist, rules => [os, '@ports', '@file', '@halt']}"),
    denied(P, {"os:cmd(\"id\").", "os:cmd/1"}),
    denied(P, {"user ! x.", "erlang:'!'/2 to user"}),
    denied(P, {"halt().", "erlang:halt/0"}),
    says(P, "string:uppercase(\"abc\").", "\"ABC\""),
    leave(P).

%% -- Where it is started -----------------------------------------------------

%% The menu of ^G starts shells that are free, and named ones.
jobs(Config) ->
    P = erl(["-config", config(Config, "#{mode => whitelist, rules => ['@pure']}")]),
    prompt(P),
    type(P, [7]),
    _ = until(P, [" --> "]),
    line(P, "s seccomp_rshell"),
    _ = until(P, [" --> "]),
    line(P, "c"),
    _ = until(P, ["Restricted"]),
    prompt(P),
    denied(P, {"os:cmd(\"id\").", "os:cmd/1"}),
    stop(P).

terminal(Config) ->
    %% What an editor would be; from OTP 26 on a key at the prompt starts one.
    Editor = filename:join(?config(priv_dir, Config), "editor"),
    Made = Editor ++ ".ran",
    ok = file:write_file(Editor, ["#!/bin/sh\necho >", Made, "\n"]),
    ok = file:change_mode(Editor, 8#755),
    P = erl([{"VISUAL", Editor}], [
        "+Bc",
        "-config",
        config(Config, "#{mode => whitelist, rules => ['@pure', '@print']}"),
        "-user",
        "seccomp_rshell_terminal"
    ]),
    has("Restricted", prompt(P)),
    lists:foreach(fun(Attack) -> denied(P, Attack) end, seccomp_test_rshell:attacks()),
    %% ^C ends the command, ^G does nothing, and exit() leads to another such shell.
    line(P, "io:format(\"wai\" \"ting\"), receive never -> ok end."),
    _ = until(P, ["waiting"]),
    type(P, [3]),
    _ = until(P, ["interrupted"]),
    prompt(P),
    type(P, [7]),
    line(P, "s"),
    says(P, ".", "s\n"),
    type(P, "lists:revers\t"),
    says(P, "[1, 2]).", "[2,1]"),
    _ = [
        begin
            type(P, ["\eo", 15]),
            line(P, ""),
            _ = prompt(P)
        end
     || has_editor()
    ],
    says(P, "1 + 1.", "2"),
    ?assertNot(filelib:is_file(Made)),
    line(P, "exit()."),
    _ = until(P, ["Restricted"]),
    _ = prompt(P),
    denied(P, {"os:cmd(\"id\").", "os:cmd/1"}),
    stop(P).

%% Whether OTP's terminal is the one of 26 and later.
has_editor() -> seccomp_test_run:otp() >= 26.

terminal_refuses(Config) ->
    User = ["-user", "seccomp_rshell_terminal"],
    Good = config(Config, "#{mode => whitelist, rules => ['@pure']}"),
    {1, Menu} = status(erl(["-config", Good | User])),
    has("+Bc", Menu),
    {1, None} = status(erl(["+Bc" | User])),
    has("the policy has no shell", None),
    Bad = config(Config, "#{mode => whitelist, rules => [{lists, mpa}]}"),
    {1, Wrong} = status(erl(["+Bc", "-config", Bad | User])),
    has("there is no function lists:mpa", Wrong).

api(_Config) ->
    ?assertMatch({error, {unknown_option, _}}, seccomp_rshell:start(#{}, #{nope => 1})),
    ?assertMatch({error, {bad_option, _}}, seccomp_rshell:start(#{}, #{timeout => -1})),
    ?assertMatch({error, {missing_option, _}}, seccomp_rshell:start(#{})),
    ?assertMatch({error, {missing_option, _}}, seccomp_rshell:start()),
    ?assertError(badarg, seccomp_rshell:compile(42)),
    %% A compiled one is taken as it is, if a shell can work under it.
    {ok, Pure} = seccomp:compile(#{mode => whitelist, rules => ['@pure']}),
    ?assertMatch({error, {bad_option, #{option := policy}}}, seccomp_rshell:compile(Pure)),
    {ok, Mute} = seccomp:compile(#{mode => whitelist, rules => ['@eval'], send => none}),
    ?assertMatch({error, {bad_option, #{option := policy}}}, seccomp_rshell:compile(Mute)),
    {ok, Eval} = seccomp:compile(#{mode => whitelist, rules => ['@eval']}),
    ?assertEqual({ok, Eval}, seccomp_rshell:compile(Eval)),
    %% Who is restricted starts none.
    {Pid, Ref} = seccomp:spawn_monitor(
        element(2, seccomp:compile(#{mode => blacklist, rules => [os]})),
        fun() -> exit(seccomp_rshell:start(#{mode => whitelist, rules => []})) end
    ),
    receive
        {'DOWN', Ref, process, Pid, Reason} -> ?assertMatch({error, {restricted, _}}, Reason)
    end.

%% -- Sessions ----------------------------------------------------------------

run(Policy) -> run(Policy, "#{}").

run(Policy, Opts) ->
    P = erl([]),
    prompt(P),
    line(P, "seccomp_rshell:run(" ++ Policy ++ ", " ++ Opts ++ ")."),
    has("Restricted", until(P, ["to leave)"])),
    prompt(P),
    P.

%% Back in the shell that it was started in, which is free.
leave(P) -> leave(P, "os:cmd(\"echo fr\" \"ee\").", "free").

leave(P, Line, Text) ->
    says(P, "exit().", "ok"),
    says(P, Line, Text),
    stop(P).

config(Config, Policy) ->
    Unique = integer_to_list(erlang:unique_integer([positive])),
    File = filename:join(?config(priv_dir, Config), "shell" ++ Unique),
    ok = file:write_file(File ++ ".config", ["[{seccomp, [{shell, ", Policy, "}]}]."]),
    File.
