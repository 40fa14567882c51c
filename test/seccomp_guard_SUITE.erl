%% SPDX-License-Identifier: Apache-2.0
%%
%% guard_node/1: what a hostile node with the right cookie can do to a node that
%% has a guard, and to one that has none. Each attack has to work on the latter,
%% or it would show nothing.
-module(seccomp_guard_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    without_a_guard/1,
    fatal_without_a_guard/1,
    strict/1,
    cluster/1,
    policy/1,
    open_server/1,
    requests_of_the_started/1,
    policy_of_the_sender/1,
    given_pids/1,
    ping_and_nothing_else/1,
    harmful_options/1,
    violations/1,
    from_boot/1,
    from_sys_config/1,
    bad_configuration/1,
    for_trusted_processes/1,
    frames/1,
    frames_without_a_guard/1,
    frames_with_an_origin/1
]).

-define(A, seccomp_guard_attacks).
-define(T, seccomp_guard_target).
-define(N, seccomp_test_node).

suite() -> [{timetrap, {minutes, 5}}].

all() ->
    [
        without_a_guard,
        fatal_without_a_guard,
        strict,
        cluster,
        policy,
        open_server,
        requests_of_the_started,
        policy_of_the_sender,
        given_pids,
        ping_and_nothing_else,
        harmful_options,
        violations,
        from_boot,
        from_sys_config,
        bad_configuration,
        for_trusted_processes,
        frames,
        frames_without_a_guard,
        frames_with_an_origin
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    {Hostile, _} = ?N:start_named(stock, cookie()),
    [{hostile, Hostile} | Config].

end_per_suite(Config) -> ?N:stop(hostile(Config)).

%% -- The attacks -------------------------------------------------------------

without_a_guard(Config) ->
    in_victim(none, fun(Victim, Node) ->
        Failed = [Name || {Name, _} <- ?A:all(), not attack(Config, Victim, Node, Name, true)],
        ?assertEqual([], Failed)
    end).

fatal_without_a_guard(Config) ->
    [
        in_victim(none, fun(Victim, Node) ->
            try_attack(Config, Victim, Node, Name),
            ok = seccomp_test_run:eventually(fun() -> is_gone(Victim) end)
        end)
     || Name <- ?A:fatal()
    ].

%% An alias is for whoever was given it, but for those of protected processes.
strict(Config) -> nothing_works(Config, strict, [message_by_alias]).

%% A name that another node registers is what global is for.
cluster(Config) -> nothing_works(Config, cluster, [global_name, message_by_alias]).

policy(Config) ->
    Guard = #{
        spawn => #{mode => whitelist, rules => ['@pure']},
        names => any,
        pids => any,
        protect => maps:get(protect, profile(strict)) ++ [?T]
    },
    %% The process without a name may be written to, and nothing else.
    nothing_works(Config, Guard, [message_to_unnamed]).

nothing_works(Config, Guard, Allowed) ->
    in_victim(Guard, fun(Victim, Node) ->
        ok = ?N:call(Victim, ?T, prepare, []),
        Before = ?N:call(Victim, ?T, services, []),
        [
            begin
                Expected = lists:member(Name, Allowed),
                Worked = attack(Config, Victim, Node, Name, Expected),
                ?assertEqual({Name, Expected}, {Name, Worked}),
                ?assertEqual({Name, Before}, {Name, ?N:call(Victim, ?T, services, [])})
            end
         || Name <- [N || {N, _} <- ?A:all()] ++ ?A:fatal()
        ]
    end).

attack(Config, Victim, Node, Name, Expected) ->
    try_attack(Config, Victim, Node, Name),
    case lists:keyfind(Name, 1, ?A:all()) of
        {Name, Evidence} when Expected -> shows(Victim, Evidence, 600);
        {Name, Evidence} -> shows(Victim, Evidence);
        false -> timer:sleep(300), is_gone(Victim)
    end.

try_attack(Config, Victim, Node, Name) ->
    ok = ?N:call(Victim, ?T, prepare, []),
    Guess = ?N:call(Victim, ?T, guess, [Node]),
    ok = ?N:call(hostile(Config), ?A, run, [Name, Node, Guess]).

%% What takes a moment may still come, and what must not come is waited for.
shows(Victim, {M, F, A}) -> shows(Victim, {M, F, A}, 6).

shows(_Victim, _Evidence, 0) -> false;
shows(Victim, {M, F, A} = Evidence, N) ->
    case ?N:call(Victim, M, F, A) of
        true ->
            true;
        false ->
            timer:sleep(50),
            shows(Victim, Evidence, N - 1)
    end.

is_gone(Victim) ->
    try ?N:call(Victim, erlang, node, []) of
        _ -> false
    catch
        _:_ -> true
    end.

