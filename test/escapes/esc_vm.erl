%% SPDX-License-Identifier: Apache-2.0
%%
%% The emulator's own machinery: other users of the hooks that the check is made
%% of, numbers that are used again, and what an instruction alone can do.
-module(esc_vm).

-compile(nowarn_deprecated_catch).

-include("esc.hrl").

-export([rows/0]).

-define(ROW(Id, Name), id => Id, name => Name, class => vm).
-define(PATH(Env), maps:get(file, Env)).

rows() -> hooks() ++ handlers() ++ instructions().

%% -- Others at the same hooks ------------------------------------------------

hooks() ->
    [
        (writes())#{
            %% A traced function has a breakpoint in its export entry, a traced
            %% BIF a mark there.
            ?ROW("93", "functions that are being traced"),
            setup => fun() ->
                Env = esc:env(),
                _ = erlang:trace_pattern({file, write_file, 2}, true, [global]),
                _ = erlang:trace_pattern({erlang, list_to_atom, 1}, true, [global]),
                _ = erlang:trace(new, true, [call]),
                Env
            end,
            ways => [
                fun(E) -> file:write_file(?PATH(E), "x") end,
                fun(E) -> apply(file, write_file, [?PATH(E), "x"]) end,
                fun(E) -> list_to_atom(?PATH(E)) end
            ],
            effect => fun(Env, Outcome) ->
                _ = erlang:trace(new, false, [call]),
                _ = erlang:trace_pattern({file, write_file, 2}, false, [global]),
                _ = erlang:trace_pattern({erlang, list_to_atom, 1}, false, [global]),
                esc:has_file(Env, Outcome) orelse element(1, Outcome) =:= value
            end,
            calculator => {denied, [?FILE_WRITE, {erlang, list_to_atom, 1}]},
            plugin => {denied, [?FILE_WRITE, {erlang, list_to_atom, 1}]}
        },
        (writes())#{
            %% save_calls runs processes with the same code index.
            ?ROW("94", "save_calls turned on and off meanwhile"),
            setup => fun() ->
                Env = esc:env(),
                Env#{flipper => spawn_link(fun() -> flip(5) end)}
            end,
            ways => [
                fun(E) ->
                    [catch file:write_file(?PATH(E), "x") || _ <- lists:seq(1, 20000)],
                    file:write_file(?PATH(E), "x")
                end
            ],
            effect => fun(#{flipper := Flipper} = Env, Outcome) ->
                true = unlink(Flipper),
                true = exit(Flipper, kill),
                esc:has_file(Env, Outcome)
            end
        },
        (writes())#{
            %% The policy of this row gets the number, and so the place, of one
            %% whose bits said that the call is allowed.
            ?ROW("95", "number of a policy used again"),
            node => peer,
            setup => fun() ->
                Env = esc:env(),
                ok = leave_bits(?PATH(Env)),
                Env
            end,
            ways => [
                fun(E) -> file:write_file(?PATH(E), "x") end,
                fun(E) -> (fun file:write_file/2)(?PATH(E), "x") end
            ]
        },
        esc:refused(processes, "96", "tracing by a match specification", [
            {erlang, match_spec_test, [[a], trace_me(), trace]},
            {ets, test_ms, [{a}, trace_me()]}
        ])
    ].

writes() ->
    #{
        effect => fun esc:has_file/2,
        calculator => {denied, [?FILE_WRITE]},
        plugin => {denied, [?FILE_WRITE]}
    }.

flip(N) ->
    Flip = fun(Pid) -> catch process_flag(Pid, save_calls, N) end,
    ok = lists:foreach(Flip, seccomp:processes()),
    erlang:yield(),
    flip(5 - N).

%% Returns when its policy is gone, with the process that held the handle.
leave_bits(File) ->
    {Pid, Ref} = spawn_monitor(fun() -> allow_once(File) end),
    receive
        {'DOWN', Ref, process, Pid, normal} -> file:delete(File)
    end.

