%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_web_server).

-include("seccomp_doc.hrl").

?MODULEDOC("
Starts and stops the `httpd` of the page, and counts evaluations: a request that
finds no free place is told so at once.
").

-behaviour(gen_server).

-export([start_link/2, address/0, enter/0, leave/0]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

%% Bytes. A browser's headers need some.
-define(MAX_BODY, 8192).
-define(MAX_HEADER, 8192).
-define(MAX_URI, 512).
-define(MAX_CLIENTS, 32).
%% Seconds that a connection may do nothing, and bytes that it has to send.
-define(IDLE, 15).
-define(MIN_RATE, 100).

-record(state, {
    httpd :: pid(),
    port :: inet:port_number(),
    ip :: inet:ip_address(),
    max :: pos_integer(),
    %% Monitors of the requests that evaluate.
    running = #{} :: #{pid() => reference()}
}).

?NODOC.
-spec start_link(inet:port_number(), seccomp_web:options()) -> gen_server:start_ret().
start_link(Port, Opts) ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, {Port, Opts}, []).

?DOC("Where it listens.").
-spec address() -> #{port := inet:port_number(), url := binary()}.
address() -> gen_server:call(?MODULE, address).

?DOC("Asks for one of the places to evaluate.").
-spec enter() -> ok | busy.
enter() ->
    try
        gen_server:call(?MODULE, enter)
    catch
        exit:_ -> busy
    end.

?DOC("Gives the place back; who ends gives it back, too.").
-spec leave() -> ok.
leave() -> gen_server:cast(?MODULE, {leave, self()}).

?NODOC.
-spec init({inet:port_number(), seccomp_web:options()}) -> {ok, #state{}} | {stop, term()}.
init({Port, #{ip := Ip, max_evaluations := Max} = Opts}) ->
    _ = process_flag(trap_exit, true),
    case prepared(Opts) of
        {ok, Page} -> listen(Port, Ip, Max, Page);
        {error, Text} -> {stop, {no_server, Text}}
    end.

%% A supervisor of its own, linked to this process, and not below inets': it
%% cannot outlive this one, however that ends.
listen(Port, Ip, Max, Page) ->
    case inets:start(httpd, config(Port, Ip, root(), Page), stand_alone) of
        {ok, Httpd} ->
            case supervisor:which_children(Httpd) of
                [{{httpd_instance_sup, _, Used, _}, Pid, _, _}] when is_pid(Pid) ->
                    {ok, #state{httpd = Httpd, port = Used, ip = Ip, max = Max}};
                %% It says why in the log only.
                [] ->
                    ok = shut(Httpd),
                    {stop, {no_server, why_not(Port, Ip)}}
            end;
        {error, _} ->
            {stop, {no_server, why_not(Port, Ip)}}
    end.

why_not(Port, Ip) ->
    case gen_tcp:listen(Port, [{ip, Ip}, family(Ip), {reuseaddr, true}]) of
        {ok, Socket} ->
            ok = gen_tcp:close(Socket),
            <<"httpd did not start, see the log">>;
        {error, Reason} ->
            text(Reason)
    end.

shut(Httpd) ->
    Monitor = monitor(process, Httpd),
    true = exit(Httpd, shutdown),
    receive
        {'DOWN', Monitor, process, Httpd, _} -> ok
    end.

text(Reason) when is_atom(Reason) -> unicode:characters_to_binary(inet:format_error(Reason));
text(Reason) -> iolist_to_binary(io_lib:format("~0tp", [Reason], [{chars_limit, 300}])).

%% What the requests need, once.
prepared(Opts) ->
    case assets() of
        {ok, Assets} ->
            Hosts = maps:get(hosts, Opts) ++ [<<"localhost">>, <<"127.0.0.1">>, <<"[::1]">>],
            playground(Opts, #{assets => Assets, hosts => Hosts});
        {error, _} = Error ->
            Error
    end.

playground(#{playground := false}, Page) ->
    {ok, Page#{playground => off}};
playground(Opts, Page) ->
    case seccomp_web_eval:session_options(Opts) of
        {ok, Options} -> {ok, Page#{playground => Options}};
        %% There is nothing that it could hold expressions in.
        {error, {unsupported, _}} -> {ok, Page#{playground => off}};
        {error, Reason} -> {error, text(Reason)}
    end.

root() ->
    case code:priv_dir(seccomp) of
        {error, bad_name} ->
            Ebin = filename:dirname(code:which(?MODULE)),
            filename:join([filename:dirname(Ebin), "priv", "web"]);
        Dir ->
            filename:join(Dir, "web")
    end.

%% Read here and never again: no request names a file.
assets() ->
    Read = [
        {Path, Type, file:read_file(filename:join(root(), File))}
     || {Path, Type, File} <- [
            {"/", "text/html; charset=utf-8", "index.html"},
            {"/seccomp.css", "text/css; charset=utf-8", "seccomp.css"},
            {"/seccomp.js", "text/javascript; charset=utf-8", "seccomp.js"}
        ]
    ],
    case [Path || {Path, _, {error, _}} <- Read] of
        [] -> {ok, maps:from_list([{Path, {Type, Body}} || {Path, Type, {ok, Body}} <- Read])};
        _ -> {error, iolist_to_binary(["the page is missing in ", root()])}
    end.

config(Port, Ip, Root, Page) ->
    [
        {port, Port},
        {bind_address, Ip},
        {ipfamily, family(Ip)},
        {server_name, "seccomp"},
        {server_tokens, none},
        {server_root, Root},
        {document_root, Root},
        {modules, [seccomp_web_request]},
        {customize, seccomp_web_request},
        {max_clients, ?MAX_CLIENTS},
        {max_body_size, ?MAX_BODY},
        {max_content_length, ?MAX_BODY},
        {max_header_size, ?MAX_HEADER},
        {max_uri_size, ?MAX_URI},
        {keep_alive_timeout, ?IDLE},
        {minimum_bytes_per_second, ?MIN_RATE},
        {seccomp_web, Page}
    ].

family(Ip) when tuple_size(Ip) =:= 4 -> inet;
family(_) -> inet6.

?NODOC.
-spec handle_call(term(), gen_server:from(), #state{}) -> {reply, term(), #state{}}.
handle_call(address, _From, #state{port = Port, ip = Ip} = State) ->
    Host =
        case inet:ntoa(Ip) of
            Text when tuple_size(Ip) =:= 8 -> ["[", Text, "]"];
            Text -> Text
        end,
    Url = iolist_to_binary(["http://", Host, $:, integer_to_list(Port), "/"]),
    {reply, #{port => Port, url => Url}, State};
handle_call(enter, {Pid, _}, #state{running = Running, max = Max} = State) when
    map_size(Running) < Max, not is_map_key(Pid, Running)
->
    {reply, ok, State#state{running = Running#{Pid => monitor(process, Pid)}}};
handle_call(enter, _From, State) ->
    {reply, busy, State};
handle_call(_Request, _From, State) ->
    {reply, {error, unknown_request}, State}.

?NODOC.
-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast({leave, Pid}, #state{running = Running} = State) when is_map_key(Pid, Running) ->
    true = demonitor(maps:get(Pid, Running), [flush]),
    {noreply, State#state{running = maps:remove(Pid, Running)}};
handle_cast(_Message, State) ->
    {noreply, State}.

?NODOC.
-spec handle_info(term(), #state{}) -> {noreply, #state{}} | {stop, term(), #state{}}.
handle_info({'EXIT', Httpd, _Reason}, #state{httpd = Httpd} = State) ->
    {stop, {shutdown, httpd_ended}, State};
handle_info({'DOWN', _, process, Pid, _Reason}, #state{running = Running} = State) ->
    {noreply, State#state{running = maps:remove(Pid, Running)}};
handle_info(_Message, State) ->
    {noreply, State}.

?NODOC.
-spec terminate(term(), #state{}) -> ok.
terminate(_Reason, #state{httpd = Httpd}) ->
    shut(Httpd).
