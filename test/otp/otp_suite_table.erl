%% SPDX-License-Identifier: Apache-2.0
-module(otp_suite_table).

%% Compares what became of each case with the baseline, and prints it.
%%
%%   compare LISTS RUNS SUITE...    the runs `patched` and `restricted`
%%   baseline LISTS RUNS SUITE...   writes the baseline from `stock`, and
%%                                  names the cases that differ in `stock2`
%%
%% LISTS is the directory of the baseline and of the lists of exceptions.

-export([main/0]).

-spec main() -> no_return().
main() ->
    [Command, Lists, Runs | Suites] = init:get_plain_arguments(),
    halt(
        case Command of
            "compare" -> compare(Lists, Runs, Suites);
            "baseline" -> baseline(Lists, Runs, Suites)
        end
    ).

%% -- compare -----------------------------------------------------------------

compare(Lists, Runs, Suites) ->
    Baseline = otp_suite_results:list(filename:join(Lists, "baseline.txt")),
    Flaky = not_compared(Lists),
    Listed = maps:map(
        fun(_, Text) -> hd(string:lexemes(Text, " ")) end,
        otp_suite_results:list(filename:join(Lists, "restricted.txt"))
    ),
    Rows = [
        row(Suite, of_suite(Suite, Baseline), Flaky, [
            {"patched", #{}, otp_suite_results:run(filename:join(Runs, "patched"), Suite)},
            {"restricted", Listed, otp_suite_results:run(filename:join(Runs, "restricted"), Suite)}
        ])
     || Suite <- Suites
    ],
    table(Rows),
    Differences = lists:append([D || #{differences := D} <- Rows]),
    [io:format("~ts~n", [line(D)]) || D <- lists:sort(Differences)],
    Failed = length([D || {different, _, _} = D <- Differences]),
    Compared = lists:sum([N || #{compared := N} <- Rows]),
    io:format("~b known to differ, ~b cases not compared (flaky)~n", [
        length(Differences) - Failed, lists:sum([N || #{flaky := N} <- Rows])
    ]),
    io:format("~b nodes restricted~n", [length(lists:append([N || #{nodes := N} <- Rows]))]),
    io:format("~b passed, ~b failed~n", [max(0, Compared - Failed), Failed]),
    min(Failed, 1).

row(Suite, Base, Flaky, Runs) ->
    Compared = maps:without(maps:keys(Flaky), Base),
    Columns = [{Name, outcomes(Cases)} || {Name, _, #{cases := Cases}} <- Runs],
    #{
        suite => Suite,
        columns => [maps:values(Base) | [maps:values(O) || {_, O} <- Columns]],
        compared => maps:size(Compared) * length(Runs),
        flaky => maps:size(Base) - maps:size(Compared),
        nodes => lists:append([Nodes || {_, _, #{nodes := Nodes}} <- Runs]),
        differences => lists:append([
            differences(Suite, Name, Compared, Flaky, Listed, Run)
         || {Name, Listed, Run} <- Runs
        ])
    }.

differences(Suite, Name, Base, Flaky, Listed, #{cases := All, ended := Ended} = Run) ->
    Cases = maps:without(maps:keys(Flaky), All),
    Keys = lists:usort(maps:keys(Base) ++ maps:keys(Cases)),
    [{different, {Name, Suite, "-"}, "the run did not end"} || not Ended] ++
        [{different, {Name, Suite, "-"}, "is not in the baseline"} || map_size(Base) =:= 0] ++
        lists:append([
            difference(Name, Key, Expected, Outcome, Listed)
         || Key <- Keys,
            Expected <- [maps:get(Key, Base, "absent")],
            Outcome <- [maps:get(Key, Cases, {"absent", ""})]
        ]) ++
        trusted(Suite, Name, Run).

difference(_Name, _Key, Same, {Same, _}, _Listed) ->
    [];
difference(Name, {Suite, Case} = Key, Expected, {Outcome, Reason}, Listed) ->
    Kind =
        case Listed of
            #{Key := Outcome} -> listed;
            _ -> different
        end,
    [{Kind, {Name, Suite, Case}, [Expected, " -> ", Outcome, " ", string:slice(Reason, 0, 300)]}].

%% In the restricted run: cases that ran in a process without the policy.
trusted(Suite, "restricted" = Name, Run) ->
    #{cases := Cases, restricted := Seen, nodes := Nodes, leaky := Leaky} = Run,
    [
        {different, {Name, Suite, Case}, "did not run in a restricted process"}
     || {{_, Case}, {"ok", _}} <- maps:to_list(Cases),
        not lists:member(hd(string:split(Case, "#")), Seen)
    ] ++
        [{different, {Name, Suite, "-"}, "no node restricted itself"} || Nodes =:= []] ++
        [{different, {Name, Suite, "-"}, ["not all restricted: ", Node]} || Node <- Leaky];
trusted(_Suite, _Name, _Run) ->
    [].

outcomes(Cases) -> maps:map(fun(_, {Outcome, _}) -> Outcome end, Cases).

of_suite(Suite, Baseline) -> maps:filter(fun({S, _}, _) -> S =:= Suite end, Baseline).

%% -- printing ----------------------------------------------------------------

table(Rows) ->
    io:format("~n~-28s~14s~14s~14s~10s~n", [
        "ok/failed/skipped", "stock", "patched", "restricted", "differ"
    ]),
    [
        io:format("~-28ts~14s~14s~14s~10b~n", [
            Suite,
            counts(Stock),
            counts(Patched),
            counts(Restricted),
            length([D || {different, _, _} = D <- Differences])
        ])
     || #{suite := Suite, columns := Columns, differences := Differences} <- Rows,
        [Stock, Patched, Restricted] <- [Columns]
    ],
    Sum = fun(N) -> counts(lists:append([lists:nth(N, C) || #{columns := C} <- Rows])) end,
    All = lists:append([D || #{differences := D} <- Rows]),
    io:format("~-28ts~14s~14s~14s~10b~n~n", [
        "all", Sum(1), Sum(2), Sum(3), length([D || {different, _, _} = D <- All])
    ]).

counts(Outcomes) ->
    {Ok, Failed, Skipped} = otp_suite_results:counts(Outcomes),
    io_lib:format("~b/~b/~b", [Ok, Failed, Skipped]).

line({Kind, {Run, Suite, Case}, Text}) ->
    Mark =
        case Kind of
            different -> "DIFFERS";
            listed -> "listed "
        end,
    io_lib:format("~s ~s ~ts ~ts:~n        ~ts", [Mark, Run, Suite, Case, Text]).

%% -- baseline ----------------------------------------------------------------

baseline(Lists, Runs, Suites) ->
    Flaky = not_compared(Lists),
    Stock = [otp_suite_results:run(filename:join(Runs, "stock"), Suite) || Suite <- Suites],
    Again = [otp_suite_results:run(filename:join(Runs, "stock2"), Suite) || Suite <- Suites],
    First = merge(Stock),
    LeftOut = otp_suite_results:list(filename:join(Lists, "left_out")),
    Lines = [
        io_lib:format("~ts ~ts ~ts~n", [Suite, Case, Outcome])
     || {{Suite, Case} = Key, {Outcome, _}} <- lists:sort(maps:to_list(First)),
        not is_map_key(Key, LeftOut)
    ],
    Text = [
        "# SPDX-License-Identifier: Apache-2.0\n",
        "# Written by `make otp-baseline`: what became of each case on the stock emulator.\n"
        | Lines
    ],
    ok = file:write_file(filename:join(Lists, "baseline.txt"), unicode:characters_to_binary(Text)),
    NotEnded = [
        Suite
     || {Suite, #{ended := A}, #{ended := B}} <- lists:zip3(Suites, Stock, Again), not (A andalso B)
    ],
    Second = merge(Again),
    Unstable = [
        {Suite, Case, O1, element(1, maps:get(Key, Second, {"absent", ""}))}
     || {{Suite, Case} = Key, {O1, _}} <- lists:sort(maps:to_list(First)),
        element(1, maps:get(Key, Second, {"absent", ""})) =/= O1,
        not is_map_key(Key, Flaky)
    ],
    [io:format("did not end: ~ts~n", [S]) || S <- NotEnded],
    [io:format("not in `flaky`: ~ts ~ts ~ts, then ~ts~n", tuple_to_list(U)) || U <- Unstable],
    Bad = length(NotEnded) + length(Unstable),
    io:format("~b passed, ~b failed~n", [maps:size(First) - length(Unstable), Bad]),
    min(Bad, 1).

%% What is left out is not run either, but results of an older list may be there.
not_compared(Lists) ->
    maps:merge(
        otp_suite_results:list(filename:join(Lists, "flaky")),
        otp_suite_results:list(filename:join(Lists, "left_out"))
    ).

merge(Results) -> lists:foldl(fun(#{cases := C}, All) -> maps:merge(All, C) end, #{}, Results).
