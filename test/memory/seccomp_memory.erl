%% SPDX-License-Identifier: Apache-2.0
%%
%% What `make check-memory` has valgrind look at: each step does something often
%% and leaves nothing behind. It asserts little; the suites do that.
-module(seccomp_memory).

-export([main/1]).

-define(T, seccomp_test_target).
-define(HOT, seccomp_memory_hot).

main([Folder, Share]) ->
    erlang:system_info({memory_checker, running}) =:= valgrind orelse
        error("this emulator does not run under valgrind"),
    #{status := enforced} = seccomp:enforcement(),
    ok = logger:set_primary_config(level, none),
    Part = list_to_integer(Share),
    Steps = steps(fun(N, Fun) -> fun(_) -> times(max(2, N div Part), Fun) end end),
    [step(Name, fun() -> Fun(Folder) end) || {Name, Fun} <- Steps],
    %% The emulator ends; all that was lost is reported once more.
    ok = say("step the end"),
    ok = say("done the end"),
    halt(0).

steps(Times) ->
    [
        {"self-test", fun plant/1},
        {"bad terms", fun(_) -> bad_terms() end},
        {"JSON, both ways", Times(30, fun json/1)},
        {"compile, ask, drop", Times(60, fun policy/1)},
        {"restrict oneself", Times(40, fun oneself/1)},
        {"restrict others", Times(10, fun others/1)},
        {"racing exits, dead pids", Times(100, fun racing/1)},
        {"ends with requests unread", Times(10, fun unread/1)},
        {"spawn, inherit", Times(20, fun spawning/1)},
        {"denials of each kind", Times(12, fun denials/1)},
        {"violations", fun(_) -> violations() end},
        {"lift, replace, tighten", Times(20, fun changes/1)},
        {"load and purge code", fun(Folder) -> times(4, fun(N) -> hot(Folder, N) end) end},
        {"load the library again", Times(3, fun library/1)}
    ].

%% The checker's log says where a step begins, where it is done once more and
%% that it came to its end. What grows the second time was not made once for all.
step(Name, Fun) ->
    ok = say(["step ", Name]),
    First = once(Fun),
    ok = say(["again ", Name]),
    Second = once(Fun),
    case {First, Second} of
        {ok, ok} -> ok = say(["done ", Name]);
        Results -> io:format(standard_error, "~ts: ~p~n", [Name, Results])
    end,
    {Used, _} = statistics(runtime),
    io:format("~ts, after ~p s~n", [Name, Used div 1000]).

once(Fun) ->
    Result = seccomp_test_run:alone(fun() ->
        _ = Fun(),
        ok = seccomp_test_run:eventually(fun() -> seccomp:processes() =:= [] end)
    end),
    _ = [erlang:garbage_collect(Pid) || Pid <- processes()],
    %% What other threads may still look at is freed later.
    timer:sleep(200),
    ok = erlang:system_info({memory_checker, check_leaks}),
    Result.

say(Text) ->
    true = erlang:system_info({memory_checker, print, [Text]}),
    ok.

times(N, Fun) -> [ok = seccomp_test_run:alone(fun() -> Fun(I) end) || I <- lists:seq(1, N)].

