%% SPDX-License-Identifier: Apache-2.0
%%
%% Whom a restricted process may send to: every way to make a signal reach a
%% process, one that the rule allows and one that it does not.
-module(seccomp_send_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    default_targets/1,
    denied_everywhere/1,
    nothing_arrives/1,
    blacklists_send_to_anybody/1,
    none_sends_to_nobody/1,
    names/1,
    names_are_not_taken/1,
    ports/1,
    timers_to_names/1,
    kill_and_log/1,
    sentence_tells_the_target/1,
    meets/1,
    whatever_is_dead/1,
    info_and_explain/1,
    wrong_rules/1
]).

-define(RUN, seccomp_test_run).

suite() -> [{timetrap, {seconds, 60}}].

all() ->
    [
        default_targets,
        denied_everywhere,
        nothing_arrives,
        blacklists_send_to_anybody,
        none_sends_to_nobody,
        names,
        names_are_not_taken,
        ports,
        timers_to_names,
        kill_and_log,
        sentence_tells_the_target,
        meets,
        whatever_is_dead,
        info_and_explain,
        wrong_rules
    ].

init_per_suite(Config) ->
    ok = ?RUN:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

%% All functions are allowed here, so that a denial is that of the rule.
policy(Send) -> policy(Send, #{}).

policy(Send, Opts) ->
    {ok, Policy} = seccomp:compile(Opts#{
        mode => whitelist, rules => [{'_', '_', '_'}], send => Send
    }),
    Policy.

default() -> [self, parent, children, replies].

%% {value, V}, or {Class, Reason, Stack}.
in(Policy, Fun) ->
    Body = fun() ->
        exit(
            {?MODULE,
                try
                    {value, Fun()}
                catch
                    Class:Reason:Stack -> {Class, Reason, Stack}
                end}
        )
    end,
    {Pid, Ref} = seccomp:spawn_monitor(Policy, Body),
    receive
        {'DOWN', Ref, process, Pid, {?MODULE, Outcome}} -> {Pid, Outcome};
        {'DOWN', Ref, process, Pid, Reason} -> {Pid, {died, Reason}}
    end.

%% A trusted process that keeps what it gets.
bystander() ->
    spawn_link(fun() ->
        process_flag(trap_exit, true),
        listen([])
    end).

listen(Seen) ->
    receive
        {seen, From} ->
            From ! {seen, self(), lists:reverse(Seen)},
            listen(Seen);
        Message ->
            listen([Message | Seen])
    end.

seen(Pid) ->
    Pid ! {seen, self()},
    receive
        {seen, Pid, Seen} -> Seen
    end.

%% {The function that a denial names, how to signal}.
ways() ->
    [
        {{erlang, send, 2}, fun(P) -> P ! hello end},
        {{erlang, send, 2}, fun(P) -> apply(erlang, send, id([P, hello])) end},
        {{erlang, '!', 2}, fun(P) -> apply(fun erlang:'!'/2, id([P, hello])) end},
        {{erlang, send, 3}, fun(P) -> erlang:send(P, hello, []) end},
        {{erlang, send, 3}, fun(P) -> erlang:send(P, hello, [nosuspend, noconnect]) end},
        {{erlang, send, 3}, fun(P) -> erlang:send_nosuspend(P, hello) end},
        {{erlang, send_after, 3}, fun(P) -> erlang:send_after(0, P, hello) end},
        {{erlang, send_after, 4}, fun(P) -> erlang:send_after(0, P, hello, []) end},
        {{erlang, start_timer, 3}, fun(P) -> erlang:start_timer(0, P, hello) end},
        {{erlang, start_timer, 4}, fun(P) -> erlang:start_timer(0, P, hello, []) end},
        {{erlang, exit, 2}, fun(P) -> exit(P, hello) end},
        {{erlang, exit_signal, 2}, fun(P) -> erlang:exit_signal(P, hello) end},
        {{erlang, link, 1}, fun(P) -> link(P) end},
        {{erlang, register, 2}, fun(P) -> register(?MODULE, P) end},
        {{ets, give_away, 3}, fun(P) -> ets:give_away(ets:new(t, []), P, hello) end},
        {{ets, new, 2}, fun(P) -> ets:new(t, [{heir, P, hello}]) end},
        {{ets, setopts, 2}, fun(P) -> ets:setopts(ets:new(t, []), {heir, P, hello}) end},
        {{ets, setopts, 2}, fun(P) -> ets:setopts(ets:new(t, []), [{heir, P, hello}]) end},
        {{erts_internal, group_leader, 2}, fun(P) -> group_leader(P, self()) end},
        {{erts_internal, group_leader, 2}, fun(P) -> group_leader(self(), P) end},
        {{erts_internal, group_leader, 3}, fun(P) ->
            erts_internal:group_leader(P, self(), make_ref())
        end},
        {{erts_internal, group_leader, 3}, fun(P) ->
            erts_internal:group_leader(self(), P, make_ref())
        end}
    ] ++ [Way || Way <- later_ways(), erlang:is_builtin(erlang, link, 2)].

