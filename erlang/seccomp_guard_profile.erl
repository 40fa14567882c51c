%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_guard_profile).

-include("seccomp_doc.hrl").

?MODULEDOC("
The ready guards, `strict` and `cluster`, as data: each entry with its reason.
").

-export([get/1, all/0, describe/1]).

-export_type([description/0]).

-type description() :: #{
    doc := binary(),
    spawn := {deny | seccomp:policy_map(), Reason :: binary()},
    pids := {any | known | answers | none, Reason :: binary()},
    names := [{seccomp_guard:name(), Reason :: binary()}],
    protect := [{atom(), Reason :: binary()}],
    calls := [{mfa(), Reason :: binary()}]
}.

?DOC("The guard that a profile stands for.").
-spec get(atom()) -> {ok, seccomp_guard:guard()} | {error, seccomp_error:reason()}.
get(Profile) ->
    case describe(Profile) of
        {ok, #{spawn := {Spawn, _}, pids := {Pids, _}} = Described} ->
            Lists = maps:with([names, protect, calls], Described),
            What = fun(_, List) -> [Entry || {Entry, _} <- List] end,
            {ok, (maps:map(What, Lists))#{spawn => Spawn, pids => Pids}};
        {error, _} = Error ->
            Error
    end.

?DOC("The names of the profiles.").
-spec all() -> [seccomp_guard:profile_name()].
all() -> [strict, cluster].

?DOC("What a profile holds, and why.").
-spec describe(atom()) -> {ok, description()} | {error, seccomp_error:reason()}.
describe(strict) ->
    {ok, #{
        doc => <<
            "Only what keeps the connection up. Handshakes, ticks and the supervision of "
            "connections are no messages to processes, so nothing has to be allowed for them. "
            "What this node itself begins (calls, monitors, links, spawns) is answered."
        >>,
        spawn => {deny, <<"a spawn is code of the other node's choice">>},
        pids => {none, <<"pids of this node can be forged by every node">>},
        names => [],
        calls => [],
        protect => protected() ++ [
            {net_kernel, <<"spawns for whoever asks it, and takes orders on connections">>},
            {global_name_server, <<"runs resolver functions that other nodes name">>},
            {pg, <<"takes members of groups for what other nodes say they are">>}
        ]
    }};
describe(cluster) ->
    {ok, #{
        doc => <<
            "For nodes that work together: global, pg and Mnesia, calls by rpc and erpc under a "
            "policy. A node with the cookie can put wrong names and data there, and whatever "
            "Mnesia lets its nodes do."
        >>,
        spawn => {
            #{
                mode => whitelist,
                rules => ['@pure'],
                comment => <<"what other nodes may call: the guard profile cluster">>
            },
            <<"calls that compute and touch nothing; add what your nodes offer each other">>
        },
        pids => {
            answers,
            <<"only those that this node wrote into a message to some node; Mnesia answers to "
                "pids, and who asked is no deputy of the other node then">>
        },
        names => [
            {{net_kernel, ping}, <<"net_adm:ping/1; nothing else that net_kernel would do">>},
            {global_name_server, <<"global: names and locks are agreed between its servers">>},
            {{seccomp_nodes, trust}, <<"policies that requests come under: data, within bounds">>},
            {pg, <<"pg: the default scope tells others who has joined; add your own scopes">>},
            {{mnesia_tm, trust}, <<"Mnesia: transactions and commits">>},
            {{mnesia_locker, trust}, <<"Mnesia: locks">>},
            {{mnesia_recover, trust}, <<"Mnesia: decisions about transactions after a crash">>},
            {{mnesia_monitor, trust}, <<"Mnesia: versions of the protocol, links between nodes">>},
            {{mnesia_controller, trust}, <<"Mnesia: which node has which table, and loads it">>},
            {{mnesia_subscr, trust}, <<"Mnesia: events of tables for subscribers">>},
            {{mnesia_late_loader, trust}, <<"Mnesia: tables that are loaded when a node is back">>},
            {{mnesia_rpc, calls}, <<"Mnesia: reads tables for nodes without a copy of them">>}
        ],
        calls => mnesia_calls(),
        protect => protected()
    }};
describe(Other) ->
    {error,
        {bad_option, #{
            option => guard,
            value => Other,
            expected => <<"strict, cluster or a map, as seccomp:guard_node/1 takes it">>
        }}}.

