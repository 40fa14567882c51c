%% SPDX-License-Identifier: Apache-2.0
%%
%% A gen_server that does what it is asked to, for tests on sending.
-module(seccomp_test_server).
-behaviour(gen_server).

-export([start/1, start_link/1, do/2]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

%% Under a policy from the first callback on, or none.
start(Policy) -> gen_server:start(?MODULE, Policy, []).

start_link(Policy) -> gen_server:start_link(?MODULE, Policy, []).

%% What Fun gives, or {Class, Reason, Stack}.
do(Server, Fun) -> gen_server:call(Server, {do, Fun}).

init(none) ->
    {ok, []};
init(Policy) ->
    ok = seccomp:set_policy(self(), Policy),
    {ok, []}.

handle_call({do, Fun}, _From, Seen) ->
    Reply =
        try
            Fun()
        catch
            Class:Reason:Stack -> {Class, Reason, Stack}
        end,
    {reply, Reply, Seen};
handle_call(seen, _From, Seen) ->
    {reply, lists:reverse(Seen), Seen};
handle_call({later, Time}, From, Seen) ->
    _ = erlang:start_timer(Time, self(), {reply, From}),
    {noreply, Seen};
handle_call(Request, _From, Seen) ->
    {reply, Request, Seen}.

handle_cast(Cast, Seen) -> {noreply, [Cast | Seen]}.

handle_info({timeout, _, {reply, From}}, Seen) ->
    ok = gen_server:reply(From, late),
    {noreply, [replied | Seen]};
handle_info(Info, Seen) ->
    {noreply, [Info | Seen]}.
