%% SPDX-License-Identifier: Apache-2.0
%%
%% What the model says of the oracle's commands: what each of them has to give,
%% and what it changes. Terms that only exist while they run stand in it as
%% names: '$counter', '$self' and so on; '$any' fits anything.
-module(seccomp_oracle_expect).

-export([step/3, fits/2]).

-import(seccomp_oracle_state, [
    proc/2, policy/2, caller_policy/2, new/2, add/3, update/4, steps/3, steps/4, counted/2, gone/3,
    link/3
]).
-import(seccomp_oracle_eval, [eval/3, last_call/3, denied/2, died/1]).

%% -- Commands ----------------------------------------------------------------

%% What the command gives, and the state after it.
step(S, spawn, [Parent, Child, Way, Map]) ->
    #{child := First} = seccomp_oracle_ways:spawn(Way),
    Function =
        case lists:member(Way, seccomp_oracle_ways:mfa_spawns()) of
            true -> [{call, {seccomp_oracle_worker, start, 1}}];
            false -> []
        end,
    spawning(S, Parent, Child, Way, fun(S1, Policy) ->
        case steps(S1, Child, Policy, First ++ Function) of
            {done, S2} when Map =:= none -> {started, S2};
            {done, S2} -> {started, tighten(S2, Child, Map)};
            {Died, S2} -> {died(Died), S2}
        end
    end);
step(S, spawn_mfa, [Parent, Child, Way, {M, F, Args}]) ->
    #{child := First} = seccomp_oracle_ways:spawn(Way),
    spawning(S, Parent, Child, Way, fun(S1, Policy) ->
        case steps(S1, Child, Policy, First) of
            {done, S2} -> last_call(S2, Child, {M, F, Args});
            {Died, S2} -> {died(Died), S2}
        end
    end);
step(S, call, [Id, Expression]) ->
    ending(Id, eval(S, Id, Expression));
step(S, once, [Id, Map, Expression]) ->
    Policy = seccomp_model:policy(Map),
    {Result, S1} = ending(Id, eval(add(S, Id, new(Policy, none)), Id, Expression)),
    Asked = [
        {Mfa, seccomp_model:allows(Policy, Mfa)}
     || {M, F, Args} <- seccomp_oracle_gen:called(Expression), Mfa <- [{M, F, length(Args)}]
    ],
    {{Result, Asked}, add(S1, Id, gone)};
step(S, admin, [Caller, Target, Op]) ->
    administer(S, Caller, Target, Op);
step(S, hibernate, [Id, Via, {M, F, Args}]) ->
    case steps(S, Id, hibernates(Via)) of
        {done, S1} -> {asleep, update(S1, Id, asleep, {Via, {M, F, Args}})};
        Denied -> ending(Id, denied(Denied, none))
    end;
step(S, wake, [Id]) ->
    #{asleep := {Via, Mfa}} = proc(S, Id),
    S1 = update(S, Id, asleep, no),
    case steps(S1, Id, [{call, {proc_lib, wake_up, 3}} || Via =:= proc_lib]) of
        {done, S2} ->
            case Mfa of
                {seccomp_oracle_worker, awake, [_]} ->
                    case steps(S2, Id, [{call, {seccomp_oracle_worker, awake, 1}}]) of
                        {done, S3} -> {{value, awake}, S3};
                        {Died, S3} -> die(S3, Id, died(Died))
                    end;
                _ ->
                    {Died, S3} = last_call(S2, Id, Mfa),
                    die(S3, Id, Died)
            end;
        {Died, S2} ->
            die(S2, Id, died(Died))
    end;
step(S, kill, [Id, Reason]) ->
    die(S, Id, {died, killed(Reason)});
step(S, link, [A, B]) ->
    case steps(S, A, [{call, {erlang, link, 1}}]) of
        {done, S1} -> {{value, true}, link(S1, A, B)};
        Denied -> ending(A, denied(Denied, none))
    end;
step(S, flag, [Id, Flag, Value]) ->
    case steps(S, Id, [{call, {erlang, process_flag, 2}}]) of
        {done, S1} when Flag =:= error_handler ->
            {{value, '$any'}, update(S1, Id, handler, Value =:= seccomp_oracle_worker)};
        {done, S1} ->
            {{value, '$any'}, S1};
        Denied ->
            ending(Id, denied(Denied, none))
    end;
