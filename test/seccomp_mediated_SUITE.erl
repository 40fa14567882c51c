%% SPDX-License-Identifier: Apache-2.0
%% Under a whitelist of nothing, every function that kernel, stdlib and erts
%% export is denied, in each way of calling. The denial comes before anything
%% else, so the arguments need not make sense.
-module(seccomp_mediated_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    called_in_tail_position/1,
    called_in_body_position/1,
    called_last_with_a_frame/1,
    applied/1,
    called_as_an_external_fun/1,
    called_first_in_a_process/1
]).

suite() -> [{timetrap, {minutes, 5}}].

all() ->
    [
        called_in_tail_position,
        called_in_body_position,
        called_last_with_a_frame,
        applied,
        called_as_an_external_fun,
        called_first_in_a_process
    ].

init_per_suite(Config) ->
    #{status := enforced} = seccomp:enforcement(),
    seccomp_test_run:quiet(Config).

end_per_suite(Config) -> seccomp_test_run:loud(Config).

called_in_tail_position(_Config) -> static(tail).

called_in_body_position(_Config) -> static(body).

called_last_with_a_frame(_Config) -> static(last).

static(Position) ->
    Unmediated = seccomp_test_exports:unmediated() -- mostly_calls(),
    Mfas = seccomp_test_exports:all() -- (not_calls() ++ Unmediated),
    {Module, Named} = seccomp_test_exports:caller(Position, Mfas),
    Calls = [{Mfa, fun Module:Name/1} || {Name, Mfa} <- Named],
    Rules = [{Module, '_', '_'}],
    denied(Mfas, in_a_process(Rules, fun() -> call_all(Calls, []) end)).

%% What is no call of itself in compiled code: apply is an instruction that
%% leads to other calls, `!` one that is checked as send/2, and the compiler
%% knows the values of the others.
not_calls() ->
    [{erlang, apply, 2}, {erlang, apply, 3}, {erlang, '!', 2}, {math, pi, 0}, {maps, new, 0}].

%% From 29 on the compiler makes instructions of them, but only where a `try` has
%% nothing else in it and ignores the reason.
mostly_calls() ->
    [
        {erlang, list_to_atom, 1}, {erlang, list_to_existing_atom, 1},
        {erlang, binary_to_atom, 2}, {erlang, binary_to_existing_atom, 2}
    ].

applied(_Config) ->
    Mfas = mediated_as_functions(),
    Calls = [{Mfa, seccomp_test_exports:args(A)} || {_, _, A} = Mfa <- Mfas],
    denied(Mfas, in_a_process([], fun() -> apply_all(Calls, []) end)).

called_as_an_external_fun(_Config) ->
    Mfas = mediated_as_functions(),
    Calls = [
        {Mfa, fun M:F/A, seccomp_test_exports:args(A)}
     || {M, F, A} = Mfa <- Mfas
    ],
    denied(Mfas, in_a_process([], fun() -> apply_funs(Calls, []) end)).

called_first_in_a_process(_Config) ->
    Spawn = {erlang, spawn_opt, 4},
    Mfas = mediated_as_functions() -- [Spawn],
    Calls = [{Mfa, seccomp_test_exports:args(A)} || {_, _, A} = Mfa <- Mfas],
    denied(Mfas, in_a_process([Spawn], fun() -> spawn_all(Calls, []) end)).

%% apply/3 of apply/3 is the apply that it asks for.
mediated_as_functions() ->
    seccomp_test_exports:all() -- [{erlang, apply, 3}].

%% -- Loops that call nothing but what they test ------------------------------

call_all([{Mfa, Fun} | Calls], Got) ->
    call_all(Calls, [{Mfa, outcome(try Fun(a) catch C:R -> {C, R} end)} | Got]);
call_all([], Got) ->
    Got.

apply_all([{{M, F, _} = Mfa, Args} | Calls], Got) ->
    apply_all(Calls, [{Mfa, outcome(try apply(M, F, Args) catch C:R -> {C, R} end)} | Got]);
apply_all([], Got) ->
    Got.

apply_funs([{Mfa, Fun, Args} | Calls], Got) ->
    apply_funs(Calls, [{Mfa, outcome(try apply(Fun, Args) catch C:R -> {C, R} end)} | Got]);
apply_funs([], Got) ->
    Got.

spawn_all([{{M, F, _} = Mfa, Args} | Calls], Got) ->
    {Pid, Monitor} = erlang:spawn_opt(M, F, Args, [monitor]),
    receive
        {'DOWN', Monitor, process, Pid, {Reason, _Stack}} ->
            spawn_all(Calls, [{Mfa, outcome({error, Reason})} | Got]);
        {'DOWN', Monitor, process, Pid, Other} ->
            spawn_all(Calls, [{Mfa, outcome(Other)} | Got])
    end;
spawn_all([], Got) ->
    Got.

outcome({error, {seccomp, Mfa}}) -> {denied, Mfa};
outcome(Other) -> Other.

%% -- Around them -------------------------------------------------------------

%% The value of Fun, in a process under a whitelist of these rules alone. It
%% may not even exit, so it hands over its value as what does not match.
in_a_process(Rules, Fun) ->
    {ok, Policy} = seccomp:compile(#{mode => whitelist, rules => Rules, base => false}),
    Me = self(),
    {Pid, Monitor} = seccomp:spawn_monitor(Policy, fun() -> Me = {value, Fun()} end),
    receive
        {'DOWN', Monitor, process, Pid, {{badmatch, {value, Value}}, _}} -> Value;
        {'DOWN', Monitor, process, Pid, Reason} -> error(Reason)
    end.

denied(Mfas, Got) ->
    ?assert(length(Mfas) > 4500),
    ?assertEqual([], [Outcome || {Mfa, Denied} = Outcome <- Got, Denied =/= {denied, Mfa}]),
    ?assertEqual(lists:sort(Mfas), lists:sort([Mfa || {Mfa, _} <- Got])).
