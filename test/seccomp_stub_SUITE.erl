%% SPDX-License-Identifier: Apache-2.0
%% Calls that meet no export entry: instructions of the loader, and functions
%% that nobody has mentioned before.
-module(seccomp_stub_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([load_nif_is_asked_about/1, missing_functions_without_end/1, funs_without_end/1]).
-export([apply_missing/1, make_funs/1, load_nif/0]).

suite() -> [{timetrap, {minutes, 2}}].

all() -> [load_nif_is_asked_about, missing_functions_without_end, funs_without_end].

init_per_suite(Config) ->
    #{status := enforced} = seccomp:enforcement(),
    Config.

end_per_suite(_Config) -> ok.

load_nif_is_asked_about(_Config) ->
    {ok, Deny} = policy(blacklist, [{erlang, load_nif, 2}]),
    ?assertEqual({error, {seccomp, {erlang, load_nif, 2}}}, run(Deny, fun ?MODULE:load_nif/0)),
    %% Allowed, it fails for a reason of its own.
    {ok, Allow} = policy(whitelist, [?MODULE, {erlang, load_nif, 2}]),
    ?assertMatch({value, {error, {load_failed, _}}}, run(Allow, fun ?MODULE:load_nif/0)).

%% Not in tail position, and with literals: the instruction and nothing else.
load_nif() ->
    Result = erlang:load_nif("/nonexistent/library", 0),
    {value, Result}.

%% The emulator makes entries for what restricted processes apply, but not
%% without end; past the end calls are denied as before. In another node,
%% since the entries stay.
missing_functions_without_end(_Config) ->
    Peer = seccomp_test_node:start(same),
    try
        Before = seccomp_test_node:call(Peer, ?MODULE, apply_missing, [1]),
        ?assertEqual([{seccomp, {missing_module, f1, 1}}], Before),
        Got = seccomp_test_node:call(Peer, ?MODULE, apply_missing, [10000]),
        Wanted = [{seccomp, {missing_module, name(N), 1}} || N <- lists:seq(1, 10000)],
        ?assertEqual([], Wanted -- Got),
        ?assertEqual(10000, length(Got))
    after
        seccomp_test_node:stop(Peer)
    end.

%% The emulator ends when its table of entries is full.
funs_without_end(_Config) ->
    Peer = seccomp_test_node:start(same),
    try
        {Made, Limit, Known} = seccomp_test_node:call(Peer, ?MODULE, make_funs, [10000]),
        ?assert(Made > 0),
        ?assert(Made =< 4096),
        ?assertEqual(10000, Made + Limit),
        ?assertEqual({value, fun lists:map/2}, Known)
    after
        seccomp_test_node:stop(Peer)
    end.

make_funs(Count) ->
    {ok, Policy} = policy(whitelist, [{erlang, make_fun, 3}]),
    Names = [name(N) || N <- lists:seq(1, Count)],
    run(Policy, fun() ->
        {Made, Limit} = make_all(Names, 0, 0),
        {Made, Limit, {value, erlang:make_fun(lists, map, 2)}}
    end).

make_all([Name | Names], Made, Limit) ->
    try erlang:make_fun(missing_module, Name, 1) of
        _ -> make_all(Names, Made + 1, Limit)
    catch
        error:system_limit -> make_all(Names, Made, Limit + 1)
    end;
make_all([], Made, Limit) ->
    {Made, Limit}.

apply_missing(Count) ->
    {ok, Policy} = policy(whitelist, [lists]),
    Names = [name(N) || N <- lists:seq(1, Count)],
    {value, Reasons} = run(Policy, fun() -> {value, apply_all(Names, [])} end),
    lists:reverse(Reasons).

apply_all([Name | Names], Got) ->
    Reason =
        try
            apply(missing_module, Name, [x])
        catch
            error:R -> R
        end,
    apply_all(Names, [Reason | Got]);
apply_all([], Got) ->
    Got.

name(N) -> list_to_atom("f" ++ integer_to_list(N)).

policy(Mode, Rules) -> seccomp:compile(#{mode => Mode, rules => Rules, unknown => allow}).

%% The value of Fun under the policy, which may not allow to send it.
run(Policy, Fun) ->
    {Pid, Monitor} = seccomp:spawn_monitor(Policy, fun() ->
        exit(try Fun() catch C:R -> {C, R} end)
    end),
    receive
        {'DOWN', Monitor, process, Pid, Value} -> Value
    end.
