%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_eval_run).

-include("seccomp_doc.hrl").

?MODULEDOC("
Runs one evaluation, within limits. Four processes take part:

* the caller waits, and ends everything if nobody answers in time;
* the keeper starts the others, ends them, and says what happened. It never
  waits for the process that evaluates, which may be inside a long BIF;
* the sampler looks at that process and may have to wait for it;
* the runner is under the policy and evaluates. It sends nothing; its answer is
  its exit reason, under a tag that the code cannot know.

The keeper is the group leader of the runner and of its children. Children are
counted where they inherit the policy, so no fork bomb outruns the sampler.
").

-export([run/3]).

-export_type([job/0, body/0, limits/0]).

-type body() :: fun(() -> {term(), term()}).

-type job() :: fun(
    (Deadline :: integer()) ->
        {ok, Prepare :: fun(() -> body()), After :: fun(() -> ok)} | {error, {atom(), map()}}
).
%% Made in the keeper. `Prepare` is called in the runner while it is trusted;
%% `Body` under the policy, for a value and what else is to be handed back.
-type limits() :: #{
    timeout := pos_integer(),
    max_heap := pos_integer(),
    max_reductions := pos_integer(),
    max_output := non_neg_integer(),
    max_messages := non_neg_integer(),
    max_children := non_neg_integer(),
    %% Other options, which are not for here.
    atom() => term()
}.

% Processes that answer by the reason that they end with.
-dialyzer({nowarn_function, [supervised/3, spawn_runner/4]}).

-define(OUTPUT, '$seccomp_eval_output').
-define(FIRST_LOOK, 2).
-define(NEXT_LOOK, 10).
%% For a runner that cannot be ended at once.
-define(GRACE, 1000).

