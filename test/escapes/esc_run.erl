%% SPDX-License-Identifier: Apache-2.0
%%
%% Runs one way of a row under one policy, in the node that this is called in.
-module(esc_run).

-export([way/4, policy/1]).

-export_type([status/0]).

-type status() :: {denied, mfa()} | no_effect | effect | timeout.

-define(PATIENCE, 30000).
%% How long an effect is waited for, when one is expected or not.
-define(LATE, 3000).
-define(GRACE, 80).

%% Module and id say which row, as funs may not reach another node.
-spec way(module(), string(), pos_integer(), calculator | plugin) -> {status(), term()}.
way(Module, Id, Nth, Name) ->
    ok = logger:set_primary_config(level, none),
    [Row] = [R || #{id := I} = R <- Module:rows(), I =:= Id],
    Env = (maps:get(setup, Row, fun esc:env/0))(),
    Way = lists:nth(Nth, maps:get(ways, Row)),
    Opts = [monitor | maps:get(spawn, Row, [])],
    Body = fun() -> exit({?MODULE, result(Way, Env)}) end,
    Policy = policy(Name, maps:get(rules, Row, [])),
    {Pid, Ref} = seccomp:spawn_opt(Policy, Body, Opts),
    %% Programs that hibernate wait for this.
    Pid ! wake,
    Outcome = await(Pid, Ref),
    Effect = maps:get(effect, Row, fun esc:hits/2),
    Wait =
        case maps:get(Name, Row) of
            open -> ?LATE;
            _ -> ?GRACE
        end,
    Happened = effect(Effect, Env, Outcome, Wait),
    {status(Happened, Outcome, Pid), Outcome}.

result(Way, Env) ->
    try
        {value, Way(Env)}
    catch
        Class:Reason:Stack -> {Class, Reason, Stack}
    end.

await(Pid, Ref) ->
    receive
        {'DOWN', Ref, process, Pid, {?MODULE, Outcome}} -> Outcome;
        {'DOWN', Ref, process, Pid, {Reason, Stack}} when is_list(Stack) -> {error, Reason, Stack};
        {'DOWN', Ref, process, Pid, Reason} -> {died, Reason}
    after ?PATIENCE ->
        true = exit(Pid, kill),
        timeout
    end.

effect(Effect, Env, Outcome, Wait) ->
    case Effect(Env, Outcome) of
        true ->
            true;
        false when Wait > 0 ->
            timer:sleep(20),
            effect(Effect, Env, Outcome, Wait - 20);
        false ->
            false
    end.

status(true, _Outcome, _Pid) -> effect;
status(false, timeout, _Pid) -> timeout;
status(false, {error, {seccomp, {gate_fun, Mfa}}, _}, Pid) -> denied(Mfa, Pid);
status(false, {error, {seccomp, Mfa}, _}, Pid) -> denied(Mfa, Pid);
status(false, _Outcome, _Pid) -> no_effect.

%% Any code can raise the term of a denial; a real one was recorded.
denied(Mfa, Pid) ->
    #{ring := Ring} = seccomp:violations(Pid),
    case lists:any(fun(#{mfa := Recorded}) -> Recorded =:= Mfa end, Ring) of
        true -> {denied, Mfa};
        false -> no_effect
    end.

%% -- Policies ----------------------------------------------------------------

policy(Name) -> policy(Name, []).

%% That of examples/seccomp_demo.erl.
policy(calculator, More) ->
    compile(#{mode => whitelist, rules => ['@eval', '@pure' | More], spawn => deny});
%% Code that somebody else wrote, in a server of ours: it computes, prints and
%% logs through a private group leader, keeps tables, has servers and other processes of its own that it sends to,
%% and may tighten itself. Children inherit.
policy(plugin, More) ->
    compile(#{
        mode => whitelist,
        send => [self, parent, children, replies, group_leader],
        rules =>
            ['@pure', '@print', '@server', '@errors', '@ets_own', '@dictionary'] ++
                ['@time', '@random', '@tighten'] ++
                [{erlang, F, A} || {F, A} <- own_processes()] ++ More
    }).

own_processes() ->
    [{send, 2}, {spawn, 1}, {spawn, 3}, {spawn_link, 1}, {spawn_link, 3}] ++
        [{spawn_monitor, 1}, {spawn_opt, 4}, {monitor, 2}, {demonitor, 1}, {unlink, 1}].

compile(Map) ->
    %% A row may allow a module that is refused when it is to be loaded.
    {ok, Policy} = seccomp:compile(Map#{unknown => allow}),
    Policy.
