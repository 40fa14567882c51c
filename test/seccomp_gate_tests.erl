%% SPDX-License-Identifier: Apache-2.0
%%
%% What policies say of gates: needs the native library, not the patch.
-module(seccomp_gate_tests).

-include_lib("eunit/include/eunit.hrl").

compile(Rules) -> seccomp:compile(#{mode => whitelist, rules => Rules}).

refused(Rules) ->
    {error, Reason} = compile(Rules),
    {element(1, Reason), unicode:characters_to_list(seccomp:format_error(Reason))}.

-define(has(Part, Text), ?assertNotEqual(nomatch, string:find(Text, Part))).

a_gate_allows_its_function_alone_test() ->
    {ok, Policy} = compile([{gate, ets, lookup, 2}]),
    ?assertEqual(allow, seccomp:check(Policy, {ets, lookup, 2})),
    ?assertMatch({deny, #{}}, seccomp:check(Policy, {ets, lookup_element, 3})),
    Text = iolist_to_binary(seccomp:explain(Policy, {ets, lookup, 2})),
    ?assertEqual(
        <<"ets:lookup/2 is allowed by rule 1, gate ets:lookup/2. What it calls is not checked.">>,
        Text
    ).

a_gate_counts_beside_a_rule_for_the_same_test() ->
    {ok, Policy} = compile([{ets, lookup, 2}, {gate, ets, lookup, 2}, ets]),
    ?has("not checked", iolist_to_binary(seccomp:explain(Policy, {ets, lookup, 2}))),
    {duplicate_rule, _} = refused([{gate, ets, lookup, 2}, {gate, ets, lookup, 2}]).

a_gate_is_one_function_test() ->
    [
        ?assertMatch({bad_rule, _}, refused([Rule]))
     || Rule <- [
            {gate, ets, lookup, '_'},
            {gate, ets, '_', 2},
            {gate, '_', lookup, 2},
            {gate, ets, lookup, 256},
            {gate, ets, lookup, -1},
            {gate, "ets", lookup, 2},
            {door, ets, lookup, 2}
        ]
    ],
    %% Three places are a rule as before.
    ?assertMatch({unknown_module, _}, refused([{gate, ets, 2}])).

options_are_not_there_yet_test() ->
    {bad_rule, Text} = refused([{gate, ets, lookup, 2, #{funs => checked}}]),
    ?has("no options", Text),
    {bad_rule, _} = refused([{gate, ets, lookup, 2, #{}}]).

a_function_that_is_not_there_is_no_gate_test() ->
    {unknown_function, Text} = refused([{gate, ets, lookupp, 2}]),
    ?has("ets:lookup/2", Text),
    {ok, _} = seccomp:compile(#{
        mode => whitelist, rules => [{gate, no_such_module, f, 1}], unknown => allow
    }).

a_blacklist_has_no_gates_test() ->
    {error, {bad_rule, #{position := 2}} = Reason} =
        seccomp:compile(#{mode => blacklist, rules => [os, {gate, ets, lookup, 2}]}),
    ?has("write a whitelist", unicode:characters_to_list(seccomp:format_error(Reason))).

what_calls_its_arguments_can_be_no_gate_test() ->
    [
        begin
            {bad_rule, Text} = refused([{gate, M, F, A}]),
            ?has("can be no gate", Text)
        end
     || {M, F, A} <- [
            {erlang, apply, 3},
            {erlang, spawn, 1},
            {erlang, '!', 2},
            {erl_eval, exprs, 2},
            {lists, map, 2},
            {timer, tc, 3},
            {proc_lib, spawn, 3},
            {gen_server, start, 3},
            {code, load_file, 1},
            {rpc, call, 4}
        ]
    ].

json_test() ->
    Text = <<"{\"mode\": \"whitelist\", \"rules\": [\"gate ets:lookup/2\",
        {\"rule\": \"gate 'Elixir.Kv':get/1\", \"comment\": \"the store\"}]}">>,
    {ok, #{rules := Rules} = Map} = seccomp:from_json(Text),
    ?assertEqual(
        [
            {gate, ets, lookup, 2},
            #{rule => {gate, 'Elixir.Kv', get, 1}, comment => <<"the store">>}
        ],
        Rules
    ),
    {ok, Json} = seccomp:to_json(Map),
    {ok, Again} = seccomp:from_json(Json),
    ?assertEqual(Map, Again),
    {error, {bad_json, _}} =
        seccomp:from_json(<<"{\"mode\": \"whitelist\", \"rules\": [\"gate ets\"]}">>).

terms_file_test() ->
    File = filename:join(
        os:getenv("TMPDIR", "/tmp"), "seccomp_gate_tests_" ++ os:getpid() ++ ".terms"
    ),
    ok = file:write_file(File, "#{mode => whitelist, rules => [{gate, ets, lookup, 2}]}.\n"),
    {ok, #{rules := Rules}} = seccomp:read_policy(File),
    {ok, Policy} = seccomp:load_policy(File),
    ok = file:delete(File),
    ?assertEqual([{gate, ets, lookup, 2}], Rules),
    ?has("not checked", iolist_to_binary(seccomp:explain(Policy, {ets, lookup, 2}))).

%% The JIT of other machines has none, and there nobody is put under a policy with
%% one.
an_emulator_without_gates_refuses_test() ->
    X86 = string:prefix(erlang:system_info(system_architecture), "x86_64") =/= nomatch,
    case seccomp:enforcement() of
        #{status := enforced, flavor := Flavor} when X86; Flavor =:= emu ->
            ?assert(seccomp_test_run:has_gates());
        #{status := enforced} ->
            ?assertEqual(false, seccomp_test_run:has_gates()),
            {error, {unsupported, #{reason := gates}} = Reason} =
                seccomp:restrict(self(), whitelist, [{gate, ets, lookup, 2}]),
            ?has("no gates", unicode:characters_to_list(seccomp:format_error(Reason))),
            ?assertEqual(0, seccomp:flags(self()));
        #{status := unsupported} ->
            ok
    end.

the_host_is_in_no_gate_test() ->
    ?assertEqual(false, seccomp:in_gate()).
