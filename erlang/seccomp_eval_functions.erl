%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_eval_functions).

-include("seccomp_doc.hrl").

?MODULEDOC("
Functions that evaluated text defines. They belong to a session and to no
module: the interpreter asks for them, and a compiled evaluation takes them
along.
").

-export([define/2, lint/3, named/1, plain_funs/1, handler/2, threaded/3]).

-export_type([functions/0, definition/0]).

-type definition() :: erl_parse:abstract_form().
-type functions() :: #{{atom(), arity()} => definition()}.

%% The interpreter makes no funs with more arguments.
-define(ARITY, 20).
-define(FUNCTIONS, 256).

?DOC("The functions, with those that are defined now, which may take the place of others.").
-spec define([definition()], functions()) -> {ok, functions()} | {error, {atom(), map()}}.
define([], Functions) when map_size(Functions) > ?FUNCTIONS ->
    {error, {too_many_functions, #{limit => ?FUNCTIONS}}};
define([], Functions) ->
    {ok, Functions};
define([{function, A, Name, Arity, _} = Form | Forms], Functions) ->
    case refused(Name, Arity) of
        none -> define(Forms, Functions#{{Name, Arity} => Form});
        Text -> {error, {syntax, #{line => erl_anno:line(A), message => Text}}}
    end.

refused(_Name, Arity) when Arity > ?ARITY ->
    <<"a function with more than 20 arguments">>;
refused(Name, Arity) ->
    %% Which of the two a call means differs between versions of OTP, and between
    %% the interpreter and compiled code.
    case erl_internal:bif(Name, Arity) of
        true -> <<"a function that is called as one of Erlang's own">>;
        false -> none
    end.

?DOC("What is wrong with expressions and functions, before anything is run.").
-spec lint([erl_parse:abstract_expr()], [atom()], functions()) ->
    ok | {error, erl_anno:location(), module(), term()}.
lint(Exprs, Bound, Functions) ->
    Args = [{var, 1, Name} || Name <- Bound],
    Forms = [
        {attribute, 1, module, ?MODULE},
        {function, 1, ?MODULE, length(Args), [{clause, 1, Args, [], Exprs}]}
        | maps:values(Functions)
    ],
    case erl_lint:module(Forms, "nofile", [export_all, nowarn_export_all]) of
        {ok, _Warnings} -> ok;
        {error, [{_, [{Line, Module, What} | _]} | _], _} -> {error, Line, Module, What}
    end.

?DOC("What they are called.").
-spec named(functions()) -> [atom()].
named(Functions) -> [Name || {Name, _} <- maps:keys(Functions)].

?DOC("The same tree, with a fun that calls the function for each `fun Name/Arity`.").
-spec plain_funs(Tree) -> Tree when Tree :: term().
plain_funs({'fun', A, {function, Name, Arity}} = Fun) when is_atom(Name), is_integer(Arity) ->
    case Arity =< ?ARITY of
        true ->
            Vars = [{var, A, seccomp_eval_scan:pool(N)} || N <- lists:seq(1, Arity)],
            {'fun', A, {clauses, [{clause, A, Vars, [], [{call, A, {atom, A, Name}, Vars}]}]}};
        false ->
            Fun
    end;
plain_funs([H | T]) ->
    [plain_funs(H) | plain_funs(T)];
plain_funs(Tuple) when is_tuple(Tuple) ->
    list_to_tuple(plain_funs(tuple_to_list(Tuple)));
plain_funs(Term) ->
    Term.

?DOC("For the interpreter, which calls it when a function is called that is none of its own.").
-spec handler(module(), functions()) -> none | {value, fun((atom(), [term()]) -> term())}.
handler(_Interpreter, Functions) when map_size(Functions) =:= 0 ->
    none;
handler(Interpreter, Functions) ->
    {value, fun Call(Name, Args) ->
        #{{Name, length(Args)} := {function, A, _, _, Clauses}} = Functions,
        {value, Fun, _} = Interpreter:expr({'fun', A, {clauses, Clauses}}, [], {value, Call}),
        apply(Fun, Args)
    end}.

?DOC("The same tree; each function takes the variable as its first argument, and is given it.").
-spec threaded(Tree, atom(), functions()) -> Tree when Tree :: term().
threaded({function, A, Name, Arity, Clauses}, Var, Functions) ->
    {function, A, Name, Arity + 1, [
        {clause, B, [{var, B, Var} | Args], Guard, threaded(Body, Var, Functions)}
     || {clause, B, Args, Guard, Body} <- Clauses
    ]};
threaded({call, A, {atom, B, Name}, Args}, Var, Functions) ->
    Threaded = threaded(Args, Var, Functions),
    case is_map_key({Name, length(Args)}, Functions) of
        true -> {call, A, {atom, B, Name}, [{var, A, Var} | Threaded]};
        false -> {call, A, {atom, B, Name}, Threaded}
    end;
threaded([H | T], Var, Functions) ->
    [threaded(H, Var, Functions) | threaded(T, Var, Functions)];
threaded(Tuple, Var, Functions) when is_tuple(Tuple) ->
    list_to_tuple(threaded(tuple_to_list(Tuple), Var, Functions));
threaded(Term, _Var, _Functions) ->
    Term.
