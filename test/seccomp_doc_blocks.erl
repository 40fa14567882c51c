%% SPDX-License-Identifier: Apache-2.0
%%
%% The code blocks of a page of Markdown. A comment before a block may say
%% `not run: REASON`, or `file: NAME` for what is the content of a file; a first
%% line `%% NAME.EXT` says the latter, too.
-module(seccomp_doc_blocks).

-export([read/1]).

-export_type([block/0]).

-type block() :: #{
    line := pos_integer(),
    language := string(),
    text := string(),
    not_run => string(),
    file => string()
}.

-record(s, {comment = "", blank = true, blocks = []}).

-spec read(file:name_all()) -> [block()].
read(File) ->
    {ok, Bin} = file:read_file(File),
    Lines = string:split(unicode:characters_to_list(Bin), "\n", all),
    lists:reverse(lines(lists:enumerate(Lines), #s{})).

lines([], #s{blocks = Blocks}) ->
    Blocks;
lines([{N, "```" ++ Language} | Lines], S) ->
    {Text, Rest} = until_fence(Lines, []),
    lines(Rest, add(N, string:trim(Language), Text, S));
lines([{_, "<!--" ++ _} | _] = Lines, S) ->
    {Comment, Rest} = comment(Lines, []),
    lines(Rest, S#s{comment = Comment, blank = true});
lines([{N, "    " ++ _} | _] = Lines, #s{blank = true} = S) ->
    Is = fun({_, Line}) -> Line =:= "" orelse lists:prefix("    ", Line) end,
    {Text, Rest} = lists:splitwith(Is, Lines),
    lines(Rest, add(N, "", [Line || {_, Line} <- Text], S));
lines([{_, Line} | Lines], S) ->
    case string:trim(Line) of
        "" -> lines(Lines, S#s{blank = true});
        _ -> lines(Lines, S#s{blank = false, comment = ""})
    end.

until_fence([{_, "```" ++ _} | Lines], Text) -> {lists:reverse(Text), Lines};
until_fence([{_, Line} | Lines], Text) -> until_fence(Lines, [Line | Text]).

comment([{_, Line} | Lines], Acc) ->
    case string:split(Line, "-->") of
        [Last, _] -> {words(lists:reverse(Acc, [Last])), Lines};
        [_] -> comment(Lines, [Line | Acc])
    end.

words([First | Lines]) ->
    "<!--" ++ Begin = First,
    lists:flatten(lists:join(" ", [string:trim(L) || L <- [Begin | Lines]])).

add(Line, Language, Lines, #s{comment = Comment, blocks = Blocks} = S) ->
    Text = lists:flatten([[L, $\n] || L <- Lines]),
    Block = #{line => Line, language => Language, text => Text},
    Marks = maps:merge(first_line(Text), mark(string:trim(Comment))),
    S#s{comment = "", blank = true, blocks = [maps:merge(Block, Marks) | Blocks]}.

mark("not run: " ++ Reason) -> #{not_run => Reason};
mark("file: " ++ Name) -> #{file => Name};
mark(_) -> #{}.

first_line(Text) ->
    case re:run(Text, "^%% ([a-z0-9_./-]+\\.[a-z]+)\n", [{capture, [1], list}]) of
        {match, [Name]} -> #{file => Name};
        nomatch -> #{}
    end.
