%% SPDX-License-Identifier: Apache-2.0
%%
%% Functions whose running can be proved: they count in an atomics array.
-module(seccomp_test_target).

-export([hit/1, hit/2, needs/0, load_library/1]).
-export([undefined_function/3, undefined_lambda/3]).

hit(Counter) ->
    ok = atomics:add(Counter, 1, 1),
    hit.

hit(Counter, Tag) ->
    ok = atomics:add(Counter, 1, 1),
    {hit, Tag}.

%% What a whitelist has to allow for a function above to get anywhere.
needs() -> [{atomics, add, 3}].

load_library(Path) -> erlang:load_nif(Path, 0).

%% An error handler: the first argument of the missing function is a counter.
undefined_function(_Module, _Function, [Counter | _]) -> {handled, hit(Counter)}.

undefined_lambda(_Module, _Fun, [Counter | _]) -> {handled, hit(Counter)}.
