%% SPDX-License-Identifier: Apache-2.0
%%
%% A host's services, which policies of the rows make gates. Each does what only
%% the inside of a gate may do.
-module(esc_host).

-export([note/2, fails/2, catches/2, reads/1, spawns/2, missing/1, calls/3]).
-export([relays/3, raises/3, rests/1, wakes/1, naps/1, later/1, works/2, saves/2]).
-export(['$handle_undefined_function'/2]).

%% Asks what whoever calls may not.
note(File, _What) ->
    {error, enoent} = file:read_file_info(File),
    ok.

fails(File, Why) ->
    _ = note(File, x),
    error(Why).

catches(File, Why) ->
    try
        fails(File, Why)
    catch
        error:Why -> ok
    end.

%% Code that keeps a callback in the dictionary, as loggers do.
reads(File) ->
    _ = note(File, x),
    case get(callback) of
        undefined -> none;
        Callback -> Callback()
    end.

spawns(File, Path) ->
    _ = note(File, x),
    {_, Monitor} = spawn_monitor(fun() -> file:write_file(Path, "x") end),
    receive
        {'DOWN', Monitor, process, _, _} -> ok
    end.

missing(File) ->
    _ = note(File, x),
    M = list_to_atom("esc_no_such_module"),
    M:write(File).

%% What no host should make a gate: it calls what its arguments name.
calls(M, F, Args) -> apply(M, F, Args).

%% A gate that calls another one, which raises.
relays(File, Class, Stack) ->
    _ = note(File, x),
    [?MODULE:raises(File, Class, Stack)].

raises(File, Class, Stack) ->
    _ = note(File, x),
    erlang:raise(Class, x, Stack).

%% It takes the stack away, and with it what closes the gate.
rests(File) ->
    _ = note(File, x),
    erlang:hibernate(?MODULE, wakes, [File]).

wakes(File) -> file:write_file(File, "x").

%% That of OTP 28 keeps the stack.
naps(File) ->
    ok = erlang:hibernate(),
    note(File, x).

%% For what it does not export.
'$handle_undefined_function'(_Function, [File]) -> file:write_file(File, "x").

later(File) ->
    _ = note(File, x),
    {ok, _} = timer:apply_after(1, file, write_file, [File, "x"]),
    %% It starts a process, which not every policy may.
    _ = (catch rpc:cast(node(), file, write_file, [File, "x"])),
    ok.

works(File, N) ->
    _ = note(File, x),
    N = length(deep(N)),
    true = erlang:bump_reductions(N),
    ok.

deep(0) ->
    true = erlang:garbage_collect(),
    [];
deep(N) ->
    [N | deep(N - 1)].

saves(File, N) ->
    _ = note(File, x),
    process_flag(save_calls, N).
