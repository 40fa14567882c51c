%% SPDX-License-Identifier: Apache-2.0
%%
%% Gates: what they call is not checked until they return, and everything else
%% is, on whatever way they are entered and left.
-module(seccomp_gate_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([init_per_testcase/2, end_per_testcase/2]).
-export([
    ways_in/1,
    first_call/1,
    bifs/1,
    nested/1,
    last_calls_do_not_grow/1,
    caught_inside/1,
    caught_outside/1,
    not_caught/1,
    garbage/1,
    yields/1,
    receives_inside/1,
    ended_inside/1,
    hibernation_ends_it/1,
    hibernation_in_it/1,
    children/1,
    send_rule_is_off_inside/1,
    provenance/1,
    tightens_itself_inside/1,
    changed_by_another_inside/1,
    missing_function/1,
    not_for_the_trusted/1
]).
%% Called through a gate.
-export([through/1]).

-define(T, seccomp_test_target).
-define(G, seccomp_test_gate).
-define(RUN, seccomp_test_run).

suite() -> [{timetrap, {seconds, 120}}].

all() ->
    [
        ways_in,
        first_call,
        bifs,
        nested,
        last_calls_do_not_grow,
        caught_inside,
        caught_outside,
        not_caught,
        garbage,
        yields,
        receives_inside,
        ended_inside,
        hibernation_ends_it,
        hibernation_in_it,
        children,
        send_rule_is_off_inside,
        provenance,
        tightens_itself_inside,
        changed_by_another_inside,
        missing_function,
        not_for_the_trusted
    ].

init_per_suite(Config) ->
    {module, ?G} = code:ensure_loaded(?G),
    {module, ?T} = code:ensure_loaded(?T),
    ?RUN:must_have_gates(Config).

end_per_suite(_Config) -> ok.

init_per_testcase(_Case, Config) -> ?RUN:quiet(Config).

end_per_testcase(_Case, Config) -> ?RUN:loud(Config).

%% -- What the cases share ------------------------------------------------------

%% A policy with these gates, and what the cases themselves need.
policy(Gates) -> policy(Gates, [], #{}).

policy(Gates, More, Opts) ->
    Rules = [{gate, M, F, A} || {M, F, A} <- Gates] ++ [?MODULE | More],
    ?RUN:policy(whitelist, Rules, Opts).

gate(Function, Arity) -> {?G, Function, Arity}.

%% The calls of the program: inside of the gate everything ran, and afterwards
%% nothing more does than before.
in(Gates, Fun) -> in(policy(Gates), Fun, []).

in(Policy, Fun, []) ->
    Counter = atomics:new(1, []),
    Outcome = ?RUN:in(Policy, fun() ->
        closed = level(Counter),
        Value = Fun(Counter),
        {Value, level(Counter)}
    end),
    {Outcome, atomics:get(Counter, 1)}.

%% As seccomp_test_gate:level/1, but here it is not a gate's code.
level(Counter) ->
    try
        hit = ?T:hit(Counter),
        open
    catch
        error:{seccomp, {?T, hit, 1}} -> closed
    end.

value({{value, {Value, closed}}, Hits}) -> {Value, Hits};
value(Other) -> error({not_closed, Other}).

%% -- Entering --------------------------------------------------------------------

ways_in(_Config) ->
    Open = gate(open, 1),
    Module = ?G,
    Function = list_to_atom("open"),
    External = fun ?G:open/1,
    Made = erlang:make_fun(?G, open, 1),
    Ways = [
        {static, fun(C) -> ?G:open(C) end},
        {not_last, fun(C) -> [X] = [?G:open(C)], X end},
        {module, fun(C) -> Module:open(C) end},
        {function, fun(C) -> X = Module:Function(C), id(X) end},
        {apply3, fun(C) -> apply(Module, Function, [C]) end},
        {apply3_not_last, fun(C) -> id(apply(Module, Function, [C])) end},
        {external, fun(C) -> External(C) end},
        {external_not_last, fun(C) -> id(External(C)) end},
        {made, fun(C) -> Made(C) end},
        {apply2, fun(C) -> apply(External, [C]) end},
        {apply2_not_last, fun(C) -> id(apply(External, [C])) end},
        {in_try, fun(C) -> try ?G:open(C) catch _:_ -> caught end end},
        {in_catch, fun(C) -> catch ?G:open(C) end}
    ],
    ?assertEqual([], [
        {Name, Found}
     || {Name, Way} <- Ways, Found <- [in([Open], Way)], Found =/= {{value, {{open}, closed}}, 1}
    ]),
    %% Without the gate these are denied, inside or outside.
    Plain = policy([], [Open], #{}),
    ?assertEqual([], [
        {Name, Found}
     || {Name, Way} <- Ways,
        Found <- [in(Plain, Way, [])],
        Found =/= {{value, {{closed}, closed}}, 0}
    ]).

id(X) -> X.

%% The gate is the first function of a process, and the last one: it inherits.
first_call(_Config) ->
    Counter = atomics:new(1, []),
    Starts = [{erlang, spawn_monitor, 3}, {erlang, monitor, 2}, {erlang, spawn_opt, 4}],
    Policy = policy([gate(last, 1), gate(hibernates, 2)], Starts ++ [{?G, woken, 2}], #{}),
    {value, normal} = ?RUN:in(Policy, fun() ->
        {Pid, Monitor} = spawn_monitor(?G, last, [Counter]),
        receive
            {'DOWN', Monitor, process, Pid, Reason} -> Reason
        end
    end),
    ?assertEqual(1, atomics:get(Counter, 1)),
    %% What a process wakes up in.
    Hibernates = policy([gate(woken, 2)], [{erlang, hibernate, 3}], #{}),
    ?assertEqual(
        {died, {shutdown, {tag, open}}},
        ?RUN:in(Hibernates, fun() ->
            self() ! wake,
            erlang:hibernate(?G, woken, [Counter, tag])
        end)
    ).

%% BIFs as gates: light ones, such that trap, and such that run elsewhere.
bifs(_Config) ->
    Big = binary:copy(<<"some bytes ">>, 200000),
    Term = lists:seq(1, 200000),
    Calls = [
        {{erlang, phash2, 1}, fun() -> erlang:phash2(a) end},
        {{erlang, phash2, 1}, fun() -> id(erlang:phash2(Term)) end},
        {{binary, matches, 2}, fun() -> length(binary:matches(Big, <<"y">>)) end},
        {{erlang, term_to_binary, 1}, fun() -> byte_size(term_to_binary(Term)) end},
        {{erlang, list_to_binary, 1}, fun() -> byte_size(list_to_binary([Big, Big])) end},
        {{maps, from_keys, 2}, fun() -> map_size(maps:from_keys(Term, [])) end},
        {{lists, reverse, 1}, fun() -> hd(lists:reverse(Term)) end},
        {{erts_debug, dirty_cpu, 2}, fun() -> erts_debug:dirty_cpu(wait, 1) end},
        {{erts_debug, dirty_io, 2}, fun() -> id(erts_debug:dirty_io(wait, 1)) end},
        {{os, getpid, 0}, fun() -> os:getpid() end}
    ],
    ?assertEqual([], [
        {Gate, Found}
     || {Gate, Call} <- Calls,
        Found <- [catch value(in([Gate], fun(_) -> Call() end))],
        Found =/= {Call(), 0}
    ]),
    %% One that fails.
    ?assertMatch(
        {{value, {{'EXIT', {badarg, [{erlang, list_to_binary, [x], _} | _]}}, closed}}, 0},
        in([{erlang, list_to_binary, 1}], fun(_) -> catch list_to_binary(id(x)) end)
    ),
    ?assertMatch(
        {{value, {{'EXIT', {badarg, _}}, closed}}, 0},
        in([{erlang, list_to_binary, 1}], fun(_) -> catch id(list_to_binary(id(x))) end)
    ).

nested(_Config) ->
    Gates = [gate(twice, 2), gate(open, 1), gate(other, 1)],
    ?assertEqual(
        {[{open}, {open}, {open}], 3},
        value(in(Gates, fun(C) -> ?G:twice(C, open) end))
    ).

%% The program calls a gate last, and the gate the program.
last_calls_do_not_grow(_Config) ->
    Policy = policy([gate(back, 3), gate(stack, 1), gate(value, 1)]),
    {value, {One, Many}} = ?RUN:in(Policy, fun() -> {through(1), through(20000)} end),
    ?assertEqual(One, Many),
    {value, {Few, More}} = ?RUN:in(Policy, fun() -> {turns(1), turns(20000)} end),
    ?assertEqual(Few, More).

through(0) -> element(1, ?G:stack(self()));
through(N) -> ?G:back(?MODULE, ?FUNCTION_NAME, [N - 1]).

turns(0) ->
    {Size, _} = ?G:stack(self()),
    Size;
turns(N) ->
    N = ?G:value(N),
    turns(N - 1).

%% -- Exceptions --------------------------------------------------------------------

caught_inside(_Config) ->
    Call = fun(C) -> ?G:caught(C, oops) end,
    ?assertEqual({[open, open], 4}, value(in([gate(caught, 2)], Call))).

caught_outside(_Config) ->
    Raise = gate(raise, 3),
    Ways = [
        fun(C, Class) -> try ?G:raise(C, Class, why) catch Class:why -> thrown end end,
        fun(C, Class) -> try id(?G:raise(C, Class, why)) catch Class:why -> thrown end end,
        fun(C, Class) ->
            case catch ?G:raise(C, Class, why) of
                why -> thrown;
                {'EXIT', why} -> thrown;
                {'EXIT', {why, _}} -> thrown
            end
        end,
        fun(C, Class) ->
            try
                try deeper(20, fun() -> ?G:raise(C, Class, why) end)
                after closed = level(C)
                end
            catch
                Class:why -> thrown
            end
        end
    ],
    ?assertEqual([], [
        {N, Class, Found}
     || {N, Way} <- lists:zip(lists:seq(1, length(Ways)), Ways),
        Class <- [error, exit, throw],
        Found <- [in([Raise], fun(C) -> Way(C, Class) end)],
        Found =/= {{value, {thrown, closed}}, 1}
    ]),
    %% Through a gate in a gate, and what follows an exception inside.
    ?assertEqual(
        {why, 2},
        value(in([gate(protected, 2), Raise], fun(C) -> catch ?G:protected(C, why) end))
    ),
    %% Again and again.
    Loop = fun(C) ->
        [why = (catch ?G:raise(C, throw, why)) || _ <- [x || _ <- "0123456789"]],
        ok
    end,
    ?assertEqual({ok, 10}, value(in([Raise], Loop))).

deeper(0, Fun) -> Fun();
deeper(N, Fun) -> [deeper(N - 1, Fun)].

not_caught(_Config) ->
    Counter = atomics:new(1, []),
    Policy = policy([gate(raise, 3)]),
    ?assertMatch(
        [{died, {why, _}}, {died, why}, {died, {{nocatch, why}, _}}],
        [
            ?RUN:await(seccomp:spawn_monitor(Policy, fun() -> ?G:raise(Counter, Class, why) end))
         || Class <- [error, exit, throw]
        ]
    ).

%% -- Inside -----------------------------------------------------------------------

garbage(_Config) ->
    {List, 1} = value(in([gate(deep, 2)], fun(C) -> ?G:deep(C, 20000) end)),
    ?assertEqual(20000, length(List)),
    %% No room for the frame, for every number of words that are left.
    Fill = fun(C) -> fill(C, 3000, []) end,
    ?assertEqual({3000, 3000}, value(in([gate(open, 1)], Fill))).

fill(_C, 0, Kept) ->
    length(Kept);
fill(C, N, Kept) ->
    {open} = ?G:open(C),
    fill(C, N - 1, [N | Kept]).

%% Reductions end everywhere, also when a gate is entered or returned from.
yields(_Config) ->
    Policy = policy([gate(value, 1), gate(open, 1)], [{erlang, bump_reductions, 1}], #{}),
    Spin = fun(C) ->
        [
            begin
                true = erlang:bump_reductions(N),
                N = ?G:value(N),
                {open} = ?G:open(C),
                closed = level(C)
            end
         || N <- seq(3990, 4030), _ <- "0123"
        ],
        ok
    end,
    {ok, Hits} = value(in(Policy, Spin, [])),
    ?assertEqual(41 * 4, Hits).

seq(N, N) -> [N];
seq(N, M) -> [N | seq(N + 1, M)].

receives_inside(_Config) ->
    Self = self(),
    Counter = atomics:new(1, []),
    Policy = policy([gate(waits, 2)]),
    {Pid, Monitor} = seccomp:spawn_monitor(Policy, fun() ->
        exit({?G:waits(Counter, Self), level(Counter)})
    end),
    ok = inside(Pid),
    ok = look_at(Pid),
    Pid ! {go, Self},
    ?assertEqual({died, {open, closed}}, ?RUN:await({Pid, Monitor})).

%% Waits until the process is in the gate. The test goes on for itself.
inside(Pid) ->
    receive
        {inside, Pid} -> seccomp:forget_origin()
    end.

%% What others see of a process that waits in a gate.
look_at(Pid) ->
    {current_stacktrace, Stack} = process_info(Pid, current_stacktrace),
    [{?G, waits, 2}, {?MODULE, _, _} | _] = [{M, F, A} || {M, F, A, _} <- Stack],
    {backtrace, Text} = process_info(Pid, backtrace),
    {match, _} = re:run(Text, "seccomp_test_gate:waits/2"),
    {_, _} = binary:match(erlang:system_info(procs), <<"seccomp_test_gate:waits/2">>),
    true = erlang:garbage_collect(Pid),
    false = erlang:check_process_code(Pid, ?T),
    false = erlang:check_process_code(Pid, ?G),
    16#90 = seccomp:flags(Pid),
    #{gates := [{?G, waits, 2}]} = seccomp:info(Pid),
    false = seccomp:in_gate(),
    ok.

ended_inside(_Config) ->
    Self = self(),
    Ends = [
        {kill, fun(Pid) -> exit(Pid, kill) end, killed},
        {signal, fun(Pid) -> exit(Pid, reason) end, reason}
    ],
    Policy = policy([gate(sleeps, 1)]),
    Before = length(seccomp:processes()),
    [
        begin
            {Pid, Monitor} = seccomp:spawn_monitor(Policy, fun() -> ?G:sleeps(Self) end),
            ok = inside(Pid),
            true = End(Pid),
            ?assertEqual({Name, {died, Reason}}, {Name, ?RUN:await({Pid, Monitor})})
        end
     || {Name, End, Reason} <- Ends
    ],
    ?RUN:eventually(fun() -> length(seccomp:processes()) =< Before end).

hibernation_ends_it(_Config) ->
    Counter = atomics:new(1, []),
    Wakes = [{?G, woken, 2}, {?G, level, 1}, proc_lib],
    Policy = policy([gate(hibernates, 2)], Wakes, #{}),
    ?assertEqual([], [
        {How, Found}
     || How <- [erlang, proc_lib],
        Found <- [
            ?RUN:in(Policy, fun() ->
                self() ! wake,
                ?G:hibernates(How, [Counter, How])
            end)
        ],
        Found =/= {died, {shutdown, {How, closed}}}
    ]).

hibernation_in_it(_Config) ->
    case ?RUN:otp() < 28 of
        true ->
            {skip, "no hibernate/0"};
        false ->
            Self = self(),
            Counter = atomics:new(1, []),
            Pair = seccomp:spawn_monitor(policy([gate(naps, 2)]), fun() ->
                exit({?G:naps(Counter, Self), level(Counter)})
            end),
            {Pid, _} = Pair,
            ok = inside(Pid),
            ?RUN:eventually(fun() -> process_info(Pid, status) =:= {status, waiting} end),
            Pid ! wake,
            ?assertEqual({died, {[open], closed}}, ?RUN:await(Pair))
    end.

children(_Config) ->
    Gate = gate(spawns, 1),
    More = [{?G, '_'}],
    Child = fun(Opts) ->
        Policy = policy([Gate], More, Opts),
        in(Policy, fun(C) -> catch ?G:spawns(C) end, [])
    end,
    ?assertEqual({{value, {closed, closed}}, 0}, Child(#{})),
    ?assertEqual({{value, {open, closed}}, 1}, Child(#{inherit => false, provenance => false})),
    ?assertMatch(
        {{value, {{'EXIT', {{seccomp, {erlang, spawn_opt, 4}}, _}}, closed}}, 0},
        Child(#{spawn => deny})
    ).

send_rule_is_off_inside(_Config) ->
    Self = self(),
    Send = {erlang, send, 2},
    Opts = #{send => none},
    Policy = policy([gate(sends, 2), gate(raise, 3)], [Send, {erlang, '!', 2}], Opts),
    Denied = fun() ->
        try erlang:send(Self, outside) of
            outside -> sent
        catch
            error:{seccomp, Send} -> denied
        end
    end,
    {Value, 1} = value(
        in(
            Policy,
            fun(C) ->
                Before = Denied(),
                inside = ?G:sends(Self, inside),
                After = Denied(),
                why = (catch ?G:raise(C, throw, why)),
                {Before, After, Denied()}
            end,
            []
        )
    ),
    ?assertEqual({denied, denied, denied}, Value),
    ?assertEqual([inside], flush()),
    ok = seccomp:forget_origin().

flush() ->
    receive
        Message -> [Message | flush()]
    after 0 -> []
    end.

provenance(_Config) ->
    Server = spawn_link(fun() ->
        receive
            {Whom, Ref} -> Whom ! {Ref, seccomp:origin()}
        end
    end),
    Policy = policy([gate(sends, 2)]),
    Self = self(),
    Ref = make_ref(),
    {value, _} = ?RUN:in(Policy, fun() -> ?G:sends(Server, {Self, Ref}) end),
    receive
        {Ref, Origin} ->
            ok = seccomp:forget_origin(),
            ?assertMatch({restricted, #{mode := whitelist}}, Origin)
    end.

%% -- Changes of the policy ----------------------------------------------------------

tightens_itself_inside(_Config) ->
    Plain = {?G, open, 1},
    Policy = policy([gate(tightens, 2), Plain], [{?G, level, 1}], #{}),
    Tighter = [?MODULE, {?G, open, 1}, {?G, tightens, 2}],
    {Value, Hits} = value(
        in(
            Policy,
            fun(C) ->
                Before = ?G:open(C),
                During = ?G:tightens(C, Tighter),
                %% No gate of both policies.
                {Before, During, ?G:open(C)}
            end,
            []
        )
    ),
    ?assertEqual({{open}, open, {closed}}, Value),
    ?assertEqual(2, Hits).

%% From then on the policy holds in the gate, too, and lifting makes it trusted.
changed_by_another_inside(_Config) ->
    Self = self(),
    Policy = policy([gate(waits, 2), gate(open, 1)]),
    Same = policy([gate(waits, 2), gate(open, 1)], [{lists, sort, 1}], #{}),
    Changes = [
        {restrict, fun(Pid) -> seccomp:restrict(Pid, whitelist, [?MODULE, ?G, '@base']) end,
            {closed, closed, {closed}}},
        {replace, fun(Pid) -> seccomp:set_policy(Pid, Same) end, {closed, closed, {open}}},
        {lift, fun(Pid) -> seccomp:lift(Pid) end, {open, open, {open}}},
        {lift_and_restrict,
            fun(Pid) ->
                ok = seccomp:lift(Pid),
                seccomp:set_policy(Pid, Same)
            end, {closed, closed, {open}}}
    ],
    ?assertEqual([], [
        {Name, Found}
     || {Name, Change, Expected} <- Changes,
        Found <- [changed(Self, Policy, Change)],
        Found =/= {died, Expected}
    ]).

changed(Self, Policy, Change) ->
    Counter = atomics:new(1, []),
    {Pid, Monitor} = seccomp:spawn_monitor(Policy, fun() ->
        During = ?G:waits(Counter, Self),
        After = level(Counter),
        exit({During, After, ?G:open(Counter)})
    end),
    ok = inside(Pid),
    ok = Change(Pid),
    Pid ! {go, Self},
    ?RUN:await({Pid, Monitor}).

%% There is no function behind the gate: what the error handler does is checked.
missing_function(_Config) ->
    Missing = {seccomp_no_such_module, f, 1},
    Policy = policy([Missing], [], #{unknown => allow}),
    ?assertMatch(
        {raised, error, {seccomp, {code_server, _, _}}, [_ | _]},
        ?RUN:in(Policy, fun() -> seccomp_no_such_module:f(1) end)
    ).

not_for_the_trusted(_Config) ->
    Counter = atomics:new(1, []),
    ?assertEqual({open}, ?G:open(Counter)),
    ?assertEqual(false, seccomp:in_gate()).
