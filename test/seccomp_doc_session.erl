%% SPDX-License-Identifier: Apache-2.0
%%
%% Sessions of the Erlang shell as pages show them: what is typed goes to a real
%% shell, and what that prints is compared. Pids, references, funs and white space
%% may differ; a line `...` stands for anything.
-module(seccomp_doc_session).

-export([is_session/1, start/1, run/3, stop/1]).
-export([same/2]).

-define(LONG, 60000).
-define(PROMPT, "^(\\d+)> ?").

is_session(Text) -> re:run(Text, ?PROMPT, [{capture, none}]) =:= match.

%% As `make shell`, but for the log, which would come in between.
start(Dir) ->
    Erl = filename:join([code:root_dir(), "bin", "erl"]),
    Start = "{ok, _} = application:ensure_all_started(seccomp).",
    Port = open_port({spawn_executable, Erl}, [
        {args,
            ["-pa", filename:dirname(code:which(seccomp)), "-eval", Start] ++
                ["-seccomp", "log_violations", "false", "-kernel", "logger_level", "emergency"]},
        {cd, Dir},
        binary,
        stderr_to_stdout,
        exit_status
    ]),
    {ok, _} = until_prompt(Port, 1, <<>>),
    {Port, 1}.

stop({Port, _}) -> catch port_close(Port).

%% Gives the session, or the line that went wrong, counted from the first.
run(Text, Session, FirstLine) ->
    Lines = string:split(string:trim(Text, trailing), "\n", all),
    entries(entries(lists:enumerate(Lines)), Session, FirstLine).

entries([], Session, _) ->
    {ok, Session};
entries([{Line, N, Input, Expected} | Entries], {Port, N}, First) ->
    port_command(Port, unicode:characters_to_binary([Input, $\n])),
    case until_prompt(Port, N + 1, <<>>) of
        {ok, Output} ->
            case same(Expected, Output) of
                true -> entries(Entries, {Port, N + 1}, First);
                false -> {error, First + Line, {Expected, Output}}
            end;
        {error, Output} ->
            {error, First + Line, {Expected, Output}}
    end;
entries([{Line, N, _, _} | _], {_, Real}, First) ->
    {error, First + Line, io_lib:format("the prompt would be ~b> and not ~b>", [Real, N])}.

%% A prompt with the number of the one before goes on with its input.
entries(Lines) -> [flat(E) || E <- lists:reverse(lists:foldl(fun line/2, [], Lines))].

flat({Line, N, Input, Output}) -> {Line, N, lists:reverse(Input), lists:reverse(Output)}.

line({At, Line}, Entries) ->
    case {re:run(Line, ?PROMPT ++ "(.*)$", [{capture, [1, 2], list}, unicode]), Entries} of
        {{match, [Number, Typed]}, [{First, N, Input, []} | Rest]} ->
            case list_to_integer(Number) of
                N -> [{First, N, [Typed, "\n" | Input], []} | Rest];
                Next -> [{At, Next, [Typed], []} | Entries]
            end;
        {{match, [Number, Typed]}, _} ->
            [{At, list_to_integer(Number), [Typed], []} | Entries];
        {nomatch, [{First, N, Input, Output} | Rest]} ->
            [{First, N, Input, ["\n", Line | Output]} | Rest]
    end.

%% Of an input of several lines, each but the first has a prompt with its number.
until_prompt(Port, N, Seen) ->
    case re:run(Seen, ["(?:^|\n|> )", integer_to_list(N), "> $"], [{capture, first, index}]) of
        {match, [{At, _}]} ->
            Output = binary:part(Seen, 0, At),
            {ok, re:replace(Output, "^(\\d+> )+", "", [{return, binary}])};
        nomatch ->
            receive
                {Port, {data, Data}} ->
                    until_prompt(Port, N, <<Seen/binary, Data/binary>>);
                {Port, {exit_status, Status}} ->
                    {error, [Seen, io_lib:format("~nexit status ~b", [Status])]}
            after ?LONG -> {error, [Seen, "\nno prompt any more"]}
            end
    end.

%% Whether what was printed is what the page says. The order in which the keys of
%% a map are printed is another one in each version of OTP.
same(Expected, Printed) ->
    same_text(Expected, Printed) orelse same_term(term(Expected), term(Printed)).

same_term({ok, Term}, {ok, Term}) -> true;
same_term(_, _) -> false.

term(Text) ->
    Readable = re:replace(plain(Text, " "), "(<pid>|#Ref|#Fun)", "'\\1'", [global, unicode]),
    case erl_scan:string(unicode:characters_to_list([Readable, "."])) of
        {ok, Tokens, _} -> erl_parse:parse_term(Tokens);
        _ -> none
    end.

same_text(Expected, Printed) ->
    Parts = re:split(unicode:characters_to_binary(Expected), "^\\s*\\.\\.\\.\\s*$", [multiline]),
    Pattern = ["^", lists:join(".*", [quote(plain(P)) || P <- Parts]), "$"],
    re:run(plain(Printed), Pattern, [dotall, unicode, {capture, none}]) =:= match.

plain(Text) -> plain(Text, "").

plain(Text, Space) ->
    lists:foldl(
        fun({From, To}, T) -> re:replace(T, From, To, [global, unicode, {return, binary}]) end,
        unicode:characters_to_binary(Text),
        [
            {"<\\d+\\.\\d+\\.\\d+>", "<pid>"},
            {"#Ref<[0-9.]+>", "#Ref"},
            {"#Fun<[^>]*>", "#Fun"},
            {"\\s+", Space}
        ]
    ).

quote(Text) ->
    re:replace(Text, "[][\\\\^$.|?*+(){}]", "\\\\&", [global, unicode, {return, binary}]).
