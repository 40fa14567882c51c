%% SPDX-License-Identifier: Apache-2.0
%%
%% Restricted shells that come over the network: `erl -remsh` against a guarded node,
%% and ssh, with OTP's client and with OpenSSH's.
-module(seccomp_rshell_remote_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    remsh_stock/1,
    remsh_patched/1,
    remsh_without_offer/1,
    gate_attacks/1,
    guard_keys/1,
    ssh_openssh/1,
    ssh_other_requests/1,
    ssh_otp/1,
    ssh_history/1
]).

%% Called on another node.
-export([led/2, ask/1]).

-import(seccomp_test_rshell, [prompt/1, line/2, says/3, denied/2, has/2, hasnt/2]).
-import(seccomp_test_pty, [type/2, until/2, stop/1, status/1]).
-import(seccomp_test_node, [call/4]).

-define(COOKIE, "seccomp_rshell").

suite() -> [{timetrap, {minutes, 15}}].

all() ->
    [
        remsh_stock,
        remsh_patched,
        remsh_without_offer,
        gate_attacks,
        guard_keys,
        ssh_openssh,
        ssh_other_requests,
        ssh_otp,
        ssh_history
    ].

init_per_suite(Config) ->
    case seccomp:enforcement() of
        #{status := enforced} ->
            Dir = filename:join(?config(priv_dir, Config), "ebin"),
            ok = filelib:ensure_path(Dir),
            {ok, ssh_shell} = compile:file(example(), [{outdir, Dir}, report]),
            [{ebin, Dir} | Config];
        #{status := unsupported} ->
            {skip, "no policies are enforced here"}
    end.

end_per_suite(_Config) -> ok.

%% Where the tests run is a copy below the directory of the project.
example() -> find(filename:dirname(?FILE), "examples/ssh_shell/ssh_shell.erl").

find(Dir, Name) ->
    File = filename:join(Dir, Name),
    case filelib:is_regular(File) of
        true -> File;
        false -> find(filename:dirname(Dir), Name)
    end.

%% -- erl -remsh --------------------------------------------------------------

remsh_stock(_Config) -> remsh(seccomp_test_node:stock_erl()).

remsh_patched(_Config) -> remsh(filename:join([code:root_dir(), "bin", "erl"])).

remsh(Erl) ->
    {Peer, Node} = guarded(),
    P = client(Erl, Node),
    has("Restricted", prompt(P)),
    says(P, "lists:sum([1, 2]).", "3"),
    says(P, "io:format(\"~s~n\", [node()]).", atom_to_list(Node)),
    lists:foreach(fun(Attack) -> denied(P, Attack) end, seccomp_test_rshell:attacks()),
    type(P, "lists:revers\t"),
    says(P, "[1, 2]).", "[2,1]"),
    type(P, "os:getpi\t"),
    says(P, "x().", "os:getpix/0 is not allowed"),
    line(P, "io:format(\"wai\" \"ting\"), receive never -> ok end."),
    _ = until(P, ["waiting"]),
    type(P, [3]),
    _ = until(P, ["interrupted"]),
    prompt(P),
    denied(P, {"os:cmd(\"id\").", "os:cmd/1"}),
    line(P, "exit()."),
    _ = until(P, ["terminated"]),
    stop(P),
    %% Nothing is left of it.
    none_left(Peer),
    seccomp_test_node:stop(Peer).

none_left(Peer) ->
    case call(Peer, seccomp, processes, []) of
        [] ->
            ok;
        _ ->
            timer:sleep(50),
            none_left(Peer)
    end.

%% With another guard, or with this one and no shell, there is none.
remsh_without_offer(_Config) ->
    {Peer, Node} = server(),
    ok = call(Peer, seccomp, guard_node, [cluster]),
    P = client(seccomp_test_node:stock_erl(), Node),
    Text = until(P, ["terminated", "ERROR"]),
    hasnt("1> ", Text),
    stop(P),
    seccomp_test_node:stop(Peer).

