%% SPDX-License-Identifier: Apache-2.0
%%
%% Policies put on processes that run, wait, collect garbage, hibernate or end.
%% What must hold: from `ok` on, no denied call has its effect. The effect is a
%% cell that is read at once after `ok`, and again when the process has tried
%% more often: it may not have moved.
-module(soak_race).

-export([running/1, asleep/1, crowd/1, ending/1, pair/1]).

-import(soak_wait, [any/1, one_in/1]).

-define(T, soak_target).

-type account() :: soak_ledger:account().

%% -- A process that runs -----------------------------------------------------

-spec running(account()) -> account().
running(Account0) ->
    {Name, Turn} = any(?T:turns()),
    {Started, T} = ?T:start(Turn),
    Family = any([race_blacklist, race_whitelist, race_kill, race_kill_whitelist]),
    Account1 = stands_still(Name, Family, {Started, T}, Account0),
    case ?T:live(Started) of
        true -> lift_or_end(Name, Family, {Started, T}, Account1);
        false -> finish(Family, denied, {Started, T}, Account1)
    end.

%% Under on_deny => kill it may have ended before the answer, or soon after.
stands_still(Name, Family, {{Pid, _} = Started, T}, Account) ->
    Answer = restrict(Pid, Family),
    Ran = ?T:ran(T),
    ok = ?T:tries_more(T, {Started, 10}),
    case {Answer, ?T:ran(T) - Ran} of
        {ok, 0} -> soak_ledger:did(stopped, Account);
        {ok, Late} -> soak_ledger:problem({ran_though_denied, Name, Family, Late}, Account);
        {Error, _} -> soak_ledger:problem({not_restricted, Name, Family, Error}, Account)
    end.

lift_or_end(Name, Family, {{Pid, _} = Started, T}, Account0) ->
    case rand:uniform(3) of
        1 when Family =:= race_blacklist; Family =:= race_whitelist ->
            ok = seccomp:lift(Pid),
            ok = ?T:moves(T),
            Account1 = stands_still(Name, Family, {Started, T}, Account0),
            lift_or_end(Name, Family, {Started, T}, soak_ledger:did(lifted, Account1));
        2 when Family =:= race_blacklist; Family =:= race_whitelist ->
            ok = ?T:stop(T),
            finish(Family, normal, {Started, T}, Account0);
        _ ->
            true = exit(Pid, kill),
            finish(Family, killed, {Started, T}, Account0)
    end.

%% A process that dies of its policy may do so before somebody kills it.
finish(Family, How0, {Started, T}, Account) ->
    Reason = soak_wait:down(Started),
    How =
        case Reason of
            {seccomp, _} -> denied;
            _ -> How0
        end,
    ?T:account(Family, How, Reason, {T, Account}).

restrict(Pid, Family) ->
    case one_in(2) of
        true ->
            seccomp:set_policy(Pid, soak_family:policy(Family));
        false ->
            {Mode, Rules, Opts} = soak_family:map(Family, any),
            seccomp:restrict(Pid, Mode, Rules, Opts)
    end.

%% -- A process that does not run ---------------------------------------------

%% The policy comes while it waits; the first thing it does then is denied.
-spec asleep(account()) -> account().
asleep(Account0) ->
    Me = self(),
    T = ?T:new(),
    {Name, Sleep, Wake} = any(sleeps()),
    {Pid, _} = Started = spawn_monitor(fun() ->
        Shots = ?T:shots(T),
        Me ! {self(), ready},
        Sleep(fun() -> [?T:shoot(Shot, T) || Shot <- Shots] end)
    end),
    receive
        {Pid, ready} -> ok
    end,
    [erlang:yield() || _ <- lists:seq(1, rand:uniform(20))],
    Family = any([race_blacklist, race_kill]),
    Suspended = may_suspend(Name) andalso one_in(5) andalso erlang:suspend_process(Pid),
    Account1 =
        case restrict(Pid, Family) of
            ok -> Account0;
            Error -> soak_ledger:problem({not_restricted, Name, Family, Error}, Account0)
        end,
    _ = Suspended andalso erlang:resume_process(Pid),
    _ = Wake(Pid),
    Account2 = finish(Family, normal, {Started, T}, Account1),
    case ?T:ran(T) of
        0 -> soak_ledger:did(stopped, Account2);
        Late -> soak_ledger:problem({ran_though_denied, Name, Family, Late}, Account2)
    end.

%% OTP answers `internal_error` for one that runs dirty code, and suspends it.
may_suspend(Name) -> lists:member(Name, [waiting, waiting_with_timer, hibernated, selective]).

%% Until it is woken, and what to go on with.
sleeps() ->
    Go = fun(Pid) -> Pid ! go end,
    Wait = fun(Then) -> receive go -> Then() end end,
    [
        {waiting, Wait, Go},
        {waiting_with_timer, fun(Then) -> receive go -> Then() after 100000 -> ok end end, Go},
        {hibernated, fun(Then) -> erlang:hibernate(erlang, apply, [fun() -> Wait(Then) end, []]) end, Go},
        {selective, fun(Then) -> [self() ! X || X <- lists:seq(1, 1000)], Wait(Then) end, Go},
        {dirty_cpu, fun(Then) -> dirty(fun() -> erts_debug:dirty_cpu(wait, 10) end, Then) end, Go},
        {dirty_io, fun(Then) -> dirty(fun() -> erts_debug:dirty_io(wait, 10) end, Then) end, Go},
        {dirty_collection,
            fun(Then) ->
                Garbage = lists:seq(1, 200000),
                true = erlang:garbage_collect(),
                receive go -> {Then(), length(Garbage)} end
            end,
            Go}
    ].

