%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_web).

-include("seccomp_doc.hrl").
-include("seccomp_error.hrl").

?MODULEDOC("
A page that shows restricted processes, their policies and what was denied, with
a playground that evaluates expressions in a sandbox, and `/metrics` for
Prometheus. It is served by `httpd` of the application `inets`, which is needed
for this alone.

    1> application:ensure_all_started(seccomp).
    2> seccomp_web:start(8080).
    {ok,#{port => 8080,url => <<\"http://127.0.0.1:8080/\">>}}

There are no users and no passwords: whoever can open a connection to the port
can look, and evaluate if the playground is on. It is bound to the loopback
address, and answers to names of this machine alone.
").

-export([start/1, start/2, stop/0]).

-export_type([options/0]).

-type options() :: #{
    %% By default {127, 0, 0, 1}. Other than loopback needs `hosts`.
    ip => inet:ip_address(),
    %% Names, without the port, under which browsers reach the page.
    hosts => [binary()],
    playground => boolean(),
    %% What expressions may call; by default that of `seccomp_eval`.
    policy => seccomp:policy(),
    %% At a time.
    max_evaluations => pos_integer()
}.

?DOC("`start(Port, #{})`.").
-spec start(inet:port_number()) ->
    {ok, #{port := inet:port_number(), url := binary()}} | {error, seccomp:reason()}.
start(Port) -> start(Port, #{}).

?DOC("Starts the server, below the supervisor of the application. Port 0 takes a free one.").
-spec start(inet:port_number(), options()) ->
    {ok, #{port := inet:port_number(), url := binary()}} | {error, seccomp:reason()}.
start(Port, Opts) when is_integer(Port), Port >= 0, Port =< 65535, is_map(Opts) ->
    case seccomp:origin() of
        trusted -> checked(Port, maps:merge(defaults(), Opts));
        {restricted, _} -> error_of(restricted, <<"a restricted process cannot start it">>);
        {error, _} = Error -> Error
    end;
start(Port, Opts) ->
    ?BADARG([Port, Opts], [port, options]).

defaults() ->
    #{ip => {127, 0, 0, 1}, hosts => [], playground => true, max_evaluations => 2}.

checked(Port, Opts) ->
    case [Option || Option <- maps:to_list(Opts), not is_option(Option)] of
        [] -> reachable(Port, Opts);
        [{Key, Value} | _] -> bad_option(Key, Value)
    end.

bad_option(Key, Value) ->
    {error, {bad_option, #{option => Key, value => Value, expected => expected(Key)}}}.

expected(ip) -> <<"an address as {127, 0, 0, 1}">>;
expected(hosts) -> <<"names in lower case without the port, as [<<\"build.example\">>]">>;
expected(playground) -> <<"true or false">>;
expected(policy) -> <<"a policy of seccomp:compile/1">>;
expected(max_evaluations) -> <<"a positive integer">>;
expected(_) -> <<"ip, hosts, playground, policy or max_evaluations">>.

is_option({ip, Ip}) -> inet:is_ip_address(Ip);
is_option({hosts, Hosts}) -> is_list(Hosts) andalso lists:all(fun is_host/1, Hosts);
is_option({playground, Value}) -> is_boolean(Value);
is_option({policy, {seccomp_policy, Ref}}) -> is_reference(Ref);
is_option({max_evaluations, Max}) -> is_integer(Max) andalso Max > 0;
is_option(_) -> false.

is_host(Host) ->
    Form = "^[a-z0-9._-]+\\z|^\\[[0-9a-f:.]+\\]\\z",
    is_binary(Host) andalso match =:= re:run(Host, Form, [{capture, none}]).

%% What other machines reach, they reach under a name that has to be known.
reachable(Port, #{ip := Ip, hosts := Hosts} = Opts) ->
    case is_loopback(Ip) orelse Hosts =/= [] of
        true -> child(Port, Opts);
        false -> bad_option(hosts, [])
    end.

is_loopback({127, _, _, _}) -> true;
is_loopback({0, 0, 0, 0, 0, 0, 0, 1}) -> true;
is_loopback(_) -> false.

child(Port, Opts) ->
    Spec = #{
        id => seccomp_web_server,
        start => {seccomp_web_server, start_link, [Port, Opts]},
        restart => temporary
    },
    case {code:which(httpd), whereis(seccomp_sup)} of
        {non_existing, _} ->
            error_of(no_inets, <<"the application inets is not installed; it has the web server">>);
        {_, undefined} ->
            error_of(not_started, <<"first: application:ensure_all_started(seccomp)">>);
        _ ->
            started(supervisor:start_child(seccomp_sup, Spec))
    end.

started({ok, _Pid}) ->
    {ok, seccomp_web_server:address()};
started({error, {already_started, _}}) ->
    error_of(already_started, <<"it runs; seccomp_web:stop() ends it">>);
started({error, {{no_server, Text}, _Child}}) ->
    error_of(no_server, Text);
started({error, Reason}) ->
    error_of(no_server, iolist_to_binary(io_lib:format("~0tp", [Reason], [{chars_limit, 300}]))).

error_of(Name, Text) -> {error, {Name, #{message => Text}}}.

?DOC("Stops the server.").
-spec stop() -> ok | {error, seccomp:reason()}.
stop() ->
    try supervisor:terminate_child(seccomp_sup, seccomp_web_server) of
        ok -> ok;
        {error, _} -> error_of(not_started, <<"it does not run">>)
    catch
        exit:_ -> error_of(not_started, <<"it does not run">>)
    end.
