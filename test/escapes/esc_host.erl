%% SPDX-License-Identifier: Apache-2.0
%%
%% A host's services, which policies of the rows make gates. Each does what only
%% the inside of a gate may do.
-module(esc_host).

-export([note/2, fails/2, catches/2, reads/1, spawns/2, missing/1, calls/3]).

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
