%% SPDX-License-Identifier: Apache-2.0
%%
%% What is to be shown: the rows of the table, each with what was measured and,
%% where there is one, the budget.
-module(bench_budgets).

-export([rows/1, others/1, times/1]).
-export_type([data/0, row/0]).

-type data() :: #{
    rounds := [
        #{
            stock := bench_run:times(),
            patched := bench_run:times(),
            again := bench_run:times(),
            others := bench_run:times(),
            policy := #{atom() => float()},
            eval := #{atom() => float()}
        }
    ],
    stock_process := #{atom() => float()},
    patched_process := #{atom() => float()},
    %% Bytes for each of many processes, a number for each time.
    many := #{stock | trusted | restricted => [float()]},
    many_count := pos_integer(),
    code := map(),
    %% The parts of EStone with their weights, if it is there.
    estone := [{atom(), pos_integer()}]
}.

-type row() :: #{
    id := binary(),
    group := trusted | restricted | policy | eval | memory | code,
    what := binary(),
    unit := ratio | ns | us | bytes | differences,
    %% The most that it should be, or none.
    limit := number() | none,
    value := bench_stat:summary(),
    %% For a ratio to the stock emulator: that of the stock one to itself.
    noise => bench_stat:summary(),
    met := boolean() | none
}.

-spec rows(data()) -> [row()].
rows(Data) ->
    trusted(Data) ++ restricted(Data) ++ policy(Data) ++ eval(Data) ++ memory(Data) ++ code(Data).

%% -- Trusted processes, against the stock emulator ---------------------------

