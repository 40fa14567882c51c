%% SPDX-License-Identifier: Apache-2.0
%%
%% What a trusted process starts for a restricted one gets its policy; what it
%% starts for others, or for itself, does not.
-module(seccomp_origin_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, init_per_suite/1, end_per_suite/1]).
-export([
    every_way/1,
    in_turn/1,
    in_turn_thousands_of_times/1,
    nobody_is_restricted_for_long/1,
    restricted_deputy/1,
    restricted_while_it_serves/1,
    two_clients/1,
    spawn_denied/1,
    without_provenance/1,
    provenance_without_inherit/1,
    origin_in_a_server/1,
    forgetting/1,
    lifted_client/1,
    tightened_client/1,
    dead_sender/1,
    forgotten_policy/1,
    json_and_dump/1
]).

-import(seccomp_test_origin, [policies/0, meet/2, hash/1, child/2, child/3, run/1, who/0]).

-define(T, seccomp_test_target).

all() ->
    [
        every_way,
        in_turn,
        in_turn_thousands_of_times,
        nobody_is_restricted_for_long,
        restricted_deputy,
        restricted_while_it_serves,
        two_clients,
        spawn_denied,
        without_provenance,
        provenance_without_inherit,
        origin_in_a_server,
        forgetting,
        lifted_client,
        tightened_client,
        dead_sender,
        forgotten_policy,
        json_and_dump
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

with_deputies(Fun) ->
    Deputies = seccomp_test_origin:deputies(),
    try
        Fun(Deputies)
    after
        seccomp_test_origin:stop(Deputies)
    end.

via(Deputies, Name) ->
    {Name, Way} = lists:keyfind(Name, 1, seccomp_test_origin:ways()),
    fun(F) -> Way(Deputies, F) end.

every_way(_Config) ->
    {P, _} = policies(),
    with_deputies(fun(Deputies) ->
        [
            begin
                Way = via(Deputies, Name),
                ?assertEqual({Name, hash(P)}, {Name, child(P, Way)}),
                ?assertEqual({Name, trusted}, {Name, child(trusted, Way)})
            end
         || {Name, _} <- seccomp_test_origin:ways()
        ]
    end).

%% The deputies live on, and each way is taken by all of them.
in_turn(_Config) ->
    {P, Q} = policies(),
    with_deputies(fun(Deputies) ->
        [
            ?assertEqual({Name, hash(Client)}, {Name, child(Client, via(Deputies, Name))})
         || Client <- [trusted, P, P, Q, trusted, Q, P, trusted],
            {Name, _} <- seccomp_test_origin:ways()
        ]
    end).

in_turn_thousands_of_times(_Config) ->
    {P, Q} = policies(),
    Ways = [call, cast, simple_one_for_one, chain, hibernating, loop, send_after],
    with_deputies(fun(Deputies) ->
        [
            begin
                Client = lists:nth(rand:uniform(3), [trusted, P, Q]),
                Name = lists:nth(rand:uniform(length(Ways)), Ways),
                Got = child(Client, via(Deputies, Name)),
                ?assertEqual({N, Name, hash(Client)}, {N, Name, Got})
            end
         || N <- lists:seq(1, 3000)
        ]
    end).

%% Clients of both kinds at once; a deputy handles one message after the other.
nobody_is_restricted_for_long(_Config) ->
    {P, Q} = policies(),
    with_deputies(fun(Deputies) ->
        Work = fun(Client) ->
            exit([
                {Name, Got}
             || _ <- lists:seq(1, 100),
                Name <- [call, simple_one_for_one, chain],
                Got <- [child(Client, via(Deputies, Name))],
                Got =/= hash(Client)
            ])
        end,
        Clients = [spawn_monitor(fun() -> Work(C) end) || C <- [trusted, P, Q, trusted]],
        ?assertEqual(
            [[], [], [], []],
            [receive {'DOWN', M, process, _, Wrong} -> Wrong end || {_, M} <- Clients]
        )
    end).

restricted_deputy(_Config) ->
    P = seccomp_test_run:policy(blacklist, [{?T, hit, 1}, {os, getenv, 1}]),
    {_, Q} = policies(),
    Deputy = seccomp:spawn(Q, fun seccomp_test_origin:loop/0),
    Way = fun(F) -> seccomp_test_origin:request(Deputy, fun() -> spawn(F) end) end,
    ?assertEqual(meet(P, Q), child(P, Way)),
    ?assertEqual(hash(Q), child(trusted, Way)),
    ?assertEqual(hash(Q), child(Q, Way)),
    exit(Deputy, kill).

%% A policy of its own does not end what it does for somebody.
restricted_while_it_serves(_Config) ->
    P = seccomp_test_run:policy(blacklist, [{?T, hit, 1}, {os, getenv, 1}]),
    {_, Q} = policies(),
    Deputy = spawn(fun seccomp_test_origin:loop/0),
    Way = fun(F) ->
        seccomp_test_origin:request(Deputy, fun() ->
            ok = seccomp:set_policy(self(), Q),
            spawn(F)
        end)
    end,
    ?assertEqual(meet(P, Q), child(P, Way)),
    Plain = fun(F) -> seccomp_test_origin:request(Deputy, fun() -> spawn(F) end) end,
    ?assertEqual(hash(Q), child(trusted, Plain)),
    exit(Deputy, kill).

%% A request of one makes a deputy wait for an answer of the other.
two_clients(_Config) ->
    P = seccomp_test_run:policy(blacklist, [{?T, hit, 1}, {os, getenv, 1}]),
    {_, Q} = policies(),
    Deputy = spawn(fun seccomp_test_origin:loop/0),
    Waits = fun(F) ->
        seccomp_test_origin:request(Deputy, fun() ->
            receive answer -> spawn(F) end
        end)
    end,
    Answer = fun() -> seccomp_test_origin:as(Q, fun() -> Deputy ! answer end) end,
    ?assertEqual(meet(P, Q), child(P, Waits, Answer)),
    Plain = fun(F) -> seccomp_test_origin:request(Deputy, fun() -> spawn(F) end) end,
    ?assertEqual(hash(Q), child(trusted, Waits, Answer)),
    ?assertEqual(trusted, child(trusted, Plain)),
    exit(Deputy, kill).

%% The deputy may still spawn, its child may not.
spawn_denied(_Config) ->
    P = seccomp_test_run:policy(blacklist, [{?T, hit, 1}], #{spawn => deny}),
    with_deputies(fun(Deputies) ->
        Me = self(),
        ok = seccomp_test_origin:as(P, fun() ->
            (via(Deputies, call))(fun() -> Me ! {tried, catch spawn(fun() -> ok end)} end)
        end),
        receive
            {tried, Tried} -> ?assertMatch({'EXIT', {{seccomp, {erlang, spawn, _}}, _}}, Tried)
        end,
        ok = seccomp:forget_origin(),
        ?assertEqual(trusted, child(trusted, via(Deputies, call)))
    end).

without_provenance(_Config) ->
    with_deputies(fun(Deputies) ->
        [
            begin
                P = seccomp_test_run:policy(blacklist, [{?T, hit, 1}], Opts),
                ?assertEqual(trusted, child(P, via(Deputies, call)))
            end
         || Opts <- [#{provenance => false}, #{inherit => false}]
        ]
    end).

provenance_without_inherit(_Config) ->
    P = seccomp_test_run:policy(
        blacklist, [{?T, hit, 1}], #{inherit => false, provenance => true}
    ),
    with_deputies(fun(Deputies) ->
        ?assertEqual(hash(P), child(P, via(Deputies, call))),
        ?assertEqual(trusted, child(P, fun(F) -> spawn(F) end)),
        %% Such a child is as trusted as it looks, also where it gets a copy of its
        %% parent's token: that of an asynchronous spawn, and of one that is traced.
        [
            ?assertEqual({Way, trusted}, {Way, child(P, fun(F) ->
                Start(fun() -> (via(Deputies, call))(F) end)
            end)})
         || {Way, Start} <- [
                {spawn, fun(F) -> spawn(F) end},
                {spawn_request, fun(F) -> spawn_request(F) end},
                {traced, fun(F) ->
                    _ = seq_trace:set_token(label, 17),
                    spawn(F)
                end}
            ]
        ]
    end).

origin_in_a_server(_Config) ->
    {P, _} = policies(),
    Hash = hash(P),
    with_deputies(fun(#{server := Server}) ->
        Ask = fun(Client) ->
            Me = self(),
            Ref = make_ref(),
            seccomp_test_origin:as(Client, fun() ->
                Me ! {Ref, {gen_server:call(Server, origin), seccomp:origin()}}
            end),
            seccomp_test_origin:answer(Ref)
        end,
        ?assertMatch(
            {{restricted, #{hash := Hash, provenance := true}}, {restricted, #{hash := Hash}}},
            Ask(P)
        ),
        ?assertEqual({trusted, trusted}, Ask(trusted))
    end),
    ?assertEqual(trusted, seccomp:origin()).

%% Who has read the answer of a restricted process acts for it, until it says
%% otherwise; who is restricted cannot say so.
forgetting(_Config) ->
    {P, _} = policies(),
    Me = self(),
    seccomp_test_origin:as(P, fun() -> Me ! {answer, seccomp:forget_origin()} end),
    receive
        {answer, Answer} -> ?assertMatch({error, {restricted, #{}}}, Answer)
    end,
    ?assertMatch({restricted, #{}}, seccomp:origin()),
    ?assertEqual(ok, seccomp:forget_origin()),
    ?assertEqual(trusted, seccomp:origin()),
    ?assertEqual(trusted, run(fun(F) -> spawn(F) end)).

lifted_client(_Config) ->
    {P, _} = policies(),
    with_deputies(fun(Deputies) ->
        Client = seccomp:spawn(P, fun seccomp_test_origin:loop/0),
        Way = fun(F) -> Client ! {run, fun() -> (via(Deputies, call))(F) end} end,
        ?assertEqual(hash(P), run(Way)),
        ok = seccomp:lift(Client),
        ?assertEqual(trusted, run(Way)),
        ok = seccomp:set_policy(Client, P),
        ?assertEqual(hash(P), run(Way)),
        exit(Client, kill)
    end).

tightened_client(_Config) ->
    {P, Q} = policies(),
    with_deputies(fun(Deputies) ->
        Client = seccomp:spawn(P, fun seccomp_test_origin:loop/0),
        Way = fun(F) -> Client ! {run, fun() -> (via(Deputies, call))(F) end} end,
        ok = seccomp:restrict(Client, blacklist, [{?T, hit, 1}, {os, getpid, 0}]),
        ?assertEqual(meet(P, Q), run(Way)),
        exit(Client, kill)
    end).

%% The message is all that is left of the sender and its policy.
dead_sender(_Config) ->
    Me = self(),
    Ref = make_ref(),
    Deputy = spawn(fun() ->
        receive go -> ok end,
        seccomp_test_origin:loop()
    end),
    {_, Monitor} = spawn_monitor(fun() ->
        P = seccomp_test_run:policy(blacklist, [{?T, hit, 1}, {os, type, 0}]),
        seccomp_test_origin:as(P, fun() ->
            Deputy ! {run, fun() -> spawn(fun() -> Me ! {Ref, who()} end) end}
        end),
        exit({hash, hash(P)})
    end),
    Hash = receive {'DOWN', Monitor, process, _, {hash, H}} -> H end,
    Deputy ! go,
    ?assertEqual(Hash, seccomp_test_origin:answer(Ref)),
    exit(Deputy, kill).

%% Beyond what is kept, a child may do nothing.
forgotten_policy(_Config) ->
    Deputy = spawn(fun() ->
        receive go -> ok end,
        seccomp_test_origin:loop()
    end),
    Counter = atomics:new(1, []),
    Table = ets:new(children, [public]),
    {_, Monitor} = spawn_monitor(fun() ->
        P = seccomp_test_run:policy(blacklist, [{?T, hit, 1}, {os, version, 0}]),
        seccomp_test_origin:as(P, fun() ->
            Deputy ! {run, fun() ->
                {Pid, _} = spawn_monitor(fun() -> atomics:add(Counter, 1, 1) end),
                ets:insert(Table, {child, Pid})
            end}
        end)
    end),
    receive {'DOWN', Monitor, process, _, normal} -> ok end,
    _ = [
        seccomp_test_run:policy(blacklist, [{no_such_module, f, N rem 256}, {m, f, N div 256}], #{
            unknown => allow
        })
     || N <- lists:seq(1, 1200)
    ],
    true = erlang:garbage_collect(),
    Deputy ! go,
    ok = seccomp_test_run:eventually(fun() -> ets:lookup(Table, child) =/= [] end),
    [{child, Child}] = ets:lookup(Table, child),
    ok = seccomp_test_run:eventually(fun() -> not is_process_alive(Child) end),
    ?assertEqual(0, atomics:get(Counter, 1)),
    exit(Deputy, kill).

json_and_dump(_Config) ->
    Map = #{mode => blacklist, rules => [{os, getpid, 0}], provenance => false},
    {ok, Json} = seccomp:to_json(Map),
    {ok, Read} = seccomp:from_json(Json),
    ?assertMatch(#{provenance := false, inherit := true}, Read),
    {ok, Policy} = seccomp:compile(Read),
    ?assertNotEqual(nomatch, binary:match(seccomp:dump(Policy), <<"provenance false\n">>)),
    {ok, Default} = seccomp:compile(maps:remove(provenance, Map)),
    ?assertNotEqual(nomatch, binary:match(seccomp:dump(Default), <<"provenance true\n">>)),
    ?assertNotEqual(hash(Policy), hash(Default)),
    {ok, Same} = seccomp:compile(Map#{provenance => true}),
    ?assertEqual(hash(Default), hash(Same)),
    ?assertMatch(
        {error, {bad_option, #{option := provenance}}}, seccomp:compile(Map#{provenance => perhaps})
    ),
    ?assertMatch({error, {bad_json, _}}, seccomp:from_json(
        <<"{\"mode\":\"blacklist\",\"rules\":[],\"provenance\":null}">>
    )).