-spec run(reference(), job(), limits()) -> {ok, map()} | {error, {atom(), map()}}.
run(Policy, Job, Limits) ->
    case seccomp_nif:origin() of
        trusted ->
            supervised(Policy, Job, Limits);
        {error, _} = Error ->
            Error;
        %% The keeper would be restricted.
        {restricted, _} ->
            Text = <<"the caller is restricted, or acts for a restricted process">>,
            {error, {restricted, #{message => Text}}}
    end.

supervised(Policy, Job, #{timeout := Timeout} = Limits) ->
    Caller = self(),
    Tag = make_ref(),
    Deadline = now_ms() + Timeout,
    {Keeper, Monitor} = erlang:spawn_monitor(fun() ->
        exit({Tag, keep(Caller, Policy, Job, Deadline, Limits)})
    end),
    receive
        {'DOWN', Monitor, process, Keeper, {Tag, Answer}} ->
            Answer;
        {'DOWN', Monitor, process, Keeper, Reason} ->
            {error, {internal, #{reason => Reason}}}
    after Timeout + ?GRACE ->
        true = exit(Keeper, kill),
        receive
            {'DOWN', Monitor, process, Keeper, {Tag, Answer}} -> Answer;
            {'DOWN', Monitor, process, Keeper, _} -> {error, {timeout, over(timeout, Limits)}}
        end
    end.

now_ms() -> erlang:monotonic_time(millisecond).

over(Limit, Limits) -> #{limit => maps:get(Limit, Limits), output => <<>>}.

%% -- The keeper --------------------------------------------------------------

keep(Caller, Policy0, Job, Deadline, Limits) ->
    Policy = counted(Policy0, Limits),
    _ = process_flag(trap_exit, true),
    %% What is evaluated may keep every scheduler busy.
    _ = process_flag(priority, high),
    true = group_leader(self(), self()),
    case Job(Deadline) of
        {ok, Prepare, After} ->
            Monitor = monitor(process, Caller),
            Tag = make_ref(),
            Runner = spawn_runner(Policy, Tag, Prepare, Limits),
            Keeper = self(),
            Look = fun() -> sample(Keeper, Policy, Runner, Limits, ?FIRST_LOOK) end,
            Sampler = erlang:spawn_opt(Look, [link, {priority, high}]),
            Answer = await(Runner, Sampler, Tag, Monitor, Deadline, Limits),
            true = unlink(Sampler),
            true = exit(Sampler, kill),
            ok = end_children(Policy, Limits),
            ok = After(),
            Answer;
        {error, _} = Error ->
            Error
    end.

spawn_runner(Policy, Tag, Prepare, Limits) ->
    #{max_heap := Heap, max_output := Output, max_children := Children} = Limits,
    Size = max(Heap div erlang:system_info(wordsize), 1000),
    #{spawn := Spawn} = seccomp_nif:policy_info(Policy),
    Entry = fun() ->
        Fun = Prepare(),
        ok = no_children(Children, Spawn),
        ok = seccomp_eval_io:start(Output),
        ok = seccomp_attach:set_policy(self(), Policy, restrict),
        exit({Tag, outcome(Fun)})
    end,
    erlang:spawn_opt(Entry, [
        link, {max_heap_size, #{size => Size, kill => true, error_logger => false}}
    ]).

%% Before the policy that is asked for, which would forbid this call.
no_children(0, allow) -> seccomp_attach:restrict_spawn(self());
no_children(_, _) -> ok.

await(Runner, Sampler, Tag, Monitor, Deadline, Limits) ->
    receive
        {'EXIT', Runner, {Tag, Outcome}} ->
            answer(Runner, Outcome, Limits);
        {'EXIT', Runner, Reason} ->
            {error, ended(Runner, Reason, Limits)};
        {'EXIT', Sampler, _Reason} ->
            %% It ends with the runner, whose own message is on its way.
            await(Runner, none, Tag, Monitor, Deadline, Limits);
        {Sampler, over, Limit, Dictionary} ->
            stop(Runner, Limit, Dictionary, Limits);
        {'DOWN', Monitor, process, _, _} ->
            stop(Runner, timeout, [], Limits);
        {io_request, From, As, _Request} when is_pid(From) ->
            From ! {io_reply, As, {error, enotsup}},
            await(Runner, Sampler, Tag, Monitor, Deadline, Limits);
        _ ->
            await(Runner, Sampler, Tag, Monitor, Deadline, Limits)
    after max(Deadline - now_ms(), 0) ->
        stop(Runner, timeout, dictionary(Sampler), Limits)
    end.

stop(Runner, Limit, Dictionary, Limits) ->
    true = exit(Runner, kill),
    Map = over(Limit, Limits),
    {error, {name(Limit), Map#{output := seccomp_eval_io:taken(Dictionary)}}}.

name(timeout) -> timeout;
name(max_heap) -> memory;
name(max_reductions) -> reductions;
name(max_messages) -> messages;
name(max_children) -> children;
name(max_output) -> output.

%% Asked of the sampler, because the runner may not answer.
dictionary(none) ->
    [];
dictionary(Sampler) ->
    Sampler ! {self(), dictionary},
    receive
        {Sampler, dictionary, Dictionary} -> Dictionary
    after ?GRACE div 2 -> []
    end.

answer(Runner, {Outcome, Size, Printed}, #{max_output := Max} = Limits) ->
    Output = seccomp_eval_io:flatten(Printed),
    case Outcome of
        _ when is_integer(Size), Size > Max ->
            {error, {output, (over(max_output, Limits))#{output := Output}}};
        {value, Value, More} ->
            {ok, #{value => Value, more => More, output => Output}};
        {exception, Class, Reason, Stack} ->
            {error, raised(Runner, Class, Reason, Stack, Output)}
    end.

raised(Runner, error, {seccomp, {_, _, _} = Mfa} = Reason, Stack, Output) ->
    case is_denial(Runner, Mfa) of
        true -> {denied, #{mfa => Mfa, output => Output}};
        false -> exception(error, Reason, Stack, Output)
    end;
raised(_Runner, Class, Reason, Stack, Output) ->
    exception(Class, Reason, Stack, Output).

exception(Class, Reason, Stack, Output) ->
    {exception, #{class => Class, reason => Reason, stacktrace => Stack, output => Output}}.

ended(Runner, {seccomp, {_, _, _} = Mfa} = Reason, _Limits) ->
    case is_denial(Runner, Mfa) of
        true -> {denied, #{mfa => Mfa, output => <<>>}};
        false -> exception(exit, Reason, [], <<>>)
    end;
ended(_Runner, killed, Limits) ->
    {memory, over(max_heap, Limits)};
ended(_Runner, Reason, _Limits) ->
    exception(exit, Reason, [], <<>>).

%% Anybody can raise what looks like a denial. It is one if it was recorded.
is_denial(Runner, Mfa) ->
    #{ring := Ring} = seccomp:violations(Runner),
    lists:any(fun(#{mfa := Denied}) -> Denied =:= Mfa end, Ring).

%% Children beyond the quota start under a policy that denies them everything.
counted(Policy, #{max_children := 0}) ->
    Policy;
counted(Policy, #{max_children := Max}) ->
    {ok, Counted} = seccomp_nif:quota_new(Policy, Max),
    Counted.

%% They might start others while they are ended, but there are only so many.
end_children(_Policy, #{max_children := 0}) ->
    ok;
end_children(Policy, Limits) ->
    case seccomp_nif:learn_pids(Policy) of
        [] ->
            ok;
        Pids ->
            lists:foreach(fun(Pid) -> exit(Pid, kill) end, Pids),
            erlang:yield(),
            end_children(Policy, Limits)
    end.

%% -- The sampler -------------------------------------------------------------

sample(Keeper, Policy, Runner, Limits, Pause) ->
    receive
        {Keeper, dictionary} -> Keeper ! {self(), dictionary, dictionary_of(Runner)}
    after Pause -> ok
    end,
    Pids =
        case Limits of
            #{max_children := 0} -> [Runner];
            #{} -> lists:usort([Runner | seccomp_nif:learn_pids(Policy)])
        end,
    case is_over(Policy, Pids, Limits) of
        none ->
            sample(Keeper, Policy, Runner, Limits, ?NEXT_LOOK);
        Limit ->
            %% One that keeps all schedulers busy may be long in answering.
            Dictionary =
                case Limit of
                    max_children -> [];
                    _ -> dictionary_of(Runner)
                end,
            Keeper ! {self(), over, Limit, Dictionary},
            receive
                never -> ok
            end
    end.

dictionary_of(Pid) ->
    case process_info(Pid, dictionary) of
        {dictionary, Dictionary} -> Dictionary;
        undefined -> []
    end.

is_over(Policy, Pids, Limits) ->
    case seccomp_nif:quota_exceeded(Policy) of
        true -> max_children;
        false -> exceeded(Pids, Limits)
    end.

exceeded(Pids, #{max_reductions := Reductions, max_messages := Messages, max_heap := Heap}) ->
    Items = [reductions, message_queue_len, total_heap_size, binary],
    Infos = [Info || Pid <- Pids, Info <- [process_info(Pid, Items)], is_list(Info)],
    Sum = fun(Key) -> lists:sum([number(lists:keyfind(Key, 1, Info)) || Info <- Infos]) end,
    case {Sum(reductions) > Reductions, Sum(message_queue_len) > Messages} of
        {true, _} -> max_reductions;
        {_, true} -> max_messages;
        _ ->
            %% Binaries off the heap are no part of what the emulator limits.
            Words = lists:max([0 | [number(lists:keyfind(total_heap_size, 1, I)) || I <- Infos]]),
            Bytes = Words * erlang:system_info(wordsize),
            case Sum(binary) > Heap orelse (length(Pids) > 1 andalso Bytes > Heap) of
                true -> max_heap;
                false -> none
            end
    end.

number({binary, Binaries}) -> lists:sum([Size || {_, Size, _} <- lists:usort(Binaries)]);
number({_, Number}) -> Number.

%% -- The runner --------------------------------------------------------------

%% What is called here is called under the policy. Built-in functions of
%% `@base` and functions of this module are all that there is.
outcome(Fun) ->
    Outcome =
        try Fun() of
            {Value, More} -> {value, Value, More}
        catch
            Class:Reason:Stack -> {exception, Class, Reason, arities(Stack)}
        end,
    case get(?OUTPUT) of
        {Size, _, Printed} -> {Outcome, Size, Printed};
        _ -> {Outcome, 0, []}
    end.

%% Arguments may be large, and funs of a module that will not be there.
arities([{M, F, Args, Info} | Stack]) when is_list(Args) ->
    [{M, F, count(Args, 0), place(Info)} | arities(Stack)];
arities([{M, F, Arity, Info} | Stack]) ->
    [{M, F, Arity, place(Info)} | arities(Stack)];
arities([]) ->
    [].

place([{Key, _} = Pair | Info]) when Key =:= file; Key =:= line -> [Pair | place(Info)];
place([_ | Info]) -> place(Info);
place(_) -> [].

count([_ | T], N) -> count(T, N + 1);
count(_, N) -> N.