%% -- What is allowed ---------------------------------------------------------

%% A server that serves other nodes does so, and what it starts for them gets the
%% policy of the guard. What it starts for its own node does not.
open_server(Config) ->
    Guard = #{spawn => #{mode => whitelist, rules => ['@pure']}, names => [seccomp_guard_open]},
    in_victim(Guard, fun(Victim, Node) ->
        ok = ?N:call(Victim, ?T, prepare, []),
        Hostile = hostile(Config),
        Refused = {seccomp, {?A, hit, 1}},
        [
            begin
                echo = ?N:call(Hostile, ?T, Ask, [Node, echo]),
                started = ?N:call(Hostile, ?T, Ask, [Node, start]),
                ?assertMatch({refused, Refused}, ?N:call(Victim, ?T, worker_of_open, [])),
                started = ?N:call(Victim, ?T, Ask, [Node, start]),
                ?assertMatch({did, _}, ?N:call(Victim, ?T, worker_of_open, []))
            end
         || Ask <- [ask_open, ask_open_at_length, ask_open_by_pid]
        ],
        %% What io:format/2 sends makes nobody call a function of the sender's.
        Harmless = {put_chars, unicode, io_lib, format, ["~s", [x]]},
        Request = {io_request, self(), make_ref(), Harmless},
        Request = ?N:call(Hostile, erlang, send, [{seccomp_guard_open, Node}, Request]),
        ?assert(shows(Victim, {?T, has_order, [Harmless]}, 100)),
        %% 3 is computed, the pid of the emulator is not told.
        3 = ?N:call(Hostile, erpc, call, [Node, lists, sum, [[1, 2]]]),
        {badrpc, _} = ?N:call(Hostile, rpc, call, [Node, os, getpid, []])
    end).

%% What another node has started may ask servers of this one: what they start for
%% it is under the guard's policy, too.
requests_of_the_started(Config) ->
    Guard = #{spawn => #{mode => blacklist, rules => [{?A, hit, 1}], send => any}},
    in_victim(Guard, fun(Victim, Node) ->
        ok = ?N:call(Victim, ?T, prepare, []),
        Ask = [Node, ?T, ask_open, [Node, start]],
        Worker = fun(Class) ->
            seccomp_test_run:eventually(fun() ->
                Found = ?N:call(Victim, ?T, worker_of_open, []),
                element(1, Found) =:= Class orelse Found
            end)
        end,
        [
            begin
                started = ?N:call(Victim, ?T, ask_open, [Node, start]),
                ok = Worker(did),
                _ = ?N:call(hostile(Config), M, F, Ask),
                ok = Worker(refused)
            end
         || {M, F} <- [{erpc, call}, {rpc, call}, {erpc, cast}, {erlang, spawn}, {erlang, spawn_link}]
        ]
    end).

