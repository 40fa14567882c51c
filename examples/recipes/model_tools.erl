%% SPDX-License-Identifier: Apache-2.0
%%
%% Code that a model wrote, with tools that it may call: each is a gate, and the
%% answer goes back to the model as text.
-module(model_tools).

-export([answer/1, weather/1, note/1]).

answer(Source) ->
    Tools = [{gate, ?MODULE, Tool, 1} || Tool <- [weather, note]],
    Rules = seccomp_eval:policy_rules() ++ Tools,
    {ok, Policy} = seccomp:compile(#{mode => whitelist, spawn => deny, rules => Rules}),
    case seccomp_eval:eval(Source, #{policy => Policy, timeout => 2000}) of
        {ok, #{value := Value}} -> {ok, Value};
        {error, Reason} -> {retry, unicode:characters_to_binary(seccomp_eval:format_error(Reason))}
    end.

%% Tools: what the model says is an argument, and no more. `file:open/2` would not
%% do here: it starts a process, and that is under the model's policy.
weather(City) when is_list(City) ->
    File = filename:join(filename:dirname(code:which(?MODULE)), "weather.txt"),
    {ok, Text} = file:read_file(File),
    Lines = [string:lexemes(Line, " ") || Line <- string:lexemes(Text, "\n")],
    case [Weather || [Name | Weather] <- Lines, string:equal(Name, City)] of
        [[Degrees, Sky]] -> {binary_to_integer(Degrees), Sky};
        [] -> unknown
    end.

note(Text) when is_list(Text), length(Text) < 1000 ->
    logger:notice("the model notes: ~ts", [Text]).
