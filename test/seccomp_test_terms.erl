%% SPDX-License-Identifier: Apache-2.0
%%
%% Terms of every type for PropEr: what no function expects, and what looks like
%% the arguments of ours but for a part of it.
%%
%% The pids among them are dead, remote, or given by the caller.
-module(seccomp_test_terms).

-include("seccomp_test_proper.hrl").

-export([arguments/3, any_term/1]).

-import(proper_types, [
    frequency/1, oneof/1, elements/1, exactly/1, list/1, non_empty/1, range/2, nat/0, byte/0,
    integer/0, float/0, binary/0, bitstring/0, resize/2
]).

-type given() :: #{pids := [pid()], handles := [reference()]}.
%% What only the caller can make.

%% Arguments for a function of the API or of the native library: each one is
%% what it should be, or something like it, or anything.
-spec arguments(module(), {atom(), arity()}, given()) -> proper_types:type().
arguments(Module, Function, Given) ->
    [argument(Kind, Given) || Kind <- kinds(Module, Function)].

argument(Kind, Given) ->
    frequency([{5, good(Kind, Given)}, {3, any_term(Given)}, {2, spoilt(good(Kind, Given), Given)}]).

%% A function that is not known here gets any terms.
kinds(seccomp_nif, {F, A}) ->
    case {F, A} of
        {compile, 1} -> [spec];
        {policy_to_json, 1} -> [spec];
        {policy_from_json, 1} -> [json];
        {policy_includes, 2} -> [path, json];
        {policy_from_files, 2} -> [path, files];
        {check, 4} -> [handle, atom, atom, arity];
        {explain, 4} -> [handle, atom, atom, arity];
        {group, 1} -> [group];
        {suggest, 2} -> [text, texts];
        {set_policy, 4} -> [pid, handle, how, tag];
        {restrict_spawn, 2} -> [pid, tag];
        {lift, 2} -> [pid, tag];
        {flags, 1} -> [pid];
        {info, 1} -> [pid];
        {dump, 1} -> [handle];
        {policy_info, 1} -> [handle];
        _ -> lists:duplicate(A, anything)
    end;
kinds(seccomp, {F, A}) ->
    case {F, A} of
        {compile, 1} -> [spec];
        {to_json, 1} -> [spec];
        {from_json, 1} -> [json];
        {load_policy, 1} -> [path];
        {read_policy, 1} -> [path];
        {check, 2} -> [policy, mfa];
        {explain, 2} -> [policy, mfa];
        {dump, 1} -> [policy];
        {group, 1} -> [group];
        {restrict, 3} -> [pid, mode, rules];
        {restrict, 4} -> [pid, mode, rules, options];
        {set_policy, 2} -> [pid, policy];
        {spawn_opt, 3} -> [policy, fun0, spawn_options];
        {_, 2} -> [policy, fun0];
        {_, 1} -> [pid];
        _ -> lists:duplicate(A, anything)
    end.

%% -- What is expected --------------------------------------------------------

