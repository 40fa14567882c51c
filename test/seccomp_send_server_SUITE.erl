%% SPDX-License-Identifier: Apache-2.0
%%
%% Servers and programs under the default rule for sending: they answer who
%% asked, reach nobody else, and print through a group leader of their own.
-module(seccomp_send_server_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    answers_calls/1,
    late_answers_are_dropped/1,
    a_monitor_is_no_request/1,
    only_replies_pass/1,
    many_wait/1,
    remote_callers/1,
    plugin_prints_logs_and_calls/1,
    prints_only_through_its_own/1,
    runs_nothing_for_anybody/1,
    bounds_what_is_printed/1,
    ends_with_its_users/1,
    other_limits/1
]).
%% A handler of logger.
-export([log/2]).

-define(RUN, seccomp_test_run).
-define(SERVER, seccomp_test_server).
-define(PRINTS, [self, parent, children, replies, group_leader]).

suite() -> [{timetrap, {seconds, 60}}].

all() ->
    [
        answers_calls,
        late_answers_are_dropped,
        a_monitor_is_no_request,
        only_replies_pass,
        many_wait,
        remote_callers,
        plugin_prints_logs_and_calls,
        prints_only_through_its_own,
        runs_nothing_for_anybody,
        bounds_what_is_printed,
        ends_with_its_users,
        other_limits
    ].

init_per_suite(Config) ->
    ok = ?RUN:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

