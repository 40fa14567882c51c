%% SPDX-License-Identifier: Apache-2.0
%%
%% S and I: who may spawn, and what children start with.
-module(seccomp_spawn_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    spawn_denied/1,
    spawn_denied_prints_what_was_denied/1,
    spawn_denied_kills/1,
    spawn_denied_is_logged/1,
    restrict_spawn_alone/1,
    spawn_allowed/1,
    remote_spawn_denied/1,
    children_inherit/1,
    children_shed/1,
    grandchildren/1,
    restricted_from_the_first_instruction/1,
    failing_attach_runs_nothing/1,
    many_children/1
]).

-define(T, seccomp_test_target).

%% A call that should have been denied may leave somebody waiting.
suite() -> [{timetrap, {seconds, 60}}].

all() ->
    [
        spawn_denied,
        spawn_denied_prints_what_was_denied,
        spawn_denied_kills,
        spawn_denied_is_logged,
        restrict_spawn_alone,
        spawn_allowed,
        remote_spawn_denied,
        children_inherit,
        children_shed,
        grandchildren,
        restricted_from_the_first_instruction,
        failing_attach_runs_nothing,
        many_children
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

%% -- S -----------------------------------------------------------------------

%% {Name, the function that the denial names, how to spawn Fun}.
spawns() ->
    Spawn = {erlang, spawn, 3},
    Link = {erlang, spawn_link, 3},
    Opt = {erlang, spawn_opt, 4},
    Request = {erts_internal, spawn_request, 4},
    [
        {spawn_1, Spawn, fun(F) -> spawn(F) end},
        {spawn_3, Spawn, fun(F) -> spawn(erlang, apply, [F, []]) end},
        {spawn_link_1, Link, fun(F) -> spawn_link(F) end},
        {spawn_link_3, Link, fun(F) -> spawn_link(erlang, apply, [F, []]) end},
        {spawn_monitor_1, Opt, fun(F) -> spawn_monitor(F) end},
        {spawn_monitor_3, Opt, fun(F) -> spawn_monitor(erlang, apply, [F, []]) end},
        {spawn_opt_2, Opt, fun(F) -> spawn_opt(F, [{priority, high}]) end},
        {spawn_opt_4, Opt, fun(F) -> spawn_opt(erlang, apply, [F, []], [monitor]) end},
        {spawn_request_1, Request, fun(F) -> spawn_request(F) end},
        {spawn_request_2, Request, fun(F) -> spawn_request(F, [monitor]) end},
        {spawn_request_3, Request, fun(F) -> spawn_request(erlang, apply, [F, []]) end},
        {spawn_request_4, Request, fun(F) -> spawn_request(erlang, apply, [F, []], [link]) end},
        {spawn_node_2, Spawn, fun(F) -> spawn(node(), F) end},
        {spawn_node_4, Spawn, fun(F) -> spawn(node(), erlang, apply, [F, []]) end},
        {spawn_link_node, Link, fun(F) -> spawn_link(node(), F) end},
        {spawn_opt_node, Opt, fun(F) -> spawn_opt(node(), F, [{priority, low}]) end},
        {spawn_monitor_node, Opt, fun(F) -> spawn_monitor(node(), F) end},
        {proc_lib_spawn, Spawn, fun(F) -> proc_lib:spawn(F) end},
        {proc_lib_link, Link, fun(F) -> proc_lib:spawn_link(F) end},
        {proc_lib_opt, Opt, fun(F) -> proc_lib:spawn_opt(F, [{priority, low}]) end},
        {apply, Spawn, fun(F) -> apply(erlang, hd([spawn, F]), [erlang, apply, [F, []]]) end},
        {external_fun, Spawn, fun(F) -> (fun erlang:spawn/3)(erlang, apply, [F, []]) end}
    ].

%% Nothing but spawning is denied by these, and nothing calls the child's fun.
no_spawn(OnDeny) ->
    Opts = #{spawn => deny, on_deny => OnDeny},
    [
        seccomp_test_run:policy(blacklist, [{?T, hit, 2}], Opts),
        seccomp_test_run:policy(whitelist, spawning() ++ [?T, atomics], Opts)
    ].

%% What the functions call that spawn, keyfind/3 when they fail.
spawning() -> [erlang, erts_internal, proc_lib, {lists, keyfind, 3}].

spawn_denied(_Config) ->
    ?assertEqual([], [
        {Name, Outcome}
     || {Name, Mfa, Spawn} <- spawns(),
        Policy <- no_spawn(raise),
        {Outcome, Hits} <- [spawning(Policy, Spawn)],
        not is_refused(Outcome, Mfa) orelse Hits =/= 0
    ]).

is_refused({raised, error, {seccomp, Found}, [{_, _, Args, _} | _]}, Mfa) ->
    Found =:= Mfa andalso is_list(Args);
is_refused(_, _) ->
    false.

%% The outcome of spawning, and whether a child has run.
spawning(Policy, Spawn) ->
    Counter = atomics:new(1, []),
    Outcome = seccomp_test_run:in(
        Policy,
        fun() -> Spawn(fun() -> ?T:hit(Counter) end) end,
        fun
            ({value, _}) -> seccomp_test_run:eventually(fun() -> atomics:get(Counter, 1) > 0 end);
            (_) -> timer:sleep(1)
        end
    ),
    {Outcome, atomics:get(Counter, 1)}.

%% Which function the stack starts with depends on how far the call had got;
%% whichever it is, the text for people says what was denied.
spawn_denied_prints_what_was_denied(_Config) ->
    [Policy | _] = no_spawn(raise),
    [
        begin
            {{raised, Class, Reason, Stack}, 0} = spawning(Policy, Spawn),
            Text = unicode:characters_to_list(erl_error:format_exception(Class, Reason, Stack)),
            [{M, _, [_ | _], _} | _] = Stack,
            ?assert(lists:member(M, [erlang, erts_internal])),
            ?assertNotEqual({Name, nomatch}, {Name, string:find(Text, atom_to_list(F))})
        end
     || {Name, {_, F, _}, Spawn} <- spawns()
    ].

spawn_denied_kills(_Config) ->
    ?assertEqual([], [
        {Name, Outcome}
     || {Name, Mfa, Spawn} <- spawns(),
        Policy <- no_spawn(kill),
        {Outcome, Hits} <- [spawning(Policy, Spawn)],
        {Outcome, Hits} =/= {{died, {seccomp, Mfa}}, 0}
    ]).

spawn_denied_is_logged(_Config) ->
    [
        begin
            #{total := Before} = seccomp:violations(),
            {Outcome, Hits} = spawning(Policy, Spawn),
            #{total := After} = seccomp:violations(),
            ?assertMatch({Name, {value, _}, 1}, {Name, Outcome, Hits}),
            ?assertEqual({Name, 1}, {Name, After - Before})
        end
     || {Name, _, Spawn} <- spawns(), Policy <- no_spawn(log)
    ].

restrict_spawn_alone(_Config) ->
    Me = self(),
    Pid = spawn(fun() ->
        receive
            go -> ok
        end,
        Me ! {self(), [seccomp_test_run:outcome(fun() -> S(fun() -> ok end) end)
            || {_, _, S} <- spawns()]}
    end),
    ok = seccomp:restrict_spawn(Pid),
    Pid ! go,
    receive
        {Pid, Outcomes} ->
            Mfas = [Mfa || {raised, error, {seccomp, Mfa}, _} <- Outcomes],
            ?assertEqual([Mfa || {_, Mfa, _} <- spawns()], Mfas)
    end.

spawn_allowed(_Config) ->
    Policy = seccomp_test_run:policy(blacklist, [{?T, hit, 2}], #{spawn => allow}),
    [
        ?assertMatch({Name, {{value, _}, 1}}, {Name, spawning(Policy, Spawn)})
     || {Name, _, Spawn} <- spawns()
    ].

%% The node does not exist, so only the refusal can be an error here.
remote_spawn_denied(_Config) ->
    Remote = 'seccomp_nobody@nowhere.invalid',
    [Policy | _] = no_spawn(raise),
    Dist = {erts_internal, dist_spawn_request, 4},
    [
        ?assertMatch(
            {Name, {raised, error, {seccomp, Dist}, _}},
            {Name, seccomp_test_run:in(Policy, Spawn)}
        )
     || {Name, Spawn} <- [
            {spawn_2, fun() -> spawn(Remote, fun() -> ok end) end},
            {spawn_4, fun() -> spawn(Remote, erlang, self, []) end},
            {spawn_link, fun() -> spawn_link(Remote, erlang, self, []) end},
            {spawn_opt, fun() -> spawn_opt(Remote, erlang, self, [], [{priority, low}]) end},
            {spawn_monitor, fun() -> spawn_monitor(Remote, erlang, self, []) end},
            {spawn_request, fun() -> spawn_request(Remote, erlang, self, [], []) end}
        ]
    ].

%% -- I -----------------------------------------------------------------------

%% What a child that is started in this way is under, and what it may do.
child(Policy, Spawn) ->
    Counter = atomics:new(1, []),
    Me = self(),
    Start = fun() ->
        _ = Spawn(fun() ->
            Denied = (catch ?T:hit(Counter)),
            Me ! {child, seccomp:info(self()), Denied}
        end),
        self()
    end,
    {value, Parent} = seccomp_test_run:in(Policy, Start, fun(_) ->
        receive
            {child, _, _} = Child -> self() ! {seen, Child}
        after 30000 -> error(no_child)
        end,
        ok = seccomp:forget_origin()
    end),
    receive
        {seen, {child, Info, {'EXIT', {{seccomp, {?T, hit, 1}}, _}}}} ->
            ?assertEqual(0, atomics:get(Counter, 1)),
            {denied, Parent, Info};
        {seen, {child, Info, hit}} ->
            {allowed, Parent, Info}
    end.

children_inherit(_Config) ->
    Policy = seccomp_test_run:policy(blacklist, [{?T, hit, 1}]),
    [
        begin
            {Can, Parent, Info} = child(Policy, Spawn),
            ?assertMatch(
                {Name, denied, #{flags := 16#d0, origin := {inherited, Parent}}}, {Name, Can, Info}
            )
        end
     || {Name, _, Spawn} <- spawns()
    ].

children_shed(_Config) ->
    Policy = seccomp_test_run:policy(blacklist, [{?T, hit, 1}], #{inherit => false}),
    [
        ?assertMatch({Name, {allowed, _, trusted}}, {Name, child(Policy, Spawn)})
     || {Name, _, Spawn} <- spawns()
    ].

grandchildren(_Config) ->
    Policy = seccomp_test_run:policy(blacklist, [{?T, hit, 1}]),
    Deep = fun(Fun) -> nest(20, Fun) end,
    {denied, _, #{flags := 16#d0, origin := {inherited, _}}} = child(Policy, Deep),
    %% A child that tightens does so for its own children, too.
    Tighter = fun(Fun) ->
        spawn(fun() ->
            ok = seccomp:restrict(self(), blacklist, [{?T, hit, 1}]),
            nest(5, Fun)
        end)
    end,
    Loose = seccomp_test_run:policy(blacklist, [{?T, hit, 2}]),
    {denied, _, #{rules := 2}} = child(Loose, Tighter).

nest(0, Fun) -> Fun();
nest(N, Fun) -> spawn(fun() -> nest(N - 1, Fun) end).

%% -- seccomp:spawn and its kin -----------------------------------------------

restricted_from_the_first_instruction(_Config) ->
    Counter = atomics:new(1, []),
    Policy = seccomp_test_run:policy(blacklist, [{?T, hit, 1}]),
    Ext = fun() -> ?T:hit(Counter) end,
    process_flag(trap_exit, true),
    Starts = [
        fun() -> seccomp:spawn(Policy, Ext) end,
        fun() -> seccomp:spawn_link(Policy, Ext) end,
        fun() -> element(1, seccomp:spawn_monitor(Policy, Ext)) end,
        fun() -> seccomp:spawn_opt(Policy, Ext, []) end,
        fun() -> element(1, seccomp:spawn_opt(Policy, Ext, [monitor, {priority, max}])) end
    ],
    Pids = [Start() || Start <- Starts, _ <- lists:seq(1, 200)],
    ok = seccomp_test_run:eventually(fun() ->
        not lists:any(fun is_process_alive/1, Pids)
    end),
    ?assertEqual(0, atomics:get(Counter, 1)),
    #{ring := Ring} = seccomp:violations(),
    Denied = lists:usort([Pid || #{pid := Pid} <- Ring]),
    ?assertEqual([], Pids -- Denied).

%% The caller's own policy holds, too; without a way to meet it, no child runs.
failing_attach_runs_nothing(_Config) ->
    Counter = atomics:new(1, []),
    Forged = {seccomp_policy, make_ref()},
    {Pid, Monitor} = seccomp:spawn_monitor(Forged, fun() -> ?T:hit(Counter) end),
    receive
        {'DOWN', Monitor, process, Pid, Reason} -> ?assertNotEqual(normal, Reason)
    end,
    ?assertEqual(0, atomics:get(Counter, 1)).

many_children(_Config) ->
    Counter = atomics:new(1, []),
    Policy = seccomp_test_run:policy(blacklist, [{?T, hit, 1}]),
    {value, Reasons} = seccomp_test_run:in(Policy, fun() ->
        Children = [spawn_monitor(?T, hit, [Counter]) || _ <- lists:seq(1, 2000)],
        [receive {'DOWN', M, process, P, {Reason, _}} -> Reason end || {P, M} <- Children]
    end),
    ?assertEqual([{seccomp, {?T, hit, 1}}], lists:usort(Reasons)),
    ?assertEqual(2000, length(Reasons)),
    ?assertEqual(0, atomics:get(Counter, 1)).
