%% SPDX-License-Identifier: Apache-2.0
%%
%% More on gates: what may happen to a process while it is inside of one, and what
%% could let it out without the gate being closed. The techniques are the
%% program's; the gates, of esc_host, do what code of hosts does.
-module(esc_inside).

-include("esc.hrl").

-export([rows/0]).

-define(ROW(Id, Name), id => Id, name => Name, class => gates).
-define(PATH(Env), maps:get(file, Env)).

rows() ->
    case seccomp_test_run:has_gates() of
        true -> gate_rows();
        false -> [(maps:with([id, name, class], Row))#{not_run => "no gates"} || Row <- gate_rows()]
    end.

gates() ->
    [
        {gate, esc_host, F, A}
     || {F, A} <-
            [{relays, 3}, {raises, 3}, {rests, 1}, {naps, 1}, {nowhere, 1}] ++
                [{later, 1}, {works, 2}, {saves, 2}]
    ].

writes(Verdict) ->
    #{
        rules => gates(),
        effect => fun esc:has_file/2,
        calculator => Verdict,
        plugin => Verdict
    }.

gate_rows() ->
    [
        (writes({denied, [?FILE_WRITE]}))#{
            ?ROW("136", "exceptions through gates, forged stacks"),
            ways => [
                fun(E) ->
                    try
                        esc_host:relays(?PATH(E), error, [])
                    catch
                        error:x -> file:write_file(?PATH(E), "x")
                    end
                end,
                fun(E) ->
                    Forged = [{esc_host, relays, 3, []}, {file, write_file, 2, []}],
                    _ = (catch esc_host:relays(?PATH(E), exit, Forged)),
                    file:write_file(?PATH(E), "x")
                end,
                fun(E) ->
                    try
                        try
                            esc_host:relays(?PATH(E), throw, [])
                        catch
                            Class:x:Stack -> erlang:raise(Class, x, Stack)
                        end
                    catch
                        throw:x -> file:write_file(?PATH(E), "x")
                    end
                end
            ]
        },
        (writes({denied, [?FILE_WRITE]}))#{
            ?ROW("137", "hibernation in a gate"),
            rules => [{esc_host, wakes, 1} | gates()],
            ways => [
                fun(E) -> esc_host:rests(?PATH(E)) end
                | [
                    fun(E) ->
                        ok = esc_host:naps(?PATH(E)),
                        file:write_file(?PATH(E), "x")
                    end
                 || seccomp_test_run:otp() >= 28
                ]
            ]
        },
        (writes({denied, [?FILE_WRITE]}))#{
            ?ROW("138", "new code for a gate that is open"),
            rules => [{gate, esc_swapped, go, 2}],
            setup => fun swapped/0,
            ways => [
                fun(#{code := Code} = E) ->
                    ok = esc_swapped:go(?PATH(E), Code),
                    file:write_file(?PATH(E), "x")
                end,
                fun(#{code := Code} = E) ->
                    ok = esc_swapped:go(?PATH(E), Code),
                    ok = esc_swapped:go(?PATH(E), Code),
                    apply(file, write_file, [?PATH(E), "x"])
                end
            ]
        },
        %% The host's own handler would serve it, and is no gate.
        (writes({denied, [{esc_host, '$handle_undefined_function', 2}]}))#{
            ?ROW("139", "a gate whose function is not there"),
            ways => [
                fun(E) -> esc_host:nowhere(?PATH(E)) end,
                fun(E) -> apply(esc_host, nowhere, [?PATH(E)]) end,
                fun(E) -> (fun esc_host:nowhere/1)(?PATH(E)) end
            ]
        },
        (writes(harmless))#{
            ?ROW("140", "what a gate has servers call later"),
            ways => [fun(E) -> esc_host:later(?PATH(E)) end]
        },
        (writes({denied, [?FILE_WRITE]}))#{
            ?ROW("141", "scheduled out, moved, recorded in a gate"),
            ways => [
                %% Reductions end inside, and when it returns.
                fun(E) ->
                    _ = [ok = esc_host:works(?PATH(E), N) || N <- lists:seq(3970, 4030)],
                    file:write_file(?PATH(E), "x")
                end,
                fun(E) ->
                    _ = esc_host:saves(?PATH(E), 10),
                    file:write_file(?PATH(E), "x")
                end,
                fun(E) ->
                    _ = esc_host:saves(?PATH(E), 10),
                    10 = esc_host:saves(?PATH(E), 0),
                    file:write_file(?PATH(E), "x")
                end
            ]
        }
    ].

%% A module that loads itself once more, and calls what it has loaded.
swapped() ->
    Text =
        "-module(esc_swapped). -export([go/2, asks/1]). "
        "go(File, Code) -> "
        "    {module, _} = code:load_binary(esc_swapped, \"\", Code), "
        "    esc_swapped:asks(File), ok. "
        "asks(File) -> {error, enoent} = file:read_file_info(File). ",
    {ok, esc_swapped, Code} = compile:forms(esc:forms(Text), []),
    {module, esc_swapped} = code:load_binary(esc_swapped, "", Code),
    (esc:env())#{code => Code}.