policy(Rules) -> policy(Rules, #{}).

policy(Rules, Opts) ->
    {ok, Policy} = seccomp:compile(Opts#{mode => whitelist, rules => Rules}),
    Policy.

%% A policy of everyday use, with the default rule.
server() ->
    {ok, Server} = ?SERVER:start(policy(['@pure', '@server', ?SERVER])),
    %% What comes next is not for the server, which has just answered.
    ok = seccomp:forget_origin(),
    Server.

%% All functions allowed, so that nothing but the rule holds it.
bold() ->
    Me = self(),
    %% Not a child of this process, which it might send anything.
    {_, Ref} = spawn_monitor(fun() ->
        exit({?MODULE, ?SERVER:start(policy([{'_', '_', '_'}]))})
    end),
    receive
        {'DOWN', Ref, process, _, {?MODULE, {ok, Server}}} when Server =/= Me -> Server
    end.

answers_calls(_Config) ->
    Server = server(),
    ?assertEqual(hello, gen_server:call(Server, hello)),
    ok = gen_server:cast(Server, one),
    Server ! two,
    ?assertEqual([one, two], gen_server:call(Server, seen)),
    Id = gen_server:send_request(Server, three),
    ?assertEqual({reply, three}, gen_server:receive_response(Id, 1000)),
    ?assertEqual([two, one], sys:get_state(Server)),
    ?assertEqual(me, ?SERVER:do(Server, fun() -> self() ! me end)),
    true = exit(Server, kill).

%% The caller has given up: its alias is gone, and the server must not fail.
late_answers_are_dropped(_Config) ->
    Server = server(),
    ?assertExit({timeout, _}, gen_server:call(Server, {later, 100}, 10)),
    ?RUN:eventually(fun() -> gen_server:call(Server, seen) =:= [replied] end),
    receive
        Late -> ct:fail(Late)
    after 50 -> ok
    end,
    #{ring := Ring} = seccomp:violations(Server),
    ?assertEqual([], Ring).

a_monitor_is_no_request(_Config) ->
    Server = bold(),
    Me = self(),
    Watcher = spawn_link(fun() ->
        Ref = monitor(process, Server),
        Me ! {ref, Ref},
        receive
            Message -> Me ! {got, Message}
        end
    end),
    Ref =
        receive
            {ref, R} -> R
        end,
    _ = gen_server:call(Server, sync),
    Denied = fun(Message) ->
        ?assertMatch({error, {seccomp, {erlang, send, 2}}, _},
            ?SERVER:do(Server, fun() -> Watcher ! Message end))
    end,
    [
        Denied(M)
     || M <- [
            hello,
            Ref,
            [Ref],
            {Ref},
            {Ref, a, b},
            {'$gen_call', {Server, Ref}, x},
            {system, {Server, Ref}, get_state},
            {make_ref(), x},
            {[alias | make_ref()], x},
            {io_reply, make_ref(), x}
        ]
    ],
    ?assertMatch({Ref, x}, ?SERVER:do(Server, fun() -> Watcher ! {Ref, x} end)),
    receive
        {got, Got} -> ?assertEqual({Ref, x}, Got)
    end.

%% The alias of a caller takes its reply and nothing else.
only_replies_pass(_Config) ->
    Server = bold(),
    Ref = monitor(process, Server, [{alias, explicit_unalias}]),
    _ = gen_server:call(Server, sync),
    To = fun(Message) -> ?SERVER:do(Server, fun() -> Ref ! Message end) end,
    Wrong = {system, {self(), Ref}, {replace_state, x}},
    ?assertMatch({error, {seccomp, {erlang, send, 2}}, _}, To(Wrong)),
    ?assertMatch({error, {seccomp, {erlang, send, 2}}, _}, To({make_ref(), x})),
    [?assertEqual(M, To(M)) || M <- [{Ref, x}, {[alias | Ref], y}, {io_reply, Ref, z}]],
    Seen = [
        receive
            M -> M
        after 10000 -> none
        end
     || _ <- [1, 2, 3]
    ],
    ?assertEqual([{Ref, x}, {[alias | Ref], y}, {io_reply, Ref, z}], Seen).

many_wait(_Config) ->
    Server = server(),
    Me = self(),
    Pids = [
        spawn_link(fun() -> Me ! {self(), gen_server:call(Server, {later, 20})} end)
     || _ <- lists:seq(1, 500)
    ],
    [
        receive
            {Pid, Reply} -> ?assertEqual(late, Reply)
        end
     || Pid <- Pids
    ].

remote_callers(_Config) ->
    {Peer, Node} = seccomp_test_node:start_named(same, ["-setcookie", "seccomp"]),
    {ok, _} = net_kernel:start(['seccomp_send@localhost', shortnames]),
    true = erlang:set_cookie(node(), seccomp),
    try
        pong = net_adm:ping(Node),
        Server = server(),
        Bold = bold(),
        Call = fun(To, What) ->
            seccomp_test_node:call(Peer, gen_server, call, [To, What])
        end,
        ?assertEqual(hello, Call(Server, hello)),
        ?assertEqual(hello, Call(Bold, hello)),
        ok = seccomp:forget_origin(),
        Rex = seccomp_test_node:call(Peer, erlang, whereis, [rex]),
        ?assertEqual(Node, node(Rex)),
        Denied = fun(Mfa, Fun) ->
            ?assertMatch({error, {seccomp, Mfa}, _}, ?SERVER:do(Bold, Fun))
        end,
        Denied({erlang, send, 2}, fun() -> Rex ! x end),
        Denied({erlang, send, 2}, fun() -> Rex ! {make_ref(), x} end),
        Denied({erlang, send, 2}, fun() -> {rex, Node} ! x end),
        Denied({erlang, exit, 2}, fun() -> exit(Rex, x) end),
        Denied({erlang, link, 1}, fun() -> link(Rex) end),
        Denied({erlang, monitor, 2}, fun() -> monitor(process, {x, 'nobody@nowhere'}) end),
        Denied({erts_internal, group_leader, 2}, fun() -> group_leader(Rex, self()) end),
        %% Nor make itself the one whom a process there asks to print.
        Denied({erts_internal, group_leader, 2}, fun() -> group_leader(self(), Rex) end)
    after
        seccomp_test_node:stop(Peer),
        net_kernel:stop()
    end.

%% -- Printing ----------------------------------------------------------------

%% Runs Fun, with this process as the group leader behind that of the program.
printing(Policy, Fun) ->
    Me = self(),
    Old = group_leader(),
    true = group_leader(Me, Me),
    %% It has served the one before.
    ok = seccomp:forget_origin(),
    {Pid, Ref} = seccomp:spawn_monitor(Policy, fun() -> exit({?MODULE, Fun()}) end),
    true = group_leader(Old, Me),
    collect(Pid, Ref, []).

collect(Pid, Ref, Seen) ->
    receive
        {io_request, From, As, Request} ->
            From ! {io_reply, As, ok},
            collect(Pid, Ref, [Request | Seen]);
        {'DOWN', Ref, process, Pid, {?MODULE, Result}} ->
            {Result, lists:reverse(Seen)};
        {'DOWN', Ref, process, Pid, Reason} ->
            {{died, Reason}, lists:reverse(Seen)}
    end.

prints() -> policy(['@pure', '@print', '@server', ?SERVER], #{send => ?PRINTS}).

plugin_prints_logs_and_calls(_Config) ->
    Handler = ?MODULE,
    Me = self(),
    ok = logger:add_handler(Handler, ?MODULE, #{config => Me}),
    try
        {Result, Seen} = printing(prints(), fun() ->
            ok = io:format("~ts ~p~n", ["hello", {a, 1}]),
            ok = io:put_chars("text\n"),
            ok = io:nl(),
            ok = seccomp:log(notice, "a line"),
            io:columns()
        end),
        %% No terminal behind it.
        ?assertEqual({error, enotsup}, Result),
        Text = fun(T) -> {put_chars, unicode, T} end,
        ?assertEqual(
            [Text(<<"hello {a,1}\n">>), Text(<<"text\n">>), Text(<<"\n">>)],
            lists:sublist(Seen, 3)
        ),
        ?assertEqual({get_geometry, columns}, lists:last(Seen))
    after
        logger:remove_handler(Handler)
    end,
    receive
        {logged, notice, Line} -> ?assertEqual("a line", Line)
    after 10000 -> ct:fail(not_logged)
    end,
    %% A server of its own, under the same policy.
    Calls = fun() ->
        Self = self(),
        Server = spawn(fun() ->
            _ = put('$ancestors', [Self]),
            gen_server:enter_loop(?SERVER, [], [])
        end),
        {gen_server:call(Server, hello), gen_server:cast(Server, x), gen_server:call(Server, seen)}
    end,
    ?assertEqual({{hello, ok, [x]}, []}, printing(plugin(), Calls)).

plugin() ->
    Own = [{erlang, F, A} || {F, A} <- [{spawn, 1}, {spawn, 3}]],
    policy(['@pure', '@print', '@server', ?SERVER | Own], #{send => ?PRINTS}).

log(#{msg := {Format, Args}, level := Level}, #{config := Pid}) when is_list(Args) ->
    Pid ! {logged, Level, lists:flatten(io_lib:format(Format, Args))};
log(_Event, _Config) ->
    ok.

prints_only_through_its_own(_Config) ->
    Policy = policy([{'_', '_', '_'}], #{send => ?PRINTS}),
    Me = self(),
    Real = group_leader(),
    Tries = fun() ->
        Own = group_leader(),
        [
            catch (Real ! {io_request, self(), x, {put_chars, unicode, "x"}}),
            catch group_leader(Real, self()),
            catch exit(Own, kill),
            catch link(Own),
            catch group_leader(Me, Own)
        ]
    end,
    {Results, []} = printing(Policy, Tries),
    [?assertMatch({'EXIT', {{seccomp, _}, _}}, R) || R <- Results],
    %% Without one of the library the word allows nothing.
    Pid = seccomp:spawn(policy([{'_', '_', '_'}], #{send => ?PRINTS}), fun() ->
        receive
            {go, From} -> From ! {went, catch (group_leader() ! x)}
        end
    end),
    ?RUN:eventually(fun() -> seccomp:info(Pid) =/= trusted end),
    true = group_leader(Real, Pid),
    Pid ! {go, self()},
    receive
        {went, Went} -> ?assertMatch({'EXIT', {{seccomp, _}, _}}, Went)
    end.

runs_nothing_for_anybody(_Config) ->
    Me = self(),
    Requests = [
        {put_chars, unicode, erlang, send, [Me, gotcha]},
        {put_chars, erlang, send, [Me, gotcha]},
        {put_chars, unicode, io_lib, format, ["~s", [x | Me]]},
        {put_chars, unicode, io_lib, fread, ["~s", "x"]},
        {get_until, unicode, '', erlang, send, [Me, gotcha]},
        {requests, [{put_chars, unicode, erlang, send, [Me, gotcha]}]},
        {requests, [{put_chars, unicode, "x"} | Me]},
        {put_chars, unicode, Me},
        {get_line, unicode, ''},
        {setopts, [{expand_fun, fun(_) -> Me ! gotcha end}]},
        {seccomp_log, Me, "x"},
        nonsense,
        {}
    ],
    {Replies, _} = printing(prints(), fun() ->
        Leader = group_leader(),
        Leader ! {system, {self(), make_ref()}, {replace_state, fun(S) -> Me ! gotcha, S end}},
        [
            begin
                Leader ! {io_request, self(), N, Request},
                receive
                    {io_reply, N, Reply} -> Reply
                end
            end
         || {N, Request} <- lists:zip(lists:seq(1, length(Requests)), Requests)
        ]
    end),
    ?assertEqual(length(Requests), length(Replies)),
    ?assertMatch([{error, request}, {error, request}, {error, _}, {error, request}, eof | _], Replies),
    receive
        gotcha -> ct:fail(gotcha)
    after 50 -> ok
    end.

bounds_what_is_printed(_Config) ->
    Large = binary:copy(<<"x">>, 500_000),
    {Result, Seen} = printing(prints(), fun() ->
        Flat = catch io:put_chars(lists:duplicate(100, Large)),
        Wide = catch io:format("~100000000s", ["x"]),
        {is_tuple(Flat), is_tuple(Wide), io:put_chars("after")}
    end),
    ?assertEqual({true, true, ok}, Result),
    ?assertEqual([{put_chars, unicode, <<"after">>}], Seen).

ends_with_its_users(_Config) ->
    Me = self(),
    Child = fun() ->
        Pid = spawn(fun() ->
            receive
                stop -> ok
            end
        end),
        Me ! {leader, group_leader(), Pid}
    end,
    Policy = policy([{'_', '_', '_'}], #{send => ?PRINTS}),
    {_, Ref} = seccomp:spawn_monitor(Policy, Child),
    {Leader, Grandchild} =
        receive
            {leader, L, G} -> {L, G}
        end,
    receive
        {'DOWN', Ref, process, _, _} -> ok
    end,
    timer:sleep(1500),
    ?assert(is_process_alive(Leader)),
    Grandchild ! stop,
    ?RUN:eventually(fun() -> not is_process_alive(Leader) end).

other_limits(_Config) ->
    Pid = spawn_link(fun() -> timer:sleep(infinity) end),
    {ok, Leader} = seccomp:group_leader(Pid, #{max_request => 10}),
    ?assertEqual({group_leader, Leader}, process_info(Pid, group_leader)),
    ?assertError(badarg, seccomp:group_leader(Pid, #{max_request => 0})),
    ?assertError(badarg, seccomp:group_leader(Pid, #{max => 1})),
    Leader ! {io_request, self(), x, {put_chars, unicode, "01234567890"}},
    receive
        {io_reply, x, Reply} -> ?assertEqual({error, too_large}, Reply)
    end.
