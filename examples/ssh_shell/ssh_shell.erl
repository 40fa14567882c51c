%% SPDX-License-Identifier: Apache-2.0
%%
%% An ssh daemon whose users get an Erlang shell under a policy. The daemon is the one
%% of OTP; all that is ours in it is the function under `shell`.
-module(ssh_shell).

-export([main/1, start/2, policy/0]).

%% The directory for the keys, and the port: 0 takes one that is free.
main([Dir, Port]) ->
    {ok, _} = application:ensure_all_started(seccomp),
    case start(Dir, list_to_integer(Port)) of
        {ok, Daemon} ->
            {ok, Info} = ssh:daemon_info(Daemon),
            io:format("A shell under a policy waits on port ~w. In another terminal:~n~n", [
                proplists:get_value(port, Info)
            ]),
            io:format("  ssh -p ~w -i ~ts -o UserKnownHostsFile=~ts guest@127.0.0.1~n~n", [
                proplists:get_value(port, Info),
                filename:join(Dir, "id_ecdsa"),
                filename:join(Dir, "known_hosts")
            ]),
            io:format("^C and a end the daemon.~n");
        {error, Reason} ->
            io:format(standard_error, "ssh_shell: ~tp~n", [Reason]),
            halt(1)
    end.

%% What a guest may do. A whitelist gets what the evaluator needs by itself.
policy() ->
    #{
        mode => whitelist,
        rules => ['@pure', '@print', '@re'],
        spawn => deny,
        comment => <<"guests compute and print">>
    }.

start(Dir, Port) ->
    {ok, _} = application:ensure_all_started(ssh),
    case seccomp_rshell:compile(policy()) of
        {ok, Policy} ->
            ok = keys(Dir),
            ssh:daemon({127, 0, 0, 1}, Port, options(Dir, Policy));
        {error, Reason} ->
            {error, unicode:characters_to_list(seccomp:format_error(Reason))}
    end.

options(Dir, Policy) ->
    [
        {system_dir, Dir},
        {user_dir, Dir},
        {auth_methods, "publickey"},
        {shell, fun(User) -> shell(User, Policy) end},
        %% Everything else that a client can ask a daemon for would be free: commands
        %% (`ssh host 1+1.`), files (sftp is a subsystem that is on by default) and
        %% connections.
        {exec, disabled},
        {subsystems, []},
        {tcpip_tunnel_in, false},
        {tcpip_tunnel_out, false},
        {max_sessions, 10},
        {max_channels, 1},
        {idle_time, 600_000}
    ].

shell(User, Policy) ->
    seccomp_rshell:start(Policy, #{
        banner => ["Welcome, ", User, ". help() says what there is, exit() leaves."],
        timeout => 60_000
    }).

%% -- Keys --------------------------------------------------------------------

%% Made when they are not there: one for the host, one for the guest.
keys(Dir) ->
    ok = filelib:ensure_path(Dir),
    ok = file:change_mode(Dir, 8#700),
    Host = key(filename:join(Dir, "ssh_host_ecdsa_key")),
    Guest = key(filename:join(Dir, "id_ecdsa")),
    Authorized = line(Guest, [{comment, "guest"}], openssh_key),
    ok = write(filename:join(Dir, "authorized_keys"), Authorized),
    Known = [{hostnames, ["127.0.0.1", "[127.0.0.1]:*"]}],
    write(filename:join(Dir, "known_hosts"), line(Host, Known, known_hosts)).

line(Key, Attributes, Type) ->
    {'ECPrivateKey', _, _, Parameters, Point, _} = Key,
    ssh_file:encode([{{{'ECPoint', Point}, Parameters}, Attributes}], Type).

key(File) ->
    case file:read_file(File) of
        {ok, Pem} ->
            [Entry] = public_key:pem_decode(Pem),
            public_key:pem_entry_decode(Entry);
        {error, enoent} ->
            Key = public_key:generate_key({namedCurve, secp256r1}),
            Pem = public_key:pem_encode([public_key:pem_entry_encode('ECPrivateKey', Key)]),
            ok = write(File, Pem),
            key(File)
    end.

%% Nobody else reads it, not even for a moment.
write(File, Data) ->
    ok = file:write_file(File, ""),
    ok = file:change_mode(File, 8#600),
    file:write_file(File, Data).
