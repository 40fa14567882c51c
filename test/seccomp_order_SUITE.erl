%% SPDX-License-Identifier: Apache-2.0
%%
%% Messages that OTP's servers obey before their own code sees them: a restricted
%% process may send to its parent and to names in its rule, but no order.
-module(seccomp_order_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1, end_per_testcase/2]).
-export([orders_work/1, parent/1, name/1, timers/1, extra_arguments/1, peers/1, sentence/1]).
%% A supervisor, and what it may be told to call.
-export([init/1, touch/1, touch_start/1]).

-define(RUN, seccomp_test_run).
-define(SERVER, seccomp_test_server).
-define(SUP, seccomp_order_sup).

suite() -> [{timetrap, {seconds, 60}}].

all() -> [orders_work, parent, name, timers, extra_arguments, peers, sentence].

init_per_suite(Config) ->
    ok = ?RUN:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

end_per_testcase(_Case, _Config) ->
    case whereis(?SUP) of
        undefined ->
            ok;
        Sup ->
            Ref = monitor(process, Sup),
            unlink(Sup),
            exit(Sup, kill),
            receive
                {'DOWN', Ref, process, Sup, _} -> ok
            end
    end.

%% All functions allowed, so that nothing but the rule on sending holds it.
policy(Send) ->
    {ok, Policy} = seccomp:compile(#{mode => whitelist, rules => [{'_', '_', '_'}], send => Send}),
    Policy.

default() -> [self, parent, children, replies].

%% A restricted server and the supervisor that started it.
start(Send) ->
    {ok, Sup} = supervisor:start_link({local, ?SUP}, ?MODULE, simple_one_for_one),
    {ok, Server} = supervisor:start_child(Sup, [policy(Send)]),
    ok = seccomp:forget_origin(),
    {Sup, Server}.

init(simple_one_for_one) ->
    Spec = #{id => x, start => {?SERVER, start_link, []}, restart => temporary},
    {ok, {#{strategy => simple_one_for_one}, [Spec]}};
init(one_for_one) ->
    {ok, {#{strategy => one_for_one}, []}}.

touch(Table) -> ets:insert(Table, {touched, self()}).

touch_start(Table) ->
    true = touch(Table),
    ignore.

canary() -> ets:new(canary, [public]).

touched(Table) -> [Pid || {touched, Pid} <- ets:lookup(Table, touched)].

%% What each would have the receiver do is to touch the table.
orders(Table) ->
    Fun = fun(State) ->
        _ = touch(Table),
        State
    end,
    Start = {?MODULE, touch_start, [Table]},
    From = {self(), make_ref()},
    Io = fun(Request) -> {io_request, self(), make_ref(), Request} end,
    [
        {system, From, {replace_state, Fun}},
        {system, From, get_state},
        {'EXIT', self(), shutdown},
        {'$gen_call', From, {start_child, #{id => y, start => Start, restart => temporary}}},
        {'$gen_call', From, {start_child, {y, Start, temporary, 1, worker, []}}},
        {'$gen_call', From, {start_child, {Start, temporary, 1, worker, []}}},
        Io({put_chars, unicode, ?MODULE, touch, [Table]}),
        Io({put_chars, ?MODULE, touch, [Table]}),
        Io({get_until, unicode, '', ?MODULE, touch, [Table]}),
        Io({get_until, '', ?MODULE, touch, [Table]}),
        Io({get_until, unicode, '', erl_scan, tokens, [1, [{reserved_word_fun, Fun}]]}),
        Io({get_until, unicode, '', erl_scan, tokens, [1, [{reserved_word_fun, fun os:cmd/1}]]}),
        Io({get_until, unicode, '', erl_scan, tokens, [1 | Table]}),
        Io({requests, [{put_chars, unicode, "x"}, {put_chars, unicode, ?MODULE, touch, [Table]}]}),
        Io({setopts, [{expand_fun, Fun}]}),
        Io({setopts, [{expand_fun, fun os:cmd/1} | Table]})
    ].

harmless() ->
    Scan = [text, {reserved_word_fun, fun erl_scan:reserved_word/1}],
    [
        {io_request, self(), make_ref(), Request}
     || Request <- [
            {put_chars, unicode, "x"},
            {put_chars, unicode, io_lib, format, ["~p", [x]]},
            {requests, [{put_chars, unicode, <<"x">>}, {get_geometry, columns}]},
            {get_line, unicode, ''},
            {get_chars, unicode, '', 3},
            {get_until, unicode, '', erl_scan, tokens, [1]},
            {get_until, unicode, '', erl_scan, tokens, [{1, 1}, Scan]},
            {get_until, unicode, '', io_lib, fread, ["~d"]},
            {setopts, [binary, {encoding, unicode}, {echo, false}]},
            getopts,
            {}
        ]
    ].

%% These are orders indeed: a supervisor obeys those that are for supervisors.
orders_work(_Config) ->
    {ok, Sup} = supervisor:start_link({local, ?SUP}, ?MODULE, one_for_one),
    Table = canary(),
    [System, _, _, Map, Tuple | _] = orders(Table),
    [
        begin
            true = ets:delete_all_objects(Table),
            Sup ! Order,
            ?RUN:eventually(fun() -> touched(Table) =:= [Sup] end)
        end
     || Order <- [System, Map, Tuple]
    ].

denied_to(To, Server) ->
    Table = canary(),
    [
        ?assertMatch(
            {Order, {error, {seccomp, {erlang, send, 2}}, [
                {erlang, send, _, [{error_info, #{send := {order, To}}}]} | _
            ]}},
            {Order, ?SERVER:do(Server, fun() -> To ! Order end)}
        )
     || Order <- orders(Table)
    ],
    ?assertEqual([], touched(Table)).

parent(_Config) ->
    {Sup, Server} = start(default()),
    ok = denied_to(Sup, Server),
    %% It may be sent to, or this would be about something else; and who reads
    %% and prints names functions that do no harm.
    [
        ?assertEqual(Message, ?SERVER:do(Server, fun() -> Sup ! Message end))
     || Message <- [hello | harmless()]
    ],
    ?assertMatch([_, _, _, {workers, 1}], lists:sort(supervisor:count_children(Sup))),
    Calls = [
        fun() -> supervisor:start_child(Sup, #{id => y, start => {?MODULE, touch_start, [x]}}) end,
        fun() -> sys:replace_state(Sup, fun(State) -> State end) end
    ],
    [
        ?assertMatch({seccomp, {erlang, send, _}}, refusal(?SERVER:do(Server, Call)))
     || Call <- Calls
    ].

%% gen_server:call/2 makes an exit of what is raised in it, and sys did once.
refusal({exit, {{Reason, _}, _}, _}) -> Reason;
refusal({error, Reason, _}) -> Reason;
refusal(Other) -> Other.

name(_Config) ->
    {Sup, Server} = start([self, replies, ?SUP]),
    ok = denied_to(?SUP, Server),
    ok = denied_to(Sup, Server),
    ?assertEqual(hello, ?SERVER:do(Server, fun() -> ?SUP ! hello end)).

timers(_Config) ->
    {Sup, Server} = start([self, parent, replies, ?SUP]),
    Table = canary(),
    Do = fun(Fun) -> ?SERVER:do(Server, Fun) end,
    [
        ?assertMatch({error, {seccomp, {erlang, send_after, _}}, _}, Do(Start))
     || Order <- orders(Table),
        To <- [Sup, ?SUP],
        Start <- [
            fun() -> erlang:send_after(0, To, Order) end,
            fun() -> erlang:send_after(0, To, Order, []) end
        ]
    ],
    %% What a timer wraps up is no order.
    [Order | _] = orders(Table),
    ?assert(is_reference(Do(fun() -> erlang:start_timer(0, Sup, Order) end))),
    ?assert(is_reference(Do(fun() -> erlang:send_after(0, Sup, hello) end))),
    _ = supervisor:count_children(Sup),
    ?assertEqual([], touched(Table)).

%% Where the function is the supervisor's own; the child is held by provenance.
extra_arguments(_Config) ->
    {Sup, Server} = start(default()),
    {ok, Child} = ?SERVER:do(Server, fun() -> supervisor:start_child(Sup, [none]) end),
    ok = seccomp:forget_origin(),
    #{hash := Hash} = seccomp:info(Server),
    ?assertMatch(#{hash := Hash}, seccomp:info(Child)).

%% Who is under the same policy, such as the supervisor of a plugin's own.
peers(_Config) ->
    {_, Server} = start(default()),
    {Own, Child} = ?SERVER:do(Server, fun() ->
        {ok, Sup} = supervisor:start_link(?MODULE, one_for_one),
        Spec = #{id => z, start => {?SERVER, start_link, [none]}},
        {ok, Pid} = supervisor:start_child(Sup, Spec),
        {Sup, Pid}
    end),
    Seen = ?SERVER:do(Child, fun() -> sys:get_state(Own) end),
    ?assertEqual(state, element(1, Seen)).

sentence(_Config) ->
    {Sup, Server} = start(default()),
    [Order | _] = orders(canary()),
    {error, Reason, Stack} = ?SERVER:do(Server, fun() -> Sup ! Order end),
    #{general := Text} = seccomp_error:format_error(Reason, Stack),
    ?assertMatch({match, _}, re:run(Text, "erlang:send/2 to <[0-9.]+> .* order")).
