%% SPDX-License-Identifier: Apache-2.0
%%
%% The nodes of the demo: operating system processes on the loopback interface.
-module(cluster_demo_nodes).

-export([start/2, stop/1, call/4, alive/1]).
-export_type([nodes/0]).

-type host() :: {Peer :: pid(), node()}.
-type nodes() :: #{one := host(), same | stock := host(), vault := pid()}.

%% Node 1 of this kind, another of the same kind, and one that is stock.
-spec start(stock | patched, cluster_demo_scenes:scene()) -> nodes().
start(Kind, #{guard := Guard}) ->
    Cookie = integer_to_list(rand:uniform(1 bsl 60), 36),
    [One, Same] = [host(Kind, Cookie), host(Kind, Cookie)],
    Stock = host(stock, Cookie),
    [ok = call(Host, cluster_demo_host, services, []) || Host <- [One, Same, Stock]],
    ok = call(One, cluster_demo_host, connect, [Kind, element(2, Same)]),
    Vault = call(One, erlang, whereis, [vault]),
    case Guard andalso call(One, cluster_demo_host, guard, []) of
        {error, Reason} when Kind =:= patched -> throw({demo, guard_failed(Reason)});
        _ -> ok
    end,
    #{one => One, same => Same, stock => Stock, vault => Vault}.

host(Kind, Cookie) ->
    Which = maps:get(Kind, #{stock => stock, patched => same}),
    Beams = filename:dirname(code:which(?MODULE)),
    Quiet = ["-kernel", "logger_level", "none"],
    seccomp_test_node:start_named(Which, ["-setcookie", Cookie, "-pa", Beams | Quiet]).

-spec stop(nodes()) -> ok.
stop(Nodes) ->
    %% The vault is a process, and no node.
    lists:foreach(fun stop_one/1, [Peer || {Peer, _} <- maps:values(Nodes)]).

stop_one(Peer) ->
    try seccomp_test_node:stop(Peer) of
        _ -> ok
    catch
        _:_ -> ok
    end.

-spec call(host(), module(), atom(), [term()]) -> term().
call({Peer, _}, M, F, Args) -> seccomp_test_node:call(Peer, M, F, Args).

%% Whether it answers.
-spec alive(host()) -> boolean().
alive(Host) ->
    try
        is_atom(call(Host, erlang, node, []))
    catch
        _:_ -> false
    end.

guard_failed(Reason) -> io_lib:format("node 1 cannot be guarded: ~0tp", [Reason]).
