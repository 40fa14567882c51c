%% SPDX-License-Identifier: Apache-2.0
%%
%% Techniques that no list had: found in the C code, in the groups, and in what
%% trusted code does with what a restricted process leaves behind.
-module(esc_new).

-compile(nowarn_deprecated_catch).

-include("esc.hrl").

-export([rows/0]).

-define(ROW(Id, Name), id => Id, name => Name, class => new).

rows() -> tables() ++ secrets() ++ deputies() ++ records() ++ base().

%% -- Tables of the VM --------------------------------------------------------

tables() ->
    [
        #{
            %% The table holds 524288 and a full one ends or hangs the node.
            %% That it grows without end is shown, not the end.
            ?ROW("67", "export entries by make_fun/3"),
            node => peer,
            setup => fun() -> (esc:env())#{entries => entries()} end,
            ways => [
                fun(_) ->
                    lists:foreach(
                        fun(A) ->
                            _ = [erlang:make_fun(M, F, A) || M <- atoms(), F <- atoms()],
                            ok
                        end,
                        lists:seq(100, 200)
                    )
                end
            ],
            effect => fun(#{entries := Before}, _) -> entries() > Before + 9000 end,
            calculator => harmless,
            plugin => harmless
        },
        #{
            %% 4096 entries are made for such applies and then no more.
            ?ROW("68", "export entries by apply"),
            node => peer,
            ways => [
                fun(_) ->
                    [
                        catch apply(M, F, lists:duplicate(A, x))
                     || M <- atoms(), F <- atoms(), A <- lists:seq(100, 170)
                    ],
                    os:getpid()
                end
            ],
            calculator => {denied, [{os, getpid, 0}]},
            plugin => {denied, [{os, getpid, 0}]}
        },
        #{
            ?ROW("69", "dropping a public system table"),
            node => peer,
            ways => [fun(_) -> ets:delete(ac_tab) end],
            effect => fun(_, _) -> ets:info(ac_tab) =:= undefined end,
            calculator => {denied, [{ets, delete, 1}]},
            plugin => open
        }
    ].

atoms() -> [list, esc, map, fold, file, os, io, code, init, error].

entries() ->
    Name = esc:before(29, <<"=index_table:export_list">>, <<"=index_table:export_staged_index">>),
    [_, Table] = binary:split(erlang:system_info(info), Name),
    {match, [N]} = re:run(Table, "entries: (\\d+)", [{capture, all_but_first, list}]),
    list_to_integer(N).

%% -- Secrets -----------------------------------------------------------------

secrets() ->
    [
        #{
            ?ROW("70", "values captured by a given closure"),
            setup => fun() ->
                #{secret := Secret} = Env = esc:env(),
                Env#{secret => Secret, question => fun(Guess) -> Guess =:= Secret end}
            end,
            ways => [fun(#{question := Question}) -> erlang:fun_info(Question, env) end],
            effect => fun(#{secret := Secret}, Outcome) -> Outcome =:= {value, {env, [Secret]}} end,
            calculator => open,
            plugin => open
        },
        #{
            ?ROW("71", "persistent terms by their key"),
            setup => fun() ->
                #{secret := Secret} = Env = esc:env(),
                ok = persistent_term:put(esc_secret, Secret),
                Env
            end,
            ways => [fun(_) -> persistent_term:get(esc_secret) end],
            effect => fun(#{secret := Secret}, Outcome) -> Outcome =:= {value, Secret} end,
            calculator => open,
            plugin => open
        },
        #{
            %% As process_info(self(), backtrace), which is denied.
            ?ROW("72", "own stack by a match specification"),
            ways => [
                fun(_) ->
                    Spec = [{'_', [], [{message, {process_dump}}]}],
                    {ok, Dump, _, _} = erlang:match_spec_test([a], Spec, trace),
                    is_binary(Dump) andalso byte_size(Dump) > 100
                end
            ],
            effect => fun(_, Outcome) -> Outcome =:= {value, true} end,
            calculator => {denied, [{erlang, match_spec_test, 3}]},
            plugin => {denied, [{erlang, match_spec_test, 3}]}
        },
        #{
            %% The matcher runs bytes that the caller made. Here they are a
            %% harmless change: a compiled "a" that matches "b".
            ?ROW("73", "forged compiled regular expression"),
            ways => [
                fun(_) ->
                    {ok, {re_pattern, N, U, C, Code}} = re:compile("xay"),
                    Forged = binary:replace(Code, <<"a">>, <<"b">>, [global]),
                    re:run("xby", {re_pattern, N, U, C, Forged}, [{capture, none}])
                end
            ],
            effect => fun(_, Outcome) -> Outcome =:= {value, match} end,
            calculator => {denied, [{re, compile, 1}]},
            plugin => {denied, [{re, compile, 1}]}
        }
    ].

%% -- Deputies that need no message -------------------------------------------

