%% SPDX-License-Identifier: Apache-2.0
%%
%% Policies across nodes: two patched nodes and a stock one. P1 on the first is
%% restricted, has P2 started on another node, and that has P3 started back on
%% the first.
-module(seccomp_nodes_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    through_patched/1,
    through_stock/1,
    while_connecting/1,
    unknown_spawn/1,
    unknown_message/1,
    made_later/1,
    tightened_by_itself/1,
    two_policies/1,
    meets_elsewhere/1,
    trusted_stay_trusted/1,
    users_tracing/1,
    reconnected/1,
    false_names/1,
    under_a_guard/1,
    junk/1
]).
-export([run/4, run_trusted/3, hop/3, report/2, server/1, init/1, start_job/3]).
%% For seccomp_nodes_bounds_SUITE.
-export([start/1, stop/1, call/5, name/2, connect/3]).
-export([setup/0, forged/2, late/2, tighten/2, both/3, traced/3, label/2, alternate/3, compile/1]).

-define(WAYS, [
    spawn, spawn_link, spawn_monitor, spawn_opt, spawn_request, rpc, rpc_cast, erpc, erpc_cast,
    server, supervisor, rex
]).
-define(OS, #{mode => blacklist, rules => [os]}).
-define(CODE, #{mode => blacklist, rules => [{code, get_path, 0}]}).

suite() -> [{timetrap, {seconds, 120}}].

all() ->
    [
        through_patched,
        through_stock,
        while_connecting,
        unknown_spawn,
        unknown_message,
        made_later,
        tightened_by_itself,
        two_policies,
        meets_elsewhere,
        trusted_stay_trusted,
        users_tracing,
        reconnected,
        false_names,
        under_a_guard,
        junk
    ].

init_per_suite(Config) ->
    Erl = seccomp_test_node:stock_erl(),
    case filelib:is_regular(Erl) of
        true ->
            Nodes = start([{one, same}, {two, same}, {stock, stock}]),
            ok = connect(one, two, Nodes),
            [{nodes, Nodes} | Config];
        false ->
            {skip, "there is no " ++ Erl ++ "; name a stock erl in SECCOMP_STOCK_ERL"}
    end.

end_per_suite(Config) -> stop(?config(nodes, Config)).

start(Wanted) ->
    Cookie = integer_to_list(rand:uniform(1 bsl 60), 36),
    Args = ["-setcookie", Cookie, "-kernel", "logger_level", "none"],
    Nodes = maps:from_list([
        {Name, seccomp_test_node:start_named(Kind, Args)}
     || {Name, Kind} <- Wanted
    ]),
    [ok = call(Name, setup, [], Nodes) || Name <- maps:keys(Nodes)],
    Nodes.

stop(Nodes) -> [seccomp_test_node:stop(Peer) || {Peer, _} <- maps:values(Nodes)].

call(Name, F, Args, Nodes) -> call(Name, ?MODULE, F, Args, Nodes).

call(Name, M, F, Args, Nodes) ->
    #{Name := {Peer, _}} = Nodes,
    seccomp_test_node:call(Peer, M, F, Args).

name(Name, Nodes) -> element(2, maps:get(Name, Nodes)).

%% Policies are known when this returns.
connect(From, To, Nodes) ->
    Node = name(To, Nodes),
    true = call(From, net_kernel, connect_node, [Node], Nodes),
    call(From, seccomp_nodes, sync, [Node, 10000], Nodes).

%% -- Cases -------------------------------------------------------------------

through_patched(Config) -> through(two, fun(Hash) -> {Hash, denied} end, Config).

through_stock(Config) -> through(stock, fun(_) -> {trusted, ran} end, Config).

through(Other, P2, Config) ->
    Nodes = ?config(nodes, Config),
    {Hash, _} = call(one, compile, [?OS], Nodes),
    [
        begin
            Answer = call(one, run, [?OS, Way, name(Other, Nodes), name(one, Nodes)], Nodes),
            ?assertEqual({Way, #{p2 => P2(Hash), p3 => {Hash, denied}}}, {Way, Answer})
        end
     || Way <- ?WAYS
    ].

%% The first message sets the connection up and must not lose its origin then.
while_connecting(_Config) ->
    [
        begin
            Nodes = start([{one, same}, {stock, stock}]),
            {Hash, _} = call(one, compile, [?OS], Nodes),
            Answer = call(one, run, [?OS, Way, name(stock, Nodes), name(one, Nodes)], Nodes),
            stop(Nodes),
            ?assertEqual({Way, #{p2 => {trusted, ran}, p3 => {Hash, denied}}}, {Way, Answer})
        end
     || Way <- [rex, spawn]
    ].

%% The exchange does not run: the other node cannot know the policy.
unknown_spawn(_Config) ->
    Nodes = start([{one, same}, {two, same}]),
    ok = call(two, application, stop, [seccomp], Nodes),
    Two = name(two, Nodes),
    true = call(one, net_kernel, connect_node, [Two], Nodes),
    Ways = [spawn, spawn_link, spawn_monitor, spawn_opt, spawn_request],
    Answers = [
        {Way, call(one, run, [?OS, Way, Two, name(one, Nodes)], Nodes)}
     || Way <- Ways
    ],
    Trusted = call(one, run_trusted, [spawn, Two, name(one, Nodes)], Nodes),
    stop(Nodes),
    [
        ?assertEqual({Way, #{p1 => {seccomp, unknown_policy}}}, {Way, Answer})
     || {Way, Answer} <- Answers
    ],
    ?assertEqual(#{p2 => {trusted, ran}, p3 => {trusted, ran}}, Trusted).

%% A server that gets a request of an unknown origin starts what can do nothing,
%% and goes on. A node with the cookie can claim any hash.
unknown_message(Config) ->
    Nodes = ?config(nodes, Config),
    One = name(one, Nodes),
    ?assertEqual(error, call(stock, forged, [spawn, One], Nodes)),
    ?assertEqual(nothing, call(stock, forged, [server, One], Nodes)),
    ?assertEqual(nothing, call(stock, forged, [supervisor, One], Nodes)),
    Trusted = call(one, run_trusted, [server, name(two, Nodes), One], Nodes),
    ?assertEqual(#{p2 => {trusted, ran}, p3 => {trusted, ran}}, Trusted).

%% Compiled when the nodes are connected already, and used at once.
made_later(Config) ->
    Nodes = ?config(nodes, Config),
    Two = name(two, Nodes),
    [
        begin
            Rules = [{os, list_to_atom("f" ++ integer_to_list(N)), 0} | maps:get(rules, ?OS)],
            Policy = (?OS)#{rules := Rules, unknown => allow},
            {Hash, Met} = call(one, late, [Policy, Two], Nodes),
            ?assertEqual({Hash, denied}, Met)
        end
     || N <- lists:seq(1, 20)
    ].

%% Nobody tells of this one before the other node is asked; it fails until then.
tightened_by_itself(Config) ->
    Nodes = ?config(nodes, Config),
    {Hash, Report} = call(one, tighten, [(?OS)#{on_deny => raise}, name(two, Nodes)], Nodes),
    ?assertEqual({Hash, denied}, Report).

two_policies(Config) ->
    Nodes = ?config(nodes, Config),
    {One, _} = call(one, compile, [?OS], Nodes),
    {Two, _} = call(one, compile, [?CODE], Nodes),
    [
        begin
            Home = name(one, Nodes),
            Os = call(one, run, [?OS, Way, name(Other, Nodes), Home], Nodes),
            Code = call(one, run, [?CODE, Way, name(Other, Nodes), Home], Nodes),
            ?assertMatch({Way, #{p3 := {One, denied}}}, {Way, Os}),
            ?assertMatch({Way, #{p3 := {Two, ran}}}, {Way, Code})
        end
     || Way <- [spawn, rpc, server, supervisor], Other <- [two, stock]
    ].

%% P2 is started by a process that has a policy of its own there.
meets_elsewhere(Config) ->
    Nodes = ?config(nodes, Config),
    {Met, Report} = call(two, both, [?OS, ?CODE, name(one, Nodes)], Nodes),
    ?assertEqual({Met, denied}, Report).

trusted_stay_trusted(Config) ->
    Nodes = ?config(nodes, Config),
    [
        ?assertEqual(
            {Way, Other, []},
            {Way, Other, call(one, alternate, [Way, name(Other, Nodes), 20], Nodes)}
        )
     || Way <- ?WAYS, Other <- [two, stock]
    ].

users_tracing(Config) ->
    Nodes = ?config(nodes, Config),
    Home = name(one, Nodes),
    {Hash, _} = call(one, compile, [?OS], Nodes),
    [
        begin
            #{there := There, back := Back, policy := Policy} =
                call(one, traced, [Who, name(Other, Nodes), Home], Nodes),
            case {Who, Other} of
                {restricted, stock} -> ?assertMatch({'$seccomp', <<_:256>>, 17}, There);
                _ -> ?assertEqual(17, There)
            end,
            ?assertEqual(17, Back),
            ?assertEqual(
                case Who of
                    trusted -> trusted;
                    restricted -> Hash
                end,
                Policy
            )
        end
     || Who <- [trusted, restricted], Other <- [two, stock]
    ].

reconnected(Config) ->
    Nodes = ?config(nodes, Config),
    {Hash, _} = call(one, compile, [?OS], Nodes),
    Two = name(two, Nodes),
    [
        begin
            true = call(one, erlang, disconnect_node, [Two], Nodes),
            ok = connect(one, two, Nodes),
            Answer = call(one, run, [?OS, spawn, Two, name(one, Nodes)], Nodes),
            ?assertEqual(#{p2 => {Hash, denied}, p3 => {Hash, denied}}, Answer)
        end
     || _ <- lists:seq(1, 5)
    ].

%% A policy that is sent under the name of another one is not taken.
false_names(Config) ->
    Nodes = ?config(nodes, Config),
    One = name(one, Nodes),
    {_, Text} = call(two, compile, [?CODE], Nodes),
    Name = some_hash(),
    Message = {seccomp_nodes, 1, name(two, Nodes), {policies, 1000000, [{Name, Text}]}},
    _ = call(two, erlang, send, [{seccomp_nodes, One}, Message], Nodes),
    ok = call(two, seccomp_nodes, sync, [One, 10000], Nodes),
    ?assertEqual({ok, none}, call(one, seccomp_nif, policy_to_wire, [Name], Nodes)),
    ?assertMatch({error, _}, call(one, seccomp_nif, policy_from_wire, [Name, Text], Nodes)).

some_hash() -> <<(rand:uniform(1 bsl 64)):256>>.

junk(Config) ->
    Nodes = ?config(nodes, Config),
    One = name(one, Nodes),
    Server = call(one, erlang, whereis, [seccomp_nodes], Nodes),
    From = name(two, Nodes),
    [
        call(two, erlang, send, [{seccomp_nodes, One}, Message], Nodes)
     || Message <- [
            junk,
            {seccomp_nodes, 2, From, {hello, true}},
            {seccomp_nodes, 1, 'no@where', {hello, true}},
            {seccomp_nodes, 1, "x", {hello, true}},
            {seccomp_nodes, 1, From, {hello, maybe}},
            {seccomp_nodes, 1, From, {policies, -1, [a | b]}},
            {seccomp_nodes, 1, From, {policies, 1, [{<<1>>, <<2>>}, {<<0:256>>, <<"{}">>}, x]}},
            {seccomp_nodes, 1, From, {policies, 1, [{<<0:256>>, binary:copy(<<"x">>, 2000000)}]}},
            {seccomp_nodes, 1, From, {have, x}},
            {'$gen_call', {self(), make_ref()}, nonsense},
            {'$gen_call', {self(), make_ref()}, {wait, all, -1}},
            {'$gen_cast', nonsense}
        ]
    ],
    ok = call(two, seccomp_nodes, sync, [One, 10000], Nodes),
    ?assertEqual(Server, call(one, erlang, whereis, [seccomp_nodes], Nodes)).

%% -- On the nodes ------------------------------------------------------------

%% Trusted servers, which outlive the call.
setup() ->
    {ok, _} = application:ensure_all_started(seccomp),
    _ = [{module, _} = code:ensure_loaded(M) || M <- [rpc, erpc, supervisor, gen_server, seq_trace]],
    Caller = self(),
    Holder = spawn(fun() ->
        {ok, _} = supervisor:start_link({local, jobs}, ?MODULE, []),
        true = register(starter, spawn_link(?MODULE, server, [starter])),
        Caller ! {self(), ready},
        receive
            stop -> ok
        end
    end),
    receive
        {Holder, ready} -> ok
    end.

init([]) ->
    Job = #{id => job, start => {?MODULE, start_job, []}, restart => temporary},
    {ok, {#{strategy => simple_one_for_one}, [Job]}}.

start_job(M, F, Args) -> {ok, proc_lib:spawn_link(M, F, Args)}.

server(Name) ->
    receive
        {From, Ref, {start, M, F, Args}} ->
            _ = spawn(M, F, Args),
            From ! {Ref, ok}
    end,
    server(Name).

%% The hash of a policy, which is kept, and its text.
compile(Map) ->
    {ok, {seccomp_policy, Ref} = Policy} = seccomp:compile(Map),
    #{hash := Hex} = seccomp_nif:policy_info(Ref),
    _ = spawn(fun() -> receive {never, Policy} -> ok end end),
    {ok, Text} = seccomp_nif:policy_to_wire(binary:decode_hex(Hex)),
    {Hex, Text}.

%% P1 under a policy; what became of P2 and P3, or why P1 failed.
run(Map, Way, Other, Home) ->
    {ok, Policy} = seccomp:compile(Map),
    Collector = self(),
    {P1, Ref} = seccomp:spawn_monitor(Policy, fun() ->
        start(Way, Other, hop, [Way, Home, Collector])
    end),
    collect(P1, Ref).

run_trusted(Way, Other, Home) ->
    Collector = self(),
    {P1, Ref} = spawn_monitor(fun() -> start(Way, Other, hop, [Way, Home, Collector]) end),
    collect(P1, Ref).

collect(P1, Ref) ->
    receive
        {report, p2, P2} ->
            Answer =
                receive
                    {report, p3, P3} -> #{p2 => P2, p3 => P3}
                after 30000 -> #{p2 => P2, p3 => none}
                end,
            exit(P1, kill),
            erlang:demonitor(Ref, [flush]),
            Answer;
        {'DOWN', Ref, process, P1, {Reason, Stack}} when is_list(Stack) ->
            #{p1 => Reason};
        {'DOWN', Ref, process, P1, Reason} ->
            #{p1 => Reason}
    after 30000 -> nothing
    end.

%% P2
hop(Way, Home, Collector) ->
    report(Collector, p2),
    start(Way, Home, report, [Collector, p3]).

%% Under which policy this is, and whether it is enforced.
report(Collector, Tag) ->
    Policy =
        case seccomp:info(self()) of
            trusted -> trusted;
            #{hash := Hash} -> Hash
        end,
    Call =
        try os:getpid() of
            _ -> ran
        catch
            error:{seccomp, {os, getpid, 0}} -> denied
        end,
    Collector ! {report, Tag, {Policy, Call}},
    ok.

%% Has a function of this module run on a node, and stays a while: a link must
%% not end what was started.
start(Way, Node, F, Args) ->
    _ = start(Way, Node, ?MODULE, F, Args),
    timer:sleep(15000).

start(spawn, N, M, F, A) ->
    spawn(N, M, F, A);
start(spawn_link, N, M, F, A) ->
    spawn_link(N, M, F, A);
start(spawn_monitor, N, M, F, A) ->
    spawn_monitor(N, M, F, A);
start(spawn_opt, N, M, F, A) ->
    spawn_opt(N, M, F, A, [link, monitor, {fullsweep_after, 5}]);
start(spawn_request, N, M, F, A) ->
    Id = spawn_request(N, M, F, A, [monitor]),
    receive
        {spawn_reply, Id, ok, Pid} -> Pid;
        {spawn_reply, Id, error, Reason} -> error(Reason)
    end;
start(rpc, N, M, F, A) ->
    rpc:call(N, M, F, A, 30000);
start(rpc_cast, N, M, F, A) ->
    rpc:cast(N, M, F, A);
start(erpc, N, M, F, A) ->
    erpc:call(N, M, F, A, 30000);
start(erpc_cast, N, M, F, A) ->
    erpc:cast(N, M, F, A);
start(server, N, M, F, A) ->
    Ref = make_ref(),
    {starter, N} ! {self(), Ref, {start, M, F, A}},
    receive
        {Ref, ok} -> ok
    end;
start(supervisor, N, M, F, A) ->
    supervisor:start_child({jobs, N}, [M, F, A]);
start(rex, N, M, F, A) ->
    {rex, N} ! {'$gen_cast', {cast, M, F, A, group_leader()}}.

%% The profile cluster lets in what nodes tell each other about policies.
under_a_guard(_Config) ->
    Nodes = start([{one, same}, {two, same}]),
    [ok = call(Name, seccomp, guard_node, [cluster], Nodes) || Name <- [one, two]],
    ok = connect(one, two, Nodes),
    {Hash, _} = call(one, compile, [?OS], Nodes),
    ?assertMatch({ok, <<_, _/binary>>}, call(two, seccomp_nif, policy_to_wire, [binary:decode_hex(Hash)], Nodes)),
    ?assertEqual([name(two, Nodes)], call(one, seccomp_nodes, peers, [], Nodes)),
    stop(Nodes).

%% A stock node that claims to act for somebody.
forged(Way, Node) ->
    Collector = self(),
    {Pid, Ref} = spawn_monitor(fun() ->
        seq_trace:set_token(label, {'$seccomp', <<7:256>>}),
        start(Way, Node, report, [Collector, p2])
    end),
    receive
        {report, p2, What} -> What;
        {'DOWN', Ref, process, Pid, {seccomp_unknown_policy, _}} -> error
    after 1500 ->
        exit(Pid, kill),
        nothing
    end.

%% A policy is compiled, put on top of another, and used at once.
late(Map, Node) ->
    Collector = self(),
    {ok, Policy} = seccomp:compile(Map),
    P1 = seccomp:spawn(Policy, fun() ->
        receive
            go -> start(spawn, Node, report, [Collector, p2])
        end
    end),
    ok = seccomp:restrict(P1, blacklist, [{os, version, 0}]),
    #{hash := Hash} = seccomp:info(P1),
    P1 ! go,
    receive
        {report, p2, Report} -> {Hash, Report}
    after 30000 -> {Hash, nothing}
    end.

tighten(Map, Node) ->
    Collector = self(),
    {ok, Policy} = seccomp:compile(Map),
    P1 = seccomp:spawn(Policy, fun() ->
        ok = seccomp:restrict(self(), blacklist, [{os, timestamp, 0}]),
        until_known(Node, ?MODULE, report, [Collector, p2])
    end),
    receive
        {report, p2, Report} ->
            #{hash := Hash} = seccomp:info(P1),
            {Hash, Report}
    after 30000 -> {none, nothing}
    end.

%% The meet of two policies is told to others a moment after it was made.
until_known(Node, M, F, A) ->
    try
        start(spawn, Node, M, F, A)
    catch
        error:{seccomp, unknown_policy} ->
            timer:sleep(20),
            until_known(Node, M, F, A)
    end,
    timer:sleep(15000).

%% On the second node: P2 is asked by a process of the first one that is
%% restricted and restricted itself; P3 has to be under both.
both(Map1, Map2, Home) ->
    Collector = self(),
    {ok, Policy2} = seccomp:compile(Map2),
    ok = seccomp_nodes:sync(Home, 5000),
    P2 = seccomp:spawn(Policy2, fun() ->
        receive
            {start, M, F, A} -> until_known(Home, M, F, A)
        end
    end),
    _ = erpc:call(Home, fun() -> relay(Map1, P2, {start, ?MODULE, report, [Collector, p3]}) end),
    receive
        {report, p3, Report} -> {met(Map1, Map2), Report}
    after 30000 -> {met(Map1, Map2), nothing}
    end.

relay(Map, To, Message) ->
    {ok, Policy} = seccomp:compile(Map),
    seccomp:spawn(Policy, fun() ->
        To ! Message,
        timer:sleep(15000)
    end).

met(Map1, Map2) ->
    {ok, Policy1} = seccomp:compile(Map1),
    {ok, Policy2} = seccomp:compile(Map2),
    Pid = seccomp:spawn(Policy1, fun() -> receive stop -> ok end end),
    ok = seccomp:set_policy(Pid, Policy1),
    {seccomp_policy, Ref} = Policy2,
    Tag = make_ref(),
    case seccomp_nif:set_policy(Pid, Ref, restrict, Tag) of
        wait -> receive {Tag, ok} -> ok end;
        ok -> ok
    end,
    #{hash := Hash} = seccomp:info(Pid),
    Hash.

%% Restricted and trusted ones in turn, by the same servers; what was wrong.
alternate(Way, Other, Turns) ->
    Collector = self(),
    #{status := Status} = erpc:call(Other, seccomp, enforcement, []),
    Stock = Status =:= unsupported,
    {ok, Policy} = seccomp:compile(?OS),
    Step = fun(N) ->
        Go = fun() ->
            _ = start(Way, Other, ?MODULE, report, [Collector, p2]),
            receive stop -> ok end
        end,
        Pid =
            case N rem 2 of
                0 -> seccomp:spawn(Policy, Go);
                1 -> spawn(Go)
            end,
        receive
            {report, p2, {P, _}} ->
                %% What this process starts next it starts for itself.
                ok = seccomp:forget_origin(),
                exit(Pid, kill),
                [{N, P} || (N rem 2 =:= 1 orelse Stock) =/= (P =:= trusted)]
        after 30000 -> [{N, nothing}]
        end
    end,
    lists:append([Step(N) || N <- lists:seq(1, Turns)]).

%% The user's label there, and in a process that is started back here.
traced(Who, Other, Home) ->
    Collector = self(),
    Go = fun() ->
        seq_trace:set_token(label, 17),
        spawn(Other, ?MODULE, label, [Home, Collector]),
        timer:sleep(15000)
    end,
    case Who of
        trusted ->
            spawn(Go);
        restricted ->
            {ok, Policy} = seccomp:compile(?OS),
            seccomp:spawn(Policy, Go)
    end,
    receive
        {label, There} ->
            receive
                {label, Back, Policy2} -> #{there => There, back => Back, policy => Policy2}
            after 30000 -> #{there => There, back => none, policy => none}
            end
    after 30000 -> none
    end.

label(Home, Collector) when Home =/= node() ->
    {label, There} = seq_trace:get_token(label),
    Collector ! {label, There},
    spawn(Home, ?MODULE, label, [Home, Collector]);
label(_Home, Collector) ->
    {label, Back} = seq_trace:get_token(label),
    Policy =
        case seccomp:info(self()) of
            trusted -> trusted;
            #{hash := Hash} -> Hash
        end,
    Collector ! {label, Back, Policy}.
