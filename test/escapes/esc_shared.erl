%% SPDX-License-Identifier: Apache-2.0
%%
%% What all processes share, used against those that trust it. Nothing is sent.
-module(esc_shared).

-compile(nowarn_deprecated_catch).

-include("esc.hrl").

-export([rows/0]).

-define(ROW(Id, Name), id => Id, name => Name, class => shared).

rows() ->
    [
        #{
            %% The record of a loaded application names the module that starts
            %% it; whoever starts it next calls that.
            ?ROW("89", "an application's start, rewritten"),
            node => peer,
            setup => fun() ->
                Keys = [{vsn, "1"}, {applications, []}, {mod, {sasl, []}}],
                _ = application:load({application, esc_app, Keys}),
                esc:env()
            end,
            ways => [
                fun(Env) ->
                    [{Key, Appl}] = ets:lookup(ac_tab, {loaded, esc_app}),
                    Data = setelement(5, element(3, Appl), {esc, ?CANARY(Env)}),
                    ets:insert(ac_tab, {Key, setelement(3, Appl, Data)})
                end
            ],
            effect => fun(Env, Outcome) ->
                case application:get_key(esc_app, mod) of
                    {ok, {esc, _}} -> _ = application:start(esc_app);
                    {ok, {sasl, []}} -> not_rewritten
                end,
                esc:hits(Env, Outcome)
            end,
            calculator => {denied, [{ets, lookup, 2}]},
            plugin => open
        },
        #{
            %% A server that starts when it is first needed finds its name
            %% taken, and cannot.
            ?ROW("90", "name of a table taken beforehand"),
            node => peer,
            ways => [
                fun(_) ->
                    Parent = self(),
                    _ = spawn(fun() ->
                        Parent ! {made, ets:new(dets_registry, [named_table])},
                        receive
                            never -> ok
                        end
                    end),
                    receive
                        {made, Name} -> Name
                    end
                end
            ],
            effect => fun(#{file := File}, _) ->
                ets:info(dets_registry) =/= undefined andalso
                    is_error(catch dets:open_file(esc_dets, [{file, File}, {ram_file, true}]))
            end,
            calculator => {denied, [{erlang, spawn, 1}, {erlang, spawn, 3}]},
            plugin => open
        },
        #{
            %% gen_tcp calls the module that stands there, in whoever connects.
            ?ROW("90b", "module of gen_tcp, by its table"),
            node => peer,
            ways => [fun(_) -> ets:insert(inet_db, {tcp_module, esc}) end],
            effect => fun(Env, Outcome) ->
                _ = (catch gen_tcp:connect({127, 0, 0, 1}, 1, [], 1000)),
                esc:hits(Env, Outcome)
            end,
            calculator => {denied, [{ets, insert, 2}]},
            plugin => open
        },
        #{
            %% Where priv_dir/1 looks for native libraries.
            ?ROW("90c", "directory of an application"),
            node => peer,
            ways => [
                fun(_) -> ets:insert(code_names, {"esc_lib", "/tmp/esc_lib", "esc_lib", []}) end
            ],
            effect => fun(_, _) -> code:priv_dir(esc_lib) =:= "/tmp/esc_lib/priv" end,
            calculator => {denied, [{ets, insert, 2}]},
            %% Later code servers have no such table.
            plugin => esc:before(27, open, harmless)
        },
        #{
            %% application:get_env/2 is denied; it is a look into this table.
            ?ROW("90d", "settings of applications, by their table"),
            setup => fun() ->
                #{secret := Secret} = Env = esc:env(),
                ok = application:set_env(kernel, esc_password, Secret),
                Env
            end,
            ways => [
                fun(_) -> ets:lookup_element(ac_tab, {env, kernel, esc_password}, 2) end
            ],
            effect => fun(#{secret := Secret}, Outcome) -> Outcome =:= {value, Secret} end,
            calculator => {denied, [{ets, lookup_element, 3}]},
            plugin => open
        },
        #{
            %% Each has a number, of which there are 1048575, and its sets.
            ?ROW("91", "policies without number"),
            ways => [
                fun(_) ->
                    Compile = fun(Arity) ->
                        Rules = [{lists, map, Arity}],
                        Spec = #{mode => blacklist, rules => Rules, unknown => allow},
                        {ok, Policy} = seccomp_nif:compile(Spec),
                        Policy
                    end,
                    {made, length(lists:usort([Compile(A) || A <- lists:seq(0, 255)]))}
                end
            ],
            effect => fun(_, Outcome) -> Outcome =:= {value, {made, 256}} end,
            calculator => {denied, [{seccomp_nif, compile, 1}]},
            plugin => open
        },
        #{
            ?ROW("92", "restricting somebody else"),
            setup => fun() ->
                #{canary := Canary} = Env = esc:env(),
                {ok, {seccomp_policy, None}} = seccomp:compile(#{mode => whitelist, rules => []}),
                Env#{victim => esc:tell(Canary), none => None}
            end,
            ways => [
                fun(#{victim := Victim}) -> seccomp:restrict(Victim, whitelist, []) end,
                fun(#{victim := Victim}) -> seccomp:restrict_spawn(Victim) end,
                fun(#{victim := Victim, none := None}) ->
                    seccomp_nif:set_policy(Victim, None, restrict, make_ref())
                end
            ],
            effect => fun(#{victim := Victim}, _) -> seccomp:flags(Victim) =/= 0 end,
            calculator =>
                {denied, [
                    {seccomp, restrict, 3},
                    {seccomp, restrict_spawn, 1},
                    {seccomp_nif, set_policy, 4}
                ]},
            %% It may call them, to tighten itself; they refuse.
            plugin => harmless
        }
    ].

is_error({ok, Table}) ->
    ok = dets:close(Table),
    false;
is_error(_) ->
    true.
