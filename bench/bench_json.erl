%% SPDX-License-Identifier: Apache-2.0
%%
%% JSON from terms: a workload, and what the results are written with. Maps
%% become objects, lists of pairs do too and keep their order.
-module(bench_json).

-export([workloads/0, encode/1, pretty/1]).

-type json() ::
    null
    | boolean()
    | atom()
    | binary()
    | number()
    | [json()]
    | [{atom() | binary(), json()}]
    | #{atom() | binary() => json()}.

-spec workloads() -> [bench_run:workload()].
workloads() ->
    Value = example(),
    [
        #{
            name => json,
            run => fun(N) -> encode(N, Value) end,
            operations => 1,
            millis => 1,
            repeats => 60
        }
    ].

encode(0, _) ->
    ok;
encode(N, Value) ->
    _ = iolist_to_binary(encode(Value)),
    encode(N - 1, Value).

%% Some 5 KB of what a web service sends.
example() ->
    [
        #{
            id => Id,
            name => <<"An item with a name of some length">>,
            price => Id * 1.25,
            tags => [<<"new">>, <<"blue">>, <<"on sale">>],
            stock => #{shops => lists:seq(1, 10), store => Id * 1000, open => true},
            comment => <<"He said: \"no\"">>
        }
     || Id <- lists:seq(1, 25)
    ].

-spec encode(json()) -> iodata().
encode(Map) when is_map(Map) -> encode_object(maps:to_list(Map));
encode([{_, _} | _] = Pairs) -> encode_object(Pairs);
encode(List) when is_list(List) -> [$[, lists:join($,, [encode(V) || V <- List]), $]];
encode(Scalar) -> scalar(Scalar).

encode_object(Pairs) ->
    [${, lists:join($,, [[scalar(K), $:, encode(V)] || {K, V} <- Pairs]), $}].

scalar(Atom) when is_boolean(Atom); Atom =:= null -> atom_to_binary(Atom);
scalar(Atom) when is_atom(Atom) -> [$", atom_to_binary(Atom), $"];
scalar(Text) when is_binary(Text) -> [$", escape(Text), $"];
scalar(Number) when is_integer(Number) -> integer_to_binary(Number);
scalar(Number) when is_float(Number) -> float_to_binary(Number, [short]).

%% Byte by byte, as encoders do it; most texts are returned as they are.
escape(Text) -> escape(Text, Text).

escape(<<C, Rest/binary>>, Text) when C >= $\s, C =/= $", C =/= $\\ -> escape(Rest, Text);
escape(<<>>, Text) -> Text;
escape(_, Text) -> <<<<(escape_char(C))/binary>> || <<C>> <= Text>>.

escape_char($") -> <<"\\\"">>;
escape_char($\\) -> <<"\\\\">>;
escape_char($\n) -> <<"\\n">>;
escape_char(C) when C < $\s -> iolist_to_binary(io_lib:format("\\u~4.16.0b", [C]));
escape_char(C) -> <<C>>.

%% A line for each member of objects, and for each element of lists of them.
-spec pretty(json()) -> iodata().
pretty(Value) -> [pretty(Value, "\n"), $\n].

pretty(Map, Nl) when is_map(Map) -> pretty(maps:to_list(Map), Nl);
pretty([{_, _} | _] = Pairs, Nl) ->
    In = [Nl, "  "],
    Members = [[In, scalar(K), ": ", pretty(V, In)] || {K, V} <- Pairs],
    [${, lists:join($,, Members), Nl, $}];
pretty([First | _] = List, Nl) when is_list(First); is_map(First) ->
    In = [Nl, "  "],
    [$[, lists:join($,, [[In, encode(V)] || V <- List]), Nl, $]];
pretty(Value, _) ->
    encode(Value).
