%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_guard_calls).

-include("seccomp_doc.hrl").

?MODULEDOC("
Functions that a guard hands out to other nodes: which of them may be. One that
calls whatever it is told would hand out all others as well.
").

-export([is_calls/1, check/1]).

%% What takes a function, code or a command of the caller's choice and runs it,
%% or has somebody run it. Not all of it: what takes a fun calls it, too.
-define(CALLERS, [
    '@spawn',
    '@code',
    '@deputies',
    '@nif',
    {erlang, apply},
    erl_eval,
    prim_eval,
    shell,
    c,
    sys,
    dbg,
    gen,
    proc_lib,
    timer,
    {os, cmd},
    {erlang, open_port},
    {erlang, halt},
    {init, stop}
]).

?DOC("Whether it is a list of functions with their arities, and a proper one.").
-spec is_calls(term()) -> boolean().
is_calls([]) ->
    true;
is_calls([{M, F, A} | Rest]) when is_atom(M), is_atom(F), A >= 0, A =< 255, is_integer(A) ->
    is_calls(Rest);
is_calls(_) ->
    false.

?DOC("Refuses functions that call what they are told.").
-spec check([mfa()]) -> ok | {error, seccomp_error:reason()}.
check([]) ->
    ok;
check(Calls) ->
    Spec = #{mode => blacklist, rules => ?CALLERS, unknown => allow},
    case seccomp_policy:compile(Spec, []) of
        {ok, Policy} -> check(Calls, Policy);
        {error, _} = Error -> Error
    end.

check([], _Policy) ->
    ok;
check([{M, F, A} = Call | Rest], Policy) ->
    case seccomp_nif:check(Policy, M, F, A) of
        allow ->
            check(Rest, Policy);
        _ ->
            {error,
                {bad_option, #{
                    option => calls,
                    value => Call,
                    expected => <<
                        "functions that call nothing of the caller's choice, or everything "
                        "would be handed out with them"
                    >>
                }}}
    end.
