%% SPDX-License-Identifier: Apache-2.0
%%
%% What comes into a gate, and what tools of the emulator see of one: funs,
%% tracing, save_calls, hot code loading; and what policies say of gates.
-module(seccomp_gate_args_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    funs_are_refused/1,
    other_terms_are_not/1,
    large_terms/1,
    refusals_are_denials/1,
    dictionary/1,
    error_handler/1,
    save_calls/1,
    traced/1,
    traced_exceptions/1,
    call_time/1,
    new_code/1,
    meets/1,
    explained/1,
    sentences/1
]).

-define(T, seccomp_test_target).
-define(G, seccomp_test_gate).
-define(RUN, seccomp_test_run).
-define(ARGS, {?G, args, 3}).

suite() -> [{timetrap, {seconds, 120}}].

all() ->
    [
        funs_are_refused,
        other_terms_are_not,
        large_terms,
        refusals_are_denials,
        dictionary,
        error_handler,
        save_calls,
        traced,
        traced_exceptions,
        call_time,
        new_code,
        meets,
        explained,
        sentences
    ].

init_per_suite(Config) ->
    {module, ?G} = code:ensure_loaded(?G),
    {module, ?T} = code:ensure_loaded(?T),
    ?RUN:must_have_gates(Config).

end_per_suite(_Config) -> ok.

policy(Gates) -> policy(Gates, []).

policy(Gates, More) ->
    ?RUN:policy(whitelist, [{gate, ?G, F, A} || {F, A} <- Gates] ++ [?MODULE | More]).

level(Counter) ->
    try
        hit = ?T:hit(Counter),
        open
    catch
        error:{seccomp, {?T, hit, 1}} -> closed
    end.

%% -- Funs ------------------------------------------------------------------------

funs_are_refused(_Config) ->
    Local = fun() -> ok end,
    Closure = fun() -> self() end,
    External = fun os:cmd/1,
    Large = maps:from_list([{N, N} || N <- lists:seq(1, 1000)]),
    Terms = [
        Local,
        Closure,
        External,
        fun lists:map/2,
        [Local],
        [a, b | Local],
        [[[[Local]]]],
        {a, {b, {c, Local}}},
        #{key => Local},
        #{Local => value},
        #{[#{Local => value}] => value},
        Large#{500 := External},
        Large#{Local => value},
        Large#{{deep, [Local]} => value},
        [lists:seq(1, 1000), {x, [y | Local]}],
        list_to_tuple(lists:duplicate(1000, a) ++ [Local]),
        lists:foldl(fun(_, Term) -> [Term] end, Local, lists:seq(1, 100000)),
        lists:foldl(fun(_, Term) -> {Term, x} end, Local, lists:seq(1, 100000))
        | [native_record(Field) || Field <- [Local, {a, [External]}], ?RUN:otp() >= 29]
    ],
    Policy = policy([{args, 3}]),
    ?assertEqual([], [
        {N, Place, Outcome}
     || {N, Term} <- lists:zip(lists:seq(1, length(Terms)), Terms),
        Place <- [1, 2, 3],
        Args <- [setelement(Place, {a, b, c}, Term)],
        Outcome <- [call(Policy, Args)],
        Outcome =/= refused
    ]).

