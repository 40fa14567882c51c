%% SPDX-License-Identifier: Apache-2.0
%%
%% Techniques 58 to 66: other nodes. What a restricted process can call is run
%% here; what arrives from another node is under no rule yet.
-module(esc_dist).

-export([rows/0]).

-define(ROW(Id, Name), id => Id, name => Name, class => dist).

rows() ->
    Node = 'esc@localhost',
    Fun = fun() -> ok end,
    [
        esc:refused(dist, "58", "work on another node", [
            {erlang, spawn, [Node, erlang, self, []]},
            {erlang, spawn_request, [Node, erlang, self, []]},
            {erpc, call, [Node, Fun]},
            {rpc, call, [Node, erlang, self, []]},
            {peer, start, [#{}]},
            {slave, start, [localhost]}
        ]),
        not_run("58b", "a remote rex by message", "needs two nodes; open as row 5 is"),
        not_run("59", "io request from another node", "needs two nodes; no rule for it yet"),
        not_run("60", "spawn request from another node", "needs two nodes; no rule for it yet"),
        not_run("61", "exit, link, leader from afar", "needs two nodes; no rule for it yet"),
        not_run("62", "leaked cookie", "needs two nodes; no rule for it yet"),
        esc:refused(dist, "63", "connecting out", [
            {net_kernel, connect_node, [Node]},
            {net_kernel, start, [[esc]]},
            {net_adm, ping, [Node]}
        ]),
        not_run("63b", "connecting by a first send", "needs two nodes; open, as row 5 is"),
        esc:refused(dist, "64", "forging a channel", [
            {erlang, setnode, [Node, 1]},
            {erlang, dist_ctrl_get_data, [x]},
            {erts_internal, create_dist_channel, [x, x, x]}
        ]),
        not_run("65", "atoms from peers", "needs two nodes; no rule for it yet"),
        esc:refused(dist, "66", "names of the cluster", [
            {global, register_name, [esc, self()]},
            {pg, join, [esc, self()]},
            {global_group, send, [esc, esc]}
        ])
    ].

not_run(Id, Name, Why) -> #{?ROW(Id, Name), not_run => Why}.
