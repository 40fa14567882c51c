%% SPDX-License-Identifier: Apache-2.0
%%
%% What else there is to watch or to hold in the calls of a process:
%% `save_calls`, call tracing, and evaluating with a function handler.
-module(bench_others).

-export([times/2, workloads/0]).

-spec workloads() -> [bench_run:workload()].
workloads() ->
    [
        #{
            name => evaluated,
            run => evaluated(),
            operations => 10,
            millis => 1,
            repeats => 60
        }
    ].

%% The call loops in the modes that every emulator has.
-spec times(#{atom() => pos_integer()}, number()) -> bench_run:times().
times(Counts, Scale) ->
    Loops = [W || #{name := Name} = W <- bench_calls:workloads(), lists:member(Name, loops())],
    Tracer = spawn_link(fun tracer/0),
    Saved = bench_run:samples([{W, [save_calls]} || W <- Loops], Counts, Scale),
    Patterns = [{bench_target, '_', '_'}, {erlang, phash2, '_'}],
    [1 = min(1, trace_pattern(P, never())) || P <- Patterns],
    Traced = bench_run:samples([{W, [{traced, Tracer}]} || W <- Loops], Counts, Scale),
    [1 = min(1, trace_pattern(P, false)) || P <- Patterns],
    true = unlink(Tracer),
    true = exit(Tracer, kill),
    Evaluated = bench_run:samples([{W, [trusted]} || W <- workloads()], Counts, Scale),
    maps:merge(maps:merge(Saved, Traced), Evaluated).

loops() -> [external, light_bif].

trace_pattern(Pattern, Spec) -> erlang:trace_pattern(Pattern, Spec, [global]).

%% Accepts no call: what is left is the price of looking.
never() -> [{[no_such_argument], [], []}].

tracer() ->
    receive
        Message -> exit({traced, Message})
    end.

%% The external calls of bench_calls:external/1, in an interpreted function.
%% The handler is where a program would look at each call.
evaluated() ->
    Call = "bench_target:id(N)",
    Text = [
        "fun Loop(0) -> ok; Loop(N) -> ",
        lists:join(", ", lists:duplicate(10, Call)),
        ", Loop(N - 1) end."
    ],
    {ok, Tokens, _} = erl_scan:string(lists:flatten(Text)),
    {ok, Exprs} = erl_parse:parse_exprs(Tokens),
    Handler = {value, fun handle/2},
    {value, Fun, _} = erl_eval:exprs(Exprs, erl_eval:new_bindings(), none, Handler),
    Fun.

handle({M, F}, Args) -> apply(M, F, Args);
handle(Fun, Args) -> apply(Fun, Args).
