%% SPDX-License-Identifier: Apache-2.0
%%
%% Policies and code that comes, changes and goes.
-module(seccomp_code_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([
    reload_keeps_verdicts/1,
    new_function_starts_unknown/1,
    deleted_module/1,
    loading_under_a_running_process/1,
    process_inside_old_code/1,
    funs_of_purged_code/1,
    whitelist_loads_its_modules/1,
    module_that_comes_later/1,
    load_on_demand/1,
    on_load_in_progress/1,
    on_load_that_fails/1,
    many_new_modules/1
]).

-define(M, seccomp_test_hot).

%% A call that should have been denied may leave somebody waiting.
suite() -> [{timetrap, {seconds, 60}}].

all() ->
    [
        reload_keeps_verdicts,
        new_function_starts_unknown,
        deleted_module,
        loading_under_a_running_process,
        process_inside_old_code,
        funs_of_purged_code,
        whitelist_loads_its_modules,
        module_that_comes_later,
        load_on_demand,
        on_load_in_progress,
        on_load_that_fails,
        many_new_modules
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

init_per_testcase(_Case, Config) ->
    true = code:add_patha(?config(priv_dir, Config)),
    Config.

end_per_testcase(_Case, Config) ->
    ok = gone(?M),
    _ = file:delete(filename:join(?config(priv_dir, Config), "seccomp_test_hot.beam")),
    true = code:del_path(?config(priv_dir, Config)),
    ok.

gone(Module) ->
    _ = code:purge(Module),
    _ = code:delete(Module),
    _ = code:purge(Module),
    ok.

%% -- Making modules ----------------------------------------------------------

%% A version says which it is; the counter proves that a function has run.
version(N) -> version(N, "").

version(N, More) ->
    beam(?M, More ++ io_lib:format(
        "good(_) -> ~b.\n"
        "bad(Counter) -> atomics:add(Counter, 1, 1), ~b.\n"
        "loop(Counter) -> receive {Pid, ask} -> Pid ! {self(), ~b, catch ?M:bad(Counter)},"
        "  ?M:loop(Counter); stop -> ok end.\n"
        "stay(Pid) -> Pid ! {self(), ~b}, receive stop -> ok end.\n"
        "closure() -> fun(C) -> ?M:bad(C) end.\n",
        [N, N, N, N]
    )).

beam(Module, Text) ->
    Head = ["-module(", atom_to_list(Module), ").\n-compile([export_all, nowarn_export_all]).\n"],
    Source = string:replace(lists:flatten([Head, Text]), "?M:", [atom_to_list(Module), $:], all),
    {ok, Tokens, _} = erl_scan:string(lists:flatten(Source)),
    {ok, Module, Beam} = compile:forms(forms(Tokens, []), [binary]),
    Beam.

forms([], []) ->
    [];
forms([{dot, _} = Dot | Tokens], Form) ->
    {ok, Parsed} = erl_parse:parse_form(lists:reverse([Dot | Form])),
    [Parsed | forms(Tokens, [])];
forms([Token | Tokens], Form) ->
    forms(Tokens, [Token | Form]).

load(Beam) -> load(?M, Beam).

load(Module, Beam) ->
    _ = code:purge(Module),
    {module, Module} = code:load_binary(Module, atom_to_list(Module), Beam),
    ok.

store(Config, Beam) ->
    ok = file:write_file(filename:join(?config(priv_dir, Config), "seccomp_test_hot.beam"), Beam).

policies() ->
    Opts = #{unknown => allow},
    [
        seccomp_test_run:policy(
            whitelist, [{?M, good, 1}, {atomics, add, 3}, seccomp_test_run], Opts
        ),
        seccomp_test_run:policy(blacklist, [{?M, bad, 1}, {?M, new, 1}], Opts)
    ].

%% Both kinds of call, as the restricted process sees them.
good_and_bad(Policy, Counter) ->
    {value, Result} = seccomp_test_run:in(Policy, fun() ->
        {?M:good(x), seccomp_test_run:denial(
            seccomp_test_run:outcome(fun() -> ?M:bad(Counter) end), {{?M, bad, 1}, [Counter]}
        )}
    end),
    Result.

%% -- Versions ----------------------------------------------------------------

reload_keeps_verdicts(_Config) ->
    Counter = atomics:new(1, []),
    Policies = policies(),
    [
        begin
            ok = load(version(N)),
            [?assertEqual({N, ok}, good_and_bad(Policy, Counter)) || Policy <- Policies]
        end
     || N <- lists:seq(1, 30)
    ],
    ?assertEqual(0, atomics:get(Counter, 1)).

%% Nothing is known of an entry that did not exist when the policy was used.
new_function_starts_unknown(_Config) ->
    Counter = atomics:new(1, []),
    ok = load(version(1)),
    [?assertEqual({1, ok}, good_and_bad(Policy, Counter)) || Policy <- policies()],
    ok = load(version(2, "new(C) -> atomics:add(C, 1, 1), new.\nnewer(_) -> newer.\n")),
    New = fun() -> ?M:new(Counter) end,
    [
        ?assertEqual(ok, seccomp_test_run:denial(
            seccomp_test_run:in(Policy, New), {{?M, new, 1}, [Counter]}
        ))
     || Policy <- policies()
    ],
    [Whitelist, Blacklist] = policies(),
    Newer = fun() -> ?M:newer(x) end,
    ?assertEqual(
        ok, seccomp_test_run:denial(seccomp_test_run:in(Whitelist, Newer), {{?M, newer, 1}, [x]})
    ),
    ?assertEqual({value, newer}, seccomp_test_run:in(Blacklist, Newer)),
    ?assertEqual(0, atomics:get(Counter, 1)).

deleted_module(_Config) ->
    Counter = atomics:new(1, []),
    [Whitelist, Blacklist] = policies(),
    Good = fun() -> ?M:good(x) end,
    Bad = fun() -> ?M:bad(Counter) end,
    [
        begin
            ok = load(version(N)),
            ?assertEqual({value, N}, seccomp_test_run:in(Blacklist, Good)),
            ok = gone(?M),
            ?assertMatch({raised, error, undef, _}, seccomp_test_run:in(Blacklist, Good)),
            [
                ?assertEqual(ok, seccomp_test_run:denial(
                    seccomp_test_run:in(Policy, Bad), {{?M, bad, 1}, [Counter]}
                ))
             || Policy <- [Whitelist, Blacklist]
            ]
        end
     || N <- [1, 2, 3]
    ].

%% New versions are loaded while the process calls without a pause.
loading_under_a_running_process(_Config) ->
    Counter = atomics:new(1, []),
    ok = load(version(0)),
    Me = self(),
    Pid = seccomp:spawn_link(seccomp_test_run:policy(blacklist, [{?M, bad, 1}]), fun() ->
        busy(Me, Counter, [])
    end),
    [begin ok = load(version(N)), timer:sleep(2) end || N <- lists:seq(1, 50)],
    Pid ! {Me, stop},
    receive
        {Pid, Versions} ->
            ?assertEqual(50, hd(Versions)),
            ?assertEqual(Versions, lists:reverse(lists:sort(Versions)))
    end,
    ?assertEqual(0, atomics:get(Counter, 1)).

busy(Parent, Counter, Versions) ->
    {'EXIT', {{seccomp, {?M, bad, 1}}, _}} = (catch ?M:bad(Counter)),
    Seen = seen(Versions),
    receive
        {Parent, stop} -> Parent ! {self(), seen(Seen)}
    after 0 -> busy(Parent, Counter, Seen)
    end.

seen(Versions) ->
    case {?M:good(x), Versions} of
        {Same, [Same | _]} -> Versions;
        {New, _} -> [New | Versions]
    end.

process_inside_old_code(_Config) ->
    Counter = atomics:new(1, []),
    ok = load(version(1)),
    Policy = seccomp_test_run:policy(blacklist, [{?M, bad, 1}]),
    Ask = fun(Pid) ->
        Pid ! {self(), ask},
        receive
            {Pid, N, {'EXIT', {{seccomp, {?M, bad, 1}}, _}}} -> N
        end
    end,
    Pid = seccomp:spawn(Policy, fun() -> ?M:loop(Counter) end),
    ?assertEqual(1, Ask(Pid)),
    ok = load(version(2)),
    %% It answers from the old code once more, then calls the new.
    ?assertEqual([1, 2, 2], [Ask(Pid) || _ <- [1, 2, 3]]),
    ?assertEqual(16#d0, seccomp:flags(Pid)),
    Pid ! stop,
    %% One that stays in the old code is killed by the purge, as always.
    Me = self(),
    {Old, Monitor} = seccomp:spawn_monitor(Policy, fun() -> ?M:stay(Me) end),
    receive
        {Old, 2} -> ok
    end,
    ok = load(version(3)),
    ?assert(code:purge(?M)),
    receive
        {'DOWN', Monitor, process, Old, Reason} -> ?assertEqual(killed, Reason)
    end,
    ?assertNot(lists:member(Old, seccomp:processes())),
    ?assertEqual(0, atomics:get(Counter, 1)).

%% Calling such a fun goes through the error handler for funs.
funs_of_purged_code(_Config) ->
    Counter = atomics:new(1, []),
    ok = load(version(1)),
    Closure = ?M:closure(),
    Ext = fun ?M:bad/1,
    Policy = seccomp_test_run:policy(blacklist, [{?M, bad, 1}]),
    Denied = fun(Fun) ->
        seccomp_test_run:denial(
            seccomp_test_run:in(Policy, fun() -> Fun(Counter) end), {{?M, bad, 1}, [Counter]}
        )
    end,
    ?assertEqual([ok, ok], [Denied(Closure), Denied(Ext)]),
    ok = gone(?M),
    ?assertEqual(ok, Denied(Ext)),
    ?assertMatch(
        {raised, error, Why, _} when Why =/= ok,
        seccomp_test_run:in(Policy, fun() -> Closure(Counter) end)
    ),
    ok = load(version(1)),
    ?assertEqual([ok, ok], [Denied(Closure), Denied(Ext)]),
    ?assertEqual(0, atomics:get(Counter, 1)).

%% -- Loading -----------------------------------------------------------------

whitelist_loads_its_modules(Config) ->
    ok = store(Config, version(7)),
    ?assertNot(erlang:module_loaded(?M)),
    Policy = seccomp_test_run:policy(whitelist, [?M]),
    ?assert(erlang:module_loaded(?M)),
    ?assertEqual({value, 7}, seccomp_test_run:in(Policy, fun() -> ?M:good(x) end)).

module_that_comes_later(_Config) ->
    Counter = atomics:new(1, []),
    Policies = policies(),
    [
        ?assertMatch({raised, error, _, _}, seccomp_test_run:in(Policy, fun() -> ?M:good(x) end))
     || Policy <- Policies
    ],
    ok = load(version(1)),
    [?assertEqual({1, ok}, good_and_bad(Policy, Counter)) || Policy <- Policies],
    ?assertEqual(0, atomics:get(Counter, 1)).

%% The error handler has the code server load the module; the denied function
%% is denied before that.
load_on_demand(Config) ->
    Counter = atomics:new(1, []),
    ok = store(Config, version(5)),
    Policy = seccomp_test_run:policy(blacklist, [{?M, bad, 1}], #{unknown => allow}),
    _ = gone(?M),
    Bad = seccomp_test_run:in(Policy, fun() -> ?M:bad(Counter) end),
    ?assertEqual(ok, seccomp_test_run:denial(Bad, {{?M, bad, 1}, [Counter]})),
    ?assertNot(erlang:module_loaded(?M)),
    ?assertEqual({value, 5}, seccomp_test_run:in(Policy, fun() -> ?M:good(x) end)),
    ?assertEqual({5, ok}, good_and_bad(Policy, Counter)).

%% While on_load runs, an allowed call waits for it; a denied one does not.
on_load_in_progress(Config) ->
    Counter = atomics:new(1, []),
    ok = store(Config, version(9, "-on_load(start/0).\n"
        "start() -> seccomp_code_SUITE ! {self(), loading}, receive go -> ok end.\n")),
    Policy = seccomp_test_run:policy(blacklist, [{?M, bad, 1}], #{unknown => allow}),
    _ = gone(?M),
    true = register(?MODULE, self()),
    Me = self(),
    Caller = seccomp:spawn_link(Policy, fun() -> Me ! {self(), good, ?M:good(x)} end),
    Loader =
        receive
            {Pid, loading} -> Pid
        after 30000 -> ct:fail(not_loading)
        end,
    %% It runs on behalf of the caller, whoever starts it.
    ?assertEqual(16#d0, seccomp:flags(Loader)),
    Bad = seccomp_test_run:in(Policy, fun() -> ?M:bad(Counter) end),
    ?assertEqual(ok, seccomp_test_run:denial(Bad, {{?M, bad, 1}, [Counter]})),
    receive
        {Caller, good, _} = Early -> ct:fail(Early)
    after 50 -> ok
    end,
    Loader ! go,
    receive
        {Caller, good, Version} -> ?assertEqual(9, Version)
    end,
    true = unregister(?MODULE),
    ?assertEqual({9, ok}, good_and_bad(Policy, Counter)).

on_load_that_fails(Config) ->
    ok = store(Config, version(9, "-on_load(start/0).\nstart() -> {error, no}.\n")),
    Policy = seccomp_test_run:policy(blacklist, [{?M, bad, 1}], #{unknown => allow}),
    _ = gone(?M),
    ?assertMatch({raised, error, undef, _}, seccomp_test_run:in(Policy, fun() -> ?M:good(x) end)),
    ?assertMatch(
        {raised, error, {seccomp, {?M, bad, 1}}, _},
        seccomp_test_run:in(Policy, fun() -> ?M:bad(x) end)
    ).

%% Entries that are made and used after the policy: none is mistaken for one
%% that is known to be allowed.
many_new_modules(_Config) ->
    Counter = atomics:new(1, []),
    Modules = [list_to_atom("seccomp_test_hot_" ++ integer_to_list(N)) || N <- lists:seq(1, 60)],
    Rules = [{M, F, 1} || M <- Modules, F <- [bad, '$never']],
    Policy = seccomp_test_run:policy(blacklist, Rules, #{unknown => allow}),
    Text = "good(_) -> good.\nbad(C) -> atomics:add(C, 1, 1).",
    Results = [
        begin
            ok = load(M, beam(M, Text)),
            Outcome = seccomp_test_run:in(Policy, fun() -> {M:good(x), catch M:bad(Counter)} end),
            ok = gone(M),
            {M, Outcome}
        end
     || M <- Modules, _ <- [first, again]
    ],
    [
        ?assertMatch({M, {value, {good, {'EXIT', {{seccomp, {M, bad, 1}}, _}}}}}, Result)
     || {M, _} = Result <- Results
    ],
    ?assertEqual(0, atomics:get(Counter, 1)).
