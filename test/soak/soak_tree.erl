%% SPDX-License-Identifier: Apache-2.0
%%
%% Processes that restricted processes start: who inherits, who may not be
%% started at all, and who is set free.
-module(soak_tree).

-compile(nowarn_deprecated_catch).

-export([inherits/1, killed/1, lifted/1, free/1, may_not_spawn/1]).
-export([node/2, spawned/2]).

-import(soak_wait, [any/1]).

-define(T, soak_target).
-define(DEPTH, 3).
-define(WIDTH, 3).

%% Cells of the tally: calls that were tried, denied, and have run.
-define(TRIED, 1).
-define(DENIED, 2).
-define(RAN, 3).
-define(NODES, 4).
%% Processes with other flags than the root.
-define(STRAY, 5).

-type account() :: soak_ledger:account().

-spec inherits(account()) -> account().
inherits(Account) -> tree(tree, #{}, Account).

%% Members are killed while they work, so some calls are unsure.
-spec killed(account()) -> account().
killed(Account) -> tree(tree, #{kill => true}, Account).

tree(Family, How, Account0) ->
    Tally = counters:new(5, [write_concurrency]),
    Flags = 16#d0,
    Root = seccomp:spawn_monitor(
        soak_family:policy(Family), fun() -> node(?DEPTH, How#{tally => Tally, flags => Flags}) end
    ),
    Reason = soak_wait:down(Root),
    Count = fun(Account) -> count(Family, How, {Reason, Tally}, Account) end,
    case How of
        %% Children of those that were killed go on, and nobody knows them all.
        #{kill := true} -> soak_ledger:later(Count, Account0);
        _ -> Count(Account0)
    end.

count(Family, How, {Reason, Tally}, Account0) ->
    [Tried, Denied, Ran, Nodes, Stray] = Seen = [counters:get(Tally, N) || N <- lists:seq(1, 5)],
    Account1 = soak_ledger:denied(Family, {?T, hit, 1}, Denied, Account0),
    Account2 = soak_ledger:unsure(Family, [{?T, hit, 1}], Tried - Denied - Ran, Account1),
    Account3 = soak_ledger:did(spawned, Nodes, Account2),
    All = 1 + ?WIDTH + ?WIDTH * ?WIDTH + ?WIDTH * ?WIDTH * ?WIDTH,
    case {Reason, Ran, Stray} of
        {normal, 0, 0} when is_map_key(kill, How); Nodes =:= All, Tried =:= Denied -> Account3;
        _ -> soak_ledger:problem({tree, How, Reason, Seen}, Account3)
    end.

%% A member: makes denied calls, starts its children, waits for them.
-spec node(non_neg_integer(), map()) -> ok.
node(Depth, #{tally := Tally, flags := Flags} = How) ->
    counters:add(Tally, ?NODES, 1),
    case seccomp:flags(self()) of
        Flags -> ok;
        _ -> counters:add(Tally, ?STRAY, 1)
    end,
    tries(5, Tally),
    Children = [child(any(ways()), Depth - 1, How) || Depth > 0, _ <- lists:seq(1, ?WIDTH)],
    tries(5, Tally),
    _ = [exit(Pid, kill) || {Pid, _} <- Children, is_map_key(kill, How), rand:uniform(3) =:= 1],
    [receive {'DOWN', Monitor, process, Pid, _} -> ok end || {Pid, Monitor} <- Children],
    ok.

tries(0, _Tally) ->
    ok;
tries(N, Tally) ->
    counters:add(Tally, ?TRIED, 1),
    try ?T:hit(no_cell) of
        _ -> counters:add(Tally, ?RAN, 1)
    catch
        error:{seccomp, {?T, hit, 1}} -> counters:add(Tally, ?DENIED, 1);
        error:badarg -> counters:add(Tally, ?RAN, 1)
    end,
    tries(N - 1, Tally).

child(Way, Depth, How) ->
    case Way(?MODULE, node, [Depth, How]) of
        {Pid, Monitor} -> {Pid, Monitor};
        Pid -> {Pid, monitor(process, Pid)}
    end.

ways() ->
    Spawn = fun erlang:spawn/3,
    [
        fun(M, F, A) -> spawn(M, F, A) end,
        fun(M, F, A) -> {x, Pid} = {x, spawn(M, F, A)}, Pid end,
        fun(M, F, A) -> spawn(fun() -> apply(M, F, A) end) end,
        fun(M, F, A) -> Spawn(M, F, A) end,
        fun(M, F, A) -> apply(erlang, spawn, [M, F, A]) end,
        fun(M, F, A) -> spawn_monitor(M, F, A) end,
        fun(M, F, A) -> spawn_opt(M, F, A, [monitor, {priority, low}]) end,
        fun(M, F, A) -> spawn(node(), M, F, A) end,
        fun(M, F, A) -> proc_lib:spawn(M, F, A) end,
        fun(M, F, A) ->
            Tag = spawn_request(M, F, A, [monitor]),
            receive
                {spawn_reply, Tag, ok, Pid} -> {Pid, Tag}
            end
        end
    ].

%% -- Set free on the way -----------------------------------------------------

%% The parent starts children one by one and is lifted in the middle. A child
%% has the policy or has it not, and does as it says.
-spec lifted(account()) -> account().
lifted(Account0) ->
    Me = self(),
    {Pid, _} = Started = seccomp:spawn_monitor(soak_family:policy(tree_lifted), fun() ->
        Me ! {self(), ready},
        Children = children(20),
        receive
            {Me, lifted} -> exit({children, Children})
        end
    end),
    receive
        {Pid, ready} -> ok
    end,
    [erlang:yield() || _ <- lists:seq(1, rand:uniform(10))],
    ok = seccomp:lift(Pid),
    Pid ! {self(), lifted},
    {children, Children} = soak_wait:down(Started),
    Denied = length([c || {16#d0, denied} <- Children]),
    Free = length([c || {0, ran} <- Children]),
    Account1 = soak_ledger:denied(tree_lifted, {?T, hit, 1}, Denied, Account0),
    %% Once lifted, always lifted.
    Flags = [F || {F, _} <- Children],
    case Denied + Free =:= 20 andalso Flags =:= lists:reverse(lists:sort(Flags)) of
        true -> soak_ledger:did(lifted, Account1);
        false -> soak_ledger:problem({lifted, Children}, Account1)
    end.

children(0) ->
    [];
children(N) ->
    {Pid, Monitor} = spawn_monitor(?MODULE, spawned, [seccomp, flags]),
    receive
        {'DOWN', Monitor, process, Pid, Reason} -> [Reason | children(N - 1)]
    end.

-spec spawned(module(), atom()) -> no_return().
spawned(M, F) ->
    Cell = atomics:new(1, []),
    Outcome =
        try ?T:hit(Cell) of
            ok -> ran
        catch
            error:{seccomp, {?T, hit, 1}} -> denied
        end,
    exit({M:F(self()), Outcome}).

%% -- Without I, with S -------------------------------------------------------

-spec free(account()) -> account().
free(Account) ->
    Root = seccomp:spawn_monitor(soak_family:policy(tree_free), fun() -> exit(children(5)) end),
    case soak_wait:down(Root) of
        [{0, ran}, {0, ran}, {0, ran}, {0, ran}, {0, ran}] -> soak_ledger:did(spawned, 5, Account);
        Other -> soak_ledger:problem({free, Other}, Account)
    end.

-spec may_not_spawn(account()) -> account().
may_not_spawn(Account0) ->
    Cell = atomics:new(1, []),
    Policy = soak_family:policy(tree_spawns),
    Way = any(ways()),
    Root = seccomp:spawn_monitor(Policy, fun() ->
        exit([try child(Way, 0, #{}) catch error:{seccomp, Mfa} -> Mfa end || _ <- lists:seq(1, 5)])
    end),
    Account1 =
        case soak_wait:down(Root) of
            [{erlang, spawn, 3} = Mfa | _] = Denied -> all(Mfa, Denied, Account0);
            [{erlang, spawn_opt, 4} = Mfa | _] = Denied -> all(Mfa, Denied, Account0);
            [{erts_internal, spawn_request, 4} = Mfa | _] = Denied -> all(Mfa, Denied, Account0);
            Other -> soak_ledger:problem({may_not_spawn, Other}, Account0)
        end,
    Killed = seccomp:spawn_monitor(soak_family:policy(tree_spawns_kill), fun() ->
        catch spawn(?T, hit, [Cell])
    end),
    case {soak_wait:down(Killed), atomics:get(Cell, 1)} of
        {{seccomp, {erlang, spawn, 3} = By}, 0} ->
            soak_ledger:denied(tree_spawns_kill, By, 1, soak_ledger:did(killed, Account1));
        Got ->
            soak_ledger:problem({spawned_though_denied, Got}, Account1)
    end.

all(Mfa, Denied, Account) ->
    case lists:usort(Denied) of
        [Mfa] -> soak_ledger:denied(tree_spawns, Mfa, length(Denied), Account);
        _ -> soak_ledger:problem({may_not_spawn, Denied}, Account)
    end.
