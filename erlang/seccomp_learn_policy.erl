%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_learn_policy).

-include("seccomp_doc.hrl").

?MODULEDOC("
From what was called to the smallest whitelist that lets the run pass.

What `@base` allows is left out, as a whitelist holds it. A group stands in
place of its members where that is exact: each of its patterns matches a
function of this node, all functions that it matches were called or are in
`@base`, and two or more rules become one by it.
").

-export([learned/1, are_learned/1, merge/1, write/2, anyway/0]).

?NODOC.
-spec learned(map()) -> {ok, seccomp_learn:learned()} | {error, seccomp_error:reason()}.
learned(#{entries := Entries, send := To, children := Children, groups := Wanted, gates := Gates} = Learned) ->
    Called = lists:sort([Mfa || #{mfa := Mfa} <- Entries]) -- Gates,
    {ok, Base} = seccomp_nif:compile(#{mode => whitelist, rules => []}),
    Rules = [Mfa || Mfa <- Called, not allows(Base, Mfa)],
    case given(Wanted, Rules) of
        {ok, Groups, Rest} ->
            Policy = (send(To))#{
                mode => whitelist,
                rules => [{gate, M, F, A} || {M, F, A} <- Gates] ++ fold(Rest, Called, Base) ++ Groups,
                spawn => spawn_flag(Children, Called)
            },
            Sorted = lists:sort(fun(#{mfa := A}, #{mfa := B}) -> A =< B end, Entries),
            {ok, Learned#{entries := Sorted, policy => complete(Policy)}};
        {error, _} = Error ->
            Error
    end.

?DOC("Whom a whitelist may send to that does not say.").
-spec anyway() -> [seccomp_nif:target()].
anyway() -> [self, parent, children, replies].

send([]) -> #{};
send(any) -> #{send => any};
send(Targets) -> #{send => anyway() ++ Targets}.

?NODOC.
-spec are_learned(term()) -> boolean().
are_learned([Run | Runs]) -> is_learned(Run) andalso are_learned(Runs);
are_learned(End) -> End =:= [].

is_learned(#{policy := #{rules := Rules}, entries := Entries, children := N, method := M} = Run) ->
    Send = maps:get(send, Run, none),
    is_list(Rules) andalso is_list(Entries) andalso is_integer(N) andalso is_atom(M) andalso
        (Send =:= any orelse is_list(Send)) andalso
        is_integer(maps:get(runs, Run, none)) andalso is_list(maps:get(groups, Run, none)) andalso
        is_list(maps:get(gates, Run, none));
is_learned(_) ->
    false.

?NODOC.
-spec merge([seccomp_learn:learned(), ...]) ->
    {ok, seccomp_learn:learned()} | {error, seccomp_error:reason()}.
merge([#{method := Method} | _] = Runs) ->
    Sum = fun(Key) -> lists:sum([map_get(Key, Run) || Run <- Runs]) end,
    Entries = lists:foldl(fun add_entry/2, #{}, lists:append([E || #{entries := E} <- Runs])),
    learned(#{
        entries => maps:values(Entries),
        send => merge_targets([map_get(send, Run) || Run <- Runs]),
        children => Sum(children),
        method => Method,
        runs => Sum(runs),
        groups => lists:usort(lists:append([Groups || #{groups := Groups} <- Runs])),
        gates => lists:usort(lists:append([Gates || #{gates := Gates} <- Runs]))
    }).

merge_targets(Targets) ->
    case lists:member(any, Targets) of
        true -> any;
        false -> lists:usort(lists:append(Targets))
    end.

add_entry(#{mfa := Mfa, count := Count, caller := Caller} = Entry, Acc) ->
    case Acc of
        #{Mfa := #{count := Before, caller := undefined} = First} ->
            Acc#{Mfa := First#{count := Before + Count, caller := Caller}};
        #{Mfa := #{count := Before} = First} ->
            Acc#{Mfa := First#{count := Before + Count}};
        #{} ->
            Acc#{Mfa => Entry}
    end.

allows(Policy, {M, F, A}) -> seccomp_nif:check(Policy, M, F, A) =:= allow.

%% A function that does not exist was called: that has to stay the error that
%% it was.
complete(Policy) ->
    case seccomp_policy:compile(Policy, []) of
        {ok, _} -> Policy;
        {error, _} -> Policy#{unknown => allow}
    end.

spawn_flag(0, Called) ->
    case [F || {M, F, _} <- Called, lists:member(M, [erlang, erts_internal]), spawns(F)] of
        [] -> deny;
        _ -> allow
    end;
spawn_flag(_Children, _Called) ->
    allow.

spawns(F) -> string:find(atom_to_list(F), "spawn") =/= nomatch.

%% -- Groups ------------------------------------------------------------------

%% Groups that were asked for, as far as they are of any use.
given(Wanted, Rules) -> given(Wanted, Rules, []).

given([], Rest, Groups) ->
    {ok, lists:reverse(Groups), Rest};
given([Group | Wanted], Rest, Groups) ->
    case seccomp_nif:compile(#{mode => whitelist, rules => [Group], base => false}) of
        {ok, Policy} ->
            case lists:partition(fun(Mfa) -> allows(Policy, Mfa) end, Rest) of
                {[], _} -> given(Wanted, Rest, Groups);
                {_, Left} -> given(Wanted, Left, [Group | Groups])
            end;
        {error, _} = Error ->
            Error
    end.

%% The group that saves most rules comes first; what it stands for is gone for
%% those after it.
fold(Rules, Called, Base) ->
    Set = maps:from_list([{Mfa, []} || Mfa <- Called]),
    Exact = [
        {Group, Members}
     || Group <- seccomp_nif:groups(),
        Group =/= '@base',
        {ok, Members} <- [expand(Group)],
        lists:all(fun(Mfa) -> is_map_key(Mfa, Set) orelse allows(Base, Mfa) end, Members)
    ],
    fold_into(Exact, Rules, []).

fold_into(Exact, Rules, Groups) ->
    Saved = [
        {length([M || M <- Rules, lists:member(M, Members)]), G, Members}
     || {G, Members} <- Exact
    ],
    case lists:reverse(lists:sort(Saved)) of
        [{N, Group, Members} | _] when N > 1 ->
            fold_into(lists:keydelete(Group, 1, Exact), Rules -- Members, [Group | Groups]);
        _ ->
            Rules ++ lists:reverse(Groups)
    end.

%% All functions of this node that a group allows, or that this cannot be said.
expand(Group) ->
    {ok, #{members := Members}} = seccomp_nif:group(Group),
    expand([Rule || {Rule, _Reason} <- Members], []).

expand([], Acc) ->
    {ok, lists:usort(lists:append(Acc))};
expand([Rule | Rules], Acc) ->
    case functions(Rule) of
        [_ | _] = Mfas -> expand(Rules, [Mfas | Acc]);
        _ -> unknown
    end.

functions({M, F, A}) when is_atom(M), is_integer(A) ->
    [Mfa || Mfa <- functions({M, F}), element(3, Mfa) =:= A];
functions({M, F, '_'}) ->
    functions({M, F});
functions({'_', _}) ->
    [];
functions({M, F}) ->
    [Mfa || {_, Name, _} = Mfa <- exports(M), F =:= Name orelse F =:= '_'];
functions(Atom) ->
    case atom_to_list(Atom) of
        "@" ++ _ ->
            case expand(Atom) of
                {ok, Mfas} -> Mfas;
                unknown -> []
            end;
        _ ->
            functions({Atom, '_'})
    end.

exports(M) ->
    case code:ensure_loaded(M) of
        {module, M} -> [{M, F, A} || {F, A} <- M:module_info(exports)];
        {error, _} -> []
    end.

%% -- Files -------------------------------------------------------------------

?NODOC.
-spec write(seccomp_learn:learned(), binary()) ->
    ok | {error, seccomp_error:reason()}.
write(#{policy := Policy} = Learned, File) ->
    Text =
        case filename:extension(File) of
            <<".json">> -> seccomp_nif:policy_to_json(Policy);
            _ -> {ok, unicode:characters_to_binary(terms(Learned))}
        end,
    case Text of
        {ok, Bytes} ->
            case file:write_file(File, Bytes) of
                ok ->
                    ok;
                {error, Reason} ->
                    Message = unicode:characters_to_binary([
                        "cannot write ", File, ": ", file:format_error(Reason)
                    ]),
                    {error, {file, #{reason => Reason, message => Message}}}
            end;
        {error, _} = Error ->
            Error
    end.

%% One term, as `file:consult/1` reads it, with what was seen as comments.
terms(#{policy := #{rules := Rules} = Policy, entries := Entries, runs := Runs}) ->
    Seen = maps:from_list([{Mfa, Entry} || #{mfa := Mfa} = Entry <- Entries]),
    Others = [{Key, maps:get(Key, Policy)} || Key <- maps:keys(Policy), Key =/= rules],
    [
        io_lib:format("%% -*- erlang -*-~n%% Learned from ~b run(s), ~b function(s) called.~n", [
            Runs, length(Entries)
        ]),
        "#{\n",
        [io_lib:format("    ~tp => ~tp,~n", [Key, Value]) || {Key, Value} <- Others],
        "    rules => [\n",
        rules(Rules, Seen),
        "    ]\n}.\n"
    ].

rules([], _Seen) ->
    [];
rules([Rule | Rules], Seen) ->
    Comma = [$, || Rules =/= []],
    [io_lib:format("        ~tw~s~ts~n", [Rule, Comma, seen(Rule, Seen)]) | rules(Rules, Seen)].

seen({gate, M, F, A}, Seen) ->
    seen({M, F, A}, Seen);
seen(Rule, Seen) ->
    case Seen of
        #{Rule := #{count := Count, caller := {M, F, A}}} ->
            io_lib:format(" % ~b, first by ~tw:~tw/~b", [Count, M, F, A]);
        #{Rule := #{count := Count}} ->
            io_lib:format(" % ~b", [Count]);
        #{} ->
            ""
    end.
