%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_i).

-include("seccomp_doc.hrl").

?MODULEDOC("The table that `seccomp:i/0` prints, within 80 columns.").

-export([i/0, i/1, table/2, process/1, short/1]).

-define(MAX_ROWS, 20).

?NODOC.
-spec i() -> ok.
i() ->
    {Rows, More} = seccomp_watch:processes(?MAX_ROWS),
    io:put_chars([summary(seccomp:enforcement(), seccomp_watch:metrics()), table(Rows, More)]).

?NODOC.
-spec i(pid()) -> ok.
i(Pid) ->
    io:put_chars(
        case seccomp_watch:process(Pid) of
            [Row] -> process(Row);
            [] -> io_lib:format("~p is not restricted, or not alive~n", [Pid])
        end
    ).

summary(#{status := Status, otp := Otp, flavor := Flavor}, Metrics) ->
    #{restricted_processes := Processes, policies := Policies, denials_total := Denials} = Metrics,
    Enforced =
        case Status of
            enforced -> "policies are enforced";
            unsupported -> "NOTHING is enforced, for lack of the patch"
        end,
    [
        io_lib:format("Erlang/OTP ~ts (~ts): ~ts~n", [Otp, Flavor, Enforced]),
        io_lib:format("~b restricted, ~b policies, ~b denials since boot~n", [
            Processes, Policies, Denials
        ])
    ].

?DOC("The lines for rows of `seccomp_watch:processes/1`, and for those left out.").
-spec table([seccomp_watch:row()], non_neg_integer()) -> unicode:chardata().
table([], _More) ->
    "No process is restricted.\n";
table(Rows, More) ->
    [
        line(["pid", "name", "mode", "EMSI", "policy", "denials", "reds", "memory", "queue"]),
        [line(columns(Row)) || Row <- Rows],
        [io_lib:format("... and ~b more~n", [More]) || More > 0],
        "denials: among the newest 1024 of the node\n"
    ].

columns(#{pid := Pid, name := Name, mode := Mode, flags := Flags} = Row) ->
    #{denials := Denials, reductions := Reductions, memory := Memory, queue := Queue} = Row,
    [
        pid_to_list(Pid),
        name(Name),
        mode(Mode),
        seccomp_watch:flags(Flags),
        policy(Row),
        integer_to_list(Denials),
        short(Reductions),
        short(Memory),
        short(Queue)
    ].

mode(whitelist) -> "white";
mode(blacklist) -> "black".

policy(#{hash := Hash, comment := <<>>}) -> binary:part(Hash, 0, 8);
policy(#{hash := Hash, comment := Comment}) -> [binary:part(Hash, 0, 8), $\s, Comment].

name(Name) when is_atom(Name) -> atom_to_list(Name);
name({M, F, A}) -> io_lib:format("~tw:~tw/~b", [M, F, A]).

line([Pid, Name, Mode, Flags, Policy | Numbers]) ->
    Left = [{Pid, 11}, {Name, 15}, {Mode, 5}, {Flags, 4}, {Policy, 14}],
    Right = lists:zip(Numbers, [7, 5, 6, 5]),
    [
        lists:join($\s, [string:pad(fit(T, W), W) || {T, W} <- Left] ++
            [string:pad(fit(T, W), W, leading) || {T, W} <- Right]),
        $\n
    ].

%% Comments and names come from others: one line of what can be printed.
fit(Text, Width) ->
    Flat = plain(Text),
    case string:length(Flat) > Width of
        true -> [string:slice(Flat, 0, Width - 2), ".."];
        false -> Flat
    end.

plain(Text) -> [printable(C) || C <- unicode:characters_to_list(Text)].

printable(C) when C < $\s; C >= 16#7f, C < 16#a0 -> $\s;
%% Marks that change the direction of what follows.
printable(C) when C >= 16#200b, C =< 16#200f; C >= 16#2028, C =< 16#202e -> $\s;
printable(C) when C >= 16#2066, C =< 16#2069 -> $\s;
printable(C) -> C.

?DOC("A number in at most five characters.").
-spec short(non_neg_integer() | busy) -> string().
short(busy) -> "busy";
short(N) -> short(N, ["", "K", "M", "G", "T"]).

short(N, [Unit | _]) when N < 10_000 -> integer_to_list(N) ++ Unit;
short(N, [Unit]) -> integer_to_list(N) ++ Unit;
short(N, [_ | Units]) -> short(N div 1000, Units).

?DOC("What is known of one process, a line for each fact.").
-spec process(seccomp_watch:row()) -> unicode:chardata().
process(#{pid := Pid, name := Name, mode := Mode, flags := Flags, hash := Hash} = Row) ->
    #{comment := Comment, denials := Denials} = Row,
    #{reductions := Reductions, memory := Memory, queue := Queue} = Row,
    Facts = [
        {"pid", pid_to_list(Pid)},
        {"name", name(Name)},
        {"mode", atom_to_list(Mode)},
        {"EMSI", seccomp_watch:flags(Flags)},
        {"policy", Hash},
        {"comment", Comment},
        {"denials", [integer_to_list(Denials), " among the newest 1024 of the node"]},
        {"reductions", short(Reductions)},
        {"memory", short(Memory)},
        {"queue", short(Queue)}
    ],
    [[string:pad(What, 11), fit(Text, 68), $\n] || {What, Text} <- Facts].
