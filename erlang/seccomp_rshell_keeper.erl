%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_rshell_keeper).

-include("seccomp_doc.hrl").

?MODULEDOC("
Ends with a restricted shell what was started in it: the processes that print to
the group leaders of its evaluators.
").

-export([start/0, watch/2]).

?DOC("Starts a keeper for the calling shell.").
-spec start() -> pid().
start() ->
    Shell = self(),
    erlang:spawn(fun() -> loop(monitor(process, Shell), []) end).

?DOC("Tells it of an evaluator, which has its policy and its group leader.").
-spec watch(pid(), pid()) -> ok.
watch(Keeper, Evaluator) ->
    case process_info(Evaluator, group_leader) of
        {group_leader, Leader} ->
            %% Under a policy that sends to anybody it may have the shell's own.
            _ = [Keeper ! {leader, Leader} || Leader =/= group_leader()],
            ok;
        undefined ->
            ok
    end.

loop(Monitor, Leaders) ->
    receive
        {leader, Leader} -> loop(Monitor, [Leader | Leaders]);
        {'DOWN', Monitor, process, _, _} -> finish(Leaders)
    end.

%% What is started meanwhile is found when it is looked for again.
finish(Leaders) ->
    case [Pid || Pid <- processes(), is_led(Pid, Leaders), exit(Pid, kill)] of
        [] -> ok;
        _ -> finish(Leaders)
    end.

is_led(Pid, Leaders) ->
    case process_info(Pid, group_leader) of
        {group_leader, Leader} -> lists:member(Leader, Leaders);
        undefined -> false
    end.
