%% SPDX-License-Identifier: Apache-2.0
%%
%% The code of a host: functions that policies in tests make gates of. What
%% these call is denied elsewhere, and proves that the gate is open.
-module(seccomp_test_gate).

-export([open/1, last/1, value/1, back/3, twice/2, other/1, args/3]).
-export([raise/3, caught/2, protected/2, deep/2, waits/2, sleeps/1]).
-export([stack/1, tightens/2, spawns/1, sends/2, flag/2, hibernates/2]).
-export([woken/2, naps/2, traced/1, level/1]).

-define(T, seccomp_test_target).

%% Whether a call that the policy denies runs here.
level(Counter) ->
    try ?T:hit(Counter) of
        hit -> open
    catch
        error:{seccomp, _} -> closed
    end.

open(Counter) ->
    Level = level(Counter),
    {Level}.

%% In the last call there is nothing to return to but the gate's frame.
last(Counter) -> ?T:hit(Counter).

value(Term) -> Term.

args(_, _, _) -> ok.

%% Calls last what it is told: no gate of a careful host.
back(M, F, Args) -> apply(M, F, Args).

%% Gates inside of a gate.
twice(Counter, Fun) -> [?MODULE:Fun(Counter), other(Counter), ?MODULE:Fun(Counter)].

other(Counter) ->
    Level = level(Counter),
    {Level}.

raise(Counter, Class, Reason) ->
    hit = ?T:hit(Counter),
    X = deeper(10, Class, Reason),
    {never, X}.

deeper(0, Class, Reason) -> erlang:raise(Class, Reason, []);
deeper(N, Class, Reason) -> [deeper(N - 1, Class, Reason)].

%% An exception that stays inside.
caught(Counter, Reason) ->
    Caught =
        try
            raise(Counter, error, Reason)
        catch
            error:Reason -> level(Counter)
        end,
    {'EXIT', _} = (catch raise(Counter, exit, Reason)),
    [Caught, level(Counter)].

%% What follows an exception in the gate is still part of it.
protected(Counter, Reason) ->
    try
        raise(Counter, throw, Reason)
    after
        open = level(Counter)
    end.

%% Grows stack and heap, and moves them.
deep(Counter, 0) ->
    true = erlang:garbage_collect(),
    open = level(Counter),
    [];
deep(Counter, N) ->
    [{N, integer_to_binary(N)} | deep(Counter, N - 1)].

waits(Counter, Pid) ->
    Pid ! {inside, self()},
    receive
        {go, Pid} -> level(Counter)
    end.

sleeps(Pid) ->
    Pid ! {inside, self()},
    receive
        never -> ok
    end.

stack(Self) ->
    {current_stacktrace, Stack} = process_info(Self, current_stacktrace),
    {stack_size, Size} = process_info(Self, stack_size),
    {Size, [{M, F, A} || {M, F, A, _} <- Stack]}.

tightens(Counter, Rules) ->
    ok = seccomp:restrict(self(), whitelist, Rules),
    level(Counter).

spawns(Counter) ->
    {Pid, Monitor} = spawn_monitor(fun() -> exit(level(Counter)) end),
    receive
        {'DOWN', Monitor, process, Pid, Level} -> Level
    end.

sends(Pid, Message) -> Pid ! Message.

flag(Flag, Value) -> process_flag(Flag, Value).

hibernates(erlang, Args) -> erlang:hibernate(?MODULE, woken, Args);
hibernates(proc_lib, Args) -> proc_lib:hibernate(?MODULE, woken, Args).

%% Since OTP 28 there is one that keeps the stack.
naps(Counter, Pid) ->
    Pid ! {inside, self()},
    ok = erlang:hibernate(),
    [level(Counter)].

woken(Counter, Tag) -> exit({shutdown, {Tag, level(Counter)}}).

traced(Counter) ->
    hit = ?T:hit(Counter),
    X = ?MODULE:value(Counter),
    {X, level(Counter)}.
