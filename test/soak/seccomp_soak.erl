%% SPDX-License-Identifier: Apache-2.0
%%
%% Load: many processes, many policies, all kinds of work at once. Run by
%% `make soak`:
%%
%%     erl -noshell -pa DIR -run seccomp_soak main
%%
%% Environment: MINUTES of mixed load (default 4), QUICK=1 for a small one of
%% well under a minute, PARTS to name some of the parts. Exit status 1 when
%% anything was not as expected, or a node did not live to tell.
-module(seccomp_soak).

-compile(nowarn_deprecated_catch).

-export([main/0]).

-define(DAY, 86_400_000).

-spec main() -> no_return().
main() ->
    case seccomp:enforcement() of
        #{status := enforced} ->
            halt(run());
        #{status := unsupported} ->
            io:format(standard_error, "soak: no policy is enforced here, use `make soak`~n", []),
            halt(1)
    end.

run() ->
    Quick = os:getenv("QUICK", "") =/= "",
    Wanted = string:lexemes(os:getenv("PARTS", ""), " ,"),
    Checks = [
        Check
     || {Name, Title, Args, MFA} <- parts(Quick),
        Wanted =:= [] orelse lists:member(Name, Wanted),
        Check <- part(Title, Args, MFA)
    ],
    {Passed, Failed} = soak_check:passed(Checks),
    io:format("~n~b passed, ~b failed~n", [Passed, Failed]),
    case Failed of
        0 when Passed > 0 -> 0;
        _ -> 1
    end.

parts(Quick) ->
    {Processes, Policies, Seconds, Rounds} =
        case Quick of
            true -> {50_000, 1000, 4, 2};
            false -> {1_000_000, 10_000, seconds(), 3}
        end,
    Limit = integer_to_list(max(Processes + Processes div 10, 32768)),
    Round = max(4, Seconds div (2 * Rounds)),
    [
        {"processes", [soak_check:count(Processes), " processes under one policy"], ["+P", Limit],
            {soak_processes, run, [Processes]}},
        {"policies", [soak_check:count(Policies), " policies"], [], {soak_policies, run, [Policies]}},
        {"entries", "More than there is room for: functions", [], {soak_limits, entries, []}},
        {"full", "More than there is room for: processes", ["+P", "1024"],
            {soak_limits, processes, []}},
        {"mixed", "Mixed load", [], {soak_mixed, run, [Rounds, Round]}},
        {"timing", "Mixed load, more schedulers than cores, other timing",
            ["+S", "8:8", "+T", "9"], {soak_mixed, run, [Rounds, Round]}}
    ].

%% make hands on an empty variable for one that nobody set.
seconds() ->
    case os:getenv("MINUTES", "") of
        "" -> 60 * 4;
        Minutes -> 60 * list_to_integer(Minutes)
    end.

part(Title, Args, {M, F, A}) ->
    io:format("~n~ts~ts~n", [Title, [[" ", Arg] || Arg <- Args]]),
    Peer = seccomp_test_node:start(same, Args),
    Checks =
        try
            peer:call(Peer, M, F, A, ?DAY)
        catch
            Class:Reason ->
                io:format("    ~0tP~n", [{Class, Reason}, 40]),
                [soak_check:equal("the part came to its end", true, false)]
        after
            catch seccomp_test_node:stop(Peer)
        end,
    soak_check:table(Checks),
    Checks.
