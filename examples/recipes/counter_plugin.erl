%% SPDX-License-Identifier: Apache-2.0
-module(counter_plugin).

-export([handle/1]).

handle({visit, Page}) ->
    Visits =
        case kv:get(Page) of
            {ok, N} -> N + 1;
            none -> 1
        end,
    ok = kv:put(Page, Visits),
    Visits.
