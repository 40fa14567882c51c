%% SPDX-License-Identifier: Apache-2.0
%%
%% Waiting and choosing. Nothing is decided by how long it took: the limit is
%% for what would never happen.
-module(soak_wait).

-export([until/1, until/2, down/1, alone/1, any/1, one_in/1]).

-define(PATIENCE, 120_000).

-spec until(fun(() -> boolean())) -> ok.
until(Condition) -> until(Condition, not_yet).

-spec until(fun(() -> boolean()), term()) -> ok.
until(Condition, What) ->
    until(Condition, What, erlang:monotonic_time(millisecond) + ?PATIENCE, 0).

until(Condition, What, Limit, Tries) ->
    case Condition() of
        true ->
            ok;
        false ->
            case erlang:monotonic_time(millisecond) < Limit of
                true when Tries < 100 -> erlang:yield();
                true -> timer:sleep(2);
                false -> error({never, What})
            end,
            until(Condition, What, Limit, Tries + 1)
    end.

-spec down({pid(), reference()}) -> term().
down({Pid, Monitor}) ->
    receive
        {'DOWN', Monitor, process, Pid, Reason} -> Reason
    after ?PATIENCE -> error({no_end, Pid, process_info(Pid)})
    end.

%% In a process that takes its garbage with it.
-spec alone(fun(() -> Result)) -> Result.
alone(Fun) ->
    Tag = make_ref(),
    {Pid, Monitor} = spawn_monitor(fun() -> exit({Tag, Fun()}) end),
    receive
        {'DOWN', Monitor, process, Pid, {Tag, Result}} -> Result;
        {'DOWN', Monitor, process, Pid, Reason} -> error({failed, Reason})
    end.

-spec any([Element]) -> Element.
any(List) -> lists:nth(rand:uniform(length(List)), List).

-spec one_in(pos_integer()) -> boolean().
one_in(N) -> rand:uniform(N) =:= 1.
