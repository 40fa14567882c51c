%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_report).

-include("seccomp_doc.hrl").

?MODULEDOC("
Logs denials. Once a second it compares the counters of the native library with
what it saw last, and sends at most ten events to `logger`: one for each policy
and function, with the number of denials since the last look. What a restricted
process does in a loop can therefore not flood the log. The metadata has the
domain `[seccomp]`, and the facts under the key `seccomp`. `telemetry` gets the
same events, where it is there. Switched off by
`{seccomp, [{log_violations, false}]}` in the node's configuration.
").

-behaviour(gen_server).

-export([start_link/0, only/2, events/2, format/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-export_type([event/0]).

-type event() ::
    #{
        what := seccomp_denied,
        mfa := seccomp_nif:mfarity(),
        count := pos_integer(),
        policy := binary(),
        pid := pid() | undefined,
        action := raise | kill | log | undefined
    }
    | #{
        what := seccomp_refused,
        mfa := seccomp_nif:mfarity(),
        count := pos_integer(),
        policy := binary(),
        node := node()
    }
    | #{what := seccomp_denied_more, functions := pos_integer(), count := pos_integer()}.

-define(PERIOD, 1000).
-define(MAX_EVENTS, 10).

?NODOC.
-spec start_link() -> gen_server:start_ret().
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

?NODOC.
-spec only(pid(), seccomp:violations()) -> seccomp:violations().
only(Pid, #{ring := All} = Violations) ->
    Ring = [Entry || #{pid := P} = Entry <- All, P =:= Pid],
    Counts = lists:foldl(
        fun(#{policy := Policy, mfa := Mfa}, Acc) ->
            maps:update_with({Policy, Mfa}, fun(N) -> N + 1 end, 1, Acc)
        end,
        #{},
        Ring
    ),
    Violations#{
        total := length(Ring),
        ring := Ring,
        counters := [
            #{policy => Policy, mfa => Mfa, count => Count}
         || {{Policy, Mfa}, Count} <- maps:to_list(Counts)
        ]
    }.

?DOC("
The events for what was denied between two looks at `seccomp:violations/0`, the
most frequent first, the rest summed up in a last one.
").
-spec events(seccomp:violations(), seccomp:violations()) -> [event()].
events(#{total := Total}, #{total := Total}) ->
    [];
events(#{counters := Before}, #{counters := Now, ring := Ring}) ->
    Seen = maps:from_list([{kind(Counter), C} || #{count := C} = Counter <- Before]),
    Changed = [
        {Count - maps:get(kind(Counter), Seen, 0), kind(Counter)}
     || #{count := Count} = Counter <- Now,
        Count > maps:get(kind(Counter), Seen, 0)
    ],
    {First, Rest} = split(?MAX_EVENTS - 1, lists:reverse(lists:sort(Changed))),
    [event(Change, Ring) || Change <- First] ++ summary(Rest).

split(N, List) when length(List) > N + 1 -> lists:split(N, List);
split(_N, List) -> {List, []}.

kind(#{policy := Policy, mfa := Mfa} = Entry) ->
    {Policy, Mfa, maps:get(origin, Entry, self)}.

event({Count, {Policy, Mfa, {node, Node}}}, _Ring) ->
    #{what => seccomp_refused, mfa => Mfa, count => Count, policy => Policy, node => Node};
event({Count, {Policy, Mfa, self} = Kind}, Ring) ->
    Event = #{what => seccomp_denied, mfa => Mfa, count => Count, policy => Policy},
    case [Entry || Entry <- Ring, kind(Entry) =:= Kind] of
        [] ->
            Event#{pid => undefined, action => undefined};
        Entries ->
            #{pid := Pid, action := Action} = lists:last(Entries),
            Event#{pid => Pid, action => Action}
    end.

summary([]) ->
    [];
summary(Rest) ->
    Count = lists:sum([Count || {Count, _} <- Rest]),
    [#{what => seccomp_denied_more, functions => length(Rest), count => Count}].

?DOC("The sentence for an event, as `logger` prints it.").
-spec format(event()) -> {io:format(), [term()]}.
format(#{what := seccomp_denied, mfa := {M, F, A}, count := Count, pid := Pid, action := Action}) ->
    Did =
        case Action of
            log -> "called (policy: log)";
            kill -> "was killed for calling";
            _ -> "was denied"
        end,
    {"seccomp: ~tp ~ts ~tw:~tw/~b (~b in the last second)", [
        case Pid of
            undefined -> process;
            _ -> Pid
        end,
        Did,
        M,
        F,
        A,
        Count
    ]};
format(#{what := seccomp_refused, mfa := {M, F, A}, count := Count, node := Node}) ->
    {"seccomp: node ~tp was refused ~tw:~tw/~b (~b in the last second)", [Node, M, F, A, Count]};
format(#{what := seccomp_denied_more, functions := Functions, count := Count}) ->
    {"seccomp: ~b more denials of ~b other functions", [Count, Functions]}.

%% -- The process -------------------------------------------------------------

?NODOC.
-spec init([]) -> {ok, seccomp:violations()}.
init([]) ->
    next_look(),
    {ok, seccomp_nif:violations()}.

?NODOC.
-spec handle_call(term(), gen_server:from(), State) -> {reply, ok, State}.
handle_call(_Request, _From, State) ->
    {reply, ok, State}.

?NODOC.
-spec handle_cast(term(), State) -> {noreply, State}.
handle_cast(_Request, State) ->
    {noreply, State}.

?NODOC.
-spec handle_info(term(), seccomp:violations()) -> {noreply, seccomp:violations()}.
handle_info(look, Before) ->
    Now = seccomp_nif:violations(),
    lists:foreach(fun tell/1, events(Before, Now)),
    next_look(),
    {noreply, Now};
handle_info(_Message, State) ->
    {noreply, State}.

next_look() ->
    _ = erlang:send_after(?PERIOD, self(), look),
    ok.

tell(Event) ->
    ok = log(Event),
    seccomp_telemetry:execute(Event).

log(Event) ->
    logger:log(warning, Event, #{
        report_cb => fun ?MODULE:format/1,
        mfa => {?MODULE, log, 1},
        domain => [seccomp],
        seccomp => maps:without([what], Event)
    }).
