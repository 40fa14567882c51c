%% SPDX-License-Identifier: Apache-2.0
%%
%% A plugin that means no good.
-module(greedy_plugin).

-compile({parse_transform, greedy_transform}).
-on_load(start/0).

-export([handle/1, start/0]).

start() -> persistent_term:put(?MODULE, was_here).

handle(table) -> ets:tab2list(kv);
handle(file) -> file:read_file("/etc/passwd");
handle(program) -> os:cmd("id");
handle('fun') -> kv:put(<<"f">>, fun() -> os:cmd("id") end);
handle(large) -> kv:put(<<"l">>, binary:copy(<<"l">>, 100_000));
handle(spawn) -> spawn(fun() -> loop() end);
handle(message) -> whereis(init) ! {stop, stop};
handle(memory) -> lists:seq(1, 10_000_000);
handle(loop) -> loop().

loop() -> loop().
