%% SPDX-License-Identifier: Apache-2.0
%%
%% Many different policies alive at once, each with its bits and held by a
%% process; then none of them. Numbers are used again, address space is given
%% back.
-module(soak_policies).

-export([run/1]).

-define(ROUNDS, 3).
-define(BITS, 65536).

-spec run(pos_integer()) -> [soak_check:check()].
run(N) ->
    ok = logger:set_primary_config(level, none),
    Rounds = [round(N, Round) || Round <- lists:seq(1, ?ROUNDS)],
    [{_, Before}, {_, After}] = tl(Rounds),
    Bound = 64 * 1024 * 1024,
    Mapped = map_get(mapped, After) - map_get(mapped, Before),
    lists:append([Checks || {Checks, _} <- Rounds]) ++
        soak_memory:compare("from round 2 to 3", Before, After) ++
        [
            soak_check:at_most(
                "from round 2 to 3, address space grew by",
                {Bound, soak_check:megabytes(Bound)},
                {Mapped, soak_check:megabytes(Mapped)}
            )
        ].

round(N, Round) ->
    Before = soak_memory:settled(),
    Checks = soak_wait:alone(fun() -> live(N, Round, Before) end),
    ok = soak_wait:until(fun() -> seccomp:processes() =:= [] end, table_is_empty),
    Settled = soak_memory:settled(),
    Lowest = soak_memory:lowest_number(),
    soak_check:say("round ~b: all dropped, mapped ~ts, ~b mappings", [
        Round, soak_check:megabytes(map_get(mapped, Settled)), soak_memory:mappings()
    ]),
    {Checks ++ [soak_check:equal(name(Round, "number of the next one"), 1, Lowest)], Settled}.

name(Round, What) -> ["round ", integer_to_list(Round), ": ", What].

live(N, Round, #{mapped := Before}) ->
    Me = self(),
    %% The policies are held by the table alone: handles go with the garbage.
    Pids = [start(K, Me) || K <- lists:seq(1, N)],
    Answers = [
        receive
            {Pid, Answer} -> Answer
        end
     || Pid <- Pids
    ],
    true = erlang:garbage_collect(),
    Mapped = soak_memory:mapped() - Before,
    soak_check:say("round ~b: ~ts policies, mapped ~ts, ~b mappings", [
        Round, soak_check:count(N), soak_check:megabytes(soak_memory:mapped()), soak_memory:mappings()
    ]),
    Hashes = [Hash || Pid <- Pids, #{hash := Hash} <- [seccomp:info(Pid)]],
    %% Half of them have a policy more, which the meet has made useless.
    Highest = lists:max(numbers()),
    Checks = [
        soak_check:equal(name(Round, "different policies"), N, length(lists:usort(Hashes))),
        soak_check:equal(name(Round, "allowed ran, denied did not"), [{true, true}], lists:usort(Answers)),
        soak_check:at_least(
            name(Round, "address space"),
            {N * ?BITS, soak_check:megabytes(N * ?BITS)},
            {Mapped, soak_check:megabytes(Mapped)}
        ),
        soak_check:between(name(Round, "highest number"), N, N + 2000, Highest)
    ],
    Monitors = [{Pid, monitor(process, Pid)} || Pid <- Pids],
    [Pid ! stop || Pid <- Pids],
    [soak_wait:down(Monitor) || Monitor <- Monitors],
    Checks.

%% Each denies a name of its own, so that no two are equal.
start(K, Me) ->
    Rules = [{soak_target, list_to_atom("name_" ++ integer_to_list(K))}, {soak_target, hit, 1}],
    spawn(fun() ->
        ok = seccomp:restrict(self(), blacklist, Rules, #{unknown => allow}),
        true = erlang:garbage_collect(),
        Allowed = lists:reverse([a, K]) =:= [K, a],
        Denied =
            try soak_target:hit(x) of
                _ -> false
            catch
                error:{seccomp, {soak_target, hit, 1}} -> true
            end,
        Me ! {self(), {Allowed, Denied}},
        receive
            stop -> ok
        end
    end).

%% As a crash dump has them.
numbers() ->
    Options = [global, {capture, all_but_first, list}],
    {match, Found} = re:run(erlang:system_info(procs), "Seccomp: .*policy (\\d+)", Options),
    [list_to_integer(Number) || [Number] <- Found].
