%% SPDX-License-Identifier: Apache-2.0
%%
%% What is asked about, and in which order, in each way of calling and spawning
%% that the oracle uses. Read from the sources of OTP 25, 27 (erlang.erl, proc_lib,
%% error_handler, code) and of the library, not from what the emulator does.
-module(seccomp_oracle_ways).

-export([calls/1, call/2, statics/0, builtins/0, inner/1, value/1]).
-export([spawns/0, spawn/1, mfa_spawns/0, own_spawns/0, admin/1, refused/1, missing/3]).

-define(E(F, A), {call, {erlang, F, A}}).
-define(S(F, A), {spawn, {erlang, F, A}}).

%% -- Calls -------------------------------------------------------------------

%% The ways in which a function of this arity can be called.
calls({M, F, Args}) ->
    [body || is_static(M, F, Args)] ++ [tail || is_static(M, F, Args)] ++
        [last || is_static(M, F, Args)] ++
        [fixed, apply, apply_apply, apply_entry, external, made, apply_fun, apply_fun_entry] ++
        [make_fun, nested] ++
        [lists_map || length(Args) =:= 1] ++
        [bang || {M, F, length(Args)} =:= {erlang, send, 2}].

%% What the way itself asks about, before the function.
call(apply_entry, _) -> [?E(apply, 3)];
call(apply_fun_entry, _) -> [?E(apply, 2)];
call(make_fun, _) -> [?E(make_fun, 3)];
call(lists_map, _) -> [{call, {lists, map, 2}}];
call(_, _) -> [].

%% Calls that the worker's code has as calls, and not by names it was sent.
statics() ->
    [{M, F, A} || M <- seccomp_oracle_hot:modules(), {F, A} <- seccomp_oracle_hot:functions()] ++
        [{M, F, length(Args)} || {M, F, Args} <- builtins()].

is_static(M, F, Args) -> lists:member({M, F, length(Args)}, statics()).

