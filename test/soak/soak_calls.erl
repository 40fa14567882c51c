%% SPDX-License-Identifier: Apache-2.0
%%
%% Every way of calling, under each reaction, and processes that put policies
%% on themselves.
-module(soak_calls).

-export([ways/1, by_itself/1, spawn_only/1]).

-import(soak_wait, [any/1]).

-define(T, soak_target).

-type account() :: soak_ledger:account().

%% -- Ways of calling ---------------------------------------------------------

%% Ten of the calls that the test suites make, each in a process of its own.
-spec ways(account()) -> account().
ways(Account0) ->
    Env = seccomp_test_calls:env(),
    Calls = seccomp_test_calls:calls(Env),
    Account = lists:foldl(
        fun(_, Acc) -> way(any(Calls), Env, any([raise, kill, log]), Acc) end,
        Account0,
        lists:seq(1, 10)
    ),
    ok = seccomp_test_calls:close(Env),
    Account.

way(#{mfa := Mfa, args := Args, forms := Forms, name := Name} = Call, Env, Action, Account0) ->
    Position = any(maps:keys(Forms)),
    Family = {Action, Mfa},
    Before = seccomp_test_calls:effect(Env),
    Outcome = inner(seccomp_test_calls:run(soak_family:policy(Family), Position, Call)),
    Moved = seccomp_test_calls:effect(Env) =/= Before,
    %% What has no effect has run when it gave a value.
    Account1 = soak_ledger:denied(Family, Mfa, 1, soak_ledger:did({way, Action}, Account0)),
    case {is_right(Action, Outcome, {Mfa, Args}, Position), Moved} of
        {true, false} -> Account1;
        {true, true} when Action =:= log -> Account1;
        {_, _} -> soak_ledger:problem({way, Name, Position, Action, Moved, Outcome}, Account1)
    end.

%% What the process said of itself, or how it died.
inner({value, Outcome}) -> Outcome;
inner({died, _} = Outcome) -> Outcome.

is_right(raise, {after_ran, Outcome}, What, 'after') -> is_right(raise, Outcome, What, body);
is_right(raise, Outcome, What, Position) when Position =/= 'after' ->
    seccomp_test_run:denial(Outcome, What) =:= ok;
is_right(kill, {died, {seccomp, Mfa}}, {Mfa, _}, _Position) ->
    true;
is_right(log, {after_ran, Outcome}, What, 'after') -> is_right(log, Outcome, What, body);
is_right(log, {value, _}, _What, Position) ->
    Position =/= 'after';
is_right(_Action, _Outcome, _What, _Position) ->
    false.

%% -- Processes that restrict themselves --------------------------------------

%% The call after the `ok` is the first that is denied. The two policies deny
%% different functions, so that the second is seen to add to the first.
-spec by_itself(account()) -> account().
by_itself(Account0) ->
    T = #{cell := Cell} = ?T:new(),
    Me = self(),
    {Pid, _} = Started = spawn_monitor(fun() ->
        [{seccomp_policy, Ref} | _] = soak_family:policies(self),
        {Mode, Rules, Opts} = soak_family:map(self, 2),
        Free = [?T:shoot(Shot, T) || Shot <- ?T:shots(T)],
        %% Straight through the library: nothing of ours runs in between.
        ok = seccomp_nif:set_policy(self(), Ref, restrict, undefined),
        Hit = try ?T:hit(Cell) catch error:{seccomp, Mfa1} -> Mfa1 end,
        Add = ?T:shoot(fun() -> atomics:add(Cell, 1, 1) end, T),
        ok = seccomp:restrict(self(), Mode, Rules, Opts),
        Now = try {x, atomics:add(Cell, 1, 1)} catch error:{seccomp, Mfa2} -> Mfa2 end,
        Both = [?T:shoot(Shot, T) || Shot <- ?T:shots(T)],
        Others = [
            seccomp:lift(self()),
            seccomp:set_policy(self(), {seccomp_policy, Ref}),
            seccomp:restrict(Me, Mode, Rules, Opts)
        ],
        Me ! {self(), {Free, Hit, Add, Now, Both, [Why || {error, {Why, _}} <- Others]}},
        receive
            lifted -> exit([?T:shoot(Shot, T) || Shot <- ?T:shots(T)])
        end
    end),
    Said =
        receive
            {Pid, Answer} -> Answer;
            {'DOWN', _, process, Pid, Crashed} -> error({by_itself, Crashed})
        end,
    Ran = ?T:ran(T),
    ok = seccomp:lift(Pid),
    Pid ! lifted,
    Freed = soak_wait:down(Started),
    N = length(?T:shots(T)),
    Wanted = {
        all(N, ran), {?T, hit, 1}, ran, {atomics, add, 3}, all(N, denied),
        [restricted, restricted, restricted]
    },
    Account1 = soak_ledger:did(by_itself, Account0),
    %% Two calls were made without the tally.
    Account2 = soak_ledger:denied(self, {?T, hit, 1}, 1, Account1),
    Account3 = soak_ledger:denied(self, {atomics, add, 3}, 1, Account2),
    Account4 = ?T:account(self, normal, normal, {T, Account3}),
    case {Said, Ran, Freed} of
        {Wanted, Ran, _} when Ran =:= N + 1 ->
            case Freed =:= all(N, ran) of
                true -> Account4;
                false -> soak_ledger:problem({lifted, Freed}, Account4)
            end;
        _ ->
            soak_ledger:problem({by_itself, Said, Ran, Freed}, Account4)
    end.

all(N, What) -> lists:duplicate(N, What).

%% -- S alone -----------------------------------------------------------------

-spec spawn_only(account()) -> account().
spawn_only(Account) ->
    Cell = atomics:new(1, []),
    Me = self(),
    {Pid, _} = Started = spawn_monitor(fun() -> Me ! {self(), ready}, spawns(Cell, 0) end),
    receive
        {Pid, ready} -> ok
    end,
    ok = seccomp:restrict_spawn(Pid),
    %% One child may have been started and not counted yet.
    Before = atomics:get(Cell, 1),
    Pid ! stop,
    {spawned, Spawned, Denied} = soak_wait:down(Started),
    case Spawned - Before of
        Late when Late =:= 0; Late =:= 1 ->
            Mfa = {erlang, spawn, 3},
            soak_ledger:denied(restrict_spawn, Mfa, Denied, soak_ledger:did(stopped, Account));
        Late ->
            soak_ledger:problem({spawned_though_denied, Late}, Account)
    end.

spawns(Cell, Denied) ->
    true = erlang:bump_reductions(100),
    More =
        try spawn(?T, nothing, []) of
            _ -> atomics:add(Cell, 1, 1), 0
        catch
            error:{seccomp, {erlang, spawn, 3}} -> 1
        end,
    receive
        stop -> exit({spawned, atomics:get(Cell, 1), Denied + More})
    after 0 -> spawns(Cell, Denied + More)
    end.
