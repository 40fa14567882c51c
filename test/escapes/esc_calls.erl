%% SPDX-License-Identifier: Apache-2.0
%%
%% Techniques 20 to 33: the same process, round the list of functions.
-module(esc_calls).

-compile(nowarn_deprecated_catch).

-include("esc.hrl").

-export([rows/0]).

-define(ROW(Id, Name), id => Id, name => Name, class => calls).
-define(PATH(Env), maps:get(file, Env)).

rows() -> forms() ++ entries() ++ machinery().

%% Every way of calling ends in one denial, of the function itself.
forms() ->
    [
        (writes())#{
            ?ROW("20", "apply and calls by variables"),
            ways => [
                fun(E) -> apply(file, write_file, [?PATH(E), "x"]) end,
                fun(E) -> apply(fun file:write_file/2, [?PATH(E), "x"]) end,
                fun(E) -> (hd([file])):(hd([write_file]))(?PATH(E), "x") end,
                fun(E) ->
                    Write = [file, write_file, [?PATH(E), "x"]],
                    apply(erlang, apply, [erlang, apply, Write])
                end
            ]
        },
        (writes())#{
            ?ROW("21", "static remote call"),
            ways => [
                fun(E) -> file:write_file(?PATH(E), "x") end,
                fun(E) ->
                    _ = file:write_file(?PATH(E), "x"),
                    ok
                end
            ]
        },
        (writes())#{
            ?ROW("22", "external funs"),
            ways => [
                fun(E) -> (fun file:write_file/2)(?PATH(E), "x") end,
                fun(E) -> lists:foldl(fun file:write_file/2, "x", [?PATH(E)]) end,
                fun(E) -> (erlang:make_fun(file, write_file, 2))(?PATH(E), "x") end
            ],
            plugin => {denied, [?FILE_WRITE, {erlang, make_fun, 3}]}
        },
        (writes())#{
            ?ROW("23", "closure made by trusted code"),
            setup => fun() ->
                #{file := File} = Env = esc:env(),
                Env#{closure => fun() -> file:write_file(File, "x") end}
            end,
            ways => [fun(#{closure := Closure}) -> Closure() end]
        },
        (writes())#{
            ?ROW("25", "woken from hibernation in M:F"),
            ways => [fun(E) -> erlang:hibernate(file, write_file, [?PATH(E), "x"]) end],
            calculator => {denied, [hibernation()]},
            plugin => {denied, [hibernation()]}
        }
    ].

%% An instruction before 29: what it wakes in is denied then.
hibernation() -> esc:before(29, ?FILE_WRITE, {erlang, hibernate, 3}).

writes() ->
    #{
        effect => fun esc:has_file/2,
        calculator => {denied, [?FILE_WRITE]},
        plugin => {denied, [?FILE_WRITE]}
    }.

entries() ->
    [
        (writes())#{
            ?ROW("24", "spawn of M:F"),
            ways => [
                fun(E) -> spawn(file, write_file, [?PATH(E), "x"]) end,
                fun(E) -> spawn(fun() -> file:write_file(?PATH(E), "x") end) end,
                fun(E) -> spawn_monitor(fun() -> file:write_file(?PATH(E), "x") end) end
            ],
            calculator => {denied, [{erlang, F, A} || {F, A} <- [{spawn, 1}, {spawn, 3}, {spawn_monitor, 1}]]},
            %% The spawn is allowed, and the child held by the same policy.
            plugin => harmless
        },
        (writes())#{
            ?ROW("25b", "proc_lib:hibernate/3"),
            ways => [fun(E) -> proc_lib:hibernate(file, write_file, [?PATH(E), "x"]) end],
            calculator => {denied, [{proc_lib, hibernate, 3}]},
            plugin => {denied, [{proc_lib, hibernate, 3}]}
        },
        (writes())#{
            ?ROW("29", "evaluator of expressions"),
            ways => [
                fun(E) ->
                    Args = [erl_parse:abstract(?PATH(E)), {string, 1, "x"}],
                    Call = {call, 1, {remote, 1, {atom, 1, file}, {atom, 1, write_file}}, Args},
                    erl_eval:expr(Call, [])
                end
            ],
            calculator => {denied, [{erl_parse, abstract, 1}, ?FILE_WRITE]},
            plugin => {denied, [{erl_parse, abstract, 1}, {erl_eval, expr, 2}]}
        },
        esc:refused(calls, "29b", "evaluators of text and forms", [
            {file, script, ["x"]},
            {file, eval, ["x"]},
            {compile, forms, [[]]},
            {erl_scan, string, ["a."]},
            {merl, quote, ["a"]}
        ]),
        esc:refused(calls, "30", "inner modules", [
            {prim_file, write_file, ["x", "x"]},
            {prim_file, read_file, ["/etc/passwd"]},
            {erl_prim_loader, get_file, ["/etc/passwd"]},
            {prim_inet, open, [tcp, inet, stream]},
            {prim_socket, open, [1]},
            {erts_debug, set_internal_state, [available_internal_state, true]},
            {erts_internal, request_system_task, [self(), normal, {garbage_collect, x, major}]}
        ])
    ].

machinery() ->
    [
        (writes())#{
            ?ROW("31", "loosening the own policy"),
            setup => fun() ->
                {ok, {seccomp_policy, Free}} = seccomp:compile(#{mode => blacklist, rules => []}),
                (esc:env())#{free => Free}
            end,
            ways => [
                fun(E) ->
                    _ = (catch seccomp:lift(self())),
                    file:write_file(?PATH(E), "x")
                end,
                fun(#{free := Free} = E) ->
                    _ = (catch seccomp_nif:set_policy(self(), Free, replace, make_ref())),
                    file:write_file(?PATH(E), "x")
                end,
                fun(E) ->
                    _ = (catch seccomp:restrict(self(), blacklist, [])),
                    file:write_file(?PATH(E), "x")
                end
            ]
        },
        (writes())#{
            ?ROW("32", "denials swallowed and probed"),
            ways => [
                fun(E) ->
                    _ = [catch file:write_file(?PATH(E), "x") || _ <- lists:seq(1, 1000)],
                    done
                end
            ],
            calculator => harmless,
            plugin => harmless
        },
        esc:refused(calls, "33", "own stack and links", [
            {erlang, process_info, [self(), backtrace]},
            {erlang, process_info, [self()]}
        ])
    ].
