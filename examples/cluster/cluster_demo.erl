%% SPDX-License-Identifier: Apache-2.0
%%
%% Three ways round a policy that no sandbox inside a stock emulator can close,
%% tried between real nodes: first on a stock emulator, then on the patched one.
%% Run by `make demo-cluster`:
%%
%%     erl -noshell -pa DIR -run cluster_demo main
%%
%% Exit status 1: something worked that must not, or did not work that must.
-module(cluster_demo).

-export([main/0]).

-define(NAME, 46).
-define(CELL, 14).

-spec main() -> no_return().
main() ->
    ok = logger:set_primary_config(level, none),
    Status =
        try check() andalso run() of
            true -> 0;
            false -> 1
        catch
            throw:{demo, Text} ->
                io:format(standard_error, "demo: ~ts~n", [Text]),
                1
        end,
    halt(Status).

check() ->
    Stock = seccomp_test_node:stock_erl(),
    filelib:is_regular(Stock) orelse
        throw({demo, ["no stock emulator ", Stock, "; name one in SECCOMP_STOCK_ERL"]}),
    case seccomp:enforcement() of
        #{status := enforced} -> true;
        _ -> throw({demo, seccomp:format_error({unsupported, #{}})})
    end.

run() ->
    io:format("The same code is run on a stock emulator and on the patched one.~n"),
    Dir = filename:join("/tmp", "seccomp-demo-" ++ os:getpid()),
    ok = filelib:ensure_dir(filename:join(Dir, "x")),
    Results =
        try
            lists:append([scene(Scene, Dir) || Scene <- cluster_demo_scenes:all()])
        after
            file:del_dir_r(Dir)
        end,
    Attacks = [Cells || {{true, false}, Cells} <- Results],
    Stock = length([x || {true, _} <- Attacks]),
    Stopped = length([x || {_, false} <- Attacks]),
    io:format("~n~b attacks: ~b work on stock, ~b are stopped on patched~n", [
        length(Attacks), Stock, Stopped
    ]),
    Wrong = [Cells || {Must, Cells} <- Results, Must =/= Cells],
    Wrong =:= [] orelse io:format("~b rows are NOT as they must be~n", [length(Wrong)]),
    Wrong =:= [].

scene(#{title := Title, story := Story, rows := Rows} = Scene, Dir) ->
    io:format("~n~ts~n~n", [Title]),
    [io:format("  ~ts~n", [Line]) || Line <- Story],
    io:format("~n", []),
    line("attempt", "stock", "patched"),
    line(lists:duplicate(?NAME, $-), "------------", "------------"),
    Stock = cluster_demo_nodes:start(stock, Scene),
    Patched = cluster_demo_nodes:start(patched, Scene),
    {Results, Last} = lists:mapfoldl(
        fun(Row, Sides) -> row(Row, Scene, Dir, Sides) end, {Stock, Patched}, Rows
    ),
    [ok = cluster_demo_nodes:stop(Nodes) || Nodes <- tuple_to_list(Last)],
    Results.

%% Printed as it goes: a row may take some seconds.
row(#{name := Name, must := {MustStock, MustPatched}} = Row, Scene, Dir, {Stock, Patched}) ->
    io:format("~ts  ", [string:pad(Name, ?NAME)]),
    {First, Stock1} = try_it(Row, Scene, Dir, stock, Stock),
    io:format("~ts", [string:pad(cell(Row, First, MustStock), ?CELL)]),
    {Second, Patched1} = try_it(Row, Scene, Dir, patched, Patched),
    io:format("~ts~n", [cell(Row, Second, MustPatched)]),
    {{{MustStock, MustPatched}, {First, Second}}, {Stock1, Patched1}}.

line(Name, Stock, Patched) ->
    io:format("~ts  ~ts~ts~n", [string:pad(Name, ?NAME), string:pad(Stock, ?CELL), Patched]).

cell(Row, Is, Is) -> word(maps:get(must, Row), Is);
cell(Row, Is, _Must) -> "!! " ++ word(maps:get(must, Row), Is).

word({true, true}, true) -> "works";
word({true, true}, _) -> "fails";
word(_, true) -> "it works";
word(_, false) -> "stopped";
word(_, not_denied) -> "not denied".

%% -- One attempt -------------------------------------------------------------

try_it(#{code := Code, by := By} = Row, Scene, Dir, Kind, Nodes) ->
    Marker = filename:join(Dir, integer_to_list(erlang:unique_integer([positive]))),
    #{one := {_, N1} = One, stock := Stock, vault := Vault} = Nodes,
    Second = maps:get(maps:get(other, Row, same), Nodes),
    true = lists:all(fun cluster_demo_nodes:alive/1, [One, Second, Stock]),
    Args = [Marker, <<"x">>],
    Bindings = #{'N1' => N1, 'N2' => element(2, Second), 'Args' => Args, 'V' => Vault},
    Before = denials(Row, Kind, [One, Second]),
    Outcome =
        case By of
            sandboxed -> call(One, sandboxed, [Code, Bindings]);
            trusted -> call(One, job, [Args]);
            hostile -> call(Stock, hostile, [Code, Bindings])
        end,
    case worked(Row, Outcome, Marker, Nodes) of
        true -> {true, whole(Row, Scene, Kind, Nodes)};
        false -> {stopped(Before, denials(Row, Kind, [One, Second])), Nodes}
    end.

worked(#{effect := answer}, Outcome, _, _) ->
    Outcome =:= {value, closed};
worked(#{effect := marker}, _, Marker, _) ->
    cluster_demo_host:done(marker, Marker);
worked(#{effect := killed}, _, _, #{one := One, vault := Vault}) ->
    call(One, done, [gone, Vault]);
worked(#{effect := stopped}, _, _, #{one := One}) ->
    stops(One, 60).

%% Stopping in order takes a node a second or two.
stops(_, 0) ->
    false;
stops(One, Turns) ->
    not cluster_demo_nodes:alive(One) orelse
        begin
            timer:sleep(50),
            stops(One, Turns - 1)
        end.

%% An attempt that came to nothing for some other reason proves nothing: the
%% policy has to have denied it, here or on node 2.
denials(#{by := sandboxed}, patched, Hosts) -> [call(Host, denials, []) || Host <- Hosts];
denials(_, _, _) -> none.

stopped(Before, Before) when Before =/= none -> not_denied;
stopped(_, _) -> false.

%% After what destroyed something, the next attempt finds it whole again.
whole(#{effect := Effect}, Scene, Kind, Nodes) when Effect =:= killed; Effect =:= stopped ->
    ok = cluster_demo_nodes:stop(Nodes),
    cluster_demo_nodes:start(Kind, Scene);
whole(_, _, _, Nodes) ->
    Nodes.

call(Host, F, Args) -> cluster_demo_nodes:call(Host, cluster_demo_host, F, Args).
