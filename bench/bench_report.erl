%% SPDX-License-Identifier: Apache-2.0
%%
%% The results as text, as a part of README.md, and as JSON.
-module(bench_report).

-export([print/2, readme/3, json/3, measured/1, budget/1]).

-define(BEGIN_MARK, <<"<!-- bench -->">>).
-define(END_MARK, <<"<!-- /bench -->">>).

%% -- On the terminal ---------------------------------------------------------

-spec print(map(), bench_budgets:data()) -> ok.
print(Results, Data) ->
    Rows = bench_budgets:rows(Data),
    io:format("~n~ts~n", [lists:join($\n, description(Results, Data))]),
    lists:foreach(fun(Group) -> print_group(Group, Rows) end, groups()),
    io:format("~n~-34s ~14s ~14s~n", ["One call, ns", "external", "light BIF"]),
    lists:foreach(
        fun({What, Call, Bif}) ->
            io:format("~-34ts ~14ts ~14ts~n", [What, nanos(Call), nanos(Bif)])
        end,
        bench_budgets:others(Data)
    ),
    print_code(Data).

print_group({Group, Title}, Rows) ->
    io:format("~n~-32ts ~8s ~10s ~18s  ~s~n", [Title, "budget", "median", "min to max", "met"]),
    lists:foreach(
        fun(#{what := What, value := #{median := Median, min := Min, max := Max}} = Row) ->
            Range = [number(Row, Min), " to ", number(Row, Max)],
            io:format("~-32ts ~8ts ~10ts ~18ts  ~ts~n", [
                What, budget(Row), number(Row, Median), Range, verdict(Row)
            ])
        end,
        [Row || #{group := G} = Row <- Rows, G =:= Group]
    ).

groups() ->
    [
        {trusted, "Trusted process, to stock"},
        {restricted, "Restricted process, to trusted"},
        {policy, "Policies"},
        {eval, "Evaluating text, seccomp_eval"},
        {memory, "Memory, bytes"},
        {code, "Modules of other machine code"}
    ].

print_code(#{code := #{instructions := N, shortened := Short, differ := Differ}}) ->
    io:format(
        "~nCode: ~b instructions compared; ~b tests for two atoms are shorter in one~n"
        "emulator than in the other, which numbers its atoms differently.~n",
        [N, Short]
    ),
    [io:format("~n~s, stock and patched:~n~ts~n~ts~n", [M, A, B]) || {M, A, B} <- Differ],
    ok.

%% -- Words and numbers -------------------------------------------------------

description(#{cpu := Cpu, cpus := Cpus, system := System} = Results, Data) ->
    #{otp := Otp, flavor := Flavor, date := Date, same_build := Same} = Results,
    #{rounds := Rounds, minutes := Minutes, load := Load} = Results,
    Stock =
        case Same of
            true -> "a stock emulator built with the same flags";
            false -> "the host's emulator, whose flags may be others"
        end,
    [
        io_lib:format("~ts, ~b processors, ~ts;", [Cpu, Cpus, System]),
        io_lib:format("OTP ~ts, ~ts, against ~s;", [Otp, Flavor, Stock]),
        io_lib:format("~b rounds in ~.1f minutes, load ~.1f before; ~ts.~s", [
            Rounds, Minutes, Load, Date, estone(Data)
        ])
    ].

estone(#{estone := []}) -> " EStone was not there.";
estone(_) -> "".

-spec budget(bench_budgets:row()) -> iodata().
budget(#{limit := none}) -> "";
budget(#{unit := ratio, limit := Limit}) -> float_to_binary(float(Limit), [{decimals, 2}]);
budget(#{unit := ns, limit := Limit}) when is_float(Limit) -> io_lib:format("~.1f ns", [Limit]);
budget(#{unit := Unit, limit := Limit}) -> io_lib:format("~b~ts", [Limit, unit(Unit)]).

unit(ns) -> " ns";
unit(us) -> " us";
unit(bytes) -> " B";
unit(differences) -> "".

number(#{unit := ratio}, Value) -> io_lib:format("~.3f", [Value]);
number(#{unit := bytes}, Value) -> integer_to_binary(round(Value));
number(#{unit := differences}, Value) -> integer_to_binary(round(Value));
number(_, Value) when abs(Value) >= 100 -> io_lib:format("~b", [round(Value)]);
number(_, Value) when abs(Value) >= 10 -> io_lib:format("~.1f", [Value]);
number(_, Value) -> io_lib:format("~.2f", [Value]).

verdict(#{met := true}) -> "yes";
verdict(#{met := none}) -> "";
verdict(#{unit := ratio, limit := Limit, value := #{median := Median}}) ->
    io_lib:format("no, by ~.1f %", [100 * (Median / Limit - 1)]);
verdict(#{unit := Unit, limit := Limit, value := #{median := Median}} = Row) ->
    ["no, by ", number(Row, Median - Limit), unit(Unit)].

nanos(none) -> "";
nanos(#{median := Median}) -> number(#{unit => ns}, Median).

%% A number with its unit, and the interval that holds it with 95 %.
-spec measured(bench_budgets:row()) -> iodata().
measured(#{unit := Unit, value := #{median := Median, low := Low, high := High}} = Row) ->
    Text = [number(Row, Median), unit_of(Unit)],
    case [number(Row, V) || V <- [Low, High]] of
        [Same, Same] -> Text;
        [From, To] -> [Text, " (", From, " to ", To, ")"]
    end.

unit_of(ratio) -> "";
unit_of(Unit) -> unit(Unit).

%% -- README.md ---------------------------------------------------------------

%% Puts the tables between the marks, which have to be there.
-spec readme(file:filename(), map(), bench_budgets:data()) -> ok.
readme(File, Results, Data) ->
    {ok, Text} = file:read_file(File),
    case {binary:split(Text, ?BEGIN_MARK), binary:split(Text, ?END_MARK)} of
        {[Before, _], [_, After]} ->
            Tables = unicode:characters_to_binary(markdown(Results, Data)),
            replace(File, [Before, ?BEGIN_MARK, $\n, Tables, ?END_MARK, After]);
        _ ->
            throw({bench, [File, " lacks the marks ", ?BEGIN_MARK, " and ", ?END_MARK]})
    end.

markdown(Results, Data) ->
    Rows = bench_budgets:rows(Data),
    [
        [[Line, $\n] || Line <- description(Results, Data)],
        "\n| what | budget | measured | met |\n| --- | --- | --- | --- |\n",
        [
            [
                "| ", prefix(Group), What, " | ", budget(Row), " | ",
                plus(Row), measured(Row), " | ", verdict(Row), " |\n"
            ]
         || #{group := Group, what := What} = Row <- Rows, wanted(Row)
        ],
        "\n| one call | external | light BIF |\n| --- | --- | --- |\n",
        [
            ["| ", What, " | ", nanos(Call), " ns | ", nanos_or_none(Bif), " |\n"]
         || {What, Call, Bif} <- bench_budgets:others(Data)
        ],
        "\n| evaluating text | time |\n| --- | --- |\n",
        [
            ["| ", What, " | ", measured(Row), " |\n"]
         || #{group := eval, what := What, limit := none} = Row <- Rows
        ]
    ].

%% Without a budget it is in the JSON.
wanted(#{limit := Limit}) -> Limit =/= none.

prefix(trusted) -> "trusted: ";
prefix(restricted) -> "restricted: ";
prefix(_) -> "".

plus(#{group := restricted, unit := ns, value := #{median := Median}}) when Median >= 0 -> "+";
plus(_) -> "".

nanos_or_none(none) -> "";
nanos_or_none(Summary) -> [nanos(Summary), " ns"].

%% -- JSON --------------------------------------------------------------------

-spec json(file:filename(), map(), bench_budgets:data()) -> ok.
json(File, Results, Data) ->
    #{code := #{modules := Modules, instructions := Instructions} = Code} = Data,
    #{shortened := Short, differ := Differ} = Code,
    Value = [
        {format, 1},
        {measured, maps:map(fun(_, V) -> rounded(V) end, Results)},
        {budgets, [json_row(Row) || Row <- bench_budgets:rows(Data)]},
        {calls, [
            [{what, What}, {external, json_median(Call)}, {light_bif, json_median(Bif)}]
         || {What, Call, Bif} <- bench_budgets:others(Data)
        ]},
        {code, [
            {modules, Modules},
            {instructions, Instructions},
            {shortened_tests, Short},
            {differ, [M || {M, _, _} <- Differ]}
        ]},
        {times_ns, [[{K, rounded(V)} || {K, V} <- Row] || Row <- bench_budgets:times(Data)]}
    ],
    replace(File, bench_json:pretty(Value)).

json_row(#{id := Id, what := What, unit := Unit, limit := Limit} = Row) ->
    #{value := Value, met := Met} = Row,
    [{id, Id}, {what, What}, {unit, Unit}, {budget, null(Limit)}] ++ summary("", Value) ++
        case Row of
            #{noise := Noise} -> summary("stock_to_itself_", Noise);
            _ -> []
        end ++ [{met, null(Met)}].

summary(Prefix, Summary) ->
    [
        {list_to_atom(Prefix ++ atom_to_list(Key)), rounded(maps:get(Key, Summary))}
     || Key <- [median, low, high, min, max, rounds]
    ].

json_median(none) -> null;
json_median(#{median := Median}) -> rounded(Median).

null(none) -> null;
null(Value) -> Value.

%% Digits that mean something.
rounded(Value) when is_float(Value), abs(Value) >= 1000 -> round(Value);
rounded(Value) when is_float(Value) -> round(Value * 10000) / 10000;
rounded(Value) -> Value.

replace(File, Text) ->
    New = File ++ ".new",
    ok = file:write_file(New, Text),
    ok = file:rename(New, File).
