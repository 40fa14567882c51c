%% SPDX-License-Identifier: Apache-2.0
%%
%% Modules that are loaded, replaced, deleted and purged while restricted
%% processes call them. What is denied stays so, whether the module is there or
%% not; what is allowed runs or is undefined.
-module(soak_code).

-export([modules/0, compile/0, loader/1, callers/1]).

-import(soak_wait, [any/1, one_in/1]).

-define(T, soak_target).
-define(VERSIONS, 6).

-type account() :: soak_ledger:account().

-spec modules() -> [module()].
modules() -> [soak_code_1, soak_code_2, soak_code_3].

%% Each module in several versions, which differ in what else they export: new
%% versions bring new export entries.
-spec compile() -> [{module(), binary()}].
compile() ->
    [{M, code(M, Version)} || M <- modules(), Version <- lists:seq(1, ?VERSIONS)].

code(Module, Version) ->
    Only = [{list_to_atom("only_" ++ integer_to_list(V)), 0} || V <- lists:seq(1, 10 * Version)],
    Forms =
        [
            {attribute, 1, module, Module},
            {attribute, 1, export, [{denied, 1}, {allowed, 1} | Only]},
            {function, 1, denied, 1, [
                {clause, 1, [{var, 1, 'Cell'}], [], [
                    {call, 1, {remote, 1, {atom, 1, atomics}, {atom, 1, add}}, [
                        {var, 1, 'Cell'}, {integer, 1, 1}, {integer, 1, 1}
                    ]}
                ]}
            ]},
            {function, 1, allowed, 1, [{clause, 1, [{var, 1, 'X'}], [], [{var, 1, 'X'}]}]}
        ] ++
            [{function, 1, F, 0, [{clause, 1, [], [], [{integer, 1, Version}]}]} || {F, 0} <- Only],
    {ok, Module, Code} = compile:forms(Forms, []),
    Code.

%% Loads and purges until it is told to stop; gives its account then.
-spec loader([{module(), binary()}]) -> account().
loader(Codes) -> loader(Codes, soak_ledger:new()).

loader(Codes, Account) ->
    {Module, Code} = any(Codes),
    What = any([load, load, load, delete, purge, soft_purge]),
    _ = change(What, Module, Code),
    receive
        {stop, From} -> From ! {self(), Account}
    after 5 -> loader(Codes, soak_ledger:did({code, What}, Account))
    end.

change(load, Module, Code) ->
    _ = code:purge(Module),
    {module, Module} = code:load_binary(Module, "generated", Code);
change(delete, Module, _Code) ->
    _ = code:purge(Module),
    code:delete(Module);
change(purge, Module, _Code) ->
    code:purge(Module);
change(soft_purge, Module, _Code) ->
    code:soft_purge(Module).

%% -- Those who call ----------------------------------------------------------

-spec callers(account()) -> account().
callers(Account0) ->
    Family = any([code, code_modules]),
    Cell = atomics:new(1, []),
    Tally = counters:new(4, [write_concurrency]),
    Module = any(modules()),
    Policy = soak_family:policy(Family),
    Started = seccomp:spawn_monitor(Policy, fun() ->
        calls(200, Family, {Module, fun Module:denied/1, fun Module:allowed/1}, {Cell, Tally})
    end),
    Reason = soak_wait:down(Started),
    [Tried, Denied, Ran, Allowed] = [counters:get(Tally, N) || N <- lists:seq(1, 4)],
    Account1 = soak_ledger:denied(Family, {Module, denied, 1}, Denied, Account0),
    Account2 = soak_ledger:did(calls_of_loaded, Denied + Allowed, Account1),
    %% A module's old code is purged together with the processes that run it.
    Account3 = soak_ledger:unsure(Family, [{Module, denied, 1}], Tried - Denied - Ran, Account2),
    case {Reason, Ran, atomics:get(Cell, 1), Tried - Denied} of
        {normal, 0, 0, 0} -> Account3;
        {killed, 0, 0, Open} when Open =< 1 -> soak_ledger:did(purged, Account3);
        Other -> soak_ledger:problem({code, Family, Module, Other}, Account3)
    end.

calls(0, _Family, _Names, _Cells) ->
    ok;
calls(N, Family, {M, Denied, Allowed} = Names, {Cell, Tally} = Cells) ->
    Way = any([
        fun() -> {x, M:denied(Cell)} end,
        fun() -> M:denied(Cell) end,
        fun() -> Denied(Cell) end,
        fun() -> apply(M, denied, [Cell]) end,
        fun() -> lists:foreach(Denied, [Cell]) end
    ]),
    counters:add(Tally, 1, 1),
    try Way() of
        _ -> counters:add(Tally, 3, 1)
    catch
        error:{seccomp, {M, denied, 1}} -> counters:add(Tally, 2, 1);
        %% Allowed, and not there: that is no denial.
        error:undef -> counters:add(Tally, 3, 1)
    end,
    _ = Family =:= code andalso counters:add(Tally, 4, allowed(M, Allowed, N)),
    calls(N - 1, Family, Names, Cells).

allowed(M, Allowed, N) ->
    Call =
        case one_in(2) of
            true -> fun() -> M:allowed(N) end;
            false -> fun() -> Allowed(N) end
        end,
    try Call() of
        N -> 1
    catch
        error:undef -> 0
    end.
