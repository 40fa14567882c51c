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
                {timeout, 60, fun nobody_there_stops_the_node/0},
                {timeout, 60, fun the_policy_outlives_its_evaluator/0},
                {timeout, 60, fun lifting_ends_it_for_the_next_evaluator_too/0}
            ]
    end.

%% Each makes itself look like a shell to who restricts its child: the policy
%% would be wider by '@shell', and the "next evaluator" be restricted.
forged_shells_test_() ->
    case seccomp:enforcement() of
        #{status := unsupported} ->
            [];
        #{status := enforced} ->
            [
                {"a child of the evaluator", ?_test(forged(fun forged_by_child/1))},
                {"its parent, which inherited", ?_test(forged(fun forged_by_inheriting_parent/1))},
                {"its parent, restricted by us", ?_test(forged(fun forged_by_parent/1))}
            ]
    end.

forged(Forge) ->
    {ok, Policy} = seccomp:compile(#{mode => blacklist, rules => [{os, cmd}]}),
    {Evaluator, Shell} = Forge(Policy),
    ok = seccomp:forget_origin(),
    Victim = spawn_link(fun wait/0),
    ?assertEqual(none, seccomp_shell:find(Evaluator)),
    ?assertEqual(ok, seccomp:restrict(Evaluator, whitelist, [{lists, sum, 1}])),
    {links, Links} = process_info(Shell, links),
    ?assert(lists:member(Evaluator, Links)),
    ok = tell(Shell, {evaluator, Victim}),
    true = exit(Evaluator, kill),
    timer:sleep(100),
    ?assertEqual(0, seccomp:flags(Victim)),
    true = exit(Shell, kill),
    unlink(Victim).

forged_by_child(Policy) ->
    Me = self(),
    Evaluator = seccomp:spawn(Policy, fun() ->
        Self = self(),
        Shell = spawn_link(fun() -> forger(Self) end),
        Me ! {Self, Shell},
        wait()
    end),
    receive
        {Evaluator, Shell} -> {Evaluator, settled(Shell)}
    end.

forged_by_parent(Policy) ->
    Shell = spawn(fun() -> forger(none) end),
    ok = seccomp:set_policy(Shell, Policy),
    {its_child(Shell), Shell}.

forged_by_inheriting_parent(Policy) ->
    Me = self(),
    _ = seccomp:spawn(Policy, fun() -> Me ! {shell, spawn(fun() -> forger(none) end)} end),
    receive
        {shell, Shell} -> {its_child(Shell), Shell}
    end.

%% A process that does as it is told, to look like a shell.
forger(Evaluator) ->
    put(evaluator, Evaluator),
    forger().

forger() ->
    receive
        {{evaluator, Pid}, From} ->
            put(evaluator, Pid),
            From ! {self(), ok},
            forger();
        {child, From} ->
            Pid = spawn_link(fun wait/0),
            put(evaluator, Pid),
            From ! {self(), Pid},
            process_flag(trap_exit, true),
            forger()
    end.

tell(Shell, What) ->
    Shell ! {What, self()},
    receive
        {Shell, Answer} -> Answer
    end.

its_child(Shell) -> tell(Shell, child).

settled(Shell) ->
    case process_info(Shell, dictionary) of
        {dictionary, [_ | _]} ->
            Shell;
        {dictionary, []} ->
            erlang:yield(),
            settled(Shell)
    end.

wait() ->
    receive
        never -> ok
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

%% Neither at the prompt nor at the end of the input.
nobody_there_stops_the_node() ->
    Out = session([
        restrict(),
        "erlang:halt().",
        "init:stop().",
        "{still, lists:sum([40, 2])}."
    ]),
    ?has("erlang:halt/0 is not allowed", Out),
    ?has("init:stop/0 is not allowed", Out),
    ?has("{still,42}", Out),
    ?has("status 77", Out).

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

%% What a shell of this emulator prints when these lines are typed into it. At
%% the end of its input a shell ends the node, which a restricted one may not;
%% so a process that is trusted does it, with a status of its own.
ends_the_node() ->
    "{parent, Shell} = process_info(self(), parent), "
    "spawn(fun() -> "
    "R = monitor(process, Shell), "
    "receive "
    "{'DOWN', R, _, _, {{seccomp, {erlang, halt, 0}}, _}} -> halt(77); "
    "{'DOWN', R, _, _, _} -> halt(1) "
    "end end), ok.".

session(Lines0) ->
    Lines = [ends_the_node() | Lines0],
    Erl = filename:join([code:root_dir(), "bin", "erl"]),
    Ebin = filename:dirname(code:which(seccomp)),
    Start = ["'", Erl, "' -pa '", Ebin, "' 2>&1"],
    Input = [" <<'END'\n", [[L, "\n"] || L <- Lines], "END\n"],
    os:cmd(lists:flatten([Start, Input, "echo status $?"])).

occurrences(Part, Text) ->
    length(string:split(Text, Part, all)) - 1.
