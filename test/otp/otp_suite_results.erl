%% SPDX-License-Identifier: Apache-2.0
-module(otp_suite_results).

%% Reads what runs left behind, and the lists beside the baseline. A suite is
%% "emulator/bif_SUITE"; a case that its suite runs again is "case#2", "case#3"...

-export([run/2, list/1, counts/1]).

-export_type([key/0, outcome/0, result/0]).

-type key() :: {Suite :: string(), Case :: string()}.
-type outcome() :: {Outcome :: string(), Reason :: string()}.
-type result() :: #{
    cases := #{key() => outcome()},
    %% The cases whose process the hook found restricted.
    restricted := [string()],
    %% Nodes that restricted themselves, and those that could not wholly.
    nodes := [string()],
    leaky := [string()],
    ended := boolean()
}.

%% What became of a suite, from the directory of a run.
-spec run(file:filename(), string()) -> result().
run(Dir, Suite) ->
    Lines = lines(filename:join([Dir, Suite, "outcomes"])),
    Nodes = [string:lexemes(Line, " ") || Line <- lines(filename:join([Dir, Suite, "nodes"]))],
    #{
        cases => lists:foldl(fun(Line, Cases) -> add(Suite, Line, Cases) end, #{}, Lines),
        restricted => [Case || "restricted " ++ Case <- Lines],
        nodes => lists:usort([Node || [Node | _] <- Nodes]),
        leaky => lists:usort([Node || [Node, _All, Left] <- Nodes, Left =/= "0"]),
        ended => lists:member("end", Lines)
    }.

%% A case that was left out counts as if it did not exist.
add(Suite, Line, Cases) ->
    case string:split(Line, "\t", all) of
        [_, _, _, _, "\"left out\"" | _] ->
            Cases;
        [_Module, Case, Outcome, _Seconds | Reason] ->
            Cases#{free_key({Suite, Case}, 2, Cases) => {Outcome, lists:join("\t", Reason)}};
        _ ->
            Cases
    end.

free_key({Suite, Case} = Key, N, Cases) when is_map_key(Key, Cases) ->
    [Name | _] = string:split(Case, "#"),
    free_key({Suite, Name ++ "#" ++ integer_to_list(N)}, N + 1, Cases);
free_key(Key, _N, _Cases) ->
    Key.

%% A list: suite, case, and the rest of the line.
-spec list(file:filename()) -> #{key() => string()}.
list(File) ->
    maps:from_list([
        {{Suite, Case}, string:trim(Rest)}
     || Line <- lines(File),
        hd(Line) =/= $#,
        {Suite, CaseRest} <- [word(Line)],
        {Case, Rest} <- [word(CaseRest)]
    ]).

word(Line) ->
    case string:split(string:trim(Line), " ") of
        [Word, Rest] -> {Word, Rest};
        [Word] -> {Word, ""}
    end.

%% How many are ok, failed and skipped.
-spec counts([string()]) -> {integer(), integer(), integer()}.
counts(Outcomes) ->
    Ok = length([ok || "ok" <- Outcomes]),
    Failed = length([failed || "failed" <- Outcomes]),
    {Ok, Failed, length(Outcomes) - Ok - Failed}.

lines(File) ->
    case file:read_file(File) of
        {ok, Text} -> string:lexemes(unicode:characters_to_list(Text), "\n");
        {error, enoent} -> []
    end.
