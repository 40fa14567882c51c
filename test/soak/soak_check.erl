%% SPDX-License-Identifier: Apache-2.0
%%
%% What is compared at the end of a part, and the lines that are printed: one
%% for progress, one for each check in the closing table.
-module(soak_check).

-export([equal/3, between/4, at_most/3, at_least/3, note/2]).
-export([passed/1, table/1, say/2, count/1, megabytes/1]).

-export_type([check/0]).

%% `none` where a figure is only told.
-type check() :: {What :: iodata(), Expected :: iodata(), Seen :: iodata(), boolean() | none}.

-spec equal(iodata(), term(), term()) -> check().
equal(What, Expected, Seen) -> {What, text(Expected), text(Seen), Expected =:= Seen}.

-spec between(iodata(), integer(), integer(), integer()) -> check().
between(What, Low, High, Seen) ->
    Range =
        case Low of
            High -> text(Low);
            _ -> [count(Low), " to ", count(High)]
        end,
    {What, Range, count(Seen), Low =< Seen andalso Seen =< High}.

-spec at_most(iodata(), {integer(), iodata()}, {integer(), iodata()}) -> check().
at_most(What, {Bound, BoundText}, {Seen, SeenText}) ->
    {What, ["< ", BoundText], SeenText, Seen < Bound}.

-spec at_least(iodata(), {integer(), iodata()}, {integer(), iodata()}) -> check().
at_least(What, {Bound, BoundText}, {Seen, SeenText}) ->
    {What, [">= ", BoundText], SeenText, Seen >= Bound}.

-spec note(iodata(), iodata()) -> check().
note(What, Seen) -> {What, "", Seen, none}.

-spec passed([check()]) -> {Passed :: non_neg_integer(), Failed :: non_neg_integer()}.
passed(Checks) ->
    {length([c || {_, _, _, true} <- Checks]), length([c || {_, _, _, false} <- Checks])}.

%% 80 columns; a term that is too long for its column gets lines of its own.
-spec table([check()]) -> ok.
table(Checks) ->
    io:format("~-42s ~16s ~13s~n", ["", "expected", "seen"]),
    lists:foreach(fun row/1, Checks).

row({What, Expected, Seen, Verdict}) ->
    io:format("~-42ts ~16ts ~13ts  ~s~n", [
        clip(What, 42), clip(Expected, 16), clip(Seen, 13), verdict(Verdict)
    ]),
    case Verdict of
        false -> [full(Text) || Text <- [What, Expected, Seen], too_long(Text)];
        _ -> []
    end.

full(Text) -> io:format("    ~ts~n", [Text]).

too_long(Text) -> string:length(Text) > 13.

clip(Text, Width) ->
    case string:length(Text) > Width of
        true -> [string:slice(Text, 0, Width - 2), ".."];
        false -> Text
    end.

verdict(true) -> "ok";
verdict(false) -> "FAILED";
verdict(none) -> "".

%% A line of progress, with the time since the start of the node.
-spec say(io:format(), [term()]) -> ok.
say(Format, Args) ->
    {Milliseconds, _} = erlang:statistics(wall_clock),
    Line = io_lib:format(Format, Args),
    io:format("~5b s  ~ts~n", [Milliseconds div 1000, Line]).

text(N) when is_integer(N) -> count(N);
text(Term) -> io_lib:format("~0tp", [Term]).

-spec count(integer()) -> iodata().
count(N) when N < 0 -> ["-", count(-N)];
count(N) when N < 1000 -> integer_to_list(N);
count(N) -> [count(N div 1000), io_lib:format(",~3..0b", [N rem 1000])].

-spec megabytes(integer()) -> iodata().
megabytes(Bytes) -> io_lib:format("~.1f MB", [Bytes / 1048576]).
