%% SPDX-License-Identifier: Apache-2.0
%%
%% Techniques 34 to 42: code and state that all processes share.
-module(esc_code).

-include("esc.hrl").

-export([rows/0]).

-define(ROW(Id, Name), id => Id, name => Name, class => code).

rows() ->
    [
        esc:refused(code, "34", "replacing a module", [
            {code, load_binary, [lists, "lists", <<>>]},
            {erlang, load_module, [lists, <<>>]},
            {erlang, prepare_loading, [lists, <<>>]},
            {code, load_file, [esc_none]},
            {c, l, [lists]}
        ]),
        #{
            ?ROW("35", "replacing a module by message"),
            node => peer,
            setup => fun() ->
                Name = esc_replaced,
                {module, Name} = code:load_binary(Name, "esc_replaced", esc:module(Name, 1)),
                (esc:env())#{code => esc:module(Name, 2)}
            end,
            ways => [
                fun(#{code := Code}) ->
                    Load = {load_binary, esc_replaced, "esc_replaced", Code},
                    code_server ! {code_call, self(), Load}
                end
            ],
            effect => fun(_, _) -> apply(esc_replaced, version, []) =:= 2 end,
            calculator => {denied, [?SEND]},
            plugin => {denied, [?SEND]}
        },
        esc:refused(code, "36", "code path", [{code, add_patha, ["/tmp"]}, {code, set_path, [[]]}]),
        esc:refused(code, "37", "purging", [
            {code, purge, [lists]},
            {erlang, check_process_code, [self(), lists, []]},
            {erts_code_purger, purge, [lists]}
        ]),
        esc:refused(code, "38", "native code", [
            {erlang, load_nif, ["esc", 0]},
            {erl_ddll, load, ["/tmp", "esc"]}
        ]),
        #{
            ?ROW("38b", "native code, the instruction"),
            ways => [fun(_) -> erlang:load_nif("esc", 0) end],
            calculator => {denied, [{erlang, load_nif, 2}]},
            plugin => {denied, [{erlang, load_nif, 2}]}
        },
        esc:refused(code, "39", "programs of the system", [
            {os, cmd, ["id"]},
            {erlang, open_port, [{spawn, "id"}, []]}
        ]),
        #{
            ?ROW("40", "writing a public system table"),
            node => peer,
            ways => [fun(_) -> ets:insert(ac_tab, {{env, kernel, esc_key}, written}) end],
            effect => fun(_, _) -> application:get_env(kernel, esc_key) =:= {ok, written} end,
            calculator => {denied, [{ets, insert, 2}]},
            plugin => open
        },
        #{
            %% What ETS takes has no actions; type trace of match_spec_test/3 has
            %% them, which is row 96.
            ?ROW("41", "match specification with actions"),
            setup => fun() ->
                Table = ets:new(esc, [public]),
                true = ets:insert(Table, {a}),
                Env = esc:env(),
                Env#{control => erlang:system_info(trace_control_word), table => Table}
            end,
            ways => [
                fun(#{table := Table}) -> ets:select(Table, [{'_', [], [Action]}]) end
             || Action <- [{set_tcw, 4711}, {enable_trace, call}, {process_dump}]
            ],
            effect => fun(#{control := Control}, Outcome) ->
                erlang:system_info(trace_control_word) =/= Control orelse
                    element(1, Outcome) =:= value
            end,
            calculator => {denied, [{ets, select, 2}]},
            plugin => harmless
        },
        esc:refused(code, "42", "settings of the whole node", [
            {erlang, system_flag, [trace_control_word, 1]},
            {erlang, set_cookie, [esc]},
            {erlang, system_monitor, [self(), [busy_port]]},
            {logger, set_primary_config, [level, none]},
            {os, set_signal, [sigterm, ignore]},
            {os, putenv, ["ESC", "1"]},
            {persistent_term, put, [esc, 1]}
        ])
    ].