%% What Mnesia calls on other nodes while it runs. Left out is what sets up or
%% removes a schema while it is stopped, what is for debugging, and mnesia_lib:set/2,
%% which writes into its tables of itself for nodes of long ago.
mnesia_calls() ->
    Reads = <<"reads a table for a node without a copy of it">>,
    Chunks = <<"the same in chunks; can read any ETS table that is not private">>,
    Server = <<"asks a server of Mnesia what its messages may ask it for, too">>,
    Checkpoint = <<"checkpoints of tables that this node has">>,
    [
        {{mnesia, remote_dirty_match_object, 2}, Reads},
        {{mnesia, remote_dirty_select, 2}, Reads},
        {{mnesia, raw_table_info, 2}, Reads},
        {{mnesia, table_info, 4}, Reads},
        {{mnesia_lib, db_get, 2}, Reads},
        {{mnesia_lib, db_first, 1}, Reads},
        {{mnesia_lib, db_last, 1}, Reads},
        {{mnesia_lib, db_next_key, 2}, Reads},
        {{mnesia_lib, db_prev_key, 2}, Reads},
        {{mnesia_lib, db_slot, 2}, Reads},
        {{mnesia_lib, db_select_init, 4}, Chunks},
        {{mnesia_lib, db_select_cont, 3}, Chunks},
        {{mnesia_index, dirty_match_object, 3}, Reads},
        {{mnesia_index, dirty_read2, 3}, Reads},
        {{mnesia_snmp_hook, get_row, 2}, Reads},
        {{mnesia_snmp_hook, get_next_index, 2}, Reads},
        {{mnesia_snmp_hook, get_mnesia_key, 2}, Reads},
        {{mnesia_frag, remote_select, 4}, Reads},
        {{mnesia_tm, fixtable, 3}, <<"keeps a table as it is while it is read">>},
        {{erlang, whereis, 1}, <<"whether mnesia_monitor runs here">>},
        {{mnesia_lib, is_running, 0}, <<"whether Mnesia runs here">>},
        {{mnesia_lib, is_running_remote, 0}, <<"whether Mnesia runs here">>},
        {{mnesia_monitor, call, 1}, Server},
        {{mnesia_recover, call, 1}, Server},
        {{mnesia_controller, call, 1}, Server},
        {{mnesia_controller, get_remote_cstructs, 0}, <<"the schema, to be merged">>},
        {{mnesia_schema, is_remote_member, 1}, <<"whether a table is active here">>},
        {{mnesia_monitor, has_remote_mnesia_down, 1}, <<"finds out that the net was split">>},
        {{mnesia_tm, prepare_checkpoint, 1}, Checkpoint},
        {{mnesia_checkpoint, tm_prepare, 1}, Checkpoint},
        {{mnesia_checkpoint, call, 2}, Checkpoint},
        {{mnesia_checkpoint, cast, 2}, Checkpoint},
        {{mnesia_checkpoint, remote_deactivate, 1}, Checkpoint},
        {{mnesia_log, tab_copier, 3}, <<"sends a table that this node has to a backup">>}
    ].

%% What no node has business with. Names that do not exist do no harm.
protected() ->
    [
        {init, <<"{stop, _} ends the node">>},
        {erl_prim_loader, <<"reads files">>},
        {code_server, <<"loads code, and runs -on_load functions">>},
        {application_controller, <<"starts applications, which are given as terms">>},
        {kernel_sup, <<"a supervisor starts any function">>},
        {kernel_safe_sup, <<"a supervisor starts any function">>},
        {net_sup, <<"a supervisor starts any function">>},
        {standard_error_sup, <<"a supervisor starts any function">>},
        {logger_sup, <<"a supervisor starts any function">>},
        {seccomp_sup, <<"a supervisor starts any function">>},
        {user, <<"an io server runs the functions of io requests">>},
        {standard_error, <<"an io server runs the functions of io requests">>},
        {user_drv, <<"owns the terminal and starts shells">>},
        {file_server_2, <<"reads and writes files">>},
        {rex, <<"calls any function; rpc of this century does not need it">>},
        {auth, <<"knows the cookies">>},
        {erl_epmd, <<"the name of this node">>},
        {inet_db, <<"how names of hosts are looked up">>},
        {erl_signal_server, <<"signals of the operating system stop the node">>},
        {heart, <<"runs a command of the operating system">>},
        {timer_server, <<"calls any function, later">>},
        {erts_code_purger, <<"kills processes that run old code">>},
        {kernel_refc, <<"counts who needs the wall clock of schedulers">>},
        {error_logger, <<"calls handlers">>},
        {logger, <<"runs filters and handlers that are given as terms">>},
        {logger_proxy, <<"takes what is to be logged">>},
        {logger_std_h_default, <<"a handler can be told to write elsewhere">>},
        {logger_handler_watcher, <<"removes handlers when told that they died">>},
        {seccomp_report, <<"tells of denials">>}
    ].
