%% SPDX-License-Identifier: Apache-2.0
%%
%% Other nodes, as operating system processes: for tests that fill what a node
%% has only one of, that end the emulator, or that need a stock one.
-module(seccomp_test_node).

-export([start/1, start/2, start_quiet/2, start_named/2, start_as/3, fresh_name/0, stop/1, call/4, stock_erl/0]).

-define(LONG, 300000).

%% Gives the peer. Connected by standard input and output, so that neither
%% node has to be distributed.
start(Which) -> start(Which, []).

start(Which, Args) -> start_with(Args, #{exec => executable(Which)}).

%% For nodes that are expected to end badly: no dump, and nothing of what the
%% emulator or heart says of it.
start_quiet(Which, Args) ->
    Quiet = ["-c", "exec \"$0\" \"$@\" 2>/dev/null", executable(Which)],
    Env = [{"ERL_CRASH_DUMP_BYTES", "0"}],
    start_with(Args, #{exec => {"/bin/sh", Quiet}, env => Env}).

start_with(Args, Options) ->
    {ok, Peer, _Node} = peer:start(Options#{
        connection => standard_io,
        args => paths() ++ Args,
        wait_boot => 60000,
        %% Any other way to stop it goes by the node's name, which is ours, too.
        shutdown => close
    }),
    Peer.

%% A distributed one, on the loopback interface alone; epmd is started with it
%% when there is none. Gives the peer and its name.
start_named(Which, Args) ->
    {Name, Node} = fresh_name(),
    {start_as(Which, Name, Args), Node}.

%% The same with a name that is known before.
start_as(Which, Name, Args) ->
    Loopback = ["-kernel", "inet_dist_use_interface", "{127,0,0,1}"],
    start_quiet(Which, ["-sname", Name | Loopback] ++ Args).

fresh_name() ->
    Unique = integer_to_list(erlang:unique_integer([positive])),
    Name = "seccomp" ++ os:getpid() ++ "x" ++ Unique ++ "@localhost",
    {Name, list_to_atom(Name)}.

%% Elixir, where the caller has it on the path, for rows on it.
paths() ->
    Modules = [seccomp, ?MODULE, 'Elixir.Kernel'],
    Files = [File || Module <- Modules, File <- [code:which(Module)], is_list(File)],
    lists:append([["-pa", filename:dirname(File)] || File <- Files]).

stop(Peer) -> peer:stop(Peer).

call(Peer, M, F, A) -> peer:call(Peer, M, F, A, ?LONG).

%% The emulator that runs this: the environment says which it is.
executable(same) -> filename:join(os:getenv("BINDIR"), "erlexec");
executable(stock) -> stock_erl().

stock_erl() -> os:getenv("SECCOMP_STOCK_ERL", "/usr/bin/erl").
