%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_eval_scan).

-include("seccomp_doc.hrl").

?MODULEDOC("
Reads Erlang expressions without making atoms.

`erl_scan` makes an atom of every name, and atoms are never collected. So each
name is looked up first. An atom that does not exist is refused; a variable
or function whose name is no atom gets one of a fixed number of names in its
place. What is
no name is copied as it stands. The rules on where a name begins and ends are
those of `erl_scan`; where this module is in doubt it takes more for a name.
").

-export([read/2, pool/1, plain/2]).

-export_type([names/0]).

-type names() :: #{binary() => atom()}.
%% Variables and functions by what the user calls them.

%% The names that stand for others, and how many there are.
-define(PREFIX, "V@@").
-define(POOL, 256).

-define(DIGIT(C), (C >= $0 andalso C =< $9)).
-define(LOWER(C),
    (C >= $a andalso C =< $z orelse
        C >= 16#DF andalso C =< 16#FF andalso C =/= 16#F7)
).
-define(UPPER(C),
    (C >= $A andalso C =< $Z orelse C =:= $_ orelse
        C >= 16#C0 andalso C =< 16#DE andalso C =/= 16#D7)
).
-define(IN_NAME(C), (?LOWER(C) orelse ?UPPER(C) orelse ?DIGIT(C) orelse C =:= $@)).
-define(HEX(C), (?DIGIT(C) orelse C >= $a andalso C =< $f orelse C >= $A andalso C =< $F)).
-define(OCTAL(C), (C >= $0 andalso C =< $7)).

?DOC("
The expressions of a text, the functions that it defines, and its names with
those known before.
").
-spec read(string(), names()) ->
    {ok, [erl_parse:abstract_expr()], [seccomp_eval_functions:definition()], names()}
    | {error, {atom(), map()}}.
read(Text, Names0) ->
    try scan(Text, [], Names0) of
        {Safe, Names} ->
            case erl_scan:string(Safe) of
                {ok, Tokens, _} -> parse(Tokens, Names);
                {error, {Line, Module, What}, _} -> {error, syntax(Line, Module, What, Names)}
            end
    catch
        throw:{refused, Reason} -> {error, Reason}
    end.

?DOC("The variable of number `N` that stands for another.").
-spec pool(pos_integer()) -> atom().
pool(N) when N =< ?POOL -> list_to_atom(?PREFIX ++ integer_to_list(N)).

?DOC("A text with the names that the user knows.").
-spec plain(unicode:chardata(), names()) -> binary().
plain(Text, Names) ->
    maps:fold(
        fun(Name, Atom, Acc) ->
            case atom_to_binary(Atom) of
                Name -> Acc;
                Other ->
                    Options = [global, unicode, {return, binary}],
                    re:replace(Acc, [Other, "(?![0-9])"], Name, Options)
            end
        end,
        unicode:characters_to_binary(Text),
        Names
    ).

%% -- Names -------------------------------------------------------------------

scan([], Acc, Names) ->
    {lists:reverse(Acc), Names};
scan([$% | Cs], Acc, Names) ->
    scan(lists:dropwhile(fun(C) -> C =/= $\n end, Cs), Acc, Names);
scan("\"\"\"" ++ _, _Acc, _Names) ->
    %% A string of another kind since OTP 27.
    refuse(syntax, #{message => <<"three double quotes in a row">>});
scan([$~ | _], _Acc, _Names) ->
    refuse(syntax, #{message => <<"~ is no part of an expression here">>});
scan([$" | Cs], Acc, Names) ->
    {Raw, Rest} = quoted($", Cs, []),
    scan(Rest, [$" | lists:reverse(Raw, [$" | Acc])], Names);
scan([$' | Cs], Acc, Names) ->
    {Raw, Rest} = quoted($', Cs, []),
    ok = must_exist(unescape(Raw)),
    scan(Rest, [$' | lists:reverse(Raw, [$' | Acc])], Names);
scan([$$, $\\ | Cs], Acc, Names) ->
    {Escape, Rest} = escape(Cs),
    scan(Rest, lists:reverse(Escape, [$\\, $$ | Acc]), Names);
scan([$$, C | Cs], Acc, Names) ->
    scan(Cs, [C, $$ | Acc], Names);
scan([C | _] = Cs, Acc, Names) when ?DIGIT(C) ->
    {Number, Rest} = number(Cs),
    scan(Rest, lists:reverse(Number, Acc), Names);
scan([C | _] = Cs, Acc, Names0) when ?LOWER(C); ?UPPER(C) ->
    {Name, Rest} = lists:splitwith(fun(D) -> ?IN_NAME(D) end, Cs),
    {Safe, Names} =
        case ?LOWER(C) andalso is_local(Rest, Acc) of
            true -> local(Name, Names0);
            false -> name(Name, Names0)
        end,
    scan(Rest, lists:reverse(Safe, Acc), Names);
scan([C | Cs], Acc, Names) ->
    scan(Cs, [C | Acc], Names).

name([C | _] = Name, Names) when ?LOWER(C) ->
    ok = must_exist(Name),
    {Name, Names};
name("_", Names) ->
    {"_", Names};
name(?PREFIX ++ _ = Name, _Names) ->
    refuse(unknown_name, #{name => unicode:characters_to_binary(Name)});
name(Name, Names) ->
    Key = unicode:characters_to_binary(Name),
    case {Names, existing(Name)} of
        {#{Key := Atom}, _} -> {atom_to_list(Atom), Names};
        {_, {ok, Atom}} -> {Name, Names#{Key => Atom}};
        {_, none} -> replaced(Key, Names)
    end.

%% `name(`, but not after a colon, or `fun name/`.
is_local(Rest, Acc) ->
    case {skip(Rest), skip(Acc)} of
        {[$( | _], [$: | _]} -> false;
        {[$( | _], _} -> true;
        {[$/ | _], "nuf" ++ _} -> true;
        _ -> false
    end.

skip([C | Cs]) when C =:= $\s; C =:= $\n; C =:= $\t; C =:= $\r -> skip(Cs);
skip(Cs) -> Cs.

local(Name, Names0) ->
    case existing(Name) of
        {ok, _} ->
            {Name, Names0};
        none ->
            Key = unicode:characters_to_binary(Name),
            {Safe, Names} =
                case Names0 of
                    #{Key := Atom} -> {atom_to_list(Atom), Names0};
                    #{} -> replaced(Key, Names0)
                end,
            {"'" ++ Safe ++ "'", Names}
    end.

%% Names that are not bound any more were dropped, so there are gaps.
replaced(Key, Names) ->
    Taken = [atom_to_list(Atom) || Atom <- maps:values(Names)],
    Free = fun(N) -> not lists:member(?PREFIX ++ integer_to_list(N), Taken) end,
    case lists:search(Free, lists:seq(1, ?POOL)) of
        {value, N} ->
            Atom = pool(N),
            {atom_to_list(Atom), Names#{Key => Atom}};
        false ->
            refuse(too_many_variables, #{limit => ?POOL})
    end.

%% Letters are so few that they fill nothing.
must_exist([C]) when C >= $a, C =< $z ->
    ok;
must_exist(Name) ->
    case existing(Name) of
        {ok, _} -> ok;
        none -> refuse(unknown_atom, #{name => unicode:characters_to_binary(Name)})
    end.

existing(Name) ->
    try
        {ok, list_to_existing_atom(Name)}
    catch
        error:_ -> none
    end.

-spec refuse(atom(), map()) -> no_return().
refuse(Name, Map) -> throw({refused, {Name, Map}}).

%% -- Where things end --------------------------------------------------------

quoted(Quote, [Quote | Cs], Acc) ->
    {lists:reverse(Acc), Cs};
quoted(Quote, [$\\ | Cs], Acc) ->
    {Escape, Rest} = escape(Cs),
    quoted(Quote, Rest, lists:reverse(Escape, [$\\ | Acc]));
quoted(Quote, [C | Cs], Acc) ->
    quoted(Quote, Cs, [C | Acc]);
quoted(Quote, [], _Acc) ->
    refuse(syntax, #{message => <<"no closing ", Quote>>}).

%% What belongs to an escape, after the backslash.
escape([$^, C | Cs]) -> {[$^, C], Cs};
escape([$x, ${ | Cs]) -> braced(Cs, [${, $x]);
escape([$x, H1, H2 | Cs]) when ?HEX(H1), ?HEX(H2) -> {[$x, H1, H2], Cs};
escape([A, B, C | Cs]) when ?OCTAL(A), ?OCTAL(B), ?OCTAL(C) -> {[A, B, C], Cs};
escape([A, B | Cs]) when ?OCTAL(A), ?OCTAL(B) -> {[A, B], Cs};
escape([C | Cs]) -> {[C], Cs};
escape([]) -> {[], []}.

braced([$} | Cs], Acc) -> {lists:reverse(Acc, "}"), Cs};
braced([C | Cs], Acc) when ?HEX(C) -> braced(Cs, [C | Acc]);
braced(_, _) -> refuse(syntax, #{message => <<"illegal character code">>}).

%% The scanner says what an escape stands for. It is given nothing else: were the
%% whole a string for it, one that ends too early would leave names outside.
unescape([$\\ | Cs]) ->
    {Escape, Rest} = escape(Cs),
    case erl_scan:string([$$, $\\ | Escape]) of
        {ok, [{char, _, C}], _} -> [C | unescape(Rest)];
        _ -> refuse(syntax, #{message => <<"illegal quoted atom">>})
    end;
unescape([C | Cs]) ->
    [C | unescape(Cs)];
unescape([]) ->
    [].

number(Cs) ->
    {Whole, Rest} = digits(10, Cs, []),
    case Rest of
        [$#, C | _] when ?DIGIT(C); ?LOWER(C); ?UPPER(C) ->
            based(Whole, tl(Rest));
        [$., D | _] when ?DIGIT(D) ->
            {Fraction, After} = digits(10, tl(Rest), []),
            {Exponent, End} = exponent(After),
            {Whole ++ "." ++ Fraction ++ Exponent, End};
        _ ->
            {Whole, Rest}
    end.

based(Whole, Cs) ->
    case list_to_integer([C || C <- Whole, C =/= $_]) of
        Base when Base >= 2, Base =< 36 ->
            {Digits, Rest} = digits(Base, Cs, []),
            {Whole ++ "#" ++ Digits, Rest};
        _ ->
            refuse(syntax, #{message => <<"illegal base of a number">>})
    end.

exponent([E, Sign, D | Cs]) when
    (E =:= $e orelse E =:= $E), (Sign =:= $+ orelse Sign =:= $-), ?DIGIT(D)
->
    {Digits, Rest} = digits(10, [D | Cs], []),
    {[E, Sign | Digits], Rest};
exponent([E, D | Cs]) when (E =:= $e orelse E =:= $E), ?DIGIT(D) ->
    {Digits, Rest} = digits(10, [D | Cs], []),
    {[E | Digits], Rest};
exponent(Cs) ->
    {"", Cs}.

digits(Base, [$_, C | Cs] = All, [_ | _] = Acc) ->
    case value(C) < Base of
        true -> digits(Base, Cs, [C, $_ | Acc]);
        false -> {lists:reverse(Acc), All}
    end;
digits(Base, [C | Cs] = All, Acc) ->
    case value(C) < Base of
        true -> digits(Base, Cs, [C | Acc]);
        false -> {lists:reverse(Acc), All}
    end;
digits(_Base, [], Acc) ->
    {lists:reverse(Acc), []}.

value(C) when ?DIGIT(C) -> C - $0;
value(C) when C >= $a, C =< $z -> C - $a + 10;
value(C) when C >= $A, C =< $Z -> C - $A + 10;
value(_) -> 99.

%% -- Parsing -----------------------------------------------------------------

%% Several expressions, each ended by a full stop, are one sequence, and
%% definitions among them hold for all of it.
parse(Tokens, Names) -> parse(Tokens, Names, [], []).

parse([], _Names, [], []) ->
    {error, {syntax, #{message => <<"nothing to evaluate">>}}};
parse([], Names, [], Functions) ->
    {ok, [{atom, 1, ok}], lists:reverse(Functions), Names};
parse([], Names, Acc, Functions) ->
    {ok, lists:append(lists:reverse(Acc)), lists:reverse(Functions), Names};
parse(Tokens, Names, Acc, Functions) ->
    {One, Rest} =
        case lists:splitwith(fun(Token) -> element(1, Token) =/= dot end, Tokens) of
            {Before, [Dot | After]} -> {Before ++ [Dot], After};
            {Before, []} -> {Before ++ [{dot, element(2, lists:last(Before))}], []}
        end,
    case not is_attribute(One) andalso erl_parse:parse_exprs(One) of
        false -> {error, {refused, #{what => module, message => <<"modules cannot be defined, functions can">>}}};
        {ok, Exprs} -> parse(Rest, Names, [Exprs | Acc], Functions);
        {error, {Line, Module, What}} ->
            case erl_parse:parse_form(One) of
                {ok, {function, _, _, _, _} = Function} ->
                    parse(Rest, Names, Acc, [Function | Functions]);
                _ ->
                    {error, syntax(Line, Module, What, Names)}
            end
    end.

%% `-module(m)` would be an expression, too.
is_attribute([{'-', _}, {atom, _, Name}, {'(', _} | _]) ->
    lists:member(Name, [module, export, import, compile, record, define, include, on_load]);
is_attribute(_) ->
    false.

syntax(Line, Module, What, Names) ->
    {syntax, #{line => Line, message => plain(Module:format_error(What), Names)}}.
