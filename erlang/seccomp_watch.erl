%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_watch).

-include("seccomp_doc.hrl").

?MODULEDOC("
What is to be seen: restricted processes, those that were denied most first, and
the policies that they are under. Bounded, however many there are. A process
that does not answer, as in the middle of a long BIF, is shown as busy.
").

-export([processes/1, process/1, policies/1, policy/1, metrics/0, flags/1]).

-export_type([row/0, policy_row/0]).

-type row() :: #{
    pid := pid(),
    name := atom() | mfa(),
    mode := whitelist | blacklist,
    flags := byte(),
    hash := binary(),
    comment := binary(),
    %% Among the newest violations of the node.
    denials := non_neg_integer(),
    reductions := non_neg_integer() | busy,
    memory := non_neg_integer() | busy,
    queue := non_neg_integer() | busy
}.
-type policy_row() :: #{
    hash := binary(),
    comment := binary(),
    mode := whitelist | blacklist,
    flags := byte(),
    on_deny := raise | kill | log,
    rules := non_neg_integer(),
    processes := pos_integer()
}.

%% For all processes together.
-define(PATIENCE, 1000).
-define(ITEMS, [
    registered_name, initial_call, current_function, reductions, memory, message_queue_len
]).

?DOC("So many rows at most, and how many processes are not among them.").
-spec processes(non_neg_integer()) -> {[row()], More :: non_neg_integer()}.
processes(Max) ->
    Pids = seccomp:processes(),
    Denials = denials(),
    {Denied, Others} = lists:partition(fun(Pid) -> is_map_key(Pid, Denials) end, Pids),
    By = lists:sort([{-maps:get(Pid, Denials), Pid} || Pid <- Denied]),
    First = lists:sublist([Pid || {_, Pid} <- By] ++ lists:sort(Others), Max),
    Facts = facts(First),
    Rows = [
        Row
     || Pid <- First,
        Row <- row(Pid, maps:get(Pid, Denials, 0), maps:get(Pid, Facts, busy))
    ],
    {Rows, length(Pids) - length(First)}.

?DOC("The row of one process, if it is restricted.").
-spec process(pid()) -> [row()].
process(Pid) ->
    row(Pid, maps:get(Pid, denials(), 0), maps:get(Pid, facts([Pid]), busy)).

