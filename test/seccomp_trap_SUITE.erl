%% SPDX-License-Identifier: Apache-2.0
%%
%% BIFs that take more than one turn, and functions that are being traced.
%% Allowing a BIF is enough to let it finish.
-module(seccomp_trap_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1, end_per_testcase/2]).
-export([
    allowed_bif_finishes/1,
    restricted_by_another_while_trapping/1,
    global_call_trace/1,
    local_breakpoint/1,
    call_count_and_time/1,
    traced_bif/1,
    debugger_breakpoint/1,
    trace_of_the_restricted_process/1
]).

-define(T, seccomp_test_target).
-define(HIT, {?T, hit, 1}).
-define(ADD, {atomics, add, 3}).

%% A call that should have been denied may leave somebody waiting.
suite() -> [{timetrap, {seconds, 60}}].

all() ->
    [
        allowed_bif_finishes,
        restricted_by_another_while_trapping,
        global_call_trace,
        local_breakpoint,
        call_count_and_time,
        traced_bif,
        debugger_breakpoint,
        trace_of_the_restricted_process
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    %% A trace pattern takes loaded functions only.
    {module, ?T} = code:ensure_loaded(?T),
    Config.

end_per_suite(_Config) -> ok.

end_per_testcase(_Case, _Config) ->
    _ = [
        erlang:trace_pattern(Mfa, false, [Kind])
     || Mfa <- [?HIT, ?ADD], Kind <- [global, local, call_count, call_time]
    ],
    ok.

%% -- Continuations -----------------------------------------------------------

%% Each takes long enough to give the scheduler back, which is seen to happen.
long_bifs() ->
    List = lists:seq(1, 400000),
    Term = [{N, <<"some bytes">>} || N <- lists:seq(1, 100000)],
    Binary = term_to_binary(Term),
    Bytes = binary:copy(<<"abcdefgh">>, 500000),
    [
        {{lists, reverse, 2}, [List, []]},
        {{lists, member, 2}, [none, List]},
        {{lists, keyfind, 3}, [none, 1, Term]},
        {{erlang, '--', 2}, [List, List]},
        {{erlang, '++', 2}, [List, List]},
        {{erlang, length, 1}, [List]},
        {{erlang, term_to_binary, 1}, [Term]},
        {{erlang, binary_to_term, 1}, [Binary]},
        {{erlang, external_size, 1}, [Term]},
        {{erlang, phash2, 1}, [Term]},
        {{erlang, list_to_binary, 1}, [lists:duplicate(300, Bytes)]},
        {{erlang, iolist_size, 1}, [lists:duplicate(200000, [<<"x">>])]},
        {{erlang, binary_to_list, 1}, [Bytes]},
        {{erlang, md5, 1}, [Bytes]},
        {{erlang, crc32, 1}, [Bytes]},
        {{unicode, characters_to_binary, 1}, [List -- lists:seq(55296, 57343)]},
        {{binary, matches, 2}, [Bytes, <<"efg">>]},
        {{binary, split, 3}, [Bytes, <<"h">>, [global]]},
        {{maps, from_list, 1}, [Term]},
        {{maps, keys, 1}, [maps:from_list(Term)]},
        {{re, run, 2}, [Bytes, <<"(a.*)*z">>]}
    ].

allowed_bif_finishes(_Config) ->
    Wrong = [
        {Mfa, Why}
     || {{M, F, _} = Mfa, Args} <- long_bifs() ++ table_bifs(),
        Why <- [finishes(M, F, Args, only(Mfa), apply(M, F, Args))],
        Why =/= ok
    ],
    ?assertEqual([], Wrong).

%% A whitelist of this function, without even `@base`. Some are Erlang
%% functions around one BIF, which is then named, too.
only({binary, split, 3} = Mfa) -> only([Mfa, {binary, matches, 3}, {binary, part, 2}, {binary, part, 3}]);
only({binary, matches, 2} = Mfa) -> only([Mfa]);
only({maps, keys, 1} = Mfa) -> only([Mfa]);
only({unicode, characters_to_binary, 1} = Mfa) -> only([Mfa, {unicode, characters_to_binary, 2}]);
only({M, F, A}) when is_atom(M) -> only([{M, F, A}]);
only(Rules) ->
    Exit = {erlang, exit, 1},
    seccomp_test_run:policy(whitelist, [Exit | Rules], #{base => false}).

finishes(M, F, Args, Policy, Expected) ->
    case seccomp_test_run:in(Policy, fun() -> apply(M, F, Args) end) of
        {value, Expected} -> ok;
        {value, _} -> another_value;
        Other -> Other
    end.

table_bifs() ->
    Table = ets:new(?MODULE, [public, ordered_set]),
    true = ets:insert(Table, [{N, N} || N <- lists:seq(1, 100000)]),
    Spec = [{{'$1', '$2'}, [{'=<', '$2', 5}], ['$1']}],
    [
        {{ets, select, 2}, [Table, Spec]},
        {{ets, select_count, 2}, [Table, Spec]},
        {{ets, match_object, 2}, [Table, {'_', 77777}]}
    ].

%% The policy comes in the middle of a BIF that it does not allow: that call
%% was made before, so it ends; the next is denied.
restricted_by_another_while_trapping(_Config) ->
    Bytes = binary:copy(<<"abcdefgh">>, 500000),
    Me = self(),
    {Pid, Monitor} = spawn_monitor(fun() -> again(Me, Bytes) end),
    receive
        {Pid, turn} -> ok
    end,
    ok = seccomp:restrict(Pid, blacklist, [{erlang, binary_to_list, 1}]),
    receive
        {'DOWN', Monitor, process, Pid, Reason} ->
            ?assertMatch({{seccomp, {erlang, binary_to_list, 1}}, _}, Reason)
    end.

again(Parent, Bytes) ->
    _ = erlang:binary_to_list(Bytes),
    Parent ! {self(), turn},
    again(Parent, Bytes).

%% -- Tracing of the function that is called ----------------------------------

global_call_trace(_Config) -> still_enforced(?HIT, [global]).

local_breakpoint(_Config) -> still_enforced(?HIT, [local]).

call_count_and_time(_Config) ->
    still_enforced(?HIT, [call_count]),
    still_enforced(?HIT, [call_time]).

traced_bif(_Config) ->
    still_enforced(?ADD, [global]),
    still_enforced(?ADD, [local]).

%% With a trace pattern on the function, it is denied and allowed as without.
still_enforced(Mfa, Kinds) ->
    {module, _} = code:ensure_loaded(?T),
    ?assertEqual(1, erlang:trace_pattern(Mfa, true, Kinds)),
    Counter = atomics:new(1, []),
    Calls = [
        {?HIT, [Counter], fun() -> ?T:hit(Counter) end},
        {?HIT, [Counter], fun() -> apply(?T, hd([hit, Counter]), [Counter]) end},
        {?ADD, [Counter, 1, 1], fun() -> atomics:add(Counter, 1, 1) end},
        {?ADD, [Counter, 1, 1], fun() -> {atomics:add(Counter, 1, 1)} end},
        {?ADD, [Counter, 1, 1], fun() -> apply(atomics, add, [Counter | [1, 1]]) end}
    ],
    [
        begin
            Denied = seccomp_test_run:policy(blacklist, [Called]),
            Outcome = seccomp_test_run:in(Denied, Call),
            ?assertEqual({Kinds, ok}, {Kinds, seccomp_test_run:denial(Outcome, {Called, Args})})
        end
     || {Called, Args, Call} <- Calls
    ],
    ?assertEqual(0, atomics:get(Counter, 1)),
    Allowed = seccomp_test_run:policy(whitelist, [?HIT, ?ADD]),
    [?assertMatch({value, _}, seccomp_test_run:in(Allowed, Call)) || {_, _, Call} <- Calls],
    ?assertEqual(length(Calls), atomics:get(Counter, 1)),
    ?assertEqual(1, erlang:trace_pattern(Mfa, false, Kinds)),
    ok.

%% A breakpoint of the debugger leads from an allowed call to the error handler.
debugger_breakpoint(_Config) ->
    Handler = {error_handler, breakpoint, 3},
    Counter = atomics:new(1, []),
    Policy = seccomp_test_run:policy(blacklist, [Handler]),
    1 = erts_debug:breakpoint(?HIT, true),
    try
        Outcome = seccomp_test_run:in(Policy, fun() -> ?T:hit(Counter) end),
        ?assertEqual(ok, seccomp_test_run:denial(Outcome, {Handler, [?T, hit, [Counter]]}))
    after
        1 = erts_debug:breakpoint(?HIT, false)
    end,
    ?assertEqual({value, hit}, seccomp_test_run:in(Policy, fun() -> ?T:hit(Counter) end)),
    ?assertEqual(1, atomics:get(Counter, 1)).

%% -- Tracing of the process --------------------------------------------------

%% A call that was denied was not made, so there is no trace of it.
trace_of_the_restricted_process(_Config) ->
    Counter = atomics:new(1, []),
    1 = erlang:trace_pattern(?HIT, true, [global]),
    Policy = seccomp_test_run:policy(blacklist, [{?T, hit, 2}]),
    {Pid, Monitor} = seccomp:spawn_monitor(Policy, fun() ->
        receive
            go -> ok
        end,
        hit = ?T:hit(Counter),
        {'EXIT', _} = (catch ?T:hit(Counter, x)),
        hit = ?T:hit(Counter),
        receive
            stop -> ok
        end,
        ?T:hit(Counter)
    end),
    1 = erlang:trace(Pid, true, [call]),
    Pid ! go,
    [receive {trace, Pid, call, {?T, hit, [Counter]}} -> ok end || _ <- [1, 2]],
    ok = seccomp:restrict(Pid, blacklist, [?HIT]),
    Pid ! stop,
    receive
        {'DOWN', Monitor, process, Pid, Reason} -> ?assertMatch({{seccomp, ?HIT}, _}, Reason)
    end,
    ?assertEqual(2, atomics:get(Counter, 1)),
    receive
        {trace, Pid, call, _} = Trace -> ct:fail(Trace)
    after 0 -> ok
    end.
