%% SPDX-License-Identifier: Apache-2.0
%%
%% What a node that has the cookie can try. Each attack runs on the hostile
%% node; the evidence that it worked is looked for on the attacked one, which is
%% asked through another channel.
-module(seccomp_guard_attacks).

-export([all/0, fatal/0, run/3]).
-export([hit/1, chars/1, until/3, is_hit/1]).
-export([pid/1, ref/0]).

-define(T, seccomp_guard_target).

%% {Name, {Module, Function, Arguments}: true on the attacked node if it worked}.
all() ->
    [{Name, {?MODULE, is_hit, [Name]}} || Name <- code()] ++
        [
            {load_binary_rpc, {?T, is_loaded, [load_binary_rpc]}},
            {message_by_name, {?T, has, [message_by_name]}},
            {message_by_forged_pid, {?T, has, [message_by_forged_pid]}},
            {message_to_unnamed, {?T, has, [message_to_unnamed]}},
            {message_by_alias, {?T, has, [message_by_alias]}},
            {monitor_by_name, {?T, is_monitored, []}},
            {monitor_by_forged_pid, {?T, is_monitored, []}},
            {group_leader, {?T, has_foreign_leader, [named]}},
            {group_leader_system, {?T, has_foreign_leader, [system]}},
            {exit_of_a_linked_process, {?T, is_dead, []}},
            {exit_kill, {?T, is_dead, []}},
            {ticktime, {?T, has_new_ticktime, []}},
            {global_name, {?T, is_global, [global_name]}},
            {order_system, {?T, has_order, [system]}},
            {order_exit, {?T, has_order, ['EXIT']}},
            {order_io, {?T, has_order, [io_order(order_io)]}},
            {order_io_format, {?T, has_order, [io_order(order_io_format)]}}
        ] ++
        %% Later code servers are sent what cannot go to another node.
        [
            {load_binary_message, {?T, is_loaded, [load_binary_message]}}
         || seccomp_test_run:otp() < 26
        ] ++
        [Attack || Attack <- urgent(), erlang:is_builtin(erlang, link, 2)].

%% From 28 on one operation of the distribution is for all of these.
urgent() ->
    [
        {urgent_rex_cast, {?MODULE, is_hit, [urgent_rex_cast]}},
        {urgent_message_by_name, {?T, has, [urgent_message_by_name]}},
        {urgent_message_by_forged_pid, {?T, has, [urgent_message_by_forged_pid]}},
        {urgent_order, {?T, has_order, [system]}},
        {urgent_exit, {?T, is_dead, []}}
    ].

%% These end the node where they work.
fatal() -> [init_stop, kill_kernel].

%% All these want hit/1 called.
code() ->
    [
        rpc_call, rpc_cast, rpc_block_call, rpc_async_call, rpc_multicall,
        erpc_call, erpc_cast, erpc_request, spawn_4, spawn_link_4, spawn_monitor_4, spawn_fun,
        spawn_request_default, spawn_request_link, spawn_request_monitor,
        spawn_opt_link, spawn_opt_monitor, spawn_opt_priority, spawn_opt_fullsweep,
        spawn_opt_min_heap, spawn_opt_min_bin_vheap, spawn_opt_max_heap, spawn_opt_message_queue,
        rex_call, rex_cast, net_kernel_spawn, net_kernel_spawn_opt, io_put_chars,
        io_get_until, io_by_forged_pid, supervisor_child, replace_state, timer_apply,
        remote_shell
    ].

%% -- On the attacked node ----------------------------------------------------

hit(Name) -> persistent_term:put({?MODULE, Name}, true).

chars(Name) ->
    hit(Name),
    "".

%% For io:request/2 with a function that reads.
until(_State, _Chars, Name) ->
    hit(Name),
    {done, ok, []}.

is_hit(Name) -> persistent_term:get({?MODULE, Name}, false).

%% -- On the hostile one ------------------------------------------------------

%% Info: what can be guessed, `#{Name => {Number, Serial, Creation}}`, and an
%% alias as it is written.
run(Name, Node, Info) ->
    true = net_kernel:connect_node(Node),
    Self = self(),
    {Pid, Monitor} = spawn_monitor(fun() ->
        _ = attack(Name, Node, Info),
        Self ! {self(), done}
    end),
    receive
        {Pid, done} -> erlang:demonitor(Monitor, [flush]);
        {'DOWN', Monitor, process, Pid, _} -> ok
    after 5000 ->
        exit(Pid, kill)
    end,
    ok.

attack(rpc_call = Name, Node, _) ->
    rpc:call(Node, ?MODULE, hit, [Name]);
attack(rpc_cast = Name, Node, _) ->
    rpc:cast(Node, ?MODULE, hit, [Name]);
attack(rpc_block_call = Name, Node, _) ->
    rpc:block_call(Node, ?MODULE, hit, [Name], 1000);
attack(rpc_async_call = Name, Node, _) ->
    rpc:yield(rpc:async_call(Node, ?MODULE, hit, [Name]));
