%% SPDX-License-Identifier: Apache-2.0
%%
%% Techniques 51 to 57: stopping or exhausting the node.
-module(esc_node).

-include("esc.hrl").

-export([rows/0]).

-define(ROW(Id, Name), id => Id, name => Name, class => node).

rows() ->
    [
        #{
            ?ROW("51", "stop by message to init"),
            node => peer,
            ways => [
                fun(_) ->
                    init ! {stop, stop},
                    receive
                        never -> ok
                    end
                end
            ],
            effect_is => node_down,
            effect => fun esc:is_down/2,
            calculator => {denied, [?SEND]},
            plugin => {denied, [?SEND]}
        },
        esc:refused(node, "51b", "stop by a timer's message", [
            {erlang, send_after, [1, init, {stop, stop}]},
            {erlang, start_timer, [1, init, {stop, stop}]},
            {init, stop, []}
        ]),
        esc:refused(node, "52", "halt", [
            {erlang, halt, []},
            {erlang, halt, [1]},
            {erlang, halt, [1, []]}
        ]),
        (esc:refused(node, "53", "new atoms", [
            {erlang, list_to_atom, ["esc_new_atom"]},
            {erlang, binary_to_atom, [<<"esc_new_atom">>]},
            {erlang, binary_to_term, [<<131, 100, 0, 3, "xyz">>]},
            {io_lib, fread, ["~a", "esc_new_atom"]}
        ]))#{
            calculator => {denied, atom_makers()},
            plugin => {denied, atom_makers()}
        },
        #{
            ?ROW("54", "memory outside of the heap"),
            spawn => [{max_heap_size, #{size => 100000, kill => true, error_logger => false}}],
            ways => [fun(_) -> byte_size(binary:copy(<<0>>, 20_000_000)) end],
            effect => fun(_, Outcome) -> Outcome =:= {value, 20_000_000} end,
            calculator => open,
            plugin => open
        },
        #{
            ?ROW("55", "heap limit left by spawning"),
            spawn => [{max_heap_size, #{size => 100000, kill => true, error_logger => false}}],
            ways => [
                fun(_) ->
                    Parent = self(),
                    _ = spawn(fun() -> Parent ! {big, length(lists:seq(1, 1_000_000))} end),
                    receive
                        {big, Length} -> Length
                    after 5000 -> none
                    end
                end
            ],
            effect => fun(_, Outcome) -> Outcome =:= {value, 1_000_000} end,
            calculator => {denied, [{erlang, spawn, 1}, {erlang, spawn, 3}]},
            plugin => open
        },
        #{
            ?ROW("56", "many processes and tables"),
            ways => [
                fun(_) ->
                    _ = [spawn(fun() -> ok end) || _ <- lists:seq(1, 1000)],
                    {made, length([ets:new(esc, []) || _ <- lists:seq(1, 1000)])}
                end
            ],
            effect => fun(_, Outcome) -> Outcome =:= {value, {made, 1000}} end,
            calculator => {denied, [{erlang, spawn, 1}, {erlang, spawn, 3}]},
            plugin => open
        },
        #{
            ?ROW("57", "processor time"),
            ways => [fun(_) -> {bits, byte_size(integer_to_binary((1 bsl 40000) * 3))} end],
            effect => fun(_, Outcome) -> Outcome =:= {value, {bits, 12042}} end,
            calculator => open,
            plugin => open
        }
    ].

%% io_lib is allowed; what it scans atoms with is not.
atom_makers() ->
    [{erlang, list_to_atom, 1}, {erlang, binary_to_atom, 1}, {erlang, binary_to_term, 1}] ++
        [{io_lib_fread, fread, 2}].
