%% SPDX-License-Identifier: Apache-2.0
%%
%% Techniques 58 to 66: other nodes, by functions. What needs a second node is in
%% esc_nodes.
-module(esc_dist).

-export([rows/0]).

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
        esc:refused(dist, "63", "connecting out", [
            {net_kernel, connect_node, [Node]},
            {net_kernel, start, [[esc]]},
            {net_adm, ping, [Node]}
        ]),
        esc:refused(dist, "64", "forging a channel", [
            {erlang, setnode, [Node, 1]},
            {erlang, dist_ctrl_get_data, [x]},
            {erts_internal, create_dist_channel, [x, x, x]}
        ]),
        esc:refused(dist, "66", "names of the cluster", [
            {global, register_name, [esc, self()]},
            {pg, join, [esc, self()]},
            {global_group, send, [esc, esc]}
        ])
    ].
