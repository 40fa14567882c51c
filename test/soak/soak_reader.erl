%% SPDX-License-Identifier: Apache-2.0
%%
%% Reads all that can be read, while others change it: what it gets must make
%% sense at any moment.
-module(soak_reader).

-export([loop/0]).

-import(soak_wait, [any/1]).

-define(RING, 1024).

-type account() :: soak_ledger:account().

%% Until it is told to stop; gives its account then.
-spec loop() -> account().
loop() -> loop(0, soak_ledger:new()).

loop(Total, Account) ->
    receive
        {stop, From} -> From ! {self(), Account}
    after 0 ->
        {Now, Read} = read(any([violations, processes, processes, processes, json]), Total, Account),
        loop(Now, soak_ledger:did(reads, Read))
    end.

%% The total never falls. The sum of the counters may lag behind it, being
%% read earlier or later.
read(violations, Before, Account) ->
    timer:sleep(20),
    #{total := Total, ring := Ring, counters := Counters} = seccomp:violations(),
    Seqs = [Seq || #{seq := Seq} <- Ring],
    Wrong = [Bad || #{count := Count} = Bad <- Counters, Count < 1],
    case
        Total >= Before andalso length(Ring) =< ?RING andalso Wrong =:= [] andalso
            Seqs =:= lists:usort(Seqs)
    of
        true -> {Total, Account};
        false -> {Total, soak_ledger:problem({violations, Before, Total, Wrong}, Account)}
    end;
read(json, Total, Account) ->
    timer:sleep(20),
    case seccomp:violations_json() of
        <<"{\"total\":", _/binary>> -> {Total, Account};
        Json -> {Total, soak_ledger:problem({json, Json}, Account)}
    end;
%% Each process may end, be lifted or be put under another policy between any
%% two of these.
read(processes, Total, Account) ->
    Pids = seccomp:processes(),
    Looks = [{Pid, seccomp:info(Pid), seccomp:flags(Pid)} || Pid <- lists:sublist(Pids, 200)],
    case [Look || {_, Info, Flags} = Look <- Looks, not (info(Info) andalso flags(Flags))] of
        [] -> {Total, Account};
        Wrong -> {Total, soak_ledger:problem({processes, lists:sublist(Wrong, 3)}, Account)}
    end.

info({error, noproc}) -> true;
info(trusted) -> true;
info(#{flags := Flags, origin := {How, Pid}, hash := Hash}) ->
    flags(Flags) andalso Flags =/= 0 andalso lists:member(How, [restricted_by, inherited]) andalso
        is_pid(Pid) andalso byte_size(Hash) > 0;
info(_) -> false.

flags({error, noproc}) -> true;
flags(0) -> true;
flags(Flags) when is_integer(Flags) -> Flags band 16#8f =:= 16#80;
flags(_) -> false.
