%% SPDX-License-Identifier: Apache-2.0
%%
%% Techniques 43 to 50: reading or disturbing other processes.
-module(esc_processes).

-include("esc.hrl").

-export([rows/0]).

-define(ROW(Id, Name), id => Id, name => Name, class => processes).

rows() ->
    [
        esc:refused(processes, "43", "reading another process", [
            {erlang, process_info, [whereis(init), messages]},
            {sys, get_state, [kernel_safe_sup]},
            {erlang, process_display, [whereis(init), backtrace]}
        ]),
        #{
            ?ROW("43b", "reading a server's state by message"),
            ways => [
                fun(_) ->
                    Ref = make_ref(),
                    kernel_safe_sup ! {system, {self(), Ref}, get_state},
                    receive
                        {Ref, State} -> {state, element(1, State)}
                    after 2000 -> none
                    end
                end
            ],
            effect => fun(_, Outcome) -> Outcome =:= {value, {state, state}} end,
            calculator => {denied, [?SEND]},
            plugin => {denied, [?SEND]}
        },
        esc:refused(processes, "44", "tracing", [
            {erlang, trace, [all, true, [call]]},
            {erlang, trace_pattern, [{lists, '_', '_'}, true, []]},
            {seq_trace, set_system_tracer, [self()]},
            {seq_trace, set_token, [label, 1]},
            {dbg, tracer, []}
        ]),
        %% They come with OTP 28; before, there is nothing behind the names.
        esc:refused(processes, "45", "debugger functions, of OTP 28", [
            {erl_debugger, peek_stack_frame_slot, [self(), 1, x, 1]},
            {erl_debugger, peek_xreg, [self(), 1, 1]}
        ]),
        esc:refused(processes, "46", "ending another process", [
            {erlang, exit, [self(), kill]},
            {erlang, link, [whereis(init)]},
            {supervisor, terminate_child, [kernel_safe_sup, x]}
        ]),
        #{
            ?ROW("46b", "ending a child by its supervisor"),
            node => peer,
            setup => fun() ->
                ok = timer:start(),
                (esc:env())#{victim => whereis(timer_server)}
            end,
            ways => [
                fun(_) ->
                    End = {terminate_child, timer_server},
                    kernel_sup ! {'$gen_call', {self(), make_ref()}, End}
                end
            ],
            effect => fun victim_ended/2,
            calculator => {denied, [?SEND]},
            plugin => {denied, [?SEND]}
        },
        #{
            ?ROW("47", "forged exit message"),
            setup => fun() ->
                {ok, Victim} = gen_event:start(),
                (esc:env())#{victim => Victim}
            end,
            ways => [fun(#{victim := Victim}) -> Victim ! {'EXIT', Victim, forged} end],
            effect => fun victim_ended/2,
            calculator => {denied, [?SEND]},
            plugin => {denied, [?SEND]}
        },
        esc:refused(processes, "48", "suspending, collecting, priority", [
            {erlang, suspend_process, [whereis(init)]},
            {erlang, garbage_collect, [whereis(init)]},
            {erlang, process_flag, [priority, max]}
        ]),
        #{
            ?ROW("48b", "priority as an option of a spawn"),
            ways => [
                fun(_) ->
                    Wait = [
                        fun() ->
                            receive
                                never -> ok
                            end
                        end,
                        []
                    ],
                    {child, spawn_opt(erlang, apply, Wait, [{priority, max}])}
                end
            ],
            effect => fun
                (_, {value, {child, Pid}}) -> process_info(Pid, priority) =:= {priority, max};
                (_, _) -> false
            end,
            calculator => {denied, [{erlang, spawn_opt, 4}]},
            plugin => open
        },
        esc:refused(processes, "49", "guessing pids", [
            {erlang, list_to_pid, ["<0.0.0>"]},
            {erlang, processes, []},
            {erlang, registered, []}
        ]),
        #{
            ?ROW("49b", "pids of registered names"),
            %% @base has whereis/1. Without a right to signal it is of no use.
            ways => [fun(_) -> whereis(init) end],
            calculator => harmless,
            plugin => harmless
        },
        esc:refused(processes, "50", "aliases and references", [
            {erlang, alias, []},
            {erlang, alias, [[]]}
        ]),
        #{
            %% What gen_server:call/2 does: an address of its own, no one else's.
            ?ROW("50b", "an alias of a monitor"),
            ways => [fun(_) -> monitor(process, self(), [{alias, explicit_unalias}]) end],
            calculator => {denied, [{erlang, monitor, 3}]},
            plugin => harmless
        }
    ].

victim_ended(#{victim := Victim}, _Outcome) -> not is_process_alive(Victim).
