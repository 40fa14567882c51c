%% SPDX-License-Identifier: Apache-2.0
%%
%% Learning: what is learned from a run lets the same run pass, and no entry of
%% it is superfluous.
-module(seccomp_learn_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    learned_run_passes_and_each_rule_is_needed/1,
    children_are_learned/1,
    live_process_is_learned_and_let_go/1,
    restricted_process_is_not_learned/1,
    policy_of_a_learned_process_stays/1,
    learned_process_may_manage_others/1,
    session_ends_with_its_owner/1,
    both_methods_agree/1,
    callers_are_said/1,
    targets_are_learned/1,
    learned_on_behalf/1,
    over_when_it_is_over/1,
    many_functions_none_lost/1,
    groups_are_folded_where_exact/1,
    groups_are_taken_when_asked_for/1,
    runs_are_merged/1,
    files_are_written/1,
    suites_of_otp/1,
    stock_learns_by_tracing/1
]).
-export([work/0, work/1, sends/0, stock/0, undefined_functions/1]).

suite() -> [{timetrap, {seconds, 300}}].

all() ->
    [F || {F, 1} <- ?MODULE:module_info(exports), not lists:member(F, [init_per_suite, end_per_suite, work, sends, stock, undefined_functions, module_info])].

init_per_suite(Config) ->
    seccomp_test_run:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

%% Something that uses many ways to call.
work() ->
    Self = self(),
    List = lists:map(fun(X) -> X * 2 end, lists:seq(1, 10)),
    _ = spawn(fun() -> Self ! {length, length(string:uppercase("abc"))} end),
    Length =
        receive
            {length, N} -> N
        end,
    Hash = fun erlang:phash2/1,
    _ = Hash(x),
    Reversed = apply(lists, reverse, [List]),
    {'EXIT', {undef, _}} = (catch seccomp_no_module:f(3)),
    undefined = put(a, b),
    Table = ets:new(t, []),
    true = ets:insert(Table, {a, 1}),
    [{a, 1}] = ets:lookup(Table, a),
    {ok, _} = gen_server_answer(),
    {Length, Reversed}.

gen_server_answer() ->
    {ok, Pid} = gen_event:start_link(),
    true = is_list(gen_event:which_handlers(Pid)),
    gen_event:stop(Pid),
    {ok, Pid}.

work(N) -> lists:sum([string:length(integer_to_list(I)) || I <- lists:seq(1, N)]).

under(Policy, Fun) ->
    {ok, Compiled} = seccomp:compile(Policy),
    seccomp_test_run:in(Compiled, Fun).