deputies() ->
    [
        #{
            %% The module that explains an error is named by who raises it, and
            %% called by who prints it: a shell, or erl_error here.
            ?ROW("74", "error_info runs code in the printer"),
            ways => [
                fun(Env) ->
                    C = ?CANARY(Env),
                    Run = fun(_) -> esc:touch(C) end,
                    Info = [{error_info, #{module => erlang, function => apply}}],
                    erlang:raise(error, Run, [{esc_new, rows, 0, Info}])
                end
            ],
            effect => fun
                (Env, {error, Reason, Stack}) ->
                    _ = (catch erl_error:format_exception(error, Reason, Stack)),
                    esc:hits(Env, Reason);
                (_, _) ->
                    false
            end,
            calculator => open,
            plugin => open
        },
        #{
            ?ROW("75", "message by the heir of a table"),
            setup => fun() ->
                #{canary := Canary} = Env = esc:env(),
                Env#{victim => esc:tell(Canary)}
            end,
            ways => [fun(#{victim := Victim}) -> ets:new(esc, [{heir, Victim, chosen}]) end],
            calculator => {denied, [{ets, new, 2}]},
            plugin => {denied, [{ets, new, 2}]}
        },
        #{
            ?ROW("76", "a child from before tightening"),
            ways => [
                fun(_) ->
                    Parent = self(),
                    Child = spawn(fun() ->
                        receive
                            go -> Parent ! {made, is_reference(ets:new(esc, []))}
                        end
                    end),
                    ok = seccomp:restrict(self(), blacklist, [{ets, new, 2}]),
                    Child ! go,
                    receive
                        {made, Is} -> Is
                    after 2000 -> false
                    end
                end
            ],
            effect => fun(_, Outcome) -> Outcome =:= {value, true} end,
            calculator => {denied, [{erlang, spawn, 1}, {erlang, spawn, 3}]},
            plugin => open
        }
    ].

%% -- What is recorded --------------------------------------------------------

records() ->
    [
        #{
            ?ROW("77", "ring of violations flooded"),
            node => peer,
            setup => fun() ->
                Policy = esc_run:policy(calculator),
                {Pid, Ref} = seccomp:spawn_monitor(Policy, fun os:getpid/0),
                receive
                    {'DOWN', Ref, process, Pid, _} -> ok
                end,
                #{ring := [_]} = seccomp:violations(Pid),
                (esc:env())#{other => Pid}
            end,
            ways => [fun(_) -> [catch os:getpid() || _ <- lists:seq(1, 2000)] end],
            effect => fun(#{other := Pid}, _) -> maps:get(ring, seccomp:violations(Pid)) =:= [] end,
            calculator => open,
            plugin => open
        },
        #{
            ?ROW("78", "counters of violations used up"),
            node => peer,
            ways => [
                fun(_) ->
                    [
                        catch apply(M, F, lists:duplicate(A, x))
                     || M <- atoms(), F <- atoms(), A <- lists:seq(50, 250)
                    ],
                    done
                end
            ],
            effect => fun(_, _) -> maps:get(dropped, seccomp:violations()) > 0 end,
            calculator => open,
            plugin => open
        },
        #{
            ?ROW("79", "forged denial"),
            ways => [fun(_) -> erlang:error({seccomp, {os, cmd, 1}}) end],
            calculator => harmless,
            plugin => harmless
        }
    ].

%% -- What every whitelist holds ----------------------------------------------

base() ->
    Write = fun(#{file := File}) -> [file, write_file, [File, "x"]] end,
    Lambda = fun(#{file := File}) -> [esc, fun file:write_file/2, [File, "x"]] end,
    [
        #{
            ?ROW("80", "functions of @base that apply M:F"),
            ways => [
                fun(E) -> apply(error_handler, undefined_function, Write(E)) end,
                fun(E) -> apply(error_handler, undefined_lambda, Lambda(E)) end,
                fun(E) -> apply(erts_code_purger, pending_purge_lambda, Lambda(E)) end,
                fun(E) -> apply(proc_lib, init_p, [self(), [] | Write(E)]) end,
                fun(E) -> erts_internal:spawn_init(list_to_tuple(Write(E))) end
            ],
            effect => fun esc:has_file/2,
            %% proc_lib goes on to describe the exit, and needs an atom for it.
            calculator => {denied, [?FILE_WRITE, {erlang, list_to_atom, 1}]},
            plugin => {denied, [?FILE_WRITE, {erlang, list_to_atom, 1}]}
        },
        #{
            ?ROW("81", "the on_load instruction, unchecked"),
            setup => fun() ->
                {module, _} = code:load_binary(esc_ready, "esc_ready", esc:module(esc_ready, on_load)),
                _ = code:ensure_loaded(esc_ready),
                esc:env()
            end,
            ways => [fun(_) -> erlang:call_on_load_function(esc_ready) end],
            calculator => on_load_call(),
            plugin => on_load_call()
        },
        #{
            ?ROW("82", "code:ensure_loaded/1 loads"),
            ways => [fun(_) -> code:ensure_loaded(xmerl_scan) end],
            effect => fun(_, _) -> erlang:module_loaded(xmerl_scan) end,
            calculator => {denied, [{code_server, call, 1}, {code_server, get_mode, 0}]},
            plugin => {denied, [{code_server, call, 1}, {code_server, get_mode, 0}]}
        }
    ].

%% An instruction of the JIT, a BIF of the interpreter.
on_load_call() ->
    case erlang:system_info(emu_flavor) of
        jit -> harmless;
        emu -> {denied, [{erlang, call_on_load_function, 1}]}
    end.
