%% SPDX-License-Identifier: Apache-2.0
%%
%% What the guard profile `cluster` promises to nodes that work together: two
%% nodes under it, and OTP's own services between them.
-module(seccomp_guard_cluster_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([global_names/1, pg_groups/1, calls/1]).
%% On the nodes.
-export([setup/0, named/1, member/1, locker/1, until/1]).

-define(N, seccomp_test_node).

suite() -> [{timetrap, {minutes, 2}}].

all() -> [global_names, pg_groups, calls].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    Cookie = integer_to_list(rand:uniform(1 bsl 60), 36),
    Args = ["-setcookie", Cookie, "-kernel", "logger_level", "none"],
    [{P1, N1}, {P2, N2}] = Nodes = [?N:start_named(same, Args) || _ <- [1, 2]],
    [ok = ?N:call(P, ?MODULE, setup, []) || {P, _} <- Nodes],
    true = ?N:call(P1, net_kernel, connect_node, [N2]),
    ok = ?N:call(P1, seccomp_nodes, sync, [N2, 60000]),
    [{one, {P1, N1}}, {two, {P2, N2}} | Config].

end_per_suite(Config) -> [?N:stop(P) || {P, _} <- [?config(one, Config), ?config(two, Config)]].

setup() ->
    {ok, _} = application:ensure_all_started(seccomp),
    {ok, _} = pg:start(pg),
    seccomp:guard_node(cluster).

on(Which, Config, F, Args) -> on(Which, Config, ?MODULE, F, Args).

on(Which, Config, M, F, Args) ->
    {Peer, _} = ?config(Which, Config),
    ?N:call(Peer, M, F, Args).

%% Waits on the node until the call gives what it should.
until({M, F, Args, Wanted}) ->
    seccomp_test_run:eventually(fun() ->
        case apply(M, F, Args) of
            Wanted -> true;
            Other -> Other
        end
    end).

sleeper() ->
    receive
        {From, Message} -> From ! {self(), Message}, sleeper()
    end.

named(Name) ->
    Pid = spawn(fun sleeper/0),
    yes = global:register_name(Name, Pid),
    Pid.

global_names(Config) ->
    ?assertEqual(ok, on(one, Config, until, [{global, sync, [], ok}])),
    Pid = on(one, Config, named, [seccomp_name]),
    ok = on(two, Config, until, [{global, whereis_name, [seccomp_name], Pid}]),
    %% A lock needs the word of the other node's server.
    Locker = on(two, Config, locker, [on_all(Config)]),
    ?assertNot(on(one, Config, global, set_lock, [{a_lock, other}, on_all(Config), 0])),
    true = on(two, Config, erlang, exit, [Locker, kill]),
    ok = on(one, Config, global, unregister_name, [seccomp_name]),
    ok = on(two, Config, until, [{global, whereis_name, [seccomp_name], undefined}]).

locker(Nodes) ->
    Me = self(),
    Pid = spawn(fun() ->
        Me ! {self(), global:set_lock({a_lock, self()}, Nodes, 5)},
        sleeper()
    end),
    receive
        {Pid, true} -> Pid
    end.

on_all(Config) -> [element(2, ?config(W, Config)) || W <- [one, two]].

member(Group) ->
    Pid = spawn(fun sleeper/0),
    ok = pg:join(Group, Pid),
    Pid.

pg_groups(Config) ->
    Pid = on(one, Config, member, [group]),
    ok = on(two, Config, until, [{pg, get_members, [group], [Pid]}]),
    true = on(one, Config, erlang, exit, [Pid, kill]),
    ok = on(two, Config, until, [{pg, get_members, [group], []}]).

calls(Config) ->
    {_, Two} = ?config(two, Config),
    ?assertEqual(pong, on(one, Config, net_adm, ping, [Two])),
    ?assertEqual([1, 2], on(one, Config, rpc, call, [Two, lists, sort, [[2, 1]]])),
    ?assertEqual([1, 2], on(one, Config, erpc, call, [Two, lists, sort, [[2, 1]]])),
    ?assertMatch({badrpc, {'EXIT', {{seccomp, {os, getpid, 0}}, _}}},
        on(one, Config, rpc, call, [Two, os, getpid, []])).