learn(Fun) -> learn(Fun, #{}).

learn(Fun, Opts) ->
    {ok, Learned} = seccomp:learn(Fun, Opts),
    Learned.

mfas(#{entries := Entries}) -> [Mfa || #{mfa := Mfa} <- Entries].

count(Mfa, #{entries := Entries}) ->
    lists:sum([Count || #{mfa := M, count := Count} <- Entries, M =:= Mfa]).

%% -- Round trips -------------------------------------------------------------

learned_run_passes_and_each_rule_is_needed(_Config) ->
    _ = learn(fun work/0),
    %% Now that all modules are loaded.
    #{policy := Policy, result := {value, Value}} = learn(fun work/0),
    #{rules := Rules} = Policy,
    ?assert(length(Rules) > 30),
    ?assertEqual({value, Value}, under(Policy, fun work/0)),
    %% In the children a denial may show as a value that never comes.
    Fails = fun(Rule) ->
        {ok, Compiled} = seccomp:compile(Policy#{rules := Rules -- [Rule]}),
        {Pid, Monitor} = seccomp:spawn_monitor(Compiled, fun() -> exit({value, work()}) end),
        receive
            {'DOWN', Monitor, process, Pid, Reason} -> Reason =/= {value, Value}
        after 2000 -> exit(Pid, kill)
        end
    end,
    ?assertEqual([], [Rule || Rule <- Rules, not Fails(Rule)]).

suites_of_otp(Config) ->
    Dir = filename:join([code:root_dir(), "src", "lib", "stdlib", "test"]),
    case filelib:is_dir(Dir) of
        true -> suites_of_otp(Dir, ?config(priv_dir, Config));
        false -> {skip, "there are no sources at " ++ Dir}
    end.

suites_of_otp(Dir, Priv) ->
    Suites = [seccomp_test_suites:compile(Dir, Priv, S) || S <- [lists_SUITE, maps_SUITE, gen_server_SUITE]],
    Run = fun() -> seccomp_test_suites:run(Suites, Priv) end,
    %% Cases end servers in ways that are reported.
    #{level := Level} = logger:get_primary_config(),
    ok = logger:set_primary_config(level, none),
    try
        round_trip(Run)
    after
        logger:set_primary_config(level, Level)
    end.

round_trip(Run) ->
    %% Once trusted, to load what there is to load.
    Expected = seccomp_test_suites:outside(Run),
    ?assert(length(Expected) > 100),
    ?assertEqual([], [Case || {Case, Result} <- Expected, Result =/= ok]),
    {ok, First} = seccomp:learn(Run),
    {ok, Second} = seccomp:learn(Run),
    {ok, #{policy := Policy}} = seccomp:learn_merge([First, Second]),
    #{rules := Rules} = Policy,
    ct:log("~p", [Policy]),
    ct:comment("~b cases, ~b rules", [length(Expected), length(Rules)]),
    ?assertEqual({value, {value, Expected}}, {value, under(Policy, Run)}),
    [
        begin
            ?assert(lists:member(Mfa, Rules)),
            {value, Results} = under(Policy#{rules := Rules -- [Mfa]}, Run),
            ?assertNotEqual([], [Case || {Case, Result} <- Results, Result =/= ok])
        end
     || Mfa <- [{lists, keysort, 2}, {maps, fold, 3}, {gen_server, call, 2}]
    ].

%% -- Processes ---------------------------------------------------------------

children_are_learned(_Config) ->
    Fun = fun() ->
        {Pid, Monitor} = spawn_monitor(fun() ->
            {P, M} = spawn_monitor(fun() -> os:getpid() end),
            receive
                {'DOWN', M, process, P, normal} -> ok
            end
        end),
        receive
            {'DOWN', Monitor, process, Pid, normal} -> ok
        end
    end,
    #{children := 2} = Learned = learn(Fun),
    ?assertEqual(1, count({os, getpid, 0}, Learned)),
    ?assertMatch(#{policy := #{spawn := allow}}, Learned),
    ?assertMatch(#{policy := #{spawn := deny}, children := 0}, learn(fun() -> lists:seq(1, 2) end)).

live_process_is_learned_and_let_go(_Config) ->
    Server = server(),
    _ = ask(Server, fun() -> lists:seq(1, 3) end),
    {ok, Session} = seccomp:learn_start(Server),
    _ = ask(Server, fun() -> lists:seq(1, 3), string:to_upper("a") end),
    Child = ask(Server, fun() -> spawn(fun() -> receive stop -> ok end end) end),
    ?assertNotEqual(0, seccomp:flags(Child)),
    {ok, Learned} = seccomp:learn_stop(Session),
    ?assertEqual({error, noproc}, seccomp:learn_stop(Session)),
    ?assertEqual([0, 0], [seccomp:flags(P) || P <- [Server, Child]]),
    ?assertEqual(1, count({lists, seq, 2}, Learned)),
    ?assertEqual(1, count({string, to_upper, 1}, Learned)),
    [exit(P, kill) || P <- [Server, Child]],
    ?assertEqual({error, noproc}, seccomp:learn_start(dead())).

server() ->
    spawn(fun Loop() ->
        receive
            {From, Fun} ->
                From ! {self(), Fun()},
                Loop()
        end
    end).

ask(Server, Fun) ->
    Server ! {self(), Fun},
    receive
        {Server, Answer} -> Answer
    end.

dead() ->
    {Pid, Monitor} = spawn_monitor(fun() -> ok end),
    receive
        {'DOWN', Monitor, process, Pid, _} -> Pid
    end.

%% A learner in place of a policy would be a way out of it.
restricted_process_is_not_learned(_Config) ->
    Pid = spawn(fun() -> receive stop -> ok end end),
    ok = seccomp:restrict(Pid, blacklist, [os]),
    ?assertMatch({error, {restricted, _}}, seccomp:learn_start(Pid)),
    ?assertMatch(#{mode := blacklist}, seccomp:info(Pid)),
    exit(Pid, kill),
    %% Nor does it learn itself out.
    Policy = seccomp_test_run:policy(blacklist, [os]),
    {value, {Answer, Denied}} = seccomp_test_run:in(Policy, fun() ->
        Answer = seccomp:learn_start(self()),
        {Answer, catch os:getpid()}
    end),
    ?assertMatch({error, {restricted, _}}, Answer),
    ?assertMatch({'EXIT', {{seccomp, {os, getpid, 0}}, _}}, Denied).

%% What is restricted while it is learned stays restricted.
policy_of_a_learned_process_stays(_Config) ->
    Pid = server(),
    {ok, Session} = seccomp:learn_start(Pid),
    ok = seccomp:restrict(Pid, blacklist, [os]),
    {ok, _} = seccomp:learn_stop(Session),
    ?assertMatch(#{mode := blacklist, on_deny := raise}, seccomp:info(Pid)),
    exit(Pid, kill).

%% A program that uses the library can be learned.
learned_process_may_manage_others(_Config) ->
    #{result := Result} = learn(fun() ->
        Pid = spawn(fun() -> receive stop -> ok end end),
        ok = seccomp:restrict(Pid, blacklist, [os]),
        #{mode := blacklist} = seccomp:info(Pid),
        ok = seccomp:lift(Pid),
        exit(Pid, kill),
        done
    end),
    ?assertEqual({value, done}, Result).

session_ends_with_its_owner(_Config) ->
    Server = server(),
    {Owner, Monitor} = spawn_monitor(fun() -> {ok, _} = seccomp:learn_start(Server) end),
    receive
        {'DOWN', Monitor, process, Owner, normal} -> ok
    end,
    seccomp_test_run:eventually(fun() -> seccomp:flags(Server) =:= 0 end),
    exit(Server, kill).

%% -- What is written down ----------------------------------------------------

both_methods_agree(_Config) ->
    _ = learn(fun work/0),
    Log = learn(fun work/0, #{method => log}),
    Trace = learn(fun work/0, #{method => trace}),
    ?assertEqual([], mfas(Log) -- mfas(Trace)),
    %% A tracer sees the continuations of BIFs, too, which the check does not.
    ?assertEqual([], [M || {Module, _, _} = M <- mfas(Trace) -- mfas(Log), Module =/= erts_internal]),
    Counted = fun(L) -> [{M, C} || #{mfa := {lists, _, _} = M, count := C} <- maps:get(entries, L)] end,
    ?assertEqual(Counted(Log), Counted(Trace)),
    %% Nothing is left of the tracing.
    ?assertEqual({traced, false}, erlang:trace_info({lists, map, 2}, traced)),
    ?assertEqual({traced, false}, erlang:trace_info(on_load, traced)).

callers_are_said(_Config) ->
    #{entries := Entries} = Learned = learn(fun work/0, #{callers => true}),
    Callers = [Caller || #{mfa := {lists, seq, 2}, caller := Caller} <- Entries],
    ?assertEqual([{?MODULE, work, 0}], Callers),
    ?assertEqual(1, count({lists, seq, 2}, Learned)).

%% A server with a name, the group leader, and whom any whitelist may send to.
sends() ->
    ok = io:format("", []),
    pong = ask(seccomp_learn_server, fun() -> pong end),
    Child = spawn(fun() -> receive {From, Ref} -> From ! {Ref, ok} end end),
    Ref = monitor(process, Child),
    Child ! {self(), Ref},
    receive
        {Ref, Answer} -> Answer
    end.

with_server(Name, Fun) ->
    Server = spawn(fun Loop() ->
        receive
            {From, Do} -> From ! {Name, Do()}, Loop();
            stop -> ok
        end
    end),
    true = register(Name, Server),
    try
        Fun(Server)
    after
        exit(Server, kill)
    end.

targets_are_learned(_Config) ->
    with_server(seccomp_learn_server, fun(Server) ->
        _ = learn(fun sends/0),
        [
            begin
                #{policy := #{send := Send} = Policy, result := {value, ok}} =
                    learn(fun sends/0, #{method => Method}),
                ?assertEqual(
                    {Method, [self, parent, children, replies, group_leader, seccomp_learn_server]},
                    {Method, Send}
                ),
                ?assertEqual({value, ok}, under(Policy, fun sends/0)),
                %% Each of them is needed.
                ?assertMatch(
                    {raised, error, {seccomp, {erlang, send, _}}, _},
                    under(Policy#{send := Send -- [seccomp_learn_server]}, fun sends/0)
                ),
                ?assertMatch(
                    {raised, error, {seccomp, {erlang, send, _}}, _},
                    under(Policy#{send := Send -- [group_leader]}, fun sends/0)
                )
            end
         || Method <- [log, trace]
        ],
        #{policy := None} = Without = learn(fun() -> lists:seq(1, 2) end),
        ?assertNot(is_map_key(send, None)),
        {ok, #{policy := #{send := Merged}}} = seccomp:learn_merge([Without, learn(fun sends/0)]),
        ?assert(lists:member(seccomp_learn_server, Merged)),
        %% No rule in a file can name it.
        Nameless = server(),
        To = fun() -> Nameless ! none, ok end,
        [
            ?assertMatch(#{policy := #{send := any}}, learn(To, #{method => Method}))
         || Method <- [log, trace]
        ],
        exit(Nameless, kill),
        ?assert(is_process_alive(Server))
    end).

%% What a server starts for a learned process will be under its policy.
learned_on_behalf(_Config) ->
    with_server(seccomp_learn_server, fun(Server) ->
        Starts = fun() ->
            ask(seccomp_learn_server, fun() ->
                {Pid, Ref} = spawn_monitor(fun() -> os:getpid() end),
                receive
                    {'DOWN', Ref, process, Pid, Reason} -> Reason
                end
            end)
        end,
        #{policy := Policy, result := {value, normal}, children := 1} = Learned = learn(Starts),
        ?assertEqual(1, count({os, getpid, 0}, Learned)),
        ?assertEqual({value, normal}, under(Policy, Starts)),
        Rules = maps:get(rules, Policy) -- [{os, getpid, 0}],
        {value, Denied} = under(Policy#{rules := Rules}, Starts),
        ?assertMatch({{seccomp, {os, getpid, 0}}, _}, Denied),
        ?assertEqual(0, seccomp:flags(Server))
    end).

%% A server that still acts for one that was learned from restricts nobody.
over_when_it_is_over(_Config) ->
    Server = server(),
    Self = self(),
    #{result := {value, ok}} = learn(fun() ->
        Server ! {Self, fun() ->
            Origin = seccomp:origin(),
            %% Deeper in the stack: this is part of the request.
            (fun Wait() ->
                case persistent_term:get(?MODULE, learns) of
                    over -> ok;
                    learns -> timer:sleep(5), Wait()
                end
            end)(),
            {element(1, Origin), seccomp:origin(), seccomp:flags(spawn(fun() -> receive stop -> ok end end))}
        end},
        ok
    end),
    persistent_term:put(?MODULE, over),
    receive
        {Server, Answer} -> ?assertEqual({restricted, trusted, 0}, Answer)
    end,
    persistent_term:erase(?MODULE),
    exit(Server, kill).

%% More different functions than the ring or the counters of denials hold.
many_functions_none_lost(_Config) ->
    %% A node has entries for so many undefined functions once in its life.
    Peer = seccomp_test_node:start(same, ["-pa", filename:dirname(code:which(?MODULE))]),
    ?assertEqual({20000, 0}, seccomp_test_node:call(Peer, ?MODULE, undefined_functions, [20000])),
    seccomp_test_node:stop(Peer),
    Many = learn(fun() -> work(100_000) end),
    ?assertEqual(100_000, count({string, length, 1}, Many)).

%% How many of them are learned, and how many violations that makes.
undefined_functions(N) ->
    Names = [list_to_atom("f" ++ integer_to_list(I)) || I <- lists:seq(1, N)],
    Before = maps:get(total, seccomp:violations()),
    Learned = learn(fun() -> [catch apply(lists, F, []) || F <- Names], ok end),
    Violations = maps:get(total, seccomp:violations()) - Before,
    {length([M || {lists, _, 0} = M <- mfas(Learned)]), Violations}.

groups_are_folded_where_exact(_Config) ->
    {ok, #{members := Members}} = seccomp:group('@dictionary'),
    ?assertEqual(3, length(Members)),
    All = learn(fun() -> {get(), get_keys(), get_keys(1), erase()} end),
    #{policy := #{rules := Folded}} = learn(fun() -> {apply(erlang, get, []), get_keys(), get_keys(1), erase()} end),
    ?assertEqual(['@dictionary'], Folded),
    %% `get/0` as an instruction asks nobody; without it the group allows more.
    case lists:member({erlang, get, 0}, mfas(All)) of
        true -> ok;
        false -> ?assertNot(lists:member('@dictionary', maps:get(rules, maps:get(policy, All))))
    end,
    #{policy := #{rules := Some}} = learn(fun() -> {get_keys(), erase()} end),
    ?assertEqual([{erlang, erase, 0}, {erlang, get_keys, 0}], Some).

groups_are_taken_when_asked_for(_Config) ->
    #{policy := #{rules := Rules}} = learn(fun() -> {lists:seq(1, 3), os:getpid()} end, #{groups => ['@pure', '@net']}),
    ?assert(lists:member('@pure', Rules)),
    ?assert(lists:member({os, getpid, 0}, Rules)),
    ?assertNot(lists:member('@net', Rules)),
    ?assertNot(lists:member({lists, seq, 2}, Rules)),
    ?assertMatch({error, {unknown_group, _}}, seccomp:learn(fun() -> ok end, #{groups => ['@pur']})),
    ?assertMatch({error, {unknown_option, _}}, seccomp:learn(fun() -> ok end, #{group => []})).

runs_are_merged(_Config) ->
    A = learn(fun() -> lists:seq(1, 3) end),
    B = learn(fun() -> {lists:seq(1, 3), string:to_upper("a")} end, #{callers => true}),
    {ok, #{runs := 2} = Both} = seccomp:learn_merge([A, B]),
    ?assertEqual(2, count({lists, seq, 2}, Both)),
    [Caller] = [C || #{mfa := {lists, seq, 2}, caller := C} <- maps:get(entries, Both)],
    ?assertMatch({?MODULE, _, _}, Caller),
    ?assertEqual([{lists, seq, 2}, {string, to_upper, 1}], maps:get(rules, maps:get(policy, Both))).

files_are_written(Config) ->
    #{policy := Policy} = Learned = learn(fun work/0, #{callers => true}),
    Terms = filename:join(?config(priv_dir, Config), "learned.policy"),
    Json = filename:join(?config(priv_dir, Config), "learned.json"),
    ok = seccomp:learn_write(Learned, Terms),
    ok = seccomp:learn_write(Learned, Json),
    ?assertEqual({ok, [Policy]}, file:consult(Terms)),
    {ok, Bytes} = file:read_file(Json),
    {ok, Read} = seccomp:from_json(Bytes),
    ?assertEqual(maps:get(rules, Policy), maps:get(rules, Read)),
    ?assertMatch({value, _}, under(Read, fun work/0)),
    ?assertMatch({error, {file, #{reason := enoent}}}, seccomp:learn_write(Learned, "/nonexistent/x")).

%% -- Elsewhere ---------------------------------------------------------------

stock() ->
    _ = seccomp:learn(fun work/0),
    Refused = seccomp:learn(fun work/0, #{method => log}),
    {seccomp:learn(fun work/0), Refused}.

stock_learns_by_tracing(_Config) ->
    case filelib:is_regular(seccomp_test_node:stock_erl()) of
        true ->
            Peer = seccomp_test_node:start(stock),
            {{ok, Learned}, Refused} = seccomp_test_node:call(Peer, ?MODULE, stock, []),
            seccomp_test_node:stop(Peer),
            ?assertMatch({error, {unsupported, _}}, Refused),
            ?assertMatch(#{method := trace, result := {value, _}}, Learned),
            #{policy := Policy} = Learned,
            %% Asked for the module that there is not; that children, parents and
            %% who waits were sent to is no news.
            ?assertMatch(#{send := [self, parent, children, replies, code_server]}, Policy),
            _ = learn(fun work/0),
            ?assertMatch({value, _}, under(Policy, fun work/0));
        false ->
            {skip, "there is no stock erl"}
    end.
