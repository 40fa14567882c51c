%% SPDX-License-Identifier: Apache-2.0
%%
%% Code that changes: compiled twice, with a VERSION each.
-module(seccomp_memory_hot).

-export([loop/0, bad/1]).

loop() ->
    receive
        {Pid, ask} ->
            Pid ! {self(), catch ?MODULE:bad(?VERSION)},
            ?MODULE:loop()
    end.

bad(X) -> {?VERSION, X}.