trusted(#{rounds := Rounds, estone := EStone}) ->
    [
        trusted(Id, What, [against_stock(Round, {Id, trusted}) || Round <- Rounds])
     || {Id, What} <- calls() ++ process_work() ++ between_nodes() ++ programs()
    ] ++
        [
            trusted(estone, <<"EStone">>, [estone_against_stock(R, EStone) || R <- Rounds])
         || EStone =/= []
        ].

%% The stock emulator runs before the patched one and after it: the ratio is to
%% both, and theirs to each other is noise.
against_stock(#{stock := Stock, patched := Patched, again := Again}, Key) ->
    #{Key := Before} = Stock,
    #{Key := After} = Again,
    {maps:get(Key, Patched) / math:sqrt(Before * After), After / Before}.

estone_against_stock(Round, EStone) ->
    Ratios = [{against_stock(Round, {Part, trusted}), Weight} || {Part, Weight} <- EStone],
    {
        bench_stat:geometric_mean([{Ratio, Weight} || {{Ratio, _}, Weight} <- Ratios]),
        bench_stat:geometric_mean([{Noise, Weight} || {{_, Noise}, Weight} <- Ratios])
    }.

%% Met when the interval reaches what the stock emulator shows against itself.
trusted(Id, What, Ratios) ->
    {Values, Noises} = lists:unzip(Ratios),
    Noise = bench_stat:summary(Noises),
    Row = row(trusted, Id, What, ratio, none, Values),
    #{value := #{low := Low}} = Row,
    Row#{limit := 1.0, noise => Noise, met := Low =< max(1.0, maps:get(high, Noise))}.

calls() ->
    [
        {external, <<"external call">>},
        {externals, <<"calls of ten functions">>},
        {light_bif, <<"light BIF">>},
        {bif, <<"other BIF">>},
        {apply_3, <<"apply/3">>},
        {fixed_apply, <<"M:F(A)">>},
        {external_fun, <<"external fun">>}
    ].

process_work() ->
    [
        {spawn, <<"spawn">>},
        {spawn_and_exit, <<"spawn, run and exit">>},
        {ping_pong, <<"message ping-pong">>}
    ].

between_nodes() -> [{round_trip, <<"round trip to another node">>}].

programs() ->
    [
        {gen_server, <<"gen_server call">>},
        {json, <<"JSON encoding">>},
        {compile, <<"compiling erl_lint">>}
    ].

%% -- Restricted processes, against trusted ones ------------------------------

restricted(#{rounds := Rounds, estone := EStone}) ->
    More = fun(Key) -> [more(Patched, Key) || #{patched := Patched} <- Rounds] end,
    Ratio = fun(Key) -> [ratio(Patched, Key) || #{patched := Patched} <- Rounds] end,
    [row(restricted, Id, What, ns, 1.0, More(Id)) || {Id, What} <- calls()] ++
        [
            row(restricted, spawn, <<"spawn, policy inherited">>, ns, 50, More(spawn)),
            row(restricted, spawn_and_exit, <<"spawn, run and exit">>, ns, none,
                More(spawn_and_exit)),
            row(restricted, message, <<"message with a token">>, ns, 100, More(message))
        ] ++
        [
            row(restricted, ping_pong, <<"message ping-pong">>, ratio, none, Ratio(ping_pong))
            | [row(restricted, Id, What, ratio, 1.02, Ratio(Id)) || {Id, What} <- programs()]
        ] ++
        [
            row(restricted, estone, <<"EStone">>, ratio, none, [
                bench_stat:geometric_mean([{ratio(P, Part), Weight} || {Part, Weight} <- EStone])
             || #{patched := P} <- Rounds
            ])
         || EStone =/= []
        ].

more(Times, Id) -> maps:get({Id, restricted}, Times) - maps:get({Id, trusted}, Times).

ratio(Times, Id) -> maps:get({Id, restricted}, Times) / maps:get({Id, trusted}, Times).

%% -- Policies ----------------------------------------------------------------

policy(#{rounds := Rounds}) ->
    Get = fun(Id, Unit) -> [maps:get(Id, Policy) / Unit || #{policy := Policy} <- Rounds] end,
    Sizes = fun(Small, Large) ->
        [maps:get(Large, Policy) / maps:get(Small, Policy) || #{policy := Policy} <- Rounds]
    end,
    [
        row(policy, set_policy, <<"set_policy on self()">>, us, 2, Get(set_policy, 1000)),
        row(policy, restrict, <<"restrict with 100 rules">>, us, 100, Get(restrict, 1000)),
        row(policy, first_10, <<"first check, 10 rules">>, ns, 200, Get(first_10, 1)),
        row(policy, first_100000, <<"first check, 100,000 rules">>, ns, 200, Get(first_100000, 1)),
        within_noise(
            row(policy, call_by_size, <<"later ones, 100,000 rules to 10">>, ratio, 1.0,
                Sizes(call_10, call_100000))
        ),
        row(policy, gate, <<"call of a gate, more">>, ns, 25, Get(gate, 1)),
        row(policy, args, <<"call by its arguments, more">>, ns, 120, Get(args, 1)),
        row(policy, denied, <<"denied call, caught">>, ns, none, Get(denied, 1))
    ].

within_noise(#{value := #{low := Low}, limit := Limit} = Row) -> Row#{met := Low =< Limit}.

%% -- Evaluating text ---------------------------------------------------------

eval(#{rounds := Rounds}) ->
    Get = fun(Id) -> [maps:get(Id, Eval) / 1000 || #{eval := Eval} <- Rounds] end,
    Ratio = [maps:get(interpreted, E) / maps:get(erl_eval, E) || #{eval := E} <- Rounds],
    [
        row(eval, Id, What, us, none, Get(Id))
     || {Id, What} <- [
            {native, <<"50,000 turns, native">>},
            {erl_eval, <<"50,000 turns, erl_eval">>},
            {interpreted, <<"50,000 turns, interpreted">>},
            {compiled, <<"50,000 turns, compiled">>},
            {fixed_interpreted, <<"next to nothing, interpreted">>},
            {fixed_compiled, <<"next to nothing, compiled">>}
        ]
    ] ++ [row(eval, to_erl_eval, <<"interpreted, to plain erl_eval">>, ratio, 1.1, Ratio)].

%% -- Memory and code ---------------------------------------------------------

memory(#{stock_process := Stock, patched_process := Patched, many := Many, many_count := Count}) ->
    More = fun(Key) -> [maps:get(Key, Patched) - maps:get(Key, Stock)] end,
    #{trusted := Trusted, restricted := Restricted, stock := StockMany} = Many,
    What = fun(Text) -> iolist_to_binary([thousands(Count), Text]) end,
    Each = fun(As, Bs) -> [A - B || {A, B} <- lists:zip(As, Bs)] end,
    [
        row(memory, process_size, <<"sizeof(Process), more">>, bytes, 0, More(process_size)),
        row(memory, process_memory, <<"a trusted process, more">>, bytes, 0, More(process_memory)),
        row(memory, many_trusted, What(<<" trusted, each more">>), bytes, none,
            Each(Trusted, StockMany)),
        row(memory, many_restricted, What(<<" restricted, each more">>), bytes, 128,
            Each(Restricted, Trusted))
    ].

code(#{code := #{modules := Modules, differ := Differ}}) ->
    What = iolist_to_binary(["code of ", thousands(Modules), " modules"]),
    [row(code, code, What, differences, 0, [length(Differ)])].

thousands(N) when N < 1000 -> integer_to_binary(N);
thousands(N) -> iolist_to_binary([thousands(N div 1000), io_lib:format(",~3..0b", [N rem 1000])]).

row(Group, Id, What, Unit, Limit, Values) ->
    Value = bench_stat:summary(Values),
    #{
        id => iolist_to_binary(io_lib:format("~s_~s", [Group, Id])),
        group => Group,
        what => What,
        unit => Unit,
        limit => Limit,
        value => Value,
        met => met(Limit, Value)
    }.

met(none, _) -> none;
met(Limit, #{median := Median}) -> Median =< Limit.

%% -- Other ways of watching calls --------------------------------------------

%% Nanoseconds of a call, each with its name.
-spec others(data()) -> [{binary(), bench_stat:summary(), bench_stat:summary() | none}].
others(#{rounds := Rounds}) ->
    Of = fun(Where, Key) ->
        bench_stat:summary([maps:get(Key, maps:get(Where, Round)) || Round <- Rounds])
    end,
    Both = fun(What, Where, Mode) ->
        {What, Of(Where, {external, Mode}), Of(Where, {light_bif, Mode})}
    end,
    [
        Both(<<"stock emulator, trusted">>, stock, trusted),
        Both(<<"under a policy">>, patched, restricted),
        Both(<<"with save_calls">>, others, save_calls),
        Both(<<"traced, no call matches">>, others, traced),
        {<<"erl_eval, function handler">>, Of(others, {evaluated, trusted}), none}
    ].

%% Everything that was timed, in nanoseconds.
-spec times(data()) -> [[{atom(), term()}]].
times(#{rounds := [First | _] = Rounds}) ->
    [
        [{workload, Name}, {process, Mode}, {emulator, emulator(Where)} | numbers(Summary)]
     || Where <- [stock, patched, others],
        {Name, Mode} = Key <- lists:sort(maps:keys(maps:get(Where, First))),
        Summary <- [bench_stat:summary([maps:get(Key, maps:get(Where, R)) || R <- Rounds])]
    ].

emulator(others) -> stock;
emulator(Where) -> Where.

numbers(#{median := Median, min := Min, max := Max}) ->
    [{median, Median}, {min, Min}, {max, Max}].
