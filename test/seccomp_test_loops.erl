%% SPDX-License-Identifier: Apache-2.0
%%
%% Processes that try a call over and over: the target of requests that come
%% from elsewhere. The call has its effect in one step, so that nothing which
%% began before the policy can be counted after it.
-module(seccomp_test_loops).

-export([turns/0, spin/1, start/1, start/2, moves/1, stands_still/1, stop/1]).

%% Each loop tries the denied call once in a turn; what stands here is what it
%% does in between.
turns() ->
    Long = lists:seq(1, 20000),
    Ext = fun lists:reverse/1,
    [
        {nothing, fun() -> ok end},
        {local_calls, fun() -> spin(1000) end},
        {external_calls, fun() -> lists:last(lists:duplicate(10, x)) end},
        {external_fun, fun() -> Ext([a, b]) end},
        {apply, fun() -> apply(lists, hd([reverse | Ext([a])]), [[a]]) end},
        {light_bifs, fun() -> erlang:phash2({a, erlang:unique_integer()}) end},
        {long_bif, fun() -> erlang:term_to_binary(Long) end},
        {process_info_self, fun() -> process_info(self(), [messages, message_queue_len, memory]) end},
        {process_info_other, fun() -> process_info(whereis(init), message_queue_len) end},
        {poll, fun() -> receive nothing -> ok after 0 -> ok end end},
        {pause, fun() -> receive nothing -> ok after 1 -> ok end end},
        {message_to_self, fun() -> self() ! turn, receive turn -> ok end end},
        {exceptions, fun() -> catch error(deep(50)) end},
        {garbage_collection, fun() -> erlang:garbage_collect() end},
        {yield, fun() -> erlang:yield() end},
        {spawning, fun() -> spawn(erlang, self, []) end},
        {dirty_nif, fun() -> seccomp:to_json(#{mode => whitelist, rules => [lists]}) end},
        {dirty_bif, fun() -> erts_debug:dirty_cpu(wait, 2) end}
    ].

spin(0) -> ok;
spin(N) -> spin(N - 1).

deep(0) -> [];
deep(N) -> [N | deep(N - 1)].

start(Turn) -> start(Turn, []).

start(Turn, Options) ->
    Counter = atomics:new(1, []),
    Pid = spawn_opt(fun() -> loop(Counter, Turn) end, [link | Options]),
    ok = moves(Counter),
    {Pid, Counter}.

loop(Counter, Turn) ->
    _ = (catch atomics:add(Counter, 1, 1)),
    _ = Turn(),
    loop(Counter, Turn).

moves(Counter) ->
    Before = atomics:get(Counter, 1),
    seccomp_test_run:eventually(fun() -> atomics:get(Counter, 1) > Before end).

%% Read at once, so that a single late call is seen.
stands_still(Counter) ->
    Before = atomics:get(Counter, 1),
    timer:sleep(20),
    atomics:get(Counter, 1) - Before.

stop(Pid) ->
    true = unlink(Pid),
    true = exit(Pid, kill).
