%% SPDX-License-Identifier: Apache-2.0
%%
%% The model against check/2, explain/2 and compile/1: without a process, so
%% cheap and many.
-module(seccomp_oracle_pure).

-include("seccomp_oracle.hrl").

-export([prop_check/1, prop_duplicates/0]).

-import(proper_types, [list/1, vector/2, resize/2, elements/1]).

-define(MFAS, 40).

%% `Seen` is told all answers.
prop_check(Seen) ->
    ?FORALL(
        {Map, Mfas},
        {seccomp_oracle_gen:policy(), vector(?MFAS, seccomp_oracle_gen:mfa())},
        begin
            {ok, Policy} = seccomp:compile(Map#{send => any}),
            Model = seccomp_model:policy(Map),
            Answers = [answers(Policy, Map, Mfa) || Mfa <- Mfas],
            Expected = [seccomp_model:allows(Model, Mfa) || Mfa <- Mfas],
            proper:aggregate(
                Seen,
                Answers,
                proper:whenfail(
                    fun() -> put(?MODULE, lists:zip3(Mfas, Expected, Answers)) end,
                    fun() -> Answers =:= Expected end
                )
            )
        end
    ).

%% What check/2 and explain/2 say, if they say the same.
answers(Policy, #{rules := Rules}, Mfa) ->
    Text = unicode:characters_to_list(seccomp:explain(Policy, Mfa)),
    Says =
        case {string:find(Text, " is allowed"), string:find(Text, " is denied")} of
            {[_ | _], nomatch} -> true;
            {nomatch, [_ | _]} -> false;
            _ -> {unclear, Text}
        end,
    Checked = seccomp:check(Policy, Mfa) =:= allow,
    case Says =:= Checked andalso names_a_rule(Text, Rules, Mfa) of
        true -> Checked;
        false -> {explains, Text, Checked}
    end.

%% If a rule is named, it is one that matches.
names_a_rule(Text, Rules, Mfa) ->
    case re:run(Text, "\\brule ([0-9]+)", [{capture, all_but_first, list}]) of
        {match, [Number]} ->
            Rule = lists:nth(list_to_integer(Number), Rules),
            seccomp_model:matches(seccomp_model:patterns([Rule]), Mfa);
        nomatch ->
            true
    end.

%% The same rule twice is an error that says where, however both are written.
prop_duplicates() ->
    ?FORALL(
        Rules,
        resize(8, list(elements(['_', '@base', '@pure', lists, maps, {lists, '_'}, {maps, '_', '_'},
            {lists, map}, {lists, map, '_'}, {lists, map, 2}, {'_', map, 2}, {'_', '_', 2}]))),
        begin
            Same = [seccomp_oracle_gen:same(Rule) || Rule <- Rules],
            Result = seccomp:compile(#{mode => blacklist, rules => Rules}),
            case first_pair(Same, 1, #{}) of
                none -> element(1, Result) =:= ok;
                {First, Second} ->
                    case Result of
                        {error, {duplicate_rule, #{first := First, second := Second}}} -> true;
                        _ -> false
                    end
            end
        end
    ).

first_pair([], _N, _Seen) -> none;
first_pair([Rule | _], N, Seen) when is_map_key(Rule, Seen) -> {map_get(Rule, Seen), N};
first_pair([Rule | Rules], N, Seen) -> first_pair(Rules, N + 1, Seen#{Rule => N}).
