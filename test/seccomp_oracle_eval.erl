%% SPDX-License-Identifier: Apache-2.0
%%
%% What the model expects of calls and expressions: how each ends, and the state
%% after it.
-module(seccomp_oracle_eval).

-export([eval/3, function/3, last_call/3, denied/2, died/1]).

-import(seccomp_oracle_state, [steps/3, handler/2]).

%% -- Expressions -------------------------------------------------------------

eval(S, Id, {call, Way, {M, F, Args}}) ->
    Mfa = {M, F, length(Args)},
    Before = seccomp_oracle_ways:call(Way, Mfa),
    case is_instruction(Way, Mfa) of
        true ->
            {{value, seccomp_oracle_ways:value({M, F, Args})}, S};
        false ->
            call(S, Id, handler(S, Id), {M, F, Args}, Before)
    end;
eval(S, Id, {raise, badmatch, Reason}) ->
    _ = Id,
    {{raised, error, {badmatch, Reason}, '$any'}, S};
eval(S, Id, {raise, Class, Reason}) ->
    Called = {erlang, Class, [Reason]},
    case steps(S, Id, [{call, {erlang, Class, 1}}]) of
        {done, S1} -> {{raised, Class, Reason, '$any'}, S1};
        Denied -> denied(Denied, Called)
    end;
eval(S, Id, {'try', Expression, Handler}) ->
    case eval(S, Id, Expression) of
        {{value, Value}, S1} ->
            {{value, {no_exception, Value}}, S1};
        {{raised, Class, Reason, Entry}, S1} ->
            on_value(eval(S1, Id, Handler), fun(V) -> {caught, Class, Reason, Entry, V} end);
        Died ->
            Died
    end;
eval(S, Id, {'after', Expression, After}) ->
    case eval(S, Id, Expression) of
        {{died, _}, _} = Died ->
            Died;
        {Ending, S1} ->
            case eval(S1, Id, After) of
                {{value, _}, S2} -> {Ending, S2};
                Other -> Other
            end
    end;
eval(S, Id, {'catch', Expression}) ->
    case eval(S, Id, Expression) of
        {{value, Value}, S1} -> {{value, {caught, Value}}, S1};
        {{raised, error, Reason, Entry}, S1} -> {{value, {caught, Reason, Entry}}, S1};
        {{raised, exit, Reason, _}, S1} -> {{value, {caught, {'EXIT', Reason}}}, S1};
        {{raised, throw, Reason, _}, S1} -> {{value, {caught, Reason}}, S1};
        Died -> Died
    end;
eval(S, Id, {then, First, Second}) ->
    case eval(S, Id, First) of
        {{value, V1}, S1} -> on_value(eval(S1, Id, Second), fun(V2) -> [V1 | V2] end);
        Other -> Other
    end.

on_value({{value, Value}, S}, Fun) -> {{value, Fun(Value)}, S};
on_value(Other, _Fun) -> Other.

%% Operators, guard BIFs and a few others are instructions when the code names
%% them.
is_instruction(Way, {erlang, F, A}) when Way =:= body; Way =:= tail; Way =:= last ->
    lists:member({F, A}, [{abs, 1}, {'+', 2}, {get, 1}, {yield, 0}]);
%% The compiler makes erlang:map_get/2 of it.
is_instruction(Way, {maps, get, 2}) when Way =:= body; Way =:= tail; Way =:= last ->
    true;
is_instruction(_, _) ->
    false.

call(S, Id, Handler, {M, F, Args}, Before) ->
    {Steps, Ending} = function(S, Handler, {M, F, Args}),
    case steps(S, Id, Before ++ Steps) of
        {done, S1} ->
            case Ending of
                {value, Value} -> {Ending, effect({M, F}, Value, S1)};
                undef -> {{raised, error, undef, {called, M, F, Args}}, S1}
            end;
        Denied ->
            denied(Denied, {M, F, Args})
    end.

effect({atomics, add}, _, #{hits := Hits} = S) -> S#{hits := Hits + 1};
effect({erlang, send}, _, #{sends := Sends} = S) -> S#{sends := Sends + 1};
effect({M, hit}, {M, _, hit}, #{hits := Hits} = S) -> S#{hits := Hits + 1};
effect(_, _, S) -> S.

%% What a function asks about from its call on, and how it ends.
function(#{code := Code}, Handler, {M, F, Args}) when is_map_key(M, Code) ->
    Called = [{call, {M, F, length(Args)}}],
    Version = map_get(M, Code),
    Exports =
        case Version of
            none -> [];
            _ -> seccomp_oracle_hot:exports(Version)
        end,
    Handles = lists:member({'$handle_undefined_function', 2}, Exports),
    case lists:member({F, length(Args)}, Exports) of
        true when F =:= hit ->
            {Called ++ [{call, {atomics, add, 3}}], {value, {M, Version, hit}}};
        true ->
            {Called, {value, list_to_tuple([M, Version, F | Args])}};
        false when Handler ->
            {Called ++ [{call, {seccomp_oracle_worker, undefined_function, 3}}],
                {value, {handled, M, F, Args}}};
        false when Version =:= none ->
            {Called ++ seccomp_oracle_ways:missing(M, false, not_loaded), undef};
        false when Handles ->
            {Called ++ seccomp_oracle_ways:missing(M, true, loaded),
                {value, {M, Version, '$handle_undefined_function', F, Args}}};
        false ->
            {Called ++ seccomp_oracle_ways:missing(M, false, loaded), undef}
    end;
function(_S, _Handler, {M, F, Args}) ->
    Mfa = {M, F, length(Args)},
    Value = seccomp_oracle_ways:value({M, F, Args}),
    {[{call, Mfa} | seccomp_oracle_ways:inner(Mfa)], {value, Value}}.

%% -- Denials ------------------------------------------------------------------

%% What a denied step ends in, for the process and for who called: `Called` is
%% the function called, of which the arguments are known.
denied({{raise, {_, Mfa} = Step}, S}, Called) ->
    {{raised, error, {seccomp, Mfa}, entry(Step, Called)}, S};
denied({{kill, {_, Mfa}}, S}, _Called) ->
    {{died, {seccomp, Mfa}}, S}.

%% Where the stack begins; not for spawns, that may have begun to be others.
entry({spawn, _}, _) ->
    '$any';
entry({call, {M, F, A}}, {M, F, Args}) when length(Args) =:= A ->
    {denied, M, F, Args};
entry({call, {M, F, A}}, _) ->
    {denied, M, F, A}.

%% The reason that a process ends with, whose first function that was.
died({raise, {_, Mfa} = Step}) -> {died, {error, {seccomp, Mfa}, entry(Step, none)}};
died({kill, {_, Mfa}}) -> {died, {seccomp, Mfa}}.

%% A call in which a process ends: for a child, or after hibernation.
last_call(S, Id, {M, F, Args}) ->
    case call(S, Id, handler(S, Id), {M, F, Args}, []) of
        {{value, _}, S1} -> {{died, normal}, S1};
        {{raised, Class, Reason, Entry}, S1} -> {{died, {Class, Reason, Entry}}, S1};
        {{died, Reason}, S1} -> {{died, Reason}, S1}
    end.