%% Functions of OTP and of the library that have no effect but what is counted.
builtins() ->
    [
        {atomics, add, ['$counter', 1, 1]},
        {erlang, phash2, [[a]]},
        {erlang, md5, ["a"]},
        {lists, member, [a, [b, a]]},
        {maps, get, [k, #{k => v}]},
        %% Takes so long that it is continued several times, under other names.
        {binary, matches, ['$bytes', <<"zz">>]},
        {erlang, process_info, ['$self', trap_exit]},
        {erlang, garbage_collect, []},
        {erlang, make_ref, []},
        {erlang, put, [k, v]},
        {erlang, send, ['$sink', m]},
        {erlang, send, ['$sink', m, []]},
        {seccomp_nif, check, ['$handle', os, cmd, 1]},
        {seccomp_nif, dump, ['$handle']},
        {seccomp, check, ['$policy', {os, cmd, 1}]},
        {erlang, load_nif, ["/no/such/library", 0]},
        {erlang, abs, [-1]},
        {erlang, '+', [1, 2]},
        {erlang, get, [k]},
        {erlang, yield, []}
    ].

%% What a function asks about on its own behalf.
inner({erlang, garbage_collect, 0}) -> [{call, {erts_internal, garbage_collect, 1}}];
inner({seccomp, check, 2}) -> [{call, {seccomp_nif, check, 4}}];
inner(_) -> [].

%% What it gives, where that is no matter of the process.
value({erlang, F, Args}) when F =:= phash2; F =:= md5; F =:= abs; F =:= '+' ->
    apply(erlang, F, Args);
value({lists, F, Args}) -> apply(lists, F, Args);
value({maps, F, Args}) -> apply(maps, F, Args);
value({binary, matches, _}) -> [];
value({erlang, process_info, _}) -> {trap_exit, false};
value(_) -> '$any'.

%% -- Functions that are not there --------------------------------------------

%% The default error handler, for a module that is loaded or not.
missing(M, Handles, loaded) ->
    asks_for_module() ++ [?E(function_exported, 3), ?E(function_exported, 3)] ++
        case Handles of
            true -> [{call, {M, '$handle_undefined_function', 2}}];
            false -> raises_undef()
        end;
missing(_M, false, not_loaded) ->
    asks_for_module() ++ asks_for_mode() ++
        [{call, {code_server, call, 1}}, ?E(monitor, 2), ?E(send, 2), ?E(demonitor, 2)] ++
        raises_undef().

asks_for_module() ->
    [
        {call, {error_handler, undefined_function, 3}},
        ?E(whereis, 1),
        {call, {code, ensure_loaded, 1}},
        ?E(module_loaded, 1)
    ].

%% The caller reads the code server's mode itself from 26 on.
asks_for_mode() ->
    case seccomp_test_run:otp() of
        Old when Old < 26 -> [];
        _ -> [{call, {code_server, get_mode, 0}}, {call, {persistent_term, get, 1}}]
    end.

raises_undef() -> [?E(error, 1), ?E(raise, 3)].

%% -- Spawns ------------------------------------------------------------------

%% Ways to start a process that goes on as a worker.
spawns() -> mfa_spawns() ++ fun_spawns() ++ own_spawns().

%% Those that take a module, a function and arguments.
mfa_spawns() ->
    [
        spawn_3, spawn_link_3, spawn_monitor_3, spawn_opt_4, spawn_request_4, spawn_4,
        spawn_apply, spawn_by_apply, spawn_by_fun, proc_lib_3
    ].

fun_spawns() ->
    [
        spawn_1, spawn_link_1, spawn_monitor_1, spawn_opt_2, spawn_opt_none, spawn_opt_link,
        spawn_request_1, spawn_2, proc_lib_1, proc_lib_link_1, proc_lib_opt_2
    ].

own_spawns() -> [seccomp_spawn, seccomp_spawn_link, seccomp_spawn_monitor, seccomp_spawn_opt].

%% What the parent asks about; what it asks about inside of a `try` and after a
%% denial there; what the child asks about before its function, and whether a
%% denial of the function meets a `catch`; whether both are linked, or the parent
%% is told of the child's end.
spawn(Way) ->
    Default = #{
        inside => [], rescue => [], child => [], catches => false, link => false, monitor => false
    },
    maps:merge(Default, way(Way)).

way(spawn_3) -> #{parent => [?E(spawn, 3), ?S(spawn, 3)]};
way(spawn_link_3) -> #{parent => [?E(spawn_link, 3), ?S(spawn_link, 3)], link => true};
way(spawn_monitor_3) -> #{parent => [?E(spawn_monitor, 3) | opt([monitor])], monitor => true};
way(spawn_opt_4) -> #{parent => opt([monitor]), monitor => true};
way(spawn_request_4) -> #{parent => request(), child => [spawn_init()]};
way(spawn_4) -> #{parent => [?E(spawn, 4), ?E(spawn, 3), ?S(spawn, 3)]};
%% erlang:apply/3 as first function of a process is what it applies.
way(spawn_apply) -> way(spawn_3);
way(spawn_by_apply) -> way(spawn_3);
way(spawn_by_fun) -> way(spawn_3);
way(proc_lib_3) ->
    #{
        parent => [{call, {proc_lib, spawn, 3}}, ?E(process_info, 2) | parent(spawn_3)],
        child => [{call, {proc_lib, init_p, 5}}, ?E(put, 2), ?E(put, 2)],
        catches => true
    };
way(spawn_1) -> #{parent => [?E(spawn, 1) | parent(spawn_3)], child => [?E(apply, 2)]};
way(spawn_link_1) ->
    #{parent => [?E(spawn_link, 1) | parent(spawn_link_3)], child => [?E(apply, 2)], link => true};
way(spawn_monitor_1) ->
    #{
        parent => [?E(spawn_monitor, 1) | opt([monitor])],
        child => [?E(apply, 2)],
        monitor => true
    };
way(spawn_opt_2) -> opt_2([{priority, low}]);
way(spawn_opt_none) -> opt_2([]);
way(spawn_opt_link) -> (opt_2([link]))#{link => true};
way(spawn_request_1) ->
    #{
        parent => [?E(spawn_request, 1)],
        inside => request(),
        rescue => [?E(error, 3)],
        child => [spawn_init(), ?E(apply, 2)]
    };
way(spawn_2) -> #{parent => [?E(spawn, 2) | parent(spawn_1)], child => [?E(apply, 2)]};
way(proc_lib_1) ->
    #{
        parent => [{call, {proc_lib, spawn, 1}}, ?E(process_info, 2) | parent(spawn_3)],
        child => init_p()
    };
way(proc_lib_link_1) ->
    #{
        parent => [{call, {proc_lib, spawn_link, 1}}, ?E(process_info, 2) | parent(spawn_link_3)],
        child => init_p(),
        link => true
    };
way(proc_lib_opt_2) ->
    #{
        parent => [{call, {proc_lib, spawn_opt, 2}}, ?E(process_info, 2) | opt([{priority, low}])],
        child => init_p()
    };
