%% SPDX-License-Identifier: Apache-2.0
%%
%% Takes samples of workloads. Each sample is taken in a process of its own,
%% which runs a tenth of the work first and then all of it against the clock.
%% Samples are short and many: on a machine with other work some still run
%% undisturbed, and the smallest counts. Work of a fixed size, which cannot be
%% made short, is measured in processor time.
-module(bench_run).

-export([calibrate/1, samples/3, sample/3, nanos/1]).
-export_type([workload/0, mode/0, key/0, times/0]).

-type workload() :: #{
    name := atom(),
    run := fun((pos_integer()) -> term()),
    %% How many operations `run` makes of one: results are times of one.
    operations := pos_integer(),
    %% How long a sample should take; or how much is to be run.
    millis => pos_integer(),
    count => pos_integer(),
    %% How many samples are taken in one emulator; the smallest counts.
    repeats := pos_integer()
}.
%% What `run` returns is ignored but for `{elapsed, Native}`, a time it took
%% itself, and `{minus, Native}`, a time to subtract.

-type mode() :: trusted | {restricted, seccomp:policy()} | save_calls | {traced, pid()}.
-type key() :: {Workload :: atom(), Mode :: atom()}.
-type times() :: #{key() => Nanoseconds :: float()}.

%% The numbers of turns to be made, by name of workload.
-spec calibrate([workload()]) -> #{atom() => pos_integer()}.
calibrate(Workloads) ->
    maps:from_list([{Name, count(W)} || #{name := Name} = W <- Workloads]).

count(#{count := Count}) ->
    Count;
count(#{millis := Millis, operations := Operations} = Workload) ->
    count(Workload, 1, Millis * 1.0e6 / Operations).

count(Workload, N, Wanted) ->
    Samples = [sample(Workload, trusted, N) || _ <- lists:seq(1, 3)],
    case lists:min(Samples) * N of
        Took when Took < Wanted / 8 -> count(Workload, N * 2, Wanted);
        Took -> max(1, round(N * Wanted / Took))
    end.

%% The smallest time of each workload in each mode. The modes take turns, so
%% that what else the machine does meets them alike, and turns in going first,
%% for the second finds the caches filled.
-spec samples([{workload(), [mode()]}], #{atom() => pos_integer()}, number()) -> times().
samples(Workloads, Counts, Scale) ->
    Repeats = lists:max([scaled(R, Scale) || {#{repeats := R}, _} <- Workloads]),
    lists:foldl(
        fun({#{name := Name} = Workload, Mode}, Times) ->
            Time = sample(Workload, Mode, maps:get(Name, Counts)),
            maps:update_with({Name, name(Mode)}, fun(T) -> min(T, Time) end, Time, Times)
        end,
        #{},
        [
            {Workload, Mode}
         || Nth <- lists:seq(1, Repeats),
            {#{repeats := R} = Workload, Modes} <- Workloads,
            Nth =< scaled(R, Scale),
            Mode <- turned(Nth, Modes)
        ]
    ).

turned(Nth, Modes) when Nth rem 2 =:= 0 -> lists:reverse(Modes);
turned(_, Modes) -> Modes.

scaled(Repeats, Scale) -> max(1, round(Repeats * Scale)).

name({restricted, _}) -> restricted;
name({traced, _}) -> traced;
name(Mode) -> Mode.

%% Nanoseconds that one operation takes.
-spec sample(workload(), mode(), pos_integer()) -> float().
sample(#{run := Run, operations := Operations} = Workload, Mode, N) ->
    Took = took(is_map_key(count, Workload)),
    {Pid, Ref} = spawn_monitor(fun() ->
        ok = enter(Mode),
        receive
            go -> exit({took, Took(Run, N)})
        end
    end),
    ok = watch(Mode, Pid),
    Pid ! go,
    receive
        {'DOWN', Ref, process, Pid, {took, Native}} -> nanos(Native) / (N * Operations);
        {'DOWN', Ref, process, Pid, Reason} -> error({sample_failed, Mode, Reason})
    end.

took(_FixedSize = true) ->
    fun(Run, N) ->
        {Start, _} = statistics(runtime),
        _ = Run(N),
        {End, _} = statistics(runtime),
        erlang:convert_time_unit(End - Start, millisecond, native)
    end;
took(false) ->
    fun(Run, N) ->
        _ = Run(max(1, N div 10)),
        Start = erlang:monotonic_time(),
        Result = Run(N),
        Took = erlang:monotonic_time() - Start,
        case Result of
            {elapsed, Own} -> Own;
            {minus, Other} -> Took - Other;
            _ -> Took
        end
    end.

enter(save_calls) ->
    _ = process_flag(save_calls, 100),
    ok;
enter(_) ->
    ok.

%% Done to the process by another one, its heap is the same in every mode.
watch({restricted, Policy}, Pid) ->
    seccomp:set_policy(Pid, Policy);
watch({traced, Tracer}, Pid) ->
    1 = erlang:trace(Pid, true, [call, {tracer, Tracer}]),
    ok;
watch(_, _) ->
    ok.

-spec nanos(integer()) -> float().
nanos(Native) ->
    %% Not converted to an integer of nanoseconds: short times would lose digits.
    Native * 1.0e9 / erlang:convert_time_unit(1, second, native).
