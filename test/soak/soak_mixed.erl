%% SPDX-License-Identifier: Apache-2.0
%%
%% The mixed load: workers that do one piece of work after the other, drawn at
%% random, while others load code and read all that can be read. Every piece
%% checks what it sees; at the end all accounts are added up and compared with
%% what the library counted.
-module(soak_mixed).

-export([run/2]).

-define(PROBLEMS_SHOWN, 10).

-type account() :: soak_ledger:account().

%% How often, which work.
work() ->
    [
        {10, fun soak_race:running/1},
        {6, fun soak_race:asleep/1},
        {3, fun soak_race:crowd/1},
        {3, fun soak_race:ending/1},
        {3, fun soak_race:pair/1},
        {6, fun soak_calls:ways/1},
        {4, fun soak_calls:by_itself/1},
        {2, fun soak_calls:spawn_only/1},
        {2, fun soak_tree:inherits/1},
        {2, fun soak_tree:killed/1},
        {3, fun soak_tree:lifted/1},
        {1, fun soak_tree:free/1},
        {3, fun soak_tree:may_not_spawn/1},
        {4, fun soak_code:callers/1}
    ].

%% In rounds of so many seconds. What the first makes grow, the second finds
%% grown, so memory is compared from the first round on.
-spec run(pos_integer(), pos_integer()) -> [soak_check:check()].
run(Rounds, Seconds) ->
    {ok, _} = application:ensure_all_started(seccomp),
    ok = logger:set_primary_config(level, none),
    Codes = soak_code:compile(),
    {Accounts, Sizes, Families} = rounds(Rounds, Seconds, Codes, {[], [], #{}}),
    Violations = seccomp:violations(),
    Lowest = soak_memory:lowest_number(),
    Account = soak_ledger:merge(Accounts),
    report(Account, Violations, Families, Lowest) ++
        soak_memory:compare(
            ["from round 1 to ", integer_to_list(Rounds)], hd(Sizes), lists:last(Sizes)
        ).

rounds(0, _Seconds, _Codes, {Accounts, Sizes, Families}) ->
    {Accounts, lists:reverse(Sizes), Families};
rounds(N, Seconds, Codes, {Accounts, Sizes, _}) ->
    {Account, Families} = soak_wait:alone(fun() -> round(Seconds, Codes) end),
    ok = soak_wait:until(fun() -> seccomp:processes() =:= [] end, {processes, seccomp:processes()}),
    Settled = soak_ledger:settle(Account),
    Size = #{total := Total, resident := Resident} = soak_memory:settled(),
    soak_check:say("memory ~ts, RSS ~ts; ~b restricted processes", [
        soak_check:megabytes(Total), soak_check:megabytes(Resident), length(seccomp:processes())
    ]),
    rounds(N - 1, Seconds, Codes, {[Settled | Accounts], [Size | Sizes], Families}).

round(Seconds, Codes) ->
    Owner = soak_family:start(),
    Families = soak_family:hashes(),
    Done = counters:new(1, [write_concurrency]),
    Workers = 3 * erlang:system_info(schedulers_online),
    Loops =
        [spawn_monitor(fun() -> worker(Done) end) || _ <- lists:seq(1, Workers)] ++
            [spawn_monitor(fun() -> soak_code:loader(Codes) end)] ++
            [spawn_monitor(fun() -> soak_reader:loop() end) || _ <- [1, 2]],
    progress(Seconds, {Done, map_get(total, seccomp:violations())}),
    Accounts = [stop(Loop) || Loop <- Loops],
    ok = soak_family:stop(Owner),
    {soak_ledger:merge(Accounts), Families}.

stop({Pid, Monitor}) ->
    Pid ! {stop, self()},
    receive
        {Pid, Account} ->
            normal = soak_wait:down({Pid, Monitor}),
            Account;
        {'DOWN', Monitor, process, Pid, Reason} ->
            soak_ledger:problem({worker_crashed, Reason}, soak_ledger:new())
    end.

%% -- A worker ----------------------------------------------------------------

worker(Done) ->
    Choice = lists:append([lists:duplicate(N, Work) || {N, Work} <- work()]),
    worker(list_to_tuple(Choice), Done, soak_ledger:new()).

worker(Choice, Done, Account) ->
    receive
        {stop, From} -> From ! {self(), Account}
    after 0 ->
        Work = element(rand:uniform(tuple_size(Choice)), Choice),
        Next =
            try
                soak_ledger:did(work, Work(Account))
            catch
                Class:Reason:Stack ->
                    soak_ledger:problem({Work, Class, Reason, Stack}, Account)
            end,
        counters:add(Done, 1, 1),
        worker(Choice, Done, Next)
    end.

%% -- What is printed ---------------------------------------------------------

progress(Seconds, _Before) when Seconds =< 0 ->
    ok;
progress(Seconds, {Done, Denied}) ->
    Step = min(Seconds, 10),
    Works = counters:get(Done, 1),
    timer:sleep(Step * 1000),
    #{total := Total} = seccomp:violations(),
    soak_check:say("~5b pieces of work/s, ~7b denials/s, ~4b restricted now", [
        (counters:get(Done, 1) - Works) div Step,
        (Total - Denied) div Step,
        length(seccomp:processes())
    ]),
    progress(Seconds - Step, {Done, Total}).

-spec report(account(), seccomp:violations(), map(), integer()) -> [soak_check:check()].
report(Account, Violations, Families, Lowest) ->
    Problems = soak_ledger:problems(Account),
    [
        io:format("    ~0tP~n", [Problem, 40])
     || Problem <- lists:sublist(Problems, ?PROBLEMS_SHOWN)
    ],
    Amount = fun(What) -> soak_check:count(soak_ledger:amount(What, Account)) end,
    [
        soak_check:note("pieces of work", Amount(work)),
        soak_check:note("processes stopped by a policy in time", Amount(stopped)),
        soak_check:note("processes that a denial killed", Amount(killed)),
        soak_check:note("calls of modules being loaded", Amount(calls_of_loaded)),
        soak_check:equal("kinds of work that was done", [], missing(Account)),
        soak_check:equal("calls that ran though denied", 0, count(ran_though_denied, Problems)),
        soak_check:equal("other problems", 0, length(Problems) - count(ran_though_denied, Problems)),
        soak_check:equal("restricted processes left", [], seccomp:processes()),
        soak_check:equal("number of the next policy", 1, Lowest)
    ] ++ soak_ledger:compare(Account, Families, Violations).

count(Kind, Problems) -> length([P || P <- Problems, element(1, P) =:= Kind]).

%% A load that did nothing would find nothing.
missing(Account) ->
    Kinds =
        [stopped, lifted, killed, changes, pairs, spawned, by_itself, calls_of_loaded, reads] ++
            [{way, raise}, {way, kill}, {way, log}, {code, load}, {code, delete}, {code, purge}],
    [Kind || Kind <- Kinds, soak_ledger:amount(Kind, Account) =:= 0].
