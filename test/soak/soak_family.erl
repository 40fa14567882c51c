%% SPDX-License-Identifier: Apache-2.0
%%
%% The policies that the mixed load uses, in families with no policy in common:
%% a rule that matches nothing makes equal ones differ. Compiled once and held
%% for as long as the owner lives; all else is dropped and made again by the
%% work itself.
-module(soak_family).

-export([start/0, stop/1, hashes/0]).
-export([policy/1, policies/1, map/2, salted/2]).

-define(T, soak_target).

%% What a whitelist needs for all that soak_target does between its shots.
-define(AROUND, [
    erlang, counters, erts_internal, erts_debug, lists, ets, maps, init, seccomp_nif,
    {?T, woken, 1}, {?T, nothing, 0}
]).

-spec start() -> pid().
start() ->
    Me = self(),
    {Owner, Monitor} = spawn_monitor(fun() ->
        Families = [{Name, [compile(Map) || Map <- Maps]} || {Name, Maps} <- families()],
        ok = persistent_term:put(?MODULE, maps:from_list(Families)),
        Me ! {self(), ready},
        receive
            stop -> persistent_term:erase(?MODULE)
        end
    end),
    receive
        {Owner, ready} -> erlang:demonitor(Monitor, [flush]), Owner;
        {'DOWN', Monitor, process, Owner, Reason} -> error(Reason)
    end.

-spec stop(pid()) -> ok.
stop(Owner) ->
    Monitor = monitor(process, Owner),
    Owner ! stop,
    normal = soak_wait:down({Owner, Monitor}),
    ok.

%% -- The families ------------------------------------------------------------

families() ->
    [
        {Name, [salted(Map, Name) || Map <- Maps]}
     || {Name, Maps} <-
            [
                {race_blacklist, blacklists(#{})},
                {race_whitelist, whitelists(#{})},
                {race_kill, blacklists(#{on_deny => kill})},
                {race_kill_whitelist, whitelists(#{on_deny => kill})},
                {crowd, blacklists(#{}) ++ whitelists(#{})},
                {self, [self_map(?T), self_map(atomics)]},
                {ending, [one(blacklist, ?T:denied(), #{})]},
                {pair, [one(blacklist, ?T:denied(), #{})]},
                {code, [one(blacklist, [{M, denied, 1} || M <- soak_code:modules()], #{})]},
                {code_modules, [one(blacklist, soak_code:modules(), #{})]},
                {tree, [one(blacklist, ?T:denied(), #{})]},
                {tree_lifted, [one(blacklist, ?T:denied(), #{})]},
                {tree_free, [one(blacklist, ?T:denied(), #{inherit => false})]},
                {tree_spawns, [one(blacklist, [], #{spawn => deny})]},
                {tree_spawns_kill, [one(blacklist, [], #{spawn => deny, on_deny => kill})]}
            ]
    ] ++ [{{Action, Mfa}, [way(Action, Mfa)]} || Action <- [raise, kill, log], Mfa <- ways()].

blacklists(Opts) ->
    [
        one(blacklist, ?T:denied(), Opts),
        one(blacklist, [os, file | ?T:denied()], Opts),
        one(blacklist, [atomics, {?T, hit, '_'}, code], Opts)
    ].

whitelists(Opts) ->
    [one(whitelist, ?AROUND, Opts), one(whitelist, [seccomp, gen_server | ?AROUND], Opts)].

%% Differs from others of its kind in the module that its second rule is about.
self_map(Module) -> one(blacklist, [{Module, F, A} || {M, F, A} <- ?T:denied(), M =:= Module], #{}).

way(Action, {M, F, A} = Mfa) ->
    salted(one(blacklist, [{M, F, A}], #{on_deny => Action}), {Action, Mfa}).

ways() ->
    Env = seccomp_test_calls:env(),
    Mfas = lists:usort([Mfa || #{mfa := Mfa} <- seccomp_test_calls:calls(Env)]),
    ok = seccomp_test_calls:close(Env),
    Mfas.

%% Who works here reads answers of restricted processes all the time, and has
%% other children than theirs; sending is how they count.
one(Mode, Rules, Opts) ->
    Opts#{mode => Mode, rules => Rules, unknown => allow, provenance => false, send => any}.

%% The same policy in another family, by a rule for what does not exist. Its
%% module is loaded, or each `restrict` would wait for the code server.
-spec salted(map(), term()) -> map().
salted(#{rules := Rules} = Map, Salt) ->
    Name = list_to_atom(lists:flatten(io_lib:format("~0tp", [Salt]))),
    Map#{rules := [{?T, Name, 0} | Rules]}.

compile(Map) ->
    {ok, Policy} = seccomp:compile(Map),
    {Policy, Map}.

%% -- Using them --------------------------------------------------------------

entries(Family) -> map_get(Family, persistent_term:get(?MODULE)).

-spec policies(term()) -> [seccomp:policy()].
policies(Family) -> [Policy || {Policy, _} <- entries(Family)].

%% One of the family.
-spec policy(term()) -> seccomp:policy().
policy(Family) -> soak_wait:any(policies(Family)).

%% What the Nth was compiled from, for `restrict`.
-spec map(term(), pos_integer() | any) -> {whitelist | blacklist, [seccomp:rule()], map()}.
map(Family, any) ->
    map(Family, rand:uniform(length(entries(Family))));
map(Family, Nth) ->
    {_, #{mode := Mode, rules := Rules} = Map} = lists:nth(Nth, entries(Family)),
    {Mode, Rules, maps:without([mode, rules], Map)}.

%% Each policy that a process can come under: a member of a family, or the meet
%% of several.
-spec hashes() -> #{binary() => term()}.
hashes() ->
    All = [
        {hash(Subset), Family}
     || {Family, Members} <- maps:to_list(persistent_term:get(?MODULE)),
        Subset <- subsets([Policy || {Policy, _} <- Members]),
        Subset =/= []
    ],
    {SpawnOnly, _} = {hash_under(fun(Pid) -> ok = seccomp:restrict_spawn(Pid) end), ok},
    Families = maps:from_list([{SpawnOnly, restrict_spawn} | All]),
    %% A policy in two families would make the comparison blind.
    [] = [Hash || {Hash, Family} <- All, map_get(Hash, Families) =/= Family],
    Families.

subsets([]) -> [[]];
subsets([Head | Tail]) -> [S || T <- subsets(Tail), S <- [T, [Head | T]]].

hash([First | Rest]) ->
    hash_under(fun(Pid) ->
        ok = seccomp:set_policy(Pid, First),
        [ok = tighten(Pid, Policy) || Policy <- Rest]
    end).

%% As seccomp:restrict/4 does it, for a policy that is compiled already.
tighten(Pid, {seccomp_policy, Ref}) ->
    Tag = make_ref(),
    wait = seccomp_nif:set_policy(Pid, Ref, restrict, Tag),
    receive
        {Tag, Answer} -> Answer
    end.

hash_under(Restrict) ->
    Pid = spawn(fun() -> receive stop -> ok end end),
    _ = Restrict(Pid),
    #{hash := Hash} = seccomp:info(Pid),
    true = exit(Pid, kill),
    Hash.
