#!/usr/bin/env escript
%% SPDX-License-Identifier: Apache-2.0
%%
%% Writes a page of Markdown for each module with ?MODULEDOC: what it exports,
%% with specs, texts of ?DOC and types as they stand in the source. On OTP 25 the
%% compiler drops these texts, so they are read from the sources.
%%
%%     api_erlang.escript OUT FILE.erl ...
-mode(compile).

-record(doc, {module, text = "", exports = [], types = [], items = []}).

main([Out | Files]) ->
    Docs = [Doc || File <- lists:sort(Files), #doc{text = [_ | _]} = Doc <- [read(File)]],
    Known = known_types(Docs),
    [write(Out, [page(Doc), ".md"], module(Doc, Known)) || Doc <- Docs],
    write(Out, "erlang-modules.md", index(Docs)),
    write(Out, "erlang.symbols", symbols(Docs)).

%% -- Reading ------------------------------------------------------------------

read(File) ->
    {ok, Bin} = file:read_file(File),
    Text = unicode:characters_to_list(Bin),
    {ok, Tokens, _} = erl_scan:string(Text, {1, 1}, [return_comments]),
    Lines = list_to_tuple(string:split(Text, "\n", all)),
    Doc = lists:foldl(
        fun(Form, Acc) -> form(Form, Acc, Lines) end,
        #doc{},
        forms(Tokens, [], [])
    ),
    Doc#doc{items = lists:reverse(Doc#doc.items)}.

forms([], _, Forms) -> lists:reverse(Forms);
forms([{comment, _, _} = C | Ts], [], Forms) -> forms(Ts, [], [C | Forms]);
forms([{comment, _, _} | Ts], Form, Forms) -> forms(Ts, Form, Forms);
forms([{dot, _} = T | Ts], Form, Forms) -> forms(Ts, [], [lists:reverse(Form, [T]) | Forms]);
forms([T | Ts], Form, Forms) -> forms(Ts, [T | Form], Forms).

form({comment, _, "%% -- " ++ Title}, Doc, _) ->
    item({section, string:trim(string:trim(Title, trailing, "-"))}, Doc);
form({comment, {Line, _}, _}, #doc{items = [{type, N, From, To, _, Used} | Rest]} = Doc, Lines) when
    Line =:= To + 1
->
    Doc#doc{items = [{type, N, From, Line, source(Lines, From, Line), Used} | Rest]};
form({comment, _, _}, Doc, _) ->
    Doc;
form([{'-', _}, {atom, _, module}, {'(', _}, {atom, _, Module} | _], Doc, _) ->
    Doc#doc{module = Module};
form([{'-', _}, {atom, _, export} | Ts], Doc, _) ->
    Doc#doc{exports = Doc#doc.exports ++ names(Ts)};
form([{'-', _}, {atom, _, export_type} | Ts], Doc, _) ->
    Doc#doc{types = Doc#doc.types ++ names(Ts)};
form([{'-', At}, {atom, _, Kind}, {atom, _, Name} | _] = Ts, Doc, Lines) when
    Kind =:= type; Kind =:= opaque
->
    {From, To} = {line(At), last_line(Ts)},
    item({type, Name, From, To, source(Lines, From, To), used_types(Ts)}, Doc);
form([{'-', At}, {atom, _, spec}, {atom, _, Name}, {'(', _} | Args] = Ts, Doc, Lines) ->
    Source = source(Lines, line(At), last_line(Ts)),
    item({spec, {Name, arity(Args)}, Source, used_types(Ts)}, Doc);
form([{'?', _}, {var, _, 'MODULEDOC'} | Ts], Doc, _) ->
    Doc#doc{text = text(Ts)};
form([{'?', _}, {var, _, 'DOC'} | Ts], Doc, _) ->
    item({doc, text(Ts)}, Doc);
form([{'?', _}, {var, _, 'NODOC'} | _], Doc, _) ->
    item({doc, hidden}, Doc);
form(_, Doc, _) ->
    Doc.

item(Item, Doc) -> Doc#doc{items = [Item | Doc#doc.items]}.

text(Tokens) -> string:trim(lists:append([S || {string, _, S} <- Tokens])).

names(Tokens) -> names(Tokens, []).
names([{atom, _, N}, {'/', _}, {integer, _, A} | Ts], Acc) -> names(Ts, [{N, A} | Acc]);
names([_ | Ts], Acc) -> names(Ts, Acc);
names([], Acc) -> lists:reverse(Acc).

line({Line, _}) -> Line.

last_line(Tokens) -> line(erl_scan:location(lists:last(Tokens))).

source(Lines, From, To) -> lists:join($\n, [element(N, Lines) || N <- lists:seq(From, To)]).

%% What follows the first parenthesis of a spec: its commas at depth 0, plus one.
arity([{')', _} | _]) -> 0;
arity(Tokens) -> arity(Tokens, 0, 1).
arity([{')', _} | _], 0, N) -> N;
arity([{',', _} | Ts], 0, N) -> arity(Ts, 0, N + 1);
arity([{T, _} | Ts], D, N) when T =:= '('; T =:= '['; T =:= '{'; T =:= '<<' ->
    arity(Ts, D + 1, N);
arity([{T, _} | Ts], D, N) when T =:= ')'; T =:= ']'; T =:= '}'; T =:= '>>' ->
    arity(Ts, D - 1, N);
arity([_ | Ts], D, N) -> arity(Ts, D, N).

used_types([{atom, _, M}, {':', _}, {atom, _, T}, {'(', _} | Ts]) -> [{M, T} | used_types(Ts)];
used_types([{atom, _, T}, {'(', _} | Ts]) -> [T | used_types(Ts)];
used_types([_ | Ts]) -> used_types(Ts);
used_types([]) -> [].

%% -- Writing ------------------------------------------------------------------

page(#doc{module = M}) -> page(M);
page(M) -> ["erlang-", atom_to_list(M)].

%% A function that has no text of its own follows the one above that has.
functions(#doc{exports = Exports, items = Items}) -> functions(Items, Exports, "").
functions([{doc, Text} | Items], Exports, _) ->
    functions(Items, Exports, Text);
functions([{spec, Name, Source, Types} | Items], Exports, Text) ->
    Rest = functions(Items, Exports, ""),
    case Text =/= hidden andalso lists:member(Name, Exports) of
        true -> [{function, Name, Source, Types, Text} | Rest];
        false -> Rest
    end;
functions([{section, _} = Section | Items], Exports, _) ->
    [Section | functions(Items, Exports, "")];
functions([_ | Items], Exports, Text) ->
    functions(Items, Exports, Text);
functions([], _, _) ->
    [].

types(#doc{types = Types, items = Items}) ->
    [
        {N, Source, Used -- [N]}
     || {type, N, _, _, Source, Used} <- Items, lists:keymember(N, 1, Types)
    ].

known_types(Docs) ->
    maps:from_list([{{M, T}, true} || #doc{module = M} = Doc <- Docs, {T, _, _} <- types(Doc)]).

module(#doc{module = M, text = Text} = Doc, Known) ->
    [
        io_lib:format("# ~s\n\n~ts\n\n## Functions {#functions}\n\n", [M, Text]),
        sections(functions(Doc), M, Known),
        case types(Doc) of
            [] -> "";
            Types -> ["## Types {#types}\n\n", [type(T, M, Known) || T <- Types]]
        end
    ].

%% Headings stand above functions only: a section without any has none.
sections([{section, _} | [{section, _} | _] = Rest], M, Known) -> sections(Rest, M, Known);
sections([{section, _}], _, _) -> "";
sections([{section, Title} | Rest], M, Known) ->
    ["## ", Title, "\n\n" | sections(Rest, M, Known)];
sections([{function, {F, A}, Source, Types, Text} | Rest], M, Known) ->
    [
        io_lib:format("### ~s/~b {#~s-~b}\n\n", [F, A, F, A]),
        code(Source),
        Text,
        "\n\n",
        type_links(Types, M, Known)
        | sections(Rest, M, Known)
    ];
sections([], _, _) ->
    "".

type({Name, Source, Used}, M, Known) ->
    [io_lib:format("### ~s() {#t-~s}\n\n", [Name, Name]), code(Source), type_links(Used, M, Known)].

code(Source) -> ["```erlang\n", Source, "\n```\n\n"].

type_links(Types, M, Known) ->
    Full = lists:usort([if is_tuple(T) -> T; true -> {M, T} end || T <- Types]),
    case [T || T <- Full, is_map_key(T, Known)] of
        [] -> "";
        Links -> ["Types: ", lists:join(", ", [type_link(T, M) || T <- Links]), ".\n\n"]
    end.

type_link({M, T}, M) -> io_lib:format("[`~s()`](#t-~s)", [T, T]);
type_link({M, T}, _) -> io_lib:format("[`~s:~s()`](~s.html#t-~s)", [M, T, page(M), T]).

index(Docs) ->
    [
        "# Erlang modules\n\n`seccomp` and `seccomp_eval` are the interface. The others are what\n"
        "these are made of, and may change with any version.\n\n| module | |\n| --- | --- |\n",
        [
            io_lib:format("| [`~s`](~s.html) | ~ts |\n", [M, page(Doc), first_sentence(Doc)])
         || #doc{module = M} = Doc <- Docs
        ]
    ].

first_sentence(#doc{text = Text}) ->
    [Paragraph | _] = string:split(Text, "\n\n"),
    One = lists:flatten(string:replace(Paragraph, "\n", " ", all)),
    case re:run(One, "^.*?\\.(?= [A-Z`]|$)", [{capture, first, list}, unicode]) of
        {match, [Sentence]} -> escape(Sentence);
        nomatch -> escape(One)
    end.

escape(Text) -> string:replace(Text, "|", "\\|", all).

symbols(Docs) ->
    [
        [
            io_lib:format("~s ~s.html\n", [M, page(M)]),
            [
                io_lib:format("~s:~s/~b ~s.html#~s-~b\n", [M, F, A, page(M), F, A])
             || {function, {F, A}, _, _, _} <- functions(Doc)
            ]
        ]
     || #doc{module = M} = Doc <- Docs
    ].

write(Out, Name, Text) ->
    ok = file:write_file(filename:join(Out, Name), unicode:characters_to_binary(Text)).
