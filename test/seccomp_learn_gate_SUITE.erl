%% SPDX-License-Identifier: Apache-2.0
%%
%% Learning with gates: what the functions of a trusted module call is not
%% learned, and the policy names these functions as gates.
-module(seccomp_learn_gate_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([
    calls_of_gates_are_not_learned/1,
    learned_gates_let_the_run_pass/1,
    every_call_of_a_gate_is_counted/1,
    functions_and_applications_are_named/1,
    runs_are_merged/1,
    files_have_gates/1,
    funs_are_said/1,
    bad_gates_are_refused/1,
    stock_has_none/1
]).
-export([run/0]).

-define(STORE, seccomp_learn_store).
-define(RUN, seccomp_test_run).

suite() -> [{timetrap, {seconds, 300}}].

all() ->
    Others = [all, suite, init_per_suite, end_per_suite, run, module_info],
    [F || {F, 1} <- ?MODULE:module_info(exports), not lists:member(F, Others)].

init_per_suite(Config) -> ?RUN:must_have_gates(Config).

end_per_suite(_Config) -> ok.

init_per_testcase(_Case, Config) ->
    _ = ?STORE:open(),
    Config.

end_per_testcase(_Case, _Config) -> ok.

run() ->
    true = ?STORE:put(a, "one"),
    lists:last(?STORE:get(a)).

learn(Gates) -> learn(fun run/0, Gates).

learn(Fun, Gates) ->
    {ok, Learned} = seccomp:learn(Fun, #{gates => Gates}),
    Learned.

rules(#{policy := #{rules := Rules}}) -> lists:sort(Rules).

calls_of_gates_are_not_learned(_Config) ->
    #{result := {value, $E}} = With = learn([?STORE]),
    ?assertEqual(
        [{lists, last, 1}, {gate, ?STORE, get, 1}, {gate, ?STORE, put, 2}], rules(With)
    ),
    ?assertEqual([{?STORE, get, 1}, {?STORE, put, 2}], maps:get(gates, With)),
    ?assertEqual(deny, maps:get(spawn, maps:get(policy, With))),
    %% They are what the store has to be allowed without.
    Without = rules(learn([])),
    ?assert(lists:member({ets, lookup_element, 3}, Without)),
    ?assert(lists:member({string, uppercase, 1}, Without)).

learned_gates_let_the_run_pass(_Config) ->
    #{policy := #{rules := Rules} = Policy} = learn([?STORE]),
    Try = fun(Rest) ->
        {ok, Compiled} = seccomp:compile(Policy#{rules => Rest}),
        ?RUN:in(Compiled, fun run/0)
    end,
    ?assertEqual({value, $E}, Try(Rules)),
    [?assertNotEqual({value, $E}, Try(lists:delete(Rule, Rules))) || Rule <- Rules].

every_call_of_a_gate_is_counted(_Config) ->
    ?STORE:put(a, "x"),
    #{entries := Entries} = learn(fun() -> [?STORE:get(a) || _ <- lists:seq(1, 100)], ok end, [?STORE]),
    ?assertEqual([100], [N || #{mfa := {?STORE, get, 1}, count := N} <- Entries]),
    ?assertEqual([], [E || #{mfa := {ets, _, _}} = E <- Entries]).

functions_and_applications_are_named(_Config) ->
    #{gates := One} = Learned = learn([{?STORE, get, 1}]),
    ?assertEqual([{?STORE, get, 1}], One),
    ?assert(lists:member({?STORE, put, 2}, rules(Learned))),
    #{gates := Stdlib} = learn(fun() -> string:uppercase("a") end, [{application, stdlib}]),
    ?assertEqual([{string, uppercase, 1}], Stdlib).

runs_are_merged(_Config) ->
    A = learn(fun() -> ?STORE:put(a, "x") end, [?STORE]),
    B = learn(fun() -> ?STORE:get(a) end, [?STORE]),
    {ok, #{gates := Gates} = Both} = seccomp:learn_merge([A, B]),
    ?assertEqual([{?STORE, get, 1}, {?STORE, put, 2}], Gates),
    ?assertEqual([{gate, ?STORE, get, 1}, {gate, ?STORE, put, 2}], rules(Both)).

files_have_gates(Config) ->
    #{policy := Policy} = Learned = learn([?STORE]),
    {ok, Expected} = seccomp:compile(Policy),
    [
        begin
            File = filename:join(?config(priv_dir, Config), Name),
            ok = seccomp:learn_write(Learned, File),
            {ok, Read} = seccomp:load_policy(File),
            ?assertEqual(seccomp:dump(Expected), seccomp:dump(Read))
        end
     || Name <- ["gates.terms", "gates.json"]
    ].

funs_are_said(_Config) ->
    ?STORE:put(a, "x"),
    {error, {gate_fun, #{mfa := {?STORE, each, 1}}} = Reason} =
        seccomp:learn(fun() -> ?STORE:each(fun(X) -> X end) end, #{gates => [?STORE]}),
    ?assertMatch("seccomp_learn_store:each/1 was called with a fun" ++ _, text(Reason)),
    %% Without it as a gate the run is learned.
    #{gates := [{?STORE, get, 1}]} =
        learn(fun() -> ?STORE:map(a, fun(X) -> X end) end, [{?STORE, get, 1}]).

bad_gates_are_refused(_Config) ->
    Try = fun(Gates, Opts) ->
        {error, Reason} = seccomp:learn(fun run/0, Opts#{gates => Gates}),
        {Reason, text(Reason)}
    end,
    [
        ?assertMatch({{bad_option, #{option := gates}}, "gates cannot be" ++ _}, Try(Gates, #{}))
     || Gates <- [kv, [seccomp_no_module], [{application, seccomp_no}], [1], [?STORE | x], [{?STORE, get}]]
    ],
    ?assertMatch({{bad_option, _}, _}, Try([?STORE], #{callers => true})),
    ?assertMatch({{bad_option, _}, _}, Try([?STORE], #{method => trace})),
    %% What can be no gate.
    ?assertMatch({{bad_rule, _}, _}, Try([{lists, map, 2}], #{})).

text(Reason) -> unicode:characters_to_list(seccomp:format_error(Reason)).

stock_has_none(_Config) ->
    case filelib:is_regular(seccomp_test_node:stock_erl()) of
        true ->
            Peer = seccomp_test_node:start(stock),
            Answer = seccomp_test_node:call(Peer, seccomp, learn, [fun lists:seq/0, #{gates => [lists]}]),
            seccomp_test_node:stop(Peer),
            ?assertMatch({error, {bad_option, #{option := gates}}}, Answer);
        false ->
            {skip, "no stock emulator"}
    end.
