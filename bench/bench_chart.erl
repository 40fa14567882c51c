%% SPDX-License-Identifier: Apache-2.0
%%
%% The results as a chart, drawn by gnuplot.
-module(bench_chart).

-export([write/3]).

-define(WIDTH, 860).
%% The height of a row, and of what is above and below the rows of a panel.
-define(ROW, 19).
-define(ABOVE, 44).
-define(BELOW, 50).

-type panel() :: #{
    title := iodata(),
    axis := iodata(),
    %% Commands that only this panel needs.
    set := [iodata()],
    %% Label, and the columns that `plot` names $2 and so on.
    rows := [[binary() | number()]],
    plot := [iodata()]
}.

%% Writes the chart, or says what is missing; without it the rest is complete.
-spec write(file:filename(), file:filename(), bench_budgets:data()) -> ok.
write(File, Dir, Data) ->
    case os:find_executable("gnuplot") of
        false ->
            io:format(
                standard_error,
                "bench: no chart, gnuplot is missing. Install it with:~n"
                "  apt-get install --no-install-recommends gnuplot-nox~n",
                []
            );
        Gnuplot ->
            Script = filename:join(Dir, "bench.gp"),
            ok = file:write_file(Script, script(File ++ ".new", panels(Data))),
            ok = draw(Gnuplot, Script),
            ok = file:rename(File ++ ".new", File)
    end.

draw(Gnuplot, Script) ->
    Port = open_port({spawn_executable, Gnuplot}, [
        {args, [Script]}, exit_status, stderr_to_stdout, binary
    ]),
    wait(Port, []).

wait(Port, Output) ->
    receive
        {Port, {data, Data}} -> wait(Port, [Output, Data]);
        {Port, {exit_status, 0}} -> ok;
        {Port, {exit_status, _}} -> throw({bench, ["gnuplot failed:\n", Output]})
    end.

%% -- Panels ------------------------------------------------------------------

