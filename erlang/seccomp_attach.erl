%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_attach).

-include("seccomp_doc.hrl").

?MODULEDOC("
Puts compiled policies on processes: waits for the native library's answer, and
looks after the evaluators of shells. The arguments were checked in `seccomp`.
").

-export([restrict/2, restrict_spawn/1, replace/2, lift/1]).
-export([must_enforce/0, entry/2, attach/3, await/3]).

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

%% All of this before the policy holds: the evaluator may be the caller.
restrict_evaluator(Pid, Shell, #{mode := Mode, rules := Rules} = Map) ->
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

?NODOC.
-spec attach(pid(), reference(), restrict | replace) -> result().
attach(Pid, Policy, How) ->
    Tag = make_ref(),
    await(seccomp_nif:set_policy(Pid, Policy, How, Tag), Tag, Pid).

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
