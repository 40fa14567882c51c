%% SPDX-License-Identifier: Apache-2.0
%%
%% Runs things in restricted processes and says how they ended.
-module(seccomp_test_run).

-export([must_enforce/0, must_have_gates/1, has_gates/0, otp/0, policy/2, policy/3]).
-export([quiet/1, loud/1]).
-export([in/2, in/3, outcome/1, await/1, alone/1]).
-export([denial/2, eventually/1]).

-export_type([outcome/0]).

-type outcome() ::
    {value, term()} | {raised, error | exit | throw, term(), list()} | {died, term()}.

-define(PATIENCE, 30000).

%% A suite that skipped itself here would look like one that passed.
must_enforce() ->
    case seccomp:enforcement() of
        #{status := enforced} -> ok;
        Other -> ct:fail({not_enforced, Other, "run these suites by `make test`"})
    end.

%% Not in every version's patches yet. Where there are none, seccomp_gate_tests
%% says that policies with gates are refused.
has_gates() ->
    {ok, Policy} = seccomp:compile(#{mode => whitelist, rules => [{gate, lists, seq, 2}]}),
    {Pid, Monitor} = spawn_monitor(fun() ->
        receive
            never -> ok
        end
    end),
    Result = seccomp:set_policy(Pid, Policy),
    true = exit(Pid, kill),
    receive
        {'DOWN', Monitor, process, Pid, killed} -> ok
    end,
    case Result of
        ok -> true;
        {error, {unsupported, #{reason := gates}}} -> false
    end.

%% For init_per_suite.
must_have_gates(Config) ->
    ok = must_enforce(),
    case has_gates() of
        true -> Config;
        false -> {skip, "this emulator has no gates"}
    end.

%% The release of OTP, for what is another in each.
otp() -> list_to_integer(erlang:system_info(otp_release)).

%% Nothing goes to the log between these two: thousands of processes end with a
%% denial, and the crash reports of proc_lib run logger in the process that crashed,
%% under its policy.
quiet(Config) ->
    #{level := Level} = logger:get_primary_config(),
    ok = logger:set_primary_config(level, none),
    [{level, Level} | Config].

loud(Config) ->
    ok = logger:set_primary_config(level, proplists:get_value(level, Config)).

policy(Mode, Rules) -> policy(Mode, Rules, #{}).

%% Tests on calls send to whom they like; seccomp_send_SUITE is on sending.
policy(Mode, Rules, Opts) ->
    Default = #{send => any, mode => Mode, rules => Rules},
    {ok, Policy} = seccomp:compile(maps:merge(Default, Opts)),
    Policy.

%% The value travels in the exit reason, because a whitelist need not allow to
%% send; exit/1 is in `@base`.
in(Policy, Fun) ->
    await(seccomp:spawn_monitor(Policy, fun() -> exit({?MODULE, outcome(Fun)}) end)).

%% The same, but the process lives on while `While` runs here: children that it
%% is linked to would end with it. Its policy has to allow erlang:send/2.
in(Policy, Fun, While) ->
    Caller = self(),
    {Pid, Monitor} = seccomp:spawn_monitor(Policy, fun() ->
        Caller ! {self(), outcome(Fun)},
        receive
            {Caller, go} -> ok
        end
    end),
    receive
        {Pid, Outcome} ->
            %% The answer is read; what follows is the test's own.
            ok = seccomp:forget_origin(),
            _ = While(Outcome),
            Pid ! {self(), go},
            normal = await({Pid, Monitor}, normal),
            Outcome;
        {'DOWN', Monitor, process, Pid, Reason} ->
            {died, Reason}
    after ?PATIENCE -> error({no_outcome, Pid})
    end.

await({Pid, Monitor}, Reason) ->
    receive
        {'DOWN', Monitor, process, Pid, Reason} -> Reason
    after ?PATIENCE -> error({no_end, Pid})
    end.

outcome(Fun) ->
    try Fun() of
        Value -> {value, Value}
    catch
        Class:Reason:Stack -> {raised, Class, Reason, Stack}
    end.

await({Pid, Monitor}) ->
    receive
        {'DOWN', Monitor, process, Pid, {?MODULE, Outcome}} -> Outcome;
        {'DOWN', Monitor, process, Pid, Reason} -> {died, Reason}
    after ?PATIENCE ->
        State = process_info(Pid, [status, current_stacktrace]),
        true = exit(Pid, kill),
        error({no_end, State})
    end.

%% In a process that takes its garbage with it. Under valgrind that takes long.
alone(Fun) ->
    {Pid, Monitor} = spawn_monitor(Fun),
    receive
        {'DOWN', Monitor, process, Pid, normal} -> ok;
        {'DOWN', Monitor, process, Pid, Reason} -> {failed, Reason}
    after 10 * ?PATIENCE ->
        State = process_info(Pid, [current_stacktrace, status]),
        exit(Pid, kill),
        {hangs, State}
    end.

%% `ok` if this is the denial of the function with these arguments (`_` for
%% any), in the one form that a denial may have.
denial({raised, error, {seccomp, {M, F, A} = Mfa}, Stack}, {Mfa, Args}) ->
    case Stack of
        [{M, F, Found, [{error_info, #{module := seccomp_error}}]} | _] when
            length(Found) =:= A, Args =:= '_' orelse Found =:= Args
        ->
            ok;
        _ ->
            {bad_stack, Stack}
    end;
denial(Outcome, _) ->
    {no_denial, Outcome}.

%% Waits until the condition holds; what it says at last, where it never does.
eventually(Condition) -> eventually(Condition, 3000).

eventually(Condition, Tries) ->
    case Condition() of
        true ->
            ok;
        Other when Tries =:= 0 ->
            error({never, Other});
        _ ->
            timer:sleep(20),
            eventually(Condition, Tries - 1)
    end.
