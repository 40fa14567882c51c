%% SPDX-License-Identifier: Apache-2.0
%%
%% Techniques 1 to 19: code runs in another process, which is trusted.
-module(esc_servers).

-include("esc.hrl").

-export([rows/0]).

-define(ROW(Id, Name), id => Id, name => Name, class => servers).

rows() -> requests() ++ functions() ++ others().

%% The programs only send, to whom neither policy lets them.
requests() ->
    [
        (asks())#{
            ?ROW("1", "io output calls M:F"),
            ways => [
                fun(Env) ->
                    Put = {put_chars, unicode, esc, touch, [?CANARY(Env)]},
                    Device ! {io_request, self(), io, Put}
                end
             || Device <- [user, standard_error]
            ]
        },
        (asks())#{
            ?ROW("2", "io input calls M:F"),
            setup => fun() ->
                Env = esc:env(),
                {ok, Device} = file:open(code:which(?MODULE), [read]),
                Env#{device => Device}
            end,
            ways => [
                fun(#{device := Device, canary := C}) ->
                    Get = {get_until, unicode, '', esc, touch_input, [C]},
                    Device ! {io_request, self(), io, Get}
                end
            ]
        },
        (asks())#{
            ?ROW("3", "sys message runs a fun"),
            node => peer,
            ways => [
                fun(Env) ->
                    Fun = fun(State) ->
                        _ = esc:touch(?CANARY(Env)),
                        State
                    end,
                    kernel_safe_sup ! {system, {self(), make_ref()}, {replace_state, Fun}}
                end
            ]
        },
        (asks())#{
            ?ROW("4", "supervisor starts any M:F"),
            node => peer,
            ways => [
                fun(Env) ->
                    Start = {esc, touch_start, [?CANARY(Env)]},
                    Spec = #{id => esc, start => Start, restart => temporary},
                    kernel_safe_sup ! {'$gen_call', {self(), make_ref()}, {start_child, Spec}}
                end
            ]
        },
        (asks())#{
            ?ROW("5", "rpc server, call"),
            ways => [
                fun(Env) ->
                    Call = {call, esc, touch, [?CANARY(Env)], self()},
                    rex ! {'$gen_call', {self(), make_ref()}, Call}
                end
            ]
        },
        (asks())#{
            ?ROW("6", "rpc server, cast"),
            ways => [fun(Env) -> rex ! {'$gen_cast', {cast, esc, touch, [?CANARY(Env)], self()}} end]
        },
        (asks())#{
            ?ROW("8", "timer server applies M:F"),
            setup => fun() ->
                ok = timer:start(),
                (esc:env())#{now => erlang:monotonic_time(millisecond)}
            end,
            ways => [
                fun(#{now := Now, canary := C}) ->
                    Once = {apply_once, {Now, 1, {esc, touch, [C]}}},
                    timer_server ! {'$gen_call', {self(), make_ref()}, Once}
                end
            ]
        },
        (asks())#{
            ?ROW("10", "application started by messages"),
            node => peer,
            ways => [
                fun(Env) ->
                    Keys = [{mod, {esc, ?CANARY(Env)}}, {vsn, "1"}, {applications, []}],
                    App = {application, esc_app, Keys},
                    From = {self(), make_ref()},
                    application_controller ! {'$gen_call', From, {load_application, App}},
                    Start = {start_application, esc_app, temporary},
                    application_controller ! {'$gen_call', From, Start}
                end
            ]
        },
        (asks())#{
            ?ROW("13b", "on_load through the code server"),
            node => peer,
            setup => fun() -> (esc:env())#{code => esc:module(esc_loaded, on_load)} end,
            ways => [
                fun(#{code := Code}) ->
                    Load = {load_binary, esc_loaded, "esc_loaded", Code},
                    code_server ! {code_call, self(), Load}
                end
            ]
        }
    ].

asks() -> #{calculator => {denied, [?SEND]}, plugin => {denied, [?SEND]}}.

functions() ->
    [
        esc:refused(servers, "8b", "timer:apply_after/4", [
            {timer, apply_after, [1, esc, touch, []]}
        ]),
        esc:refused(servers, "9", "application:load/1 and start/1", [
            {application, load, [{application, esc, []}]}
        ]),
        esc:refused(servers, "11", "TLS callbacks", [
            {ssl, connect, ["localhost", 1, []]}
        ]),
        esc:refused(servers, "12", "HTTP client callbacks", [
            {httpc, request, [get, {"http://localhost:1", []}, [], []]}
        ]),
        esc:refused(servers, "13", "on_load by code:load_binary/3", [
            {code, load_binary, [esc_l, "esc_l", <<>>]}
        ]),
        esc:refused(servers, "13c", "on_load by auto-loading", [
            {esc_not_loaded, version, []}
        ]),
        esc:refused(servers, "16", "heart commands", [
            {heart, set_cmd, ["true"]}
        ]),
        esc:refused(servers, "17", "resolver of global names", [
            {global, register_name, [n, self(), fun erlang:max/2]}
        ]),
        esc:refused(servers, "19", "mnesia backend module", [
            {mnesia_schema, add_backend_type, [esc, esc]}
        ])
    ].

%% Servers that run where somebody has started them.
others() ->
    [
        (asks())#{
            ?ROW("16b", "heart commands by message"),
            node => heart,
            ways => [fun(_) -> heart ! {self(), set_cmd, "true"} end],
            effect => fun(_, _) -> heart:get_cmd() =:= {ok, "true"} end
        },
        (asks())#{
            ?ROW("18", "eunit's server runs a fun"),
            setup => fun() ->
                _ = eunit_server:start(esc_eunit),
                esc:env()
            end,
            ways => [
                fun(Env) ->
                    Test = fun() -> esc:touch(?CANARY(Env)) end,
                    esc_eunit ! {command, self(), {start, {job, self(), Test, []}}}
                end
            ]
        },
        (asks())#{
            ?ROW("18b", "pool master spawns M:F"),
            setup => fun() ->
                Env = esc:env(),
                {ok, Pool} = gen_server:start_link(pool, [], []),
                Env#{pool => Pool}
            end,
            ways => [
                fun(#{pool := Pool} = Env) ->
                    Spawn = {spawn, self(), esc, touch, [?CANARY(Env)]},
                    Pool ! {'$gen_call', {self(), make_ref()}, Spawn}
                end
            ]
        },
        (needs(et_collector, asks()))#{
            %% The filter runs in whoever reports an event.
            ?ROW("18c", "filter of an et collector"),
            setup => fun() ->
                Env = esc:env(),
                {ok, Collector} = et_collector:start_link([]),
                Env#{collector => Collector}
            end,
            ways => [
                fun(#{collector := Collector} = Env) ->
                    Filter = fun(Event) ->
                        _ = esc:touch(?CANARY(Env)),
                        Event
                    end,
                    Insert = {dict_insert, {filter, all}, Filter},
                    Collector ! {'$gen_call', {self(), make_ref()}, Insert}
                end
            ],
            effect => fun(#{collector := Collector} = Env, Outcome) ->
                _ = et_collector:report_event(Collector, 1, from, to, label, []),
                esc:hits(Env, Outcome)
            end
        }
    ].

%% A runtime need not have all of OTP's applications.
needs(Module, Row) ->
    case code:which(Module) of
        non_existing -> Row#{not_run => atom_to_list(Module) ++ " is not installed"};
        _ -> Row
    end.
