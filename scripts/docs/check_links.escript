#!/usr/bin/env escript
%% SPDX-License-Identifier: Apache-2.0
%%
%% Fails when a page of the site names a file or an anchor that is not there,
%% or has an id twice. The pages that rustdoc made check their own.
%%
%%     check_links.escript DIR
-mode(compile).

main([Dir]) ->
    Pages = filelib:wildcard("*.html", Dir),
    Ids = maps:from_list([{Page, ids(Dir, Page)} || Page <- Pages]),
    Twice = [{Page, "twice: #" ++ Id} || Page <- Pages, Id <- repeated(maps:get(Page, Ids))],
    Links = [{Page, Link} || Page <- Pages, Link <- links(Dir, Page)],
    Dead = [{Page, Link} || {Page, Link} <- Links, not is_there(Dir, Page, Link, Ids)],
    case Twice ++ Dead of
        [] ->
            io:format("docs: ~b pages, ~b links, none is dead~n", [length(Pages), length(Links)]);
        Wrong ->
            [io:format(standard_error, "docs: ~ts: ~ts~n", [P, L]) || {P, L} <- Wrong],
            io:format(standard_error, "docs: error: ~b wrong links or ids~n", [length(Wrong)]),
            halt(1)
    end.

is_there(Dir, Page, Link, Ids) ->
    case string:split(Link, "#") of
        ["", Id] -> has(Page, Id, Ids);
        [File] -> filelib:is_regular(filename:join(Dir, File));
        [File, Id] when is_map_key(File, Ids) -> has(File, Id, Ids);
        [File, _] -> filelib:is_regular(filename:join(Dir, File))
    end.

has(Page, Id, Ids) -> lists:member(Id, maps:get(Page, Ids)).

%% Links to other sites are none of ours: nothing here may need a network.
links(Dir, Page) ->
    [
        uri_string:percent_decode(Link)
     || Link <- found(Dir, Page, "<[a-z]+\\s[^>]*?\\b(?:href|src)=\"([^\"]*)\""),
        re:run(Link, "^[a-z][a-z0-9+.-]*:", [{capture, none}]) =:= nomatch
    ].

ids(Dir, Page) -> found(Dir, Page, "<[a-z0-9]+\\s[^>]*?\\bid=\"([^\"]*)\"").

repeated(Ids) -> lists:usort(Ids -- lists:usort(Ids)).

found(Dir, Page, Pattern) ->
    {ok, Html} = file:read_file(filename:join(Dir, Page)),
    case re:run(Html, Pattern, [global, unicode, {capture, [1], list}]) of
        {match, Found} -> lists:append(Found);
        nomatch -> []
    end.
