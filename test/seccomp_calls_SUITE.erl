%% SPDX-License-Identifier: Apache-2.0
%%
%% Every way of making a call, from every position, under whitelists and
%% blacklists that allow or deny it. The ways are in seccomp_test_calls.
-module(seccomp_calls_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-define(T, seccomp_test_target).

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([
    whitelist_allows/1,
    whitelist_denies/1,
    blacklist_allows/1,
    blacklist_denies/1,
    allowed_and_denied_take_turns/1,
    denial_is_an_ordinary_error/1,
    callers_are_in_the_stack_trace/1,
    functions_that_raise/1,
    hundred_thousand_denials/1,
    exceptions_pass_restricted_frames/1,
    trusted_processes_are_not_checked/1
]).

-define(POSITIONS, [body, tail, 'try', 'catch', 'after']).

%% A call that should have been denied may leave somebody waiting.
suite() -> [{timetrap, {seconds, 60}}].

all() ->
    [
        whitelist_allows,
        whitelist_denies,
        blacklist_allows,
        blacklist_denies,
        allowed_and_denied_take_turns,
        denial_is_an_ordinary_error,
        callers_are_in_the_stack_trace,
        functions_that_raise,
        hundred_thousand_denials,
        exceptions_pass_restricted_frames,
        trusted_processes_are_not_checked
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

init_per_testcase(_Case, Config) ->
    [{env, seccomp_test_calls:env()} | Config].

end_per_testcase(_Case, Config) ->
    seccomp_test_calls:close(?config(env, Config)).

%% -- The four combinations ---------------------------------------------------

whitelist_allows(Config) ->
    each(Config, fun allowed/3, fun(#{mfa := Mfa, needs := Needs}) ->
        whitelist([Mfa | Needs])
    end).

whitelist_denies(Config) ->
    each(Config, fun denied/3, fun(#{mfa := Mfa, needs := Needs}) ->
        case lists:member(Mfa, in_base()) of
            true ->
                Used = [{erlang, exit, 1}, {erlang, put, 2}, {erlang, raise, 3}, {erlang, get, 1}],
                seccomp_test_run:policy(whitelist, Used ++ (Needs -- [Mfa]), #{base => false});
            false ->
                whitelist(Needs -- [Mfa])
        end
    end).

in_base() -> [{erlang, send, 2}, {erlang, send, 3}, {erlang, '!', 2}].

blacklist_allows(Config) ->
    each(Config, fun allowed/3, fun(_) ->
        seccomp_test_run:policy(blacklist, [{seccomp_test_target, load_library, 1}])
    end).

blacklist_denies(Config) ->
    each(Config, fun denied/3, fun(#{mfa := Mfa}) ->
        seccomp_test_run:policy(blacklist, [Mfa])
    end).

%% A fold that the operator's entry makes is part of its way of calling.
whitelist(Rules) ->
    seccomp_test_run:policy(whitelist, lists:usort([{lists, foldl, 3} | Rules])).

%% Runs the whole table and fails with all that went wrong, not the first.
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

%% The same value as in a trusted process, and the same effect.
allowed(Env, {Position, #{forms := Forms} = Call}, Policy) ->
    Tail = map_get(tail, Forms),
    Start = seccomp_test_calls:effect(Env),
    Trusted = Tail(),
    Middle = seccomp_test_calls:effect(Env),
    Outcome = seccomp_test_calls:run(Policy, Position, Call),
    End = seccomp_test_calls:effect(Env),
    case unwrap(Position, Outcome) of
        {value, Value} when Value =:= Trusted ->
            case {difference(Start, Middle), difference(Middle, End)} of
                {Same, Same} -> ok;
                Effects -> {effects, Effects}
            end;
        Other ->
            {not_allowed, Other, Trusted}
    end.

%% A denial in its exact form, and no effect.
denied(Env, {Position, #{mfa := Mfa, args := Args} = Call}, Policy) ->
    Before = seccomp_test_calls:effect(Env),
    Outcome = seccomp_test_calls:run(Policy, Position, Call),
    case seccomp_test_calls:effect(Env) of
        Before -> seccomp_test_run:denial(unwrap(Position, Outcome), {Mfa, Args});
        After -> {has_run, Outcome, Before, After}
    end.

%% What stands after `after` has to run, whatever happened before.
unwrap('after', {value, {after_ran, Outcome}}) -> Outcome;
unwrap('after', Other) -> {after_did_not_run, Other};
unwrap(_, {value, Outcome}) -> Outcome;
unwrap(_, Other) -> Other.

difference(A, B) ->
    [Y - X || {X, Y} <- lists:zip(tuple_to_list(A), tuple_to_list(B))].

%% -- More than one call ------------------------------------------------------

%% A call that was allowed sets a bit; a denied one must not.
allowed_and_denied_take_turns(Config) ->
    #{counter := Counter} = ?config(env, Config),
    Policy = seccomp_test_run:policy(blacklist, [{seccomp_test_target, hit, 2}]),
    {value, Turns} = seccomp_test_run:in(Policy, fun() -> turns(Counter, 1000, []) end),
    ?assertEqual([{denied, hit}], lists:usort(Turns)),
    ?assertEqual(1000, length(Turns)),
    ?assertEqual(1000, atomics:get(Counter, 1)).

turns(_Counter, 0, Turns) ->
    Turns;
turns(Counter, N, Turns) ->
    Denied =
        try seccomp_test_target:hit(Counter, N) of
            Value -> Value
        catch
            error:{seccomp, {seccomp_test_target, hit, 2}} -> denied
        end,
    turns(Counter, N - 1, [{Denied, seccomp_test_target:hit(Counter)} | Turns]).

denial_is_an_ordinary_error(Config) ->
    #{counter := Counter} = ?config(env, Config),
    Policy = seccomp_test_run:policy(blacklist, [seccomp_test_target]),
    {value, {Class, Reason, Stack, {Pid, Flags}}} = seccomp_test_run:in(Policy, fun() ->
        try
            seccomp_test_target:hit(Counter, 17)
        catch
            C:R:S -> {C, R, S, {self(), seccomp:flags(self())}}
        end
    end),
    ?assertEqual({error, {seccomp, {seccomp_test_target, hit, 2}}}, {Class, Reason}),
    [{seccomp_test_target, hit, [Counter, 17], [{error_info, Info}]} | Callers] = Stack,
    ?assertEqual(seccomp_error, maps:get(module, Info)),
    ?assertMatch([{?MODULE, _, _, _} | _], Callers),
    ?assertEqual(16#d0, Flags),
    Text = unicode:characters_to_list(erl_error:format_exception(Class, Reason, Stack)),
    ?assertNotEqual(nomatch, string:find(Text, "seccomp_test_target:hit/2 is not allowed")),
    ?assertMatch(
        #{ring := [#{mfa := {seccomp_test_target, hit, 2}, action := raise}], total := 1},
        seccomp:violations(Pid)
    ).

%% Unless the call was a tail call, which leaves no frame; but for BIFs, which
%% have the caller below them in any case.
callers_are_in_the_stack_trace(Config) ->
    Policy = seccomp_test_run:policy(blacklist, [?T, {erlang, phash2, 1}, {os, getpid, 0}]),
    Env = (?config(env, Config))#{os => os, getpid => getpid},
    Frames = [
        {Name, lists:keymember(Name, 2, Stack), Second}
     || {Name, Call} <- stacks(),
        {raised, error, {seccomp, _}, [_, {_, Second, _, _} | _] = Stack} <- [
            seccomp_test_run:in(Policy, fun() -> {Call(Env)} end)
        ]
    ],
    ?assertEqual(length(stacks()), length(Frames)),
    ?assertEqual([], [
        Frame
     || {Name, Found, Second} = Frame <- Frames,
        not lists:member({kind(Name), Found, Second =:= Name}, [
            {body, true, true}, {bif, true, true}, {tail, false, false}
        ])
    ]).

kind(Name) -> list_to_atom(hd(string:lexemes(atom_to_list(Name), "_"))).

stacks() ->
    [
        {body_ext, fun body_ext/1},
        {tail_ext, fun tail_ext/1},
        {tail_ext_frame, fun tail_ext_frame/1},
        {body_apply, fun body_apply/1},
        {tail_apply, fun tail_apply/1},
        {tail_apply_frame, fun tail_apply_frame/1},
        {body_fixed, fun body_fixed/1},
        {tail_fixed_frame, fun tail_fixed_frame/1},
        {body_fun, fun body_fun/1},
        {tail_fun_frame, fun tail_fun_frame/1},
        {body_apply_fun, fun body_apply_fun/1},
        {tail_apply_fun, fun tail_apply_fun/1},
        {tail_apply_fun_frame, fun tail_apply_fun_frame/1},
        {bif_body, fun bif_body/1},
        {bif_tail, fun bif_tail/1},
        {bif_tail_frame, fun bif_tail_frame/1}
    ].

body_ext(#{counter := C}) -> {?T:hit(C)}.
tail_ext(Env) -> ?T:hit(Env).
tail_ext_frame(#{counter := C} = Env) -> ?T:hit(C, used(Env)).
body_apply(#{m := M, f := F, args := As}) -> {apply(M, F, As)}.
tail_apply(#{m := M, f := F, args := As}) -> apply(M, F, As).
tail_apply_frame(#{m := M, f := F, args := As} = Env) -> apply(M, F, [used(Env) | As]).
body_fixed(#{m := M, f := F, counter := C}) -> {M:F(C)}.
tail_fixed_frame(#{m := M, f := F, counter := C} = Env) -> M:F(C, used(Env)).
body_fun(#{ext := Ext, counter := C}) -> {Ext(C)}.
tail_fun_frame(#{ext := Ext} = Env) -> Ext(used(Env)).
body_apply_fun(#{ext := Ext, args := As}) -> {apply(Ext, As)}.
tail_apply_fun(#{ext := Ext, args := As}) -> apply(Ext, As).
tail_apply_fun_frame(#{ext := Ext, args := As} = Env) -> apply(Ext, tl([used(Env) | As])).
bif_body(Env) -> {erlang:phash2(Env)}.
bif_tail(Env) -> erlang:phash2(Env).
bif_tail_frame(Env) -> erlang:phash2(used(Env)).

used(Env) -> map_size(Env).
%% They are not the first entry of the stack traces that they raise, but of
%% those of their denial. What they are given looks like one as much as it can.
functions_that_raise(_Config) ->
    Options = [{error_info, #{module => seccomp_error}}],
    Calls = [
        {error, [x], fun(X) -> error(X) end},
        {error, [x, []], fun(X) -> error(X, []) end},
        {error, [x, none, Options], fun(X) -> error(X, none, Options) end},
        {exit, [x], fun(X) -> exit(X) end},
        {throw, [x], fun(X) -> throw(X) end},
        {raise, [error, x, []], fun(X) -> erlang:raise(error, X, []) end},
        {nif_error, [x], fun(X) -> erlang:nif_error(X) end}
    ],
    Rules = [{erlang, F, length(Args)} || {F, Args, _} <- Calls],
    Policy = seccomp_test_run:policy(blacklist, Rules),
    ?assertEqual([], [
        {Rule, Why}
     || {F, Args, Fun} <- Calls,
        Rule <- [{erlang, F, length(Args)}],
        Call <- [fun() -> Fun(x) end, fun() -> apply(erlang, F, Args) end],
        Why <- [seccomp_test_run:denial(raising(Policy, Call), {Rule, Args})],
        Why =/= ok
    ]).

%% The outcome in a process that may not end by exit/1.
raising(Policy, Call) ->
    Me = self(),
    Pid = seccomp:spawn(Policy, fun() -> Me ! {self(), seccomp_test_run:outcome(Call)} end),
    receive
        {Pid, Outcome} -> Outcome
    end.

hundred_thousand_denials(Config) ->
    #{counter := Counter, ext := Ext} = ?config(env, Config),
    Policy = seccomp_test_run:policy(blacklist, [seccomp_test_target]),
    {value, {Denials, Heap, Sum}} = seccomp_test_run:in(Policy, fun() ->
        N = denials(Counter, Ext, 50000, 0),
        true = erlang:garbage_collect(),
        {total_heap_size, Words} = process_info(self(), total_heap_size),
        {N, Words, lists:sum(lists:seq(1, 100))}
    end),
    ?assertEqual(100000, Denials),
    ?assertEqual(5050, Sum),
    ?assert(Heap < 100000),
    ?assertEqual(0, atomics:get(Counter, 1)),
    ?assertEqual(hit, seccomp_test_target:hit(Counter)).

denials(_Counter, _Ext, 0, Seen) ->
    Seen;
denials(Counter, Ext, N, Seen) ->
    Direct =
        try
            seccomp_test_target:hit(Counter),
            0
        catch
            error:{seccomp, {seccomp_test_target, hit, 1}} -> 1
        end,
    Fun =
        case catch Ext(Counter) of
            {'EXIT', {{seccomp, {seccomp_test_target, hit, 1}}, [_ | _]}} -> 1;
            _ -> 0
        end,
    denials(Counter, Ext, N - 1, Seen + Direct + Fun).

%% Exceptions of all classes that start below, in or above frames of allowed
%% calls are caught where they would be in a trusted process.
exceptions_pass_restricted_frames(Config) ->
    Policy = seccomp_test_run:policy(whitelist, [{lists, foreach, 2}, {lists, map, 2}]),
    Zero = atomics:get(maps:get(counter, ?config(env, Config)), 1),
    Raise = fun
        (throw) -> throw(ball);
        (exit) -> exit(ball);
        (error) -> error(ball);
        (badarith) -> 1 / Zero;
        (denied) -> os:getpid()
    end,
    Catch = fun(What) ->
        try
            lists:foreach(fun(X) -> lists:map(Raise, [X]) end, [What])
        catch
            Class:Reason -> {Class, Reason}
        end
    end,
    Expected = [
        {throw, {throw, ball}},
        {exit, {exit, ball}},
        {error, {error, ball}},
        {badarith, {error, badarith}},
        {denied, {error, {seccomp, {os, getpid, 0}}}}
    ],
    [
        ?assertEqual({value, Caught}, seccomp_test_run:in(Policy, fun() -> Catch(What) end))
     || {What, Caught} <- Expected
    ].

trusted_processes_are_not_checked(Config) ->
    #{counter := Counter} = ?config(env, Config),
    Policy = seccomp_test_run:policy(blacklist, [seccomp_test_target]),
    Me = self(),
    Pids = [
        seccomp:spawn(Policy, fun() ->
            Me ! {self(), seccomp_test_run:outcome(fun() -> seccomp_test_target:hit(Counter) end)}
        end)
     || _ <- lists:seq(1, 50)
    ],
    Hits = [seccomp_test_target:hit(Counter) || _ <- lists:seq(1, 1000)],
    Outcomes = [receive {Pid, Outcome} -> Outcome end || Pid <- Pids],
    Expected = {{seccomp_test_target, hit, 1}, [Counter]},
    ?assertEqual([], [O || O <- Outcomes, seccomp_test_run:denial(O, Expected) =/= ok]),
    ?assertEqual([hit], lists:usort(Hits)),
    ?assertEqual(1000, atomics:get(Counter, 1)).