client(Erl, Node) ->
    {Name, _} = seccomp_test_node:fresh_name(),
    seccomp_test_pty:start([Erl, "+Bc", "-sname", Name, "-setcookie", ?COOKIE,
        "-kernel", "inet_dist_use_interface", "{127,0,0,1}", "-remsh", atom_to_list(Node)]).

guarded() ->
    {Peer, Node} = server(),
    ok = call(Peer, seccomp, guard_node, [guard()]),
    {Peer, Node}.

guard() ->
    #{shell => #{mode => whitelist, rules => ['@pure', '@print']}, pids => known}.

server() ->
    {Peer, Node} = seccomp_test_node:start_named(same, ["-setcookie", ?COOKIE]),
    {ok, _} = call(Peer, application, ensure_all_started, [seccomp]),
    {Peer, Node}.

%% Another node with the cookie, and what it could try at the gate.
gate_attacks(_Config) ->
    {Server, Node} = guarded(),
    {Other, _} = seccomp_test_node:start_named(same, ["-setcookie", ?COOKIE]),
    Remote = fun(M, F, A) -> call(Other, rpc, call, [Node, M, F, A]) end,
    Gate = call(Server, erlang, whereis, [seccomp_rshell_gate]),
    User = call(Server, erlang, whereis, [user]),
    %% Other calls are denied as before.
    ?assertMatch({badrpc, {'EXIT', {{seccomp, {os, cmd, 1}}, _}}}, Remote(os, cmd, ["id"])),
    Started = Remote(seccomp_rshell, start_for, [x, y, z]),
    ?assertMatch({badrpc, {'EXIT', {{seccomp, _}, _}}}, Started),
    %% The gate can be written to by calls under the guard's policy, and knows no orders.
    Order = {system, {self(), make_ref()}, {replace_state, fun(_) -> os:cmd("id") end}},
    Call = {'$gen_call', {self(), make_ref()}, stop},
    lists:foreach(
        fun(Message) -> Remote(erlang, send, [seccomp_rshell_gate, Message]) end,
        [Order, Call, {'EXIT', Gate, kill}, {seccomp_rshell_gate, User, make_ref(), shell}, x]
    ),
    ?assertMatch({badrpc, _}, Remote(erlang, exit, [Gate, kill])),
    %% By its name it cannot be reached from another node at all.
    Forged = {seccomp_rshell_gate, User, make_ref(), shell},
    _ = call(Other, erlang, send, [{seccomp_rshell_gate, Node}, Forged]),
    %% A shell whose group leader is a process of the node itself would write there.
    Led = call(Other, ?MODULE, led, [User, Node]),
    ?assertMatch({error, {restricted, _}}, Led),
    ?assertEqual(Gate, call(Server, erlang, whereis, [seccomp_rshell_gate])),
    %% One for itself it gets, and that is for its own group leader.
    Ask = fun() -> call(Other, ?MODULE, ask, [Node]) end,
    Shell = Ask(),
    ?assertEqual(Node, node(Shell)),
    ?assertNotEqual(0, call(Server, seccomp, flags, [Shell])),
    true = call(Other, erlang, exit, [Shell, kill]),
    none_left(Server),
    %% No more than so many at a time.
    Many = [Ask() || _ <- lists:seq(1, 25)],
    ?assertEqual(20, length([Pid || Pid <- Many, is_pid(Pid)])),
    ?assertMatch([_, _, _, _, _], [E || {error, {restricted, _}} = E <- Many]),
    %% Without the guard's key there are none.
    ok = call(Server, seccomp, guard_node, [maps:remove(shell, guard())]),
    ?assertMatch({badrpc, _}, Ask()),
    seccomp_test_node:stop(Other),
    seccomp_test_node:stop(Server).

led(Leader, Node) ->
    true = group_leader(Leader, self()),
    erpc:call(Node, shell, start, []).

%% On a terminal where nobody types.
ask(Node) ->
    Mute = fun() -> receive never -> ok end end,
    true = group_leader(spawn(Mute), self()),
    rpc:call(Node, shell, start, []).

