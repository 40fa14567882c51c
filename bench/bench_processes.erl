%% SPDX-License-Identifier: Apache-2.0
%%
%% Workloads on processes and messages.
-module(bench_processes).

-behaviour(gen_server).

-export([workloads/0, start_echo/0]).
%% For bench_nodes.
-export([ping/2, echo/0]).
-export([init/1, handle_call/3, handle_cast/2]).

%% Processes started against the clock before they may run.
-define(BURST, 100).

-spec workloads() -> [bench_run:workload()].
workloads() ->
    [
        workload(spawn, fun(N) -> bursts(N, 0) end, ?BURST),
        workload(spawn_and_exit, fun spawn_and_exit/1, 1),
        workload(ping_pong, fun ping_pong/1, 1),
        workload(message, fun to_trusted/1, 2),
        workload(gen_server, fun gen_server/1, 1)
    ].

workload(Name, Fun, Operations) ->
    #{name => Name, run => Fun, operations => Operations, millis => 1, repeats => 60}.

%% The parent's side of a spawn alone.
bursts(0, Elapsed) ->
    {elapsed, Elapsed};
bursts(N, Elapsed) ->
    Start = erlang:monotonic_time(),
    Last = burst(?BURST),
    Took = erlang:monotonic_time() - Start,
    ok = ended(monitor(process, Last)),
    bursts(N - 1, Elapsed + Took).

burst(1) ->
    spawn(bench_target, stop, []);
burst(N) ->
    _ = spawn(bench_target, stop, []),
    burst(N - 1).

ended(Ref) ->
    receive
        {'DOWN', Ref, process, _, _} -> ok
    end.

%% From the spawn until the child has ended.
spawn_and_exit(0) ->
    ok;
spawn_and_exit(N) ->
    {_, Ref} = spawn_monitor(bench_target, stop, []),
    ok = ended(Ref),
    spawn_and_exit(N - 1).

%% A message to another process and one back.
ping_pong(N) ->
    Pid = spawn_link(fun echo/0),
    ok = ping(N, Pid),
    Pid ! stop,
    ok.

%% The same with a process that is trusted, whoever asks it. What a restricted
%% process sends carries a token, and so does the answer.
to_trusted(N) -> ping(N, whereis(bench_echo)).

-spec start_echo() -> ok.
start_echo() ->
    true = register(bench_echo, spawn(fun echo/0)),
    ok.

%% So many round trips to such a process.
-spec ping(non_neg_integer(), pid()) -> ok.
ping(0, _) ->
    ok;
ping(N, Pid) ->
    Pid ! {ping, self()},
    receive
        pong -> ping(N - 1, Pid)
    end.

-spec echo() -> ok.
echo() ->
    receive
        {ping, Pid} ->
            Pid ! pong,
            echo();
        stop ->
            ok
    end.

gen_server(N) ->
    {ok, Pid} = gen_server:start(?MODULE, [], []),
    ok = calls(N, Pid),
    gen_server:stop(Pid).

calls(0, _) ->
    ok;
calls(N, Pid) ->
    N = gen_server:call(Pid, N),
    calls(N - 1, Pid).

-spec init([]) -> {ok, []}.
init([]) -> {ok, []}.

-spec handle_call(term(), gen_server:from(), []) -> {reply, term(), []}.
handle_call(Request, _From, State) -> {reply, Request, State}.

-spec handle_cast(term(), []) -> {noreply, []}.
handle_cast(_Request, State) -> {noreply, State}.
