%% SPDX-License-Identifier: Apache-2.0
%%
%% The groups for the model, from the files that the library has them from but
%% not through its code. Their JSON has nothing in it that Erlang's own scanner
%% would read in another way; the suite sees to that.
-module(seccomp_model_groups).

-export([names/0, expand/1, files/0]).

names() -> lists:sort(maps:keys(groups())).

%% All patterns of a group and of those it holds.
expand(Name) -> lists:usort(lists:flatmap(fun member/1, map_get(Name, groups()))).

member({group, Name}) -> expand(Name);
member({pattern, Pattern}) -> [Pattern].

groups() ->
    case persistent_term:get(?MODULE, undefined) of
        undefined ->
            Groups = lists:foldl(fun parse/2, #{}, files()),
            persistent_term:put(?MODULE, Groups),
            Groups;
        Groups ->
            Groups
    end.

files() ->
    Source = proplists:get_value(source, ?MODULE:module_info(compile)),
    First = find(filename:dirname(Source)),
    [First, filename:join(filename:dirname(First), "groups_elixir.json")].

find(Dir) ->
    File = filename:join(Dir, "native/seccomp_core/groups.json"),
    case filelib:is_regular(File) of
        true -> File;
        false when Dir =/= "/" -> find(filename:dirname(Dir))
    end.

%% Strings are all that matters: a "name" opens a group, a "rule" is a member.
parse(File, Groups) ->
    {ok, Text} = file:read_file(File),
    {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Text)),
    Strings = [String || {string, _, String} <- Tokens],
    collect(Strings, none, Groups).

collect(["name", Name | Rest], _, Groups) ->
    Group = list_to_atom(Name),
    false = is_map_key(Group, Groups),
    collect(Rest, Group, Groups#{Group => []});
collect(["rule", Rule | Rest], Group, Groups) ->
    collect(Rest, Group, Groups#{Group := [rule(Rule) | map_get(Group, Groups)]});
collect([Key, _ | Rest], Group, Groups) when Key =:= "doc"; Key =:= "reason" ->
    collect(Rest, Group, Groups);
collect([Key | Rest], Group, Groups) when Key =:= "groups"; Key =:= "members" ->
    collect(Rest, Group, Groups);
collect([], _, Groups) ->
    Groups.

rule("@" ++ _ = Name) -> {group, list_to_atom(Name)};
rule(Text) -> {pattern, places(Text)}.

%% module, module:function or module:function/arity; `_` is any.
places(Text) ->
    {ok, Tokens, _} = erl_scan:string(Text),
    case Tokens of
        [M] -> {place(M), '_', '_'};
        [M, {':', _}, F] -> {place(M), place(F), '_'};
        [M, {':', _}, F, {'/', _}, A] -> {place(M), place(F), place(A)}
    end.

place({atom, _, Atom}) -> Atom;
place({integer, _, Integer}) -> Integer;
place({var, _, '_'}) -> '_'.
