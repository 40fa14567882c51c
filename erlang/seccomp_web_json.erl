%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_web_json).

-include("seccomp_doc.hrl").

?MODULEDOC("
Writes what the page asks for as JSON. `<`, `>` and `&` are escaped, too, so that
the text is harmless even where somebody takes it for HTML.
").

-export([encode/1]).

-export_type([value/0, object/0]).

-type value() :: binary() | number() | atom() | {array, [value()]} | object().
-type object() :: [{atom(), value()}].
%% A list of pairs is an object; `true`, `false` and `null` are themselves, and
%% other atoms are strings.

?DOC("The text, in UTF-8. Bytes that are not stand as question marks.").
-spec encode(value()) -> binary().
encode(Value) -> iolist_to_binary(value(Value)).

value(Literal) when Literal =:= true; Literal =:= false; Literal =:= null ->
    atom_to_binary(Literal);
value(Atom) when is_atom(Atom) -> value(atom_to_binary(Atom));
value(Integer) when is_integer(Integer) -> integer_to_binary(Integer);
value(Float) when is_float(Float) -> float_to_binary(Float, [short]);
value(Text) when is_binary(Text) -> [$", text(Text), $"];
value({array, Values}) -> [$[, lists:join($,, [value(V) || V <- Values]), $]];
value([{Key, _} | _] = Pairs) when is_atom(Key) ->
    [${, lists:join($,, [[value(atom_to_binary(K)), $:, value(V)] || {K, V} <- Pairs]), $}].

text(<<C/utf8, Rest/binary>>) -> [character(C) | text(Rest)];
text(<<_, Rest/binary>>) -> [$? | text(Rest)];
text(<<>>) -> [].

character($") -> "\\\"";
character($\\) -> "\\\\";
character(C) when C < $\s; C =:= $<; C =:= $>; C =:= $&; C =:= 16#7f; C >= 16#2028, C =< 16#2029 ->
    io_lib:format("\\u~4.16.0b", [C]);
character(C) ->
    <<C/utf8>>.
