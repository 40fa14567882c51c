%% SPDX-License-Identifier: Apache-2.0
%%
%% A hook of Common Test. The suites deny and kill thousands of processes, and
%% their reports would bury which case failed: those stay in the log of the
%% run, and what failed is said once more where the output ends.
-module(seccomp_test_hook).

-export([init/2, on_tc_fail/4, terminate/1]).

init(_Id, _Opts) ->
    _ = logger:set_handler_config(default, level, none),
    {ok, []}.

on_tc_fail(Suite, Case, Reason, Failed) ->
    [{Suite, Case, Reason} | Failed].

terminate(Failed) ->
    _ = logger:set_handler_config(default, level, all),
    [
        io:format(user, "FAILED ~s: ~tp~n  ~0tP~n", [Suite, Case, Reason, 60])
     || {Suite, Case, Reason} <- lists:reverse(Failed)
    ],
    ok.
