%% SPDX-License-Identifier: Apache-2.0
%%
%% The three scenes of the demo: what is told, and what is tried. The code of an
%% attack is one text for both emulators. Bound in it are N1 and N2, the nodes;
%% Args, with which file:write_file/2 shows that it ran; and V, the vault's pid.
-module(cluster_demo_scenes).

-export([all/0]).
-export_type([scene/0, row/0]).

-type row() :: #{
    name := string(),
    %% Who does it: sandboxed code on node 1, a trusted client there, or node 2.
    by := sandboxed | trusted | hostile,
    code := string(),
    %% What shows that it worked.
    effect := marker | killed | stopped | answer,
    %% What has to come of it on a stock emulator and on a patched one.
    must := {boolean(), boolean()},
    %% Node 2: like node 1, or stock on both sides.
    other => same | stock
}.
-type scene() :: #{title := string(), story := [string()], guard := boolean(), rows := [row()]}.

-spec all() -> [scene()].
all() -> [supervisor(), other_node(), cookie()].

-define(STOPPED, {true, false}).
-define(NEVER, {false, false}).
-define(ALWAYS, {true, true}).

supervisor() ->
    #{
        title => "1. The helpful supervisor",
        story => [
            "P2 runs code that somebody sent. It may not touch files. P1, a supervisor,",
            "is trusted and starts jobs for whoever asks. So P2 asks P1 to start P5, and",
            "P5 writes the file."
        ],
        guard => false,
        rows => [
            row(sandboxed, "P2 itself: file:write_file(..)", "apply(file, write_file, Args)", ?NEVER),
            row(sandboxed, "supervisor:start_child(jobs, ..)",
                "supervisor:start_child(jobs, [file, write_file, Args])", ?STOPPED),
            row(sandboxed, "timer:apply_after(1, file, ..)",
                "timer:apply_after(1, file, write_file, Args)", ?STOPPED),
            row(sandboxed, "gen_server:call(rex, {call, file, ..})",
                "gen_server:call(rex, {call, file, write_file, Args, group_leader()})", ?STOPPED),
            row(sandboxed, "three relays, then the supervisor", "relay1 ! {job, {file, write_file, Args}}", ?STOPPED),
            row(trusted, "a trusted client of the same supervisor", "", ?ALWAYS)
        ]
    }.

other_node() ->
    Back = "spawn(N2, erlang, spawn, [N1, file, write_file, Args])",
    Rpc = "rpc:call(N2, rpc, call, [N1, file, write_file, Args])",
    Jobs = "spawn(N2, supervisor, start_child, [{jobs, N1}, [file, write_file, Args]])",
    #{
        title => "2. The other node",
        story => [
            "P1 on node 1 runs code that somebody sent. It starts P2 on node 2, and P2",
            "starts P3 back on node 1: it was node 2 that asked, so P3 writes the file."
        ],
        guard => false,
        rows => [
            row(sandboxed, "P1 itself: file:write_file(..)", "apply(file, write_file, Args)", ?NEVER),
            row(sandboxed, "P2 itself, on node 2", "spawn(N2, file, write_file, Args)", ?STOPPED),
            row(sandboxed, "P3: spawn(N2, erlang, spawn, [N1, ..])", Back, ?STOPPED),
            row(sandboxed, "P3: rpc:call(N2, rpc, call, [N1, ..])", Rpc, ?STOPPED),
            row(sandboxed, "P3: by the supervisor on node 1", Jobs, ?STOPPED),
            stock("P3: spawn, node 2 is never patched", Back),
            stock("P3: rpc, node 2 is never patched", Rpc),
            stock("P3: supervisor, node 2 is never patched", Jobs)
        ]
    }.

cookie() ->
    #{
        title => "3. The leaked cookie",
        story => [
            "A hostile node knows the cookie. It is a stock node on both sides. Node 1",
            "said with seccomp:guard_node/1 what others may do to it: write to `vault`."
        ],
        guard => true,
        rows => [
            row(hostile, "rpc:call(N1, file, write_file, ..)",
                "rpc:call(N1, file, write_file, Args, 3000)", ?STOPPED),
            row(hostile, "erpc:call(N1, file, write_file, ..)",
                "erpc:call(N1, file, write_file, Args, 3000)", ?STOPPED),
            row(hostile, "spawn(N1, file, write_file, ..)",
                "spawn(N1, file, write_file, Args)", ?STOPPED),
            row(hostile, "spawn_request(N1, .., [monitor, link])",
                "spawn_request(N1, file, write_file, Args, [monitor, link])", ?STOPPED),
            row(hostile, "{rex, N1} ! {'$gen_cast', {cast, file, ..}}",
                "{rex, N1} ! {'$gen_cast', {cast, file, write_file, Args, group_leader()}}",
                ?STOPPED),
            row(hostile, "{user, N1} ! {io_request, .., file, ..}",
                "{user, N1} ! {io_request, self(), make_ref(),"
                " {put_chars, unicode, file, write_file, Args}}",
                ?STOPPED),
            (row(hostile, "exit(Vault, kill)", "exit(V, kill)", ?STOPPED))#{effect := killed},
            (row(hostile, "{init, N1} ! {stop, stop}", "{init, N1} ! {stop, stop}", ?STOPPED))#{
                effect := stopped
            },
            (row(hostile, "{vault, N1} ! {self(), open}",
                "{vault, N1} ! {self(), open}, receive {vault, A} -> A after 3000 -> none end",
                ?ALWAYS))#{effect := answer}
        ]
    }.

row(By, Name, Code, Must) ->
    #{by => By, name => Name, code => Code, effect => marker, must => Must}.

stock(Name, Code) -> (row(sandboxed, Name, Code, ?STOPPED))#{other => stock}.
