%% SPDX-License-Identifier: Apache-2.0
-module(calc).
-export([line/1]).

line(Text) ->
    case seccomp_eval:eval(Text, #{timeout => 1000, max_heap => 8_000_000}) of
        {ok, #{value := Value}} -> io_lib:format("~p", [Value]);
        {error, Reason} -> seccomp_eval:format_error(Reason)
    end.
