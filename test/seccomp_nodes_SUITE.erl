%% SPDX-License-Identifier: Apache-2.0
%%
%% Policies across nodes: two patched nodes and a stock one. P1 on the first is
%% restricted, has P2 started on another node, and that has P3 started back on
%% the first.
-module(seccomp_nodes_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    through_patched/1,
    through_stock/1,
    while_connecting/1,
    unknown_spawn/1,
    unknown_message/1,
    made_later/1,
    tightened_by_itself/1,
    two_policies/1,
    meets_elsewhere/1,
    trusted_stay_trusted/1,
    users_tracing/1,
    reconnected/1,
    false_names/1,
    under_a_guard/1,
    junk/1
]).
%% For seccomp_nodes_bounds_SUITE.
-export([start/1, stop/1, call/5, name/2, connect/3]).

-define(WAYS, [
    spawn, spawn_link, spawn_monitor, spawn_opt, spawn_request, rpc, rpc_cast, erpc, erpc_cast,
    server, supervisor, rex
]).
-define(OS, #{mode => blacklist, rules => [os]}).
-define(CODE, #{mode => blacklist, rules => [{code, get_path, 0}]}).

suite() -> [{timetrap, {seconds, 120}}].

all() ->
    [
        through_patched,
        through_stock,
        while_connecting,
        unknown_spawn,
        unknown_message,
        made_later,
        tightened_by_itself,
        two_policies,
        meets_elsewhere,
        trusted_stay_trusted,
        users_tracing,
        reconnected,
        false_names,
        under_a_guard,
        junk
    ].

init_per_suite(Config) ->
    Erl = seccomp_test_node:stock_erl(),
    case filelib:is_regular(Erl) of
        true ->
            Nodes = start([{one, same}, {two, same}, {stock, stock}]),
            ok = connect(one, two, Nodes),
            [{nodes, Nodes} | Config];
        false ->
            {skip, "there is no " ++ Erl ++ "; name a stock erl in SECCOMP_STOCK_ERL"}
    end.

end_per_suite(Config) -> stop(?config(nodes, Config)).

start(Wanted) ->
    Cookie = integer_to_list(rand:uniform(1 bsl 60), 36),
    Args = ["-setcookie", Cookie, "-kernel", "logger_level", "none"],
    Nodes = maps:from_list([
        {Name, seccomp_test_node:start_named(Kind, Args)}
     || {Name, Kind} <- Wanted
    ]),
    [ok = call(Name, setup, [], Nodes) || Name <- maps:keys(Nodes)],
    Nodes.

stop(Nodes) -> [seccomp_test_node:stop(Peer) || {Peer, _} <- maps:values(Nodes)].

call(Name, F, Args, Nodes) -> call(Name, seccomp_test_hops, F, Args, Nodes).

call(Name, M, F, Args, Nodes) ->
    #{Name := {Peer, _}} = Nodes,
    seccomp_test_node:call(Peer, M, F, Args).

name(Name, Nodes) -> element(2, maps:get(Name, Nodes)).

%% Policies are known when this returns.
connect(From, To, Nodes) ->
    Node = name(To, Nodes),
    true = call(From, net_kernel, connect_node, [Node], Nodes),
    call(From, seccomp_nodes, sync, [Node, 10000], Nodes).

%% -- Cases -------------------------------------------------------------------

through_patched(Config) -> through(two, fun(Hash) -> {Hash, denied} end, Config).

through_stock(Config) -> through(stock, fun(_) -> {trusted, ran} end, Config).

through(Other, P2, Config) ->
    Nodes = ?config(nodes, Config),
    {Hash, _} = call(one, compile, [?OS], Nodes),
    [
        begin
            Answer = call(one, run, [?OS, Way, name(Other, Nodes), name(one, Nodes)], Nodes),
            ?assertEqual({Way, #{p2 => P2(Hash), p3 => {Hash, denied}}}, {Way, Answer})
        end
     || Way <- ?WAYS
    ].

%% The first message sets the connection up and must not lose its origin then.
while_connecting(_Config) ->
    [
        begin
            Nodes = start([{one, same}, {stock, stock}]),
            {Hash, _} = call(one, compile, [?OS], Nodes),
            Answer = call(one, run, [?OS, Way, name(stock, Nodes), name(one, Nodes)], Nodes),
            stop(Nodes),
            ?assertEqual({Way, #{p2 => {trusted, ran}, p3 => {Hash, denied}}}, {Way, Answer})
        end
     || Way <- [rex, spawn]
    ].

%% The exchange does not run: the other node cannot know the policy.
unknown_spawn(_Config) ->
    Nodes = start([{one, same}, {two, same}]),
    ok = call(two, application, stop, [seccomp], Nodes),
    Two = name(two, Nodes),
    true = call(one, net_kernel, connect_node, [Two], Nodes),
    Ways = [spawn, spawn_link, spawn_monitor, spawn_opt, spawn_request],
    Answers = [
        {Way, call(one, run, [?OS, Way, Two, name(one, Nodes)], Nodes)}
     || Way <- Ways
    ],
    Trusted = call(one, run_trusted, [spawn, Two, name(one, Nodes)], Nodes),
    stop(Nodes),
    [
        ?assertEqual({Way, #{p1 => {seccomp, unknown_policy}}}, {Way, Answer})
     || {Way, Answer} <- Answers
    ],
    ?assertEqual(#{p2 => {trusted, ran}, p3 => {trusted, ran}}, Trusted).

%% A server that gets a request of an unknown origin starts what can do nothing,
%% and goes on. A node with the cookie can claim any hash.
unknown_message(Config) ->
    Nodes = ?config(nodes, Config),
    One = name(one, Nodes),
    ?assertEqual(error, call(stock, forged, [spawn, One], Nodes)),
    ?assertEqual(nothing, call(stock, forged, [server, One], Nodes)),
    ?assertEqual(nothing, call(stock, forged, [supervisor, One], Nodes)),
    Trusted = call(one, run_trusted, [server, name(two, Nodes), One], Nodes),
    ?assertEqual(#{p2 => {trusted, ran}, p3 => {trusted, ran}}, Trusted).

%% Compiled when the nodes are connected already, and used at once.
made_later(Config) ->
    Nodes = ?config(nodes, Config),
    Two = name(two, Nodes),
    [
        begin
            Rules = [{os, list_to_atom("f" ++ integer_to_list(N)), 0} | maps:get(rules, ?OS)],
            Policy = #{mode => blacklist, rules => Rules, unknown => allow},
            {Hash, Met} = call(one, late, [Policy, Two], Nodes),
            ?assertEqual({Hash, denied}, Met)
        end
     || N <- lists:seq(1, 20)
    ].

%% Nobody tells of this one before the other node is asked; it fails until then.
tightened_by_itself(Config) ->
    Nodes = ?config(nodes, Config),
    {Hash, Report} = call(one, tighten, [maps:put(on_deny, raise, ?OS), name(two, Nodes)], Nodes),
    ?assertEqual({Hash, denied}, Report).

two_policies(Config) ->
    Nodes = ?config(nodes, Config),
    {One, _} = call(one, compile, [?OS], Nodes),
    {Two, _} = call(one, compile, [?CODE], Nodes),
    [
        begin
            Home = name(one, Nodes),
            Os = call(one, run, [?OS, Way, name(Other, Nodes), Home], Nodes),
            Code = call(one, run, [?CODE, Way, name(Other, Nodes), Home], Nodes),
            ?assertMatch({Way, #{p3 := {One, denied}}}, {Way, Os}),
            ?assertMatch({Way, #{p3 := {Two, ran}}}, {Way, Code})
        end
     || Way <- [spawn, rpc, server, supervisor], Other <- [two, stock]
    ].

%% P2 is started by a process that has a policy of its own there.
meets_elsewhere(Config) ->
    Nodes = ?config(nodes, Config),
    {Met, Report} = call(two, both, [?OS, ?CODE, name(one, Nodes)], Nodes),
    ?assertEqual({Met, denied}, Report).

trusted_stay_trusted(Config) ->
    Nodes = ?config(nodes, Config),
    [
        ?assertEqual(
            {Way, Other, []},
            {Way, Other, call(one, alternate, [Way, name(Other, Nodes), 20], Nodes)}
        )
     || Way <- ?WAYS, Other <- [two, stock]
    ].

users_tracing(Config) ->
    Nodes = ?config(nodes, Config),
    Home = name(one, Nodes),
    {Hash, _} = call(one, compile, [?OS], Nodes),
    [
        begin
            #{there := There, back := Back, policy := Policy} =
                call(one, traced, [Who, name(Other, Nodes), Home], Nodes),
            case {Who, Other} of
                {restricted, stock} -> ?assertMatch({'$seccomp', <<_:256>>, 17}, There);
                _ -> ?assertEqual(17, There)
            end,
            ?assertEqual(17, Back),
            ?assertEqual(
                case Who of
                    trusted -> trusted;
                    restricted -> Hash
                end,
                Policy
            )
        end
     || Who <- [trusted, restricted], Other <- [two, stock]
    ].

reconnected(Config) ->
    Nodes = ?config(nodes, Config),
    {Hash, _} = call(one, compile, [?OS], Nodes),
    Two = name(two, Nodes),
    [
        begin
            true = call(one, erlang, disconnect_node, [Two], Nodes),
            ok = connect(one, two, Nodes),
            Answer = call(one, run, [?OS, spawn, Two, name(one, Nodes)], Nodes),
            ?assertEqual(#{p2 => {Hash, denied}, p3 => {Hash, denied}}, Answer)
        end
     || _ <- lists:seq(1, 5)
    ].

%% A policy that is sent under the name of another one is not taken.
false_names(Config) ->
    Nodes = ?config(nodes, Config),
    One = name(one, Nodes),
    {_, Text} = call(two, compile, [?CODE], Nodes),
    Name = some_hash(),
    Message = {seccomp_nodes, 1, name(two, Nodes), {policies, 1000000, [{Name, Text}]}},
    _ = call(two, erlang, send, [{seccomp_nodes, One}, Message], Nodes),
    ok = call(two, seccomp_nodes, sync, [One, 10000], Nodes),
    ?assertEqual({ok, none}, call(one, seccomp_nif, policy_to_wire, [Name], Nodes)),
    ?assertMatch({error, _}, call(one, seccomp_nif, policy_from_wire, [Name, Text], Nodes)).

some_hash() -> <<(rand:uniform(1 bsl 64)):256>>.

%% The profile cluster lets in what nodes tell each other about policies.
under_a_guard(_Config) ->
    Nodes = start([{one, same}, {two, same}]),
    [ok = call(Name, seccomp, guard_node, [cluster], Nodes) || Name <- [one, two]],
    ok = connect(one, two, Nodes),
    {Hash, _} = call(one, compile, [?OS], Nodes),
    ?assertMatch({ok, <<_, _/binary>>}, call(two, seccomp_nif, policy_to_wire, [binary:decode_hex(Hash)], Nodes)),
    ?assertEqual([name(two, Nodes)], call(one, seccomp_nodes, peers, [], Nodes)),
    stop(Nodes).

junk(Config) ->
    Nodes = ?config(nodes, Config),
    One = name(one, Nodes),
    Server = call(one, erlang, whereis, [seccomp_nodes], Nodes),
    From = name(two, Nodes),
    [
        call(two, erlang, send, [{seccomp_nodes, One}, Message], Nodes)
     || Message <- [
            junk,
            {seccomp_nodes, 2, From, {hello, true}},
            {seccomp_nodes, 1, 'no@where', {hello, true}},
            {seccomp_nodes, 1, "x", {hello, true}},
            {seccomp_nodes, 1, From, {hello, perhaps}},
            {seccomp_nodes, 1, From, {policies, -1, [a | b]}},
            {seccomp_nodes, 1, From, {policies, 1, [{<<1>>, <<2>>}, {<<0:256>>, <<"{}">>}, x]}},
            {seccomp_nodes, 1, From, {policies, 1, [{<<0:256>>, binary:copy(<<"x">>, 2000000)}]}},
            {seccomp_nodes, 1, From, {have, x}},
            {'$gen_call', {self(), make_ref()}, nonsense},
            {'$gen_call', {self(), make_ref()}, {wait, all, -1}},
            {'$gen_cast', nonsense}
        ]
    ],
    ok = call(two, seccomp_nodes, sync, [One, 10000], Nodes),
    ?assertEqual(Server, call(one, erlang, whereis, [seccomp_nodes], Nodes)).
