%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_eval_interp).

-include("seccomp_doc.hrl").

?MODULEDOC("
The interpreter of expressions. `erl_eval` asks `process_info/2` for its own
stack when it raises an error, and a policy that allows `process_info/2` allows
it for every process. So this is a copy of the node's own `erl_eval`, made when
it is first needed, in which those stacks are empty. Where there is no debug
information to make it from, `erl_eval` itself is used: then an error that it
raises, such as `badmatch`, is a denial.
").

-export([module/0]).

% Processes that answer by the reason that they end with.
-dialyzer({nowarn_function, [make/0, make_once/0]}).

-define(COPY, seccomp_erl_eval).

?DOC("The module to use, which is loaded.").
-spec module() -> ?COPY | erl_eval.
module() ->
    case erlang:module_loaded(?COPY) of
        true ->
            ?COPY;
        false ->
            {Pid, Monitor} = erlang:spawn_monitor(fun make/0),
            receive
                {'DOWN', Monitor, process, Pid, made} -> ?COPY;
                {'DOWN', Monitor, process, Pid, busy} -> module();
                {'DOWN', Monitor, process, Pid, _Reason} -> erl_eval
            end
    end.

%% One at a time: loading it twice would make the first one old.
make() ->
    try register(?COPY, self()) of
        true -> make_once()
    catch
        error:badarg ->
            timer:sleep(5),
            exit(busy)
    end.

make_once() ->
    case erlang:module_loaded(?COPY) of
        true ->
            ok;
        false ->
            {ok, {_, [{abstract_code, {_, Forms}}]}} =
                beam_lib:chunks(code:which(erl_eval), [abstract_code]),
            {ok, ?COPY, Beam} = compile:noenv_forms([change(Form) || Form <- Forms], [binary]),
            {module, ?COPY} = erlang:load_module(?COPY, Beam)
    end,
    exit(made).

change({attribute, A, module, erl_eval}) -> {attribute, A, module, ?COPY};
change({call, A, {atom, _, element}, [{integer, _, 2}, {call, _, Asked, [_, _]}]} = Call) ->
    case Asked of
        {remote, _, {atom, _, erlang}, {atom, _, process_info}} -> {nil, A};
        _ -> list_to_tuple(change(tuple_to_list(Call)))
    end;
change([H | T]) -> [change(H) | change(T)];
change(Tuple) when is_tuple(Tuple) -> list_to_tuple(change(tuple_to_list(Tuple)));
change(Term) -> Term.
