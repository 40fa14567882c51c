%% SPDX-License-Identifier: Apache-2.0
%%
%% Processes that make denied calls as fast as they can, and count in cells of
%% their own what they tried and what came of it.
%%
%% A denied call has its effect, on the cell `ran`, in one step: one that began
%% before the policy cannot be counted after it. The tally is no atomics array,
%% as it has to go on when `atomics` is denied.
-module(soak_target).

-compile(nowarn_deprecated_catch).

-export([turns/0, start/1, start/2, denied/0]).
-export([ran/1, tried/1, live/1, moves/1, tries_more/2, stop/1, account/4]).
-export([shots/1, shoot/2, hit/1, woken/1, nothing/0, new/0, new/1]).

-export_type([target/0]).

-type target() :: #{
    cell := atomics:atomics_ref(),
    tally := counters:counters_ref(),
    turn := fun((target()) -> term()),
    bump := pos_integer(),
    shots := [fun(() -> term())]
}.

-define(STOP, 1).
-define(TRIED, 2).
-define(RAN, 3).
-define(FIRST, 4).

%% What policies deny in one form or another.
-spec denied() -> [mfa()].
denied() -> [{atomics, add, 3}, {atomics, add_get, 3}, {ets, update_counter, 3}, {?MODULE, hit, 1}].

-spec hit(atomics:atomics_ref()) -> ok.
hit(Cell) -> atomics:add(Cell, 1, 1).

-spec nothing() -> ok.
nothing() -> ok.

%% -- Turns: what a process does between two tries ----------------------------

