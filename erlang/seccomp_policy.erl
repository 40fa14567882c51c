%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_policy).

-include("seccomp_doc.hrl").

?MODULEDOC("
From the terms that a user writes to a compiled policy.

The native library knows the shape of a rule and what the groups hold. This
module adds what only the node knows: whether the named functions exist. It
also loads the modules of a whitelist, so that no allowed call needs the code
server later, which the restricted process may not ask.
").

-export([compile/2]).

-export_type([policy_map/0, options/0]).

-type policy_map() :: #{
    mode := whitelist | blacklist,
    rules := [seccomp_nif:commented()],
    spawn => allow | deny,
    inherit => boolean(),
    provenance => boolean(),
    on_deny => raise | kill | log,
    base => boolean(),
    unknown => error | allow,
    send => seccomp_nif:send(),
    comment => binary()
}.
-type options() :: #{
    spawn => allow | deny,
    inherit => boolean(),
    provenance => boolean(),
    on_deny => raise | kill | log,
    base => boolean(),
    unknown => error | allow,
    send => seccomp_nif:send(),
    comment => binary()
}.

%% A list beyond this is a mistake or an attack, never a policy.
-define(MAX_RULES, 1_000_000).

?DOC("
Compiles a policy. `Extra` are rules to add to a whitelist that does not name
them yet (what the evaluator of a shell needs).
").
-spec compile(map(), [seccomp_nif:rule()]) -> {ok, reference()} | {error, seccomp_error:reason()}.
compile(Map, Extra) ->
    maybe_chain(Map, [
        fun check_keys/1,
        fun check_values/1,
        fun check_length/1,
        fun check_args/1,
        fun(Spec) -> {ok, add_groups(Spec, Extra)} end,
        fun compile_and_resolve/1
    ]).

maybe_chain(Value, []) ->
    {ok, Value};
maybe_chain(Value, [Step | Steps]) ->
    case Step(Value) of
        {ok, Next} -> maybe_chain(Next, Steps);
        {error, _} = Error -> Error
    end.

%% -- Keys and values ---------------------------------------------------------

keys() -> [mode, rules, spawn, inherit, provenance, on_deny, base, unknown, send, comment].

check_keys(Map) ->
    case {maps:keys(maps:without(keys(), Map)), [mode, rules] -- maps:keys(Map)} of
        {[], []} ->
            {ok, Map};
        {[Option | _], _} ->
            Known = keys(),
            {error, {unknown_option, #{
                option => Option,
                known => Known,
                did_you_mean => suggest(Option, Known)
            }}};
        {[], [Option | _]} ->
            {error, {missing_option, #{option => Option, expected => expected(Option)}}}
    end.

check_values(Map) ->
    case [Key || Key <- keys(), is_map_key(Key, Map), not is_value(Key, map_get(Key, Map))] of
        [] ->
            {ok, Map};
        [Key | _] ->
            {error, {bad_option, #{
                option => Key,
                value => map_get(Key, Map),
                expected => expected(Key)
            }}}
    end.

is_value(mode, V) -> V =:= whitelist orelse V =:= blacklist;
is_value(rules, V) -> is_list(V);
is_value(spawn, V) -> V =:= allow orelse V =:= deny;
is_value(inherit, V) -> is_boolean(V);
is_value(provenance, V) -> is_boolean(V);
is_value(on_deny, V) -> V =:= raise orelse V =:= kill orelse V =:= log;
is_value(base, V) -> is_boolean(V);
is_value(unknown, V) -> V =:= error orelse V =:= allow;
is_value(send, V) -> V =:= any orelse V =:= none orelse is_list(V);
is_value(comment, V) -> is_binary(V).

expected(mode) -> <<"whitelist or blacklist">>;
expected(rules) -> <<"a list of rules">>;
expected(spawn) -> <<"allow or deny">>;
expected(on_deny) -> <<"raise, kill or log">>;
expected(unknown) -> <<"error or allow">>;
expected(send) -> <<"any, none or a list of targets">>;
expected(comment) -> <<"a binary">>;
expected(_Boolean) -> <<"true or false">>.

check_length(#{rules := Rules} = Map) ->
    case proper(Rules, 0) of
        ok -> {ok, Map};
        Error -> Error
    end.

proper([], _) ->
    ok;
proper([_ | _], ?MAX_RULES) ->
    {error, {bad_rules, #{reason => too_many, limit => ?MAX_RULES}}};
proper([_ | Rules], N) ->
    proper(Rules, N + 1);
proper(_Tail, N) ->
    {error, {bad_rules, #{reason => improper, position => N + 1}}}.

%% The emulator has words for what is wrong with a match specification, which
%% the library cannot get. It also refuses it, but a restricted caller may not
%% ask here.
check_args(#{rules := Rules} = Spec) ->
    Specs = specs(Rules, 1),
    case Specs =/= [] andalso seccomp_nif:flags(self()) of
        0 -> lint(Specs, Spec);
        {error, _} -> lint(Specs, Spec);
        _NoneOrRestricted -> {ok, Spec}
    end.

specs([], _N) ->
    [];
specs([Rule | Rules], N) ->
    case bare(Rule) of
        {_, _, A, Args} when is_integer(A) -> [{N, Args} | specs(Rules, N + 1)];
        _ -> specs(Rules, N + 1)
    end.

lint([], Spec) ->
    {ok, Spec};
lint([{N, Args} | Specs], Spec) ->
    case seccomp_args:lint(Args) of
        ok -> lint(Specs, Spec);
        {error, {Name, Why}} -> {error, {Name, Why#{position => N}}}
    end.

add_groups(#{mode := whitelist, rules := Rules} = Spec, Extra) ->
    Has = fun(Group) -> lists:any(fun(Rule) -> bare(Rule) =:= Group end, Rules) end,
    Spec#{rules := Rules ++ [Group || Group <- Extra, not Has(Group)]};
add_groups(Spec, _Extra) ->
    Spec.

%% A rule without what was said about it.
bare(#{rule := Rule}) -> Rule;
bare(Rule) -> Rule.

%% -- Compiling ---------------------------------------------------------------

%% The native library comes first: it refuses what is no rule at all, so that
%% the look at the node's modules meets well-formed rules only.
compile_and_resolve(Spec) ->
    case seccomp_nif:compile(maps:remove(unknown, Spec)) of
        {ok, Policy} ->
            case exist(Spec) of
                ok ->
                    ok = load_groups(Spec),
                    {ok, Policy};
                {error, _} = Error ->
                    Error
            end;
        {error, _} = Error ->
            Error
    end.

exist(#{rules := Rules} = Spec) ->
    exist(Rules, 1, maps:get(unknown, Spec, error), #{}).

%% `Seen` remembers which modules are there, and the names that a module
%% exports once a rule leaves the arity open: a policy may hold thousands of
%% rules for one module.
exist([], _N, _Unknown, _Seen) ->
    ok;
exist([Rule | Rules], N, Unknown, Seen0) ->
    {M, F, A} = pattern(bare(Rule)),
    Seen1 = see_module(M, Seen0),
    Seen = see_names(M, F, A, Seen1),
    case Unknown =:= allow orelse is_known(M, F, A, Seen) of
        true -> exist(Rules, N + 1, Unknown, Seen);
        false -> {error, unknown(M, F, A, N, Seen)}
    end.

pattern({M, F, A, _Args}) when is_integer(A) -> {M, F, A};
pattern({gate, M, F, A}) -> {M, F, A};
pattern({M, F, A}) -> {M, F, A};
pattern({M, F}) -> {M, F, '_'};
pattern(Atom) ->
    case is_group(Atom) of
        true -> {'_', '_', '_'};
        false -> {Atom, '_', '_'}
    end.

is_group(Atom) -> is_atom(Atom) andalso lists:prefix("@", atom_to_list(Atom)).

%% Loading is wanted for a whitelist; for a blacklist it is the only way to
%% learn what a module exports that may come from an archive or a release.
see_module('_', Seen) -> Seen;
see_module(M, Seen) when is_map_key(M, Seen) -> Seen;
see_module(M, Seen) -> Seen#{M => is_loaded(M)}.

is_loaded(Module) ->
    erlang:module_loaded(Module) orelse
        case code:ensure_loaded(Module) of
            {module, Module} -> true;
            {error, _} -> false
        end.

see_names(M, F, '_', Seen) when F =/= '_', map_get(M, Seen), not is_map_key({names, M}, Seen) ->
    Seen#{{names, M} => maps:from_list(M:module_info(exports))};
see_names(_M, _F, _A, Seen) ->
    Seen.

is_known('_', _F, _A, _Seen) -> true;
is_known(M, _F, _A, Seen) when not map_get(M, Seen) -> false;
is_known(_M, '_', _A, _Seen) -> true;
is_known(M, F, '_', Seen) -> is_map_key(F, map_get({names, M}, Seen)) orelse is_operator(M, F);
is_known(M, F, A, _Seen) -> erlang:function_exported(M, F, A) orelse erlang:is_builtin(M, F, A).

%% There is no Erlang function behind an operator.
is_operator(M, F) -> erlang:is_builtin(M, F, 1) orelse erlang:is_builtin(M, F, 2).

%% -- What was meant ----------------------------------------------------------

unknown(M, _F, _A, N, Seen) when not map_get(M, Seen) ->
    Modules = [list_to_binary(Name) || {Name, _, _} <- code:all_available()],
    {unknown_module, #{
        module => M,
        position => N,
        did_you_mean => existing(seccomp_nif:suggest(atom_to_binary(M), Modules))
    }};
unknown(M, F, A, N, _Seen) ->
    {unknown_function, #{
        mfa => {M, F, A},
        position => N,
        did_you_mean => similar(M, F, A, M:module_info(exports))
    }}.

%% The same name with another arity, or another name that looks like it.
similar(M, F, A, Exports) ->
    case lists:keymember(F, 1, Exports) of
        true ->
            nearest(M, F, A, Exports);
        false ->
            case suggest(F, lists:usort([Name || {Name, _} <- Exports])) of
                none -> none;
                Name -> nearest(M, Name, A, Exports)
            end
    end.

nearest(M, F, '_', _Exports) ->
    {M, F, '_'};
nearest(M, F, A, Exports) ->
    {_, Arity} = lists:min([{abs(A - Arity), Arity} || {Name, Arity} <- Exports, Name =:= F]),
    {M, F, Arity}.

suggest(Name, Candidates) when is_atom(Name) ->
    existing(seccomp_nif:suggest(atom_to_binary(Name), [atom_to_binary(C) || C <- Candidates]));
suggest(_, _) ->
    none.

%% A suggested module may never have been mentioned in this node; its name
%% then stays a binary instead of making an atom.
existing(none) ->
    none;
existing(Name) ->
    try
        binary_to_existing_atom(Name)
    catch
        error:badarg -> Name
    end.

%% -- Loading -----------------------------------------------------------------

load_groups(#{mode := blacklist}) ->
    ok;
load_groups(#{rules := Rules} = Spec) ->
    %% A restricted caller that tightens its policy may neither load nor look
    %% into persistent terms; what it may call is loaded already.
    case seccomp_nif:flags(self()) of
        0 ->
            Base = ['@base' || maps:get(base, Spec, true)],
            Groups = Base ++ [Group || Rule <- Rules, Group <- [bare(Rule)], is_group(Group)],
            lists:foreach(fun is_loaded/1, lists:flatmap(fun modules/1, Groups));
        _RestrictedOrUnsupported ->
            ok
    end.

%% The modules of a group that this OTP has. The groups are part of the native
%% library, so a cached answer does not age.
modules(Group) ->
    Key = {?MODULE, Group},
    case persistent_term:get(Key, undefined) of
        undefined ->
            Modules = [M || M <- lists:usort(members(Group)), is_loaded(M)],
            ok = persistent_term:put(Key, Modules),
            Modules;
        Modules ->
            Modules
    end.

members(Group) ->
    {ok, #{members := Members}} = seccomp_nif:group(Group),
    lists:flatmap(
        fun({Rule, _Reason}) ->
            case is_group(Rule) of
                true -> members(Rule);
                false -> [M || {M, _, _} <- [pattern(Rule)], M =/= '_']
            end
        end,
        Members
    ).
