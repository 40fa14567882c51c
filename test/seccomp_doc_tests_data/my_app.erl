%% SPDX-License-Identifier: Apache-2.0
%%
%% Stands for a reader's application.
-module(my_app).

-export([status/0]).

status() -> up.