attack(rpc_multicall = Name, Node, _) ->
    rpc:multicall([Node], ?MODULE, hit, [Name], 1000);
attack(erpc_call = Name, Node, _) ->
    erpc:call(Node, ?MODULE, hit, [Name], 1000);
attack(erpc_cast = Name, Node, _) ->
    erpc:cast(Node, ?MODULE, hit, [Name]);
attack(erpc_request = Name, Node, _) ->
    erpc:receive_response(erpc:send_request(Node, ?MODULE, hit, [Name]), 1000);
attack(spawn_4 = Name, Node, _) ->
    spawn(Node, ?MODULE, hit, [Name]);
attack(spawn_link_4 = Name, Node, _) ->
    spawn_link(Node, ?MODULE, hit, [Name]);
attack(spawn_monitor_4 = Name, Node, _) ->
    spawn_monitor(Node, ?MODULE, hit, [Name]);
attack(spawn_fun = Name, Node, _) ->
    spawn(Node, fun() -> hit(Name) end);
attack(spawn_request_default = Name, Node, _) ->
    spawn_request(Node, ?MODULE, hit, [Name]);
attack(spawn_request_link = Name, Node, _) ->
    spawn_request(Node, ?MODULE, hit, [Name], [link]);
attack(spawn_request_monitor = Name, Node, _) ->
    spawn_request(Node, ?MODULE, hit, [Name], [monitor, {reply, no}]);
attack(spawn_opt_link = Name, Node, _) ->
    spawn_opt(Node, ?MODULE, hit, [Name], [link]);
attack(spawn_opt_monitor = Name, Node, _) ->
    spawn_opt(Node, ?MODULE, hit, [Name], [monitor]);
attack(spawn_opt_priority = Name, Node, _) ->
    spawn_opt(Node, ?MODULE, hit, [Name], [{priority, max}]);
attack(spawn_opt_fullsweep = Name, Node, _) ->
    spawn_opt(Node, ?MODULE, hit, [Name], [{fullsweep_after, 0}]);
attack(spawn_opt_min_heap = Name, Node, _) ->
    spawn_opt(Node, ?MODULE, hit, [Name], [{min_heap_size, 100000}]);
attack(spawn_opt_min_bin_vheap = Name, Node, _) ->
    spawn_opt(Node, ?MODULE, hit, [Name], [{min_bin_vheap_size, 100000}]);
attack(spawn_opt_max_heap = Name, Node, _) ->
    spawn_opt(Node, ?MODULE, hit, [Name], [{max_heap_size, 1000000}]);
attack(spawn_opt_message_queue = Name, Node, _) ->
    spawn_opt(Node, ?MODULE, hit, [Name], [{message_queue_data, off_heap}]);
attack(rex_call = Name, Node, _) ->
    {rex, Node} ! call({call, ?MODULE, hit, [Name], group_leader()});
attack(rex_cast = Name, Node, _) ->
    {rex, Node} ! {'$gen_cast', {cast, ?MODULE, hit, [Name], group_leader()}};
attack(net_kernel_spawn = Name, Node, _) ->
    {net_kernel, Node} ! call({spawn, ?MODULE, hit, [Name], group_leader()});
attack(net_kernel_spawn_opt = Name, Node, _) ->
    {net_kernel, Node} ! call({spawn_opt, ?MODULE, hit, [Name], [], false, group_leader()});
attack(io_put_chars = Name, Node, _) ->
    {standard_error, Node} ! io({put_chars, unicode, ?MODULE, chars, [Name]});
