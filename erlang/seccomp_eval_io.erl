%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_eval_io).

-include("seccomp_doc.hrl").

?MODULEDOC("
What evaluated code prints, kept in the process itself: a group leader would
have to be sent messages, and who may send may do much. Expressions that call
`io` by name are made to call this instead.
").

-export([redirect/1, start/1, taken/1, flatten/1]).
-export([format/1, format/2, fwrite/1, fwrite/2, put_chars/1, nl/0, write/1]).

-define(KEY, '$seccomp_eval_output').

?DOC("The same expressions, printing here.").
-spec redirect(Tree) -> Tree when Tree :: [erl_parse:abstract_expr()].
redirect({remote, A, {atom, B, io}, {atom, C, F}}) ->
    {remote, A, {atom, B, module(F)}, {atom, C, F}};
redirect({'fun', A, {function, {atom, B, io}, {atom, C, F}, Arity}}) ->
    {'fun', A, {function, {atom, B, module(F)}, {atom, C, F}, Arity}};
redirect([H | T]) ->
    [redirect(H) | redirect(T)];
redirect(Tuple) when is_tuple(Tuple) ->
    list_to_tuple(redirect(tuple_to_list(Tuple)));
redirect(Term) ->
    Term.

module(F) ->
    case lists:member(F, [format, fwrite, put_chars, nl, write]) of
        true -> ?MODULE;
        false -> io
    end.

?NODOC.
-spec start(non_neg_integer()) -> ok.
start(Max) ->
    _ = put(?KEY, {0, Max, []}),
    ok.

?DOC("What was printed, from a process dictionary.").
-spec taken([{term(), term()}]) -> binary().
taken(Dictionary) ->
    case lists:keyfind(?KEY, 1, Dictionary) of
        {_, {_, _, Printed}} -> flatten(Printed);
        _ -> <<>>
    end.

?DOC("The text, the newest first. The code can write there itself.").
-spec flatten(term()) -> binary().
flatten(Printed) ->
    try
        iolist_to_binary(lists:reverse(Printed))
    catch
        error:_ -> <<>>
    end.

?NODOC.
-spec format(io:format()) -> ok.
format(Format) -> format(Format, []).

?NODOC.
-spec format(io:format(), [term()]) -> ok.
format(Format, Args) -> put_chars(io_lib:format(Format, Args)).

?NODOC.
-spec fwrite(io:format()) -> ok.
fwrite(Format) -> format(Format, []).

?NODOC.
-spec fwrite(io:format(), [term()]) -> ok.
fwrite(Format, Args) -> format(Format, Args).

?NODOC.
-spec nl() -> ok.
nl() -> put_chars("\n").

?NODOC.
-spec write(term()) -> ok.
write(Term) -> put_chars(io_lib:write(Term)).

?NODOC.
-spec put_chars(unicode:chardata()) -> ok.
put_chars(Chars) ->
    case unicode:characters_to_binary(Chars) of
        Text when is_binary(Text) -> add(Text, get(?KEY));
        _ -> error(badarg)
    end.

%% What does not fit is not kept, and the evaluation is over.
add(Text, {Size, Max, Printed}) when Size + byte_size(Text) =< Max ->
    _ = put(?KEY, {Size + byte_size(Text), Max, [Text | Printed]}),
    ok;
add(Text, {Size, Max, Printed}) ->
    _ = put(?KEY, {Size + byte_size(Text), Max, Printed}),
    exit({?KEY, Max});
add(_Text, _) ->
    error(badarg).
