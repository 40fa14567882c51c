%% SPDX-License-Identifier: Apache-2.0
%%
%% Functions that no call instruction enters: the first function of a process,
%% what hibernation wakes up in, and the error handler.
-module(seccomp_entry_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([
    first_call_allowed/1,
    first_call_denied/1,
    first_call_of_a_closure_is_its_own_code/1,
    hibernate_allowed/1,
    hibernate_denied/1,
    hibernate_after_restricting/1,
    missing_function_denied/1,
    missing_function_allowed/1,
    own_error_handler_allowed/1,
    own_error_handler_denied/1,
    fun_without_its_module/1,
    on_load_instruction/1
]).

-define(T, seccomp_test_target).
-define(HIT, {?T, hit, 1}).

%% A call that should have been denied may leave somebody waiting.
suite() -> [{timetrap, {seconds, 60}}].

all() ->
    [
        first_call_allowed,
        first_call_denied,
        first_call_of_a_closure_is_its_own_code,
        hibernate_allowed,
        hibernate_denied,
        hibernate_after_restricting,
        missing_function_denied,
        missing_function_allowed,
        own_error_handler_allowed,
        own_error_handler_denied,
        fun_without_its_module,
        on_load_instruction
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

init_per_testcase(_Case, Config) -> seccomp_test_run:quiet(Config).

end_per_testcase(_Case, Config) -> seccomp_test_run:loud(Config).

%% -- The first call ----------------------------------------------------------

%% Ways to start a process in M:F(Args). Each gives the child's pid.
starts() ->
    [
        {spawn, fun(M, F, A) -> spawn(M, F, A) end},
        {spawn_link, fun(M, F, A) -> spawn_link(M, F, A) end},
        {spawn_monitor, fun(M, F, A) -> element(1, spawn_monitor(M, F, A)) end},
        {spawn_opt, fun(M, F, A) -> spawn_opt(M, F, A, [{priority, high}]) end},
        {spawn_on_this_node, fun(M, F, A) -> spawn(node(), M, F, A) end},
        {spawn_external_fun, fun(M, F, [A]) ->
            Ext = erlang:make_fun(M, F, 1),
            spawn(erlang, apply, [Ext, [A]])
        end},
        {spawn_apply, fun(M, F, A) -> spawn(erlang, apply, [M, F, A]) end},
        {spawn_request, fun(M, F, A) ->
            Id = spawn_request(M, F, A, []),
            receive
                {spawn_reply, Id, ok, Pid} -> Pid
            end
        end},
        {proc_lib_spawn, fun(M, F, A) -> proc_lib:spawn(M, F, A) end},
        {proc_lib_spawn_link, fun(M, F, A) -> proc_lib:spawn_link(M, F, A) end},
        {proc_lib_spawn_opt, fun(M, F, A) -> proc_lib:spawn_opt(M, F, A, [{priority, low}]) end}
    ].

%% A whitelist for a parent that starts processes in all ways, and for what
%% proc_lib does when its process crashes: else that denial is what one sees.
starting() ->
    [erlang, erts_internal, proc_lib, logger, logger_config, persistent_term].

policies(allowed) ->
    [
        seccomp_test_run:policy(whitelist, [?HIT | starting()] ++ ?T:needs()),
        seccomp_test_run:policy(blacklist, [{?T, hit, 2}])
    ];
policies(denied) ->
    [
        seccomp_test_run:policy(whitelist, starting() ++ ?T:needs()),
        seccomp_test_run:policy(blacklist, [?T])
    ].

first_call_allowed(_Config) ->
    ?assertEqual([], [
        {Name, Reason, Hits}
     || {Name, Start} <- starts(),
        Policy <- policies(allowed),
        {Reason, Hits} <- [first_call(Policy, Start)],
        not is_normal(Reason) orelse Hits =/= 1
    ]).

%% The child raises what a call of the function would raise.
first_call_denied(_Config) ->
    ?assertEqual([], [
        {Name, Reason, Hits}
     || {Name, Start} <- starts(),
        Policy <- policies(denied),
        {Reason, Hits} <- [first_call(Policy, Start)],
        not is_denied(Reason) orelse Hits =/= 0
    ]).

is_denied({{seccomp, ?HIT}, [{?T, hit, [_], Info} | _]}) ->
    Info =:= [{error_info, #{module => seccomp_error}}];
is_denied({gone, Child}) ->
    #{ring := Ring} = seccomp:violations(Child),
    [{?HIT, raise}] =:= [{Mfa, Action} || #{mfa := Mfa, action := Action} <- Ring];
is_denied(_) ->
    false.

is_normal(normal) -> true;
is_normal({gone, Child}) -> map_get(total, seccomp:violations(Child)) =:= 0;
is_normal(_) -> false.

%% The exit reason of a child that a restricted process starts in hit/1, and
%% how often hit/1 has run.
first_call(Policy, Start) ->
    Counter = atomics:new(1, []),
    {value, Reason} = seccomp_test_run:in(Policy, fun() ->
        process_flag(trap_exit, true),
        Child = Start(?T, hit, [Counter]),
        Monitor = monitor(process, Child),
        receive
            {'DOWN', Monitor, process, Child, noproc} -> already_gone(Child);
            {'DOWN', Monitor, process, Child, Why} -> Why
        end
    end),
    {Reason, atomics:get(Counter, 1)}.

%% A link or an earlier monitor tells why it ended before we looked.
already_gone(Child) ->
    receive
        {'DOWN', _, process, Child, Why} when Why =/= noproc -> Why;
        {'EXIT', Child, Why} -> Why
    after 0 -> {gone, Child}
    end.

%% A closure is code of its module; what it calls is checked.
first_call_of_a_closure_is_its_own_code(_Config) ->
    Policy = seccomp_test_run:policy(blacklist, [?T]),
    Counter = atomics:new(1, []),
    Outcome = seccomp_test_run:in(Policy, fun() ->
        {Child, Monitor} = spawn_monitor(fun() ->
            ok = atomics:add(Counter, 1, 10),
            ?T:hit(Counter)
        end),
        receive
            {'DOWN', Monitor, process, Child, {Reason, _}} -> Reason
        end
    end),
    ?assertEqual({value, {seccomp, ?HIT}}, Outcome),
    ?assertEqual(10, atomics:get(Counter, 1)).

%% -- Hibernation -------------------------------------------------------------

hibernations() ->
    [
        {erlang, fun(Args) -> erlang:hibernate(?T, hit, Args) end},
        {proc_lib, fun(Args) -> proc_lib:hibernate(?T, hit, Args) end},
        {apply, fun(Args) -> apply(erlang, hd([hibernate | Args]), [?T, hit, Args]) end}
    ].

sleeping() ->
    [{erlang, hibernate, 3}, {proc_lib, hibernate, 3}, {proc_lib, wake_up, 3}].

hibernate_allowed(_Config) ->
    Policies = [
        seccomp_test_run:policy(whitelist, [?HIT | sleeping()] ++ ?T:needs()),
        seccomp_test_run:policy(blacklist, [{?T, hit, 2}])
    ],
    [
        ?assertEqual({Name, normal, 1}, hibernated(Name, Policy, Sleep))
     || Policy <- Policies, {Name, Sleep} <- hibernations()
    ].

hibernate_denied(_Config) ->
    Policies = [
        seccomp_test_run:policy(whitelist, starting() ++ ?T:needs()),
        seccomp_test_run:policy(blacklist, [?T])
    ],
    [
        ?assertMatch({Name, {{seccomp, ?HIT}, _}, 0}, hibernated(Name, Policy, Sleep))
     || Policy <- Policies, {Name, Sleep} <- hibernations()
    ].

hibernated(Name, Policy, Sleep) ->
    Counter = atomics:new(1, []),
    {Pid, Monitor} = seccomp:spawn_monitor(Policy, fun() -> Sleep([Counter]) end),
    %% Awake by the first message, whether it sleeps already or not yet.
    Pid ! wake_up,
    receive
        {'DOWN', Monitor, process, Pid, Reason} -> {Name, Reason, atomics:get(Counter, 1)}
    end.

%% The policy comes while the process sleeps.
hibernate_after_restricting(_Config) ->
    Counter = atomics:new(1, []),
    {Pid, Monitor} = spawn_monitor(erlang, hibernate, [?T, hit, [Counter]]),
    Waiting = {current_function, {erlang, hibernate, 3}},
    ok = seccomp_test_run:eventually(fun() ->
        process_info(Pid, current_function) =:= Waiting
    end),
    ok = seccomp:restrict(Pid, blacklist, [?T]),
    Pid ! wake_up,
    receive
        {'DOWN', Monitor, process, Pid, Reason} ->
            ?assertMatch({{seccomp, ?HIT}, _}, Reason)
    end,
    ?assertEqual(0, atomics:get(Counter, 1)).

%% -- The error handler -------------------------------------------------------

%% Names that nothing else mentions, in a module that is loaded and in one
%% that does not exist.
missing() ->
    [
        {Name, M, list_to_atom("missing_" ++ integer_to_list(erlang:unique_integer([positive])))}
     || {Name, M} <- [{loaded, ?T}, {unloaded, seccomp_test_no_such_module}]
    ].

ways_to_miss() ->
    [
        {apply, fun(M, F, Args) -> apply(M, F, Args) end},
        {fixed_apply, fun(M, F, [A]) -> M:F(A) end},
        {made_fun, fun(M, F, [A]) -> (erlang:make_fun(M, F, 1))(A) end},
        {apply_fun, fun(M, F, Args) -> apply(erlang:make_fun(M, F, 1), Args) end}
    ].

missing_function_denied(_Config) ->
    Policies = [
        {whitelist, fun(_) -> seccomp_test_run:policy(whitelist, [{erlang, make_fun, 3}]) end},
        {blacklist, fun(Mfa) ->
            seccomp_test_run:policy(blacklist, [Mfa], #{unknown => allow})
        end}
    ],
    Wrong = [
        {Name, Where, Mode, Why}
     || {Name, Way} <- ways_to_miss(),
        {Mode, Policy} <- Policies,
        {Where, M, F} <- missing(),
        Mfa <- [{M, F, 1}],
        Outcome <- [seccomp_test_run:in(Policy(Mfa), fun() -> Way(M, F, [x]) end)],
        Why <- [seccomp_test_run:denial(Outcome, {Mfa, [x]})],
        Why =/= ok
    ],
    ?assertEqual([], Wrong).

%% Then the ordinary error.
missing_function_allowed(_Config) ->
    [
        ?assertMatch(
            {{Name, Where}, {raised, error, undef, [{M, F, [x], _} | _]}},
            {{Name, Where}, seccomp_test_run:in(Policy({M, F, 1}), fun() -> Way(M, F, [x]) end)}
        )
     || {Name, Way} <- ways_to_miss(),
        {Where, M, F} <- missing(),
        Policy <- [
            fun(Mfa) ->
                Rules = [Mfa, {erlang, make_fun, 3}, {erlang, send, 2} | asking_the_code_server()],
                seccomp_test_run:policy(whitelist, Rules, #{unknown => allow})
            end,
            fun(_) -> seccomp_test_run:policy(blacklist, [{?T, hit, 2}]) end
        ]
    ].

%% What code:ensure_loaded/1 does when there is nothing loaded.
asking_the_code_server() ->
    %% The mode of the code server is a persistent term (27 on).
    ['@code', {erlang, monitor, 2}, {erlang, demonitor, 2}, {persistent_term, get, 1}].

own_error_handler_allowed(_Config) ->
    Counter = atomics:new(1, []),
    Policy = seccomp_test_run:policy(blacklist, [{?T, hit, 2}]),
    [
        ?assertEqual(
            {value, {handled, hit}},
            seccomp_test_run:in(Policy, fun() ->
                process_flag(error_handler, ?T),
                Way(M, F, [Counter])
            end)
        )
     || {_, Way} <- ways_to_miss(), {_, M, F} <- missing()
    ].

%% A function that is allowed but missing must not be a way into a handler
%% that is denied.
own_error_handler_denied(_Config) ->
    Counter = atomics:new(1, []),
    Handler = {?T, undefined_function, 3},
    Policy = seccomp_test_run:policy(blacklist, [Handler]),
    [
        begin
            Outcome = seccomp_test_run:in(Policy, fun() ->
                process_flag(error_handler, ?T),
                Way(M, F, [Counter])
            end),
            ?assertEqual(
                {Name, ok},
                {Name, seccomp_test_run:denial(Outcome, {Handler, [M, F, [Counter]]})}
            )
        end
     || {Name, Way} <- ways_to_miss(), {_, M, F} <- missing()
    ],
    ?assertEqual(0, atomics:get(Counter, 1)).

%% A fun whose module is not loaded leads to the error handler, too.
fun_without_its_module(_Config) ->
    Counter = atomics:new(1, []),
    {M, Fun} = fun_of_an_unloaded_module(),
    Handler = {?T, undefined_lambda, 3},
    Denied = seccomp_test_run:policy(blacklist, [Handler]),
    Allowed = seccomp_test_run:policy(blacklist, [{?T, hit, 2}]),
    [
        begin
            Call = fun() ->
                process_flag(error_handler, ?T),
                Way(Fun, Counter)
            end,
            Outcome = seccomp_test_run:in(Denied, Call),
            ?assertEqual(
                {Name, ok},
                {Name, seccomp_test_run:denial(Outcome, {Handler, [M, Fun, [Counter]]})}
            ),
            ?assertEqual({value, {handled, hit}}, seccomp_test_run:in(Allowed, Call))
        end
     || {Name, Way} <- [
            {call, fun(F, C) -> F(C) end},
            {apply, fun(F, C) -> apply(F, [C]) end},
            {apply_list, fun(F, C) -> apply(F, [C | []]) end}
        ]
    ],
    ?assertEqual(3, atomics:get(Counter, 1)).

%% As a binary it outlives the purge, which ends processes that hold it.
fun_of_an_unloaded_module() ->
    M = seccomp_test_unloaded,
    Closure = {'fun', 1, {clauses, [{clause, 1, [{var, 1, 'X'}], [], [{var, 1, 'X'}]}]}},
    {ok, M, Beam} = compile:forms([
        {attribute, 1, module, M},
        {attribute, 1, export, [{new, 0}]},
        {function, 1, new, 0, [{clause, 1, [], [], [Closure]}]}
    ]),
    {module, M} = code:load_binary(M, "generated", Beam),
    {Pid, Monitor} = spawn_monitor(fun() -> exit({made, term_to_binary(M:new())}) end),
    Binary =
        receive
            {'DOWN', Monitor, process, Pid, {made, Made}} -> Made
        end,
    true = code:delete(M),
    _ = code:purge(M),
    {M, binary_to_term(Binary)}.

%% erlang:load_nif/2 is an instruction, no call, and reaches far outside.
on_load_instruction(_Config) ->
    Policy = seccomp_test_run:policy(blacklist, [{erlang, load_nif, 2}]),
    Outcome = seccomp_test_run:in(Policy, fun() -> ?T:load_library("/no/such/library") end),
    ?assertEqual(
        ok, seccomp_test_run:denial(Outcome, {{erlang, load_nif, 2}, ["/no/such/library", 0]})
    ).
