%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_group_leader).

-include("seccomp_doc.hrl").

?MODULEDOC("
A group leader for restricted processes. The io protocol lets whoever prints
name a function that the group leader calls; this one takes data, calls nothing
that it is told to, and passes on plain text to the group leader that was there
before, which it waits for. Formatting (`io:format` sends the format and not the
text) is done in a process of its own, under a policy and with limits.

It reads nothing: who asks for input gets `eof`. It ends with the last process
that uses it.
").

-export([ensure/1, start/2, is_options/1]).
-export([wanted/1, log/2]).
-export([init/3]).

-export_type([options/0]).

-type options() :: #{
    max_request => pos_integer(),
    max_rate => pos_integer() | infinity,
    timeout => pos_integer()
}.

%% Both start a process that answers by its exit.
-dialyzer({nowarn_function, [start/2, format/4]}).

%% Bytes in a request, bytes in a second, milliseconds for formatting.
-define(LEVELS, [emergency, alert, critical, error, warning, notice, info, debug]).
-define(DEFAULTS, #{max_request => 1_048_576, max_rate => 4_194_304, timeout => 5_000}).
%% In words. A sender that waits for no answer fills the queue until this ends.
-define(MAX_HEAP, 4_194_304).
-define(PERIOD, 1000).

-record(state, {
    to :: pid(),
    options :: options(),
    policy = none :: none | seccomp:policy(),
    %% Whose end is waited for, and when a second began and what it printed.
    watch :: reference(),
    since :: integer(),
    printed = 0 :: non_neg_integer()
}).

?DOC("Whether a policy lets processes send to a group leader of the library.").
-spec wanted(reference()) -> boolean().
wanted(Policy) ->
    #{send := Send} = seccomp_nif:policy_info(Policy),
    Lists =
        case Send of
            {all, All} -> All;
            List when is_list(List) -> [List];
            _ -> []
        end,
    Lists =/= [] andalso lists:all(fun(List) -> lists:member(group_leader, List) end, Lists).

?NODOC.
-spec is_options(term()) -> boolean().
is_options(Options) when is_map(Options) ->
    Is = fun
        (max_rate, infinity) -> true;
        (Key, Value) -> is_map_key(Key, ?DEFAULTS) andalso is_integer(Value) andalso Value > 0
    end,
    lists:all(fun({Key, Value}) -> Is(Key, Value) end, maps:to_list(Options));
is_options(_) ->
    false.

?DOC("Asks the own group leader to log a text, see `seccomp:log/2`.").
-spec log(logger:level(), unicode:chardata()) -> ok | {error, term()}.
log(Level, Text) ->
    Leader = group_leader(),
    Ref = monitor(process, Leader),
    Leader ! {io_request, self(), Ref, {seccomp_log, Level, Text}},
    receive
        {io_reply, Ref, Reply} ->
            true = demonitor(Ref, [flush]),
            Reply;
        {'DOWN', Ref, process, Leader, _} ->
            {error, terminated}
    end.

?DOC("Gives a process a group leader of its own unless it has one already.").
-spec ensure(pid()) -> ok.
ensure(Pid) ->
    case leader(Pid) of
        none ->
            ok;
        Leader ->
            case seccomp_nif:serves_io(Leader) of
                true ->
                    ok;
                false ->
                    _ = start(Pid, #{}),
                    ok
            end
    end.

?DOC("Gives a process a group leader of its own, whatever it had before.").
-spec start(pid(), options()) -> {ok, pid()} | {error, seccomp_error:reason()}.
start(Pid, Options) ->
    case leader(Pid) of
        none ->
            {error, noproc};
        To ->
            %% Not a child of the caller, which may be about to be restricted.
            Start = fun() -> exit(proc_lib:start(?MODULE, init, [Pid, To, Options])) end,
            {_, Ref} = erlang:spawn_monitor(Start),
            receive
                {'DOWN', Ref, process, _, {ok, Leader}} -> adopt(Pid, Leader);
                {'DOWN', Ref, process, _, Reason} -> {error, {internal, #{reason => Reason}}}
            end
    end.

adopt(Pid, Leader) ->
    try group_leader(Leader, Pid) of
        true -> {ok, Leader}
    catch
        error:badarg -> {error, noproc}
    end.

leader(Pid) when Pid =:= self() ->
    group_leader();
leader(Pid) ->
    case process_info(Pid, group_leader) of
        {group_leader, Leader} -> Leader;
        undefined -> none
    end.

%% -- The process -------------------------------------------------------------

?NODOC.
-spec init(pid(), pid(), options()) -> no_return() | ok.
init(Pid, To, Options) ->
    _ = process_flag(max_heap_size, #{size => ?MAX_HEAP, kill => true, error_logger => false}),
    true = seccomp_nif:serve_io(),
    _ = monitor(process, To),
    ok = proc_lib:init_ack({ok, self()}),
    loop(#state{
        to = To,
        options = maps:merge(?DEFAULTS, Options),
        watch = monitor(process, Pid),
        since = erlang:monotonic_time(millisecond)
    }).

loop(#state{to = To, watch = Watch} = State) ->
    receive
        {io_request, From, ReplyAs, Request} when is_pid(From) ->
            {Reply, Next} = request(Request, State),
            From ! {io_reply, ReplyAs, Reply},
            loop(Next);
        {'DOWN', Watch, process, _, _} ->
            %% Not at once, whoever starts and ends processes in a loop.
            _ = erlang:send_after(?PERIOD, self(), watch),
            loop(State);
        {'DOWN', _, process, To, _} ->
            ok;
        watch ->
            case users() of
                [] -> ok;
                [Pid | _] -> loop(State#state{watch = monitor(process, Pid)})
            end;
        _Other ->
            loop(State)
    end.

%% Children inherit their group leader, and live on.
users() ->
    [P || P <- seccomp_nif:processes(), process_info(P, group_leader) =:= {group_leader, self()}].

%% -- Requests ----------------------------------------------------------------

request({put_chars, Encoding, Chars}, State) ->
    put_chars(text(Chars, Encoding, State), State);
request({put_chars, Encoding, io_lib, Function, Args}, State) when
    Function =:= format; Function =:= fwrite; Function =:= write; Function =:= print
->
    {Result, Next} = format(Encoding, Function, Args, State),
    put_chars(Result, Next);
request({put_chars, Chars}, State) ->
    request({put_chars, latin1, Chars}, State);
request({put_chars, io_lib, Function, Args}, State) ->
    request({put_chars, latin1, io_lib, Function, Args}, State);
request({requests, Requests}, State) ->
    requests(Requests, ok, State);
request({seccomp_log, Level, Chars}, State) ->
    {log(Level, text(Chars, unicode, State), State), State};
request({get_geometry, What}, State) when What =:= columns; What =:= rows ->
    {ask({get_geometry, What}, State), State};
request(getopts, State) ->
    {[{binary, false}, {encoding, unicode}], State};
request({setopts, _}, State) ->
    {ok, State};
request(Request, State) when is_tuple(Request), tuple_size(Request) > 1 ->
    Reads = [get_chars, get_line, get_until, get_password],
    case lists:member(element(1, Request), Reads) of
        true -> {eof, State};
        false -> {{error, request}, State}
    end;
request(_Request, State) ->
    {{error, request}, State}.

%% As many as there are, up to the first that fails.
requests([Request | Requests], Reply, State) when Reply =/= {error, request} ->
    case Reply of
        {error, _} ->
            {Reply, State};
        _ ->
            {Next, Then} = request(Request, State),
            requests(Requests, Next, Then)
    end;
requests([], Reply, State) ->
    {Reply, State};
requests(_, _, State) ->
    {{error, request}, State}.

put_chars({ok, Text}, State) ->
    Next = pace(byte_size(Text), State),
    {ask({put_chars, unicode, Text}, State), Next};
put_chars({error, _} = Error, State) ->
    {Error, State}.

log(Level, {ok, Text}, #state{to = To}) ->
    case lists:member(Level, ?LEVELS) of
        true -> logger:log(Level, "~ts", [Text], #{gl => To});
        false -> {error, request}
    end;
log(_Level, {error, _} = Error, _State) ->
    Error.

%% Waits for the answer: what cannot be printed yet stays with who prints.
ask(Request, #state{to = To}) ->
    Ref = monitor(process, To),
    To ! {io_request, self(), Ref, Request},
    receive
        {io_reply, Ref, Reply} ->
            true = demonitor(Ref, [flush]),
            Reply;
        {'DOWN', Ref, process, To, _} ->
            {error, terminated}
    end.

%% Sleeps when a second's worth was printed before the second was over.
pace(_Bytes, #state{options = #{max_rate := infinity}} = State) ->
    State;
pace(Bytes, #state{options = #{max_rate := Max}, since = Since, printed = Printed} = State) ->
    Now = erlang:monotonic_time(millisecond),
    if
        Now - Since >= ?PERIOD ->
            State#state{since = Now, printed = Bytes};
        Printed + Bytes =< Max ->
            State#state{printed = Printed + Bytes};
        true ->
            receive
            after Since + ?PERIOD - Now -> State#state{since = Since + ?PERIOD, printed = Bytes}
            end
    end.

%% -- Text --------------------------------------------------------------------

text(Chars, Encoding, #state{options = #{max_request := Max}}) ->
    text(Chars, Encoding, Max);
text(Chars, Encoding, Max) when Encoding =:= latin1; Encoding =:= unicode ->
    %% A list may hold a large binary many times, so it is not made flat first.
    case measure(Chars, Max) of
        Left when is_integer(Left), Left >= 0 ->
            case unicode:characters_to_binary(Chars, Encoding, unicode) of
                Text when is_binary(Text) -> {ok, Text};
                _ -> {error, {no_translation, Encoding, unicode}}
            end;
        Left when is_integer(Left) ->
            {error, too_large};
        bad ->
            {error, put_chars}
    end;
text(_Chars, _Encoding, _Max) ->
    {error, request}.

%% What is left of a number of bytes; negative as soon as it is known.
measure(_, Left) when Left < 0 -> Left;
measure(Char, Left) when is_integer(Char) -> Left - 1;
measure(Text, Left) when is_binary(Text) -> Left - byte_size(Text);
measure([], Left) -> Left;
measure([Head | Tail], Left) ->
    case measure(Head, Left) of
        bad -> bad;
        Less -> measure(Tail, Less)
    end;
measure(_, _) -> bad.

%% Formats in a process that may do nothing else. Its answer is its exit reason.
format(Encoding, Function, Args, State) when is_list(Args) ->
    #state{options = #{max_request := Max, timeout := Timeout}} = Next = policy(State),
    Error = {error, {put_chars, Encoding, io_lib, Function}},
    Body = fun() ->
        Result =
            try
                text(apply(io_lib, Function, Args), unicode, Max)
            catch
                error:_ -> Error
            end,
        exit({?MODULE, Result})
    end,
    Limits = #{size => ?MAX_HEAP, kill => true, error_logger => false},
    Options = [monitor, {max_heap_size, Limits}, {priority, low}],
    %% The formatter has a policy of its own, which allows more of the formatting
    %% than that of who asked, and nothing else.
    _ = seccomp_nif:forget_origin(),
    {Pid, Ref} = seccomp:spawn_opt(Next#state.policy, Body, Options),
    receive
        {'DOWN', Ref, process, Pid, {?MODULE, Result}} -> {Result, Next};
        {'DOWN', Ref, process, Pid, _} -> {Error, Next}
    after Timeout ->
        true = exit(Pid, kill),
        true = demonitor(Ref, [flush]),
        {{error, timeout}, Next}
    end;
format(_Encoding, _Function, _Args, State) ->
    {{error, request}, State}.

policy(#state{policy = none} = State) ->
    {ok, Policy} = seccomp:compile(#{
        mode => whitelist,
        rules => ['@format', {unicode, characters_to_binary, 3}, {erlang, exit, 1}],
        spawn => deny,
        send => none
    }),
    State#state{policy = Policy};
policy(State) ->
    State.
