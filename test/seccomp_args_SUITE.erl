%% SPDX-License-Identifier: Apache-2.0
%%
%% Rules about arguments: enforced on every way of calling, by the engine for
%% match specifications, and without a trace in the process that calls.
-module(seccomp_args_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-compile({parse_transform, seccomp_args}).

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([init_per_testcase/2, end_per_testcase/2]).
-export([
    whitelist_allows/1,
    whitelist_denies/1,
    blacklist_allows/1,
    blacklist_denies/1,
    by_value/1,
    each_argument/1,
    shapes/1,
    several_rules/1,
    clauses_in_order/1,
    what_is_not_true/1,
    other_rules_do_not_widen/1,
    meets/1,
    first_calls/1,
    missing_function/1,
    sending/1,
    reactions/1,
    never_remembered/1,
    large_terms/1,
    garbage/1,
    programs_live_as_long_as_policies/1,
    at_once/1,
    save_calls/1,
    children/1,
    load_nif/1
]).
%% Called under policies.
-export([first/2]).

-define(T, seccomp_test_target).
-define(RUN, seccomp_test_run).
-define(POSITIONS, [body, tail, 'try', 'catch', 'after']).

suite() -> [{timetrap, {seconds, 120}}].

all() ->
    [
        whitelist_allows,
        whitelist_denies,
        blacklist_allows,
        blacklist_denies,
        by_value,
        each_argument,
        shapes,
        several_rules,
        clauses_in_order,
        what_is_not_true,
        other_rules_do_not_widen,
        meets,
        first_calls,
        missing_function,
        sending,
        reactions,
        never_remembered,
        large_terms,
        garbage,
        programs_live_as_long_as_policies,
        at_once,
        save_calls,
        children,
        load_nif
    ].

%% They come with the hooks of gates.
init_per_suite(Config) -> ?RUN:must_have_gates(Config).

end_per_suite(_Config) -> ok.

init_per_testcase(_Case, Config) ->
    ?RUN:quiet([{env, seccomp_test_calls:env()} | Config]).

end_per_testcase(_Case, Config) ->
    ?RUN:loud(Config),
    seccomp_test_calls:close(?config(env, Config)).

%% -- Every way of calling ------------------------------------------------------

always() -> [{'_', [], [true]}].
never() -> [{'_', [], [false]}].

args({M, F, A}, Spec) -> {M, F, A, Spec}.

whitelist_allows(Config) ->
    each(Config, fun allowed/3, fun(#{mfa := Mfa, needs := Needs}) ->
        white([args(Mfa, always()) | Needs])
    end).

whitelist_denies(Config) ->
    each(Config, fun denied/3, fun(#{mfa := Mfa, needs := Needs}) ->
        white([args(Mfa, never()) | Needs -- [Mfa]])
    end).

blacklist_allows(Config) ->
    each(Config, fun allowed/3, fun(#{mfa := Mfa}) ->
        ?RUN:policy(blacklist, [args(Mfa, never())])
    end).

blacklist_denies(Config) ->
    each(Config, fun denied/3, fun(#{mfa := Mfa}) ->
        ?RUN:policy(blacklist, [args(Mfa, always())])
    end).

white(Rules) -> ?RUN:policy(whitelist, lists:usort([{lists, foldl, 3} | Rules])).

each(Config, Expectation, PolicyOf) ->
    Env = ?config(env, Config),
    Wrong = [
        {Name, Position, Why}
     || #{name := Name} = Call <- seccomp_test_calls:calls(Env),
        Position <- ?POSITIONS,
        Why <- [Expectation(Env, {Position, Call}, PolicyOf(Call))],
        Why =/= ok
    ],
    ?assertEqual([], Wrong).

allowed(Env, {Position, #{forms := #{tail := Tail}} = Call}, Policy) ->
    Trusted = Tail(),
    Before = seccomp_test_calls:effect(Env),
    case unwrap(Position, seccomp_test_calls:run(Policy, Position, Call)) of
        {value, Trusted} -> ok;
        Other -> {not_allowed, Other, Trusted, Before}
    end.

denied(Env, {Position, #{mfa := Mfa, args := Args} = Call}, Policy) ->
    Before = seccomp_test_calls:effect(Env),
    Outcome = seccomp_test_calls:run(Policy, Position, Call),
    case seccomp_test_calls:effect(Env) of
        Before -> ?RUN:denial(unwrap(Position, Outcome), {Mfa, Args});
        After -> {has_run, Outcome, Before, After}
    end.

unwrap('after', {value, {after_ran, Outcome}}) -> Outcome;
unwrap('after', Other) -> {after_did_not_run, Other};
unwrap(_, {value, Outcome}) -> Outcome;
unwrap(_, Other) -> Other.

%% -- What the arguments are ------------------------------------------------------

%% By each way of calling, one argument is allowed and another one is not.
by_value(Config) ->
    #{counter := C} = ?config(env, Config),
    Hit = seccomp:args(fun([_, Tag]) when Tag =:= good -> true end),
    Policy = white([{?T, hit, 2, Hit} | ?T:needs()]),
    {T, H, Ext} = {id(?T), id(hit), id(fun ?T:hit/2)},
    Made = erlang:make_fun(T, H, 2),
    Ways = [
        {static, fun(X) -> ?T:hit(C, X) end},
        {not_last, fun(X) -> [?T:hit(C, X)] end},
        {module, fun(X) -> T:hit(C, X) end},
        {function, fun(X) -> [T:H(C, X)] end},
        {apply3, fun(X) -> apply(T, H, [C, X]) end},
        {apply3_not_last, fun(X) -> [apply(T, H, [C, X])] end},
        {external, fun(X) -> Ext(C, X) end},
        {external_not_last, fun(X) -> [Ext(C, X)] end},
        {made, fun(X) -> Made(C, X) end},
        {apply2, fun(X) -> apply(Ext, [C, X]) end},
        {apply2_not_last, fun(X) -> [apply(Made, [C, X])] end},
        {in_catch, fun(X) -> catch ?T:hit(C, X) end}
    ],
    Start = atomics:get(C, 1),
    Found = [{Name, turns(Policy, Way)} || {Name, Way} <- Ways],
    ?assertEqual([], [Wrong || {_, Turns} = Wrong <- Found, Turns =/= [denied, ran, denied, ran]]),
    ?assertEqual(2 * length(Ways), atomics:get(C, 1) - Start).

turns(Policy, Way) ->
    {value, Turns} = ?RUN:in(Policy, fun() -> [turn(Way, X) || X <- [bad, good, "x", good]] end),
    Turns.

turn(Way, X) ->
    try Way(X) of
        {'EXIT', {{seccomp, {?T, hit, 2}}, _}} -> denied;
        {hit, X} -> ran;
        [{hit, X}] -> ran
    catch
        error:{seccomp, {?T, hit, 2}} -> denied
    end.

id(X) -> X.

%% The one place that counts, in lists of arguments up to the longest.
each_argument(_Config) ->
    Wrong = [
        {Arity, N, X, Found}
     || Arity <- [1, 2, 3, 4, 16, 100, 255],
        N <- lists:usort([1, (Arity + 1) div 2, Arity]),
        Spec <- [[{[place(I, N) || I <- lists:seq(1, Arity)], [], [true]}]],
        {X, Expected} <- [{yes, undef}, {no, denied}],
        Found <- [with(Arity, N, X, Spec)],
        Found =/= Expected
    ],
    ?assertEqual([], Wrong).

place(N, N) -> yes;
place(_, _) -> '_'.

%% No such function is there: allowed means that the error handler is called.
with(Arity, N, X, Spec) ->
    Policy = ?RUN:policy(whitelist, [{?T, none, Arity, Spec}], #{unknown => allow}),
    Args = [
        case I of
            N -> X;
            _ -> I
        end
     || I <- lists:seq(1, Arity)
    ],
    case ?RUN:in(Policy, fun() -> apply(?T, id(none), Args) end) of
        {raised, error, undef, _} -> undef;
        {raised, error, {seccomp, {?T, none, Arity}}, _} -> denied;
        Other -> Other
    end.

shapes(_Config) ->
    Self = self(),
    Binary = binary:copy(<<"x">>, 1000),
    Wrong = [
        {Spec, Arg, Found}
     || {Spec, Yes, No} <- [
            {[{[{a, '$1', '$1'}], [], [true]}], [{a, 1, 1}, {a, [b], [b]}], [{a, 1, 2}, {a, 1}]},
            {[{[#{k => '$1'}], [{'>', '$1', 3}], [true]}], [#{k => 4}, #{k => 5, l => 6}], [
                #{k => 3}, #{}, 4
            ]},
            {[{['$1'], [{is_pid, '$1'}], [true]}], [Self], [a, make_ref()]},
            {[{['$1'], [{'>', {size, '$1'}, 999}], [true]}], [Binary], [<<"x">>, a]},
            {[{[<<"x">>], [], [true]}], [<<"x">>], [<<"xx">>, "x"]},
            {[{[[a | '$1']], [{'=:=', {length, '$1'}, 2}], [true]}], [[a, b, c]], [
                [a], [a, b | c], [b, c, d]
            ]},
            {[{['$1'], [{'=:=', '$_', ['$1']}], [true]}], [a, [b]], []},
            {[{['$1'], [], [{'=:=', '$$', [{const, a}]}]}], [a], [b]},
            {[{'$1', [{'=:=', '$1', [{const, {x}}]}], [true]}], [{x}], [x]},
            {[{[1.5], [], [true]}], [1.5], [1.0, 2]},
            {[{['$1'], [{'=:=', {element, 2, '$1'}, {{a, b}}}], [true]}], [{x, {a, b}}], [
                {x}, {x, a}
            ]},
            {[{['$1'], [{'orelse', {is_atom, '$1'}, {'<', '$1', -1}}], [true]}], [a, -2], [-1]}
        ],
        Policy <- [?RUN:policy(whitelist, [{?T, none, 1, Spec}], #{unknown => allow})],
        {Args, Expected} <- [{Yes, undef}, {No, denied}],
        Arg <- Args,
        Found <- [{one(Policy, Arg), seccomp:check(Policy, {?T, none, [Arg]})}],
        not agree(Expected, Found)
    ],
    ?assertEqual([], Wrong).

agree(undef, {undef, allow}) -> true;
agree(denied, {denied, {deny, #{explanation := _}}}) -> true;
agree(_, _) -> false.

one(Policy, Arg) ->
    case ?RUN:in(Policy, fun() -> apply(?T, id(none), [Arg]) end) of
        {raised, error, undef, _} -> undef;
        {raised, error, {seccomp, {?T, none, 1}}, _} -> denied;
        Other -> Other
    end.

%% What `Rules` make of calls of a function that is not there.
found(Mode, Rules, Args) ->
    Policy = ?RUN:policy(Mode, Rules, #{unknown => allow}),
    [one(Policy, Arg) || Arg <- Args].

none(Spec) -> {?T, none, 1, Spec}.

is(Value) -> none([{[Value], [], [true]}]).

several_rules(_Config) ->
    ?assertEqual([undef, undef, denied], found(whitelist, [is(a), is(b)], [a, b, c])),
    ?assertEqual([denied, denied, undef], found(blacklist, [is(a), is(b)], [a, b, c])).

clauses_in_order(_Config) ->
    Spec = [{[a], [], [false]}, {['$1'], [{is_atom, '$1'}], [true]}],
    ?assertEqual([denied, undef, denied], found(whitelist, [none(Spec)], [a, b, 1])),
    ?assertEqual([undef, denied, undef], found(blacklist, [none(Spec)], [a, b, 1])).

%% In doubt a call is denied, in either mode; a guard that fails is no match.
what_is_not_true(_Config) ->
    Specs = [
        {[{'_', [], [yes]}], denied},
        {[{'_', [], [{hd, {const, a}}]}], denied},
        {[{'_', [], ['$_']}], denied},
        {[{'_', [], [false, 1]}], denied}
    ],
    [
        ?assertEqual([Expected], found(Mode, [none(Spec)], [x]))
     || Mode <- [whitelist, blacklist], {Spec, Expected} <- Specs
    ],
    Guard = none([{['$1'], [{'>', {hd, '$1'}, 0}], [true]}]),
    ?assertEqual([denied, undef], found(whitelist, [Guard], [a, [1]])),
    ?assertEqual([undef, denied], found(blacklist, [Guard], [a, [1]])).

other_rules_do_not_widen(_Config) ->
    [
        ?assertEqual([undef, denied], found(whitelist, [Other, is(a)], [a, b]))
     || Other <- [?T, '_', {?T, none}, {'_', none, 1}]
    ],
    [
        ?assertEqual([denied, denied], found(blacklist, [Other, is(a)], [a, b]))
     || Other <- [?T, {?T, none}, {'_', none, 1}]
    ].

%% All have to accept, whichever came first.
meets(_Config) ->
    Policy = fun(Mode, Rules) -> ?RUN:policy(Mode, Rules, #{unknown => allow}) end,
    {AB, BC} = {[is(a), is(b)], [is(b), is(c)]},
    Cases = [
        {{whitelist, AB}, {whitelist, BC}, [denied, undef, denied, denied]},
        {{whitelist, AB}, {blacklist, BC}, [undef, denied, denied, denied]},
        {{blacklist, AB}, {blacklist, BC}, [denied, denied, denied, undef]},
        {{whitelist, AB}, {whitelist, [?T]}, [undef, undef, denied, denied]},
        {{whitelist, AB}, {whitelist, [lists]}, [denied, denied, denied, denied]}
    ],
    Met = fun({Mode, Rules}, {Other, More}) ->
        [
            begin
                ok = seccomp:restrict(Pid, Other, More, #{unknown => allow, send => any}),
                Pid ! {go, Arg},
                ?RUN:await({Pid, Monitor})
            end
         || Arg <- [a, b, c, d],
            {Pid, Monitor} <- [
                seccomp:spawn_monitor(Policy(Mode, Rules), fun() ->
                    receive
                        {go, X} -> exit({?RUN, outcome(fun() -> apply(?T, id(none), [X]) end)})
                    end
                end)
            ]
        ]
    end,
    [
        ?assertEqual(Expected, [short(Outcome) || Outcome <- Met(One, Other)])
     || {First, Second, Expected} <- Cases, {One, Other} <- [{First, Second}, {Second, First}]
    ].

%% As seccomp_test_run:outcome/1, which policies here do not allow.
outcome(Fun) ->
    try Fun() of
        Value -> {value, Value}
    catch
        Class:Reason:Stack -> {raised, Class, Reason, Stack}
    end.

short({raised, error, undef, _}) -> undef;
short({raised, error, {seccomp, {?T, none, 1}}, _}) -> denied;
short(Other) -> Other.

%% -- Calls that nobody makes -------------------------------------------------------

first(Counter, Tag) -> exit({?RUN, {value, ?T:hit(Counter, Tag)}}).

first_calls(Config) ->
    #{counter := C} = ?config(env, Config),
    Spec = seccomp:args(fun([_, Tag]) when Tag =:= good -> true end),
    Policy = white([
        {?MODULE, first, 2, Spec},
        {?T, hit, 2},
        {erlang, spawn_monitor, 3},
        {erlang, spawn_opt, 4},
        {erlang, hibernate, 3}
        | ?T:needs()
    ]),
    Ways = [
        {spawn, fun(Tag) ->
            {_, Monitor} = spawn_monitor(?MODULE, first, [C, Tag]),
            receive
                {'DOWN', Monitor, process, _, Reason} -> Reason
            end
        end},
        {hibernate, fun(Tag) ->
            self() ! wake,
            erlang:hibernate(?MODULE, first, [C, Tag])
        end}
    ],
    Start = atomics:get(C, 1),
    Ended = [
        {Name, Tag, ended(?RUN:in(Policy, fun() -> Way(Tag) end))}
     || {Name, Way} <- Ways, Tag <- [good, bad]
    ],
    ?assertEqual(
        [
            {spawn, good, ran}, {spawn, bad, denied}, {hibernate, good, ran}, {hibernate, bad, denied}
        ],
        Ended
    ),
    ?assertEqual(2, atomics:get(C, 1) - Start).

ended({value, {?RUN, {value, {hit, good}}}}) -> ran;
ended({value, {hit, good}}) -> ran;
ended({value, {{seccomp, {?MODULE, first, 2}}, _}}) -> denied;
ended({died, {{seccomp, {?MODULE, first, 2}}, _}}) -> denied;
ended({raised, error, {seccomp, {?MODULE, first, 2}}, _}) -> denied;
ended(Other) -> Other.

missing_function(Config) ->
    #{counter := C} = ?config(env, Config),
    Policy = ?RUN:policy(
        whitelist,
        [{seccomp_test_gone, run, 2, seccomp:args(fun([_, good]) -> true end)}, {?T, hit, 1} | ?T:needs()] ++
            [{?T, undefined_function, 3}, {erlang, process_flag, 2}],
        #{unknown => allow}
    ),
    Call = fun(Tag) ->
        ?RUN:in(Policy, fun() ->
            process_flag(error_handler, ?T),
            seccomp_test_gone:run(C, Tag)
        end)
    end,
    ?assertEqual({value, {handled, hit}}, Call(good)),
    ?assertMatch({raised, error, {seccomp, {seccomp_test_gone, run, 2}}, _}, Call(bad)),
    %% The handler's own arguments count as well.
    Handler = ?RUN:policy(
        whitelist,
        [
            {seccomp_test_gone, run, 2},
            {?T, hit, 1},
            {erlang, process_flag, 2},
            {?T, undefined_function, 3, seccomp:args(fun([_, run, [_, good]]) -> true end)}
            | ?T:needs()
        ],
        #{unknown => allow}
    ),
    Handled = fun(Tag) ->
        ?RUN:in(Handler, fun() ->
            process_flag(error_handler, ?T),
            seccomp_test_gone:run(C, Tag)
        end)
    end,
    ?assertEqual({value, {handled, hit}}, Handled(good)),
    ?assertMatch({raised, error, {seccomp, {?T, undefined_function, 3}}, _}, Handled(bad)).

%% -- Sending ---------------------------------------------------------------------

sending(_Config) ->
    Spec = seccomp:args(fun([_, {ok, _}]) -> true end),
    Policy = ?RUN:policy(whitelist, [{erlang, send, 2, Spec}]),
    Me = self(),
    {E, Bang} = {id(erlang), id('!')},
    Ways = [
        {operator, fun(X) -> Me ! X end},
        {operator_not_last, fun(X) -> [Me ! X] end},
        {send, fun(X) -> erlang:send(Me, X) end},
        {send_apply, fun(X) -> apply(E, id(send), [Me, X]) end},
        {bang_apply, fun(X) -> apply(E, Bang, [Me, X]) end},
        {send3, fun(X) -> erlang:send(Me, X, [noconnect]) end},
        {send3_apply, fun(X) -> apply(E, id(send), [Me, X, []]) end}
    ],
    Send = fun(Way, X) ->
        case ?RUN:in(Policy, fun() -> Way(X) end) of
            {raised, error, {seccomp, {erlang, _, _}}, _} -> denied;
            {value, _} -> sent
        end
    end,
    Found = [{Name, Send(Way, {Name, 1}), Send(Way, {ok, Name})} || {Name, Way} <- Ways],
    ?assertEqual([], [Wrong || {_, Bad, Good} = Wrong <- Found, {Bad, Good} =/= {denied, sent}]),
    ?assertEqual([{ok, Name} || {Name, _} <- Ways], messages()).

messages() ->
    receive
        Message -> [Message | messages()]
    after 0 -> []
    end.

%% -- Around the decision -----------------------------------------------------------

reactions(_Config) ->
    In = fun(OnDeny, X) ->
        Policy = ?RUN:policy(whitelist, [is(a)], #{unknown => allow, on_deny => OnDeny}),
        {Pid, Monitor} = seccomp:spawn_monitor(Policy, fun() ->
            exit({?RUN, outcome(fun() -> apply(?T, id(none), [X]) end)})
        end),
        {?RUN:await({Pid, Monitor}), maps:get(total, seccomp:violations(Pid))}
    end,
    ?assertMatch({{raised, error, undef, _}, 0}, In(raise, a)),
    ?assertMatch({{raised, error, {seccomp, {?T, none, 1}}, _}, 1}, In(raise, b)),
    ?assertMatch({{raised, error, undef, _}, 0}, In(kill, a)),
    ?assertMatch({{died, {seccomp, {?T, none, 1}}}, 1}, In(kill, b)),
    ?assertMatch({{raised, error, undef, _}, 0}, In(log, a)),
    ?assertMatch({{raised, error, undef, _}, 1}, In(log, b)).

%% What was allowed a thousand times is still asked about.
never_remembered(Config) ->
    #{counter := C} = ?config(env, Config),
    Spec = seccomp:args(fun([_, N]) when N rem 2 =:= 0 -> true end),
    Policy = white([{?T, hit, 2, Spec}, {lists, seq, 2} | ?T:needs()]),
    {value, Denied} = ?RUN:in(Policy, fun() ->
        length([N || N <- lists:seq(1, 2000), catch_denied(C, N)])
    end),
    ?assertEqual(1000, Denied).

catch_denied(C, N) ->
    try ?T:hit(C, N) of
        {hit, N} -> false
    catch
        error:{seccomp, {?T, hit, 2}} -> true
    end.

%% Terms of any size are looked at where they are.
large_terms(_Config) ->
    Large = {lists:seq(1, 100000), maps:from_list([{N, N} || N <- lists:seq(1, 1000)])},
    Spec = [{['$1', '$2'], [{'=:=', '$1', '$2'}, {'>', {map_size, {element, 2, '$1'}}, 999}], [true]}],
    Policy = ?RUN:policy(whitelist, [{?T, none, 2, Spec}], #{unknown => allow}),
    Call = fun(X, Y) -> short2(?RUN:in(Policy, fun() -> apply(?T, id(none), [X, Y]) end)) end,
    ?assertEqual(undef, Call(Large, Large)),
    ?assertEqual(denied, Call(Large, {[], #{}})).

short2({raised, error, undef, _}) -> undef;
short2({raised, error, {seccomp, {?T, none, 2}}, _}) -> denied;
short2(Other) -> Other.

%% What a program builds is no garbage of the process, and what the process has
%% moves only when it wants to: arguments are the same after the check.
garbage(Config) ->
    #{counter := C} = ?config(env, Config),
    Spec = [{['_', '$1'], [{'=:=', {element, 1, {{'$1', ['$1', '$1'], #{a => '$1'}}}}, '$1'}], [true]}],
    More = [{erlang, process_info, 2}, {erlang, integer_to_list, 1}, {lists, seq, 2}, {lists, usort, 1}],
    Policy = white([{?T, hit, 2, Spec} | More ++ ?T:needs()]),
    {value, {Same, Size}} = ?RUN:in(Policy, fun() ->
        Same = [
            begin
                Term = {N, integer_to_list(N), <<N:4096>>},
                Seen = ?T:hit(C, Term),
                _ = N rem 100 =:= 0 andalso garbage_collect(),
                Seen =:= {hit, Term}
            end
         || N <- lists:seq(1, 3000)
        ],
        garbage_collect(),
        {_, Size} = process_info(self(), total_heap_size),
        {lists:usort(Same), Size}
    end),
    ?assertEqual([true], Same),
    ?assert(Size < 1000000).

programs_live_as_long_as_policies(_Config) ->
    Run = fun(N) ->
        Policy = ?RUN:policy(whitelist, [is({N, <<N:1024>>})], #{unknown => allow}),
        ?assertEqual([undef, denied], [one(Policy, {N, <<N:1024>>}), one(Policy, N)])
    end,
    Memory = fun() ->
        ok = ?RUN:alone(fun() -> lists:foreach(Run, lists:seq(1, 500)) end),
        erlang:garbage_collect(),
        erlang:memory(system)
    end,
    _ = Memory(),
    Before = Memory(),
    After = Memory(),
    ?assert(After - Before < 2 * 1024 * 1024, {Before, After}).

%% Schedulers run one program at the same time.
at_once(Config) ->
    #{counter := C} = ?config(env, Config),
    Spec = [{['_', {'$1', '$2'}], [{'=:=', ['$1'], ['$2']}], [true]}],
    Policy = white([{?T, hit, 2, Spec}, {lists, seq, 2} | ?T:needs()]),
    Work = fun() ->
        [
            {denied, true} = {catch_denied(C, {N, N + 1}) andalso denied, N > 0}
         || N <- lists:seq(1, 2000), {hit, _} <- [?T:hit(C, {N, N})]
        ],
        done
    end,
    Started = [
        seccomp:spawn_monitor(Policy, fun() -> exit({?RUN, outcome(Work)}) end)
     || _ <- lists:seq(1, 16)
    ],
    ?assertEqual([{value, done}], lists:usort([?RUN:await(One) || One <- Started])).

save_calls(Config) ->
    #{counter := C} = ?config(env, Config),
    Spec = seccomp:args(fun([_, good]) -> true end),
    Policy = white([{?T, hit, 2, Spec}, {erlang, process_flag, 2} | ?T:needs()]),
    Outcome = ?RUN:in(Policy, fun() ->
        _ = process_flag(save_calls, 10),
        {?T:hit(C, good), catch_denied(C, bad)}
    end),
    ?assertEqual({value, {{hit, good}, true}}, Outcome).

children(Config) ->
    #{counter := C} = ?config(env, Config),
    Spec = seccomp:args(fun([_, good]) -> true end),
    Policy = white([{?T, hit, 2, Spec}, {erlang, spawn_monitor, 1}, {erlang, spawn_opt, 4} | ?T:needs()]),
    Outcome = ?RUN:in(Policy, fun() ->
        {_, Monitor} = spawn_monitor(fun() -> exit({?T:hit(C, good), catch_denied(C, bad)}) end),
        receive
            {'DOWN', Monitor, process, _, Reason} -> Reason
        end
    end),
    ?assertEqual({value, {{hit, good}, true}}, Outcome).

%% Checked where its arguments are not at hand.
load_nif(_Config) ->
    Rule = {erlang, load_nif, 2, always()},
    ?assertMatch(
        {error, {bad_rule, #{position := 1}}},
        seccomp:compile(#{mode => whitelist, rules => [Rule]})
    ).