good(anything, Given) -> any_term(Given);
good(spec, _) -> ?LET({M, R, O}, {mode(), rules(), options()}, exactly(O#{mode => M, rules => R}));
good(options, _) -> options();
good(mode, _) -> mode();
good(rules, _) -> rules();
good(json, _) -> json();
good(path, _) -> elements([<<"p.json">>, <<"p.terms">>, <<"/nowhere/p.json">>, <<"p">>]);
good(files, Given) ->
    Content = oneof([json(), {error, <<"enoent">>}, any_term(Given)]),
    list({good(path, Given), Content});
good(handle, #{handles := Handles}) -> elements(Handles);
good(policy, Given) -> {seccomp_policy, good(handle, Given)};
good(mfa, _) -> {name(), name(), range(0, 255)};
good(atom, _) -> name();
good(arity, _) -> oneof([range(0, 255), elements([-1, 256, 1 bsl 64])]);
good(group, _) -> elements(['@base', '@pure', '@os', '@shell', '@prue', '@', lists]);
good(text, _) -> oneof([elements([<<"lists">>, <<>>]), proper_unicode:utf8()]);
good(texts, _) -> list(proper_unicode:utf8());
good(pid, #{pids := Pids}) -> elements(Pids);
good(how, _) -> elements([restrict, replace]);
good(tag, _) -> ?LAZY(make_ref());
good(fun0, _) -> exactly(fun() -> ok end);
good(spawn_options, _) -> list(elements([link, monitor, {priority, low}, {min_heap_size, 500}, x])).

mode() -> elements([whitelist, blacklist]).

%% The modules and functions of rules, some of which exist.
name() -> elements([lists, map, os, cmd, erlang, spawn, '_', '', '@pure', 'Elixir.Enum', 'ÿ☃', and_]).

rules() -> list(rule()).

rule() ->
    frequency([
        {2, name()},
        {1, elements(['@base', '@pure', '@os'])},
        {2, {name(), name()}},
        {3, {name(), name(), oneof([range(0, 255), '_'])}},
        {1, oneof([{}, {a}, {a, b, 256}, {a, b, c}, {a, b, 1, 1}, [a], 1, "os"])}
    ]).

options() ->
    ?LET(
        Pairs,
        list(
            elements([
                {spawn, allow}, {spawn, deny}, {inherit, true}, {inherit, false},
                {on_deny, raise}, {on_deny, log}, {base, true}, {unknown, allow}, {unknown, error},
                {comment, <<"ü"/utf8>>}, {comment, <<255>>}, {comment, "no"}, {spawn, x}, {bose, true}
            ])
        ),
        exactly(maps:from_list(Pairs))
    ).

%% JSON of a policy with some bytes changed, which may still be one.
json() ->
    Whole = <<"{\"mode\":\"whitelist\",\"rules\":[\"lists:map/2\",{\"rule\":\"@pure\"}],\"base\":true}">>,
    ?LET(
        Changes,
        resize(3, list({range(0, byte_size(Whole) - 1), byte()})),
        lists:foldl(
            fun({Place, Byte}, Json) ->
                <<Before:Place/binary, _, After/binary>> = Json,
                <<Before/binary, Byte, After/binary>>
            end,
            Whole,
            Changes
        )
    ).

%% -- Something like it -------------------------------------------------------

%% A good argument of which one part is anything.
spoilt(Good, Given) -> ?LET({Term, Junk, N}, {Good, any_term(Given), nat()}, exactly(spoil(Term, Junk, N))).

spoil(Term, Junk, N) when is_tuple(Term), Term =/= {} ->
    setelement(N rem tuple_size(Term) + 1, Term, Junk);
spoil([_ | _] = Term, Junk, N) when length(Term) > 0 ->
    case lists:split(N rem (length(Term) + 1), Term) of
        {Before, []} -> Before ++ Junk;
        {Before, [_ | After]} -> Before ++ [Junk | After]
    end;
spoil(Term, Junk, N) when is_map(Term), map_size(Term) > 0 ->
    Keys = lists:sort(maps:keys(Term)),
    case N rem 3 of
        0 -> Term#{Junk => N};
        _ -> Term#{lists:nth(N rem length(Keys) + 1, Keys) := Junk}
    end;
spoil(Term, Junk, N) when is_binary(Term), byte_size(Term) > 1 ->
    case N rem 2 of
        0 -> binary:part(Term, 1, byte_size(Term) - 1);
        1 -> {Term, Junk}
    end;
spoil(Term, Junk, _N) ->
    [Term | Junk].

%% -- Anything ----------------------------------------------------------------

-spec any_term(given()) -> proper_types:type().
any_term(Given) -> ?SIZED(Size, any_term(min(Size, 12), Given)).

any_term(0, Given) ->
    leaf(Given);
any_term(Size, Given) ->
    Smaller = ?LAZY(any_term(Size div 3, Given)),
    frequency([
        {6, leaf(Given)},
        {2, list(Smaller)},
        {1, ?LET({List, Tail}, {non_empty(list(Smaller)), leaf(Given)}, exactly(List ++ Tail))},
        {2, ?LET(List, list(Smaller), exactly(list_to_tuple(List)))},
        {2, ?LET(Pairs, list({Smaller, Smaller}), exactly(maps:from_list(Pairs)))},
        {1, large(Given)}
    ]).

leaf(#{pids := Pids, handles := Handles}) ->
    frequency([
        {2, integer()},
        {1, ?LET({N, Shift}, {integer(), range(0, 300)}, N bsl Shift)},
        {1, float()},
        {2, name()},
        {1, elements([undefined, ok, true, [], {}, #{}, <<>>, restrict, whitelist])},
        {1, binary()},
        {1, bitstring()},
        %% Parts of larger binaries, also at odd bits.
        {1, ?LET({Skip, Bits}, {range(0, 9), range(0, 90)}, part(Skip, Bits))},
        {1, proper_unicode:utf8()},
        {1, elements([fun() -> ok end, fun lists:sum/1, fun(X) -> X end, fun nowhere:at_all/3])},
        {1, ?LAZY(elements(erlang:ports()))},
        {1, ?LAZY(oneof([make_ref(), atomics:new(1, []), counters:new(1, []), alias([reply])]))},
        {1, elements(foreign())},
        {1, ?LAZY(elements([dead() | Pids]))},
        {1, elements(Handles)},
        {1, {seccomp_policy, elements(Handles)}}
    ]).

part(Skip, Bits) ->
    <<_:Skip, Part:Bits/bitstring, _/bitstring>> = binary:copy(<<"{\"mode\":1}">>, 10),
    Part.

%% `exactly`, or each element would be taken for a generator.
large(Given) ->
    ?LET({Leaf, Size, Shape}, {leaf(Given), elements([1000, 10000]), range(1, 7)}, exactly(large(Shape, Leaf, Size))).

large(1, Leaf, Size) -> lists:duplicate(Size, Leaf);
large(2, Leaf, Size) -> lists:duplicate(Size, Leaf) ++ Leaf;
large(3, Leaf, Size) -> erlang:make_tuple(Size, Leaf);
large(4, Leaf, Size) -> lists:foldl(fun(_, T) -> [T] end, Leaf, lists:seq(1, Size));
large(5, Leaf, Size) -> lists:foldl(fun(_, T) -> {T} end, Leaf, lists:seq(1, Size));
large(6, Leaf, Size) -> maps:from_list([{N, Leaf} || N <- lists:seq(1, Size)]);
large(7, _Leaf, Size) -> binary:copy(<<"[">>, Size).

dead() ->
    {Pid, Monitor} = spawn_monitor(fun() -> ok end),
    receive
        {'DOWN', Monitor, process, Pid, normal} -> Pid
    end.

%% A pid, a port and a reference of another node, in the external format.
foreign() ->
    Node = <<119, 7, "far@off">>,
    [
        binary_to_term(<<131, 88, Node/binary, 7:32, 0:32, 1:32>>),
        binary_to_term(<<131, 120, Node/binary, 7:64, 1:32>>),
        binary_to_term(<<131, 90, 3:16, Node/binary, 1:32, 7:32, 8:32, 9:32>>)
    ].
