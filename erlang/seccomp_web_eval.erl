%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_web_eval).

-include("seccomp_doc.hrl").

?MODULEDOC("The playground: one expression from the page, evaluated in the sandbox.").

-export([session_options/1, evaluate/2]).

%% Characters of a value, and of an exception.
-define(MAX_TEXT, 2000).

?DOC("The options of `seccomp_eval:eval/2` for all requests, found good.").
-spec session_options(seccomp_web:options()) ->
    {ok, seccomp_eval:options()} | {error, seccomp_eval:reason() | seccomp:reason()}.
session_options(#{policy := Policy}) ->
    options(Policy);
session_options(#{}) ->
    Map = #{
        mode => whitelist,
        rules => seccomp_eval:policy_rules(),
        spawn => deny,
        comment => <<"the playground">>
    },
    case seccomp:compile(Map) of
        {ok, Policy} -> options(Policy);
        {error, _} = Error -> Error
    end.

options(Policy) ->
    Options = #{
        policy => Policy,
        timeout => 2000,
        max_heap => 16 * 1024 * 1024,
        max_reductions => 20_000_000,
        max_output => 4096,
        max_messages => 100,
        max_children => 0,
        max_source => 2000
    },
    case seccomp_eval:session(Options) of
        {ok, _} -> {ok, Options};
        {error, _} = Error -> Error
    end.

?DOC("
What became of a text: how it ended, in a word and a sentence, what it printed,
and how long it took.
").
-spec evaluate(binary(), seccomp_eval:options()) -> seccomp_web_json:object().
evaluate(Source, Options) ->
    Start = erlang:monotonic_time(),
    Answer = seccomp_eval:eval(Source, Options),
    Time = erlang:monotonic_time() - Start,
    {Outcome, Text, Output} = describe(Answer),
    [
        {outcome, Outcome},
        {text, unicode:characters_to_binary(Text)},
        {output, Output},
        {micros, erlang:convert_time_unit(Time, native, microsecond)}
    ].

describe({ok, #{value := Value, output := Output}}) ->
    {value, printed("~tp", Value), Output};
describe({error, {Name, #{} = Map} = Reason}) ->
    Output = maps:get(output, Map, <<>>),
    case Reason of
        {denied, #{mfa := {M, F, A}}} ->
            {denied, io_lib:format("~tw:~tw/~b", [M, F, A]), Output};
        {exception, #{class := Class, reason := Why}} ->
            {failed, [atom_to_list(Class), ": ", printed("~tp", Why)], Output};
        _ ->
            {word(Name), seccomp_eval:format_error(Reason), Output}
    end.

word(syntax) ->
    invalid;
word(Name) ->
    Stopped = [timeout, memory, reductions, messages, output, children],
    Refused = [unknown_atom, unknown_name, unknown_function, refused, too_long, too_many_variables],
    case {lists:member(Name, Stopped), lists:member(Name, Refused)} of
        {true, _} -> stopped;
        {_, true} -> refused;
        _ -> failed
    end.

printed(Format, Term) -> io_lib:format(Format, [Term], [{chars_limit, ?MAX_TEXT}]).
