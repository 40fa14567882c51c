%% SPDX-License-Identifier: Apache-2.0
%%
%% Evaluates one expression in a process that may only compute.
-module(calc).

-export([policy/0, eval/1]).

-define(TIMEOUT, 5000).
-define(MAX_HEAP, 4 * 1024 * 1024).
-define(MAX_LINE, 200).

%% What `priv/policy.json` says. It is compiled once and kept: a policy can be
%% shared by any number of processes.
-spec policy() -> seccomp:policy().
policy() ->
    case persistent_term:get(?MODULE, undefined) of
        undefined ->
            {ok, Policy} = seccomp:load_policy(
                filename:join(code:priv_dir(calc), "policy.json")
            ),
            ok = persistent_term:put(?MODULE, Policy),
            Policy;
        Policy ->
            Policy
    end.

-spec eval(string()) ->
    {ok, term()} | {denied, mfa()} | {error, term()} | timeout.
eval(Line) when length(Line) =< ?MAX_LINE ->
    %% Scanning makes atoms. A service that strangers reach has to look for
    %% unknown names first; examples/seccomp_demo_eval.erl shows how.
    case erl_scan:string(Line ++ ".") of
        {ok, Tokens, _} ->
            case erl_parse:parse_exprs(Tokens) of
                {ok, Exprs} -> run(Exprs);
                {error, _} -> {error, syntax}
            end;
        {error, _, _} ->
            {error, syntax}
    end;
eval(_Line) ->
    {error, too_long}.

run(Exprs) ->
    Tag = make_ref(),
    Fun = fun() ->
        {value, Value, _} = erl_eval:exprs(Exprs, []),
        exit({Tag, Value})
    end,
    Heap = {max_heap_size, #{size => ?MAX_HEAP, kill => true, error_logger => false}},
    {Pid, Ref} = seccomp:spawn_opt(policy(), Fun, [monitor, Heap]),
    receive
        {'DOWN', Ref, process, Pid, {Tag, Value}} -> {ok, Value};
        {'DOWN', Ref, process, Pid, {{seccomp, Mfa}, _Stack}} -> {denied, Mfa};
        {'DOWN', Ref, process, Pid, Reason} -> {error, Reason}
    after ?TIMEOUT ->
        exit(Pid, kill),
        receive
            {'DOWN', Ref, process, Pid, _} -> timeout
        end
    end.