step(#{code := Code} = S, load, [M, Version]) ->
    {ok, S#{code := Code#{M := Version}}};
step(#{code := Code} = S, delete, [M]) ->
    {ok, S#{code := Code#{M := none}}}.

killed(kill) -> killed;
killed(Reason) -> Reason.

%% An instruction before 29, which nobody asks about.
hibernates('fun') -> [{call, {erlang, hibernate, 3}}];
hibernates(proc_lib) -> [{call, {proc_lib, hibernate, 3}} | hibernates(instruction)];
hibernates(instruction) ->
    case seccomp_test_run:otp() of
        Old when Old < 29 -> [];
        _ -> hibernates('fun')
    end.

%% -- Ends --------------------------------------------------------------------

%% Takes away a process that has died.
ending(Id, {{died, _} = Died, S}) -> die(S, Id, Died);
ending(_Id, {Ending, S}) -> {Ending, S}.

die(S, Id, {died, Reason} = Died) -> {Died, gone(S, Id, Reason =/= normal)}.

%% -- Spawning ----------------------------------------------------------------

spawning(S, Parent, Child, Way, Begin) ->
    #{parent := Outside, inside := Inside, rescue := Rescue} = seccomp_oracle_ways:spawn(Way),
    case steps(S, Parent, Outside) of
        {done, S1} ->
            case steps(S1, Parent, Inside) of
                {done, S2} ->
                    spawned(S2, Parent, Child, Way, Begin);
                {{raise, {_, Mfa}}, S2} ->
                    case steps(S2, Parent, Rescue) of
                        {done, S3} ->
                            not_spawned(Parent, {{raised, error, {seccomp, Mfa}, '$any'}, S3});
                        Denied ->
                            not_spawned(Parent, denied(Denied, none))
                    end;
                Denied ->
                    not_spawned(Parent, denied(Denied, none))
            end;
        Denied ->
            not_spawned(Parent, denied(Denied, none))
    end.

not_spawned(Parent, Ending) ->
    {Result, S} = ending(Parent, Ending),
    {{Result, none}, S}.

%% A child that dies takes along a parent that is linked to it, before or after
%% that has told of it.
spawned(S, Parent, Child, Way, Begin) ->
    #{link := Links, monitor := Monitors} = seccomp_oracle_ways:spawn(Way),
    Inherited = seccomp_model:child(policy(S, Parent)),
    {Origin, How} =
        case {policy(S, Parent), Inherited} of
            {trusted, trusted} -> {none, child_of_trusted};
            {_, trusted} -> {none, child_is_free};
            {_, _} -> {{inherited, Parent}, child_inherits}
        end,
    S1 = counted(How, add(S, Child, new(Inherited, Origin))),
    S2 =
        case {Links, Monitors} of
            {true, false} -> link(S1, Parent, Child);
            {false, true} -> update(S1, Parent, monitors, true);
            {false, false} -> S1
        end,
    case Begin(S2, Inherited) of
        {started, S3} ->
            {{{value, '$any'}, started}, S3};
        {{died, Reason} = Died, S3} ->
            {Died, S4} = die(S3, Child, Died),
            case Links andalso Reason =/= normal of
                true -> {{{died, '$any'}, Died}, S4};
                false -> {{{value, '$any'}, Died}, S4}
            end
    end.

%% What a child of seccomp:spawn/2 puts on itself.
tighten(S, Child, Map) ->
    Policy = seccomp_model:policy(Map),
    {ok, New} = seccomp_model:change(trusted, self, policy(S, Child), {restrict, Policy}),
    update(update(S, Child, policy, New), Child, origin, {restricted_by, Child}).

%% -- Changing policies -------------------------------------------------------

administer(S, Caller, Target, Op) ->
    Mine = caller_policy(S, Caller),
    Steps =
        case Mine of
            trusted -> [];
            _ -> exact_steps(Mine, Op)
        end,
    case steps(S, Caller, Mine, Steps) of
        {done, S1} ->
            Whom =
                case Target of
                    Caller -> self;
                    _ -> other
                end,
            case seccomp_model:change(Mine, Whom, policy(S1, Target), change(Op)) of
                {ok, New} ->
                    Origin =
                        case New of
                            trusted -> none;
                            _ -> {restricted_by, Caller}
                        end,
                    {{value, ok}, update(update(S1, Target, policy, New), Target, origin, Origin)};
                {error, Name} ->
                    refused(S1, Caller, Op, Name)
            end;
        Denied ->
            ending(Caller, denied(Denied, none))
    end.

%% restrict/4 runs where all it may call is allowed, or else is not run at all.
exact_steps(Policy, {restrict, _} = Op) ->
    [First | _] = seccomp_oracle_ways:admin(Op),
    case seccomp_model:reaction(Policy, First) of
        allow -> [];
        _ -> [First]
    end;
exact_steps(_Policy, Op) ->
    seccomp_oracle_ways:admin(Op).

refused(S, controller, _Op, Name) ->
    {{value, {error, Name}}, S};
refused(S, Caller, Op, Name) ->
    case steps(S, Caller, seccomp_oracle_ways:refused(Op)) of
        {done, S1} -> {{value, {error, Name}}, S1};
        Denied -> ending(Caller, denied(Denied, none))
    end.

change({Restrict, Map}) when Restrict =:= restrict; Restrict =:= nif_restrict ->
    {restrict, seccomp_model:policy(Map)};
change({Replace, Map}) when Replace =:= set_policy; Replace =:= nif_replace ->
    {replace, seccomp_model:policy(Map)};
change(Lift) when Lift =:= lift; Lift =:= nif_lift -> lift;
change(restrict_spawn) -> {restrict, seccomp_model:spawn_only()}.

%% -- Comparing ---------------------------------------------------------------

%% Whether that is what was expected.
fits('$any', _) ->
    true;
fits({denied, M, F, Args}, {M, F, Args, Info}) when is_list(Args) ->
    is_denial(Info);
fits({denied, M, F, A}, {M, F, Args, Info}) when is_integer(A), length(Args) =:= A ->
    is_denial(Info);
fits({called, M, F, Args}, {M, F, Args, _}) ->
    true;
fits([E | Es], [A | As]) ->
    fits(E, A) andalso fits(Es, As);
fits(Expected, Actual) when is_tuple(Expected), tuple_size(Expected) =:= tuple_size(Actual) ->
    fits(tuple_to_list(Expected), tuple_to_list(Actual));
fits(Expected, Actual) ->
    Expected =:= Actual.

is_denial(Info) -> Info =:= [{error_info, #{module => seccomp_error}}].
