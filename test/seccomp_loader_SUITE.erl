%% SPDX-License-Identifier: Apache-2.0
%%
%% Modules made by hand: the loader takes no instruction that would run a BIF
%% past its export entry. `beam_asm` writes down what it is told.
-module(seccomp_loader_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    bif_instructions_run_no_other_bif/1,
    bif_instructions_run_guard_bifs/1,
    names_of_bifs_are_only_names/1,
    stubs_of_bifs_are_bifs/1,
    everything_installed_loads/1
]).

-define(M, seccomp_test_made).

suite() -> [{timetrap, {minutes, 5}}].

all() ->
    [
        bif_instructions_run_no_other_bif,
        bif_instructions_run_guard_bifs,
        names_of_bifs_are_only_names,
        stubs_of_bifs_are_bifs,
        everything_installed_loads
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    %% The loader tells the world of each refusal.
    seccomp_test_run:quiet(Config).

end_per_suite(Config) ->
    _ = code:purge(?M),
    _ = code:delete(?M),
    seccomp_test_run:loud(Config).

%% Of one to three arguments, regular ones and heavy ones.
bif_instructions_run_no_other_bif(_Config) ->
    Bifs = [{atom_to_list, 1}, {process_info, 1}, {send, 2}, {process_info, 2}, {apply, 2}],
    Calls = lists:append([instructions(Name, Arity) || {Name, Arity} <- Bifs]),
    Spawn = {gc_bif, spawn, {f, 0}, 3, [{x, 0}, {x, 1}, {x, 2}], {x, 0}},
    ?assertEqual([], [Call || Call <- [Spawn | Calls], load(Call) =/= refused]).

bif_instructions_run_guard_bifs(_Config) ->
    Guards = [{is_atom, 1}, {node, 1}, {map_get, 2}, {'>=', 2}],
    Calls = [
        Call
     || {Name, Arity} <- Guards,
        {bif, _, _, _, _} = Call <- instructions(Name, Arity)
    ],
    ?assertEqual([], [Call || Call <- Calls, load(Call) =/= loaded]),
    loaded = load({gc_bif, abs, {f, 0}, 1, [{x, 0}], {x, 0}}),
    ?assertEqual(7, ?M:go(-7, x, x)).

instructions(Name, Arity) ->
    Args = [{x, N} || N <- lists:seq(0, Arity - 1)],
    [
        {bif, Name, {f, 0}, Args, {x, 0}},
        {bif, Name, {f, 1}, Args, {x, 0}},
        {gc_bif, Name, {f, 0}, Arity, Args, {x, 0}}
    ].

%% A function called erlang:send/2 by its head, in a module of another name.
names_of_bifs_are_only_names(_Config) ->
    Info = {func_info, {atom, erlang}, {atom, send}, 2},
    Own = function(go, 2, Info, [{move, {atom, own}, {x, 0}}, return]),
    loaded = load_functions([Own]),
    ?assertEqual(own, ?M:go(self(), sent)),
    receive
        sent -> ct:fail(sent)
    after 0 -> ok
    end.

%% In its own module the stub of a BIF is that BIF: lists:reverse/1 calls the
%% stub of reverse/2, whose code would raise an error.
stubs_of_bifs_are_bifs(_Config) ->
    ?assert(erlang:is_builtin(lists, reverse, 2)),
    ?assertNot(erlang:is_builtin(lists, reverse, 1)),
    ?assertEqual([3, 2, 1], lists:reverse(lists:seq(1, 3))).

%% No compiler makes such instructions.
everything_installed_loads(_Config) ->
    Files = filelib:wildcard(filename:join([code:lib_dir(), "*", "ebin", "*.beam"])),
    ?assert(length(Files) > 300),
    ?assertEqual([], [File || File <- Files, not loads(File)]).

loads(File) ->
    {ok, Code} = file:read_file(File),
    Module = list_to_atom(filename:basename(File, ".beam")),
    case erlang:prepare_loading(Module, Code) of
        {error, _} -> false;
        _Prepared -> true
    end.

%% -- Making modules ----------------------------------------------------------

load(Instruction) ->
    Info = {func_info, {atom, ?M}, {atom, go}, 3},
    load_functions([function(go, 3, Info, [Instruction, return])]).

function(Name, Arity, Info, Code) ->
    {function, Name, Arity, 2, [{label, 1}, Info, {label, 2} | Code]}.

load_functions(Functions) ->
    Exports = [{Name, Arity} || {function, Name, Arity, _, _} <- Functions],
    {ok, Code} = assemble({?M, Exports, [], Functions, 3}),
    _ = code:purge(?M),
    case code:load_binary(?M, "made", Code) of
        {module, ?M} -> loaded;
        {error, badfile} -> refused
    end.

%% From 29 on there are annotations, too.
assemble({M, Exports, Attributes, Functions, Labels} = Module) ->
    try
        beam_asm:module(Module, [], [], [])
    catch
        error:{badmatch, Module} ->
            beam_asm:module({M, Exports, Attributes, #{}, Functions, Labels}, [], [], [])
    end.