%% By apply, as other versions have no such module.
native_record(Field) ->
    Fields = [{first, 1}, {field, Field}, {last, x}],
    apply(records, create, [?MODULE, record, Fields, #{is_exported => true}]).

call(Policy, {A, B, C}) ->
    case ?RUN:in(Policy, fun() -> ?G:args(A, B, C) end) of
        {value, ok} -> ok;
        {raised, error, {seccomp, {gate_fun, ?ARGS}}, [{?G, args, [A, B, C], Info} | _]} ->
            [{error_info, #{module := seccomp_error}}] = Info,
            refused;
        {raised, Class, Reason, _} -> {Class, Reason};
        Other -> Other
    end.

other_terms_are_not(_Config) ->
    Policy = policy([{args, 3}]),
    Terms = [
        {[], <<>>, make_ref()},
        {self(), 1 bsl 100, 1.5},
        {{?G, args, 3}, "text", #{}},
        {maps:from_list([{N, [N]} || N <- lists:seq(1, 1000)]), <<1:3>>, {}},
        {lists:seq(1, 100000), binary:copy(<<1>>, 1000), [a | b]},
        {rand:seed_s(exsss), rand:seed_s(exro928ss), {}}
        | [{native_record([a]), native_record(#{}), 1} || ?RUN:otp() >= 29]
    ],
    ?assertEqual([], [Term || Term <- Terms, call(Policy, Term) =/= ok]).

%% A term whose parts are shared has more of them than anybody can look at.
large_terms(_Config) ->
    Policy = policy([{args, 3}]),
    {Time, {value, {?G, args, [b, c]}}} =
        timer:tc(fun() -> ?RUN:in(Policy, fun() -> shared(doubled(60)) end) end),
    ct:log("~b ms", [Time div 1000]),
    %% It is paid for.
    {value, Reductions} = ?RUN:in(
        policy([{args, 3}], [{erlang, process_info, 2}]),
        fun() ->
            List = numbers(20000),
            true = erlang:yield(),
            {reductions, Before} = process_info(self(), reductions),
            ok = ?G:args(List, b, c),
            {reductions, After} = process_info(self(), reductions),
            After - Before
        end
    ),
    ?assert(Reductions > 1000).

%% The exception is not copied from one process to another.
shared(Shared) ->
    try
        ?G:args(Shared, b, c)
    catch
        error:system_limit:Stack ->
            [{M, F, [_ | Args], _} | _] = Stack,
            {M, F, Args}
    end.

doubled(0) ->
    [];
doubled(N) ->
    Half = doubled(N - 1),
    [Half | Half].

numbers(0) -> [];
numbers(N) -> [N | numbers(N - 1)].

refusals_are_denials(_Config) ->
    Counter = atomics:new(1, []),
    Fun = fun() -> ok end,
    #{total := Before} = seccomp:violations(),
    Policy = fun(OnDeny) ->
        Rules = [{gate, ?G, value, 1}, {gate, ?G, args, 3}, ?MODULE],
        ?RUN:policy(whitelist, Rules, #{on_deny => OnDeny})
    end,
    Call = fun() ->
        _ = (catch ?G:args(a, b, Fun)),
        closed = level(Counter)
    end,
    {value, closed} = ?RUN:in(Policy(raise), Call),
    {died, {seccomp, {gate_fun, ?ARGS}}} = ?RUN:in(Policy(kill), Call),
    {value, ok} = ?RUN:in(Policy(log), fun() -> ?G:args(a, b, Fun) end),
    #{total := After, ring := Ring} = seccomp:violations(),
    ?assertEqual(
        [raise, kill, log],
        [Action || #{seq := N, mfa := ?ARGS, action := Action} <- Ring, N > Before]
    ),
    ?assert(After >= Before + 3).

%% The code of a gate reads it, and may call what it finds there.
dictionary(_Config) ->
    Policy = policy([{args, 3}], [erlang, rand]),
    Refused = fun() ->
        try ?G:args(a, b, c) of
            ok -> ok
        catch
            error:{seccomp, {gate_fun, ?ARGS}} -> refused
        end
    end,
    Outcome = ?RUN:in(Policy, fun() ->
        undefined = put(key, [{value}]),
        One = Refused(),
        undefined = put(other, [{fun() -> ok end}]),
        Two = Refused(),
        [_] = erase(other),
        Three = Refused(),
        _ = rand:uniform(10),
        Four = Refused(),
        undefined = put(fun os:cmd/1, x),
        [One, Two, Three, Four, Refused()]
    end),
    ?assertEqual({value, [ok, refused, ok, ok, refused]}, Outcome).

error_handler(_Config) ->
    Policy = policy([{args, 3}], [{erlang, process_flag, 2}]),
    Outcome = ?RUN:in(Policy, fun() ->
        error_handler = process_flag(error_handler, ?T),
        One = (catch ?G:args(a, b, c)),
        ?T = process_flag(error_handler, error_handler),
        {One, ?G:args(a, b, c)}
    end),
    ?assertMatch({value, {{'EXIT', {{seccomp, {gate_fun, ?ARGS}}, _}}, ok}}, Outcome).

%% -- Tools -------------------------------------------------------------------------

save_calls(_Config) ->
    Counter = atomics:new(1, []),
    Policy = policy([{open, 1}, {flag, 2}, {raise, 3}], [{erlang, process_flag, 2}]),
    Outcome = ?RUN:in(Policy, fun() ->
        0 = process_flag(save_calls, 100),
        One = {?G:open(Counter), level(Counter)},
        why = (catch ?G:raise(Counter, throw, why)),
        closed = level(Counter),
        100 = process_flag(save_calls, 0),
        %% Turned on and off inside.
        0 = ?G:flag(save_calls, 10),
        Two = {?G:open(Counter), level(Counter)},
        10 = ?G:flag(save_calls, 0),
        [One, Two, {?G:open(Counter), level(Counter)}]
    end),
    ?assertEqual({value, lists:duplicate(3, {{open}, closed})}, Outcome).

%% Runs it with these trace flags and patterns; gives its value and the trace.
trace(Policy, Fun, Patterns) ->
    Self = self(),
    {Pid, Monitor} = seccomp:spawn_monitor(Policy, fun() ->
        receive
            {Self, go} -> exit(Fun())
        end
    end),
    1 = erlang:trace(Pid, true, [call, return_to, {tracer, Self}]),
    [_ = erlang:trace_pattern(Mfa, Match, Kinds) || {Mfa, Match, Kinds} <- Patterns],
    Pid ! {Self, go},
    Value =
        receive
            {'DOWN', Monitor, process, Pid, Reason} -> Reason
        end,
    [_ = erlang:trace_pattern(Mfa, false, Kinds) || {Mfa, _, Kinds} <- Patterns],
    {Value, traced_calls(Pid)}.

traced_calls(Pid) ->
    receive
        {trace, Pid, call, {M, F, A}} -> [{call, {M, F, length(A)}} | traced_calls(Pid)];
        {trace, Pid, Kind, Mfa} -> [{Kind, Mfa} | traced_calls(Pid)];
        {trace, Pid, Kind, Mfa, Value} -> [{Kind, Mfa, Value} | traced_calls(Pid)]
    after 100 -> []
    end.

traced(_Config) ->
    Counter = atomics:new(1, []),
    Returns = [{'_', [], [{return_trace}]}],
    Gate = {?G, traced, 1},
    Inner = {?G, value, 1},
    Call = fun() -> {?G:traced(Counter), level(Counter)} end,
    Kinds = [[global], [local]],
    ?assertEqual([], [
        {Kind, Found}
     || Kind <- Kinds,
        Patterns <- [[{Mfa, Returns, Kind} || Mfa <- [Gate, Inner]]],
        {Value, Trace} <- [trace(policy([{traced, 1}]), Call, Patterns)],
        Found <- [{Value, [X || X <- Trace, element(1, X) =/= return_to]}],
        Found =/=
            {{{Counter, open}, closed}, [
                {call, Gate},
                {call, Inner},
                {return_from, Inner, Counter},
                {return_from, Gate, {Counter, open}}
            ]}
    ]),
    %% Returning to the caller of the gate is seen as without one.
    {_, Trace} = trace(policy([{traced, 1}]), Call, [{Gate, true, [local]}]),
    ?assertMatch([{call, Gate}, {return_to, {?MODULE, _, _}} | _], Trace).

traced_exceptions(_Config) ->
    Counter = atomics:new(1, []),
    Exceptions = [{'_', [], [{exception_trace}]}],
    Gate = {?G, raise, 3},
    {Value, Trace} = trace(
        policy([{raise, 3}]),
        fun() -> {catch ?G:raise(Counter, throw, why), level(Counter)} end,
        [{Gate, Exceptions, [local]}]
    ),
    ?assertEqual({why, closed}, Value),
    ?assertMatch(
        [{call, Gate}, {exception_from, Gate, {throw, why}}, {return_to, {?MODULE, _, _}} | _],
        Trace
    ).

%% Time, and memory since OTP 26, are counted with frames like that of a gate.
call_time(_Config) ->
    Counter = atomics:new(1, []),
    Gate = {?G, traced, 1},
    Spin = fun() -> {[?G:traced(Counter) || _ <- "0123456789"], level(Counter)} end,
    Expected = {lists:duplicate(10, {Counter, open}), closed},
    ?assertEqual([], [
        {Kind, Value}
     || Kind <- [call_time | [call_memory || ?RUN:otp() >= 26]],
        Patterns <- [[{Mfa, true, [local, Kind]} || Mfa <- [Gate, {?G, value, 1}]]],
        {Value, _} <- [trace(policy([{traced, 1}]), Spin, Patterns)],
        Value =/= Expected
    ]).

%% The frame is no reason to keep old code, and the code of the gate is.
new_code(_Config) ->
    Name = seccomp_gate_new_code,
    ok = load(Name, 1),
    Self = self(),
    Policy = ?RUN:policy(whitelist, [{gate, Name, waits, 1}, ?MODULE]),
    {Pid, Monitor} = seccomp:spawn_monitor(Policy, fun() -> exit({Name:waits(Self), 2}) end),
    receive
        {inside, Pid} -> seccomp:forget_origin()
    end,
    ok = load(Name, 2),
    false = code:soft_purge(Name),
    true = erlang:check_process_code(Pid, Name),
    false = erlang:check_process_code(Pid, ?T),
    Pid ! go,
    ?assertEqual({died, {1, 2}}, ?RUN:await({Pid, Monitor})),
    true = code:soft_purge(Name),
    %% The new code is behind the same gate.
    {Next, NextMonitor} = seccomp:spawn_monitor(Policy, fun() -> exit(Name:waits(Self)) end),
    Next ! go,
    ?assertEqual({died, 2}, ?RUN:await({Next, NextMonitor})),
    receive
        {inside, Next} -> seccomp:forget_origin()
    end,
    true = code:delete(Name),
    _ = code:purge(Name).

load(Name, Version) ->
    Text = io_lib:format(
        "-module(~s).~n-export([waits/1]).~n"
        "waits(Pid) -> Pid ! {inside, self()}, receive go -> ok end, _ = os:getpid(), ~b.~n",
        [Name, Version]
    ),
    Forms = [
        begin
            {ok, Form} = erl_parse:parse_form(Tokens),
            Form
        end
     || Tokens <- forms(lists:flatten(Text))
    ],
    {ok, Name, Beam} = compile:forms(Forms),
    {module, Name} = code:load_binary(Name, "made by a test", Beam),
    ok.

forms(Text) ->
    case erl_scan:tokens([], Text, 1) of
        {done, {ok, Tokens, _}, Rest} -> [Tokens | forms(Rest)];
        _ -> []
    end.

%% -- Policies ----------------------------------------------------------------------

%% A gate of one policy is none of a policy that looks at what it calls.
meets(_Config) ->
    Counter = atomics:new(1, []),
    Gate = {gate, ?G, open, 1},
    Plain = {?G, open, 1},
    Own = [?MODULE, {?G, level, 1}, {gate, ?G, value, 1}, '@tighten'],
    Met = fun(Mode, Rules) ->
        Policy = ?RUN:policy(whitelist, [Gate | Own]),
        ?RUN:in(Policy, fun() ->
            ok = seccomp:restrict(self(), Mode, Rules, #{base => true}),
            {?G:open(Counter), level(Counter)}
        end)
    end,
    ?assertEqual({value, {{open}, closed}}, Met(whitelist, [Gate, {lists, sort, 1} | Own])),
    ?assertEqual({value, {{closed}, closed}}, Met(whitelist, [Plain | Own])),
    ?assertEqual({value, {{closed}, closed}}, Met(whitelist, [?G | Own])),
    ?assertEqual({value, {{closed}, closed}}, Met(blacklist, [os])),
    %% A blacklist that denies nothing.
    ?assertEqual({value, {{open}, closed}}, Met(blacklist, [])).

explained(_Config) ->
    Policy = policy([{open, 1}, {value, 1}], [{?G, '_'}]),
    Says = fun(F, A) -> iolist_to_binary(seccomp:explain(Policy, {?G, F, A})) end,
    ?assertEqual(
        <<"seccomp_test_gate:open/1 is allowed by rule 1, gate seccomp_test_gate:open/1. "
            "What it calls is not checked.">>,
        Says(open, 1)
    ),
    ?assertEqual(nomatch, binary:match(Says(level, 1), <<"not checked">>)),
    ?assertEqual(allow, seccomp:check(Policy, {?G, open, 1})),
    {_, _} = binary:match(seccomp:dump(Policy), <<"\n  gate seccomp_test_gate:value/1">>),
    {Pid, Monitor} = seccomp:spawn_monitor(Policy, fun() ->
        receive
            go -> ok
        end
    end),
    ?RUN:eventually(fun() -> is_map(seccomp:info(Pid)) end),
    #{gates := Gates} = seccomp:info(Pid),
    ?assertEqual([{?G, open, 1}, {?G, value, 1}], lists:sort(Gates)),
    Pid ! go,
    ?assertEqual({died, normal}, ?RUN:await({Pid, Monitor})).

sentences(_Config) ->
    Policy = policy([{args, 3}]),
    {raised, error, Reason, Stack} = ?RUN:in(Policy, fun() -> ?G:args(a, b, fun() -> ok end) end),
    #{general := Text} = seccomp_error:format_error(Reason, Stack),
    ?assertMatch({0, _}, binary:match(Text, <<"seccomp_test_gate:args/3 is a gate, and gates">>)).