dirty(Work, Then) ->
    _ = Work(),
    receive
        go -> Then()
    end.

%% -- Many who change one process ---------------------------------------------

-spec crowd(account()) -> account().
crowd(Account0) ->
    {Name, Turn} = any(?T:turns()),
    {{Pid, _} = Started, T} = ?T:start(Turn),
    Workers = [
        spawn_monitor(fun() -> exit([change(Pid) || _ <- lists:seq(1, 10)]) end)
     || _ <- lists:seq(1, 5)
    ],
    Answers = lists:flatmap(fun soak_wait:down/1, Workers),
    Account1 =
        case [Answer || Answer <- Answers, Answer =/= ok] of
            [] -> soak_ledger:did(changes, length(Answers), Account0);
            Bad -> soak_ledger:problem({crowd, Name, lists:usort(Bad)}, Account0)
        end,
    Account2 =
        case {seccomp:flags(Pid), seccomp:info(Pid)} of
            {0, trusted} -> Account1;
            {Flags, #{flags := Flags}} -> Account1;
            Other -> soak_ledger:problem({crowd, Name, flags_and_info, Other}, Account1)
        end,
    Account3 = stands_still(Name, crowd, {Started, T}, Account2),
    ok = seccomp:lift(Pid),
    ok = ?T:moves(T),
    ok = ?T:stop(T),
    finish(crowd, normal, {Started, T}, Account3).

%% Whatever the policies, a call of these returns: the process is alive.
change(Pid) ->
    case rand:uniform(4) of
        1 -> seccomp:lift(Pid);
        2 -> known(seccomp:info(Pid));
        _ -> restrict(Pid, crowd)
    end.

known(trusted) -> ok;
known(#{flags := _}) -> ok;
known(Other) -> Other.

%% -- Processes that end, by themselves or by each other ----------------------

%% `ok` and `noproc` are both true here, and nothing may be left in the table,
%% which is seen at the end of all.
-spec ending(account()) -> account().
ending(Account0) ->
    Busy = rand:uniform(3000),
    T = ?T:new(),
    {Pid, _} = Started = spawn_monitor(fun() ->
        Shots = ?T:shots(T),
        Tables = [ets:new(t, []) || _ <- lists:seq(1, Busy div 500)],
        [ets:insert(Table, {K, K}) || Table <- Tables, K <- lists:seq(1, 100)],
        last_turns(Busy),
        [?T:shoot(Shot, T) || Shot <- Shots]
    end),
    Workers = [
        spawn_monitor(fun() -> last_turns(rand:uniform(3000)), exit(restrict(Pid, ending)) end)
     || _ <- lists:seq(1, 3)
    ],
    Answers = [soak_wait:down(Worker) || Worker <- Workers],
    Account1 = finish(ending, normal, {Started, T}, Account0),
    Account2 =
        case [Answer || Answer <- Answers, Answer =/= ok, Answer =/= {error, noproc}] of
            [] -> soak_ledger:did({ending, lists:usort(Answers)}, Account1);
            Bad -> soak_ledger:problem({ending, Bad}, Account1)
        end,
    case seccomp:flags(Pid) of
        {error, noproc} -> Account2;
        Flags -> soak_ledger:problem({dead_has_flags, Flags}, Account2)
    end.

last_turns(0) -> ok;
last_turns(N) -> last_turns(N - 1).

%% Two that restrict and then kill each other while both make denied calls.
-spec pair(account()) -> account().
pair(Account0) ->
    Turn = fun(#{cell := Cell}) ->
        case {get(other), rand:uniform(40)} of
            {undefined, _} -> receive {other, Other} -> put(other, Other) after 0 -> ok end;
            {Other, 1} -> put(answer, restrict(Other, pair));
            {Other, 2} -> _ = Cell, exit(Other, kill);
            _ -> ok
        end
    end,
    {{A, _} = StartedA, TA} = ?T:start(Turn),
    {{B, _} = StartedB, TB} = ?T:start(Turn),
    A ! {other, B},
    B ! {other, A},
    %% The first to die leaves the other alone, whoever it is.
    ok = soak_wait:until(fun() -> not (?T:live(StartedA) andalso ?T:live(StartedB)) end, pair),
    [?T:stop(T) || T <- [TA, TB]],
    Account1 = finish_pair({StartedA, TA}, Account0),
    soak_ledger:did(pairs, finish_pair({StartedB, TB}, Account1)).

finish_pair({Started, T}, Account) ->
    case soak_wait:down(Started) of
        normal -> ?T:account(pair, normal, normal, {T, Account});
        Reason -> ?T:account(pair, killed, Reason, {T, Account})
    end.
