%% SPDX-License-Identifier: Apache-2.0
%%
%% Compares what came of a row with what must, and prints it in 80 columns.
-module(seccomp_escapes_table).

-export([header/0, row/3, totals/1]).

-type column() :: not_run | {Expected :: term(), [{esc_run:status() | lost, term()}]}.
-type verdict() :: denied | harmless | open | not_run | wrong.

-define(WIDTH, 40).

-spec header() -> ok.
header() ->
    io:format("~-4s  ~-*s  ~-15s  ~-15s~n", ["id", ?WIDTH, "technique", "calculator", "plugin"]),
    io:format("~s  ~s  ~s  ~s~n", [lists:duplicate(N, $-) || N <- [4, ?WIDTH, 15, 15]]).

%% The row counts as the worse of both.
-spec row(map(), column(), column()) -> verdict().
row(#{id := Id, name := Name} = Row, Calculator, Plugin) ->
    Verdicts = [verdict(C) || C <- [Calculator, Plugin]],
    [C, P] = [text(V) || V <- Verdicts],
    io:format("~-4s  ~-*s  ~-15s  ~-15s~n", [Id, ?WIDTH, cut(Name), C, P]),
    _ = [explain(Column) || {Column, wrong} <- lists:zip([Calculator, Plugin], Verdicts)],
    case Verdicts of
        [not_run, not_run] ->
            io:format("      ~s~n", [maps:get(not_run, Row)]),
            not_run;
        _ ->
            [Worst | _] = [V || V <- [wrong, open, harmless, denied], lists:member(V, Verdicts)],
            Worst
    end.

%% Gives the exit status.
-spec totals([verdict()]) -> 0 | 1.
totals(Verdicts) ->
    Count = fun(Which) -> length([V || V <- Verdicts, V =:= Which]) end,
    io:format("~n~b rows: ~b denied, ~b harmless, ~b open, ~b not run, ~b WRONG~n", [
        length(Verdicts) | [Count(V) || V <- [denied, harmless, open, not_run, wrong]]
    ]),
    min(Count(wrong), 1).

verdict(not_run) ->
    not_run;
verdict({Expected, Results}) ->
    case [R || {Status, _} = R <- Results, not fits(Expected, Status)] of
        [] -> kind(Expected);
        _ -> wrong
    end.

fits({denied, Mfas}, {denied, Mfa}) -> lists:member(Mfa, Mfas);
fits(harmless, no_effect) -> true;
fits(open, effect) -> true;
fits(_, _) -> false.

kind({denied, _}) -> denied;
kind(Kind) -> Kind.

text(wrong) -> "WRONG";
text(not_run) -> "not run";
text(Kind) -> atom_to_list(Kind).

explain({Expected, Results}) ->
    Numbered = lists:zip(lists:seq(1, length(Results)), Results),
    [
        io:format("      way ~b: expected ~0p~n      but ~0p: ~0P~n", [
            N, Expected, Status, Outcome, 25
        ])
     || {N, {Status, Outcome}} <- Numbered, not fits(Expected, Status)
    ].

cut(Name) -> string:slice(Name, 0, ?WIDTH).
