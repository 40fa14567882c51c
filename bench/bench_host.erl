%% SPDX-License-Identifier: Apache-2.0
%%
%% The machine and the emulators, and whether they are fit for measuring.
-module(bench_host).

-export([describe/1, last_cpu/0, load/0]).

%% Refuses to compare what is no pair of a patched and a stock emulator; warns
%% of what makes numbers worth less.
-spec describe([bench_emulator:emulator()]) -> map().
describe([Patched, Stock]) ->
    Facts = [bench_emulator:run(Emulator, free, facts) || Emulator <- [Patched, Stock]],
    [#{build := Build} = Ours, Theirs] = Facts,
    value(enforced, Ours) orelse
        throw({bench, ["no policy is enforced by ", value(erl, Patched)]}),
    value(enforced, Theirs) andalso
        throw({bench, ["this is no stock emulator: ", value(erl, Stock)]}),
    Compared = [otp, erts, flavor, build, compiler],
    Differ = [Key || Key <- Compared, value(Key, Ours) =/= value(Key, Theirs)],
    [
        warn("the emulators differ in ~s: ~ts and ~ts", [Key, value(Key, Ours), value(Key, Theirs)])
     || Key <- Differ
    ],
    Build =:= opt orelse warn("this emulator is built as `~s`, not for speed", [Build]),
    Load = load(),
    Cpus = length(cpus()),
    Load < 0.3 * Cpus orelse
        warn("the load of this machine is ~.1f: what is measured will be uneven", [Load]),
    last_cpu() =/= none orelse
        warn("taskset is not there: nothing is bound to one processor", []),
    Now = calendar:system_time_to_rfc3339(os:system_time(second), [{offset, "Z"}]),
    #{
        date => list_to_binary(Now),
        otp => value(otp, Ours),
        erts => value(erts, Ours),
        flavor => value(flavor, Ours),
        build => Build,
        compiler => value(compiler, Ours),
        %% Whether both were built here with the same flags.
        same_build => Differ =:= [] andalso same_tree(Patched, Stock),
        cpu => cpu_model(),
        cpus => Cpus,
        system => system(),
        load => Load
    }.

value(Key, Facts) -> maps:get(Key, Facts).

%% The toolkit's runtimes lie beside each other.
same_tree(#{erl := Erl1}, #{erl := Erl2}) ->
    Above = fun(Erl) -> filename:dirname(filename:dirname(filename:dirname(Erl))) end,
    Above(Erl1) =:= Above(Erl2).

warn(Format, Args) -> io:format(standard_error, "bench: warning: " ++ Format ++ "~n", Args).

%% The last processor we may use: interrupts are mostly served by the first.
-spec last_cpu() -> none | non_neg_integer().
last_cpu() ->
    case os:find_executable("taskset") of
        false -> none;
        _ -> lists:last(cpus())
    end.

cpus() ->
    {ok, Status} = file:read_file("/proc/self/status"),
    Pattern = "Cpus_allowed_list:\\s*(\\S+)",
    {match, [List]} = re:run(Status, Pattern, [{capture, all_but_first, list}]),
    lists:append([range(string:split(Part, "-")) || Part <- string:split(List, ",", all)]).

range([From, To]) -> lists:seq(list_to_integer(From), list_to_integer(To));
range([One]) -> [list_to_integer(One)].

%% Processes that wanted to run, on average over the last minute.
-spec load() -> float().
load() ->
    {ok, Text} = file:read_file("/proc/loadavg"),
    [Load | _] = binary:split(Text, <<" ">>),
    binary_to_float(Load).

cpu_model() ->
    {ok, Text} = file:read_file("/proc/cpuinfo"),
    case re:run(Text, "model name\\s*:\\s*(.*)", [{capture, all_but_first, binary}]) of
        {match, [Model]} -> Model;
        nomatch -> <<"unknown">>
    end.

system() ->
    {_, Name} = os:type(),
    {Major, Minor, _} = os:version(),
    iolist_to_binary(io_lib:format("~s ~b.~b", [Name, Major, Minor])).
