%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_rshell_expand).

-include("seccomp_doc.hrl").

?MODULEDOC("
Completion at the prompt of a restricted shell: names of modules that have something
which the policy allows, and of functions that it allows. It looks at loaded modules
alone and makes no atoms.
").

-export([expand/2]).

-type answer() :: {yes | no, string(), [{string(), arity() | string()}]}.

?DOC("
What the tabulator does after a text, which is reversed, as `io:setopts/1` wants it of
an `expand_fun`.
").
-spec expand(string(), seccomp:policy()) -> answer().
expand(Reversed, Policy) when is_list(Reversed), length(Reversed) =< 65_536 ->
    {Before, Word, _} = edlin:over_word(Reversed, [], 0),
    case Before of
        [$: | Rest] ->
            {_, Module, _} = edlin:over_word(Rest, [], 0),
            functions(name(Module), Word, Policy);
        _ ->
            modules(Word, Policy)
    end.

modules("", _Policy) ->
    {no, "", []};
modules(Prefix, Policy) ->
    Names = [{text(M), M} || {M, _} <- code:all_loaded()],
    Found = [
        {Text, ""}
     || {Text, M} <- lists:sort(Names), lists:prefix(Prefix, Text), allowed(M, Policy) =/= []
    ],
    answer(Prefix, Found, ":").

functions(none, _Prefix, _Policy) ->
    {no, "", []};
functions(Module, Prefix, Policy) ->
    Found = [
        {Text, A}
     || {F, A} <- lists:sort(allowed(Module, Policy)),
        Text <- [text(F)],
        lists:prefix(Prefix, Text)
    ],
    Closing =
        case Found of
            [{_, 0}] -> "()";
            _ -> "("
        end,
    answer(Prefix, Found, Closing).

allowed(Module, Policy) ->
    case erlang:module_loaded(Module) of
        true ->
            [
                FA
             || {F, A} = FA <- Module:module_info(exports),
                F =/= module_info,
                seccomp:check(Policy, {Module, F, A}) =:= allow
            ];
        false ->
            []
    end.

%% One name is completed, several as far as they agree, or listed.
answer(_Prefix, [], _Closing) ->
    {no, "", []};
answer(Prefix, Found, Closing) ->
    Names = lists:usort([Name || {Name, _} <- Found]),
    Common = lists:foldl(fun common/2, hd(Names), tl(Names)),
    case {Names, lists:nthtail(length(Prefix), Common)} of
        {[_], Rest} -> {yes, Rest ++ Closing, []};
        {_, ""} -> {yes, "", Found};
        {_, Rest} -> {yes, Rest, []}
    end.

common([C | As], [C | Bs]) -> [C | common(As, Bs)];
common(_, _) -> "".

text(Atom) -> lists:flatten(io_lib:write_atom(Atom)).

name("") ->
    none;
name([$' | Quoted]) ->
    existing(string:trim(Quoted, trailing, "'"));
name(Text) ->
    existing(Text).

existing(Text) ->
    try
        list_to_existing_atom(Text)
    catch
        error:_ -> none
    end.
