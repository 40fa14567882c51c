%% SPDX-License-Identifier: Apache-2.0
%%
%% The demo's table, within 80 columns.
-module(seccomp_demo_table).

-export([header/0, row/4]).

-define(INPUT, 38).
-define(RESULT, 29).

-spec header() -> ok.
header() ->
    line("input", "value, or what was denied", "time"),
    line(lists:duplicate(?INPUT, $-), lists:duplicate(?RESULT, $-), "-------").

-spec row(string(), seccomp_demo_eval:outcome(), non_neg_integer(), boolean()) -> ok.
row(Input, Outcome, Micros, Ok) ->
    line(Input, text(Outcome), time(Micros)),
    case Ok of
        true -> ok;
        false -> io:format("   ^^^ NOT what this line had to give: ~ts~n", [fit(Input, 44)])
    end.

line(Input, Result, Time) ->
    io:format("~ts  ~ts  ~7ts~n", [
        string:pad(fit(Input, ?INPUT), ?INPUT),
        string:pad(fit(Result, ?RESULT), ?RESULT),
        Time
    ]).

text({value, Value}) -> io_lib:format("~0tp", [Value], [{chars_limit, 200}]);
text({denied, {M, F, A}}) -> io_lib:format("denied: ~tw:~tw/~b", [M, F, A]);
text({refused, Why}) -> ["refused: ", Why];
text({invalid, Why}) -> ["not an expression: ", Why];
text({failed, Reason}) -> io_lib:format("failed: ~0tp", [Reason], [{chars_limit, 200}]);
text(timeout) -> "stopped: took too long".

time(Micros) when Micros < 10_000 -> io_lib:format("~b us", [Micros]);
time(Micros) -> io_lib:format("~b ms", [Micros div 1000]).

%% One line of printable characters: what a person typed goes to a terminal.
fit(Text, Width) ->
    Flat = [printable(C) || C <- lists:flatten(unicode:characters_to_list(Text))],
    case string:length(Flat) > Width of
        true -> string:slice(Flat, 0, Width - 2) ++ "..";
        false -> Flat
    end.

printable(C) when C < $\s; C >= 16#7f, C < 16#a0 -> $\s;
printable(C) -> C.
