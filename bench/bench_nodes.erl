%% SPDX-License-Identifier: Apache-2.0
%%
%% A round trip to another node on the loopback interface, both nodes on the
%% same emulator. The emulator that runs this has to be distributed itself.
-module(bench_nodes).

-export([flags/0, times/1]).

-define(MILLIS, 20).
-define(REPEATS, 40).

%% What the emulator is to be started with.
-spec flags() -> [string()].
flags() ->
    Cookie = "bench" ++ integer_to_list(rand:uniform(1 bsl 60), 36),
    ["-sname", name() ++ "@localhost", "-setcookie", Cookie] ++ loopback().

name() -> "bench" ++ os:getpid() ++ "x" ++ integer_to_list(erlang:unique_integer([positive])).

loopback() -> ["-kernel", "inet_dist_use_interface", "{127,0,0,1}"].

%% Nanoseconds, as bench_run:times().
-spec times(number()) -> bench_run:times().
times(Scale) ->
    {Peer, Node} = other(),
    try
        Pid = spawn_link(Node, bench_processes, echo, []),
        Workload = #{
            name => round_trip,
            run => fun(N) -> bench_processes:ping(N, Pid) end,
            operations => 1,
            millis => ?MILLIS,
            repeats => ?REPEATS
        },
        Counts = bench_run:calibrate([Workload]),
        bench_run:samples([{Workload, [trusted]}], Counts, Scale)
    after
        peer:stop(Peer)
    end.

%% On the same emulator, with as many schedulers as this one.
other() ->
    Beams = filename:dirname(code:which(?MODULE)),
    Cookie = atom_to_list(erlang:get_cookie()),
    {ok, Peer, _} = peer:start_link(#{
        connection => standard_io,
        exec => filename:join(os:getenv("BINDIR"), "erlexec"),
        args =>
            ["-sname", name() ++ "@localhost", "-setcookie", Cookie] ++
                ["+S", "1:1", "-pa", Beams | loopback()],
        shutdown => close
    }),
    Node = peer:call(Peer, erlang, node, []),
    true = net_kernel:connect_node(Node),
    {Peer, Node}.
