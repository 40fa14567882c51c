%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_learn_gates).

-include("seccomp_doc.hrl").

?MODULEDOC("
Which functions a session of learning takes for gates: those that its caller
trusts. What they call is not learned, and those that were called are written as
gates.
").

-export([functions/2, called/2]).

-export_type([trusted/0]).

-type trusted() :: module() | {application, atom()} | seccomp_nif:mfarity().

?NODOC.
-spec functions([trusted()], [log | trace]) ->
    {ok, [seccomp_nif:mfarity()]} | {error, seccomp_error:reason()}.
functions([], _Methods) -> {ok, []};
functions(Trusted, [log]) when is_list(Trusted) -> each(Trusted, Trusted, []);
functions(Trusted, _) -> {error, bad(Trusted, <<"none where calls are traced: a tracer sees what gates call, too">>)}.

each([], _All, Acc) ->
    {ok, lists:usort(lists:append(Acc))};
each([One | Rest], All, Acc) ->
    case expand(One) of
        {ok, Functions} -> each(Rest, All, [Functions | Acc]);
        {error, {bad_option, _}} -> {error, bad(All, <<"loaded modules, {Module, Function, Arity} and {application, Name}">>)};
        {error, _} = Error -> Error
    end;
each(_Improper, All, _Acc) ->
    {error, bad(All, <<"a proper list">>)}.

bad(Value, Expected) -> {bad_option, #{option => gates, value => Value, expected => Expected}}.

%% What somebody names has to be able to be a gate; of a module or an
%% application those functions are taken that are.
expand({application, Name}) when is_atom(Name) ->
    case application:get_key(Name, modules) of
        {ok, Modules} -> {ok, lists:append([exports(M) || M <- Modules, is_loaded(M)])};
        undefined -> {error, {bad_option, #{}}}
    end;
expand({_, _, _} = Mfa) ->
    case compile(Mfa) of
        {ok, _} -> {ok, [Mfa]};
        {error, _} = Error -> Error
    end;
expand(Module) when is_atom(Module) ->
    case is_loaded(Module) of
        true -> {ok, exports(Module)};
        false -> {error, {bad_option, #{}}}
    end;
expand(_) ->
    {error, {bad_option, #{}}}.

%% A gate whose function is not loaded when it is called opens nothing.
is_loaded(Module) -> code:ensure_loaded(Module) =:= {module, Module}.

exports(Module) ->
    Exports = [{Module, F, A} || {F, A} <- Module:module_info(exports), F =/= module_info],
    [Mfa || Mfa <- Exports, element(1, compile(Mfa)) =:= ok].

compile({M, F, A}) ->
    seccomp_nif:compile(#{mode => whitelist, base => false, rules => [{gate, M, F, A}]}).

?DOC("
Those that were called. An error names one that was called with a fun, which a
policy with that gate would have denied.
").
-spec called([seccomp_nif:mfarity()], [map()]) ->
    {ok, [seccomp_nif:mfarity()]} | {error, seccomp_error:reason()}.
called(Gates, Calls) ->
    case [Mfa || #{mfa := Mfa, brought_fun := true} <- Calls] of
        [] ->
            Set = maps:from_keys(Gates, []),
            {ok, lists:sort([Mfa || #{mfa := Mfa} <- Calls, is_map_key(Mfa, Set)])};
        [{M, F, A} = Mfa | _] ->
            Text = unicode:characters_to_binary(
                io_lib:format(
                    "~tw:~tw/~b was called with a fun, in its arguments or in the process dictionary, "
                    "or with an error handler; no gate takes one: name its module's other functions",
                    [M, F, A]
                )
            ),
            {error, {gate_fun, #{mfa => Mfa, message => Text}}}
    end.
