%% SPDX-License-Identifier: Apache-2.0
-module(page_handler).

-export([handle/2]).

handle('GET', <<"/kv/", Key/binary>>) ->
    case kv:get(Key) of
        {ok, Value} -> {200, io_lib:format("~p~n", [Value])};
        none -> {404, <<"no such key\n">>}
    end;
handle('GET', <<"/file/", Name/binary>>) ->
    {ok, Text} = file:read_file(Name),
    {200, Text};
handle(_, _) ->
    {404, <<"not here\n">>}.