allow_once(File) ->
    {ok, Free} = seccomp:compile(#{mode => blacklist, rules => [], on_deny => kill}),
    Body = fun() ->
        ok = file:write_file(File, "x"),
        ok = (fun file:write_file/2)(File, "x")
    end,
    {Pid, Ref} = seccomp:spawn_monitor(Free, Body),
    receive
        {'DOWN', Ref, process, Pid, normal} -> ok
    end.

trace_me() -> [{'_', [], [{trace, whereis(init), [], ['receive', {{tracer, self()}}]}]}].

%% -- Error handlers and frames -----------------------------------------------

handlers() ->
    [
        #{
            %% A call of a missing function of an allowed module goes to the
            %% error handler, which the process may have chosen.
            ?ROW("97", "error handler of the caller's choice"),
            rules => [{erlang, process_flag, 2}],
            ways => [
                fun(_) ->
                    _ = process_flag(error_handler, esc_vm_handler),
                    lists:esc_no_such_function(a)
                end
            ],
            setup => fun() ->
                {module, esc_vm_handler} =
                    code:load_binary(esc_vm_handler, "esc_vm_handler", handler()),
                esc:env()
            end,
            effect => fun(_, Outcome) -> Outcome =:= {value, handled} end,
            calculator => {denied, [{esc_vm_handler, undefined_function, 3}]},
            plugin => {denied, [{esc_vm_handler, undefined_function, 3}]}
        },
        #{
            %% A bug of OTP 25, for a policy that allows the flag.
            ?ROW("98", "missing error handler ends the node"),
            node => peer,
            rules => [{erlang, process_flag, 2}],
            ways => [
                fun(_) ->
                    _ = process_flag(error_handler, esc_none),
                    catch lists:esc_no_such_function(a)
                end
            ],
            effect_is => node_down,
            effect => fun esc:is_down/2,
            calculator => esc:before(27, open, harmless),
            plugin => esc:before(27, open, harmless)
        },
        #{
            %% The instruction is not checked and drops the whole stack: what
            %% the host wanted to do after the program, in `after` too.
            ?ROW("99", "frames of the host, dropped"),
            setup => fun() ->
                Env = esc:env(),
                Env#{fresh => atomics:new(1, [])}
            end,
            ways => [
                fun(#{fresh := Fresh}) ->
                    host(Fresh, fun() -> erlang:hibernate(erlang, exit, [gone]) end)
                end
            ],
            rules => [{atomics, add, 3}, {erts_internal, atomics_add, 3}],
            effect => fun(#{fresh := Fresh}, Outcome) ->
                Outcome =:= {died, gone} andalso atomics:get(Fresh, 1) =:= 0
            end,
            %% An instruction before 29.
            calculator => esc:before(29, open, {denied, [{erlang, hibernate, 3}]}),
            plugin => esc:before(29, open, {denied, [{erlang, hibernate, 3}]})
        }
    ].

host(Fresh, Program) ->
    try
        Program()
    after
        atomics:add(Fresh, 1, 1)
    end.

handler() ->
    Text =
        "-module(esc_vm_handler). -export([undefined_function/3]). "
        "undefined_function(_, _, _) -> handled.",
    {ok, esc_vm_handler, Code} = compile:forms(esc:forms(Text), []),
    Code.

%% -- Instructions ------------------------------------------------------------

instructions() ->
    [
        #{
            %% No function is called at all: the size of a binary is enough.
            ?ROW("100", "a binary that memory cannot hold"),
            node => peer,
            ways => [fun(_) -> byte_size(<<0:(huge())/unit:8>>) end],
            effect_is => node_down,
            effect => fun esc:is_down/2,
            calculator => open,
            plugin => open
        },
        #{
            %% Terms that OTP's functions made, changed and given back to them.
            %% A compiled regular expression is row 73.
            ?ROW("101", "forged iterators and contexts"),
            node => peer,
            ways => [
                fun(_) ->
                    Map = maps:from_list([{N, N} || N <- lists:seq(1, 1000)]),
                    Paths = [-1, 1, 1 bsl 58, (1 bsl 59) - 1, 1 bsl 70, a, Map, [0 | Map]],
                    [catch maps:to_list([Path | Map]) || Path <- Paths]
                end,
                fun(_) ->
                    Contexts = [binary:copy(<<Byte>>, 88) || Byte <- [0, 1, 63, 64, 255]],
                    [catch erlang:md5_final(erlang:md5_update(C, <<"x">>)) || C <- Contexts]
                end
            ],
            effect_is => node_down,
            effect => fun esc:is_down/2,
            calculator => harmless,
            plugin => harmless
        },
        #{
            ?ROW("101b", "forged continuations of a table"),
            node => peer,
            setup => fun() ->
                Table = ets:new(esc, [public]),
                true = ets:insert(Table, [{N, N} || N <- lists:seq(1, 100)]),
                (esc:env())#{table => Table}
            end,
            ways => [
                fun(#{table := Table}) ->
                    {_, Next} = ets:select(Table, [{'_', [], ['$_']}], 10),
                    Forged = [
                        setelement(N, Next, With)
                     || N <- lists:seq(1, tuple_size(Next)),
                        With <- [0, -1, 1 bsl 70, [], a, make_ref(), Table, Next]
                    ],
                    [catch ets:select(Continuation) || Continuation <- Forged]
                end
            ],
            effect_is => node_down,
            effect => fun esc:is_down/2,
            calculator => {denied, [{ets, select, 3}]},
            plugin => harmless
        }
    ].

huge() -> 1 bsl 46.
