%% SPDX-License-Identifier: Apache-2.0
%%
%% A policy typed at the prompt of a shell: sessions are piped into an emulator
%% of their own, so that what is tested is what a person would see.
-module(seccomp_shell_tests).

-include_lib("eunit/include/eunit.hrl").

-define(has(Part, Text), ?assertNotEqual({nomatch, Text}, {string:find(Text, Part), Text})).
-define(hasnt(Part, Text), ?assertEqual(nomatch, string:find(Text, Part))).

an_ordinary_process_is_no_evaluator_test() ->
    ?assertEqual(none, seccomp_shell:find(self())),
    ?assertEqual(none, seccomp_shell:find(whereis(kernel_sup))),
    ?assertEqual(none, seccomp_shell:find(whereis(init))).

a_process_that_claims_to_be_an_evaluator_is_none_test() ->
    Pid = spawn_link(fun() ->
        put(evaluator, self()),
        receive
            stop -> ok
        end
    end),
    ?assertEqual(none, seccomp_shell:find(Pid)),
    Pid ! stop.

stock_shell_test_() ->
    case seccomp:enforcement() of
        #{status := enforced} ->
            [];
        #{status := unsupported} ->
            [
                {timeout, 60, fun() ->
                    Out = session(["seccomp:restrict(self(), whitelist, [lists])."]),
                    ?has("unsupported", Out),
                    ?hasnt("added", Out)
                end}
            ]
    end.

restricted_shell_test_() ->
    case seccomp:enforcement() of
        #{status := unsupported} ->
            [];
        #{status := enforced} ->
            [
                {timeout, 60, fun the_session_of_the_readme/0},
                {timeout, 60, fun the_policy_outlives_its_evaluator/0},
                {timeout, 60, fun lifting_ends_it_for_the_next_evaluator_too/0}
            ]
    end.

restrict() -> "seccomp:restrict(self(), whitelist, [{lists, seq}, {lists, sum}]).".

the_session_of_the_readme() ->
    Out = session([
        restrict(),
        "lists:sum(lists:seq(1,10)).",
        "os:cmd(\"id\").",
        "apply(os, cmd, [\"id\"]).",
        "F = fun os:cmd/1, F(\"id\").",
        "spawn(os, cmd, [\"id\"]).",
        "erlang:open_port({spawn,\"id\"},[]).",
        "{still, lists:sum([40, 2])}."
    ]),
    ?has("'@shell' added", Out),
    ?has("55", Out),
    ?assertEqual(3, occurrences("os:cmd/1 is not allowed", Out)),
    ?has("erlang:spawn/3 is not allowed", Out),
    ?has("erlang:open_port/2 is not allowed", Out),
    ?has("{still,42}", Out),
    ?hasnt("uid=", Out).

the_policy_outlives_its_evaluator() ->
    Out = session([
        restrict(),
        "exit(normal).",
        %% Whoever types needs longer than this; a pipe does not.
        "receive after 500 -> waited end.",
        "os:cmd(\"id\").",
        "{still, lists:sum([40, 2])}."
    ]),
    ?has("os:cmd/1 is not allowed", Out),
    ?has("{still,42}", Out),
    ?hasnt("uid=", Out).

lifting_ends_it_for_the_next_evaluator_too() ->
    Out = session([
        "Free = spawn(fun() -> receive {lift, P} -> seccomp:lift(P) end end), ok.",
        restrict(),
        "Free ! {lift, self()}, receive after 500 -> waited end.",
        "exit(normal).",
        "receive after 500 -> waited end.",
        "os:cmd(\"echo li\" ++ \"fted\")."
    ]),
    ?has("lifted", Out).

%% -- Sessions ----------------------------------------------------------------

%% What a shell of this emulator prints when these lines are typed into it. It
%% ends at the end of its input.
session(Lines) ->
    Erl = filename:join([code:root_dir(), "bin", "erl"]),
    Ebin = filename:dirname(code:which(seccomp)),
    Command = ["'", Erl, "' -pa '", Ebin, "' 2>&1 <<'END'\n", [[L, "\n"] || L <- Lines], "END\n"],
    os:cmd(lists:flatten(Command)).

occurrences(Part, Text) ->
    length(string:split(Text, Part, all)) - 1.