-spec turns() -> [{atom(), fun((target()) -> term())}].
turns() ->
    Long = lists:seq(1, 5000),
    Copy = lists:seq(1, 5000),
    Ext = fun lists:reverse/1,
    [
        {nothing, fun(_) -> ok end},
        {local_calls, fun(_) -> spin(1000) end},
        {external_calls, fun(_) -> lists:last(lists:duplicate(10, x)) end},
        {external_fun, fun(_) -> Ext([a, b]) end},
        {apply, fun(_) -> apply(lists, hd([reverse | Ext([a])]), [[a]]) end},
        {light_bifs, fun(_) -> erlang:phash2({a, erlang:unique_integer()}) end},
        {long_bif, fun(_) -> erlang:term_to_binary(Long) end},
        %% Takes time and no reductions.
        {comparing, fun(_) -> {Long =:= Copy, receive nothing -> ok after 0 -> ok end} end},
        {process_info_self, fun(_) -> process_info(self(), [message_queue_len, memory]) end},
        {process_info_other, fun(_) -> process_info(whereis(init), message_queue_len) end},
        {poll, fun(_) -> receive nothing -> ok after 0 -> ok end end},
        {pause, fun(_) -> receive nothing -> ok after 1 -> ok end end},
        {message_to_self, fun(_) -> self() ! turn, receive turn -> ok end end},
        {exceptions, fun(_) -> catch error(deep(50)) end},
        {garbage_collection, fun(_) -> erlang:garbage_collect() end},
        {garbage, fun(_) -> deep(5000) end},
        {dirty_collection, fun(_) -> deep(100000), erlang:garbage_collect() end},
        {yield, fun(_) -> erlang:yield() end},
        {spawning, fun(_) -> spawn(?MODULE, nothing, []) end},
        {dirty_nif, fun(_) -> seccomp_nif:policy_to_json(#{mode => whitelist, rules => [a]}) end},
        {dirty_bif, fun(_) -> erts_debug:dirty_cpu(wait, 1) end},
        {hibernating, fun(T) -> self() ! wake, erlang:hibernate(?MODULE, woken, [T]) end},
        {save_calls, fun(_) -> process_flag(save_calls, 10), process_flag(save_calls, 0) end}
    ].

spin(0) -> ok;
spin(N) -> spin(N - 1).

deep(0) -> [];
deep(N) -> [N | deep(N - 1)].

%% Woken by a call through an export entry, which a whitelist has to allow.
-spec woken(target()) -> no_return() | ok.
woken(T) ->
    receive
        wake -> loop(T)
    end.

%% -- The process -------------------------------------------------------------

-spec new() -> target().
new() -> new(fun(_) -> ok end).

-spec new(fun((target()) -> term())) -> target().
new(Turn) ->
    Cell = atomics:new(1, []),
    Tally = counters:new(?FIRST + length(denied()), [write_concurrency]),
    %% A denial takes long for its reductions; others should get their turn.
    Bump = soak_wait:any([20, 100, 400]),
    #{cell => Cell, tally => Tally, turn => Turn, bump => Bump, shots => []}.

%% Running, that is, past its first tries.
-spec start(fun((target()) -> term())) -> {{pid(), reference()}, target()}.
start(Turn) -> start(Turn, []).

-spec start(fun((target()) -> term()), list()) -> {{pid(), reference()}, target()}.
start(Turn, Options) ->
    T = new(Turn),
    Run = fun() -> loop(T#{shots := shots(T)}) end,
    Started = spawn_opt(Run, [monitor | Options]),
    ok = moves(T),
    {Started, T}.

loop(#{tally := Tally, turn := Turn, bump := Bump, shots := [Shot | Shots]} = T) ->
    case counters:get(Tally, ?STOP) of
        0 ->
            _ = shoot(Shot, T),
            _ = Turn(T),
            true = erlang:bump_reductions(Bump),
            loop(T#{shots := Shots ++ [Shot]});
        _ ->
            ok
    end.

%% Each way of calling that has its effect in one step, but for hit/1, which is
%% denied together with what it calls.
-spec shots(target()) -> [fun(() -> term())].
shots(#{cell := Cell}) ->
    [M, F] = tl([x, atomics, add]),
    Add = fun atomics:add/3,
    Made = erlang:make_fun(atomics, add_get, 3),
    Args = [Cell, 1, 1],
    [
        fun() -> atomics:add(Cell, 1, 1) end,
        fun() -> {x, atomics:add_get(Cell, 1, 1)} end,
        fun() -> Add(Cell, 1, 1) end,
        fun() -> ?MODULE:hit(Cell) end,
        fun() -> M:F(Cell, 1, 1) end,
        fun() -> apply(M, F, Args) end,
        fun() -> {x, Made(Cell, 1, 1)} end,
        fun() -> erlang:apply(Add, Args) end,
        fun() -> {x, lists:foreach(fun ?MODULE:hit/1, [Cell])} end
    ].

%% One try, counted; `ran` or `denied`.
-spec shoot(fun(() -> term()), target()) -> ran | denied.
shoot(Shot, #{tally := Tally}) ->
    counters:add(Tally, ?TRIED, 1),
    try Shot() of
        _ ->
            counters:add(Tally, ?RAN, 1),
            ran
    catch
        error:{seccomp, Mfa} ->
            counters:add(Tally, place(Mfa, denied(), ?FIRST), 1),
            denied
    end.

place(Mfa, [Mfa | _], N) -> N;
place(Mfa, [_ | Mfas], N) -> place(Mfa, Mfas, N + 1).

%% -- Looking at it -----------------------------------------------------------

%% How many denied calls have run.
-spec ran(target()) -> integer().
ran(#{cell := Cell}) -> atomics:get(Cell, 1).

-spec tried(target()) -> integer().
tried(#{tally := Tally}) -> counters:get(Tally, ?TRIED).

%% Tried and had an answer.
refused(#{tally := Tally}) ->
    lists:sum([counters:get(Tally, N) || {N, _} <- places()]).

places() -> lists:zip(lists:seq(?FIRST, ?FIRST + length(denied()) - 1), denied()).

-spec live({pid(), reference()}) -> boolean().
live({Pid, _}) -> is_process_alive(Pid).

-spec moves(target()) -> ok.
moves(T) ->
    Before = ran(T),
    soak_wait:until(fun() -> ran(T) > Before end, {moves, T}).

%% Has been refused so many times more, or has ended.
-spec tries_more(target(), {{pid(), reference()}, pos_integer()}) -> ok.
tries_more(T, {Started, N}) ->
    Before = refused(T),
    soak_wait:until(fun() -> refused(T) >= Before + N orelse not live(Started) end, {tries, T}).

%% Ends by itself, so that all it tried is counted.
-spec stop(target()) -> ok.
stop(#{tally := Tally}) -> counters:put(Tally, ?STOP, 1).

%% Puts down what a process that has ended did, and that it ended as it should:
%% `normal`, `killed` from outside, or `denied` where that kills.
-spec account(term(), normal | killed | denied, term(), {target(), soak_ledger:account()}) ->
    soak_ledger:account().
account(Family, How, Reason, {#{tally := Tally} = T, Account0}) ->
    Tried = tried(T),
    Ran = counters:get(Tally, ?RAN),
    Refused = refused(T),
    Open = Tried - Ran - Refused,
    Unseen = ran(T) - Ran,
    Account1 = lists:foldl(
        fun({N, Mfa}, Acc) -> soak_ledger:denied(Family, Mfa, counters:get(Tally, N), Acc) end,
        soak_ledger:did(refused, Refused, soak_ledger:did(ran, ran(T), Account0)),
        places()
    ),
    case {How, Reason, Open} of
        {normal, normal, 0} when Unseen =:= 0 ->
            Account1;
        {killed, killed, _} when 0 =< Unseen, Unseen =< Open, Open =< 1 ->
            soak_ledger:unsure(Family, denied(), Open, Account1);
        {denied, {seccomp, Mfa}, 1} when Unseen =:= 0 ->
            soak_ledger:did(killed, soak_ledger:denied(Family, Mfa, 1, Account1));
        _ ->
            What = #{how => How, reason => Reason, open => Open, ran_unseen => Unseen},
            soak_ledger:problem({ended, Family, What}, Account1)
    end.
