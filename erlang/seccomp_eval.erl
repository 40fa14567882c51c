%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_eval).

-include("seccomp_doc.hrl").

?MODULEDOC("
Evaluates Erlang expressions that somebody else wrote.

The text is read without making atoms, and evaluated in a process of its own,
under a policy and within limits. What can go wrong comes back as a reason:

    {ok, #{value := 3}} = seccomp_eval:eval(\"1 + 2.\").
    {error, {denied, #{mfa := {os, cmd, 1}}}} = seccomp_eval:eval(\"os:cmd(\\\"id\\\").\").
").

-export([eval/1, eval/2, eval_exprs/2, session/1, bindings/1, policy_rules/0, format_error/1]).

-export_type([options/0, result/0, session/0, reason/0]).

-type options() :: #{
    %% By default a whitelist of `policy_rules/0` that may not spawn.
    policy => seccomp:policy(),
    bindings => #{atom() | binary() => term()},
    %% Compile it: loops run natively, and funs cannot be kept.
    compile => boolean(),
    %% Milliseconds, for all of it.
    timeout => pos_integer(),
    %% Bytes: of the heap, and of binaries off it.
    max_heap => pos_integer(),
    max_reductions => pos_integer(),
    %% Bytes.
    max_output => non_neg_integer(),
    %% In the mailbox.
    max_messages => non_neg_integer(),
    %% At a time. With 0 the process may not spawn, whatever the policy says.
    max_children => non_neg_integer(),
    %% Bytes.
    max_source => pos_integer()
}.
-type result() :: #{value := term(), output := binary(), bindings := #{binary() => term()}}.
-type reason() ::
    {denied, #{mfa := mfa(), output := binary()}}
    | {timeout | memory | reductions | output | messages | children, #{
        limit => non_neg_integer(), output := binary()
    }}
    | {exception, #{
        class := error | exit | throw,
        reason := term(),
        stacktrace := list(),
        output := binary()
    }}
    | {syntax, #{line => term(), message := binary()}}
    | {unknown_function, #{line := term(), name := binary(), message := binary()}}
    | {unknown_atom | unknown_name, #{name := binary()}}
    | {refused, #{what := module | 'fun', message := binary()}}
    | {too_long | too_many_variables | too_many_functions | busy, #{limit := pos_integer()}}
    | {restricted, #{message := binary()}}
    | {unsupported, map()}
    | {bad_option | unknown_option, map()}
    | {internal, map()}.

-record(session, {
    opts :: options(),
    policy :: reference(),
    names = #{} :: seccomp_eval_scan:names(),
    functions = #{} :: seccomp_eval_functions:functions(),
    %% In order, as `erl_eval` wants them.
    bindings = [] :: orddict:orddict(atom(), term())
}).
-opaque session() :: #session{}.
%% A value like others: nothing runs between two evaluations.

?DOC("`eval(Source, #{})`.").
-spec eval(unicode:chardata()) -> {ok, result()} | {error, reason()}.
eval(Source) -> eval(Source, #{}).

?DOC("
Evaluates the expressions of a text. With a session in place of options it goes
on with the bindings and functions of that, and the answer comes with the session to use next.
").
-spec eval
    (unicode:chardata(), options()) -> {ok, result()} | {error, reason()};
    (unicode:chardata(), session()) -> {{ok, result()} | {error, reason()}, session()}.
eval(Source, #session{} = Session) ->
    evaluate(Source, Session);
eval(Source, Opts) when is_map(Opts) ->
    case session(Opts) of
        {ok, Session} ->
            {Answer, _Session} = evaluate(Source, Session),
            Answer;
        {error, _} = Error ->
            Error
    end.

?NODOC.
%% For other languages that become Erlang expressions.
-spec eval_exprs([erl_parse:abstract_expr()], options()) -> {ok, result()} | {error, reason()}.
eval_exprs(Exprs, Opts) ->
    case session(Opts) of
        {ok, Session} ->
            {Answer, _Session} = run(Exprs, #{}, Session),
            Answer;
        {error, _} = Error ->
            Error
    end.

?DOC("A session, which keeps bindings and functions from one evaluation to the next.").
-spec session(options()) -> {ok, session()} | {error, reason()}.
session(Opts0) ->
    Opts = maps:merge(defaults(), Opts0),
    case check(maps:to_list(maps:without([policy], Opts))) of
        ok -> with_policy(Opts);
        {error, _} = Error -> Error
    end.

?DOC("The variables of a session.").
-spec bindings(session()) -> #{binary() => term()}.
bindings(#session{names = Names, bindings = Bindings}) ->
    maps:from_list([
        {Name, Value}
     || {Name, Atom} <- maps:to_list(Names), {_, Value} <- [lists:keyfind(Atom, 1, Bindings)]
    ]).

?DOC("What the whitelist holds that is used when no other policy is given.").
-spec policy_rules() -> [seccomp:rule()].
policy_rules() -> ['@eval', seccomp_eval_interp:module(), seccomp_eval_io] -- [erl_eval].

?DOC("A sentence for a reason.").
-spec format_error(reason()) -> unicode:chardata().
format_error({denied, #{mfa := {M, F, A}}}) ->
    io_lib:format("~tw:~tw/~b is not allowed", [M, F, A]);
format_error({exception, #{class := Class, reason := Reason}}) ->
    io_lib:format("~s: ~0tP", [Class, Reason, 20]);
format_error({unknown_atom, #{name := Name}}) ->
    ["there is no atom ", Name];
format_error({_, #{message := Message, line := Line}}) ->
    io_lib:format("line ~p: ~ts", [Line, Message]);
format_error({_, #{message := Message}}) ->
    Message;
format_error({bad_option, #{option := policy, value := Value}}) ->
    io_lib:format("policy is what seccomp:compile/1 gives, not ~0tP", [Value, 8]);
format_error({bad_option, #{option := Option, value := Value}}) ->
    io_lib:format("~tw cannot be ~0tP", [Option, Value, 8]);
format_error({unknown_option, #{option := Option, known := Known}}) ->
    io_lib:format("there is no option ~0tP, but ~0tp", [Option, 8, lists:sort(Known)]);
format_error({timeout, _}) ->
    "it took too long";
format_error({Name, #{limit := Limit}}) ->
    io_lib:format("more ~ts than ~b", [word(Name), Limit]);
format_error(Reason) ->
    io_lib:format("~0tP", [Reason, 20]).

word(too_long) -> "bytes of text";
word(too_many_variables) -> "variables";
word(too_many_functions) -> "functions";
word(busy) -> "compiled evaluations at a time";
word(Name) -> atom_to_list(Name).

%% -- Options -----------------------------------------------------------------

defaults() ->
    #{
        bindings => #{},
        compile => false,
        timeout => 5000,
        max_heap => 64 * 1024 * 1024,
        max_reductions => 100_000_000,
        max_output => 64 * 1024,
        max_messages => 1000,
        max_children => 0,
        max_source => 64 * 1024
    }.

check([]) ->
    ok;
check([{Key, Value} | Rest]) ->
    case {is_map_key(Key, defaults()), is_value(Key, Value)} of
        {true, true} -> check(Rest);
        {true, false} -> {error, {bad_option, #{option => Key, value => Value}}};
        {false, _} -> {error, {unknown_option, #{option => Key, known => maps:keys(defaults())}}}
    end.

is_value(bindings, Value) -> is_map(Value);
is_value(compile, Value) -> is_boolean(Value);
is_value(Key, Value) when Key =:= max_output; Key =:= max_messages; Key =:= max_children ->
    is_integer(Value) andalso Value >= 0;
is_value(_, Value) ->
    is_integer(Value) andalso Value > 0.

with_policy(#{policy := {seccomp_policy, Ref}} = Opts) when is_reference(Ref) ->
    case {Opts, seccomp_nif:policy_info(Ref)} of
        {#{max_children := Max}, #{inherit := false}} when Max > 0 ->
            Text = <<"children would be under no policy">>,
            {error, {bad_option, #{option => max_children, value => Max, message => Text}}};
        _ ->
            Session = #session{opts = Opts, policy = Ref},
            enforced(bind(maps:to_list(maps:get(bindings, Opts)), Session))
    end;
with_policy(#{policy := Other}) ->
    {error, {bad_option, #{option => policy, value => Other}}};
with_policy(Opts) ->
    case seccomp:compile(#{mode => whitelist, rules => policy_rules(), spawn => deny}) of
        {ok, Policy} -> with_policy(Opts#{policy => Policy});
        {error, Reason} -> {error, {internal, #{reason => Reason}}}
    end.

enforced({error, _} = Error) ->
    Error;
enforced(Ok) ->
    case seccomp:enforcement() of
        #{status := enforced} -> Ok;
        #{} -> {error, seccomp_error:complete({unsupported, #{}}, self())}
    end.

bind([], Session) ->
    {ok, Session};
bind([{Key, Value} | Rest], #session{names = Names0, bindings = Bindings} = Session) ->
    Name =
        case Key of
            _ when is_atom(Key) -> atom_to_binary(Key);
            _ when is_binary(Key) -> Key;
            _ -> <<>>
        end,
    case seccomp_eval_scan:read(unicode:characters_to_list(Name), Names0) of
        {ok, [{var, _, Atom}], [], Names} when Atom =/= '_' ->
            Now = orddict:store(Atom, Value, Bindings),
            bind(Rest, Session#session{names = Names, bindings = Now});
        _ ->
            {error, {bad_option, #{option => bindings, value => Key}}}
    end.

%% -- Evaluating --------------------------------------------------------------

evaluate(Source, #session{opts = #{max_source := Max}, names = Names0} = Session) ->
    case text(Source, Max) of
        {ok, Text} ->
            case seccomp_eval_scan:read(Text, Names0) of
                {ok, Exprs, Definitions, Names} ->
                    define_and_run(Exprs, Definitions, Names, Session);
                {error, _} = Error ->
                    {Error, Session}
            end;
        {error, _} = Error ->
            {Error, Session}
    end.

text(Source, Max) ->
    try iolist_size(Source) of
        Size when Size > Max -> {error, {too_long, #{limit => Max}}};
        _ -> characters(Source, Max)
    catch
        %% Characters beyond a byte.
        error:badarg -> characters(Source, Max)
    end.

characters(Source, Max) ->
    try unicode:characters_to_list(Source) of
        Text when is_list(Text), length(Text) =< Max -> {ok, Text};
        Text when is_list(Text) -> {error, {too_long, #{limit => Max}}};
        _ -> {error, {syntax, #{message => <<"not UTF-8">>}}}
    catch
        error:badarg -> {error, {syntax, #{message => <<"not a text">>}}}
    end.

define_and_run(Exprs, Definitions, Names, #session{functions = Before} = Session) ->
    case seccomp_eval_functions:define(prepared(Definitions), Before) of
        {ok, Now} ->
            check_and_run(prepared(Exprs), Names, Session, Session#session{functions = Now});
        {error, _} = Error -> {Error, Session}
    end.

prepared(Tree) -> seccomp_eval_functions:plain_funs(seccomp_eval_io:redirect(Tree)).

%% What cannot be run is found before anything is. Functions stay defined if it
%% could be run to its end.
check_and_run(Exprs, Names, Session, #session{bindings = Bindings, functions = Functions} = Next) ->
    Bound = [Atom || {Atom, _} <- Bindings],
    case seccomp_eval_functions:lint(Exprs, Bound, Functions) of
        ok ->
            case run(Exprs, Names, Next) of
                {{error, _} = Error, _} -> {Error, Session};
                {{ok, _}, _} = Done -> Done
            end;
        {error, Line, erl_lint, {undefined_function, {Name, Arity}}} ->
            Text = seccomp_eval_scan:plain([atom_to_list(Name), $/, integer_to_list(Arity)], Names),
            Message = <<"there is no function ", Text/binary>>,
            Map = #{line => Line, name => Text, message => Message},
            {{error, {unknown_function, Map}}, Session};
        {error, Line, Module, What} ->
            Text = seccomp_eval_scan:plain(Module:format_error(What), Names),
            {{error, {syntax, #{line => Line, message => Text}}}, Session}
    end.

run(Exprs, Names, #session{opts = Opts, policy = Policy} = Session) ->
    case seccomp_eval_run:run(Policy, job(Exprs, Opts, Session), Opts) of
        {ok, #{value := Value, more := Now, output := Output}} ->
            Next = keep(Session, Names, Now),
            {{ok, #{value => Value, output => Output, bindings => bindings(Next)}}, Next};
        {error, {syntax, #{message := Text} = Map}} ->
            {{error, {syntax, Map#{message := seccomp_eval_scan:plain(Text, Names)}}}, Session};
        {error, {exception, #{class := exit, reason := compiled_fun}}} ->
            Text = <<"a fun that was compiled cannot leave its evaluation">>,
            {{error, {refused, #{what => 'fun', message => Text}}}, Session};
        {error, _} = Error ->
            {Error, Session}
    end.

job(Exprs, #{compile := true, max_heap := Heap}, Session) ->
    #session{policy = Policy, bindings = Bindings, functions = Functions} = Session,
    Bound = [Atom || {Atom, _} <- Bindings],
    Variables = lists:usort(Bound ++ seccomp_eval_compile:bound(Exprs)),
    seccomp_eval_compile:job(Policy, Exprs, Functions, Bindings, Variables, Heap);
job(Exprs, #{compile := false}, #session{bindings = Bindings, functions = Functions}) ->
    Interpreter = seccomp_eval_interp:module(),
    Local = seccomp_eval_functions:handler(Interpreter, Functions),
    Body = fun() ->
        {value, Value, Now} = Interpreter:exprs(Exprs, Bindings, Local),
        {Value, Now}
    end,
    fun(_Deadline) -> {ok, fun() -> Body end, fun() -> ok end} end.

%% Only what is bound or defined is worth a name in place of its own.
keep(Session, Names, Now) ->
    Known = maps:values(Names),
    Defined = seccomp_eval_functions:named(Session#session.functions),
    Bound = [B || {Atom, _} = B <- orddict:from_list(as_list(Now)), lists:member(Atom, Known)],
    Kept = maps:filter(
        fun(_, Atom) -> lists:keymember(Atom, 1, Bound) orelse lists:member(Atom, Defined) end,
        Names
    ),
    Session#session{names = Kept, bindings = Bound}.

as_list(Now) when is_map(Now) -> maps:to_list(Now);
as_list(Now) when is_list(Now) -> Now.