-spec panels(bench_budgets:data()) -> [panel()].
panels(Data) ->
    Rows = bench_budgets:rows(Data),
    Of = fun(Group, Unit) ->
        [R || #{group := G, unit := U} = R <- Rows, G =:= Group, U =:= Unit]
    end,
    [
        against_stock(Of(trusted, ratio)),
        against_trusted(Of(restricted, ratio)),
        more([R || #{limit := 1.0} = R <- Of(restricted, ns)]),
        shares([
            R
         || #{limit := Limit, group := Group, unit := Unit} = R <- Rows,
            is_integer(Limit),
            Limit > 0,
            lists:member(Group, [restricted, policy, memory]),
            Unit =/= ratio
        ]),
        others(bench_budgets:others(Data))
    ].

against_stock(Rows) ->
    ratios(
        "A trusted process: time on the patched emulator, stock emulator = 1",
        "median and its 95 % interval; grey: the stock emulator against itself; line: the budget",
        1.0,
        "#1f6fb4",
        [
            [What, Median, Low, High, NoiseLow, NoiseHigh]
         || #{what := What, value := Value, noise := Noise} <- Rows,
            #{median := Median, low := Low, high := High} <- [Value],
            #{low := NoiseLow, high := NoiseHigh} <- [Noise]
        ]
    ).

against_trusted(Rows) ->
    ratios(
        "A restricted process: time, trusted process = 1",
        "median and its 95 % interval; line: the budget",
        1.02,
        "#c8551b",
        [
            [What, Median, Low, High, 1, 1]
         || #{what := What, value := #{median := Median, low := Low, high := High}} <- Rows
        ]
    ).

ratios(Title, Axis, Budget, Colour, Rows) ->
    Far = lists:max([0.045 | [abs(V - 1) || [_ | Vs] <- Rows, V <- lists:sublist(Vs, 3)]]),
    #{
        title => Title,
        axis => Axis,
        set => [
            range(1 - Far * 1.1, 1 + Far * 1.1),
            "set format x '%.2f'",
            line(Budget)
        ],
        rows => Rows,
        plot => [
            [
                "using 5:0:5:6:($0-0.32):($0+0.32) with boxxyerror ",
                "fs solid 1.0 noborder lc rgb '#dddddd'"
            ],
            ["using 2:0:3:4:ytic(1) with xerrorbars pt 7 ps 0.7 lw 1.6 lc rgb '", Colour, "'"]
        ]
    }.

more(Rows) ->
    Values = [High || #{value := #{high := High}} <- Rows],
    bars(
        "A restricted process: nanoseconds more for one call",
        "median; line: the budget",
        [range(0, 1.15 * lists:max([1.05 | Values])), line(1.0)],
        "#c8551b",
        "%.2f",
        [[What, Median] || #{what := What, value := #{median := Median}} <- Rows]
    ).

shares(Rows) ->
    Shares = [
        [What, 100 * Median / Limit]
     || #{what := What, value := #{median := Median}, limit := Limit} <- Rows
    ],
    bars(
        "Policies: per cent of the budget that is used",
        "median; line: all of it",
        [range(0, lists:max([110 | [1.15 * Share || [_, Share] <- Shares]])), line(100)],
        "#c8551b",
        "%.0f",
        Shares
    ).

others(Others) ->
    Rows = [[What, Median] || {What, #{median := Median}, _} <- Others],
    Most = lists:max([Median || [_, Median] <- Rows]),
    bars(
        "One external call, nanoseconds (logarithmic)",
        "median",
        ["set logscale x", range(0.5, 2.5 * Most)],
        "#5b8a3c",
        "%.1f",
        Rows
    ).

bars(Title, Axis, Set, Colour, Format, Rows) ->
    #{
        title => Title,
        axis => Axis,
        set => Set,
        rows => Rows,
        plot => [
            [
                "using 2:0:(1e-9):2:($0-0.34):($0+0.34):ytic(1) with boxxyerror ",
                "fs solid 1.0 noborder lc rgb '",
                Colour,
                "'"
            ],
            [
                "using 2:0:(sprintf('",
                Format,
                "', $2)) with labels left offset 0.6,0 font ',11' tc rgb '#222222'"
            ]
        ]
    }.

range(From, To) -> io_lib:format("set xrange [~.4f:~.4f]", [float(From), float(To)]).

line(X) ->
    io_lib:format(
        "set arrow 1 from first ~.4f, graph 0 to first ~.4f, graph 1 "
        "nohead front lw 1.4 lc rgb '#222222'",
        [float(X), float(X)]
    ).

%% -- The script --------------------------------------------------------------

script(File, Panels) ->
    Total = lists:sum([height(Panel) || Panel <- Panels]),
    [
        io_lib:format(
            "set terminal svg noenhanced size ~b,~b background 'white' font 'sans-serif,12'~n"
            "set output \"~ts\"~n"
            "set multiplot~n"
            "set lmargin at screen 0.30~nset rmargin at screen 0.965~n"
            "set key off~nset tics nomirror scale 0.4~nset border 1 lc rgb '#888888'~n"
            "set grid x lc rgb '#e4e4e4' lw 0.7 lt 1~n"
            "set ytics scale 0 textcolor rgb '#222222'~n"
            "set xtics textcolor rgb '#555555'~n",
            [?WIDTH, Total, File]
        ),
        panels(Panels, Total, Total, 1),
        "unset multiplot\n"
    ].

panels([], _, _, _) ->
    [];
panels([Panel | Panels], Top, Total, N) ->
    #{title := Title, axis := Axis, set := Set, rows := Rows, plot := Plot} = Panel,
    Data = ["$data", integer_to_list(N)],
    At = fun(Y) -> float_to_list(Y / Total, [{decimals, 5}]) end,
    Bottom = Top - height(Panel),
    [
        [Data, " << EOD\n", [row(Row) || Row <- Rows], "EOD\n"],
        ["set tmargin at screen ", At(Top - ?ABOVE), "\n"],
        ["set bmargin at screen ", At(Bottom + ?BELOW), "\n"],
        "unset logscale\nset format x '%g'\nunset arrow\n",
        %% In gnuplot a title is centred over the plot: a label is not.
        ["set label 1 \"", Title, "\" at screen 0.02, screen ", At(Top - 26),
            " left font ',14' tc rgb '#111111'\n"],
        ["set xlabel \"", Axis, "\" font ',11' tc rgb '#555555' offset 0,0.3\n"],
        io_lib:format("set yrange [~.1f:-0.6]~n", [length(Rows) - 0.4]),
        [[Line, $\n] || Line <- Set],
        ["plot ", lists:join(", ", [[Data, $\s, P] || P <- Plot]), "\n\n"],
        panels(Panels, Bottom, Total, N + 1)
    ].

height(#{rows := Rows}) -> ?ABOVE + ?BELOW + ?ROW * length(Rows).

row([Label | Numbers]) ->
    [[$", Label, $"], [[$\s, io_lib:format("~.5f", [float(N)])] || N <- Numbers], $\n].
