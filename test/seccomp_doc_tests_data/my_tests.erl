%% SPDX-License-Identifier: Apache-2.0
%%
%% Stands for a reader's tests.
-module(my_tests).

-export([all/0]).

all() -> [3, 2, 1] = lists:reverse([1, 2, 3]).
