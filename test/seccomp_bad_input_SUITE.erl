%% SPDX-License-Identifier: Apache-2.0
%%
%% Wrong, forged and enormous input. The answers are `badarg` or a documented
%% error, and the node and its policies are as before.
-module(seccomp_bad_input_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1, end_per_testcase/2]).
-export([
    api_with_junk/1,
    nif_with_junk/1,
    forged_handles/1,
    bad_rules/1,
    improper_and_endless_rules/1,
    strange_atoms/1,
    hundred_thousand_rules/1,
    bad_options/1,
    bad_json/1,
    enormous_json/1
]).

suite() -> [{timetrap, {minutes, 3}}].

all() ->
    [
        api_with_junk,
        nif_with_junk,
        forged_handles,
        bad_rules,
        improper_and_endless_rules,
        strange_atoms,
        hundred_thousand_rules,
        bad_options,
        bad_json,
        enormous_json
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

%% Whatever was tried, enforcement goes on.
end_per_testcase(_Case, _Config) ->
    %% A guard that was set by chance would hold for the suites after this one.
    ok = seccomp:unguard_node(),
    0 = seccomp:flags(self()),
    Policy = seccomp_test_run:policy(blacklist, [{os, getpid, 0}]),
    Outcome = seccomp_test_run:in(Policy, fun() -> os:getpid() end),
    ok = seccomp_test_run:denial(Outcome, {{os, getpid, 0}, []}).

%% -- Junk --------------------------------------------------------------------

junk() ->
    Deep = lists:foldl(fun(_, T) -> {T} end, x, lists:seq(1, 10000)),
    [
        0, -1, 255, 256, 1 bsl 80, -1.5, atom, '', true, undefined, '_', '@pure', whitelist, <<>>,
        <<"binary">>, <<1:3>>, <<255, 255>>, binary:copy(<<"x">>, 100000), [], "text", [a | b],
        [[[]]], [{lists, sum, 1} | {os, cmd, 1}], {}, {a}, {seccomp_policy, x},
        {seccomp_policy, make_ref()}, {lists, sum, 1}, {lists, sum, -1}, #{}, #{mode => 1},
        #{mode => whitelist, rules => x}, #{<<"mode">> => whitelist}, make_ref(),
        atomics:new(1, []), ets:new(junk, []), fun() -> ok end, fun lists:sum/1,
        hd(erlang:ports()), dead(), Deep, list_to_tuple(lists:seq(1, 10000))
    ].

dead() ->
    {Pid, Monitor} = spawn_monitor(fun() -> ok end),
    receive
        {'DOWN', Monitor, process, Pid, normal} -> Pid
    end.

%% Good arguments, so that each place can be wrong by itself.
good(seccomp, Name) ->
    Mfa = {lists, sum, 1},
    Policy = seccomp_test_run:policy(blacklist, [os]),
    Child = fun() -> ok end,
    case Name of
        {compile, 1} -> [#{mode => blacklist, rules => []}];
        {from_json, 1} -> [<<"{}">>];
        {load_policy, 1} -> [<<"p.json">>];
        {read_policy, 1} -> [<<"p.json">>];
        {to_json, 1} -> [#{mode => blacklist, rules => []}];
        {check, 2} -> [Policy, Mfa];
        {explain, 2} -> [Policy, Mfa];
        {dump, 1} -> [Policy];
        {group, 1} -> ['@pure'];
        {restrict, 3} -> [dead(), blacklist, [os]];
        {restrict, 4} -> [dead(), blacklist, [os], #{}];
        {set_policy, 2} -> [dead(), Policy];
        {spawn_opt, 3} -> [Policy, Child, []];
        {learn, 1} -> [Child];
        {learn, 2} -> [Child, #{groups => []}];
        {learn_start, 2} -> [dead(), #{callers => false}];
        {learn_stop, 1} -> [{seccomp_learn, dead()}];
        {learn_merge, 1} -> [[learned()]];
        {learn_write, 2} -> [learned(), "/nonexistent/p.json"];
        {Spawn, 2} when Spawn =/= format_error -> [Policy, Child];
        {violations, 1} -> [dead()];
        {_, 1} -> [dead()];
        _ -> none
    end;
good(seccomp_nif, Name) ->
    {seccomp_policy, Ref} = seccomp_test_run:policy(blacklist, [os]),
    case Name of
        {compile, 1} -> [#{mode => blacklist, rules => []}];
        {check, 4} -> [Ref, lists, sum, 1];
        {explain, 4} -> [Ref, lists, sum, 1];
        {policy_from_json, 1} -> [<<"{}">>];
        {policy_includes, 2} -> [<<"p.json">>, <<"{}">>];
        {policy_from_files, 2} -> [<<"p.json">>, [{<<"p.json">>, <<"{}">>}]];
        {policy_to_json, 1} -> [#{mode => blacklist, rules => []}];
        {group, 1} -> ['@pure'];
        {suggest, 2} -> [<<"a">>, [<<"b">>]];
        {set_policy, 4} -> [dead(), Ref, restrict, make_ref()];
        {restrict_spawn, 2} -> [dead(), make_ref()];
        {lift, 2} -> [dead(), make_ref()];
        {dump, 1} -> [Ref];
        {policy_info, 1} -> [Ref];
        {_, 1} -> [dead()];
        _ -> none
    end.

learned() ->
    {ok, Learned} = seccomp:learn(fun() -> ok end),
    Learned.

api_with_junk(_Config) ->
    Skip = [{module_info, 0}, {module_info, 1}, {format_error, 1}, {format_error, 2}],
    ?assertEqual([], junk_into(seccomp, seccomp:module_info(exports) -- Skip)).

nif_with_junk(_Config) ->
    Skip = [{module_info, 0}, {module_info, 1}],
    ?assertEqual([], junk_into(seccomp_nif, seccomp_nif:module_info(exports) -- Skip)).

%% What is neither an answer, nor a documented error, nor badarg.
junk_into(Module, Functions) ->
    [
        {Module, F, Outcome, short(Args)}
     || {F, _} = Name <- Functions,
        Good <- [good(Module, Name)],
        Good =/= none,
        Args <- spoilt(Good),
        Outcome <- [apart(fun() -> apply(Module, F, Args) end)],
        not is_proper(Outcome)
    ].

%% One place wrong, two places wrong, all the same junk.
spoilt(Good) ->
    Junk = junk(),
    Places = lists:seq(1, length(Good)),
    One = [put_at(Good, [{P, J}]) || P <- Places, J <- Junk],
    Some = [J || {N, J} <- lists:zip(lists:seq(1, length(Junk)), Junk), N rem 4 =:= 0],
    Two = [put_at(Good, [{P, J}, {Q, K}]) || P <- Places, Q <- Places, P < Q, J <- Some, K <- Some],
    One ++ Two ++ [[J || _ <- Good] || J <- Junk].

put_at(Args, Spoilt) ->
    [proplists:get_value(N, Spoilt, A) || {N, A} <- lists:zip(lists:seq(1, length(Args)), Args)].

apart(Fun) ->
    seccomp_test_run:await(spawn_monitor(fun() ->
        exit({seccomp_test_run, seccomp_test_run:outcome(Fun)})
    end)).

is_proper({value, {error, noproc}}) -> true;
is_proper({value, {error, {Name, Map}}}) -> is_atom(Name) andalso is_map(Map);
is_proper({value, {error, _}}) -> false;
is_proper({value, _}) -> true;
is_proper({raised, error, badarg, _}) -> true;
%% `seccomp:args/1`, which gives a part of a rule, of a fun that is none.
is_proper({raised, error, {bad_match_spec, #{message := _}}, _}) -> true;
is_proper(_) -> false.

short(Args) -> [io_lib:format("~0tP", [Arg, 8]) || Arg <- Args].

%% References that are not of this library, also magic ones of other kinds.
forged_handles(_Config) ->
    Made = [
        make_ref(),
        atomics:new(1, []),
        counters:new(1, []),
        ets:new(forged, []),
        crypto:hash_init(sha256),
        monitor(process, self()),
        binary_to_term(term_to_binary(element(2, seccomp_test_run:policy(blacklist, [os]))))
    ],
    %% The last is the handle itself, which its policy keeps alive here.
    {Forged, [Real]} = lists:split(length(Made) - 1, Made),
    ?assert(is_reference(Real)),
    Uses = [
        fun(R) -> seccomp_nif:check(R, lists, sum, 1) end,
        fun(R) -> seccomp_nif:explain(R, lists, sum, 1) end,
        fun(R) -> seccomp_nif:dump(R) end,
        fun(R) -> seccomp_nif:policy_info(R) end,
        fun(R) -> seccomp_nif:set_policy(self(), R, restrict, make_ref()) end,
        fun(R) -> seccomp:check({seccomp_policy, R}, {lists, sum, 1}) end,
        fun(R) -> seccomp:explain({seccomp_policy, R}, {lists, sum, 1}) end,
        fun(R) -> seccomp:dump({seccomp_policy, R}) end,
        fun(R) -> seccomp:set_policy(self(), {seccomp_policy, R}) end
    ],
    ?assertEqual([], [
        {N, Ref, Outcome}
     || {N, Use} <- lists:zip(lists:seq(1, length(Uses)), Uses),
        Ref <- Forged,
        Outcome <- [seccomp_test_run:outcome(fun() -> Use(Ref) end)],
        not is_badarg(Outcome)
    ]),
    ?assertEqual(0, seccomp:flags(self())).

is_badarg({raised, error, badarg, _}) -> true;
is_badarg(_) -> false.

%% -- Rules -------------------------------------------------------------------

compile(Rules) -> compile(blacklist, Rules, #{}).

compile(Mode, Rules, Opts) -> seccomp:compile(Opts#{mode => Mode, rules => Rules}).

%% Each as the second rule, so that its position is known.
bad_rules(_Config) ->
    Bad = [
        {bad_rule, [1, 1.5, <<"os">>, "os", [], {}, {os}, {os, cmd, 1, [], 2}, #{}, self(), make_ref()]},
        {bad_rule, [{os, cmd, 256}, {os, cmd, -1}, {os, cmd, 1.0}, {os, cmd, x}, {os, cmd, <<>>}]},
        {bad_rule, [{1, cmd, 1}, {os, 1, 1}, {os, "cmd", 1}, {<<"os">>, cmd}, {{os}, cmd}]},
        {bad_match_spec, [{os, cmd, 1, 2}, {os, cmd, 1, os}]},
        {unknown_group, ['@no_such_group', '@']},
        {unknown_module, [seccomp_no_such_module, {seccomp_no_such_module, f, 1}, {'', f}]},
        {unknown_function, [{os, cmdd}, {os, cmd, 17}, {os, no_such_function_at_all, 0}]}
    ],
    ?assertEqual([], [
        {Name, Rule, Answer}
     || {Name, Rules} <- Bad,
        Rule <- Rules,
        Mode <- [whitelist, blacklist],
        Answer <- [compile(Mode, [{lists, sum, 1}, Rule, {lists, max, 1}], #{})],
        not is_refusal(Name, Answer)
    ]),
    ?assertMatch(
        {error, {duplicate_rule, #{first := 1, second := 3}}},
        compile([{os, cmd, 1}, lists, {os, cmd, 1}])
    ).

%% With a sentence that can be printed.
is_refusal(Name, {error, {Name, #{position := 2}} = Reason}) ->
    length(unicode:characters_to_list(seccomp:format_error(Reason))) > 10;
is_refusal(_, _) ->
    false.

improper_and_endless_rules(_Config) ->
    ?assertMatch({error, {bad_rules, #{reason := improper, position := 3}}}, compile([os, lists | maps])),
    ?assertMatch(
        {error, {bad_rules, #{reason := improper}}}, compile(lists:duplicate(100000, os) ++ tail)
    ),
    ?assertMatch(
        {error, {bad_rules, #{reason := too_many, limit := 1_000_000}}},
        compile(lists:duplicate(1_000_001, os))
    ),
    ?assertMatch({error, {bad_rules, #{}}}, seccomp_nif:compile(#{mode => blacklist, rules => [os | x]})),
    ?assertMatch(
        {error, {bad_rules, #{}}},
        seccomp_nif:compile(#{mode => blacklist, rules => lists:duplicate(1_000_001, os)})
    ).

%% Names are compared as atoms, whatever is in them.
strange_atoms(_Config) ->
    Names = [
        '', ' ', 'a b', 'a:b/1', 'x\ny', '\0', '"', '\'', 'Elixir.Kernel', '日本語', 'grüße', '*', 'a@b',
        list_to_atom(lists:duplicate(255, $a)), list_to_atom(lists:duplicate(255, 16#1f600))
    ],
    ?assertEqual([], [
        {Name, Wrong}
     || Name <- Names,
        Wrong <- [strange(Name)],
        Wrong =/= {{deny, deny, deny}, {allow, allow, allow}, ok}
    ]).

strange(Name) ->
    {ok, Policy} = compile(blacklist, [Name, {os, Name}, {lists, Name, 3}], #{unknown => allow}),
    Checks = {
        verdict(Policy, {Name, f, 1}), verdict(Policy, {os, Name, 200}),
        verdict(Policy, {lists, Name, 3})
    },
    Others = {
        verdict(Policy, {f, Name, 1}), verdict(Policy, {lists, Name, 2}),
        verdict(Policy, {other, f, 0})
    },
    _ = iolist_to_binary(seccomp:explain(Policy, {Name, Name, 0})),
    _ = seccomp:dump(Policy),
    Fun = erlang:make_fun(Name, Name, 1),
    Outcome = seccomp_test_run:in(Policy, fun() -> Fun(x) end),
    {Checks, Others, seccomp_test_run:denial(Outcome, {{Name, Name, 1}, [x]})}.

verdict(Policy, Mfa) ->
    case seccomp:check(Policy, Mfa) of
        {deny, #{}} -> deny;
        allow -> allow
    end.

hundred_thousand_rules(_Config) ->
    N = 100000,
    Name = fun(K) -> list_to_atom("rule_" ++ integer_to_list(K)) end,
    Rules = [{lists, Name(K), K rem 256} || K <- lists:seq(1, N)],
    {ok, Policy} = compile(blacklist, [{os, getpid, 0} | Rules], #{unknown => allow}),
    ?assertEqual(N, length([K || K <- lists:seq(1, N), {deny, _} <-
        [seccomp:check(Policy, {lists, Name(K), K rem 256})]])),
    ?assertEqual(allow, seccomp:check(Policy, {lists, rule_7, 8})),
    Outcome = seccomp_test_run:in(Policy, fun() -> {lists:sum([1, 2]), os:getpid()} end),
    ?assertEqual(ok, seccomp_test_run:denial(Outcome, {{os, getpid, 0}, []})),
    ?assert(byte_size(seccomp:dump(Policy)) > N * 10).

bad_options(_Config) ->
    Good = #{mode => blacklist, rules => [os]},
    Bad = [
        {bad_option, mode, [whitelst, 1, "whitelist", <<"whitelist">>]},
        {bad_option, rules, [os, #{}, <<>>]},
        {bad_option, spawn, [true, false, denny]},
        {bad_option, inherit, [yes, 1, undefined]},
        {bad_option, on_deny, [stop, true, [kill]]},
        {bad_option, base, [0, 'False']},
        {bad_option, unknown, [ignore, true]},
        {bad_option, comment, ["text", atom, 1]},
        {unknown_option, spwan, [deny]},
        {unknown_option, "mode", [whitelist]}
    ],
    [
        begin
            Answer = seccomp:compile(Good#{Key => Value}),
            ?assertMatch({Key, {error, {Name, #{option := Key}}}}, {Key, Answer}),
            {error, Reason} = Answer,
            ?assert(length(unicode:characters_to_list(seccomp:format_error(Reason))) > 10)
        end
     || {Name, Key, Values} <- Bad, Value <- Values
    ],
    ?assertMatch({error, {missing_option, #{option := mode}}}, seccomp:compile(#{rules => []})),
    ?assertMatch({error, {missing_option, #{option := rules}}}, seccomp:compile(#{mode => blacklist})),
    %% A comment in no encoding at all.
    ?assertMatch({error, {bad_option, #{}}}, seccomp:compile(Good#{comment => <<255, 254>>})).

%% -- JSON --------------------------------------------------------------------

bad_json(_Config) ->
    Texts = [
        <<>>, <<"{">>, <<"null">>, <<"[]">>, <<"{}">>, <<"1">>, <<"\"x\"">>, <<255, 254>>,
        <<"{\"mode\":\"whitelist\"}">>, <<"{\"rules\":[]}">>, <<"{\"mode\":1,\"rules\":[]}">>,
        <<"{\"mode\":\"whitelist\",\"rules\":{}}">>, <<"{\"mode\":\"whitelist\",\"rules\":[1]}">>,
        <<"{\"mode\":\"whitelist\",\"rules\":[\"\"]}">>,
        <<"{\"mode\":\"whitelist\",\"rules\":[\"os:cmd/1000\"]}">>,
        <<"{\"mode\":\"whitelist\",\"rules\":[],\"extra\":1}">>,
        <<"{\"mode\":\"whitelist\",\"mode\":\"blacklist\",\"rules\":[]}">>,
        <<"{\"mode\":\"whitelist\",\"rules\":[]} trailing">>,
        <<"{\"mode\":\"whitelist\",\"rules\":[\"", 0, "\"]}">>
    ],
    ?assertEqual([], [
        {Text, Answer}
     || Text <- Texts, Answer <- [seccomp:from_json(Text)], not is_json_refusal(Answer)
    ]).

is_json_refusal({error, {Name, #{message := <<_, _/binary>>}}}) -> is_atom(Name);
is_json_refusal(_) -> false.

enormous_json(_Config) ->
    Deep = [binary:copy(<<"[">>, 1000000), binary:copy(<<"{\"a\":">>, 100000)],
    [?assertMatch({error, {bad_json, #{}}}, seccomp:from_json(Text)) || Text <- Deep],
    LongName = binary:copy(<<"x">>, 100000),
    Long = <<"{\"mode\":\"blacklist\",\"rules\":[\"", LongName/binary, "\"]}">>,
    ?assertMatch({error, {_, #{}}}, seccomp:from_json(Long)),
    Rules = lists:join($,, [["\"lists:m", integer_to_list(N), "/0\""] || N <- lists:seq(1, 50000)]),
    Wide = iolist_to_binary(["{\"mode\":\"blacklist\",\"unknown\":\"allow\",\"rules\":[", Rules, "]}"]),
    {ok, #{rules := Read} = Map} = seccomp:from_json(Wide),
    ?assertEqual(50000, length(Read)),
    {ok, Policy} = seccomp:compile(Map),
    ?assertMatch({deny, _}, seccomp:check(Policy, {lists, m50000, 0})),
    {ok, Written} = seccomp:to_json(Map),
    ?assertEqual({ok, Map}, seccomp:from_json(Written)).
