%% SPDX-License-Identifier: Apache-2.0
%%
%% Techniques 14, 15 and 26 to 28, and one more: what Elixir brings along. The
%% programs of 26 to 28 are in esc_elixir.ex; the policies allow the functions
%% that the technique starts from.
-module(esc_elixir).

-include("esc.hrl").

-export([rows/0]).

-define(ROW(Id, Name), id => Id, name => Name).
-define(OS_CMD, {os, cmd, 1}).

rows() -> [runs(Row) || Row <- servers() ++ calls() ++ shared()].

%% What an Elixir was compiled with may be too old for a newer OTP.
runs(Row) ->
    case code:ensure_loaded('Elixir.GenServer') of
        {module, _} -> Row;
        {error, _} -> Row#{not_run => "this Elixir does not run here"}
    end.

%% -- Servers -----------------------------------------------------------------

servers() ->
    [
        (by_message())#{
            ?ROW("14", "Agent runs a fun, by message"),
            setup => fun() ->
                {ok, Agent} = 'Elixir.Agent':start(fun() -> state end),
                (esc:env())#{agent => Agent}
            end,
            ways => [
                fun(#{agent := Agent} = Env) ->
                    Fun = fun(_State) -> esc:touch(?CANARY(Env)) end,
                    Agent ! {'$gen_call', {self(), make_ref()}, {get, Fun}}
                end
            ]
        },
        (by_message())#{
            ?ROW("15", "DynamicSupervisor starts M:F"),
            setup => fun() ->
                {ok, Sup} = 'Elixir.DynamicSupervisor':start_link([{strategy, one_for_one}]),
                (esc:env())#{supervisor => Sup}
            end,
            ways => [
                fun(#{supervisor := Sup} = Env) ->
                    Child = {{esc, touch_start, [?CANARY(Env)]}, temporary, 5000, worker, [esc]},
                    Sup ! {'$gen_call', {self(), make_ref()}, {start_child, Child}}
                end
            ]
        },
        (by_message())#{
            ?ROW("15b", "Task.Supervisor starts a fun"),
            setup => fun() ->
                {ok, Sup} = 'Elixir.Task.Supervisor':start_link([]),
                (esc:env())#{supervisor => Sup}
            end,
            ways => [
                fun(#{supervisor := Sup} = Env) ->
                    Apply = {erlang, apply, [fun() -> esc:touch(?CANARY(Env)) end, []]},
                    Task = {start_task, [{node(), self()}, [self()], Apply], temporary, 5000},
                    Sup ! {'$gen_call', {self(), make_ref()}, Task}
                end
            ]
        },
        esc:refused(servers, "15c", "the same by their functions", [
            {'Elixir.Agent', get, [self(), fun(X) -> X end]},
            {'Elixir.Agent', update, [self(), fun(X) -> X end]},
            {'Elixir.DynamicSupervisor', start_child, [self(), {esc, touch_now, []}]},
            {'Elixir.Task.Supervisor', start_child, [self(), fun() -> ok end]},
            {'Elixir.Task', start, [fun() -> ok end]}
        ])
    ].

by_message() ->
    #{class => servers, calculator => {denied, [?SEND]}, plugin => {denied, [?SEND]}}.

%% -- Calls -------------------------------------------------------------------

calls() ->
    [
        (ends_in_os_cmd())#{
            ?ROW("26", "imports, aliases, module in a variable"),
            setup => fun() -> programs(fun 'Elixir.EscElixir':names/1) end,
            ways => [nth(N) || N <- lists:seq(1, 5)]
        },
        (ends_in_os_cmd())#{
            ?ROW("27", "struct, exception, calendar as module"),
            rules =>
                ['Elixir.String.Chars', 'Elixir.Date', 'Elixir.Process'] ++
                    ['Elixir.Module', elixir_aliases, {erlang, binary_to_atom, 2}] ++
                    [{'Elixir.Code', ensure_compiled, 1}, {'Elixir.Code', ensure_loaded, 1}] ++
                    ['Elixir.String.Chars.EscElixir.Printed', 'Elixir.EscElixir.Raised'] ++
                    ['Elixir.EscElixir.Calendar'],
            setup => fun() -> programs(fun 'Elixir.EscElixir':dispatch/1) end,
            ways => [nth(N) || N <- lists:seq(1, 3)]
        },
        (ends_in_os_cmd())#{
            ?ROW("28", "a fun as an Enumerable"),
            rules =>
                ['Elixir.Enum', 'Elixir.Enumerable', 'Elixir.Enumerable.Function'] ++
                    [{'Elixir.Code', ensure_compiled, 1}, 'Elixir.Module', elixir_aliases],
            setup => fun() -> programs(fun(C) -> ['Elixir.EscElixir':enumerable(C)] end) end,
            ways => [nth(1)]
        }
    ].

ends_in_os_cmd() ->
    #{
        class => calls,
        effect => fun esc:has_file/2,
        calculator => {denied, [?OS_CMD]},
        plugin => {denied, [?OS_CMD]}
    }.

nth(N) ->
    fun(#{programs := Programs, command := Command}) ->
        put(command, Command),
        (element(N, Programs))()
    end.

programs(Make) ->
    #{file := File} = Env = esc:env(),
    Command = "touch " ++ File,
    Env#{command => Command, programs => list_to_tuple(Make(Command))}.

%% -- Shared state ------------------------------------------------------------

shared() ->
    [
        #{
            %% Elixir runs what stands there when a script or a shell ends. No
            %% message is needed. The fun stays, so that the node does.
            ?ROW("88", "at_exit hook by a public table"),
            class => shared,
            node => peer,
            setup => fun() ->
                {ok, _} = application:ensure_all_started(elixir),
                esc:env()
            end,
            ways => [
                fun(Env) ->
                    Hook = fun(_Status) ->
                        _ = esc:touch(?CANARY(Env)),
                        receive
                            never -> ok
                        end
                    end,
                    ets:insert(elixir_config, {at_exit, [Hook]})
                end
            ],
            effect => fun(Env, Outcome) ->
                Hooks = ets:lookup_element(elixir_config, at_exit, 2),
                %% As `elixir FILE` ends, for a file that does nothing; without a
                %% hook it would take the node with it. It takes the hooks.
                _ = [spawn('Elixir.Kernel.CLI', run, [fun(_) -> ok end]) || Hooks =/= []],
                esc:hits(Env, Outcome)
            end,
            calculator => {denied, [{ets, insert, 2}]},
            plugin => open
        }
    ].
