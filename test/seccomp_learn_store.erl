%% SPDX-License-Identifier: Apache-2.0
%%
%% What a program that is learned from calls as a service.
-module(seccomp_learn_store).

-export([open/0, get/1, put/2, each/1, map/2]).

open() -> ets:new(?MODULE, [named_table, public]).

get(Key) -> ets:lookup_element(?MODULE, Key, 2).

put(Key, Value) -> ets:insert(?MODULE, {Key, string:uppercase(Value)}).

each(Fun) -> [Fun(Pair) || Pair <- ets:tab2list(?MODULE)].

map(Key, Fun) -> Fun(?MODULE:get(Key)).
