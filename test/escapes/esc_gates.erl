%% SPDX-License-Identifier: Apache-2.0
%%
%% Gates: what they call is not checked, so the technique is to have them call
%% something else, or to stay inside. Each gate first calls a function of its own
%% that both policies deny.
-module(esc_gates).

-include("esc.hrl").

-export([rows/0]).
%% An error handler of the program's.
-export([undefined_function/3]).

-define(ROW(Id, Name), id => Id, name => Name, class => gates).
-define(PATH(Env), maps:get(file, Env)).
-define(NOTE, {esc_host, note, 2}).

undefined_function(_M, _F, [File]) -> file:write_file(File, "x").

gates() ->
    [
        {gate, esc_host, F, A}
     || {F, A} <-
            [{note, 2}, {fails, 2}, {catches, 2}, {reads, 1}] ++
                [{spawns, 2}, {missing, 1}, {calls, 3}]
    ].

%% Whether the program has written, and not the host alone.
writes() -> writes({denied, [?FILE_WRITE]}).

writes(Verdict) ->
    #{
        rules => gates(),
        effect => fun esc:has_file/2,
        calculator => Verdict,
        plugin => Verdict
    }.

rows() ->
    case seccomp_test_run:has_gates() of
        true -> gate_rows();
        false -> [(maps:with([id, name, class], Row))#{not_run => "no gates"} || Row <- gate_rows()]
    end.

gate_rows() ->
    [
        (writes())#{
            ?ROW("102", "a call after a gate has returned"),
            ways => [
                fun(E) ->
                    _ = esc_host:note(?PATH(E), x),
                    file:write_file(?PATH(E), "x")
                end,
                fun(E) ->
                    _ = apply(esc_host, note, [?PATH(E), x]),
                    apply(file, write_file, [?PATH(E), "x"])
                end,
                fun(E) ->
                    Note = fun esc_host:note/2,
                    _ = Note(?PATH(E), x),
                    (fun file:write_file/2)(?PATH(E), "x")
                end
            ]
        },
        (writes())#{
            ?ROW("103", "a call after an exception has left a gate"),
            ways => [
                fun(E) ->
                    try
                        esc_host:fails(?PATH(E), x)
                    catch
                        error:x -> file:write_file(?PATH(E), "x")
                    end
                end,
                fun(E) ->
                    _ = (catch esc_host:fails(?PATH(E), x)),
                    file:write_file(?PATH(E), "x")
                end,
                fun(E) ->
                    try
                        esc_host:fails(?PATH(E), x)
                    after
                        file:write_file(?PATH(E), "x")
                    end
                end,
                fun(E) ->
                    ok = esc_host:catches(?PATH(E), x),
                    file:write_file(?PATH(E), "x")
                end
            ]
        },
        (writes({denied, [?NOTE]}))#{
            ?ROW("104", "a fun in a gate's arguments"),
            ways => [
                fun(E) -> esc_host:note(?PATH(E), fun() -> file:write_file(?PATH(E), "x") end) end,
                fun(E) -> esc_host:note(?PATH(E), [#{x => {fun file:write_file/2}}]) end,
                fun(E) -> esc_host:note(?PATH(E), [a | fun file:write_file/2]) end,
                fun(E) -> apply(esc_host, note, [?PATH(E), #{(fun os:cmd/1) => x}]) end
            ]
        },
        (writes({denied, [{esc_host, reads, 1}]}))#{
            ?ROW("105", "a fun where a gate's code will look for one"),
            rules => [{erlang, put, 2} | gates()],
            ways => [
                fun(E) ->
                    put(callback, fun() -> file:write_file(?PATH(E), "x") end),
                    esc_host:reads(?PATH(E))
                end
            ]
        },
        (writes({denied, [{esc_host, missing, 1}]}))#{
            ?ROW("106", "an error handler for what a gate calls"),
            rules => [{erlang, process_flag, 2} | gates()],
            ways => [
                fun(E) ->
                    _ = process_flag(error_handler, esc_gates),
                    esc_host:missing(?PATH(E))
                end
            ]
        },
        (writes(harmless))#{
            ?ROW("107", "a child of a gate"),
            ways => [fun(E) -> esc_host:spawns(?PATH(E), ?PATH(E)) end],
            %% It may not spawn, inside of gates neither.
            calculator => {denied, [{erlang, spawn_opt, 4}]}
        },
        (writes(harmless))#{
            ?ROW("108", "arguments without end stall a gate"),
            ways => [
                fun(E) ->
                    Twice = fun
                        (_, 0, Term) -> Term;
                        (Self, N, Term) -> Self(Self, N - 1, [Term | Term])
                    end,
                    try
                        esc_host:note(?PATH(E), Twice(Twice, 64, []))
                    catch
                        error:system_limit -> refused
                    end
                end
            ]
        },
        (writes())#{
            ?ROW("109", "staying in a gate by tail calls"),
            ways => [
                fun(E) ->
                    Write = fun(F) -> F(?PATH(E), "x") end,
                    esc_host:note(?PATH(E), x),
                    Write(fun file:write_file/2)
                end,
                fun(E) ->
                    Loop = fun
                        (_, 0) -> file:write_file(?PATH(E), "x");
                        (Self, N) ->
                            esc_host:note(?PATH(E), N),
                            Self(Self, N - 1)
                    end,
                    Loop(Loop, 3)
                end
            ]
        },
        (writes(open))#{
            ?ROW("110", "a gate that calls what its arguments name"),
            ways => [fun(E) -> esc_host:calls(file, write_file, [?PATH(E), "x"]) end]
        }
    ].
