%% SPDX-License-Identifier: Apache-2.0
%%
%% Modules made by hand, as a host may load for somebody: instructions and
%% literals that no compiler writes. `beam_asm` does not ask whether they are
%% safe. The policies allow these modules, so that what they do is what counts.
-module(esc_made).

-include("esc.hrl").

-export([rows/0]).

-define(ROW(Id, Name), id => Id, name => Name, class => made).

rows() ->
    [
        #{
            %% {bif,...} is for guard BIFs, but can name any. The loader refuses:
            %% the call finds no module.
            ?ROW("83", "any BIF as an instruction"),
            rules => [{esc_bif, '_'}, {esc_gc_bif, '_'}],
            setup => fun() ->
                Send = [{x, 0}, {x, 1}],
                _ = load(esc_bif, go, 2, [{bif, send, {f, 0}, Send, {x, 0}}, return]),
                _ = load(esc_gc_bif, go, 2, [{gc_bif, send, {f, 0}, 2, Send, {x, 0}}, return]),
                told()
            end,
            ways => [
                fun(#{victim := Victim}) -> esc_bif:go(Victim, hello) end,
                fun(#{victim := Victim}) -> esc_gc_bif:go(Victim, hello) end
            ],
            calculator => {denied, [{code_server, call, 1}, {code_server, get_mode, 0}]},
            plugin => {denied, [{code_server, call, 1}, {code_server, get_mode, 0}]}
        },
        #{
            %% The body of a function that bears the name of a BIF is that BIF;
            %% in module erlang alone.
            ?ROW("84", "function that bears a BIF's name"),
            rules => [{esc_named, '_'}],
            setup => fun() ->
                Info = {func_info, {atom, erlang}, {atom, send}, 2},
                {module, _} = load(esc_named, go, 2, Info, [{move, {atom, own}, {x, 0}}, return]),
                told()
            end,
            ways => [fun(#{victim := Victim}) -> esc_named:go(Victim, hello) end],
            effect => fun(Env, Outcome) ->
                Outcome =/= {value, own} orelse esc:hits(Env, Outcome)
            end,
            calculator => harmless,
            plugin => harmless
        },
        #{
            %% A literal is decoded like a term from another node: it can be any
            %% closure of any module, with values of the maker's choice. What
            %% the closure calls outside of its module is checked.
            ?ROW("85", "forged closure of a trusted module"),
            rules => [{esc_closure, '_'}],
            setup => fun() ->
                #{file := File} = Env = esc:env(),
                Closure = fun() -> file:write_file(File, "x") end,
                Code = [{move, {literal, Closure}, {x, 0}}, return],
                {module, _} = load(esc_closure, go, 0, Code),
                Env
            end,
            ways => [fun(_) -> (esc_closure:go())() end],
            effect => fun esc:has_file/2,
            calculator => {denied, [?FILE_WRITE]},
            plugin => {denied, [?FILE_WRITE]}
        },
        #{
            %% An instruction that trusts its operand. Others read and write any
            %% memory: a module made by hand is native code.
            ?ROW("86", "writing into a shared literal"),
            node => peer,
            rules => [{esc_poke, '_'}],
            setup => fun() ->
                ok = persistent_term:put(esc_setting, {setting, safe}),
                Poke = {set_tuple_element, {atom, unsafe}, {x, 0}, 1},
                {module, _} = load(esc_poke, go, 1, [Poke, return]),
                esc:env()
            end,
            ways => [fun(_) -> esc_poke:go(persistent_term:get(esc_setting)) end],
            effect => fun(_, _) -> persistent_term:get(esc_setting) =:= {setting, unsafe} end,
            calculator => open,
            plugin => open
        },
        #{
            %% The loading process of the code server runs it, before anybody
            %% is restricted.
            ?ROW("87", "on_load of a module the host loads"),
            setup => fun() ->
                Env = esc:env(),
                Code = esc:module(esc_hosted, on_load),
                {module, _} = code:load_binary(esc_hosted, "esc_hosted", Code),
                Env
            end,
            ways => [fun(_) -> nothing end],
            calculator => open,
            plugin => open
        }
    ].

told() ->
    #{canary := Canary} = Env = esc:env(),
    Env#{victim => esc:tell(Canary)}.

load(Module, Name, Arity, Code) ->
    load(Module, Name, Arity, {func_info, {atom, Module}, {atom, Name}, Arity}, Code).

load(Module, Name, Arity, Info, Code) ->
    Function = {function, Name, Arity, 2, [{label, 1}, Info, {label, 2} | Code]},
    Assembly = esc:before(
        29,
        {Module, [{Name, Arity}], [], [Function], 3},
        {Module, [{Name, Arity}], [], #{}, [Function], 3}
    ),
    {ok, Binary} = beam_asm:module(Assembly, [], [], []),
    code:load_binary(Module, atom_to_list(Module), Binary).
