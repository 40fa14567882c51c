%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_rshell_print).

-include("seccomp_doc.hrl").

?MODULEDOC("
Text for a restricted shell: values, exceptions, denials. It is made by the trusted
half of the shell from whatever an evaluator sends, so it is bounded, calls no
function that is named in a term, and gets along with terms that are not what they
should be.
").

-export([value/4, exception/4, died/1, past/2, binding/3, position/1]).

%% Characters of a value, of one that was asked for in full, and of a term within
%% an exception.
-define(MAX, 16_384).
-define(MAX_ALL, 1_048_576).
-define(MAX_TERM, 1_024).
-define(MAX_FRAMES, 8).

?DOC("A value from a column on; `all` prints much more of a large one.").
-spec value(term(), pos_integer(), print | all, seccomp_rshell_record:records()) -> string().
value(Value, Column, print, Records) -> pretty(Value, Column, ?MAX, Records);
value(Value, Column, all, Records) -> pretty(Value, Column, ?MAX_ALL, Records).

pretty(Term, Column, Max, Records) ->
    Options = [
        {column, Column},
        {line_length, 80},
        {depth, -1},
        {line_max_chars, 60},
        {chars_limit, Max},
        {strings, true},
        {record_print_fun, fun(Tag, N) -> seccomp_rshell_record:fields(Tag, N, Records) end},
        {encoding, unicode}
    ],
    lists:flatten(io_lib_pretty:print(Term, Options)).

?DOC("
What is said of an exception: of a denial one sentence, of others what the shell of
OTP says, without what the evaluator itself has called.
").
-spec exception(term(), term(), term(), seccomp_rshell_record:records()) -> unicode:chardata().
exception(Class, Reason, Stack, Records) ->
    try
        text(Class, Reason, frames(Stack), Stack, Records)
    catch
        _:_ -> ["** exception ", pretty({Class, Reason}, 14, ?MAX_TERM, []), $\n]
    end.

text(error, {seccomp, {_, process_info, 2}}, _, [{_, _, [_, current_stacktrace], _} | _], _) ->
    %% How erl_eval begins to raise an error of its own.
    "** exception error: nothing matches (in =, case, if, try or a fun)\n";
text(error, {seccomp, {M, F, A}} = Reason, _, Stack, _Records) when
    is_atom(M), is_atom(F), is_integer(A)
->
    #{general := Text} = seccomp_error:format_error(Reason, Stack),
    ["** denied: ", Text, hint(M, F), $\n];
text(error, {shell_undef, Name, Arity}, _, _, _) when is_atom(Name), is_integer(Arity) ->
    io_lib:format("** undefined shell command ~tw/~w~n", [Name, Arity]);
text(Class, Reason, Frames, _, Records) when Class =:= error; Class =:= exit; Class =:= throw ->
    Skip = fun(M, _F, _A) -> M =:= erl_eval orelse M =:= seccomp_rshell_eval end,
    Print = fun(Term, Column) -> pretty(Term, Column, ?MAX_TERM, Records) end,
    Text = erl_error:format_exception(4, Class, Reason, Frames, Skip, Print, unicode),
    ["** ", Text, $\n].

%% Who wants to leave most often tries these.
hint(shell_default, q) -> leave();
hint(init, stop) -> leave();
hint(erlang, halt) -> leave();
hint(_, _) -> "".

leave() -> "; exit() leaves this shell".

%% An error_info names a function that explains the error, and is taken out.
frames(Stack) -> lists:sublist([frame(Entry) || Entry <- Stack], ?MAX_FRAMES).

frame({M, F, A, Info}) ->
    {M, F, A, [Place || {Key, _} = Place <- Info, Key =:= file orelse Key =:= line]};
frame({M, F, A}) ->
    {M, F, A, []}.

?DOC("What is said when the evaluator has ended.").
-spec died(term()) -> unicode:chardata().
died({seccomp, {M, F, A}} = Reason) when is_atom(M), is_atom(F), is_integer(A) ->
    [exception(error, Reason, [], []), "** the evaluator was ended for it; there is a new one\n"];
died(killed) ->
    "** the evaluator was killed, maybe for its memory; there is a new one\n";
died(Reason) ->
    Text = pretty(Reason, 4, ?MAX_TERM, []),
    ["** the evaluator has ended, there is a new one: ", Text, $\n].

?DOC("A command of the history, and its result.").
-spec past({pos_integer(), [erl_parse:abstract_expr()], none | {value, term()}},
    seccomp_rshell_record:records()) -> unicode:chardata().
past({N, Exprs, Result}, Records) ->
    Number = integer_to_list(N) ++ ": ",
    Text = erl_pp:exprs(Exprs, length(Number), [{encoding, unicode}]),
    [Number, Text, $\n, past_result(Result, Records)].

past_result(none, _Records) -> "";
past_result({value, Value}, Records) -> ["-> ", pretty(Value, 4, ?MAX_TERM, Records), $\n].

?DOC("A variable and its value.").
-spec binding(atom(), term(), seccomp_rshell_record:records()) -> unicode:chardata().
binding(Name, Value, Records) ->
    Begin = atom_to_list(Name) ++ " = ",
    [Begin, pretty(Value, length(Begin) + 1, ?MAX_TERM, Records), $\n].

?DOC("Where in a command, as a prefix.").
-spec position(term()) -> string().
position({Line, Column}) when is_integer(Line), is_integer(Column) ->
    lists:flatten(io_lib:format("~b:~b: ", [Line, Column]));
position(Line) when is_integer(Line) ->
    integer_to_list(Line) ++ ": ";
position(_) ->
    "".
