%% SPDX-License-Identifier: Apache-2.0
%%
%% One line of input: read outside, evaluated inside.
%%
%% `erl_scan` makes an atom of every name it meets, and atoms are never
%% collected. So the line is looked through first and refused if it holds a
%% name that is no atom of this node yet. That work is done by this process,
%% which is trusted and touches the text as text only.
-module(seccomp_demo_eval).

-export([line/2]).

-export_type([outcome/0]).

-type outcome() ::
    {value, term()}
    | {denied, mfa()}
    | {refused, iodata()}
    | {invalid, iodata()}
    | {failed, term()}
    | timeout.

-define(TIMEOUT, 5000).
-define(MAX_LINE, 2000).
%% In words: 64 MB on a 64-bit machine. Whoever needs more ends.
-define(MAX_HEAP, 8 * 1024 * 1024).

-spec line(seccomp:policy(), string()) -> {outcome(), Micros :: non_neg_integer()}.
line(Policy, Text) ->
    Start = erlang:monotonic_time(),
    Outcome =
        case parse(Text) of
            {ok, Exprs} -> eval(Policy, Exprs);
            {refused, _} = Refused -> Refused;
            {invalid, _} = Invalid -> Invalid
        end,
    Time = erlang:monotonic_time() - Start,
    {Outcome, erlang:convert_time_unit(Time, native, microsecond)}.

%% -- Reading -----------------------------------------------------------------

parse(Text) when length(Text) > ?MAX_LINE ->
    {invalid, "line too long"};
parse(Text) ->
    case lists:search(fun(Name) -> not is_harmless_name(Name) end, names(Text)) of
        {value, Name} ->
            {refused, ["no atom ", Name]};
        false ->
            case erl_scan:string(Text) of
                {ok, Tokens, _} -> parse_tokens(Tokens);
                {error, {_, Module, What}, _} -> {invalid, Module:format_error(What)}
            end
    end.

parse_tokens(Tokens) ->
    case erl_parse:parse_exprs(Tokens) of
        {ok, Exprs} -> {ok, Exprs};
        {error, {_, Module, What}} -> {invalid, Module:format_error(What)}
    end.

%% Everything that the scanner would make an atom of: words and quoted words.
%% Strings, characters, comments and numbers are matched first, to be skipped.
names(Text) ->
    String = "\"(?:[^\"\\\\]|\\\\.)*\"|\\$(?:\\\\.|.)|%.*",
    Number = "\\d[\\d_]*(?:#\\w+|\\.\\d+(?:[eE][-+]?\\d+)?)?",
    Word = "('(?:[^'\\\\]|\\\\.)*'|[\\p{L}_][\\p{L}\\p{N}_@]*)",
    Options = [global, unicode, ucp, {capture, [1], list}],
    case re:run(Text, [String, "|", Number, "|", Word], Options) of
        {match, Matches} -> [string:trim(Name, both, "'") || [Name] <- Matches, Name =/= ""];
        nomatch -> []
    end.

%% The scanner makes atoms of variables, too. Names of one letter and a few
%% words may be new: they are so few that they fill nothing.
is_harmless_name("") -> true;
is_harmless_name("_") -> true;
is_harmless_name([Letter]) when Letter =< $z -> true;
is_harmless_name(Name) -> lists:member(Name, variables()) orelse is_atom_already(Name).

variables() ->
    ["Acc", "Add", "Fun", "Head", "Key", "List", "Map", "Name"] ++
        ["Number", "Rest", "Result", "Sum", "Tail", "Text", "Value"].

is_atom_already(Name) ->
    try list_to_existing_atom(Name) of
        Atom -> is_atom(Atom)
    catch
        error:badarg -> false
    end.

%% -- Evaluating --------------------------------------------------------------

eval(Policy, Exprs) ->
    %% The policy allows no message, so the value comes out as the exit reason,
    %% under a tag that the expression cannot know.
    Tag = make_ref(),
    Fun = fun() ->
        {value, Value, _} = erl_eval:exprs(Exprs, []),
        exit({Tag, Value})
    end,
    Heap = {max_heap_size, #{size => ?MAX_HEAP, kill => true, error_logger => false}},
    {Pid, Monitor} = seccomp:spawn_opt(Policy, Fun, [monitor, Heap]),
    receive
        {'DOWN', Monitor, process, Pid, {Tag, Value}} ->
            {value, Value};
        {'DOWN', Monitor, process, Pid, Reason} ->
            ended(Pid, Reason)
    after ?TIMEOUT ->
        true = exit(Pid, kill),
        receive
            {'DOWN', Monitor, process, Pid, _} -> timeout
        end
    end.

ended(Pid, {{seccomp, Mfa}, Stack} = Reason) when is_list(Stack) -> denied(Pid, Mfa, Reason);
ended(Pid, {seccomp, Mfa} = Reason) -> denied(Pid, Mfa, Reason);
ended(_Pid, Reason) -> {failed, Reason}.

%% Anybody can raise an error that looks like a denial. It is one if it was
%% recorded.
denied(Pid, Mfa, Reason) ->
    #{ring := Ring} = seccomp:violations(Pid),
    case [M || #{mfa := M} <- Ring, M =:= Mfa] of
        [] -> {failed, Reason};
        [Mfa | _] -> {denied, Mfa}
    end.
