%% SPDX-License-Identifier: Apache-2.0
%%
%% Exit signals to other nodes: they bring what they bring on stock, and neither
%% the origin nor the end of the connection.
-module(seccomp_nodes_exit_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([same_as_of_a_trusted_process/1]).
-export([die/3, mourn/1]).

-define(NODES, seccomp_nodes_SUITE).

suite() -> [{timetrap, {minutes, 2}}].

all() -> [same_as_of_a_trusted_process].

init_per_suite(Config) ->
    Erl = seccomp_test_node:stock_erl(),
    case filelib:is_regular(Erl) of
        true -> Config;
        false -> {skip, "there is no " ++ Erl ++ "; name a stock erl in SECCOMP_STOCK_ERL"}
    end.

end_per_suite(_Config) -> ok.

same_as_of_a_trusted_process(_Config) ->
    Nodes = ?NODES:start([{one, same}, {two, same}, {stock, stock}]),
    try
        ok = ?NODES:connect(one, two, Nodes),
        [
            begin
                Die = fun(Client) ->
                    Args = [Client, Way, ?NODES:name(Other, Nodes)],
                    {Client, ?NODES:call(one, ?MODULE, die, Args, Nodes)}
                end,
                {trusted, {chosen, Token, trusted}} = Die(trusted),
                ?assertEqual(
                    {Way, Other, {restricted, {chosen, Token, trusted}}},
                    list_to_tuple([Way, Other, Die(restricted)])
                ),
                %% That of exit/2 does not leave a stock node either.
                ?assertEqual({Way, Way =:= traced_link}, {Way, Token =/= none})
            end
         || Other <- [two, stock], Way <- [link, exit, traced_link, traced_exit]
        ]
    after
        ?NODES:stop(Nodes)
    end.

%% -- On the nodes ------------------------------------------------------------

%% What a process of another node sees of the end of one here, and what a child
%% is under that it starts then.
die(Client, Way, Other) ->
    Me = self(),
    Mourner = spawn(Other, ?MODULE, mourn, [Me]),
    receive
        {Mourner, ready} -> ok
    end,
    ok = seccomp:forget_origin(),
    End = fun() -> die(Way, Mourner) end,
    _ =
        case Client of
            trusted ->
                spawn(End);
            restricted ->
                {ok, Policy} = seccomp:compile(#{mode => blacklist, rules => [os]}),
                seccomp:spawn(Policy, End)
        end,
    Seen =
        receive
            {Mourner, What} -> What
        after 10000 -> nothing
        end,
    _ = seq_trace:set_token([]),
    ok = seccomp:forget_origin(),
    Seen.

die(link, Mourner) ->
    link(Mourner),
    exit(chosen);
die(exit, Mourner) ->
    exit(Mourner, chosen);
die(traced_link, Mourner) ->
    seq_trace:set_token(label, its),
    die(link, Mourner);
die(traced_exit, Mourner) ->
    seq_trace:set_token(label, its),
    die(exit, Mourner).

mourn(To) ->
    process_flag(trap_exit, true),
    To ! {self(), ready},
    receive
        {'EXIT', _, Reason} ->
            Token =
                case seq_trace:get_token() of
                    [] -> none;
                    {Flags, Label, _, _, _} -> {Flags, Label}
                end,
            {Child, Monitor} = spawn_monitor(fun() -> exit(seccomp:info(self())) end),
            receive
                {'DOWN', Monitor, process, Child, Info} ->
                    To ! {self(), {Reason, Token, Info}}
            end
    end.
