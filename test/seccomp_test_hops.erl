%% SPDX-License-Identifier: Apache-2.0
%%
%% What runs on the nodes of seccomp_nodes_SUITE: P1, P2 and P3, the servers that
%% start them, and what becomes of each.
-module(seccomp_test_hops).

-export([run/4, run_trusted/3, hop/3, report/2, server/1, init/1, start_job/3]).
-export([setup/0, forged/2, late/2, tighten/2, both/3, traced/3, label/2, alternate/3, compile/1]).

-define(OS, #{mode => blacklist, rules => [os]}).

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
