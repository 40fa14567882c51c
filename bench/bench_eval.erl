%% SPDX-License-Identifier: Apache-2.0
%%
%% What it costs to evaluate text in a sandbox: a loop of 50,000 turns, by
%% `seccomp_eval` interpreted and compiled, by plain `erl_eval` and by native code,
%% and an evaluation of next to nothing.
-module(bench_eval).

-export([times/1, native/2]).

-define(TURNS, 50_000).

%% Times in nanoseconds, of all turns together, the smallest of some.
-spec times(number()) -> #{atom() => float()}.
times(Scale) ->
    Source = source(),
    Expected = native(?TURNS, 0),
    Exprs = exprs(Source),
    Sandbox = fun(Text, Compile) ->
        {ok, #{value := Value}} = seccomp_eval:eval(Text, #{compile => Compile}),
        Value
    end,
    Work = #{
        native => {400, Expected, fun() -> ?MODULE:native(?TURNS, 0) end},
        erl_eval => {10, Expected, fun() -> value(Exprs) end},
        interpreted => {10, Expected, fun() -> Sandbox(Source, false) end},
        compiled => {40, Expected, fun() -> Sandbox(Source, true) end},
        fixed_interpreted => {200, 1, fun() -> Sandbox("1.", false) end},
        fixed_compiled => {100, 1, fun() -> Sandbox("1.", true) end}
    },
    maps:map(
        fun(_, {Samples, Value, Fun}) ->
            lists:min([sample(Fun, Value) || _ <- lists:seq(1, max(2, round(Samples * Scale)))])
        end,
        Work
    ).

%% In a process of its own, for a heap that nobody has grown. What it gives is
%% what it has to be, or the time is worth nothing.
sample(Fun, Value) ->
    {Pid, Monitor} = spawn_monitor(fun() ->
        Start = erlang:monotonic_time(),
        Value = Fun(),
        exit({took, erlang:monotonic_time() - Start})
    end),
    receive
        {'DOWN', Monitor, process, Pid, {took, Native}} -> bench_run:nanos(Native);
        {'DOWN', Monitor, process, Pid, Reason} -> error({sample_failed, Reason})
    end.

source() ->
    lists:flatten([
        "Loop = fun L(0, A) -> A; L(N, A) -> L(N - 1, A + N rem 7) end, Loop(",
        integer_to_list(?TURNS), ", 0)."
    ]).

%% The same, compiled; exported so that the compiler knows nothing of the
%% arguments.
-spec native(non_neg_integer(), integer()) -> integer().
native(0, A) -> A;
native(N, A) -> native(N - 1, A + N rem 7).

exprs(Source) ->
    {ok, Tokens, _} = erl_scan:string(Source),
    {ok, Exprs} = erl_parse:parse_exprs(Tokens),
    Exprs.

value(Exprs) ->
    {value, Value, _} = erl_eval:exprs(Exprs, erl_eval:new_bindings()),
    Value.
