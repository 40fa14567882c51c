%% SPDX-License-Identifier: Apache-2.0
%%
%% Compiling and asking policies: needs the native library, not the patch.
-module(seccomp_policy_tests).

-include_lib("eunit/include/eunit.hrl").

whitelist(Rules) -> compile(#{mode => whitelist, rules => Rules}).
blacklist(Rules) -> compile(#{mode => blacklist, rules => Rules}).

compile(Map) ->
    {ok, Policy} = seccomp:compile(Map),
    Policy.

refused(Map) ->
    {error, Reason} = seccomp:compile(Map),
    Text = unicode:characters_to_list(seccomp:format_error(Reason)),
    ?assertMatch([_ | _], Text),
    {Reason, Text}.

-define(has(Part, Text), ?assertNotEqual(nomatch, string:find(Text, Part))).

%% -- Decisions ---------------------------------------------------------------

a_whitelist_allows_what_it_names_and_nothing_else_test() ->
    P = whitelist([lists, {string, uppercase}, {maps, get, 2}]),
    ?assertEqual(allow, seccomp:check(P, {lists, map, 2})),
    ?assertEqual(allow, seccomp:check(P, {string, uppercase, 1})),
    ?assertEqual(allow, seccomp:check(P, {maps, get, 2})),
    ?assertMatch({deny, #{}}, seccomp:check(P, {maps, get, 3})),
    ?assertMatch({deny, #{}}, seccomp:check(P, {string, lowercase, 1})),
    ?assertMatch({deny, #{}}, seccomp:check(P, {os, cmd, 1})).

a_blacklist_denies_what_it_names_and_nothing_else_test() ->
    P = blacklist([os, {file, '_'}, {erlang, halt, 0}]),
    ?assertMatch({deny, #{}}, seccomp:check(P, {os, cmd, 1})),
    ?assertMatch({deny, #{}}, seccomp:check(P, {file, read_file, 1})),
    ?assertMatch({deny, #{}}, seccomp:check(P, {erlang, halt, 0})),
    ?assertEqual(allow, seccomp:check(P, {erlang, halt, 1})),
    ?assertEqual(allow, seccomp:check(P, {lists, map, 2})).

the_wildcard_works_in_each_place_test() ->
    Deny = fun(Rule, Mfa) -> seccomp:check(blacklist([Rule]), Mfa) =/= allow end,
    ?assert(Deny({'_', read_file, 1}, {prim_file, read_file, 1})),
    ?assertNot(Deny({'_', read_file, 1}, {prim_file, read_file, 2})),
    ?assert(Deny({lists, '_', 2}, {lists, map, 2})),
    ?assertNot(Deny({lists, '_', 2}, {lists, foldl, 3})),
    ?assert(Deny({lists, foldl, '_'}, {lists, foldl, 3})),
    ?assert(Deny('_', {lists, foldl, 3})).

a_group_allows_its_members_test() ->
    P = whitelist(['@pure']),
    ?assertEqual(allow, seccomp:check(P, {lists, map, 2})),
    ?assertMatch({deny, #{}}, seccomp:check(P, {os, cmd, 1})).

a_whitelist_holds_the_base_group_unless_told_otherwise_test() ->
    With = whitelist([]),
    Without = compile(#{mode => whitelist, rules => [], base => false}),
    ?assertEqual(allow, seccomp:check(With, {erlang, error, 1})),
    ?assertMatch({deny, #{}}, seccomp:check(Without, {erlang, error, 1})).

nothing_in_base_reaches_outside_the_process_test() ->
    P = whitelist([]),
    Outside = [
        {erlang, send_after, 3}, {erlang, exit, 2},
        {erlang, spawn, 1}, {erlang, spawn, 3}, {erlang, open_port, 2},
        {erlang, register, 2}, {erlang, process_info, 2}, {erlang, link, 1},
        {erlang, halt, 0}, {ets, insert, 2}, {file, read_file, 1}, {os, cmd, 1},
        {code, load_binary, 3}, {erlang, list_to_atom, 1}, {io, format, 2}
    ],
    [?assertMatch({_, {deny, #{}}}, {Mfa, seccomp:check(P, Mfa)}) || Mfa <- Outside],
    %% Sending is there, and bounded.
    ?has("send self, parent, children, replies", binary_to_list(seccomp:dump(P))).

explain_names_the_rule_that_decides_test() ->
    P = whitelist([{maps, get, 2}, '@pure']),
    ?has("maps:get/2", lists:flatten(io_lib:format("~ts", [seccomp:explain(P, {maps, get, 2})]))),
    ?has("@pure", lists:flatten(io_lib:format("~ts", [seccomp:explain(P, {lists, map, 2})]))),
    ?has("os:cmd/1", lists:flatten(io_lib:format("~ts", [seccomp:explain(P, {os, cmd, 1})]))).

%% Equal policies are one in the emulator, whatever the order of their rules.
explain_counts_rules_as_they_were_written_test() ->
    Says = fun(P) -> lists:flatten(io_lib:format("~ts", [seccomp:explain(P, {lists, map, 2})])) end,
    First = whitelist(['@pure', {os, getenv, 0}]),
    Second = whitelist([{os, getenv, 0}, '@pure']),
    Hash = fun({seccomp_policy, Ref}) -> maps:get(hash, seccomp_nif:policy_info(Ref)) end,
    ?assertEqual(Hash(First), Hash(Second)),
    ?has("rule 1", Says(First)),
    ?has("rule 2", Says(Second)),
    {deny, #{explanation := Why}} = seccomp:check(Second, {os, cmd, 1}),
    ?has("os:cmd/1", binary_to_list(iolist_to_binary(Why))).

dump_has_a_line_for_each_rule_test() ->
    Text = seccomp:dump(whitelist([{maps, get, 2}, {lists, map, 2}])),
    ?has("maps:get/2", binary_to_list(Text)),
    ?has("lists:map/2", binary_to_list(Text)).

a_hundred_thousand_rules_compile_in_seconds_test_() ->
    {timeout, 60, fun() ->
        Rules = [{lists, list_to_atom("f" ++ integer_to_list(N)), 1} || N <- lists:seq(1, 100_000)],
        {Micros, {ok, P}} = timer:tc(fun() ->
            seccomp:compile(#{mode => blacklist, rules => Rules, unknown => allow})
        end),
        ?assertMatch({deny, #{}}, seccomp:check(P, {lists, f99999, 1})),
        ?assert(Micros < 10_000_000)
    end}.

%% -- Names that do not exist -------------------------------------------------

an_unknown_function_is_refused_with_its_place_and_a_proposal_test() ->
    {Reason, Text} = refused(#{mode => whitelist, rules => [lists, {lists, revers, 1}]}),
    ?assertMatch(
        {unknown_function, #{
            mfa := {lists, revers, 1}, position := 2, did_you_mean := {lists, reverse, 1}
        }},
        Reason
    ),
    ?has("lists:revers/1", Text),
    ?has("rule 2", Text),
    ?has("lists:reverse/1", Text).

a_wrong_arity_gets_the_nearest_one_as_a_proposal_test() ->
    {Reason, _} = refused(#{mode => blacklist, rules => [{lists, foldl, 4}]}),
    ?assertMatch({unknown_function, #{did_you_mean := {lists, foldl, 3}}}, Reason).

an_unknown_function_without_arity_is_refused_test() ->
    {Reason, _} = refused(#{mode => blacklist, rules => [{lists, foldll}]}),
    ?assertMatch({unknown_function, #{did_you_mean := {lists, foldl, '_'}}}, Reason).

an_unknown_module_is_refused_with_a_proposal_test() ->
    {Reason, Text} = refused(#{mode => whitelist, rules => [{lits, map, 2}]}),
    ?assertMatch({unknown_module, #{module := lits, position := 1, did_you_mean := lists}}, Reason),
    ?has("lists", Text).

unknown_names_are_taken_with_the_option_test() ->
    P = compile(#{mode => whitelist, rules => [{lits, map, 2}], unknown => allow}),
    ?assertEqual(allow, seccomp:check(P, {lits, map, 2})).

operators_and_bifs_exist_test() ->
    P = whitelist([{erlang, '+', 2}, {erlang, self, 0}, {erlang, apply, 3}, {lists, member, 2}]),
    ?assertEqual(allow, seccomp:check(P, {erlang, '+', 2})).

a_whitelist_loads_the_modules_that_it_names_test() ->
    Module = erl_tar,
    _ = code:purge(Module),
    _ = code:delete(Module),
    ?assertNot(erlang:module_loaded(Module)),
    _ = whitelist([Module]),
    ?assert(erlang:module_loaded(Module)).

a_whitelist_loads_the_modules_of_its_groups_test() ->
    Module = gb_trees,
    _ = code:purge(Module),
    _ = code:delete(Module),
    _ = whitelist(['@pure']),
    ?assert(erlang:module_loaded(Module)).

%% -- Terms that are no policy ------------------------------------------------

what_is_no_rule_is_refused_with_its_place_test() ->
    Bad = [
        "text", 1, {}, {lists}, {lists, map, 2, [], 3}, {lists, map, -1}, {lists, map, 256},
        {lists, map, 1 bsl 64}, {lists, map, 2.0}, {lists, map, two}, {"lists", map, 2},
        {lists, 1}, <<"lists">>, self()
    ],
    [
        begin
            {Reason, Text} = refused(#{mode => blacklist, rules => [os, Rule]}),
            ?assertMatch({_, {bad_rule, #{position := 2}}}, {Rule, Reason}),
            ?has("2", Text)
        end
     || Rule <- Bad
    ].

a_bad_match_specification_is_refused_with_its_place_test() ->
    [
        begin
            {Reason, Text} = refused(#{mode => whitelist, rules => [os, {lists, nth, 2, Spec}]}),
            ?assertMatch({_, {_, #{position := 2, message := _}}}, {Spec, Reason}),
            ?has("rule 2", Text)
        end
     || Spec <- [
            3, x, [], [x], [{[1], [], [true]}], [{['_', '_', '_'], [], [true]}], [{{1, 2}, [], [true]}],
            [{'_', [], [{message, true}]}], [{'_', [], [{trace, [], []}]}], [{'_', [{no_such, '$1'}], [true]}],
            [{'_', [], [{process_dump}]}], [{'_', [], [{set_seq_token, label, 1}]}],
            [{['_', '_'], [], [self()]}], [{['_', '_'], [], [true]} | x]
        ]
    ].

arguments_decide_test() ->
    Spec = [{['$1', '_'], [{'<', '$1', 3}], [true]}],
    P = whitelist([{lists, nth, 2, Spec}]),
    ?assertEqual(allow, seccomp:check(P, {lists, nth, [2, [a, b]]})),
    ?assertMatch({deny, #{}}, seccomp:check(P, {lists, nth, [3, [a, b, c]]})),
    ?assertMatch({deny, #{depends := true}}, seccomp:check(P, {lists, nth, 2})),
    ?has("depends on its arguments", binary_to_list(iolist_to_binary(seccomp:explain(P, {lists, nth, 2})))),
    %% What another rule allows is narrowed, and several of them are or-ed.
    ?assertMatch({deny, #{}}, seccomp:check(whitelist(['@pure', {lists, nth, 2, Spec}]), {lists, nth, [3, []]})),
    Two = whitelist([{lists, nth, 2, Spec}, {lists, nth, 2, [{[7, '_'], [], [true]}]}]),
    ?assertEqual(
        [allow, deny, allow],
        [case seccomp:check(Two, {lists, nth, [N, []]}) of allow -> allow; {deny, _} -> deny end || N <- [2, 5, 7]]
    ),
    Black = blacklist([{lists, nth, 2, Spec}]),
    ?assertMatch({deny, #{}}, seccomp:check(Black, {lists, nth, [2, []]})),
    ?assertEqual(allow, seccomp:check(Black, {lists, nth, [3, []]})).

arguments_in_json_test() ->
    Map = #{mode => whitelist, rules => [{ets, lookup, 2, [{[my_tab, '_'], [], [true]}]}]},
    {ok, Json} = seccomp:to_json(Map),
    ?has("args ets:lookup/2 [{[my_tab,'_'],[],[true]}]", binary_to_list(Json)),
    {ok, Read} = seccomp:from_json(Json),
    ?assertEqual(maps:get(rules, Map), maps:get(rules, Read)).

an_unknown_group_is_refused_with_a_proposal_test() ->
    {Reason, Text} = refused(#{mode => whitelist, rules => ['@pur']}),
    ?assertMatch(
        {unknown_group, #{group := '@pur', position := 1, did_you_mean := '@pure'}}, Reason
    ),
    ?has("@pure", Text).

a_duplicate_rule_is_refused_with_both_places_test() ->
    {Reason, _} = refused(#{mode => blacklist, rules => [os, lists, {os, '_', '_'}]}),
    ?assertMatch({duplicate_rule, #{first := 1, second := 3}}, Reason).

an_improper_list_is_refused_test() ->
    {Reason, Text} = refused(#{mode => blacklist, rules => [os, lists | file]}),
    ?assertMatch({bad_rules, #{reason := improper, position := 3}}, Reason),
    ?has("improper", Text).

an_enormous_list_is_refused_before_any_work_test_() ->
    {timeout, 60, fun() ->
        Rules = lists:duplicate(1_000_001, os),
        {Micros, {Reason, Text}} = timer:tc(fun() ->
            refused(#{mode => blacklist, rules => Rules})
        end),
        ?assertMatch({bad_rules, #{reason := too_many, limit := 1_000_000}}, Reason),
        ?has("1000000", Text),
        ?assert(Micros < 2_000_000)
    end}.

options_are_checked_by_name_and_value_test() ->
    Base = #{mode => blacklist, rules => []},
    {Unknown, Text} = refused(Base#{on_denny => kill}),
    ?assertMatch({unknown_option, #{option := on_denny, did_you_mean := on_deny}}, Unknown),
    ?has("on_deny?", Text),
    ?assertMatch({{unknown_option, #{option := 42}}, _}, refused(Base#{42 => kill})),
    Wrong = [
        {spawn, no}, {inherit, yes}, {on_deny, stop}, {base, 1}, {unknown, ok},
        {comment, "text"}, {mode, grey}, {rules, os}
    ],
    [
        ?assertMatch(
            {{bad_option, #{option := Key, value := Value}}, _}, refused(Base#{Key => Value})
        )
     || {Key, Value} <- Wrong
    ],
    ?assertMatch({{missing_option, #{option := mode}}, _}, refused(#{rules => []})),
    ?assertMatch({{missing_option, #{option := rules}}, _}, refused(#{mode => blacklist})).

%% -- JSON --------------------------------------------------------------------

a_policy_survives_json_test() ->
    Map = #{
        mode => whitelist,
        rules => [lists, {maps, get}, {maps, put, 3}, '@pure', {'_', uppercase, 1}],
        spawn => deny,
        inherit => false,
        on_deny => kill,
        base => false,
        comment => <<"for a test">>
    },
    {ok, Json} = seccomp:to_json(Map),
    {ok, Read} = seccomp:from_json(Json),
    ?assertEqual(seccomp:dump(compile(Map)), seccomp:dump(compile(Read))),
    ?assertMatch(#{spawn := deny, inherit := false, on_deny := kill, base := false}, Read),
    ?assertMatch(#{comment := <<"for a test">>}, Read).

json_errors_have_a_place_test() ->
    Json = <<"{\"mode\": \"whitelist\",\n \"rulez\": []}">>,
    {error, {bad_json, Map} = Reason} = seccomp:from_json(Json),
    ?assertMatch(#{line := 2, column := _}, Map),
    ?has("rulez", unicode:characters_to_list(seccomp:format_error(Reason))),
    ?assertMatch({error, {bad_json, _}}, seccomp:from_json(<<255, 254>>)),
    ?assertMatch({error, {bad_json, _}}, seccomp:from_json(<<>>)).

%% -- Groups ------------------------------------------------------------------

every_group_can_be_read_and_compiled_test() ->
    Groups = seccomp:groups(),
    Promised = ['@base', '@pure', '@eval', '@shell', '@os', '@file', '@spawn', '@net'],
    ?assertEqual([], Promised -- Groups),
    [
        begin
            {ok, #{doc := Doc, members := [_ | _] = Members}} = seccomp:group(Group),
            ?assert(byte_size(Doc) > 0),
            [?assert(byte_size(Reason) > 0) || {_Rule, Reason} <- Members],
            Policy = #{mode => blacklist, rules => [Group]},
            ?assertMatch({Group, {ok, _}}, {Group, seccomp:compile(Policy)})
        end
     || Group <- Groups
    ],
    ?assertMatch({error, {unknown_group, #{}}}, seccomp:group('@nothing')).
