%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_attach).

-include("seccomp_doc.hrl").

?MODULEDOC("
Puts compiled policies on processes: waits for the native library's answer, and
looks after the evaluators of shells. The arguments were checked in `seccomp`.
").

-export([restrict/2, restrict_spawn/1, replace/2, lift/1]).
-export([must_enforce/0, entry/2, group_leader/2, set_policy/3, await/3]).

-type result() :: ok | {error, seccomp_error:reason()}.

?NODOC.
-spec restrict(pid(), map()) -> result().
restrict(Pid, Map) ->
    case shell_of(Pid) of
        none -> restrict_with(Pid, Map, []);
        Shell -> restrict_evaluator(Pid, Shell, Map)
    end.

restrict_with(Pid, Map, Extra) ->
    case seccomp_policy:compile(Map, Extra) of
        {ok, Policy} -> attach(Pid, Policy, restrict);
        {error, _} = Error -> Error
    end.

%% All of this before the policy holds: the evaluator may be the caller. The
%% shell reads the next command when the evaluator has answered; with provenance
%% it would do so on its behalf, and under its policy.
restrict_evaluator(Pid, Shell, #{mode := Mode, rules := Rules} = Asked) ->
    Map = shell_send(Shell, maps:merge(#{provenance => false}, Asked)),
    Extra = ['@shell' || Mode =:= whitelist],
    case seccomp_policy:compile(Map, Extra) of
        {ok, Policy} ->
            case restrict_shell(Shell, Map) of
                ok ->
                    Added = [Group || Group <- Extra, not lists:member(Group, Rules)],
                    ok = seccomp_shell:announce(Added),
                    attach_evaluator(Pid, Shell, Policy, restrict);
                {error, _} = Error ->
                    Error
            end;
        {error, _} = Error ->
            Error
    end.

%% What is typed prints to the group leader of the shell. That one would run
%% functions for whoever prints, but the emulator lets no such request pass; it
%% cannot look at where a leader on another node leads.
shell_send(_Shell, #{send := _} = Map) ->
    Map;
shell_send(Shell, #{mode := whitelist} = Map) ->
    {group_leader, Leader} = process_info(Shell, group_leader),
    case node(Leader) =:= node() of
        true -> Map#{send => [self, parent, children, replies, Leader]};
        false -> Map#{send => any}
    end;
shell_send(_Shell, Map) ->
    Map.

%% Evaluators to come inherit the policy from the shell, so none of them is
%% free, not even until the keeper sees it. A blacklist may deny what the shell
%% itself cannot do without, so there the keeper has to do.
restrict_shell(Shell, #{mode := whitelist} = Map) ->
    restrict_with(Shell, Map#{inherit => true, spawn => allow}, ['@shell_process']);
restrict_shell(_Shell, #{mode := blacklist}) ->
    enforced().

?NODOC.
-spec restrict_spawn(pid()) -> result().
restrict_spawn(Pid) ->
    Tag = make_ref(),
    await(seccomp_nif:restrict_spawn(Pid, Tag), Tag, Pid).

?NODOC.
-spec replace(pid(), reference()) -> result().
replace(Pid, Policy) ->
    case shell_of(Pid) of
        none ->
            attach(Pid, Policy, replace);
        Shell ->
            ok = seccomp_shell:release(Pid),
            attach_evaluator(Pid, Shell, Policy, replace)
    end.

?NODOC.
-spec lift(pid()) -> result().
lift(Pid) ->
    Tag = make_ref(),
    case await(seccomp_nif:lift(Pid, Tag), Tag, Pid) of
        ok ->
            case shell_of(Pid) of
                none ->
                    ok;
                Shell ->
                    ok = seccomp_shell:release(Pid),
                    lift(Shell)
            end;
        {error, _} = Error ->
            Error
    end.

?DOC("Raises where policies are not enforced, so that no process is started.").
-spec must_enforce() -> ok.
must_enforce() ->
    case enforced() of
        ok ->
            ok;
        {error, Reason} ->
            erlang:error(Reason, [], [{error_info, #{module => seccomp_error, cause => []}}])
    end.

?NODOC.
-spec group_leader(pid(), seccomp_group_leader:options()) ->
    {ok, pid()} | {error, seccomp_error:reason()}.
group_leader(Pid, _Opts) when node(Pid) =/= node() ->
    {error, seccomp_error:complete({remote_pid, #{}}, Pid)};
group_leader(Pid, Opts) ->
    case {enforced(), seccomp_nif:flags(self())} of
        {ok, 0} ->
            seccomp_group_leader:start(Pid, Opts);
        {ok, _} ->
            {error, {restricted, #{message => <<"a restricted process starts no group leader">>}}};
        {{error, _} = Error, _} ->
            Error
    end.

?DOC("The first function of a process that `seccomp:spawn/2` starts.").
-spec entry(reference(), fun(() -> Result)) -> fun(() -> Result).
entry(Policy, Fun) ->
    fun() ->
        case attach(self(), Policy, restrict) of
            ok -> Fun();
            {error, Reason} -> exit({seccomp, Reason})
        end
    end.

%% -- Inside ------------------------------------------------------------------

enforced() ->
    case seccomp_nif:enforcement() of
        {enforced, _, _} -> ok;
        {unsupported, _, _} -> {error, seccomp_error:complete({unsupported, #{}}, self())}
    end.

attach_evaluator(Pid, Shell, Policy, How) ->
    Keeper = seccomp_shell:keep(Pid, Shell, Policy),
    case attach(Pid, Policy, How) of
        ok ->
            ok;
        {error, _} = Error ->
            true = exit(Keeper, shutdown),
            Error
    end.

%% What restricted callers make of their own policy is told without them, and a
%% group leader they cannot start: they have one by then, or cannot print.
attach(Pid, Policy, How) ->
    case seccomp_nif:flags(self()) of
        0 -> attach_trusted(Pid, Policy, How);
        _RestrictedOrUnsupported -> set_policy(Pid, Policy, How)
    end.

%% Other nodes are told first what the process will be known under there, and
%% afterwards what came of the policy that it had. Of the caller itself they hear
%% the latter a moment later: once its policy holds, nothing of ours is called.
attach_trusted(Pid, Policy, How) when Pid =:= self() ->
    ok = announce(How),
    ok = lead(Pid, Policy),
    set_policy(Pid, Policy, How);
attach_trusted(Pid, Policy, How) ->
    ok = announce(How),
    case set_policy(Pid, Policy, How) of
        ok ->
            ok = announce(How),
            lead(Pid, Policy);
        {error, _} = Error ->
            Error
    end.

?DOC("For a policy that is not to be announced, nor to bring a group leader.").
-spec set_policy(pid(), reference(), restrict | replace) -> result().
set_policy(Pid, Policy, How) ->
    Tag = make_ref(),
    await(seccomp_nif:set_policy(Pid, Policy, How, Tag), Tag, Pid).

announce(restrict) -> seccomp_nodes:announce();
announce(replace) -> ok.

%% A policy that names the group leader has one of the library in mind.
lead(Pid, Policy) ->
    case seccomp_group_leader:wanted(Policy) of
        true -> seccomp_group_leader:ensure(Pid);
        false -> ok
    end.

?DOC("The answer to a request. `wait` promises a message, also when the process ends first.").
-spec await(seccomp_nif:answer() | atom(), reference(), pid()) -> result().
await(wait, Tag, Pid) ->
    receive
        {Tag, Answer} -> await(Answer, Tag, Pid)
    end;
await(ok, _Tag, _Pid) ->
    ok;
await({error, Reason}, _Tag, Pid) ->
    {error, seccomp_error:complete(Reason, Pid)};
await(Name, _Tag, Pid) when is_atom(Name) ->
    %% What a message can say of a request that failed at its process.
    {error, seccomp_error:complete({Name, #{}}, Pid)}.

%% A restricted caller has no business with other processes, and looking would
%% only cost it denials.
shell_of(Pid) ->
    case seccomp_nif:flags(self()) of
        0 -> seccomp_shell:find(Pid);
        _RestrictedOrUnsupported -> none
    end.
