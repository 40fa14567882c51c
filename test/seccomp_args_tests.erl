%% SPDX-License-Identifier: Apache-2.0
%%
%% Rules about arguments where nothing is enforced: what they may say, how they
%% are made, and what is told of them. seccomp_args_SUITE has them enforced.
-module(seccomp_args_tests).

-include_lib("eunit/include/eunit.hrl").

-compile({parse_transform, seccomp_args}).

compiled(Mode, Rules) ->
    seccomp:compile(#{mode => Mode, rules => Rules}).

rule(Spec) -> {ets, insert, 2, Spec}.

the_transform_makes_a_specification_test() ->
    ?assertEqual(
        [{['$1', '_'], [{'=:=', '$1', my_tab}], [true]}],
        seccomp:args(fun([Tab, _]) when Tab =:= my_tab -> true end)
    ),
    Mine = my_tab,
    ?assertEqual(
        [{['$1', '_'], [{'=:=', '$1', {const, my_tab}}], [true]}],
        seccomp:args(fun([Tab, _]) when Tab =:= Mine -> true end)
    ).

the_shell_makes_one_test() ->
    {ok, Tokens, _} = erl_scan:string("seccomp:args(fun([a, X]) when X > 1 -> true end)."),
    {ok, Exprs} = erl_parse:parse_exprs(Tokens),
    {value, Spec, _} = erl_eval:exprs(Exprs, []),
    ?assertEqual([{[a, '$1'], [{'>', '$1', 1}], [true]}], Spec).

a_compiled_fun_is_none_test() ->
    Fun = fun([_]) -> true end,
    ?assertError({bad_match_spec, #{message := _}}, apply(seccomp, args, [Fun])),
    ?assertError(badarg, apply(seccomp, args, [none])).

actions_are_refused_test() ->
    Actions = [
        {message, false}, {display, x}, {trace, [], []}, {process_dump}, {caller}, {caller_line},
        {return_trace}, {exception_trace}, {set_seq_token, label, 1}, {get_seq_token},
        {is_seq_trace}, {enable_trace, call}, {disable_trace, call}, {silent, true},
        {set_tcw, 1}, {no_such_function, 1}
    ],
    Taken = [
        Action
     || Action <- Actions,
        Body <- [[Action, true], [Action]],
        case compiled(whitelist, [lists, rule([{'_', [], Body}])]) of
            {error, {bad_match_spec, #{message := Text, position := 2}}} -> byte_size(Text) < 30;
            _ -> true
        end
    ],
    ?assertEqual([], Taken),
    %% Nor in guards.
    ?assertMatch(
        {error, {bad_match_spec, #{position := 1}}},
        compiled(whitelist, [rule([{'_', [{display, x}], [true]}])])
    ).

what_is_none_is_refused_test() ->
    Bad = [
        [], a, [a], [{'_', []}], [{['_'], [], [true]}], [{'_', [], []}], [{'_', a, [true]}],
        [{'_', [], [true]} | a], [{{a, b}, [], [true]}], [{'_', [], [self()]}],
        [{'_', [], [{const, make_ref()}]}], [{'_', [], [{const, fun lists:map/2}]}],
        [{'_', [], [{const, 1 bsl 64}]}], [{['_', '$2'], [{'>', '$3', 1}], [true]}],
        [{['_', <<1:1>>], [], [true]}]
    ],
    Taken = [
        Spec
     || Spec <- Bad,
        case compiled(blacklist, [rule(Spec)]) of
            {error, {bad_match_spec, #{position := 1}} = Reason} ->
                iolist_size(seccomp:format_error(Reason)) =:= 0;
            _ ->
                true
        end
    ],
    ?assertEqual([], Taken),
    ?assertMatch({error, {unknown_function, _}}, compiled(whitelist, [{ets, insret, 2, true()}])),
    ?assertMatch({error, {bad_rule, _}}, compiled(whitelist, [rule(true()), {ets, insert, 2}])),
    ?assertMatch({error, {bad_rule, _}}, compiled(whitelist, [{ets, '_', 2, true()}])),
    ?assertMatch({error, {duplicate_rule, _}}, compiled(whitelist, [rule(true()), rule(true())])).

true() -> [{'_', [], [true]}].

check_takes_arguments_test() ->
    Spec = [{[t, '_'], [], [true]}],
    {ok, White} = compiled(whitelist, [ets, rule(Spec)]),
    ?assertMatch({deny, #{depends := true}}, seccomp:check(White, {ets, insert, 2})),
    ?assertEqual(allow, seccomp:check(White, {ets, insert, [t, x]})),
    ?assertMatch({deny, #{explanation := _}}, seccomp:check(White, {ets, insert, [u, x]})),
    ?assertEqual(allow, seccomp:check(White, {ets, lookup, [u, x]})),
    ?assertMatch({deny, _}, seccomp:check(White, {os, cmd, ["id"]})),
    {ok, Black} = compiled(blacklist, [rule(Spec)]),
    ?assertMatch({deny, #{depends := true}}, seccomp:check(Black, {ets, insert, 2})),
    ?assertMatch({deny, _}, seccomp:check(Black, {ets, insert, [t, x]})),
    ?assertEqual(allow, seccomp:check(Black, {ets, insert, [u, x]})),
    ?assertError(badarg, apply(seccomp, check, [Black, {ets, insert, [a | b]}])).

what_is_told_of_them_test() ->
    {ok, Policy} = compiled(whitelist, [rule([{[t, '_'], [], [true]}])]),
    Text = unicode:characters_to_list(seccomp:explain(Policy, {ets, insert, 2})),
    ?assertNotEqual(nomatch, string:find(Text, "depends on its arguments")),
    Dump = unicode:characters_to_list(seccomp:dump(Policy)),
    ?assertNotEqual(nomatch, string:find(Dump, "args ets:insert/2 [{[t,'_'],[],[true]}]")).

json_has_them_test() ->
    Spec = [{[t, '$1'], [{'>', '$1', -1}, {'=/=', '$1', <<"x">>}], [#{a => 1.5, 'B' => "s"}, true]}],
    Map = #{mode => whitelist, rules => [#{rule => rule(Spec), comment => <<"why">>}]},
    {ok, Json} = seccomp:to_json(Map),
    {ok, #{rules := Rules}} = seccomp:from_json(Json),
    ?assertEqual(maps:get(rules, Map), Rules).
