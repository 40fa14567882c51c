%% SPDX-License-Identifier: Apache-2.0
%%
%% Other nodes, as operating system processes: for tests that fill what a node
%% has only one of, that end the emulator, or that need a stock one.
-module(seccomp_test_node).

-export([start/1, stop/1, call/4, stock_erl/0]).

-define(LONG, 300000).

%% Gives the peer. Connected by standard input and output, so that neither
%% node has to be distributed.
start(Which) ->
    Paths = lists:append([["-pa", filename:dirname(code:which(M))] || M <- [seccomp, ?MODULE]]),
    {ok, Peer, _Node} = peer:start(#{
        connection => standard_io,
        exec => executable(Which),
        args => Paths,
        wait_boot => 60000,
        %% Any other way to stop it goes by the node's name, which is ours, too.
        shutdown => close
    }),
    Peer.

stop(Peer) -> peer:stop(Peer).

call(Peer, M, F, A) -> peer:call(Peer, M, F, A, ?LONG).

%% The emulator that runs this: the environment says which it is.
executable(same) -> filename:join(os:getenv("BINDIR"), "erlexec");
executable(stock) -> stock_erl().

stock_erl() -> os:getenv("SECCOMP_STOCK_ERL", "/usr/bin/erl").
