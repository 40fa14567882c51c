%% SPDX-License-Identifier: Apache-2.0
%%
%% Techniques 7 and 58 to 66 with two nodes that know the same cookie. What
%% arrives from another node is under no rule yet: those rows have a program
%% that does nothing, and the other node does it all.
-module(esc_nodes).

-include("esc.hrl").

-export([rows/0]).
-export([print_there/1, make_atoms/1, lead/1]).

-define(ROW(Id, Name), id => Id, name => Name, class => dist, node => named).
-define(ATOMS, 1000).

rows() -> outwards() ++ inwards().

%% -- What a restricted process does ------------------------------------------

outwards() ->
    [
        (by_message())#{
            ?ROW("7", "net_kernel spawns M:F"),
            ways => [
                fun(Env) ->
                    Spawn = {spawn, esc, touch, [?CANARY(Env)], self()},
                    net_kernel ! {'$gen_call', {self(), make_ref()}, Spawn}
                end
            ]
        },
        (by_message())#{
            %% There it is rex's child, back here a process from afar.
            ?ROW("58b", "a remote rex by message, and back"),
            setup => fun other_node/0,
            ways => [
                fun(#{other := Other}) ->
                    Back = {call, rpc, call, [node(), esc, touch_now, []], self()},
                    {rex, Other} ! {'$gen_call', {self(), make_ref()}, Back}
                end
            ]
        },
        (by_message())#{
            ?ROW("63b", "connecting by a first send"),
            setup => fun other_node/0,
            ways => [fun(#{other := Other}) -> {esc_nobody, Other} ! hello end],
            effect => fun is_connected/2
        },
        (by_message())#{
            ?ROW("63c", "connecting by a monitor"),
            setup => fun other_node/0,
            ways => [fun(#{other := Other}) -> monitor(process, {esc_nobody, Other}) end],
            effect => fun is_connected/2,
            calculator => {denied, [{erlang, monitor, 2}]},
            plugin => {denied, [{erlang, monitor, 2}]}
        }
    ].

by_message() -> #{calculator => {denied, [?SEND]}, plugin => {denied, [?SEND]}}.

is_connected(#{other := Other}, _Outcome) -> lists:member(Other, nodes(connected)).

%% -- What another node does --------------------------------------------------

inwards() ->
    [
        (from_afar())#{
            ?ROW("59", "io request from another node"),
            setup => fun() -> asked_to(?MODULE, print_there, [node()]) end
        },
        (from_afar())#{
            ?ROW("60", "spawn request from another node"),
            setup => fun() -> asked_to(erlang, spawn, [node(), esc, touch_now, []]) end
        },
        (from_afar())#{
            ?ROW("61", "exit signal from afar"),
            setup => fun() ->
                Victim = victim(),
                (asked_to(erlang, exit, [Victim, kill]))#{victim => Victim}
            end,
            effect => fun(#{victim := Victim}, _) -> not is_process_alive(Victim) end
        },
        (from_afar())#{
            ?ROW("61b", "group leader from afar"),
            setup => fun() ->
                Victim = victim(),
                (asked_to(?MODULE, lead, [Victim]))#{victim => Victim}
            end,
            effect => fun(#{victim := Victim, other := Other}, _) ->
                {group_leader, Leader} = process_info(Victim, group_leader),
                node(Leader) =:= Other
            end
        },
        (from_afar())#{
            ?ROW("62", "hidden node with a leaked cookie"),
            setup => fun() ->
                asked_to(["-hidden"], erpc, call, [node(), esc, touch_now, []])
            end,
            effect => fun(#{other := Other} = Env, Outcome) ->
                lists:member(Other, nodes(hidden)) andalso esc:hits(Env, Outcome)
            end
        },
        (from_afar())#{
            ?ROW("65", "atoms from a peer"),
            setup => fun() ->
                Before = erlang:system_info(atom_count),
                (asked_to(?MODULE, make_atoms, [node()]))#{before => Before}
            end,
            effect => fun(#{before := Before}, _) ->
                erlang:system_info(atom_count) - Before >= ?ATOMS
            end
        }
    ].

from_afar() -> #{ways => [fun(_) -> nothing end], calculator => open, plugin => open}.

victim() ->
    spawn(fun() ->
        receive
            never -> ok
        end
    end).

%% -- Run by the other node ---------------------------------------------------

%% `user` would do as well where the node has a terminal.
print_there(Node) ->
    {standard_error, Node} ! {io_request, self(), io, {put_chars, unicode, esc, touch_now, []}}.

%% Nobody has to be there to receive them.
make_atoms(Node) ->
    Names = ["esc_afar_" ++ integer_to_list(N) || N <- lists:seq(1, ?ATOMS)],
    {esc_nobody, Node} ! [list_to_atom(Name) || Name <- Names].

lead(Victim) ->
    erlang:group_leader(whereis(user), Victim).

%% -- Starting it -------------------------------------------------------------

%% Nothing connects the two before a row does.
other_node() -> other_node([]).

other_node(Args) ->
    {Peer, Name} = seccomp_test_node:start_named(same, ["-setcookie", "esc" | Args]),
    (esc:env())#{other => Name, peer => Peer}.

asked_to(M, F, A) -> asked_to([], M, F, A).

asked_to(Args, M, F, A) ->
    #{peer := Peer} = Env = other_node(Args),
    _ = seccomp_test_node:call(Peer, M, F, A),
    Env.
