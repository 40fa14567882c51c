%% SPDX-License-Identifier: Apache-2.0
%%
%% Measures what the patch costs processes without a policy, and what policies
%% cost those that have one. Run by `make bench`, which says how:
%%
%%     erl -noshell -pa DIR -run seccomp_bench main full|quick PATCHED STOCK TOP
%%
%% PATCHED and STOCK are the two emulators' erl, TOP is where docs/ and README.md
%% are. Exit status 1: something could not be measured, or the two emulators
%% make different code of the same module. A budget that is missed is no failure.
-module(seccomp_bench).

-export([main/1]).

-type emulator() :: bench_emulator:emulator().

-spec main([string()]) -> no_return().
main([How, Patched, Stock, Top]) ->
    Status =
        try run(list_to_existing_atom(How), Patched, Stock, Top) of
            same_code -> 0;
            other_code -> 1
        catch
            throw:{bench, Text} ->
                io:format(standard_error, "bench: ~ts~n", [Text]),
                1
        end,
    halt(Status).

%% How often, how long, how many processes, and the code of which applications.
plan(full) ->
    #{rounds => 12, scale => 1, many => 1_000_000, times => 2, code => [stdlib, compiler]};
plan(quick) ->
    #{rounds => 1, scale => 0.1, many => 50_000, times => 1, code => []}.

run(How, Patched, Stock, Top) ->
    Started = erlang:monotonic_time(second),
    Plan = plan(How),
    Dir = filename:dirname(code:which(?MODULE)),
    Emulators = [emulator(Patched, "patched", Dir), emulator(Stock, "stock", Dir)],
    Host = bench_host:describe(Emulators),
    ok = write_many(Dir),
    Data = measure(Emulators, Plan),
    Results = Host#{
        minutes => (erlang:monotonic_time(second) - Started) / 60,
        rounds => maps:get(rounds, Plan)
    },
    ok = bench_report:print(Results, Data),
    ok = write(How, Results, Data, Dir, Top),
    case Data of
        #{code := #{differ := []}} -> same_code;
        _ -> other_code
    end.

emulator(Erl, Name, Dir) ->
    Own = filename:join(Dir, Name),
    ok = filelib:ensure_dir(filename:join(Own, "x")),
    #{erl => Erl, dir => Own, cpu => bench_host:last_cpu()}.

%% The modules of bench_policy that are generated, once.
write_many(Dir) ->
    Write = fun({Module, Beam}) ->
        ok = file:write_file(filename:join(Dir, atom_to_list(Module) ++ ".beam"), Beam)
    end,
    case code:which(bench_many_caller) of
        non_existing -> lists:foreach(Write, bench_policy:many());
        _ -> ok
    end.

-spec measure([emulator()], map()) -> bench_budgets:data().
measure([Patched, Stock], #{rounds := Rounds, many := Many, times := Times} = Plan) ->
    EStone = code:which(estone_SUITE) =/= non_existing,
    say("calibrating", []),
    Counts = bench_emulator:run(Stock, pinned, {calibrate, EStone}),
    #{
        estone => bench_programs:weights(EStone),
        rounds => [round(Patched, Stock, N, EStone, Counts, Plan) || N <- lists:seq(1, Rounds)],
        stock_process => bench_emulator:run(Stock, pinned, one_process),
        patched_process => bench_emulator:run(Patched, pinned, one_process),
        many => many(Patched, Stock, Many, Times),
        many_count => Many,
        code => code(Patched, Stock, Plan)
    }.

round(Patched, Stock, N, EStone, Counts, #{rounds := Rounds, scale := Scale}) ->
    Started = erlang:monotonic_time(millisecond),
    Times = fun(Emulator, Restricted) ->
        bench_emulator:run(Emulator, pinned, {times, Restricted, EStone, Counts, Scale})
    end,
    Nodes = fun(Emulator) ->
        bench_emulator:run(Emulator, free, {nodes, Scale}, bench_nodes:flags())
    end,
    Both = fun(Emulator, Restricted) -> maps:merge(Times(Emulator, Restricted), Nodes(Emulator)) end,
    Before = Both(Stock, false),
    Under = Both(Patched, true),
    Again = Both(Stock, false),
    Others = bench_emulator:run(Stock, pinned, {others, Counts, Scale / 3}),
    Policy = bench_emulator:run(Patched, free, {policy, Counts, Scale / 3}),
    Eval = bench_emulator:run(Patched, pinned, {eval, Scale}),
    Took = erlang:monotonic_time(millisecond) - Started,
    say("round ~b of ~b took ~.1f s, load ~.1f", [N, Rounds, Took / 1000, bench_host:load()]),
    Restricted = #{policy => Policy, eval => Eval},
    Restricted#{stock => Before, patched => Under, again => Again, others => Others}.

many(Patched, Stock, Count, Times) ->
    %% Room for all of them in the process table.
    Flags = ["+P", integer_to_list(2 * Count + 1000)],
    Run = fun({Name, Emulator, Restricted}) ->
        say("starting ~b processes: ~s", [Count, Name]),
        Task = {many_processes, Restricted, Count},
        {Name, [bench_emulator:run(Emulator, free, Task, Flags) || _ <- lists:seq(1, Times)]}
    end,
    Kinds = [{stock, Stock, false}, {trusted, Patched, false}, {restricted, Patched, true}],
    maps:from_list([Run(Kind) || Kind <- Kinds]).

code(Patched, Stock, #{code := Applications}) ->
    say("comparing machine code", []),
    Modules = [
        list_to_atom(filename:basename(File, ".beam"))
     || Application <- Applications,
        File <- filelib:wildcard(filename:join([code:lib_dir(Application), "ebin", "*.beam"]))
    ],
    Own = [bench_calls, bench_processes, bench_json],
    [Dir1, Dir2] = [bench_code:dump(E, "code", Own ++ Modules) || E <- [Stock, Patched]],
    bench_code:compare(Dir1, Dir2).

write(quick, Results, Data, Dir, _Top) ->
    %% Proves that it can be written, and leaves the documentation alone.
    ok = bench_report:json(filename:join(Dir, "bench.json"), Results, Data),
    bench_chart:write(filename:join(Dir, "bench.svg"), Dir, Data);
write(full, Results, Data, Dir, Top) ->
    Docs = filename:join(Top, "docs"),
    ok = bench_report:json(filename:join(Docs, "bench.json"), Results, Data),
    ok = bench_report:readme(filename:join(Top, "README.md"), Results, Data),
    bench_chart:write(filename:join(Docs, "bench.svg"), Dir, Data).

say(Format, Args) -> io:format(standard_error, "bench: " ++ Format ++ "~n", Args).
