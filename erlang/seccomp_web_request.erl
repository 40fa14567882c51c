%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_web_request).

-include("seccomp_doc.hrl").
-include_lib("inets/include/httpd.hrl").

?MODULEDOC("
Answers the requests of the page; `httpd` calls it. Nothing is answered unless

* the one `Host` header names this server: a page of somebody else's, whose name
  was made to point here, sends its own name;
* the browser does not say that a page of another origin asks;
* for an evaluation, the `Origin` is this server, and the body is declared as
  JSON, which other origins may not send without asking first.

All answers carry a policy that lets the browser load from here alone, and run no
script that stands in the page.
").

-behaviour(httpd_custom_api).

-export([do/1, response_default_headers/0, response_header/1]).

-define(MAX_PROCESSES, 100).
-define(MAX_POLICIES, 50).
-define(MAX_VIOLATIONS, 50).

?DOC("Headers of every answer, those that `httpd` makes itself included.").
-spec response_default_headers() -> [{string(), string()}].
response_default_headers() ->
    [
        {"content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
        {"x-content-type-options", "nosniff"},
        {"x-frame-options", "DENY"},
        {"referrer-policy", "no-referrer"},
        {"cross-origin-resource-policy", "same-origin"},
        {"cross-origin-opener-policy", "same-origin"},
        {"cache-control", "no-store"}
    ].

?DOC("
What `httpd` says itself, as of a method that it does not know, repeats what was
asked for without escaping it: as plain text that does no harm.
").
-spec response_header({string(), string()}) -> {true, {string(), string()}}.
response_header({"content-type", "text/html"}) ->
    {true, {"content-type", "text/plain; charset=utf-8"}};
response_header(Header) ->
    {true, Header}.

?NODOC.
-spec do(#mod{}) -> {proceed, list()}.
do(#mod{config_db = Config, method = Method, request_uri = Uri, parsed_header = Headers} = Mod) ->
    Page = #{hosts := Hosts} = httpd_util:lookup(Config, seccomp_web),
    Port = httpd_util:lookup(Config, port),
    Path = hd(string:split(Uri, "?")),
    respond(
        case host(header("host", Headers), Hosts, Port) of
            {ok, Host} ->
                case is_of_other(Path, header("sec-fetch-site", Headers)) of
                    false -> route(Method, Path, Host, Page, Mod);
                    true -> {403, "a page of another origin asks"}
                end;
            error ->
                {403, "not a name of this server"}
        end
    ).

%% All values of a header: two of a kind are never taken for one.
header(Name, Headers) -> [Value || {N, Value} <- Headers, N =:= Name].

host([Host], Hosts, Port) ->
    Named = [
        binary_to_list(Name) ++ Suffix
     || Name <- Hosts, Suffix <- [":" ++ integer_to_list(Port) | ["" || Port =:= 80]]
    ],
    case lists:member(string:lowercase(Host), Named) of
        true -> {ok, string:lowercase(Host)};
        false -> error
    end;
host(_, _Hosts, _Port) ->
    error.

%% The page itself may be linked to.
is_of_other("/", _) -> false;
is_of_other(_, []) -> false;
is_of_other(_, [Site]) -> not lists:member(Site, ["same-origin", "none"]);
is_of_other(_, _) -> true.

route(Method, Path, Host, #{assets := Assets} = Page, Mod) ->
    case {Method, Path} of
        {"GET", _} when is_map_key(Path, Assets) ->
            {Type, Body} = maps:get(Path, Assets),
            {200, Type, Body};
        {"GET", "/state"} ->
            json(state(Page));
        {"GET", "/policy/" ++ Hash} ->
            policy(Hash);
        {"GET", "/metrics"} ->
            {200, "text/plain; version=0.0.4; charset=utf-8",
                seccomp_web_metrics:text(seccomp:metrics())};
        {"POST", "/eval"} ->
            eval(Host, Page, Mod);
        {_, "/eval"} ->
            {405, "POST", "only POST"};
        {"GET", _} ->
            {404, "there is no such page"};
        _ ->
            {405, "GET", "only GET"}
    end.

policy(Hash) ->
    Found = length(Hash) =:= 64 andalso seccomp_watch:policy(list_to_binary(Hash)),
    case Found of
        {ok, Text} -> {200, "text/plain; charset=utf-8", Text};
        _ -> {404, "no process is under such a policy"}
    end.

%% -- Evaluating --------------------------------------------------------------

eval(_Host, #{playground := off}, _Mod) ->
    {403, "the playground is switched off"};
eval(Host, #{playground := Options}, #mod{parsed_header = Headers, entity_body = Body}) ->
    case {header("origin", Headers), header("content-type", Headers)} of
        {[Origin], [Type]} ->
            case {Origin =:= "http://" ++ Host, is_json(Type)} of
                {true, true} -> parsed(seccomp_nif:eval_request(iolist_to_binary(Body)), Options);
                {false, _} -> {403, "a page of another origin asks"};
                {_, false} -> {415, "the body has to be application/json"}
            end;
        {[_], _} ->
            {415, "the body has to be application/json"};
        _ ->
            {403, "the header Origin is missing"}
    end.

is_json(Type) ->
    [Name | _] = string:split(Type, ";"),
    string:lowercase(string:trim(Name)) =:= "application/json".

parsed({ok, Source}, Options) ->
    case seccomp_web_server:enter() of
        ok ->
            try
                json(seccomp_web_eval:evaluate(Source, Options))
            after
                seccomp_web_server:leave()
            end;
        busy ->
            {503, "other evaluations are running"}
    end;
parsed({error, _}, _Options) ->
    {400, "the body has to be {\"source\": \"...\"}"}.

%% -- What is shown -----------------------------------------------------------

state(Page) ->
    #{status := Status, otp := Otp, flavor := Flavor} = seccomp:enforcement(),
    {Processes, MoreProcesses} = seccomp_watch:processes(?MAX_PROCESSES),
    {Policies, MorePolicies} = seccomp_watch:policies(?MAX_POLICIES),
    #{ring := Ring} = seccomp:violations(),
    [
        {node, node()},
        {status, Status},
        {otp, list_to_binary(Otp)},
        {flavor, Flavor},
        {playground, maps:get(playground, Page) =/= off},
        {metrics, maps:to_list(seccomp:metrics())},
        {processes, {array, [process(Row) || Row <- Processes]}},
        {more_processes, MoreProcesses},
        {policies, {array, [policy_row(Row) || Row <- Policies]}},
        {more_policies, MorePolicies},
        {violations, {array, [violation(V) || V <- newest(?MAX_VIOLATIONS, Ring)]}}
    ].

newest(N, Ring) -> lists:sublist(lists:reverse(Ring), N).

process(#{pid := Pid, name := Name, flags := Flags} = Row) ->
    [
        {pid, text("~p", [Pid])},
        {name, name(Name)},
        {flags, list_to_binary(seccomp_watch:flags(Flags))}
        | maps:to_list(maps:without([pid, name, flags], Row))
    ].

policy_row(#{flags := Flags} = Row) ->
    [
        {flags, list_to_binary(seccomp_watch:flags(Flags))}
        | maps:to_list(maps:without([flags], Row))
    ].

violation(#{seq := Seq, time := Time, mfa := Mfa, policy := Policy, action := Action} = Entry) ->
    Who =
        case Entry of
            #{origin := {node, Node}} -> text("node ~tw", [Node]);
            #{pid := Pid} -> text("~p", [Pid])
        end,
    [
        {seq, Seq},
        %% Milliseconds: what JavaScript counts in, and can hold.
        {time, Time div 1_000_000},
        {who, Who},
        {mfa, name(Mfa)},
        {policy, Policy},
        {action, Action}
        | [{target, text("~tp", [Target])} || #{target := Target} <- [Entry]]
    ].

name({M, F, A}) -> text("~tw:~tw/~b", [M, F, A]);
name(Name) -> text("~tw", [Name]).

text(Format, Args) -> unicode:characters_to_binary(io_lib:format(Format, Args)).

%% -- Answers -----------------------------------------------------------------

json(Value) -> {200, "application/json", seccomp_web_json:encode(Value)}.

respond({Code, Allow, Text}) when Code =:= 405 ->
    answer(Code, [{allow, Allow}], "text/plain; charset=utf-8", [Text, $\n]);
respond({Code, Type, Body}) ->
    answer(Code, [], Type, Body);
respond({Code, Text}) ->
    answer(Code, [], "text/plain; charset=utf-8", [Text, $\n]).

answer(Code, More, Type, Body) ->
    Binary = iolist_to_binary(Body),
    Head = [
        {code, Code},
        {content_type, Type},
        {content_length, integer_to_list(byte_size(Binary))}
        | More
    ],
    {proceed, [{response, {response, Head, Binary}}]}.