%% A restricted process of a node that is patched: what is started for it has its
%% policy and that of the guard.
policy_of_the_sender(_Config) ->
    {Other, _} = ?N:start_named(same, cookie()),
    Guard = #{
        spawn => #{mode => blacklist, rules => [os]},
        names => [seccomp_guard_open, seccomp_nodes]
    },
    in_victim(Guard, fun(Victim, Node) ->
        ok = ?N:call(Victim, ?T, prepare, []),
        {ok, _} = ?N:call(Victim, application, ensure_all_started, [seccomp]),
        {ok, _} = ?N:call(Other, application, ensure_all_started, [seccomp]),
        true = ?N:call(Other, net_kernel, connect_node, [Node]),
        ok = ?N:call(Other, seccomp_nodes, sync, [Node, 10000]),
        %% That nodes tell each other their policies makes nobody act for the other.
        [
            ?assertEqual(trusted, ?N:call(Peer, ?T, child_after_compile, [Map]))
         || Peer <- [Victim, Other],
            N <- lists:seq(0, 20),
            Map <- [#{mode => blacklist, rules => [{lists, append, N}], unknown => allow}]
        ],
        [
            begin
                Map = #{mode => blacklist, rules => Rules, send => any},
                started = ?N:call(Other, ?T, ask_restricted, [Map, Node, start]),
                ?assertEqual({Rules, Worker}, {Rules, ?N:call(Victim, ?T, worker_of_open, [])})
            end
         || {Rules, Worker} <- [
                {[timer], {did, open}},
                {[?A], {refused, {seccomp, {?A, hit, 1}}}}
            ]
        ]
    end),
    ok = ?N:stop(Other).

%% A pid that the node wrote to another may be used there; before, it was forged.
given_pids(Config) ->
    in_victim(#{pids => known}, fun(Victim, Node) ->
        ok = ?N:call(Victim, ?T, prepare, []),
        Guess = ?N:call(Victim, ?T, guess, [Node]),
        Hostile = hostile(Config),
        true = ?N:call(Hostile, net_kernel, connect_node, [Node]),
        Send = fun() ->
            ok = ?N:call(Hostile, ?A, run, [message_to_unnamed, Node, Guess]),
            shows(Victim, {?T, has, [message_to_unnamed]})
        end,
        ?assertNot(Send()),
        ok = ?N:call(Victim, ?T, give, [{nobody, ?N:call(Hostile, erlang, node, [])}]),
        ?assert(Send())
    end).

ping_and_nothing_else(Config) ->
    in_victim(#{names => [{net_kernel, ping}]}, fun(Victim, Node) ->
        pong = ?N:call(hostile(Config), net_adm, ping, [Node]),
        [
            ?assertNot(attack(Config, Victim, Node, Name, false))
         || Name <- [net_kernel_spawn, net_kernel_spawn_opt, ticktime]
        ]
    end).

%% Options take effect before the policy does. The other node is a fresh one: a
%% stock node that was answered by a guarded one goes on with the answer's token.
harmful_options(_Config) ->
    {Hostile, _} = ?N:start_named(stock, cookie()),
    in_victim(#{spawn => #{mode => blacklist, rules => []}}, fun(_Victim, Node) ->
        Spawn = fun(Opts) ->
            Args = [Node, erlang, self, [], Opts],
            try ?N:call(Hostile, erlang, spawn_opt, Args) of
                _ -> spawned
            catch
                Class:Reason ->
                    ct:log("~p", [{Class, Reason}]),
                    refused
            end
        end,
        ?assertEqual(spawned, Spawn([{min_heap_size, 1000}, {priority, low}])),
        [
            ?assertEqual({Option, refused}, {Option, Spawn([Option])})
         || Option <- [
                {priority, high},
                {priority, max},
                {min_heap_size, 1 bsl 40},
                {min_heap_size, 1 bsl 58},
                {min_bin_vheap_size, 1 bsl 40}
            ]
        ]
    end),
    ok = ?N:stop(Hostile).

violations(Config) ->
    in_victim(strict, fun(Victim, Node) ->
        Hostile = hostile(Config),
        Name = ?N:call(Hostile, erlang, node, []),
        _ = attack(Config, Victim, Node, spawn_4, false),
        _ = attack(Config, Victim, Node, message_by_name, false),
        #{ring := Ring, counters := Counters} = ?N:call(Victim, seccomp, violations, []),
        Mine = [Entry || #{origin := {node, N}} = Entry <- Ring, N =:= Name],
        ?assertMatch(
            [#{mfa := {?A, hit, 1}, pid := undefined, action := refuse} | _],
            [Entry || #{target := spawn} = Entry <- Mine]
        ),
        ?assertMatch(
            [#{mfa := {erlang, send, 2}, action := refuse} | _],
            [Entry || #{target := ?T} = Entry <- Mine]
        ),
        ?assertMatch(
            [#{count := 1}],
            [C || #{origin := {node, N}, mfa := {?A, hit, 1}} = C <- Counters, N =:= Name]
        ),
        Json = ?N:call(Victim, seccomp, violations_json, []),
        ?assertMatch({_, _}, binary:match(Json, atom_to_binary(Name)))
    end).

%% -- From boot ---------------------------------------------------------------

%% The hostile node tries all the time, before and while the other one starts.
from_boot(Config) ->
    Hostile = hostile(Config),
    {Name, Node} = ?N:fresh_name(),
    Hammer = ?N:call(Hostile, ?T, hammer, [Node]),
    Victim = ?N:start_as(same, Name, cookie() ++ ["-seccomp_guard", "strict"]),
    ok = seccomp_test_run:eventually(fun() ->
        lists:member(Node, ?N:call(Hostile, erlang, nodes, [connected]))
    end),
    ?assertMatch(#{status := closed}, ?N:call(Victim, seccomp, guard_info, [])),
    ?assertNot(?N:call(Victim, ?A, is_hit, [hammer])),
    {ok, _} = ?N:call(Victim, application, ensure_all_started, [seccomp]),
    #{status := on, refused_at_boot := Refused} = ?N:call(Victim, seccomp, guard_info, []),
    ?assert(Refused > 0),
    ?assertNot(?N:call(Victim, ?A, is_hit, [hammer])),
    %% The hammer hits where nobody is on guard.
    ok = ?N:call(Victim, seccomp, unguard_node, []),
    ?assert(shows(Victim, {?A, is_hit, [hammer]}, 600)),
    true = ?N:call(Hostile, erlang, exit, [Hammer, kill]),
    ?N:stop(Victim).

from_sys_config(_Config) ->
    Guard = "#{names=>[some_server],pids=>known}",
    {Victim, _} = ?N:start_named(same, cookie() ++ ["-seccomp", "guard", Guard]),
    {ok, _} = ?N:call(Victim, application, ensure_all_started, [seccomp]),
    ?assertMatch(
        #{status := on, names := [some_server], pids := known, spawn := deny},
        ?N:call(Victim, seccomp, guard_info, [])
    ),
    ?N:stop(Victim).

%% A guard that cannot be set is no reason to go on without one.
bad_configuration(_Config) ->
    [
        begin
            Flag = ["-seccomp_guard", Value],
            {Victim, _} = ?N:start_named(same, cookie() ++ Flag),
            ?assertMatch(
                {error, {seccomp, {{guard, {Error, _}}, _}}},
                ?N:call(Victim, application, ensure_all_started, [seccomp])
            ),
            ?assertMatch(#{status := closed}, ?N:call(Victim, seccomp, guard_info, [])),
            ?N:stop(Victim)
        end
     || {Value, Error} <- [{"strikt", bad_option}, {"config", missing_option}]
    ],
    Bad = [
        #{spwan => deny},
        #{spawn => allow},
        #{spawn => #{mode => whitelist, rules => ['@pure'], inherit => false}},
        #{names => init},
        #{names => [{init, exit}]},
        #{names => [a | b]},
        #{names => [init], protect => [init]},
        #{pids => all},
        nobody_knows
    ],
    [
        begin
            {error, Reason} = seccomp:guard_node(Guard),
            Text = io_lib:format("~ts", [seccomp:format_error(Reason)]),
            ?assertMatch([_ | _], lists:flatten(Text))
        end
     || Guard <- Bad
    ],
    ?assertError(badarg, seccomp:guard_node([])).

for_trusted_processes(_Config) ->
    Policy = seccomp_test_run:policy(blacklist, [os]),
    [
        ?assertMatch({value, {error, {restricted, _}}}, seccomp_test_run:in(Policy, Change))
     || Change <- [fun() -> seccomp:guard_node(strict) end, fun seccomp:unguard_node/0]
    ],
    ?assertMatch(#{status := off}, seccomp:guard_info()).

%% -- Frames that no node would send ------------------------------------------

frames(_Config) ->
    [
        in_victim(Guard, fun(Victim, Node) ->
            ok = ?N:call(Victim, ?T, prepare, []),
            Before = ?N:call(Victim, ?T, services, []),
            ok = seccomp_guard_raw:attack(Node, "leaked", pids(Victim, Node)),
            ?assertEqual(Before, ?N:call(Victim, ?T, services, [])),
            ?assertNot(?N:call(Victim, ?A, is_hit, [raw]))
        end)
     || Guard <- [strict, cluster]
    ].

%% The client can do what it is there for.
frames_without_a_guard(_Config) ->
    in_victim(none, fun(Victim, Node) ->
        ok = ?N:call(Victim, ?T, prepare, []),
        ok = seccomp_guard_raw:spawn_hit(Node, "leaked"),
        ?assert(shows(Victim, {?A, is_hit, [raw]}, 600))
    end).

%% Numbers of origins are this node's own: others cannot make its servers act for
%% somebody by writing one.
frames_with_an_origin(_Config) ->
    in_victim(none, fun(Victim, Node) ->
        ok = ?N:call(Victim, ?T, prepare, []),
        [
            begin
                ok = seccomp_guard_raw:start_open(Node, "leaked", Flags),
                Worker = ?N:call(Victim, ?T, wait_for_worker, []),
                ?assertEqual({Flags, {did, open}}, {Flags, Worker})
            end
         || Flags <- [0, 16#80, 16#100, 16#180, 16#380, 16#3ff80, 1 bsl 57, (1 bsl 58) - 1]
        ]
    end).

pids(Victim, Node) -> maps:values(maps:remove(alias, ?N:call(Victim, ?T, guess, [Node]))).

%% -- Nodes -------------------------------------------------------------------

hostile(Config) -> proplists:get_value(hostile, Config).

cookie() -> ["-setcookie", "leaked", "-kernel", "prevent_overlapping_partitions", "false"].

profile(Name) ->
    {ok, Guard} = seccomp_guard_profile:get(Name),
    Guard.

in_victim(Guard, Fun) ->
    {Victim, Node} = ?N:start_named(same, cookie()),
    try
        [ok = ?N:call(Victim, seccomp, guard_node, [Guard]) || Guard =/= none],
        Fun(Victim, Node)
    after
        %% It may have ended itself.
        catch ?N:stop(Victim)
    end.