guard_keys(_Config) ->
    {Peer, _} = server(),
    Set = fun(Guard) -> call(Peer, seccomp, guard_node, [Guard]) end,
    Policy = #{mode => whitelist, rules => ['@pure']},
    ?assertMatch({error, {missing_option, #{option := pids}}}, Set(#{shell => Policy})),
    ?assertMatch({error, {bad_option, #{option := shell}}}, Set(#{shell => deny, pids => known})),
    ?assertMatch({error, {unknown_group, _}},
        Set(#{shell => #{mode => whitelist, rules => ['@nope']}, pids => known})),
    ok = Set(#{shell => Policy, pids => known, spawn => Policy, names => [{net_kernel, ping}]}),
    Info = call(Peer, seccomp, guard_info, []),
    ?assertMatch(#{names := [{net_kernel, ping}], protect := [], shell := <<_:64/binary>>}, Info),
    ok = call(Peer, seccomp, unguard_node, []),
    ?assertNot(is_map_key(shell, call(Peer, seccomp, guard_info, []))),
    seccomp_test_node:stop(Peer).

%% -- ssh ---------------------------------------------------------------------

ssh_openssh(Config) ->
    {Peer, Port, Dir} = daemon(Config, []),
    P = seccomp_test_pty:start(openssh(Port, Dir, [])),
    has("Welcome, guest", prompt(P)),
    says(P, "lists:sum([1, 2]).", "3"),
    says(P, "io:format(\"~s~n\", [hello]).", "hello\n"),
    lists:foreach(fun(Attack) -> denied(P, Attack) end, seccomp_test_rshell:attacks()),
    type(P, "lists:revers\t"),
    says(P, "[1, 2]).", "[2,1]"),
    type(P, "os:getpi\t"),
    says(P, "x().", "os:getpix/0 is not allowed"),
    %% ^C ends the command and not the session; ^G is no menu here.
    line(P, "io:format(\"wai\" \"ting\"), receive never -> ok end."),
    _ = until(P, ["waiting"]),
    type(P, [3]),
    _ = until(P, ["interrupted"]),
    prompt(P),
    type(P, [7]),
    says(P, "alive.", "alive\n"),
    denied(P, {"os:cmd(\"id\").", "os:cmd/1"}),
    line(P, "exit()."),
    {0, _} = status(P),
    none_left(Peer),
    seccomp_test_node:stop(Peer).

%% Commands, files and other users are no ways round the shell.
ssh_other_requests(Config) ->
    {Peer, Port, Dir} = daemon(Config, []),
    {_, Command} = status(seccomp_test_pty:start(openssh(Port, Dir, ["lists:sum([40,2])."]))),
    has("Prohibited", Command),
    hasnt("42", Command),
    {_, Sftp} = status(seccomp_test_pty:start(openssh(Port, Dir, ["-s", "sftp"]))),
    has("failed", Sftp),
    %% A key that is not the guest's.
    ok = file:rename(filename:join(Dir, "authorized_keys"), filename:join(Dir, "nobody")),
    {255, Refused} = status(seccomp_test_pty:start(openssh(Port, Dir, []))),
    has("Permission denied", Refused),
    seccomp_test_node:stop(Peer).

ssh_otp(Config) ->
    {Peer, Port, Dir} = daemon(Config, []),
    {ok, _} = application:ensure_all_started(ssh),
    {ok, Connection} = ssh:connect("127.0.0.1", Port, [
        {user, "guest"},
        {user_dir, Dir},
        {silently_accept_hosts, true},
        {save_accepted_host, false},
        {user_interaction, false}
    ]),
    {ok, Channel} = ssh_connection:session_channel(Connection, infinity),
    success = ssh_connection:ptty_alloc(Connection, Channel, [{width, 1000}]),
    ok = ssh_connection:shell(Connection, Channel),
    Told = fun(Line, Text) ->
        ok = ssh_connection:send(Connection, Channel, Line),
        received(Connection, Channel, Text, <<>>)
    end,
    _ = Told("", "1> "),
    _ = Told("lists:sum([1, 2]).\r", "3\r\n2> "),
    hasnt("uid=", Told("os:cmd(\"id\").\r", "denied: os:cmd/1")),
    _ = Told("exit().\r", closed),
    ok = ssh:close(Connection),
    none_left(Peer),
    seccomp_test_node:stop(Peer).

received(Connection, Channel, Text, Had) ->
    case Text =/= closed andalso string:find(Had, Text) of
        Found when is_binary(Found) ->
            Had;
        _ ->
            receive
                {ssh_cm, Connection, {data, Channel, _, More}} ->
                    received(Connection, Channel, Text, <<Had/binary, More/binary>>);
                {ssh_cm, Connection, {closed, Channel}} when Text =:= closed ->
                    Had;
                {ssh_cm, Connection, _} ->
                    received(Connection, Channel, Text, Had)
            after 120_000 -> error({timeout, Had, {waiting_for, Text}})
            end
    end.

%% With `shell_history` a node keeps the lines of all its shells.
ssh_history(Config) ->
    case seccomp_test_run:otp() of
        Release when Release < 28 -> others_lines(Config);
        _ -> no_history()
    end.

%% Such a shell is refused.
no_history() ->
    ok = application:set_env(kernel, shell_history, enabled),
    try
        ?assertMatch({error, {restricted, _}}, as_own_leader())
    after
        ok = application:unset_env(kernel, shell_history)
    end,
    ?assertMatch(Pid when is_pid(Pid), as_own_leader()).

as_own_leader() ->
    {Pid, Ref} = spawn_monitor(fun() ->
        true = group_leader(self(), self()),
        exit({started, seccomp_rshell:start(#{mode => whitelist, rules => ['@pure']})})
    end),
    receive
        {'DOWN', Ref, process, Pid, {started, Result}} -> Result
    end.

others_lines(Config) ->
    Store = filename:join(?config(priv_dir, Config), "history"),
    Kernel = ["-kernel", "shell_history", "enabled", "-kernel", "shell_history_path",
        lists:flatten(io_lib:format("~p", [Store]))],
    {Peer, Port, Dir} = daemon(Config, Kernel),
    [] = call(Peer, group_history, load, []),
    ok = call(Peer, group_history, add, ["operators_secret().\n"]),
    ?assertEqual(["operators_secret().\n"], call(Peer, group_history, load, [])),
    P = seccomp_test_pty:start(openssh(Port, Dir, [])),
    prompt(P),
    %% The up arrow, and a search in the same lines, have nothing to show yet.
    type(P, "\e[A"),
    hasnt("secret", says(P, "fresh.", "fresh\n")),
    stop(P),
    seccomp_test_node:stop(Peer).

openssh(Port, Dir, Rest) ->
    Options = [
        "UserKnownHostsFile=" ++ filename:join(Dir, "known_hosts"),
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        "BatchMode=yes",
        "LogLevel=ERROR"
    ],
    Key = filename:join(Dir, "id_ecdsa"),
    ["ssh", "-F", "none", "-t", "-p", integer_to_list(Port), "-i", Key] ++
        lists:append([["-o", Option] || Option <- Options]) ++ ["guest@127.0.0.1" | Rest].

%% The example, on an emulator of its own.
daemon(Config, Args) ->
    Unique = integer_to_list(erlang:unique_integer([positive])),
    Dir = filename:join(?config(priv_dir, Config), "ssh" ++ Unique),
    Peer = seccomp_test_node:start(same, ["-pa", ?config(ebin, Config) | Args]),
    {ok, _} = call(Peer, application, ensure_all_started, [seccomp]),
    {ok, Daemon} = call(Peer, ssh_shell, start, [Dir, 0]),
    {ok, Info} = call(Peer, ssh, daemon_info, [Daemon]),
    {Peer, proplists:get_value(port, Info), Dir}.