%% From 28 on, with and without priority.
later_ways() ->
    [
        {{erlang, send, 3}, fun(P) -> erlang:send(P, hello, [priority]) end},
        {{erlang, exit, 3}, fun(P) -> erlang:exit(P, hello, []) end},
        {{erlang, exit, 3}, fun(P) -> erlang:exit(P, hello, [priority]) end},
        {{erlang, exit_signal, 3}, fun(P) -> erlang:exit_signal(P, hello, [priority]) end},
        {{erlang, link, 2}, fun(P) -> erlang:link(P, [priority]) end}
    ].

%% Keeps the compiler from making the operator of it.
id(Args) -> binary_to_term(term_to_binary(Args)).

default_targets(_Config) ->
    Host = self(),
    Policy = policy(default()),
    ?assertMatch({_, {value, _}}, in(Policy, fun() -> self() ! hello end)),
    ?assertMatch({_, {value, _}}, in(Policy, fun() -> Host ! hello end)),
    receive
        hello -> ok
    end,
    Answer = fun() ->
        Self = self(),
        Child = spawn(fun() -> receive M -> Self ! {child, M} end end),
        Child ! hello,
        receive
            {child, Got} -> Got
        end
    end,
    ?assertMatch({_, {value, hello}}, in(Policy, Answer)).

