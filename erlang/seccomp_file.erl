%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_file).

-include("seccomp_doc.hrl").

?MODULEDOC("
Policies in files.

The native library reads the texts and knows what may include what; this module
gives it the texts. It opens files with `m:file`, so a process whose policy
denies `'@file'` cannot read any by way of this library.
").

-export([load/1, read/1, path/1]).

-include_lib("kernel/include/file.hrl").

%% The native library refuses sooner, and says why. These bounds only keep this
%% module from reading what will be refused.
-define(MAX_FILES, 128).
-define(MAX_BYTES, (16 * 1024 * 1024)).

?DOC("Reads and compiles a policy; `badarg` when the name is none.").
-spec load(file:name_all()) -> {ok, reference()} | {error, badarg | seccomp_error:reason()}.
load(File) ->
    case read_places(File) of
        {ok, Path, Map, Places} ->
            case seccomp_policy:compile(Map, []) of
                {ok, Policy} -> {ok, Policy};
                {error, Reason} -> {error, locate(Reason, Path, Places)}
            end;
        {error, _} = Error ->
            Error
    end.

?DOC("Reads a policy as a map; `badarg` when the name is none.").
-spec read(file:name_all()) ->
    {ok, seccomp_policy:policy_map()} | {error, badarg | seccomp_error:reason()}.
read(File) ->
    case read_places(File) of
        {ok, _Path, Map, _Places} -> {ok, Map};
        {error, _} = Error -> Error
    end.

read_places(File) ->
    case path(File) of
        {ok, Path} ->
            {Files, _} = collect([Path], #{}, ?MAX_BYTES),
            case seccomp_nif:policy_from_files(Path, maps:to_list(Files)) of
                {ok, Map, Places} -> {ok, Path, Map, Places};
                {error, _} = Error -> Error
            end;
        error ->
            {error, badarg}
    end.

?DOC("The name of a file as a binary, if it can be one.").
-spec path(term()) -> {ok, binary()} | error.
path(Atom) when is_atom(Atom) -> {ok, atom_to_binary(Atom)};
path(Name) ->
    try unicode:characters_to_binary(Name) of
        <<_, _/binary>> = Path -> {ok, Path};
        _ -> error
    catch
        error:badarg -> error
    end.

%% Depth first and in order, as the native library reads: what it comes to
%% before it refuses has been collected.
collect([], Files, Left) ->
    {Files, Left};
collect([Path | Paths], Files, Left) when
    is_map_key(Path, Files); map_size(Files) >= ?MAX_FILES; Left < 0
->
    collect(Paths, Files, Left);
collect([Path | Paths], Files0, Left0) ->
    {Files, Left} =
        case text(Path) of
            {ok, Text} ->
                With = Files0#{Path => Text},
                collect(includes(Path, Text), With, Left0 - byte_size(Text));
            {error, Why} ->
                {Files0#{Path => {error, Why}}, Left0}
        end,
    collect(Paths, Files, Left).

%% A text that is no policy includes nothing; it is refused later.
includes(Path, Text) ->
    case seccomp_nif:policy_includes(Path, Text) of
        {ok, Paths} -> Paths;
        {error, _} -> []
    end.

%% Anything but a regular file may never end.
text(Path) ->
    case file:read_file_info(Path) of
        {ok, #file_info{type = regular, size = Size}} when Size =< ?MAX_BYTES ->
            case file:read_file(Path) of
                {ok, Text} -> {ok, Text};
                {error, Posix} -> {error, why(Posix)}
            end;
        {ok, #file_info{type = regular}} ->
            {error, <<"it has more than 16 MiB">>};
        {ok, #file_info{type = directory}} ->
            {error, why(eisdir)};
        {ok, #file_info{}} ->
            {error, <<"it is not a regular file">>};
        {error, Posix} ->
            {error, why(Posix)}
    end.

why(Posix) -> unicode:characters_to_binary(file:format_error(Posix)).

%% From a position in the list of all rules to a place in one of the files.
locate({Name, #{position := N} = Map}, Path, Places) ->
    Rest = maps:remove(position, Map),
    try lists:nth(N, Places) of
        {File, Line, Column} -> {Name, Rest#{file => File, line => Line, column => Column}}
    catch
        error:_ -> {Name, Rest#{file => Path}}
    end;
locate({Name, Map}, Path, _Places) ->
    {Name, Map#{file => Path}}.
