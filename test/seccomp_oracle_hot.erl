%% SPDX-License-Identifier: Apache-2.0
%%
%% Modules that come, change and go while the oracle runs. Each of them has the
%% same functions; a version exports some of these and says which version it is.
-module(seccomp_oracle_hot).

-export([modules/0, functions/0, versions/0, exports/1]).
-export([prepare/0, load/2, delete/1, reset/0]).

-define(HANDLER, {'$handle_undefined_function', 2}).

modules() -> [seccomp_hot_a, seccomp_hot_b, seccomp_hot_c].

%% `hit/1` counts; the others only say who they are.
functions() -> [{f, 0}, {f, 1}, {f, 2}, {g, 1}, {g, 2}, {hit, 1}].

versions() -> [1, 2, 3, 4, 5, 6].

exports(1) -> functions();
exports(2) -> functions() -- [{g, 1}, {hit, 1}];
exports(3) -> functions() -- [{f, 0}, {f, 1}, {f, 2}];
exports(4) -> functions() -- [{f, 1}] ++ [?HANDLER];
exports(5) -> [{g, 1}, ?HANDLER];
exports(6) -> [].

%% Compiles each version of each module, once.
prepare() ->
    Beams = maps:from_list([{{M, V}, beam(M, V)} || M <- modules(), V <- versions()]),
    persistent_term:put(?MODULE, Beams).

load(Module, Version) ->
    Beam = map_get({Module, Version}, persistent_term:get(?MODULE)),
    _ = code:purge(Module),
    {module, Module} = code:load_binary(Module, atom_to_list(Module), Beam),
    _ = code:purge(Module),
    ok.

delete(Module) ->
    _ = code:purge(Module),
    _ = code:delete(Module),
    _ = code:purge(Module),
    ok.

%% All of them as they are at the beginning.
reset() -> lists:foreach(fun(Module) -> ok = load(Module, 1) end, modules()).

beam(Module, Version) ->
    Functions = exports(Version),
    Forms = [
        {attribute, 1, module, Module},
        {attribute, 1, export, Functions}
        | [function(Module, Version, Function) || Function <- Functions]
    ],
    {ok, Module, Beam} = compile:forms(Forms, []),
    Beam.

function(Module, Version, {Name, Arity}) ->
    Vars = [{var, 1, list_to_atom("V" ++ integer_to_list(N))} || N <- lists:seq(1, Arity)],
    {function, 1, Name, Arity, [{clause, 1, Vars, [], body(Module, Version, Name, Vars)}]}.

body(Module, Version, hit, [Counter]) ->
    Add = {remote, 1, {atom, 1, atomics}, {atom, 1, add}},
    [
        {match, 1, {atom, 1, ok}, {call, 1, Add, [Counter, {integer, 1, 1}, {integer, 1, 1}]}},
        says(Module, Version, hit, [])
    ];
body(Module, Version, Name, Vars) ->
    [says(Module, Version, Name, Vars)].

says(Module, Version, Name, Vars) ->
    {tuple, 1, [{atom, 1, Module}, {integer, 1, Version}, {atom, 1, Name} | Vars]}.
