%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_rshell_command).

-include("seccomp_doc.hrl").

?MODULEDOC("
What a restricted shell remembers (bindings, history, records) and what it does
with a command before it is evaluated: repeats with `e/1`, results with `v/1`,
record definitions, and the commands that stand alone on a line. All of it is data
to data.
").

-export([new/0, parse/2, prepare/2, result/2, failed/1, prompt/1]).

-export_type([shell/0]).

-type exprs() :: [erl_parse:abstract_expr()].
-type shell() :: #{
    number := pos_integer(),
    bindings := orddict:orddict(atom(), term()),
    past := [{pos_integer(), exprs(), none | {value, term()}}],
    %% How many commands and results are kept.
    history := non_neg_integer(),
    results := non_neg_integer(),
    records := seccomp_rshell_record:records(),
    pending := exprs(),
    how := print | all
}.

%% As in OTP's shell, and no more than this.
-define(DEFAULT, 20).
-define(MOST, 200).

?DOC("A shell in which nothing was typed yet.").
-spec new() -> shell().
new() ->
    #{
        number => 1,
        bindings => [],
        past => [],
        history => ?DEFAULT,
        results => ?DEFAULT,
        records => [],
        pending => [],
        how => print
    }.

?DOC("The prompt for the next command.").
-spec prompt(shell()) -> string().
prompt(#{number := N}) ->
    Node = [["(", atom_to_list(node()), ")"] || is_alive()],
    lists:flatten([Node, integer_to_list(N), "> "]).

?DOC("
Parses a command. Pids and ports are what a policy may not let one make up, so they
can be typed where it has `list_to_pid/1`.
").
-spec parse([erl_scan:token()], seccomp:policy()) -> {ok, exprs()} | {error, term()}.
parse(Tokens, Policy) ->
    case seccomp:check(Policy, {erlang, list_to_pid, 1}) of
        allow -> erl_eval:extended_parse_exprs(Tokens);
        {deny, _} -> erl_parse:parse_exprs(Tokens)
    end.

?DOC("What is to be evaluated or said.").
-spec prepare(exprs(), shell()) ->
    {text, unicode:chardata(), shell()}
    | {eval, exprs(), orddict:orddict(atom(), term()), shell()}
    | {error, unicode:chardata()}
    | exit.
prepare(Exprs0, Shell) ->
    try
        Exprs = repeat(Exprs0, Shell),
        case alone(Exprs, Shell) of
            no -> for_evaluator(Exprs, Shell#{pending := Exprs, how := print});
            {all, Expr} -> for_evaluator([Expr], Shell#{pending := Exprs, how := all});
            exit -> exit;
            {Text, Next} -> {text, Text, remember(Exprs, {value, ok}, Next)}
        end
    catch
        throw:{?MODULE, Text2} -> {error, Text2}
    end.

?DOC("What to print of an evaluator's answer, which may be any term.").
-spec result(term(), shell()) -> {unicode:chardata(), shell()}.
result({value, Value, Bindings}, #{pending := Exprs, how := How, records := Records} = Shell) ->
    Text = [seccomp_rshell_print:value(Value, 1, How, Records), $\n],
    {Text, remember(Exprs, {value, Value}, Shell#{bindings := clean(Bindings)})};
result({Class, Reason, Stack}, #{records := Records} = Shell) ->
    {seccomp_rshell_print:exception(Class, Reason, Stack, Records), failed(Shell)};
result(_Other, Shell) ->
    {"** the evaluator gave no answer\n", failed(Shell)}.

?DOC("The command counts, and has no result.").
-spec failed(shell()) -> shell().
failed(#{pending := Exprs} = Shell) -> remember(Exprs, none, Shell).

%% -- History -----------------------------------------------------------------

remember(Exprs, Result, #{number := N, past := Past, history := H, results := R} = Shell) ->
    All = [{N, Exprs, Result} | Past],
    Kept = [keep(Entry, N - R) || {M, _, _} = Entry <- All, M > N - max(H, R)],
    Shell#{number := N + 1, past := Kept, pending := []}.

keep({N, Exprs, _}, Last) when N =< Last -> {N, Exprs, none};
keep(Entry, _Last) -> Entry.

%% Puts former commands in place of e(N), and absolute numbers into v(N).
repeat({call, Anno, {atom, _, e}, [Arg]}, Shell) ->
    {_, Exprs, _} = entry(number(Arg), Shell),
    {block, Anno, Exprs};
repeat({call, Anno, {atom, _, v} = V, [Arg]}, Shell) ->
    case number(Arg) of
        none ->
            {call, Anno, V, [repeat(Arg, Shell)]};
        N ->
            {M, _, _} = entry(N, Shell),
            {call, Anno, V, [{integer, Anno, M}]}
    end;
repeat(Tuple, Shell) when is_tuple(Tuple) ->
    list_to_tuple(repeat(tuple_to_list(Tuple), Shell));
repeat([Head | Tail], Shell) ->
    [repeat(Head, Shell) | repeat(Tail, Shell)];
repeat(Other, _Shell) ->
    Other.

number({integer, _, N}) -> N;
number({op, _, '-', {integer, _, N}}) -> -N;
number(_) -> none.

entry(N, #{past := Past, number := Next}) when is_integer(N) ->
    At =
        case N < 0 of
            true -> Next + N;
            false -> N
        end,
    case lists:keyfind(At, 1, Past) of
        false -> fail("~w: command not found", [N]);
        Entry -> Entry
    end;
entry(none, _Shell) ->
    fail("e/1 takes the number of a command", []).

-spec fail(io:format(), [term()]) -> no_return().
fail(Format, Args) -> throw({?MODULE, io_lib:format(Format, Args)}).

%% -- For the evaluator -------------------------------------------------------

%% Results become variables that nobody can type.
for_evaluator(Exprs0, #{bindings := Bindings, past := Past, records := Records} = Shell) ->
    {Exprs1, Numbers} = results(Exprs0, []),
    Bound = bind(Numbers, 1, Past, Bindings),
    Exprs = seccomp_rshell_record:expand(Exprs1, Records),
    case erl_eval:check_command(checkable(Exprs), Bound) of
        ok ->
            {eval, Exprs, Bound, Shell};
        {error, {Location, Module, What}} ->
            {error, [seccomp_rshell_print:position(Location), Module:format_error(What)]}
    end.

%% `Numbers` are the results in use, and each has the variable of its place.
results({call, Anno, {atom, _, v}, [{integer, _, N}]}, Numbers0) ->
    Numbers = Numbers0 ++ [N || not lists:member(N, Numbers0)],
    {{var, Anno, variable(place(N, Numbers, 1))}, Numbers};
results(Tuple, Numbers) when is_tuple(Tuple) ->
    {List, Next} = results(tuple_to_list(Tuple), Numbers),
    {list_to_tuple(List), Next};
results([Head0 | Tail0], Numbers0) ->
    {Head, Numbers1} = results(Head0, Numbers0),
    {Tail, Numbers} = results(Tail0, Numbers1),
    {[Head | Tail], Numbers};
results(Other, Numbers) ->
    {Other, Numbers}.

place(N, [N | _], Place) -> Place;
place(N, [_ | Numbers], Place) -> place(N, Numbers, Place + 1).

%% No more of them than there are results.
variable(Place) when Place =< ?MOST -> list_to_atom("%v" ++ integer_to_list(Place)).

bind([N | Numbers], Place, Past, Bindings) ->
    case lists:keyfind(N, 1, Past) of
        {_, _, {value, Value}} ->
            Next = erl_eval:add_binding(variable(Place), Value, Bindings),
            bind(Numbers, Place + 1, Past, Next);
        _ ->
            fail("v(~w): no result", [N])
    end;
bind([], _Place, _Past, Bindings) ->
    Bindings.

%% f(X) is for variables that are not bound, too.
checkable({call, Anno, {atom, _, f}, [{var, _, _}]}) -> {atom, Anno, ok};
checkable(Tuple) when is_tuple(Tuple) -> list_to_tuple(checkable(tuple_to_list(Tuple)));
checkable([Head | Tail]) -> [checkable(Head) | checkable(Tail)];
checkable(Other) -> Other.

%% What came back, without what was put there for the evaluation. An evaluator
%% may claim anything; what is no bindings at all is none.
clean(Bindings) ->
    try
        Named = [Pair || {Name, _} = Pair <- erl_eval:bindings(Bindings), is_typed(Name)],
        orddict:from_list(Named)
    catch
        _:_ -> []
    end.

is_typed(Name) when is_atom(Name) ->
    case atom_to_list(Name) of
        "%" ++ _ -> false;
        "rec" ++ _ -> false;
        _ -> true
    end;
is_typed(_) ->
    false.

%% -- Commands that stand alone -----------------------------------------------

alone([{call, _, {atom, _, Name}, Args}], Shell) -> alone(Name, Args, Shell);
alone(_, _Shell) -> no.

alone(exit, [], _Shell) ->
    exit;
alone(help, [], Shell) ->
    {help(), Shell};
alone(h, [], #{past := Past, history := H, number := N, records := Records} = Shell) ->
    Entries = [Entry || {M, _, _} = Entry <- lists:reverse(Past), M >= N - H],
    {[seccomp_rshell_print:past(Entry, Records) || Entry <- Entries] ++ ok(), Shell};
alone(b, [], #{bindings := Bindings, records := Records} = Shell) ->
    Text = [seccomp_rshell_print:binding(Name, Value, Records) || {Name, Value} <- Bindings],
    {[Text | ok()], Shell};
alone(history, [Arg], #{history := Former} = Shell) ->
    {number_text(Former), Shell#{history := amount(Arg)}};
alone(results, [Arg], #{results := Former} = Shell) ->
    {number_text(Former), Shell#{results := amount(Arg)}};
alone(catch_exception, [_], Shell) ->
    {"true\n", Shell};
alone(rp, [Arg], _Shell) ->
    {all, Arg};
alone(rd, [{atom, _, Name}, Definition], #{records := Records} = Shell) ->
    case seccomp_rshell_record:define(Name, Definition, Records) of
        {ok, Next} -> {[io_lib:write_atom(Name), $\n], Shell#{records := Next}};
        {error, Text} -> fail("~ts", [Text])
    end;
alone(rf, [], Shell) ->
    {ok(), Shell#{records := []}};
alone(rf, [Arg], #{records := Records} = Shell) ->
    {ok(), Shell#{records := [R || {Name, _} = R <- Records, not lists:member(Name, names(Arg))]}};
alone(rl, [], #{records := Records} = Shell) ->
    {[seccomp_rshell_record:text(Records) | ok()], Shell};
alone(rl, [Arg], #{records := Records} = Shell) ->
    Wanted = [R || {Name, _} = R <- Records, lists:member(Name, names(Arg))],
    {[seccomp_rshell_record:text(Wanted) | ok()], Shell};
alone(rr, _Args, _Shell) ->
    fail("records are not read from files here; rd(Name, {Field, ...}) defines one", []);
alone(_Name, _Args, _Shell) ->
    no.

ok() -> ["ok\n"].

number_text(N) -> [integer_to_list(N), $\n].

amount({integer, _, N}) when N =< ?MOST -> N;
amount(_) -> fail("write a number from 0 to ~w", [?MOST]).

names({atom, _, '_'}) -> fail("rf() forgets all records, rl() lists them", []);
names({atom, _, Name}) -> [Name];
names({cons, _, Head, Tail}) -> names(Head) ++ names(Tail);
names({nil, _}) -> [];
names(_) -> fail("write the name of a record, or a list of names", []).

help() ->
    "This shell runs under a policy: functions that it does not name are denied.\n"
    "  b()            the variables that are bound\n"
    "  f(), f(X)      forget them, or X\n"
    "  h()            the commands so far; e(N) does one again\n"
    "  v(N)           the value of command N; v(-1) is the last one\n"
    "  history(N), results(N)   how many of them are kept\n"
    "  rd(R, {F, ..}) defines a record; rl() lists, rf() forgets them\n"
    "  rp(X)          prints all of a value\n"
    "  exit()         leaves the shell\n"
    "The tabulator completes the names of modules and functions that are allowed.\n"
    "ok\n".