way(seccomp_spawn) -> own(spawn, 2, way(spawn_1));
way(seccomp_spawn_link) -> own(spawn_link, 2, way(spawn_link_1));
way(seccomp_spawn_monitor) -> own(spawn_monitor, 2, way(spawn_monitor_1));
way(seccomp_spawn_opt) -> own(spawn_opt, 3, opt_2([{priority, low}])).

parent(Way) -> map_get(parent, way(Way)).

%% A denied spawn names the plainest BIF that does the same.
opt([]) -> [?E(spawn_opt, 4), ?S(spawn, 3)];
opt([link]) -> [?E(spawn_opt, 4), ?S(spawn_link, 3)];
opt(_) -> [?E(spawn_opt, 4), ?S(spawn_opt, 4)].

opt_2(Opts) ->
    #{
        parent => [?E(spawn_opt, 2)],
        inside => opt(Opts),
        rescue => [{call, {lists, keyfind, 3}}, ?E(error, 3)],
        child => [?E(apply, 2)]
    }.

request() ->
    Internal = {erts_internal, spawn_request, 4},
    [?E(spawn_request, 4), {call, Internal}, {spawn, Internal}].

spawn_init() -> {call, {erts_internal, spawn_init, 1}}.

init_p() ->
    [{call, {proc_lib, init_p, 3}}, ?E(put, 2), ?E(fun_info_mfa, 1), ?E(put, 2)].

%% The child puts the policy on itself, under what it has inherited.
own(Name, Arity, #{parent := Parent, child := Child} = Way) ->
    Before = [
        {call, {seccomp, Name, Arity}},
        {call, {seccomp_attach, must_enforce, 0}},
        {call, {seccomp_nif, enforcement, 0}},
        {call, {seccomp_attach, entry, 2}}
    ],
    Way#{
        parent := Before ++ Parent,
        child :=
            Child ++
                [
                    {call, {seccomp_nif, flags, 1}},
                    ?E(make_ref, 0),
                    {call, {seccomp_nif, set_policy, 4}}
                ]
    }.

%% -- Changing policies -------------------------------------------------------

%% What a restricted process asks about when it calls these.
admin({restrict, _}) -> [{call, {seccomp, restrict, 4}} | tighten()];
admin({nif_restrict, _}) -> [{call, {seccomp_nif, set_policy, 4}}];
admin({nif_replace, _}) -> [{call, {seccomp_nif, set_policy, 4}}];
admin(nif_lift) -> [{call, {seccomp_nif, lift, 2}}];
admin({set_policy, _}) ->
    [
        {call, {seccomp, set_policy, 2}},
        {call, {seccomp_attach, replace, 2}},
        {call, {seccomp_nif, flags, 1}},
        {call, {seccomp_nif, flags, 1}},
        ?E(make_ref, 0),
        {call, {seccomp_nif, set_policy, 4}}
    ];
admin(lift) ->
    [
        {call, {seccomp, lift, 1}},
        {call, {seccomp_attach, lift, 1}},
        ?E(make_ref, 0),
        {call, {seccomp_nif, lift, 2}}
    ];
admin(restrict_spawn) ->
    [
        {call, {seccomp, restrict_spawn, 1}},
        {call, {seccomp_attach, restrict_spawn, 1}},
        ?E(make_ref, 0),
        {call, {seccomp_nif, restrict_spawn, 2}}
    ].

%% And after it was refused.
refused({nif_restrict, _}) -> [];
refused({nif_replace, _}) -> [];
refused(nif_lift) -> [];
refused(_) -> [{call, {seccomp_error, complete, 2}}].

%% All that restrict/4 may call, in no order: it depends on the rules, so the
%% oracle uses it only where all of this is allowed, or where the first call is
%% denied.
tighten() ->
    [
        {call, Mfa}
     || Mfa <- [
            {seccomp, restrict, 4}, {seccomp_attach, restrict, 2}, {seccomp_nif, flags, 1},
            {seccomp_policy, compile, 2}, {seccomp_nif, compile, 1}, {seccomp_nif, set_policy, 4},
            {seccomp_error, complete, 2}, {maps, without, 2}, {maps, keys, 1}, {maps, remove, 2},
            {maps, get, 3}, {lists, foldl, 3}, {lists, member, 2}, {lists, prefix, 2},
            {erlang, '--', 2}, {erlang, '++', 2}, {erlang, make_ref, 0},
            {erlang, atom_to_list, 1}, {erlang, module_loaded, 1},
            {erlang, function_exported, 3}, {erlang, is_builtin, 3}
        ]
    ].
