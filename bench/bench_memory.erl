%% SPDX-License-Identifier: Apache-2.0
%%
%% What a process takes: by the emulator's own count for one, and by the
%% operating system's for very many.
-module(bench_memory).

-export([one/0, many/2]).

%% A process that waits. Its memory is its structure and its heap, so what
%% remains without the heap is sizeof(Process).
-spec one() -> #{atom() => float()}.
one() ->
    Pid = spawn(fun wait/0),
    Keys = [status, memory, total_heap_size, links, monitors, messages],
    #{memory := Memory, total_heap_size := Words} =
        Info = maps:from_list(waiting(Pid, Keys)),
    #{links := [], monitors := [], messages := []} = Info,
    true = exit(Pid, kill),
    Heap = Words * erlang:system_info(wordsize),
    #{process_memory => float(Memory), process_size => float(Memory - Heap)}.

waiting(Pid, Keys) ->
    case process_info(Pid, Keys) of
        [{status, waiting} | _] = Info ->
            Info;
        _ ->
            erlang:yield(),
            waiting(Pid, Keys)
    end.

wait() ->
    receive
        stop -> ok
    end.

%% Starts this many processes from one in the given mode, whose policy they
%% inherit, and gives the bytes of memory that the emulator then takes more,
%% for each.
-spec many(bench_run:mode(), pos_integer()) -> float().
many(Mode, N) ->
    Before = resident(),
    Me = self(),
    {Parent, Ref} = spawn_monitor(fun() ->
        ok = enter(Mode),
        ok = start(N),
        Me ! {self(), started},
        wait()
    end),
    receive
        {Parent, started} -> ok;
        {'DOWN', Ref, process, Parent, Reason} -> error({many_failed, Reason})
    end,
    %% The last ones may not have run yet.
    erlang:yield(),
    Bytes = (resident() - Before) / N,
    true = erlang:system_info(process_count) > N,
    ok = are_restricted(Mode, N),
    Bytes.

enter({restricted, Policy}) -> seccomp:set_policy(self(), Policy);
enter(trusted) -> ok.

start(0) ->
    ok;
start(N) ->
    _ = spawn(fun wait/0),
    start(N - 1).

are_restricted(trusted, _) ->
    ok;
are_restricted({restricted, _}, N) ->
    true = length(seccomp:processes()) > N,
    ok.

resident() ->
    {ok, Status} = file:read_file("/proc/self/status"),
    {match, [KiB]} = re:run(Status, "VmRSS:\\s*(\\d+) kB", [{capture, all_but_first, list}]),
    list_to_integer(KiB) * 1024.
