%% SPDX-License-Identifier: Apache-2.0
%%
%% Evaluates what people typed, each line in its own restricted process, and
%% shows what a policy can do besides. Run by `make demo`:
%%
%%     erl -noshell -pa DIR -run seccomp_demo main [FILE]
%%
%% Exit status 1: a hostile line was not denied, a harmless one failed, or a
%% part of the tour did not do what it says.
-module(seccomp_demo).

-export([main/0, main/1]).

-spec main() -> no_return().
main() ->
    main(["examples/human_input.txt"]).

-spec main([string()]) -> no_return().
main([File]) ->
    Status =
        try run(File) of
            true -> 0;
            false -> 1
        catch
            throw:{demo, Text} ->
                io:format(standard_error, "demo: ~ts~n", [Text]),
                1
        end,
    halt(Status).

run(File) ->
    %% The demo prints the denials itself; what the log would say about each
    %% process that a denial ended is noise here.
    ok = logger:set_primary_config(level, none),
    _ = io:setopts([{encoding, unicode}]),
    ok = check_enforcement(),
    Lines = lines(File),
    Policy = calculator(),
    io:format("Each line of ~ts in a process of its own:~n~n", [filename:basename(File)]),
    seccomp_demo_table:header(),
    Results = [line(Policy, Line) || Line <- Lines],
    Stopped = length([x || {hostile, true} <- Results]),
    Hostile = length([x || {hostile, _} <- Results]),
    Worked = length([x || {harmless, true} <- Results]),
    Harmless = length([x || {harmless, _} <- Results]),
    io:format("~n~b of ~b harmless lines gave a value, ~b of ~b hostile lines were stopped~n", [
        Worked, Harmless, Stopped, Hostile
    ]),
    Tour = seccomp_demo_tour:run(),
    Worked =:= Harmless andalso Stopped =:= Hostile andalso Tour.

check_enforcement() ->
    case seccomp:enforcement() of
        #{status := enforced, otp := Otp, flavor := Flavor} ->
            io:format("Erlang/OTP ~ts (~ts), policies are enforced~n", [Otp, Flavor]);
        #{status := unsupported} ->
            throw({demo, seccomp:format_error({unsupported, #{}})})
    end.

%% What an expression may call. Files, processes, messages, code and atoms are
%% simply not in it.
calculator() ->
    case
        seccomp:compile(#{
            mode => whitelist,
            rules => seccomp_eval:policy_rules(),
            spawn => deny,
            comment => <<"a calculator">>
        })
    of
        {ok, Policy} -> Policy;
        {error, Reason} -> throw({demo, seccomp:format_error(Reason)})
    end.

line(Policy, {Section, Text}) ->
    {Outcome, Micros} = seccomp_demo_eval:line(Policy, Text),
    Ok = as_expected(Section, Outcome),
    seccomp_demo_table:row(Text, Outcome, Micros, Ok),
    {Section, Ok}.

%% A hostile line is stopped by a denial, or because it names an atom that
%% does not exist. Whatever else comes of it, a value above all, counts as
%% having got through.
as_expected(hostile, {denied, _}) -> true;
as_expected(hostile, {refused, _}) -> true;
as_expected(hostile, _) -> false;
as_expected(harmless, {value, _}) -> true;
as_expected(harmless, _) -> false;
as_expected(unmarked, _) -> true.

lines(File) ->
    case file:read_file(File) of
        {ok, Bytes} ->
            case unicode:characters_to_list(Bytes) of
                Text when is_list(Text) -> sections(string:split(Text, "\n", all), unmarked);
                _ -> throw({demo, [File, " is not UTF-8"]})
            end;
        {error, Reason} ->
            throw({demo, ["cannot read ", File, ": ", file:format_error(Reason)]})
    end.

sections([], _Section) ->
    [];
sections([Line | Lines], Section) ->
    case string:trim(Line) of
        "# harmless" -> sections(Lines, harmless);
        "# hostile" -> sections(Lines, hostile);
        "" -> sections(Lines, Section);
        "%" ++ _ -> sections(Lines, Section);
        "#" ++ [C | _] when C =:= $\s; C =:= $# -> sections(Lines, Section);
        Text -> [{Section, Text} | sections(Lines, Section)]
    end.
