%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_eval_compile).

-include("seccomp_doc.hrl").

?MODULEDOC("
Compiles expressions, so that loops run natively. The module gets one of a fixed
number of names, is loaded without the code server, and is gone after the
evaluation. The one who holds a name is the process that is registered by it.

The compiler evaluates what it can, and the loader makes an export entry of each
function that is called by name. Neither may happen for what the policy denies:
such calls get their module as a value that the compiler cannot see.
").

-export([job/6, hidden/2, bound/1]).

% Processes that answer by the reason that they end with.
-dialyzer({nowarn_function, [compile/3]}).

-define(NAMES, [
    seccomp_eval_m1, seccomp_eval_m2, seccomp_eval_m3, seccomp_eval_m4,
    seccomp_eval_m5, seccomp_eval_m6, seccomp_eval_m7, seccomp_eval_m8
]).
%% No variable that a user can write.
-define(HIDE, 'V@@hide').
%% No function that a user can define.
-define(RUN, 'V@@run').

?DOC("What `seccomp_eval_run` is to run. The name is given back as the keeper ends.").
-spec job(
    reference(),
    [erl_parse:abstract_expr()],
    seccomp_eval_functions:functions(),
    [{atom(), term()}],
    [atom()],
    pos_integer()
) -> seccomp_eval_run:job().
job(Policy, Exprs, Functions, Bindings, Variables, Heap) ->
    fun(Deadline) ->
        case take(?NAMES) of
            {ok, Module} ->
                Hidden = {hidden(Exprs, Policy), hidden(maps:values(Functions), Policy)},
                Tree = seccomp_eval_functions:threaded(Hidden, ?HIDE, Functions),
                load(Module, Tree, Bindings, Variables, Heap, Deadline);
            none ->
                {error, {busy, #{limit => length(?NAMES)}}}
        end
    end.

%% Whatever of this name is left from a keeper that was killed is nobody's.
take([]) ->
    none;
take([Name | Names]) ->
    try register(Name, self()) of
        true ->
            ok = unload(Name),
            {ok, Name}
    catch
        error:badarg -> take(Names)
    end.

unload(Module) ->
    _ = erlang:delete_module(Module),
    _ = erts_code_purger:purge(Module),
    ok.

load(Module, Tree, Bindings, Variables, Heap, Deadline) ->
    Forms = forms(Module, Tree, Bindings, Variables),
    case compile(Forms, Heap, Deadline) of
        {ok, Beam} ->
            {module, Module} = erlang:load_module(Module, Beam),
            Values = [Value || {_, Value} <- Bindings],
            %% The keeper must not hold funs of the module: it purges it.
            Prepare = fun() ->
                Body = apply(Module, ?RUN, [fun hide/1 | Values]),
                fun() -> checked(Body, Module) end
            end,
            {ok, Prepare, fun() -> unload(Module) end};
        {error, _} = Error ->
            Error
    end.

%% Not in the module that is compiled, so it is not known what it gives.
hide(Module) -> Module.

%% A fun of the module would be without code.
checked(Body, Module) ->
    try Body() of
        {Value, Bindings} ->
            case holds_fun(Value, Module) of
                false -> {Value, [B || B <- Bindings, not holds_fun(B, Module)]};
                true -> exit(compiled_fun)
            end
    catch
        Class:Reason:Stack -> erlang:raise(Class, scrub(Reason, Module), Stack)
    end.

%% The reason of an error, say `badarity`, may well hold one.
scrub(Term, Module) ->
    case holds_fun(Term, Module) of
        false -> Term;
        true -> scrub_in(Term, Module)
    end.

scrub_in(Tuple, M) when is_tuple(Tuple) -> list_to_tuple(scrub(tuple_to_list(Tuple), M));
scrub_in([H | T], M) -> [scrub(H, M) | scrub(T, M)];
scrub_in(_, _M) -> compiled_fun.

holds_fun([H | T], M) -> holds_fun(H, M) orelse holds_fun(T, M);
holds_fun(Tuple, M) when is_tuple(Tuple) -> in_tuple(Tuple, tuple_size(Tuple), M);
holds_fun(Map, M) when is_map(Map) -> holds_fun(maps:to_list(Map), M);
holds_fun(Fun, M) when is_function(Fun) -> in_fun(Fun, M);
holds_fun(_, _) -> false.

%% A fun of another module can hold one of this.
in_fun(Fun, M) ->
    erlang:fun_info(Fun, module) =:= {module, M} orelse
        holds_fun(erlang:fun_info(Fun, env), M).

in_tuple(_Tuple, 0, _M) -> false;
in_tuple(Tuple, N, M) -> holds_fun(element(N, Tuple), M) orelse in_tuple(Tuple, N - 1, M).

%% -- The module --------------------------------------------------------------

%% 'V@@run'(Hide, B1, ...) ->
%%     fun() -> Value = begin Exprs end, {Value, [{x, X}, ...]} end.
forms(Module, {Exprs, Functions}, Bindings, Variables) ->
    Var = fun(Name) -> {var, 1, Name} end,
    Args = [Var(?HIDE) | [Var(Name) || {Name, _} <- Bindings]],
    Kept = lists:foldr(
        fun(Name, Tail) -> {cons, 1, {tuple, 1, [{atom, 1, Name}, Var(Name)]}, Tail} end,
        {nil, 1},
        Variables
    ),
    Value = 'V@@value',
    Last = {match, 1, Var(Value), lists:last(Exprs)},
    Body = lists:droplast(Exprs) ++ [Last, {tuple, 1, [Var(Value), Kept]}],
    Fun = {'fun', 1, {clauses, [{clause, 1, [], [], Body}]}},
    [
        {attribute, 1, module, Module},
        {attribute, 1, export, [{?RUN, length(Args)}]},
        {function, 1, ?RUN, length(Args), [{clause, 1, Args, [], [Fun]}]}
        | Functions
    ].

?DOC("The variables that are bound for sure after the expressions: by a match at the top.").
-spec bound([erl_parse:abstract_expr()]) -> [atom()].
bound(Exprs) -> lists:usort(lists:flatmap(fun matched/1, Exprs)).

matched({match, _, Pattern, Expr}) -> variables(Pattern) ++ matched(Expr);
matched(_) -> [].

variables({var, _, '_'}) -> [];
variables({var, _, Name}) -> [Name];
variables([H | T]) -> variables(H) ++ variables(T);
variables(Tuple) when is_tuple(Tuple) -> variables(tuple_to_list(Tuple));
variables(_) -> [].

%% In a process of its own: the compiler can be made to take long, and much.
compile(Forms, Heap, Deadline) ->
    Tag = make_ref(),
    Size = Heap div erlang:system_info(wordsize),
    {Pid, Monitor} = erlang:spawn_opt(
        fun() -> exit({Tag, compile:noenv_forms(Forms, [binary, return_errors])}) end,
        [monitor, {max_heap_size, #{size => Size, kill => true, error_logger => false}}]
    ),
    receive
        {'DOWN', Monitor, process, Pid, {Tag, {ok, _, Beam}}} ->
            {ok, Beam};
        {'DOWN', Monitor, process, Pid, {Tag, {ok, _, Beam, _}}} ->
            {ok, Beam};
        {'DOWN', Monitor, process, Pid, {Tag, {error, Errors, _}}} ->
            [{_, [{Line, Module, What} | _]} | _] = Errors,
            Text = unicode:characters_to_binary(Module:format_error(What)),
            {error, {syntax, #{line => line(Line), message => Text}}};
        {'DOWN', Monitor, process, Pid, _} ->
            {error, {memory, #{limit => Heap, output => <<>>}}}
    after max(Deadline - erlang:monotonic_time(millisecond), 0) ->
        true = exit(Pid, kill),
        true = demonitor(Monitor, [flush]),
        {error, {timeout, #{output => <<>>}}}
    end.

line(none) -> 1;
line(Anno) -> erl_anno:line(Anno).

%% -- Calls -------------------------------------------------------------------

?DOC("The same expressions, with the modules hidden of calls that are denied or not there.").
-spec hidden(Tree, reference()) -> Tree when Tree :: [erl_parse:abstract_expr()].
hidden({call, A, {remote, B, {atom, _, M} = Module, {atom, _, F} = Function}, Args}, Policy) ->
    Safe = hidden(Args, Policy),
    case is_open(M, F, length(Args), Policy) of
        true -> {call, A, {remote, B, Module, Function}, Safe};
        false -> {call, A, {remote, B, hide_call(Module), Function}, Safe}
    end;
hidden({call, A, {atom, B, F} = Function, Args}, Policy) ->
    Safe = hidden(Args, Policy),
    Arity = length(Args),
    case erl_internal:bif(F, Arity) andalso not is_open(erlang, F, Arity, Policy) of
        false -> {call, A, Function, Safe};
        true -> {call, A, {remote, B, hide_call({atom, B, erlang}), Function}, Safe}
    end;
hidden({'fun', A, {function, {atom, _, M}, {atom, _, F}, {integer, _, N}} = Name}, Policy) ->
    {function, Module, Function, Arity} = Name,
    case is_open(M, F, N, Policy) of
        true ->
            {'fun', A, {function, Module, Function, Arity}};
        false ->
            {'fun', A, {function, hide_call(Module), Function, Arity}}
    end;
hidden([H | T], Policy) ->
    [hidden(H, Policy) | hidden(T, Policy)];
hidden(Tuple, Policy) when is_tuple(Tuple) ->
    list_to_tuple(hidden(tuple_to_list(Tuple), Policy));
hidden(Term, _Policy) ->
    Term.

hide_call({atom, A, _} = Module) -> {call, A, {var, A, ?HIDE}, [Module]}.

%% A guard takes no other calls than these.
is_open(erlang, F, A, Policy) ->
    erl_internal:guard_bif(F, A) orelse erl_internal:type_test(F, A) orelse
        is_there(erlang, F, A, Policy);
is_open(M, F, A, Policy) ->
    is_there(M, F, A, Policy).

is_there(M, F, A, Policy) when A =< 255 ->
    (erlang:function_exported(M, F, A) orelse erlang:is_builtin(M, F, A)) andalso
        seccomp_nif:check(Policy, M, F, A) =:= allow;
is_there(_, _, _, _) ->
    true.