denied_everywhere(_Config) ->
    Policy = policy(default()),
    P = bystander(),
    [
        begin
            {Pid, Outcome} = in(Policy, fun() -> Way(P) end),
            ?assertMatch({Mfa, {error, {seccomp, Mfa}, _}}, {Mfa, Outcome}),
            {error, _, [{M, F, Args, Info} | _]} = Outcome,
            %% send_nosuspend/2 puts itself there.
            Told = #{module => seccomp_error, send => P},
            F =/= send_nosuspend andalso
                begin
                    ?assertEqual(Mfa, {M, F, length(Args)}),
                    ?assertEqual(Told, proplists:get_value(error_info, Info))
                end,
            #{ring := Ring} = seccomp:violations(Pid),
            ?assertMatch([#{mfa := Mfa, target := P}], Ring)
        end
     || {Mfa, Way} <- ways()
    ],
    %% The same, allowed by pid: but for the group leader of another process.
    Allowed = policy([P | default()]),
    [
        ?assertMatch({Mfa, {_, {value, _}}}, {Mfa, in(Allowed, fun() -> Way(P) end)})
     || {{_, F, _} = Mfa, Way} <- ways(), F =/= group_leader, F =/= register
    ].

nothing_arrives(_Config) ->
    Policy = policy(default()),
    P = bystander(),
    _ = [in(Policy, fun() -> Way(P) end) || {_, Way} <- ways()],
    timer:sleep(20),
    ?assertEqual([], seen(P)),
    ?assertEqual({group_leader, group_leader()}, process_info(P, group_leader)).

blacklists_send_to_anybody(_Config) ->
    P = bystander(),
    {ok, Policy} = seccomp:compile(#{mode => blacklist, rules => [os]}),
    ?assertMatch({_, {value, hello}}, in(Policy, fun() -> P ! hello end)),
    ?assertEqual([hello], seen(P)),
    {ok, Bounded} = seccomp:compile(#{mode => blacklist, rules => [os], send => [self]}),
    ?assertMatch({_, {error, {seccomp, _}, _}}, in(Bounded, fun() -> P ! hello end)).

none_sends_to_nobody(_Config) ->
    Policy = policy(none),
    ?assertMatch({_, {error, {seccomp, {erlang, send, 2}}, _}}, in(Policy, fun() -> self() ! x end)).

names(_Config) ->
    P = bystander(),
    true = register(seccomp_send_name, P),
    Policy = policy([seccomp_send_name]),
    ?assertMatch({_, {value, _}}, in(Policy, fun() -> seccomp_send_name ! a end)),
    ?assertMatch({_, {value, _}}, in(Policy, fun() -> {seccomp_send_name, node()} ! b end)),
    %% gen_server and others look the name up and send to the pid.
    ?assertMatch({_, {value, _}}, in(Policy, fun() -> P ! c end)),
    ?assertEqual([a, b, c], seen(P)),
    ?assertMatch({_, {error, {seccomp, _}, _}}, in(Policy, fun() -> init ! a end)),
    ?assertMatch({_, {error, {seccomp, _}, _}}, in(Policy, fun() -> {init, node()} ! a end)),
    ?assertMatch({_, {error, {seccomp, _}, _}}, in(Policy, fun() -> {x, 'a@b'} ! a end)),
    Remote = policy([{x, 'a@b'}]),
    ?assertMatch({_, {value, a}}, in(Remote, fun() -> {x, 'a@b'} ! a end)),
    ?assertMatch({_, {error, {seccomp, _}, _}}, in(Remote, fun() -> {y, 'a@b'} ! a end)),
    %% A process with a name that is a word.
    true = unregister(seccomp_send_name),
    true = register(self, P),
    Escaped = policy([{name, self}]),
    ?assertMatch({_, {value, _}}, in(Escaped, fun() -> self ! d end)),
    ?assertMatch({_, {error, _, _}}, in(Escaped, fun() -> self() ! d end)),
    true = unregister(self).

%% An allowed name opens nothing when the process gives it away.
names_are_not_taken(_Config) ->
    P = bystander(),
    Policy = policy([seccomp_send_free, self]),
    Take = fun() ->
        true = register(seccomp_send_free, P),
        seccomp_send_free ! gotcha
    end,
    ?assertMatch({_, {error, {seccomp, {erlang, register, 2}}, _}}, in(Policy, Take)),
    ?assertEqual([], seen(P)),
    Own = fun() ->
        true = register(seccomp_send_free, self()),
        seccomp_send_free ! ok
    end,
    ?assertMatch({_, {value, ok}}, in(Policy, Own)).

ports(_Config) ->
    P = bystander(),
    Other = open_port({spawn, "cat"}, [binary]),
    Policy = policy(default()),
    Denied = [
        {{erlang, send, 2}, fun() -> Other ! {self(), {command, <<"x">>}} end},
        {{erts_internal, port_command, 3}, fun() -> port_command(Other, <<"x">>) end},
        {{erts_internal, port_control, 3}, fun() -> port_control(Other, 1, <<>>) end},
        {{erts_internal, port_call, 3}, fun() -> erlang:port_call(Other, 1, x) end},
        {{erts_internal, port_close, 1}, fun() -> port_close(Other) end},
        {{erts_internal, port_connect, 2}, fun() -> port_connect(Other, self()) end},
        {{erts_internal, port_connect, 2}, fun() -> port_connect(own_port(), P) end},
        {{erlang, send, 2}, fun() -> own_port() ! {self(), {connect, P}} end},
        {{erlang, exit, 2}, fun() -> exit(Other, hello) end}
    ],
    [?assertMatch({M, {_, {error, {seccomp, M}, _}}}, {M, in(Policy, F)}) || {M, F} <- Denied],
    Own = fun() ->
        Port = own_port(),
        true = port_command(Port, <<"x">>),
        receive
            {Port, {data, Data}} -> Data
        end
    end,
    ?assertMatch({_, {value, <<"x">>}}, in(Policy, Own)),
    ?assertEqual([], seen(P)).

own_port() -> open_port({spawn, "cat"}, [binary]).

%% The name is looked up when the timer fires, whoever has it then.
timers_to_names(_Config) ->
    Later = fun() ->
        true = register(seccomp_send_later, self()),
        erlang:send_after(0, seccomp_send_later, x)
    end,
    ?assertMatch({_, {error, {seccomp, _}, _}}, in(policy([self]), Later)),
    ?assertMatch({_, {value, _}}, in(policy([self, seccomp_send_later]), Later)).

kill_and_log(_Config) ->
    P = bystander(),
    Send = fun() -> catch P ! hello end,
    Kill = policy([], #{on_deny => kill}),
    ?assertMatch({_, {died, {seccomp, {erlang, send, 2}}}}, in(Kill, Send)),
    ?assertEqual([], seen(P)),
    {Pid, Outcome} = in(policy([], #{on_deny => log}), Send),
    ?assertEqual({value, hello}, Outcome),
    ?assertEqual([hello], seen(P)),
    #{ring := Ring} = seccomp:violations(Pid),
    ?assertMatch([#{action := log, target := P, mfa := {erlang, send, 2}}], Ring).

sentence_tells_the_target(_Config) ->
    {_, {error, Reason, Stack}} = in(policy([]), fun() -> init ! hello end),
    #{general := Text} = seccomp:format_error(Reason, Stack),
    ?assertEqual(
        <<"erlang:send/2 to init is not allowed by this process's rule for sending">>, Text
    ).

%% Exact, although it depends on the process what a word means.
meets(_Config) ->
    P = bystander(),
    Q = bystander(),
    Two = fun(Rules, Fun) ->
        in(policy([P, Q, self]), fun() ->
            ok = seccomp:restrict(self(), whitelist, [{'_', '_', '_'}], #{send => Rules}),
            Fun()
        end)
    end,
    ?assertMatch({_, {value, x}}, Two([P], fun() -> P ! x end)),
    ?assertMatch({_, {value, x}}, Two(any, fun() -> Q ! x end)),
    ?assertMatch({_, {error, {seccomp, _}, _}}, Two([P], fun() -> Q ! x end)),
    ?assertMatch({_, {error, {seccomp, _}, _}}, Two([parent], fun() -> P ! x end)),
    Me = self(),
    {_, {value, x}} = in(policy([Me]), fun() ->
        ok = seccomp:restrict(self(), whitelist, [{'_', '_', '_'}], #{send => [parent]}),
        Me ! x
    end).

whatever_is_dead(_Config) ->
    {Dead, Ref} = spawn_monitor(fun() -> ok end),
    receive
        {'DOWN', Ref, process, _, _} -> ok
    end,
    ?assertMatch({_, {value, x}}, in(policy([]), fun() -> Dead ! x end)).

info_and_explain(_Config) ->
    Pid = seccomp:spawn(policy([self, kv]), fun() -> timer:sleep(infinity) end),
    ?RUN:eventually(fun() -> seccomp:info(Pid) =/= trusted end),
    ?assertMatch(#{send := [self, kv]}, seccomp:info(Pid)),
    exit(Pid, kill),
    Text = iolist_to_binary(seccomp:explain(policy([self, kv]), {erlang, send, 2})),
    ?assertMatch({_, _}, binary:match(Text, <<"Whom it may send to: self, kv.">>)),
    ?assertMatch({_, _}, binary:match(seccomp:dump(policy(none)), <<"send none">>)).

wrong_rules(_Config) ->
    Compile = fun(Send) ->
        seccomp:compile(#{mode => whitelist, rules => [lists], send => Send})
    end,
    ?assertMatch({error, {bad_option, #{option := send}}}, Compile(self)),
    ?assertMatch({error, {bad_target, #{position := 2}}}, Compile([self, any])),
    ?assertMatch({error, {bad_target, #{position := 1}}}, Compile(["x"])),
    ?assertMatch({error, {bad_target, #{position := 1}}}, Compile([{kv, nowhere}])),
    ?assertMatch({error, {bad_target, #{position := 2}}}, Compile([kv, kv])),
    ?assertMatch({error, {bad_option, _}}, Compile([kv | kv])),
    ?assertMatch({error, {bad_option, _}}, Compile(lists:seq(1, 300))),
    {error, Reason} = Compile([self, any]),
    ?assertEqual(
        "target 2 of send: any stands alone, not in a list; "
        "a process registered as any is {name, any}",
        lists:flatten(io_lib:format("~ts", [seccomp:format_error(Reason)]))
    ),
    Map = #{mode => whitelist, rules => [lists], send => [self()]},
    ?assertMatch({error, {bad_json, _}}, seccomp:to_json(Map)).
