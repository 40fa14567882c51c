%% SPDX-License-Identifier: Apache-2.0
%%
%% What policies cost: putting them on, the first check of a function, and how
%% both depend on the number of rules.
-module(bench_policy).

-export([allowing/0, times/2, many/0]).

%% The module with many functions, and the one that calls each of them once.
-define(MANY, bench_many).
-define(CALLER, bench_many_caller).
-define(FUNCTIONS, 4000).

%% A policy that allows what the workloads do.
-spec allowing() -> seccomp:policy().
allowing() -> blacklist([{os, cmd}, {erlang, halt}], allow).

blacklist(Rules, Unknown) ->
    {ok, Policy} = seccomp:compile(#{mode => blacklist, rules => Rules, unknown => Unknown}),
    Policy.

%% Times in nanoseconds, by what was measured.
-spec times(#{atom() => pos_integer()}, number()) -> #{atom() => float()}.
times(Counts, Scale) ->
    Small = fun(Salt) -> made_up(10, Salt) end,
    Large = fun(Salt) -> made_up(100_000, Salt) end,
    #{
        set_policy => set_policy(samples(400, Scale)),
        restrict => restrict(samples(200, Scale)),
        denied => denied(Counts),
        gate => gate(Counts),
        args => args(Counts),
        call_10 => call(Small(warm), Counts),
        call_100000 => call(Large(warm), Counts),
        first_10 => first_checks(Small, samples(10, Scale)),
        first_100000 => first_checks(Large, samples(3, Scale))
    }.

samples(N, Scale) -> max(1, round(N * Scale)).

%% -- Putting a policy on -----------------------------------------------------

%% On self(), the policy being there already. Each sample has a process of its
%% own: a restricted one cannot have its policy replaced by itself.
set_policy(Samples) ->
    Policy = allowing(),
    Body = fun() -> ok = seccomp:set_policy(self(), Policy) end,
    bench_stat:median([timed(Body) || _ <- lists:seq(1, Samples)]).

%% A hundred rules that no policy has had, so that all of it is done.
restrict(Samples) ->
    Exports = [
        {M, F, A}
     || M <- [lists, maps, string, binary, ets, file, os, code, gen_server, erl_lint, compile],
        {module, _} <- [code:ensure_loaded(M)],
        {F, A} <- M:module_info(exports)
    ],
    true = length(Exports) >= Samples + 100,
    Bodies = [
        fun() -> ok = seccomp:restrict(self(), blacklist, Rules) end
     || Nth <- lists:seq(1, Samples),
        Rules <- [lists:sublist(Exports, Nth, 100)]
    ],
    bench_stat:median([timed(Body) || Body <- Bodies]).

timed(Body) ->
    {Pid, Ref} = spawn_monitor(fun() ->
        Start = erlang:monotonic_time(),
        _ = Body(),
        exit({took, erlang:monotonic_time() - Start})
    end),
    receive
        {'DOWN', Ref, process, Pid, {took, Native}} -> bench_run:nanos(Native);
        {'DOWN', Ref, process, Pid, Reason} -> error({sample_failed, Reason})
    end.

%% -- Calls -------------------------------------------------------------------

denied(Counts) ->
    Denied = #{name => denied, run => fun bench_calls:denied/1, operations => 1},
    N = max(1, maps:get(external, Counts) div 50),
    Policy = blacklist([{os, getpid}], error),
    lists:min([bench_run:sample(Denied, {restricted, Policy}, N) || _ <- lists:seq(1, 3)]).

call(Policy, Counts) ->
    [External] = [W || #{name := external} = W <- bench_calls:workloads()],
    N = maps:get(external, Counts),
    lists:min([bench_run:sample(External, {restricted, Policy}, N) || _ <- lists:seq(1, 5)]).

%% How much more a call takes when the function is a gate.
gate(Counts) ->
    Whitelist = fun(Gates) ->
        Rules = [{'_', '_', '_'} | Gates],
        {ok, Policy} = seccomp:compile(#{mode => whitelist, rules => Rules}),
        Policy
    end,
    call(Whitelist([{gate, bench_target, id, 1}]), Counts) - call(Whitelist([]), Counts).

%% How much more a call takes when a rule looks at its argument.
args(Counts) ->
    Whitelist = fun(Args) ->
        {ok, Policy} = seccomp:compile(#{mode => whitelist, rules => ['_' | Args]}),
        Policy
    end,
    Spec = [{['$1'], [{'=/=', '$1', none}], [true]}],
    call(Whitelist([{bench_target, id, 1, Spec}]), Counts) - call(Whitelist([]), Counts).

%% Rules for functions that do not exist, a thousand to a module. They make a
%% policy large and deny nothing that is called here.
made_up(Rules, Salt) ->
    blacklist(
        [
            {name(["made_up_", Salt, "_", integer_to_list(N div 1000)]),
                name(["function_", integer_to_list(N rem 1000)]), N rem 8}
         || N <- lists:seq(1, Rules)
        ],
        allow
    ).

name(Parts) -> list_to_atom(lists:concat(Parts)).

%% The same calls, in the same process, first with no bit set and then with
%% all of them: the difference is the way into Rust and back.
first_checks(MakePolicy, Samples) ->
    ok = ?CALLER:run(),
    lists:min([first_check(MakePolicy(Nth)) || Nth <- lists:seq(1, Samples)]).

first_check(Policy) ->
    Ref = make_ref(),
    {Pid, Monitor} = spawn_monitor(fun() ->
        ok = seccomp:set_policy(self(), Policy),
        %% What the clock and the rest need is known from here on.
        _ = clocked(fun bench_target:stop/0),
        First = clocked(fun ?CALLER:run/0),
        Later = lists:min([clocked(fun ?CALLER:run/0) || _ <- lists:seq(1, 5)]),
        exit({Ref, First - Later})
    end),
    receive
        {'DOWN', Monitor, process, Pid, {Ref, Native}} -> bench_run:nanos(Native) / ?FUNCTIONS;
        {'DOWN', Monitor, process, Pid, Reason} -> error({sample_failed, Reason})
    end.

clocked(Fun) ->
    Start = erlang:monotonic_time(),
    ok = Fun(),
    erlang:monotonic_time() - Start.

%% The two generated modules, as beam files.
-spec many() -> [{module(), binary()}].
many() ->
    Names = [name(["f", integer_to_list(N)]) || N <- lists:seq(1, ?FUNCTIONS)],
    A = erl_anno:new(0),
    Ok = {atom, A, ok},
    Calls = [{call, A, {remote, A, {atom, A, ?MANY}, {atom, A, F}}, []} || F <- Names],
    [
        beam(?MANY, [{F, [Ok]} || F <- Names]),
        beam(?CALLER, [{run, Calls ++ [Ok]}])
    ].

beam(Module, Functions) ->
    A = erl_anno:new(0),
    Forms =
        [{attribute, A, module, Module}, {attribute, A, export, [{F, 0} || {F, _} <- Functions]}] ++
            [{function, A, F, 0, [{clause, A, [], [], Body}]} || {F, Body} <- Functions],
    {ok, Module, Beam} = compile:forms(Forms, []),
    {Module, Beam}.
