%% SPDX-License-Identifier: Apache-2.0
%%
%% Nothing is left behind, however often: each case runs in a node of its own
%% and compares what the emulator and the system say of its memory.
-module(seccomp_leak_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    million_checks/1,
    million_denials/1,
    million_simulated_checks/1,
    hundred_thousand_spawns/1,
    hundred_thousand_restrictions/1,
    ten_thousand_policies/1,
    failing_requests/1
]).
-export([measured/3]).

-define(T, seccomp_test_target).

%% Memory that a node may take for good, whatever it does. Below what a million
%% leaks of a few words, or a hundred thousand of one entry, come to.
-define(SLACK, 24 * 1024 * 1024).

suite() -> [{timetrap, {minutes, 5}}].

all() ->
    [
        million_checks,
        million_denials,
        million_simulated_checks,
        hundred_thousand_spawns,
        hundred_thousand_restrictions,
        ten_thousand_policies,
        failing_requests
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

%% -- Measuring ---------------------------------------------------------------

%% Runs the work in a node that has done a tenth of it before, so that tables,
%% heaps and allocators have their size. `Fun` gets the number of repetitions.
grows_not(Fun, N) ->
    Peer = seccomp_test_node:start(same),
    try seccomp_test_node:call(Peer, ?MODULE, measured, [Fun, N div 10, N]) of
        {Grown, Resident, Left} ->
            ct:pal("~b repetitions: ~b bytes more, ~b resident", [N, Grown, Resident]),
            ?assertEqual([], Left),
            ?assert(Grown < ?SLACK),
            ?assert(Resident < ?SLACK)
    after
        seccomp_test_node:stop(Peer)
    end.

measured(Fun, Warm, N) ->
    ok = seccomp_test_run:alone(fun() -> Fun(Warm) end),
    {Memory, Resident} = settled(),
    ok = seccomp_test_run:alone(fun() -> Fun(N) end),
    {MemoryAfter, ResidentAfter} = settled(),
    {MemoryAfter - Memory, ResidentAfter - Resident, seccomp:processes()}.

settled() ->
    ok = seccomp_test_run:eventually(fun() -> seccomp:processes() =:= [] end),
    _ = [erlang:garbage_collect(Pid) || Pid <- processes()],
    timer:sleep(300),
    {erlang:memory(total), resident()}.

resident() ->
    {ok, Status} = file:read_file("/proc/self/status"),
    {match, [Kilobytes]} = re:run(Status, "VmRSS:\\s*(\\d+) kB", [{capture, all_but_first, list}]),
    list_to_integer(Kilobytes) * 1024.

%% -- Cases -------------------------------------------------------------------

%% Exported entries are used in turn, so that bits are tested, set and asked
%% about.
million_checks(_Config) ->
    grows_not(fun(N) ->
        Policy = seccomp_test_run:policy(blacklist, [?T]),
        {value, ok} = seccomp_test_run:in(Policy, fun() -> allowed(N) end),
        ok
    end, 1_000_000).

allowed(0) ->
    ok;
allowed(N) ->
    [a] = lists:reverse([a]),
    _ = erlang:phash2(N),
    _ = apply(lists, hd([last | [N]]), [[N]]),
    allowed(N - 1).

million_denials(_Config) ->
    grows_not(fun(N) ->
        Policy = seccomp_test_run:policy(blacklist, [?T]),
        {value, ok} = seccomp_test_run:in(Policy, fun() -> denied(N) end),
        ok
    end, 1_000_000).

denied(0) ->
    ok;
denied(N) ->
    try
        ?T:hit(N)
    catch
        error:{seccomp, {?T, hit, 1}} -> denied(N - 1)
    end.

million_simulated_checks(_Config) ->
    grows_not(fun(N) ->
        Policy = seccomp_test_run:policy(whitelist, ['@pure']),
        simulated(Policy, N)
    end, 1_000_000).

simulated(_Policy, 0) ->
    ok;
simulated(Policy, N) ->
    allow = seccomp:check(Policy, {lists, reverse, 1}),
    {deny, _} = seccomp:check(Policy, {os, cmd, 1}),
    simulated(Policy, max(N - 2, 0)).

hundred_thousand_spawns(_Config) ->
    grows_not(fun(N) ->
        Policy = seccomp_test_run:policy(blacklist, [?T]),
        {value, ok} = seccomp_test_run:in(Policy, fun() -> spawns(N) end),
        ok
    end, 100_000).

%% Half of them end by themselves, half by a denial; all have the policy.
spawns(0) ->
    ok;
spawns(N) ->
    {A, MA} = spawn_monitor(fun() -> exit(seccomp:flags(self())) end),
    {B, MB} = spawn_monitor(fun() -> catch ?T:hit(x), exit(seccomp:flags(self())) end),
    [receive {'DOWN', M, process, P, R} -> 16#d0 = R end || {P, M} <- [{A, MA}, {B, MB}]],
    spawns(max(N - 2, 0)).

hundred_thousand_restrictions(_Config) ->
    grows_not(fun(N) ->
        Policies = [
            seccomp_test_run:policy(blacklist, [{?T, hit, A}], #{unknown => allow})
         || A <- lists:seq(1, 10)
        ],
        Pid = spawn(fun() -> receive stop -> ok end end),
        ok = restrictions(Pid, Policies, N),
        Pid ! stop,
        ok
    end, 100_000).

%% One process gets all the policies, in place of each other and together.
restrictions(_Pid, _Policies, N) when N =< 0 ->
    ok;
restrictions(Pid, Policies, N) ->
    [ok = seccomp:set_policy(Pid, Policy) || Policy <- Policies],
    ok = seccomp:restrict_spawn(Pid),
    ok = seccomp:lift(Pid),
    restrictions(Pid, Policies, N - 12).

%% Each is used by a process, so that it has bits that are set, and dropped.
%% Their numbers are used again, which the dump of a process shows.
ten_thousand_policies(_Config) ->
    grows_not(fun(N) ->
        Numbers = [used_once(K) || K <- lists:seq(1, N)],
        true = lists:max(Numbers) < 1000,
        ok
    end, 10_000).

used_once(K) ->
    Me = self(),
    {Pid, Monitor} = spawn_monitor(fun() ->
        F = list_to_atom("name_" ++ integer_to_list(K)),
        Policy = seccomp_test_run:policy(blacklist, [{?T, F}], #{unknown => allow}),
        ok = seccomp:restrict(self(), blacklist, [{?T, hit, 1}]),
        {error, _} = seccomp:set_policy(self(), Policy),
        ok = seccomp:restrict(self(), blacklist, [{?T, F}], #{unknown => allow}),
        _ = lists:reverse([a]),
        Number = K rem 100 =:= 0 andalso number(),
        Me ! {self(), Number}
    end),
    receive
        {Pid, Number} ->
            receive
                {'DOWN', Monitor, process, Pid, normal} -> ok
            end,
            case Number of
                false -> 0;
                _ -> Number
            end
    end.

number() ->
    Pattern = "Seccomp: flags 16#[0-9a-f]+, policy ([0-9]+)",
    Options = [global, {capture, all_but_first, list}],
    {match, Found} = re:run(erlang:system_info(procs), Pattern, Options),
    lists:max([list_to_integer(Number) || [Number] <- Found]).

%% Requests that come to nothing give back all they held.
failing_requests(_Config) ->
    grows_not(fun(N) ->
        Policy = seccomp_test_run:policy(blacklist, [?T]),
        Dead = spawn(fun() -> ok end),
        ok = seccomp_test_run:eventually(fun() -> not is_process_alive(Dead) end),
        failing(Policy, Dead, N)
    end, 100_000).

failing(_Policy, _Dead, 0) ->
    ok;
failing(Policy, Dead, N) ->
    {error, noproc} = seccomp:set_policy(Dead, Policy),
    {error, noproc} = seccomp:restrict_spawn(Dead),
    {error, _} = seccomp:compile(#{mode => blacklist, rules => [{a, b, 256}]}),
    {error, _} = seccomp:from_json(<<"{">>),
    failing(Policy, Dead, N - 1).
