%% SPDX-License-Identifier: Apache-2.0
%%
%% How much of what another node tells is kept: a node with the cookie must not be
%% able to fill the memory or the atom table of this one with policies.
-module(seccomp_nodes_bounds_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([many_policies/1, large_policies/1, many_atoms/1]).
-export([compile_all/1, held/1, known/1]).

-import(seccomp_nodes_SUITE, [call/5, name/2]).

-define(NODES, seccomp_nodes_SUITE).

suite() -> [{timetrap, {minutes, 5}}].

all() -> [many_policies, large_policies, many_atoms].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

%% The oldest goes.
many_policies(_Config) ->
    Names = lists:sublist(lists:usort([F || {F, _} <- lists:module_info(exports)]), 17),
    Maps = [blacklist([{lists, F, A}]) || F <- Names, A <- lists:seq(0, 255)],
    ?assert(length(Maps) > 4096 + 100),
    in_two(fun(Nodes) ->
        Hashes = call(two, ?MODULE, compile_all, [Maps], Nodes),
        ok = call(two, seccomp_nodes, sync, [name(one, Nodes), 60000], Nodes),
        #{count := 4096, hashes := Held} = call(one, ?MODULE, held, [name(two, Nodes)], Nodes),
        ?assertEqual(lists:nthtail(length(Hashes) - 4096, Hashes), Held)
    end).

large_policies(_Config) ->
    %% Close to the megabyte that one may have at most, and no name is new twice.
    Long = fun(C, N) -> list_to_atom(lists:duplicate(25, C) ++ integer_to_list(N)) end,
    Large = [{Long($m, 0), Long($f, N), A} || N <- lists:seq(1, 62), A <- lists:seq(0, 255)],
    Maps = [blacklist([{os, getpid, A} | Large]) || A <- lists:seq(1, 20)],
    in_two(fun(Nodes) ->
        Hashes = call(two, ?MODULE, compile_all, [Maps], Nodes),
        ok = call(two, seccomp_nodes, sync, [name(one, Nodes), 60000], Nodes),
        #{count := Count, bytes := Bytes, hashes := Held} =
            call(one, ?MODULE, held, [name(two, Nodes)], Nodes),
        ?assert(Bytes =< 16 * 1024 * 1024),
        ?assert(Bytes > 15 * 1024 * 1024),
        ?assertEqual(lists:nthtail(length(Hashes) - Count, Hashes), Held)
    end).

%% Names are never forgotten, so policies of others are not taken any more when
%% they have brought too many. Whom they hold may start nothing there then.
many_atoms(_Config) ->
    Maps = [
        blacklist([
            {os, list_to_atom(lists:concat(["f_", P, "_", N])), 0}
         || N <- lists:seq(1, 16000)
        ])
     || P <- lists:seq(1, 7)
    ],
    in_two(fun(Nodes) ->
        Before = call(one, erlang, system_info, [atom_count], Nodes),
        Hashes = call(two, ?MODULE, compile_all, [Maps], Nodes),
        ok = call(two, seccomp_nodes, sync, [name(one, Nodes), 60000], Nodes),
        Made = call(one, erlang, system_info, [atom_count], Nodes) - Before,
        ?assert(Made > 65536),
        ?assert(Made < 65536 + 2 * 16384),
        Known = call(one, ?MODULE, known, [Hashes], Nodes),
        ?assertEqual([true, true, true, true, true, false, false], Known),
        [First | _] = Hashes,
        Two = name(two, Nodes),
        Run = fun(Map) -> call(two, seccomp_test_hops, run, [Map, spawn, name(one, Nodes), Two], Nodes) end,
        ?assertMatch(#{p2 := {First, ran}}, Run(hd(Maps))),
        ?assertEqual(#{p1 => {seccomp, unknown_policy}}, Run(lists:last(Maps)))
    end).

blacklist(Rules) -> #{mode => blacklist, rules => Rules, unknown => allow}.

in_two(Fun) ->
    Nodes = ?NODES:start([{one, same}, {two, same}]),
    try
        ok = ?NODES:connect(one, two, Nodes),
        Fun(Nodes)
    after
        ?NODES:stop(Nodes)
    end.

%% -- On the nodes ------------------------------------------------------------

%% The hashes of many policies, which are kept.
compile_all(Maps) ->
    Policies = [Policy || Map <- Maps, {ok, Policy} <- [seccomp:compile(Map)]],
    _ = spawn(fun() -> receive {never, Policies} -> ok end end),
    [maps:get(hash, seccomp_nif:policy_info(Ref)) || {seccomp_policy, Ref} <- Policies].

%% What the server keeps of another node, oldest first.
held(Node) ->
    #{Node := Peer} = lists:nth(3, tuple_to_list(sys:get_state(seccomp_nodes))),
    {peer, _Due, _Acked, Held, Names, Bytes} = Peer,
    Hashes = [binary:encode_hex(Hash) || {_, Hash, _} <- queue:to_list(Held)],
    #{
        count => map_size(Names),
        bytes => Bytes,
        hashes => [string:lowercase(Hash) || Hash <- Hashes]
    }.

known(Hashes) ->
    [seccomp_nif:policy_to_wire(binary:decode_hex(Hash)) =/= {ok, none} || Hash <- Hashes].
