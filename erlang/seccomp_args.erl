%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_args).

-include("seccomp_doc.hrl").

?MODULEDOC("
Rules about the arguments of a call: match specifications for policies.

As a parse transform it makes a match specification of the fun that
`seccomp:args/1` is given, as `ms_transform` does for `dbg:fun2ms/1`, whose work
it is:

    -compile({parse_transform, seccomp_args}).

    rules() ->
        [{ets, insert, 2, seccomp:args(fun([Tab, _]) when Tab =:= my_tab -> true end)}].
").

-export([parse_transform/2, from_fun/1, lint/1, allows/2]).

-export_type([match_spec/0]).

-type match_spec() :: [{Head :: term(), Guards :: [term()], Body :: [term(), ...]}].

?DOC("Replaces calls of `seccomp:args/1`, and what `ms_transform` replaces.").
-spec parse_transform([term()], [term()]) -> term().
parse_transform(Forms, Options) ->
    ms_transform:parse_transform(rename(Forms), Options).

%% One list of arguments is what tracing has, so it is its dialect to write in;
%% actions, which that has, too, are refused when a policy is compiled.
rename({call, Anno, {remote, At, {atom, M, seccomp}, {atom, F, args}}, [{'fun', _, _} = Fun]}) ->
    {call, Anno, {remote, At, {atom, M, dbg}, {atom, F, fun2ms}}, [Fun]};
rename(Form) when is_tuple(Form) ->
    list_to_tuple(rename(tuple_to_list(Form)));
rename([Form | Forms]) ->
    [rename(Form) | rename(Forms)];
rename(Form) ->
    Form.

?DOC("The match specification of a fun that was written in the shell.").
-spec from_fun(fun()) -> {ok, match_spec()} | {error, seccomp_error:reason()}.
from_fun(Fun) ->
    case erl_eval:fun_data(Fun) of
        {fun_data, Bindings, Clauses} ->
            case ms_transform:transform_from_shell(dbg, Clauses, Bindings) of
                {error, [{_, [{_, _, Code} | _]} | _], _} ->
                    {error, bad(ms_transform:format_error(Code))};
                Spec ->
                    {ok, Spec}
            end;
        _ ->
            {error,
                bad(
                    "a fun that is compiled cannot be read: write "
                    "-compile({parse_transform, seccomp_args}) in the module"
                )}
    end.

?DOC("What is wrong with a match specification, in the emulator's words.").
-spec lint(term()) -> ok | {error, seccomp_error:reason()}.
lint(Spec) ->
    %% In the dialect in which it is compiled: it has no actions.
    case erlang:match_spec_test([], Spec, table) of
        {ok, _, _, _} ->
            ok;
        {error, Reasons} ->
            Texts = [Text || {error, Text} <- Reasons],
            {error, bad(lists:join("; ", Texts))}
    end.

bad(Text) ->
    {bad_match_spec, #{message => unicode:characters_to_binary(["bad match specification: ", Text])}}.

?DOC("
Whether a policy allows a call with these arguments. It is decided here, by the
engine that also decides about calls, so any emulator will do.
").
-spec allows(reference(), {module(), atom(), [term()]}) -> boolean().
allows(Policy, {M, F, Args}) ->
    A = length(Args),
    Results = [{N, run(Spec, Args)} || {N, Spec} <- seccomp_nif:args_of(Policy, M, F, A)],
    seccomp_nif:check_args(Policy, M, F, A, Results).

run(Spec, Args) ->
    case ets:match_spec_run([Args], ets:match_spec_compile(Spec)) of
        [Result] -> Result;
        [] -> false
    end.
