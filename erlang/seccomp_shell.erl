%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_shell).

-include("seccomp_doc.hrl").

?MODULEDOC("
Policies on the evaluator of an Erlang shell.

A shell is two processes: the shell itself, which reads lines and prints
errors, and its evaluator, which is `self()` at the prompt. The evaluator ends
at the first uncaught exception and the shell starts a fresh one, which would
carry no policy: the first denial would set everybody free. So two things are
done when a policy is put on an evaluator:

* `shell:catch_exception(true)` is made the default, so that an evaluator
  survives its errors;
* a keeper process waits for the evaluator to end all the same (`exit(normal)`,
  a kill) and puts the policy on the next one.

This serves whoever tries policies out. It is no wall against the person at
the keyboard, who can open another shell.
").

-export([find/1, announce/1, keep/3, release/1]).

%% The entry points of the keeper's process.
-export([keeper/3]).

?DOC("
The shell whose evaluator `Pid` is. The evaluator itself looks like any other
process; the shell is its parent, is linked to it and notes it in its
dictionary.

A restricted process can link, and can write what it likes into its dictionary.
Taken for a shell, it would widen the policy of `Pid` by `@shell`, and then name
the processes that the keeper restricts. So the link has to be the parent, which
nobody can choose; it has to run the code of `shell`; and its own policy, if it
has one, must have been put there by somebody else.
").
-spec find(pid()) -> pid() | none.
find(Pid) when node(Pid) =:= node() ->
    %% Processes of `proc_lib`, nearly all in a running system, are sorted out
    %% before anybody's dictionary is read.
    case process_info(Pid, [initial_call, parent, links]) of
        [{initial_call, {erlang, apply, 2}}, {parent, Parent}, {links, Links}] when
            is_pid(Parent)
        ->
            case lists:member(Parent, Links) andalso is_shell_of(Parent, Pid) of
                true -> Parent;
                false -> none
            end;
        _ ->
            none
    end;
find(_RemotePid) ->
    none.

is_shell_of(Shell, Pid) ->
    node(Shell) =:= node() andalso
        evaluator_of(Shell) =:= Pid andalso
        runs_shell(Shell) andalso
        set_by_others(Shell).

%% What a shell notes. OTP has had functions that tell it; none is in every
%% version.
evaluator_of(Shell) ->
    case process_info(Shell, dictionary) of
        {dictionary, Dictionary} -> proplists:get_value(evaluator, Dictionary);
        undefined -> undefined
    end.

runs_shell(Shell) ->
    case process_info(Shell, current_stacktrace) of
        {current_stacktrace, Stack} -> lists:keymember(shell, 1, Stack);
        undefined -> false
    end.

set_by_others(Shell) ->
    case seccomp_nif:info(Shell) of
        trusted -> true;
        #{origin := {restricted_by, By}} -> By =/= Shell;
        _InheritedOrGone -> false
    end.

?DOC("Says at the prompt which groups a whitelist got on top of its rules.").
-spec announce([atom()]) -> ok.
announce([]) ->
    ok;
announce(Groups) ->
    Names = lists:join(", ", [io_lib:format("~tp", [Group]) || Group <- Groups]),
    io:format("seccomp: ~ts added, this is the evaluator of a shell~n", [Names]).

?DOC("Keeps the policy on the evaluators of a shell, see the module's text.").
-spec keep(pid(), pid(), reference()) -> Keeper :: pid().
keep(Evaluator, Shell, Policy) ->
    ok = application:set_env(stdlib, shell_catch_exception, true),
    %% Commands such as `i()` are looked for here; asking the code server for
    %% it would be what is denied, and that would puzzle.
    _ = code:ensure_loaded(shell_default),
    proc_lib:spawn(?MODULE, keeper, [Evaluator, Shell, Policy]).

?DOC("Ends what keeps a policy on `Evaluator`.").
-spec release(pid()) -> ok.
release(Evaluator) ->
    case process_info(Evaluator, monitored_by) of
        {monitored_by, Pids} ->
            [exit(Pid, shutdown) || Pid <- Pids, is_pid(Pid), is_keeper(Pid)],
            ok;
        undefined ->
            ok
    end.

is_keeper(Pid) ->
    node(Pid) =:= node() andalso
        case process_info(Pid, dictionary) of
            {dictionary, Dictionary} ->
                lists:member({'$initial_call', {?MODULE, keeper, 3}}, Dictionary);
            undefined ->
                false
        end.

?NODOC.
-spec keeper(pid(), pid(), reference()) -> ok.
keeper(Evaluator, Shell, Policy) ->
    %% The next evaluator waits for a line that is not read yet; being early
    %% is all that is asked of this process.
    _ = process_flag(priority, high),
    ShellMonitor = monitor(process, Shell),
    keeper(Evaluator, Shell, ShellMonitor, Policy).

keeper(Evaluator, Shell, ShellMonitor, Policy) ->
    Monitor = monitor(process, Evaluator),
    receive
        {'DOWN', Monitor, process, _, _} ->
            case next_evaluator(Evaluator, Shell) of
                none ->
                    ok;
                Next ->
                    _ = seccomp_nif:set_policy(Next, Policy, restrict, make_ref()),
                    keeper(Next, Shell, ShellMonitor, Policy)
            end;
        {'DOWN', ShellMonitor, process, _, _} ->
            ok
    end.

next_evaluator(Last, Shell) ->
    case evaluator_of(Shell) of
        Last ->
            erlang:yield(),
            next_evaluator(Last, Shell);
        Next when not is_pid(Next) ->
            none;
        Next ->
            %% Nobody is restricted on the word of a dictionary alone.
            case process_info(Next, parent) of
                {parent, Shell} -> Next;
                _ -> none
            end
    end.
