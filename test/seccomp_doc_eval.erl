%% SPDX-License-Identifier: Apache-2.0
%%
%% What runs on the node of a page: its expressions, functions, modules and
%% policies. Each block has bindings of its own.
-module(seccomp_doc_eval).

-export([block/2, file/2, json/2]).

%% Expressions; what stands behind the last full stop is what they give.
block(Text, Dir) ->
    in(Dir, fun() ->
        {ok, Tokens, _} = erl_scan:string(Text),
        {Forms, Rest} = forms(Tokens, [], []),
        case lists:all(fun is_function_form/1, Forms) of
            true when Rest =:= [] -> functions(Forms);
            _ -> compare(expressions(Forms), Rest)
        end
    end).

forms([{dot, _} = Dot | Tokens], Form, Forms) ->
    forms(Tokens, [], [lists:reverse(Form, [Dot]) | Forms]);
forms([Token | Tokens], Form, Forms) ->
    forms(Tokens, [Token | Form], Forms);
forms([], Form, Forms) ->
    {lists:reverse(Forms), lists:reverse(Form)}.

is_function_form(Form) ->
    case erl_parse:parse_form(Form) of
        {ok, {function, _, _, _, _}} -> true;
        _ -> false
    end.

functions(Forms) ->
    Parsed = [Parsed || Form <- Forms, {ok, Parsed} <- [erl_parse:parse_form(Form)]],
    Attributes = [
        {attribute, 1, module, seccomp_doc_block},
        {attribute, 1, compile, [export_all, nowarn_export_all]}
    ],
    {ok, _, _} = compile:forms(Attributes ++ Parsed, [return_errors, warnings_as_errors]),
    ok.

expressions(Forms) ->
    lists:foldl(
        fun(Form, {_, Bindings}) ->
            {ok, Exprs} = erl_parse:parse_exprs(Form),
            {value, Value, Bound} = erl_eval:exprs(Exprs, Bindings),
            {Value, Bound}
        end,
        {none, []},
        Forms
    ).

compare(_, []) ->
    ok;
compare({Value, _}, Rest) ->
    {ok, Exprs} = erl_parse:parse_exprs(Rest ++ [{dot, 1}]),
    {value, Expected, _} = erl_eval:exprs(Exprs, []),
    case Value of
        Expected -> ok;
        _ -> error({gives, Value})
    end.

%% A file that was written: a module compiles, a policy can be read.
file(Name, Dir) ->
    in(Dir, fun() ->
        case filename:extension(Name) of
            ".erl" ->
                Options = [return_errors, warnings_as_errors, {outdir, filename:dirname(Name)}],
                {ok, _} = compile:file(Name, Options),
                ok;
            Policy when Policy =:= ".terms"; Policy =:= ".json" ->
                {ok, _} = seccomp:load_policy(Name),
                ok;
            _ ->
                {ok, _} = file:consult(Name),
                ok
        end
    end).

%% A policy compiles; anything else has to be JSON.
json(Text, Dir) ->
    in(Dir, fun() ->
        Read = seccomp:from_json(unicode:characters_to_binary(Text)),
        case {string:find(Text, "\"mode\""), Read} of
            {nomatch, {error, {bad_json, _} = Reason}} ->
                error(Reason);
            {nomatch, _} ->
                ok;
            {_, {ok, Map}} ->
                {ok, _} = seccomp:compile(Map),
                ok;
            {_, {error, Reason}} ->
                error(Reason)
        end
    end).

in(Dir, Fun) ->
    ok = file:set_cwd(Dir),
    {Pid, Ref} = spawn_monitor(fun() -> exit({done, Fun()}) end),
    receive
        {'DOWN', Ref, process, Pid, {done, ok}} -> ok;
        {'DOWN', Ref, process, Pid, Reason} -> {error, Reason}
    end.