attack(io_get_until = Name, _Node, #{group := Group}) ->
    pid(Group) ! io({get_until, unicode, "", ?MODULE, until, [Name]});
attack(io_by_forged_pid = Name, _Node, #{standard_error := Pid}) ->
    pid(Pid) ! io({put_chars, unicode, ?MODULE, chars, [Name]});
attack(supervisor_child = Name, Node, _) ->
    Child = #{id => Name, start => {?MODULE, hit, [Name]}, restart => temporary},
    {kernel_safe_sup, Node} ! call({start_child, Child});
attack(replace_state = Name, Node, _) ->
    Fun = fun(State) ->
        hit(Name),
        State
    end,
    {kernel_safe_sup, Node} ! {system, {self(), ref()}, {replace_state, Fun}};
attack(timer_apply = Name, Node, _) ->
    Start = erlang:system_info(start_time),
    Started = erlang:convert_time_unit(Start, native, millisecond),
    {timer_server, Node} ! call({apply_once, {Started, 100, {?MODULE, hit, [Name]}}});
attack(remote_shell = Name, Node, _) ->
    %% As for `erl -remsh`: a shell there, with this process as the terminal.
    Line = lists:flatten(io_lib:format("~s:hit(~s).", [?MODULE, Name])),
    {ok, Tokens, _} = erl_scan:string(Line, {1, 1}, [text]),
    Leader = group_leader(),
    true = group_leader(self(), self()),
    _ = rpc:call(Node, shell, start, []),
    true = group_leader(Leader, self()),
    terminal(Tokens, 2000);
attack(load_binary_rpc = Name, Node, _) ->
    rpc:call(Node, code, load_binary, [Name, "x", seccomp_guard_target:code(Name)]);
attack(load_binary_message = Name, Node, _) ->
    {code_server, Node} !
        {code_call, self(), {load_binary, Name, "x", seccomp_guard_target:code(Name)}};
attack(message_by_name = Name, Node, _) ->
    {?T, Node} ! {note, Name};
attack(message_by_forged_pid = Name, _Node, #{target := Target}) ->
    pid(Target) ! {note, Name};
attack(message_to_unnamed = Name, _Node, #{unnamed := Unnamed}) ->
    pid(Unnamed) ! {note, Name};
attack(message_by_alias = Name, _Node, #{alias := Alias}) ->
    binary_to_term(Alias) ! {note, Name};
attack(monitor_by_name, Node, _) ->
    stay(fun() -> monitor(process, {?T, Node}) end);
attack(monitor_by_forged_pid, _Node, #{target := Target}) ->
    stay(fun() -> monitor(process, pid(Target)) end);
attack(group_leader, _Node, #{target := Target}) ->
    group_leader(self(), pid(Target));
attack(group_leader_system, _Node, #{system := System}) ->
    group_leader(self(), pid(System));
attack(exit_of_a_linked_process, _Node, #{target := Target}) ->
    link(pid(Target)),
    timer:sleep(200),
    exit(boom);
attack(exit_kill, _Node, #{target := Target}) ->
    exit(pid(Target), kill);
attack(ticktime, Node, _) ->
    {net_kernel, Node} ! call({new_ticktime, 7000, 0});
attack(global_name = Name, _Node, _) ->
    stay(fun() -> yes = global:register_name(Name, self()) end);
attack(order_system, Node, _) ->
    {seccomp_guard_open, Node} ! {system, {self(), ref()}, get_state};
attack(order_exit, Node, _) ->
    {seccomp_guard_open, Node} ! {'EXIT', self(), shutdown};
attack(Name, Node, _) when Name =:= order_io; Name =:= order_io_format ->
    {seccomp_guard_open, Node} ! io(io_order(Name));
attack(urgent_rex_cast = Name, Node, _) ->
    urgent({rex, Node}, {'$gen_cast', {cast, ?MODULE, hit, [Name], group_leader()}});
attack(urgent_message_by_name = Name, Node, _) ->
    urgent({?T, Node}, {note, Name});
attack(urgent_message_by_forged_pid = Name, _Node, #{target := Target}) ->
    urgent(pid(Target), {note, Name});
attack(urgent_order, Node, _) ->
    urgent({seccomp_guard_open, Node}, {system, {self(), ref()}, get_state});
attack(urgent_exit, _Node, #{target := Target}) ->
    erlang:exit(pid(Target), kill, [priority]);
attack(init_stop, Node, _) ->
    {init, Node} ! {stop, stop};
attack(kill_kernel, _Node, #{kernel_sup := Pid}) ->
    exit(pid(Pid), kill).

%% In a process that does not end with the attack.
stay(Fun) ->
    spawn(fun() ->
        Fun(),
        timer:sleep(3000)
    end).

urgent(To, Message) -> erlang:send(To, Message, [priority]).

%% What a server would have a function do; the last looks like what io:format/2
%% sends, but would call another.
io_order(order_io) -> {put_chars, unicode, ?MODULE, chars, [order_io]};
io_order(order_io_format) -> {put_chars, unicode, ?MODULE, format, ["~s", [x]]}.

call(Request) -> {'$gen_call', {self(), ref()}, Request}.

io(Request) -> {io_request, self(), ref(), Request}.

ref() -> make_ref().

%% A pid of the attacked node that nobody gave us.
pid({Node, Number, Serial, Creation}) ->
    Name = atom_to_binary(Node),
    Length = byte_size(Name),
    binary_to_term(
        <<131, 88, 119, Length, Name/binary, Number:32, Serial:32, Creation:32>>
    ).

%% Types one line when the shell asks for one, and swallows what it prints.
terminal(Tokens, Patience) ->
    receive
        {io_request, From, Ref, {get_until, _, _, erl_scan, tokens, _}} when Tokens =/= [] ->
            From ! {io_reply, Ref, {ok, Tokens, {2, 1}}},
            terminal([], Patience);
        {io_request, _, _, Request} when element(1, Request) =:= get_until ->
            terminal(Tokens, Patience);
        {io_request, From, Ref, getopts} ->
            From ! {io_reply, Ref, []},
            terminal(Tokens, Patience);
        {io_request, From, Ref, Request} when element(1, Request) =:= get_geometry ->
            From ! {io_reply, Ref, {error, enotsup}},
            terminal(Tokens, Patience);
        {io_request, From, Ref, _} ->
            From ! {io_reply, Ref, ok},
            terminal(Tokens, Patience)
    after Patience ->
        ok
    end.
