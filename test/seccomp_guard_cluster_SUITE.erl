%% SPDX-License-Identifier: Apache-2.0
%%
%% What the guard profile `cluster` promises to nodes that work together: two
%% nodes under it, and OTP's own services between them.
-module(seccomp_guard_cluster_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([global_names/1, pg_groups/1, calls/1, restricted_callers/1]).
-export([mnesia_in_ram/1, mnesia_elsewhere/1, mnesia_on_disc/1, nothing_is_restricted/1]).
%% On the nodes.
-export([setup/0, named/1, member/1, locker/1, until/1]).
-export([restricted_call/3, restricted/0]).
-export([write/3, write_named/3, sticky/2, read/2, sum/1, chunks/1, fold/1, checkpoint/2]).

-define(N, seccomp_test_node).

suite() -> [{timetrap, {minutes, 5}}].

all() ->
    [global_names, pg_groups, calls, restricted_callers] ++
        [mnesia_in_ram, mnesia_elsewhere, mnesia_on_disc, nothing_is_restricted].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    Cookie = integer_to_list(rand:uniform(1 bsl 60), 36),
    Args = ["-setcookie", Cookie, "-kernel", "logger_level", "none"],
    [{P1, N1}, {P2, N2}] =
        Nodes = [?N:start_named(same, Args ++ mnesia_dir(W, Config)) || W <- ["one", "two"]],
    [ok = ?N:call(P, ?MODULE, setup, []) || {P, _} <- Nodes],
    true = ?N:call(P1, net_kernel, connect_node, [N2]),
    ok = ?N:call(P1, seccomp_nodes, sync, [N2, 60000]),
    [{one, {P1, N1}}, {two, {P2, N2}} | Config].

end_per_suite(Config) -> [?N:stop(P) || {P, _} <- [?config(one, Config), ?config(two, Config)]].

mnesia_dir(Which, Config) ->
    Dir = filename:join([?config(priv_dir, Config), "mnesia_" ++ Which]),
    ["-mnesia", "dir", lists:flatten(io_lib:format("~p", [Dir]))].

setup() ->
    {ok, _} = application:ensure_all_started(seccomp),
    {ok, _} = pg:start(pg),
    seccomp:guard_node(cluster).

on(Which, Config, F, Args) -> on(Which, Config, ?MODULE, F, Args).

on(Which, Config, M, F, Args) ->
    {Peer, _} = ?config(Which, Config),
    ?N:call(Peer, M, F, Args).

%% Waits on the node until the call gives what it should.
until({M, F, Args, Wanted}) ->
    seccomp_test_run:eventually(fun() ->
        case apply(M, F, Args) of
            Wanted -> true;
            Other -> Other
        end
    end).

sleeper() ->
    receive
        {From, Message} -> From ! {self(), Message}, sleeper()
    end.

%% Who registers a name acts for the other node by that (docs/cluster.md).
named(Name) ->
    Pid = spawn(fun sleeper/0),
    yes = global:register_name(Name, Pid),
    {restricted, _} = seccomp:origin(),
    ok = seccomp:forget_origin(),
    trusted = seccomp:info(spawn(fun sleeper/0)),
    Pid.

global_names(Config) ->
    ?assertEqual(ok, on(one, Config, until, [{global, sync, [], ok}])),
    Pid = on(one, Config, named, [seccomp_name]),
    ok = on(two, Config, until, [{global, whereis_name, [seccomp_name], Pid}]),
    %% A lock needs the word of the other node's server.
    Locker = on(two, Config, locker, [on_all(Config)]),
    ?assertNot(on(one, Config, global, set_lock, [{a_lock, other}, on_all(Config), 0])),
    true = on(two, Config, erlang, exit, [Locker, kill]),
    ok = on(one, Config, global, unregister_name, [seccomp_name]),
    ok = on(two, Config, until, [{global, whereis_name, [seccomp_name], undefined}]).

locker(Nodes) ->
    Me = self(),
    Pid = spawn(fun() ->
        Me ! {self(), global:set_lock({a_lock, self()}, Nodes, 5)},
        sleeper()
    end),
    receive
        {Pid, true} -> Pid
    end.

on_all(Config) -> [element(2, ?config(W, Config)) || W <- [one, two]].

member(Group) ->
    Pid = spawn(fun sleeper/0),
    ok = pg:join(Group, Pid),
    Pid.

pg_groups(Config) ->
    Pid = on(one, Config, member, [group]),
    ok = on(two, Config, until, [{pg, get_members, [group], [Pid]}]),
    true = on(one, Config, erlang, exit, [Pid, kill]),
    ok = on(two, Config, until, [{pg, get_members, [group], []}]).

calls(Config) ->
    {_, Two} = ?config(two, Config),
    ?assertEqual(pong, on(one, Config, net_adm, ping, [Two])),
    ?assertEqual([1, 2], on(one, Config, rpc, call, [Two, lists, sort, [[2, 1]]])),
    ?assertEqual([1, 2], on(one, Config, erpc, call, [Two, lists, sort, [[2, 1]]])),
    ?assertMatch({badrpc, {'EXIT', {{seccomp, {os, getpid, 0}}, _}}},
        on(one, Config, rpc, call, [Two, os, getpid, []])).

%% A function that is handed out runs under no policy of the guard; that of who
%% asks for it comes with the request.
restricted_callers(Config) ->
    {_, Two} = ?config(two, Config),
    Call = [Two, whereis, {erlang, whereis, [init]}],
    ?assert(is_pid(on(one, Config, rpc, call, [Two, erlang, whereis, [init]]))),
    ?assertMatch(
        {badrpc, {'EXIT', {{seccomp, {erlang, whereis, 1}}, _}}},
        on(one, Config, restricted_call, Call)
    ),
    Other = [Two, unregister, {erlang, whereis, [init]}],
    ?assert(is_pid(on(one, Config, restricted_call, Other))).

restricted_call(Node, Denied, {M, F, Args}) ->
    {ok, Policy} = seccomp:compile(#{mode => blacklist, rules => [{erlang, Denied}]}),
    Me = self(),
    Pid = seccomp:spawn(Policy, fun() -> Me ! {self(), rpc:call(Node, M, F, Args)} end),
    receive
        {Pid, Answer} -> Answer
    end.

%% -- Mnesia ------------------------------------------------------------------

-define(WHICH, [one, two]).

node_of(Which, Config) -> element(2, ?config(Which, Config)).

db(Which, Config, F, Args) -> on(Which, Config, mnesia, F, Args).

write(Tab, Key, Value) ->
    mnesia:transaction(fun() ->
        _ = mnesia:read(Tab, Key, write),
        mnesia:write({Tab, Key, Value})
    end).

%% Mnesia answers to the pid of a process that nobody may write to by its name.
write_named(Tab, Key, Value) ->
    true = register(seccomp_test_writer, self()),
    Result = write(Tab, Key, Value),
    true = unregister(seccomp_test_writer),
    Result.

sticky(Tab, Key) ->
    mnesia:transaction(fun() -> mnesia:write(Tab, {Tab, Key, sticky}, sticky_write) end).

read(Tab, Key) -> mnesia:transaction(fun() -> mnesia:read(Tab, Key) end).

join(Config) ->
    One = node_of(one, Config),
    ?assertEqual({ok, [One]}, db(two, Config, change_config, [extra_db_nodes, [One]])).

wait_for(Tables, Config) ->
    [?assertEqual(ok, db(W, Config, wait_for_tables, [Tables, 60000])) || W <- ?WHICH].

%% A copy of a table on both nodes, written on each, and one that comes back.
mnesia_in_ram(Config) ->
    [?assertEqual(ok, db(W, Config, start, [])) || W <- ?WHICH],
    join(Config),
    {atomic, ok} = db(one, Config, create_table, [ram, [{ram_copies, on_all(Config)}]]),
    wait_for([ram], Config),
    [
        ?assertEqual({atomic, ok}, on(W, Config, write, [ram, N, W]))
     || N <- lists:seq(1, 50), W <- ?WHICH
    ],
    [?assertEqual({atomic, ok}, on(W, Config, sticky, [ram, 51])) || W <- ?WHICH ++ ?WHICH],
    [?assertEqual(ok, db(W, Config, dirty_write, [{ram, W, dirty}])) || W <- ?WHICH],
    [
        ?assertEqual({atomic, [{ram, Key, Value}]}, on(W, Config, read, [ram, Key]))
     || W <- ?WHICH,
        {Key, Value} <- [{1, two}, {50, two}, {51, sticky}, {one, dirty}, {two, dirty}]
    ],
    ?assertEqual({atomic, ok}, db(two, Config, add_table_index, [ram, val])),
    ?assertMatch([_ | _], db(one, Config, dirty_index_read, [ram, two, val])),
    ?assertEqual({atomic, ok}, db(two, Config, change_table_access_mode, [ram, read_only])),
    ?assertMatch({aborted, _}, on(one, Config, write, [ram, 1, x])),
    ?assertEqual({atomic, ok}, db(two, Config, change_table_access_mode, [ram, read_write])),
    ?assertEqual({atomic, ok}, db(two, Config, clear_table, [ram])),
    ?assertEqual({atomic, []}, on(one, Config, read, [ram, 1])),
    stopped = db(two, Config, stop, []),
    Left = [node_of(one, Config)],
    ok = on(one, Config, until, [{mnesia, system_info, [running_db_nodes], Left}]),
    {atomic, ok} = on(one, Config, write, [ram, 52, meanwhile]),
    ?assertEqual(ok, db(two, Config, start, [])),
    join(Config),
    wait_for([ram], Config),
    ?assertEqual([{ram, 52, meanwhile}], db(two, Config, dirty_read, [ram, 52])).

%% A table that is on one node alone and used on the other.
mnesia_elsewhere(Config) ->
    Two = node_of(two, Config),
    Opts = [{ram_copies, [node_of(one, Config)]}, {index, [val]}],
    {atomic, ok} = db(one, Config, create_table, [far, Opts]),
    {atomic, ok} = db(one, Config, create_table, [local, [{ram_copies, [Two]}]]),
    wait_for([far], Config),
    [{atomic, ok} = on(two, Config, write, [far, N, N rem 2]) || N <- lists:seq(1, 10)],
    ?assertEqual([{far, 3, 1}], db(two, Config, dirty_read, [far, 3])),
    ?assertEqual(5, length(db(two, Config, dirty_match_object, [{far, '_', 1}]))),
    ?assertEqual(5, length(db(two, Config, dirty_index_read, [far, 1, val]))),
    ?assertEqual(5, length(db(two, Config, dirty_index_match_object, [{far, '_', 1}, val]))),
    ?assertEqual(10, length(db(two, Config, dirty_all_keys, [far]))),
    First = db(two, Config, dirty_first, [far]),
    ?assert(is_integer(db(two, Config, dirty_next, [far, First]))),
    ?assert(is_integer(db(two, Config, dirty_last, [far]))),
    ?assertEqual({atomic, lists:seq(1, 10)}, on(two, Config, chunks, [far])),
    ?assertEqual({atomic, 55}, on(two, Config, sum, [far])),
    ?assertEqual({atomic, 55}, on(two, Config, fold, [far])),
    ?assertEqual({atomic, ok}, on(two, Config, write_named, [far, 1, 1])),
    Backup = filename:join(?config(priv_dir, Config), "backup"),
    ?assertEqual(ok, on(two, Config, checkpoint, [[far, ram], Backup])),
    {atomic, ok} = db(two, Config, add_table_copy, [far, Two, ram_copies]),
    ?assertEqual(10, db(two, Config, table_info, [far, size])).

sum(Tab) ->
    mnesia:transaction(fun() ->
        lists:sum(mnesia:select(Tab, [{{Tab, '$1', '_'}, [], ['$1']}]))
    end).

chunks(Tab) ->
    Match = [{{Tab, '$1', '_'}, [], ['$1']}],
    mnesia:transaction(fun() -> lists:sort(more(mnesia:select(Tab, Match, 2, read))) end).

more('$end_of_table') -> [];
more({Keys, Cont}) -> Keys ++ more(mnesia:select(Cont)).

fold(Tab) -> mnesia:transaction(fun() -> mnesia:foldl(fun({_, K, _}, N) -> N + K end, 0, Tab) end).

checkpoint(Tables, File) ->
    {ok, Name, _} = mnesia:activate_checkpoint([{max, Tables}]),
    ok = mnesia:backup_checkpoint(Name, File),
    mnesia:deactivate_checkpoint(Name).

%% Each node has started its Mnesia without a schema on disc.
mnesia_on_disc(Config) ->
    Nodes = on_all(Config),
    {atomic, ok} = db(two, Config, create_table, [disc, [{ram_copies, Nodes}]]),
    wait_for([disc], Config),
    [
        ?assertEqual({atomic, ok}, db(W, Config, change_table_copy_type, [Tab, N, disc_copies]))
     || Tab <- [schema, disc], {W, N} <- [{two, node_of(two, Config)}, {one, node_of(one, Config)}]
    ],
    {atomic, ok} = db(one, Config, create_table, [only, [{disc_only_copies, Nodes}]]),
    [
        {atomic, ok} = on(W, Config, write, [Tab, {W, N}, N])
     || Tab <- [disc, only], W <- ?WHICH, N <- lists:seq(1, 100)
    ],
    stopped = db(two, Config, stop, []),
    [{atomic, ok} = on(one, Config, write, [Tab, meanwhile, 1]) || Tab <- [disc, only]],
    ?assertEqual(ok, db(two, Config, start, [])),
    wait_for([disc, only], Config),
    [
        ?assertEqual([{Tab, meanwhile, 1}], db(two, Config, dirty_read, [Tab, meanwhile]))
     || Tab <- [disc, only]
    ],
    [
        {atomic, ok} = db(two, Config, F, Args)
     || {F, Args} <- [
            {del_table_copy, [disc, node_of(two, Config)]},
            {add_table_copy, [disc, node_of(two, Config), disc_copies]},
            {del_table_copy, [only, node_of(two, Config)]},
            {add_table_copy, [only, node_of(two, Config), disc_only_copies]}
        ]
    ],
    [
        ?assertEqual({Tab, 201}, {Tab, db(two, Config, table_info, [Tab, size])})
     || Tab <- [disc, only]
    ],
    [dumped = db(W, Config, dump_log, []) || W <- ?WHICH],
    [
        ?assertEqual(lists:sort(Nodes), lists:sort(db(W, Config, system_info, [running_db_nodes])))
     || W <- ?WHICH
    ].

restricted() ->
    [process_info(Pid, [registered_name, initial_call]) || Pid <- seccomp:processes()].

%% Of the servers that were started on the way, some of them because a message of
%% the other node wanted them.
nothing_is_restricted(Config) ->
    [
        ?assertEqual(
            {W, []},
            {W, on(W, Config, restricted, [])}
        )
     || W <- ?WHICH
    ].
