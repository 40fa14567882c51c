%% SPDX-License-Identifier: Apache-2.0
%%
%% What NIFs send in the name of a restricted process: the rule for sending holds
%% for it, and it carries the origin.
-module(seccomp_nif_send_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    rule_holds/1,
    rule_without_names/1,
    verdicts/1,
    ports/1,
    carries_the_origin/1,
    leaves_tracing_alone/1
]).

-define(N, seccomp_test_nif).
-define(RUN, seccomp_test_run).

suite() -> [{timetrap, {seconds, 60}}].

all() ->
    [
        rule_holds,
        rule_without_names,
        verdicts,
        ports,
        carries_the_origin,
        leaves_tracing_alone
    ].

init_per_suite(Config) ->
    ok = ?RUN:must_enforce(),
    Source = filename:join(proplists:get_value(data_dir, Config), "seccomp_test_nif.c"),
    Folder = proplists:get_value(priv_dir, Config),
    Library = filename:join(Folder, "seccomp_test_nif.so"),
    Include = filename:join([code:root_dir(), "usr", "include"]),
    Compile = [os:getenv("CC", "cc"), " -fPIC -shared -I'", Include, "' -o '", Library, "' '"],
    Command = lists:append(Compile ++ [Source, "' 2>&1"]),
    Said = os:cmd(Command),
    filelib:is_regular(Library) orelse ct:fail({not_compiled, Command, Said}),
    ok = ?N:load(Folder),
    Config.

end_per_suite(_Config) -> ok.

%% All functions are allowed here: what is denied, the rule denies.
policy(Send) -> policy(Send, #{}).

policy(Send, Opts) -> ?RUN:policy(whitelist, [{'_', '_', '_'}], Opts#{send => Send}).

sends() ->
    [
        {moved, fun ?N:send_moved/2},
        {copied, fun ?N:send_copied/2},
        {moved_dirty, fun ?N:send_moved_dirty/2},
        {copied_dirty, fun ?N:send_copied_dirty/2}
    ].

%% A trusted process that hands on what it gets, and is nobody's parent.
bystander() ->
    Me = self(),
    spawn_link(fun() -> relay(Me) end).

relay(To) ->
    receive
        Message -> To ! {got, Message}
    end,
    relay(To).

%% What the bystander has got so far. Its own messages come in order.
got(Bystander) ->
    Ref = make_ref(),
    Bystander ! Ref,
    got_until(Ref, []).

got_until(Ref, Seen) ->
    receive
        {got, Ref} ->
            ok = seccomp:forget_origin(),
            lists:reverse(Seen);
        {got, Message} ->
            got_until(Ref, [Message | Seen])
    end.

%% The pid is that of the process that sent, for violations/1.
in(Policy, Fun) ->
    {value, {Pid, Value}} = ?RUN:in(Policy, fun() -> {self(), Fun()} end),
    {Pid, Value}.

rule_holds(_Config) ->
    P = bystander(),
    Message = {hello, ["of some", <<"size">>]},
    [
        begin
            ?assertEqual({Name, true}, {Name, Send(P, Message)}),
            {_, Allowed} = in(policy([P]), fun() -> Send(P, Message) end),
            ?assertEqual({Name, true}, {Name, Allowed}),
            ?assertEqual({Name, [Message, Message]}, {Name, got(P)}),
            {Pid, Denied} = in(policy([self, parent, children, replies]), fun() ->
                true = Send(self(), x),
                Child = spawn(fun() -> timer:sleep(infinity) end),
                true = Send(Child, x),
                exit(Child, kill),
                Send(P, Message)
            end),
            ?assertEqual({Name, false}, {Name, Denied}),
            ?assertEqual({Name, []}, {Name, got(P)}),
            #{ring := Ring} = seccomp:violations(Pid),
            ?assertMatch([#{mfa := {erlang, send, 2}, target := P, action := raise}], Ring)
        end
     || {Name, Send} <- sends()
    ].

%% A dirty scheduler cannot look at names and monitors; what they would allow is
%% denied on all.
rule_without_names(_Config) ->
    P = bystander(),
    true = register(?MODULE, P),
    [
        ?assertMatch({Name, {_, false}}, {Name, in(policy([?MODULE]), fun() -> Send(P, x) end)})
     || {Name, Send} <- sends()
    ],
    ?assertEqual([], got(P)),
    true = unregister(?MODULE).

verdicts(_Config) ->
    P = bystander(),
    [
        begin
            {_, Killed} = in(policy([], #{on_deny => kill}), fun() -> Send(P, x) end),
            ?assertEqual({Name, false}, {Name, Killed}),
            {Pid, Logged} = in(policy([], #{on_deny => log}), fun() -> Send(P, Name) end),
            ?assertEqual({Name, true}, {Name, Logged}),
            ?assertEqual([Name], got(P)),
            #{ring := Ring} = seccomp:violations(Pid),
            ?assertMatch([#{action := log, target := P}], Ring)
        end
     || {Name, Send} <- sends()
    ].

ports(_Config) ->
    Me = self(),
    [
        begin
            Other = open_port({spawn, "cat"}, [binary]),
            true = Command(Other, <<"1">>),
            receive
                {Other, {data, <<"1">>}} -> ok
            end,
            {_, Result} = in(policy([children]), fun() ->
                Own = open_port({spawn, "cat"}, [binary]),
                true = Command(Own, <<"x">>),
                receive
                    {Own, {data, Data}} -> {Data, Command(Other, <<"2">>)}
                end
            end),
            ?assertEqual({Name, {<<"x">>, false}}, {Name, Result}),
            %% Had it been written, it would be there before this.
            Other ! {Me, {command, <<"3">>}},
            receive
                {Other, {data, Later}} -> ?assertEqual({Name, <<"3">>}, {Name, Later})
            end,
            true = port_close(Other)
        end
     || {Name, Command} <- [{command, fun ?N:command/2}, {dirty, fun ?N:command_dirty/2}]
    ].

carries_the_origin(_Config) ->
    {P, Q} = seccomp_test_origin:policies(),
    Deputy = spawn_link(fun seccomp_test_origin:loop/0),
    [
        begin
            Way = fun(F) -> true = Send(Deputy, {run, fun() -> spawn(F) end}) end,
            ?assertEqual(
                {Name, seccomp_test_origin:hash(Client)},
                {Name, seccomp_test_origin:child(Client, Way)}
            )
        end
     || {Name, Send} <- sends(), Client <- [P, trusted, Q, trusted]
    ].

%% A message that is copied takes no token of seq_trace along, on stock neither.
leaves_tracing_alone(_Config) ->
    {P, _} = seccomp_test_origin:policies(),
    Me = self(),
    [
        begin
            Ref = make_ref(),
            Server = spawn_link(fun() ->
                seq_trace:set_token(label, mine),
                Me ! {Ref, ready},
                receive
                    tell -> Me ! {Ref, seq_trace:get_token(label)}
                end
            end),
            ready = seccomp_test_origin:answer(Ref),
            ok = seccomp_test_origin:as(Client, fun() ->
                seq_trace:set_token(label, its),
                true = Send(Server, tell)
            end),
            ?assertEqual({Name, {label, Label}}, {Name, seccomp_test_origin:answer(Ref)}),
            _ = seq_trace:set_token([])
        end
     || {Name, Send, Label} <- [
            {moved, fun ?N:send_moved/2, its},
            {copied, fun ?N:send_copied/2, mine}
        ],
        Client <- [trusted, P]
    ].