denials() ->
    #{ring := Ring} = seccomp:violations(),
    lists:foldl(
        fun(#{pid := Pid}, Acc) -> maps:update_with(Pid, fun(N) -> N + 1 end, 1, Acc) end,
        #{},
        [V || #{pid := Pid} = V <- Ring, is_pid(Pid)]
    ).

row(_Pid, _Denials, gone) ->
    [];
row(Pid, Denials, Facts) ->
    case seccomp:info(Pid) of
        #{mode := Mode, flags := Flags, hash := Hash} = Info ->
            {Name, Reductions, Memory, Queue} = numbers(Facts),
            [
                #{
                    pid => Pid,
                    name => Name,
                    mode => Mode,
                    flags => Flags,
                    hash => Hash,
                    comment => maps:get(comment, Info, <<>>),
                    denials => Denials,
                    reductions => Reductions,
                    memory => Memory,
                    queue => Queue
                }
            ];
        %% It ended, or was made trusted, just now.
        _ ->
            []
    end.

numbers(busy) ->
    {busy, busy, busy, busy};
numbers([Registered, Initial, Current, {_, Reductions}, {_, Memory}, {_, Queue}]) ->
    {name(Registered, Initial, Current), Reductions, Memory, Queue}.

%% What started it says little of a fun, or of what proc_lib started.
name({_, Name}, _, _) when is_atom(Name) -> Name;
name(_, {_, {erlang, apply, 2}}, {_, Current}) when is_tuple(Current) -> Current;
name(_, {_, {proc_lib, init_p, _}}, {_, Current}) when is_tuple(Current) -> Current;
name(_, {_, Initial}, _) -> Initial.

%% Each is asked by a process of its own: one that does not answer holds up
%% nobody but that.
facts(Pids) ->
    Asker = self(),
    Tag = make_ref(),
    Started = maps:from_list([
        erlang:spawn_monitor(fun() -> Asker ! {Tag, self(), Pid, ask(Pid)} end)
     || Pid <- Pids
    ]),
    Deadline = erlang:monotonic_time(millisecond) + ?PATIENCE,
    gather(Tag, Started, Deadline, #{}).

ask(Pid) ->
    case process_info(Pid, ?ITEMS) of
        undefined -> gone;
        Info -> Info
    end.

gather(_Tag, Waiting, _Deadline, Facts) when map_size(Waiting) =:= 0 ->
    Facts;
gather(Tag, Waiting, Deadline, Facts) ->
    receive
        {Tag, From, Pid, Info} ->
            true = demonitor(maps:get(From, Waiting), [flush]),
            gather(Tag, maps:remove(From, Waiting), Deadline, Facts#{Pid => Info})
    after max(0, Deadline - erlang:monotonic_time(millisecond)) ->
        %% No answer comes once they are known to have ended.
        [true = exit(From, kill) || From <- maps:keys(Waiting)],
        [receive {'DOWN', Ref, process, _, _} -> ok end || Ref <- maps:values(Waiting)],
        late(Tag, Facts)
    end.

late(Tag, Facts) ->
    receive
        {Tag, _From, Pid, Info} -> late(Tag, Facts#{Pid => Info})
    after 0 -> Facts
    end.

?DOC("The policies that processes are under, the most used first.").
-spec policies(non_neg_integer()) -> {[policy_row()], More :: non_neg_integer()}.
policies(Max) ->
    All = [policy_row(Ref, Processes) || {Ref, Processes} <- seccomp_nif:policies()],
    Sorted = lists:sort([{-N, Hash, Row} || #{processes := N, hash := Hash} = Row <- All]),
    {[Row || {_, _, Row} <- lists:sublist(Sorted, Max)], max(0, length(All) - Max)}.

policy_row(Ref, Processes) ->
    Info = seccomp_nif:policy_info(Ref),
    Row = maps:with([hash, mode, flags, on_deny, rules], Info),
    Row#{comment => maps:get(comment, Info, <<>>), processes => Processes}.

?DOC("The readable form of a policy that a process is under.").
-spec policy(Hash :: binary()) -> {ok, binary()} | error.
policy(Hash) ->
    Found = [
        Ref
     || {Ref, _} <- seccomp_nif:policies(), maps:get(hash, seccomp_nif:policy_info(Ref)) =:= Hash
    ],
    case Found of
        [Ref | _] -> {ok, seccomp_nif:dump(Ref)};
        [] -> error
    end.

?DOC("The letters of the flags that are set, most significant first.").
-spec flags(byte()) -> string().
flags(Byte) ->
    [
        case Byte band Bit of
            0 -> $-;
            _ -> Letter
        end
     || {Bit, Letter} <- [{16#80, $E}, {16#40, $M}, {16#20, $S}, {16#10, $I}]
    ].

?DOC("Plain numbers, see `seccomp:metrics/0`.").
-spec metrics() -> #{atom() => non_neg_integer()}.
metrics() ->
    #{
        processes := Processes,
        policies := Policies,
        total := Total,
        dropped := Dropped,
        log := Log,
        raise := Raise,
        kill := Kill,
        refuse := Refuse
    } = seccomp_nif:totals(),
    #{
        enforced =>
            case seccomp:enforcement() of
                #{status := enforced} -> 1;
                #{status := unsupported} -> 0
            end,
        restricted_processes => Processes,
        policies => Policies,
        denials_total => Total,
        denials_log_total => Log,
        denials_raise_total => Raise,
        denials_kill_total => Kill,
        denials_refuse_total => Refuse,
        denials_uncounted_total => Dropped
    }.
