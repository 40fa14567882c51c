%% SPDX-License-Identifier: Apache-2.0
%%
%% Runs a task of bench_worker in an emulator of its own.
-module(bench_emulator).

-export([run/3, run/4]).
-export_type([emulator/0]).

-type emulator() :: #{
    erl := file:filename(),
    %% Where the tasks and their results are kept.
    dir := file:filename(),
    %% The processor that timed work runs on, and nothing else of ours.
    cpu := none | non_neg_integer()
}.

%% Longer than any task takes on a slow machine.
-define(TIMEOUT, timer:minutes(10)).

%% `pinned`: one scheduler on one processor. `free`: where the emulator uses
%% more than one thread.
-spec run(emulator(), pinned | free, bench_worker:task()) -> term().
run(Emulator, Place, Task) -> run(Emulator, Place, Task, []).

-spec run(emulator(), pinned | free, bench_worker:task(), [string()]) -> term().
run(#{dir := Dir} = Emulator, Place, Task, Flags) ->
    In = filename:join(Dir, "task"),
    Out = filename:join(Dir, "result"),
    ok = file:write_file(In, term_to_binary(Task)),
    _ = file:delete(Out),
    {Program, Args} = command(Emulator, Place, Flags, In, Out),
    Port = open_port({spawn_executable, Program}, [
        {args, Args}, {cd, Dir}, stream, exit_status, stderr_to_stdout, binary
    ]),
    case wait(Port, []) of
        {0, _} ->
            {ok, Result} = file:read_file(Out),
            binary_to_term(Result);
        {Status, Output} ->
            throw({bench, [what(Task), " failed in ", Program, status(Status), "\n", Output]})
    end.

command(#{erl := Erl, cpu := Cpu}, Place, Flags, In, Out) ->
    Beams = filename:dirname(code:which(?MODULE)),
    Args =
        ["+S", "1:1", "+SDcpu", "1:1", "+SDio", "1", "+MIscs", "512"] ++ Flags ++
            ["-noshell", "-noinput", "-pa", Beams, "-run", "bench_worker", "main", In, Out],
    case {Place, Cpu} of
        {pinned, _} when is_integer(Cpu) ->
            {os:find_executable("taskset"), ["-c", integer_to_list(Cpu), Erl | Args]};
        _ ->
            {Erl, Args}
    end.

wait(Port, Output) ->
    receive
        {Port, {data, Data}} -> wait(Port, [Output, Data]);
        {Port, {exit_status, Status}} -> {Status, Output}
    after ?TIMEOUT ->
        {os_pid, Pid} = erlang:port_info(Port, os_pid),
        _ = os:cmd("kill -9 " ++ integer_to_list(Pid)),
        {timeout, Output}
    end.

what(Task) when is_tuple(Task) -> atom_to_list(element(1, Task));
what(Task) -> atom_to_list(Task).

status(timeout) -> ": no result in ten minutes";
status(Status) -> [", exit status ", integer_to_list(Status)].
