%% SPDX-License-Identifier: Apache-2.0
%%
%% Deputies: trusted processes that start others for whoever asks, and what
%% becomes of those.
-module(seccomp_test_origin).

%% It is a supervisor as well, which has the same init/1.
-behaviour(gen_server).

-export([policies/0, meet/2, hash/1, as/2, child/2, child/3, answer/1, run/1, who/0]).
-export([deputies/0, stop/1, ways/0, loop/0, request/2]).
-export([start_child/1, proc_lib_child/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-define(T, seccomp_test_target).

%% Two that differ, and deny the call by which who/0 finds out.
policies() ->
    {policy([{?T, hit, 1}]), policy([{?T, hit, 1}, {os, getpid, 0}])}.

policy(Rules) -> seccomp_test_run:policy(blacklist, Rules).

%% The hash of what is left of two policies.
meet(P, Q) ->
    {value, #{hash := Hash}} = seccomp_test_run:in(P, fun() ->
        {seccomp_policy, Ref} = Q,
        ok = seccomp_nif:set_policy(self(), Ref, restrict, make_ref()),
        seccomp:info(self())
    end),
    Hash.

hash(trusted) -> trusted;
hash({seccomp_policy, Ref}) -> maps:get(hash, seccomp_nif:policy_info(Ref)).

%% The hash of the policy that the caller is under, if calls are denied, too.
who() ->
    Counter = atomics:new(1, []),
    Hit = (catch ?T:hit(Counter)),
    case {seccomp:info(self()), Hit, atomics:get(Counter, 1)} of
        {trusted, hit, 1} -> trusted;
        {#{hash := Hash}, {'EXIT', {{seccomp, {?T, hit, 1}}, _}}, 0} -> Hash;
        Other -> {neither, Other}
    end.

%% Runs something in a process that is trusted or has a policy, to its end.
as(trusted, Fun) -> await(spawn_monitor(Fun));
as(Policy, Fun) -> await(seccomp:spawn_monitor(Policy, Fun)).

await({Pid, Monitor}) ->
    receive
        {'DOWN', Monitor, process, Pid, normal} -> ok;
        {'DOWN', Monitor, process, Pid, Reason} -> error(Reason)
    after 30000 -> error({no_end, process_info(Pid)})
    end.

%% What a child is under that is started in this way for such a client.
child(Client, Way) -> child(Client, Way, fun() -> ok end).

child(Client, Way, AfterAsking) ->
    Me = self(),
    Ref = make_ref(),
    ok = as(Client, fun() -> Way(fun() -> Me ! {Ref, who()} end) end),
    _ = AfterAsking(),
    answer(Ref).

answer(Ref) ->
    receive
        {Ref, Answer} ->
            ok = seccomp:forget_origin(),
            Answer
    after 30000 -> no_child
    end.

%% Runs something in the way of a request, and gives a child's answer.
run(Request) ->
    Me = self(),
    Ref = make_ref(),
    _ = Request(fun() -> Me ! {Ref, who()} end),
    answer(Ref).

%% -- A deputy without behaviour ----------------------------------------------

loop() ->
    receive
        {run, Fun} ->
            _ = Fun(),
            loop()
    end.

request(Deputy, Fun) ->
    Deputy ! {run, Fun},
    ok.

%% -- Deputies ----------------------------------------------------------------

deputies() ->
    Start = fun(Arg) ->
        {ok, Pid} = gen_server:start(?MODULE, Arg, []),
        Pid
    end,
    Sup = fun(Strategy) ->
        {ok, Pid} = supervisor:start_link(?MODULE, Strategy),
        true = unlink(Pid),
        Pid
    end,
    Last = Start(server),
    %% Else the first client would be the one for whom it is started.
    ok = timer:start(),
    #{
        server => Start(server),
        sleeper => Start(sleeper),
        chain => Start({next, Start({next, Last})}),
        last => Last,
        simple => Sup(simple_one_for_one),
        sup => Sup(one_for_one),
        loop => spawn(fun loop/0)
    }.

stop(Deputies) -> [exit(Pid, kill) || Pid <- maps:values(Deputies)], ok.

%% Each asks a deputy for a child that runs the fun.
ways() ->
    Server = fun(Start) ->
        fun(#{server := S}, F) -> gen_server:call(S, {run, fun() -> Start(F) end}) end
    end,
    [
        {call, Server(fun(F) -> spawn(F) end)},
        {spawn_3, Server(fun(F) -> spawn(erlang, apply, [F, []]) end)},
        {spawn_link, Server(fun(F) -> unlink(spawn_link(F)) end)},
        {spawn_monitor, Server(fun(F) -> spawn_monitor(F) end)},
        {spawn_opt, Server(fun(F) -> spawn_opt(F, [{priority, high}]) end)},
        {spawn_request, Server(fun(F) -> spawn_request(F, []) end)},
        {proc_lib, Server(fun(F) -> proc_lib:spawn(F) end)},
        {proc_lib_start, Server(fun(F) -> proc_lib:start(?MODULE, proc_lib_child, [F]) end)},
        {child_of_child, Server(fun(F) -> spawn(fun() -> spawn(F) end) end)},
        {cast, fun(#{server := S}, F) -> gen_server:cast(S, {run, fun() -> spawn(F) end}) end},
        {info, fun(#{server := S}, F) -> S ! {run, fun() -> spawn(F) end} end},
        {hibernating, fun(#{sleeper := S}, F) ->
            gen_server:call(S, {run, fun() -> spawn(F) end})
        end},
        {chain, fun(#{chain := S}, F) -> gen_server:call(S, {run, fun() -> spawn(F) end}) end},
        {chain_of_casts, fun(#{chain := S}, F) ->
            gen_server:cast(S, {run, fun() -> spawn(F) end})
        end},
        {simple_one_for_one, fun(#{simple := S}, F) -> {ok, _} = supervisor:start_child(S, [F]) end},
        {one_for_one, fun(#{sup := S}, F) ->
            {ok, _} = supervisor:start_child(S, #{
                id => make_ref(), restart => temporary, start => {?MODULE, start_child, [F]}
            })
        end},
        {rex, fun(_, F) -> gen_server:call(rex, {call, erlang, spawn, [F], group_leader()}) end},
        {apply_after, fun(_, F) -> {ok, _} = timer:apply_after(1, erlang, spawn, [F]) end},
        {send_after, fun(#{server := S}, F) ->
            erlang:send_after(1, S, {run, fun() -> spawn(F) end})
        end},
        {start_timer, fun(#{server := S}, F) ->
            erlang:start_timer(2, S, {run, fun() -> spawn(F) end})
        end},
        {give_away, fun(#{server := S}, F) ->
            ets:give_away(ets:new(t, []), S, {run, fun() -> spawn(F) end})
        end},
        {alias, fun(#{server := S}, F) ->
            Alias = gen_server:call(S, alias),
            Alias ! {run, fun() -> spawn(F) end}
        end},
        {loop, fun(#{loop := S}, F) -> request(S, fun() -> spawn(F) end) end}
    ].

start_child(Fun) -> {ok, proc_lib:spawn_link(Fun)}.

proc_lib_child(Fun) ->
    proc_lib:init_ack(ok),
    Fun().

%% -- Callbacks ---------------------------------------------------------------

init(simple_one_for_one) ->
    {ok, {
        #{strategy => simple_one_for_one},
        [#{id => c, restart => temporary, start => {?MODULE, start_child, []}}]
    }};
init(one_for_one) -> {ok, {#{strategy => one_for_one}, []}};
init(State) -> {ok, State}.

handle_call(alias, _From, State) -> {reply, alias(), State};
handle_call(origin, _From, State) -> {reply, seccomp:origin(), State};
handle_call({run, _} = Request, _From, {next, Next} = State) ->
    {reply, gen_server:call(Next, Request), State};
handle_call({run, Fun}, _From, sleeper) ->
    _ = Fun(),
    {reply, ok, sleeper, hibernate};
handle_call({run, Fun}, _From, State) ->
    _ = Fun(),
    {reply, ok, State}.

handle_cast({run, _} = Request, {next, Next} = State) ->
    ok = gen_server:cast(Next, Request),
    {noreply, State};
handle_cast({run, Fun}, State) ->
    _ = Fun(),
    {noreply, State}.

handle_info({timeout, _, {run, Fun}}, State) -> handle_cast({run, Fun}, State);
handle_info({'ETS-TRANSFER', Table, _, {run, Fun}}, State) ->
    true = ets:delete(Table),
    handle_cast({run, Fun}, State);
handle_info({run, Fun}, State) -> handle_cast({run, Fun}, State);
handle_info(_Other, State) -> {noreply, State}.