policy(Mode, Rules) -> policy(Mode, Rules, #{}).

%% Another one each time: were it kept, the next would be one more.
policy(Mode, Rules, Opts) ->
    N = erlang:unique_integer([positive, monotonic]),
    Unlike = [{?T, unlike, N rem 256}, {?T, unlike_too, N div 256 rem 256}],
    %% Of policies with provenance the last 1024 are kept, dead or not, which
    %% would look like a leak.
    Default = #{provenance => false, unknown => allow},
    seccomp_test_run:policy(Mode, Unlike ++ Rules, maps:merge(Default, Opts)).

%% -- Without processes -------------------------------------------------------

bad_terms() ->
    Junk = [
        0, -1, 256, 1 bsl 80, 1.5, '', '_', '@nope', <<>>, <<1:3>>, <<255>>, [], [a | b],
        [{lists, sum, 1} | x], {}, {a, b, c, d}, #{}, #{mode => x},
        #{mode => whitelist, rules => 1}, #{mode => blacklist, rules => [{a, b, -1}]},
        #{mode => blacklist, rules => [os, os]},
        make_ref(), atomics:new(1, []), self(), fun() -> ok end, hd(erlang:ports()),
        binary:part(binary:copy(<<"{}">>, 100), 3, 90), list_to_tuple(lists:seq(1, 5000)),
        element(2, policy(blacklist, [os]))
    ],
    Functions = [{F, A} || {F, A} <- seccomp_nif:module_info(exports), F =/= module_info, A > 0],
    lists:foreach(
        fun(Args) -> catch apply(seccomp_nif, element(1, Args), element(2, Args)) end,
        [
            {F, lists:sublist(lists:nthtail(N rem 20, Junk) ++ Junk, A)}
         || {F, A} <- Functions, N <- lists:seq(0, 40), F =/= set_policy
        ] ++ [{F, lists:duplicate(A, J)} || {F, A} <- Functions, J <- Junk, F =/= restrict_spawn]
    ).

json(N) ->
    Name = list_to_atom("m" ++ integer_to_list(N rem 10)),
    {ok, Json} = seccomp:to_json(#{mode => whitelist, rules => [{Name, f, 1}, '@pure']}),
    {ok, _} = seccomp:from_json(Json),
    <<Half:100/binary, _/binary>> = Json,
    {error, {bad_json, _}} = seccomp:from_json(Half),
    {error, {bad_json, _}} = seccomp:from_json(<<"{\"mode\":\"whitelist\",\"rules\":[1]}">>).

policy(N) ->
    Rules = [{?T, hit, A} || A <- lists:seq(0, N)] ++ ['@pure'],
    Policy = policy(whitelist, Rules),
    %% Equal policies are one object.
    Spec = #{mode => whitelist, rules => Rules, unknown => allow},
    {ok, _} = seccomp:compile(Spec),
    {ok, Policy2} = seccomp:compile(Spec#{rules => lists:reverse(Rules)}),
    allow = seccomp:check(Policy, {?T, hit, 1}),
    {deny, _} = seccomp:check(Policy2, {os, cmd, 1}),
    _ = seccomp:explain(Policy, {?T, hit, 1}),
    _ = seccomp:dump(Policy),
    _ = seccomp_nif:policy_info(element(2, Policy)),
    {error, {unknown_group, _}} = seccomp:compile(#{mode => whitelist, rules => ['@prue']}),
    Unknown = #{mode => whitelist, rules => [{os, cmdd, 1}]},
    {error, {unknown_function, _}} = seccomp:compile(Unknown),
    {ok, _} = seccomp:group('@os'),
    [_ | _] = seccomp:groups().

%% -- Processes ---------------------------------------------------------------

oneself(N) ->
    ok = seccomp:restrict(self(), blacklist, [{?T, hit, N}], #{unknown => allow}),
    ok = seccomp:restrict(self(), blacklist, [{?T, hit, 1}]),
    ok = seccomp:restrict_spawn(self()),
    _ = seccomp:info(self()),
    {error, {restricted, _}} = seccomp:lift(self()),
    %% More layers than there may be.
    _ = [
        seccomp:restrict(self(), whitelist, ['_', {?T, hit, A}], #{unknown => allow})
     || N =:= 1, A <- lists:seq(1, 34)
    ],
    {'EXIT', {{seccomp, _}, _}} = (catch ?T:hit(x)).

others(_) ->
    Turns = [
        fun() -> ok end,
        fun() -> receive never -> ok after 0 -> ok end end,
        fun() -> receive never -> ok after 5 -> ok end end,
        fun() -> _ = is_process_alive(self()), process_info(self(), [message_queue_len]) end,
        fun() -> seccomp:to_json(#{mode => whitelist, rules => [lists]}) end,
        fun() -> receive go -> ok end end
    ],
    Pids = [spawn_link(fun() -> loop(Turn) end) || Turn <- Turns],
    [ok = seccomp:restrict(Pid, blacklist, [{?T, hit, 1}]) || Pid <- Pids],
    [ok = seccomp:restrict_spawn(Pid) || Pid <- Pids],
    [stop(Pid) || Pid <- Pids].

loop(Turn) ->
    _ = (catch ?T:hit(atomics:new(1, []))),
    _ = Turn(),
    loop(Turn).

pause() -> receive never -> ok after 1 -> ok end.

stop(Pid) ->
    unlink(Pid),
    Monitor = monitor(process, Pid),
    exit(Pid, kill),
    receive
        {'DOWN', Monitor, process, Pid, _} -> ok
    end.

%% Requests that meet a process at every moment of its end, or nobody.
racing(N) ->
    Policy = policy(blacklist, [{os, getpid, 0}]),
    Dying = spawn(fun() -> spin(N * 20) end),
    Asking = [spawn_monitor(fun() -> seccomp:set_policy(Dying, Policy) end) || _ <- [1, 2]],
    _ = seccomp:restrict(Dying, blacklist, [os]),
    exit(Dying, kill),
    [receive {'DOWN', M, process, P, _} -> ok end || {P, M} <- Asking],
    {error, noproc} = seccomp:restrict(Dying, blacklist, [os]),
    {error, noproc} = seccomp:lift(Dying),
    {error, noproc} = seccomp:flags(Dying),
    %% Who asked is gone before the answer.
    Slow = spawn(fun() -> receive stop -> ok end end),
    true = erlang:suspend_process(Slow),
    Asker = spawn(fun() -> seccomp:set_policy(Slow, Policy) end),
    erlang:yield(),
    exit(Asker, kill),
    true = erlang:resume_process(Slow),
    Slow ! stop.

spin(0) -> ok;
spin(N) -> spin(N - 1).

%% Requests that a process finds when it has begun to end. Nobody may wait on its
%% scheduler for the call that it is held in.
unread(_) ->
    Policy = policy(blacklist, [{os, getpid, 0}]),
    Held = spawn_opt(fun() -> seccomp_memory_plant:hold() end, [{scheduler, 2}]),
    Ask = fun() -> exit({answer, seccomp:set_policy(Held, Policy)}) end,
    {Asker, _} = spawn_opt(
        fun() ->
            Askers = [spawn_opt(Ask, [monitor, {scheduler, 1}]) || _ <- [1, 2, 3]],
            Asked = fun({Pid, _}) -> process_info(Pid, status) =:= {status, waiting} end,
            ok = seccomp_test_run:eventually(fun() -> lists:all(Asked, Askers) end),
            ok = seccomp_test_run:eventually(fun() -> seccomp_memory_plant:release() =:= 1 end),
            exit([receive {'DOWN', M, process, P, Answer} -> Answer end || {P, M} <- Askers])
        end,
        [monitor, {scheduler, 1}]
    ),
    Gone = {answer, {error, noproc}},
    receive
        {'DOWN', _, process, Asker, Answers} -> [Gone, Gone, Gone] = Answers
    end.

spawning(_) ->
    Tree = fun F(0) -> ok; F(D) -> spawn_link(fun() -> F(D - 1) end), F(D - 1) end,
    Policy = policy(blacklist, [os]),
    {value, _} = seccomp_test_run:in(Policy, fun() -> Tree(3) end),
    Alone = policy(blacklist, [os], #{inherit => false}),
    {value, _} = seccomp_test_run:in(Alone, fun() -> Tree(2) end),
    Bomb = fun() -> catch spawn(fun() -> ok end), catch spawn_request(fun() -> ok end), ok end,
    [
        seccomp_test_run:in(policy(blacklist, [], #{spawn => deny, on_deny => OnDeny}), Bomb)
     || OnDeny <- [raise, log, kill]
    ],
    Wait = fun() -> receive stop -> ok end end,
    Pid = seccomp:spawn_opt(Policy, Wait, [link, {max_heap_size, 0}]),
    _ = (catch seccomp:spawn_opt(Policy, fun() -> ok end, [nonsense])),
    stop(Pid).

denials(_) ->
    Counter = atomics:new(1, []),
    Fun = fun ?T:hit/1,
    Calls = [
        fun() -> ?T:hit(Counter) end,
        fun() -> apply(?T, hd([hit | [Counter]]), [Counter]) end,
        fun() -> Fun(Counter) end,
        fun() -> ?T:no_such_function(Counter) end,
        fun() -> apply(?T, hd([missing | [Counter]]), []) end,
        fun() -> erlang:make_fun(?T, hit, 1) end,
        fun() -> ?T:load_library("/nowhere") end,
        fun() -> spawn(?T, hit, [Counter]) end,
        fun() -> erlang:phash2(a) end,
        fun() -> self() ! x end
    ],
    Hibernate = fun() ->
        _ = erlang:send_after(1, self(), wake_up),
        erlang:hibernate(?T, hit, [Counter])
    end,
    Rules = [?T, {erlang, phash2}, {erlang, make_fun}, {erlang, load_nif}, {erlang, send}],
    Denied = fun(OnDeny, SaveCalls, Call) ->
        Policy = policy(blacklist, Rules, #{on_deny => OnDeny}),
        seccomp_test_run:in(Policy, fun() ->
            _ = process_flag(save_calls, SaveCalls),
            Call()
        end)
    end,
    [Denied(OnDeny, N, Call) || OnDeny <- [raise, log, kill], N <- [0, 10], Call <- Calls],
    [Denied(OnDeny, 0, Hibernate) || OnDeny <- [raise, kill]].

violations() ->
    Policy = policy(blacklist, [{?T, '_', '_'}]),
    Readers = [spawn_monitor(fun() -> times(5, fun read/1) end) || _ <- [1, 2]],
    _ = seccomp_test_run:in(Policy, fun() -> [catch ?T:hit(x) || _ <- lists:seq(1, 2000)], ok end),
    [receive {'DOWN', M, process, P, normal} -> ok end || {P, M} <- Readers].

read(_) ->
    #{total := _} = seccomp:violations(),
    #{ring := _} = seccomp:violations(self()),
    _ = seccomp:violations_json(),
    _ = seccomp:processes().

changes(N) ->
    Pid = spawn_link(fun() -> loop(fun pause/0) end),
    Policies = [policy(blacklist, [{?T, hit, A}], #{unknown => allow}) || A <- [1, 2, N]],
    Askers = [
        spawn_monitor(fun() ->
            [ok = seccomp:set_policy(Pid, P) || P <- Policies],
            Opts = #{provenance => false},
            ok = seccomp:restrict(Pid, whitelist, [?T, {atomics, new}, erlang], Opts),
            _ = seccomp:info(Pid),
            ok = seccomp:lift(Pid)
        end)
     || _ <- [1, 2]
    ],
    [receive {'DOWN', M, process, P, normal} -> ok end || {P, M} <- Askers],
    stop(Pid).

%% -- Code --------------------------------------------------------------------

hot(Folder, N) ->
    Load = fun(Version) ->
        File = filename:join([Folder, Version, atom_to_list(?HOT)]),
        {ok, Binary} = file:read_file(File ++ ".beam"),
        {module, ?HOT} = code:load_binary(?HOT, File, Binary)
    end,
    Load("v1"),
    Policy = policy(blacklist, [{?HOT, bad}]),
    Pid = seccomp:spawn_link(Policy, fun() -> ?HOT:loop() end),
    {'EXIT', _} = ask(Pid),
    Load("v2"),
    {'EXIT', _} = ask(Pid),
    _ = [stop(Pid) || N rem 2 =:= 0],
    %% With somebody in the old code, who ends by it.
    process_flag(trap_exit, true),
    _ = code:purge(?HOT),
    _ = code:delete(?HOT),
    _ = code:purge(?HOT),
    _ = [stop(Pid) || N rem 2 =:= 1].

ask(Pid) ->
    Pid ! {self(), ask},
    receive
        {Pid, Answer} -> Answer
    end.

%% Policies go on to hold while the module is away. What the old one has handed
%% out is refused by the new one, and freed with it.
library(_) ->
    Policy = policy(blacklist, [{?T, hit, 1}]),
    Pid = seccomp:spawn_link(Policy, fun() -> loop(fun pause/0) end),
    true = code:delete(seccomp_nif),
    _ = code:purge(seccomp_nif),
    {module, seccomp_nif} = code:load_file(seccomp_nif),
    16#d0 = seccomp:flags(Pid),
    {'EXIT', {badarg, _}} = (catch seccomp:check(Policy, {?T, hit, 1})),
    {deny, _} = seccomp:check(policy(blacklist, [{?T, hit, 1}]), {?T, hit, 1}),
    stop(Pid).

%% -- The checker itself ------------------------------------------------------

%% A library with faults on purpose: what is not found there would not be found
%% elsewhere.
plant(Folder) ->
    _ = seccomp_memory_plant:load(Folder),
    _ = seccomp_memory_plant:leak(),
    [_ = seccomp_memory_plant:keep() || _ <- lists:seq(1, 5)],
    _ = seccomp_memory_plant:read_freed(),
    ok.
