%% SPDX-License-Identifier: Apache-2.0
%%
%% Statistics that assume nothing about how times are spread.
-module(bench_stat).

-export([median/1, summary/1, geometric_mean/1]).
-export_type([summary/0]).

-type summary() :: #{
    median := float(),
    %% An interval that holds the true median with 95 % confidence or more;
    %% with fewer than six values, all of them.
    low := float(),
    high := float(),
    min := float(),
    max := float(),
    rounds := pos_integer()
}.

-spec median([number(), ...]) -> float().
median(Values) ->
    Sorted = lists:sort(Values),
    N = length(Sorted),
    (lists:nth((N + 1) div 2, Sorted) + lists:nth(N div 2 + 1, Sorted)) / 2.

-spec summary([number(), ...]) -> summary().
summary(Values) ->
    Sorted = [float(V) || V <- lists:sort(Values)],
    N = length(Sorted),
    Rank = rank(N, 1),
    #{
        median => median(Sorted),
        low => lists:nth(Rank, Sorted),
        high => lists:nth(N + 1 - Rank, Sorted),
        min => hd(Sorted),
        max => lists:last(Sorted),
        rounds => N
    }.

%% How many values lie below the median is binomial, so the interval between
%% two ranks has a known confidence. Gives the narrowest with 95 %.
rank(N, Rank) ->
    case 1 - 2 * at_most(Rank, N) / math:pow(2, N) >= 0.95 andalso 2 * (Rank + 1) =< N of
        true -> rank(N, Rank + 1);
        false -> Rank
    end.

%% In how many of all outcomes of N coins Rank or fewer show heads.
at_most(Rank, N) -> lists:sum([over(N, K) || K <- lists:seq(0, Rank)]).

over(_, 0) -> 1;
over(N, K) -> over(N, K - 1) * (N - K + 1) div K.

%% Of pairs of a value and its weight.
-spec geometric_mean([{float(), number()}, ...]) -> float().
geometric_mean(Weighted) ->
    Sum = lists:sum([W * math:log(V) || {V, W} <- Weighted]),
    math:exp(Sum / lists:sum([W || {_, W} <- Weighted])).
