%% SPDX-License-Identifier: Apache-2.0
%%
%% Compares all that can be seen of the workers, and all that was recorded of
%% them, with what the model says. What differs is given as a list.
-module(seccomp_oracle_look).

-export([look/1, recorded/1, wait_for_ends/1, differ/3]).
-export([hold_table/0, forget_hashes/0, learn/2, counters/1]).

-import(seccomp_oracle_real, [run/1, pid/1, restricted/0]).

-define(HASHES, 50000).

%% -- Looking -----------------------------------------------------------------

%% What there is to see of this state of the model that is not so: a list.
look(#{procs := Procs, hits := Hits, sends := Sends}) ->
    ok = wait_for_ends([pid(Id) || {Id, gone} <- maps:to_list(Procs), is_map_key(Id, run(pids))]),
    Restricted = [pid(Id) || {Id, #{policy := #{}}} <- maps:to_list(Procs)],
    lists:append([
        differ(processes, lists:sort(Restricted), restricted()),
        [{hash, Wrong} || Wrong <- put(learned, []), Wrong =/= ok],
        differ(hits, Hits, atomics:get(run(counter), 1)),
        differ(sends, {message_queue_len, Sends}, process_info(run(sink), message_queue_len))
        | [look(Id, Proc) || {Id, Proc} <- maps:to_list(Procs), is_map_key(Id, run(pids))]
    ]).

look(Id, gone) ->
    Pid = pid(Id),
    differ({flags, Id}, {error, noproc}, seccomp:flags(Pid)) ++
        differ({info, Id}, {error, noproc}, seccomp:info(Pid));
look(Id, #{policy := Policy, origin := Origin}) ->
    Pid = pid(Id),
    differ({flags, Id}, seccomp_model:flags(Policy), seccomp:flags(Pid)) ++
        case {seccomp_model:info(Policy), seccomp:info(Pid)} of
            {trusted, Info} ->
                differ({info, Id}, trusted, Info);
            {Expected, #{hash := Hash} = Info} ->
                differ({info, Id}, Expected#{origin => origin(Origin)}, maps:remove(hash, Info)) ++
                    differ({hash, Id}, ok, learn(Policy, Hash));
            {Expected, Info} ->
                differ({info, Id}, Expected, Info)
        end.

origin({Kind, controller}) -> {Kind, self()};
origin({Kind, Id}) -> {Kind, pid(Id)}.

differ(_What, Same, Same) -> [];
differ(What, Expected, Seen) -> [{What, #{expected => Expected, seen => Seen}}].

%% An exit signal takes its time to those that are linked. Whoever stays is
%% seen by what follows.
wait_for_ends(Pids) -> wait_for_ends(Pids, 2000).

wait_for_ends(Pids, Tries) ->
    Restricted = seccomp:processes(),
    case [Pid || Pid <- Pids, is_process_alive(Pid) orelse lists:member(Pid, Restricted)] of
        [] ->
            ok;
        _ when Tries =:= 0 ->
            ok;
        Left ->
            receive
            after 1 -> wait_for_ends(Left, Tries - 1)
            end
    end.

%% -- Hashes ------------------------------------------------------------------

%% Which hash each policy has; whoever calls may end before the next one does.
hold_table() ->
    Me = self(),
    Holder = spawn(fun() ->
        ?MODULE = ets:new(?MODULE, [named_table, public]),
        Me ! {self(), ready},
        receive
            stop -> ok
        end
    end),
    receive
        {Holder, ready} -> ok
    end.

%% A long run meets policies without end.
forget_hashes() ->
    _ = [true = ets:delete_all_objects(?MODULE) || ets:info(?MODULE, size) > ?HASHES],
    ok.

%% Equal policies have equal hashes, and others have others.
learn(Policy, Hash) ->
    Key = erlang:md5(term_to_binary(Policy)),
    case {ets:lookup(?MODULE, {policy, Key}), ets:lookup(?MODULE, {hash, Hash})} of
        {[{_, Hash}], [{_, Key}]} ->
            ok;
        {[], []} ->
            true = ets:insert(?MODULE, [{{policy, Key}, Hash}, {{hash, Hash}, Key}]),
            ok;
        {Known, Other} ->
            {not_one_to_one, Known, Other}
    end.

hash(Policy) ->
    case ets:lookup(?MODULE, {policy, erlang:md5(term_to_binary(Policy))}) of
        [{_, Hash}] -> Hash;
        [] -> never_seen
    end.

%% -- What was recorded -------------------------------------------------------

%% What of these records the library has not, or has in another way: a list.
%% The records are in order, each {Id, Mfa, Action, Policy}.
recorded(Records) ->
    #{total := Total, dropped := Dropped, counters := Counters, ring := Ring} =
        seccomp:violations(),
    Before = run(counters),
    Expected = count([{hash(Policy), Mfa} || {_, Mfa, _, Policy} <- Records]),
    Now = counters(Counters),
    Counted = maps:filter(
        fun(_, N) -> N > 0 end,
        maps:map(fun(Key, N) -> N - maps:get(Key, Before, 0) end, Now)
    ),
    Uncounted = lists:sum([N || {Key, N} <- maps:to_list(Expected), not is_map_key(Key, Now)]),
    New = [Entry || #{seq := Seq} = Entry <- Ring, Seq > run(total)],
    lists:append([
        differ(total, length(Records), Total - run(total)),
        differ(dropped, Uncounted, Dropped - run(dropped)),
        differ(counters, maps:with(maps:keys(Now), Expected), Counted),
        [{too_many_for_the_ring, length(Records)} || length(Records) > 1000]
        | [ring(Id, Pid, Records, New) || {Id, Pid} <- maps:to_list(run(pids))]
    ]).

%% The ring, process by process: in order, with policy and action. Asking for one
%% process by violations/1 is slow, so not all are.
ring(Id, Pid, Records, New) ->
    Mine = [{Mfa, Action, hash(Policy)} || {Who, Mfa, Action, Policy} <- Records, Who =:= Id],
    Seen = [
        {Mfa, Action, Hash}
     || #{pid := P, mfa := Mfa, action := Action, policy := Hash} <- New, P =:= Pid
    ],
    differ({ring, Id}, Mine, Seen) ++
        case Id rem 5 of
            0 -> differ({violations, Id}, length(Mine), map_get(total, seccomp:violations(Pid)));
            _ -> []
        end.

counters(Counters) ->
    maps:from_list([{{Hash, Mfa}, N} || #{policy := Hash, mfa := Mfa, count := N} <- Counters]).

count(Keys) ->
    lists:foldl(
        fun(Key, Counts) -> maps:update_with(Key, fun(N) -> N + 1 end, 1, Counts) end,
        #{},
        Keys
    ).
