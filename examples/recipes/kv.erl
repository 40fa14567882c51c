%% SPDX-License-Identifier: Apache-2.0
%%
%% A store that plugins share. Its functions are gates: a plugin calls them and
%% reads no table.
-module(kv).

-export([open/0, get/1, put/2]).

open() -> ets:new(?MODULE, [named_table, public]).

get(Key) ->
    case ets:lookup(?MODULE, Key) of
        [{_, Value}] -> {ok, Value};
        [] -> none
    end.

put(Key, Value) ->
    %% What a gate is given is a stranger's: what fits, and no more.
    case is_binary(Key) andalso erlang:external_size({Key, Value}) < 10_000 of
        true -> ets:insert(?MODULE, {Key, Value}), ok;
        false -> {error, not_stored}
    end.
