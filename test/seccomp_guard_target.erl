%% SPDX-License-Identifier: Apache-2.0
%%
%% The node that is attacked: a process to do things to, what shows that they
%% were done, and whether the node still does its work.
-module(seccomp_guard_target).

-export([prepare/0, guess/1, services/0, code/1]).
-export([is_loaded/1, has/1, is_monitored/0, has_foreign_leader/0, is_dead/0]).
-export([has_new_ticktime/0, is_global/1, has_order/1]).
-export([give/1, ask_open/2, ask_open_at_length/2, worker_of_open/0, hammer/1]).

%% Two processes that write down what they get, one with a name; and a server
%% with a name that starts a process for whoever asks.
prepare() ->
    _ = timer:apply_after(1, erlang, self, []),
    persistent_term:put({?MODULE, named}, rename(?MODULE, with_alias())),
    persistent_term:put({?MODULE, unnamed}, keeper()),
    persistent_term:put({?MODULE, group}, reader()),
    _ = rename(seccomp_guard_open, keep(fun open/0)),
    ok.

rename(Name, Pid) ->
    _ = (catch unregister(Name)),
    true = register(Name, Pid),
    Pid.

%% An io server that has something to read: what a shell or a file is.
reader() ->
    Self = self(),
    Owner = keep(fun() ->
        {ok, Pid} = file:open(code:which(?MODULE), [read]),
        Self ! {self(), Pid},
        timer:sleep(infinity)
    end),
    receive
        {Owner, Pid} -> Pid
    end.

keeper() -> keep(fun() -> keep_notes([]) end).

with_alias() ->
    Self = self(),
    Pid = keep(fun() ->
        Self ! {self(), alias()},
        keep_notes([])
    end),
    receive
        {Pid, Alias} -> persistent_term:put({?MODULE, alias}, term_to_binary(Alias))
    end,
    Pid.

keep(Fun) ->
    Leader = whereis(init),
    spawn(fun() ->
        true = group_leader(Leader, self()),
        Fun()
    end).

keep_notes(Notes) ->
    receive
        {note, Note} -> keep_notes([Note | Notes]);
        {notes, From} when node(From) =:= node() ->
            From ! {notes, Notes},
            keep_notes(Notes)
    end.

open() ->
    receive
        {start, From, Ref} ->
            {_, Monitor} = spawn_monitor(fun() -> seccomp_guard_attacks:hit(open) end),
            receive
                {'DOWN', Monitor, process, _, normal} ->
                    persistent_term:put({?MODULE, worker}, {did, open});
                {'DOWN', Monitor, process, _, {Reason, _Stack}} ->
                    persistent_term:put({?MODULE, worker}, {refused, Reason})
            end,
            From ! {Ref, started},
            open();
        {echo, From, Ref} ->
            From ! {Ref, echo},
            open();
        Order when element(1, Order) =:= system; element(1, Order) =:= 'EXIT' ->
            persistent_term:put({?MODULE, element(1, Order)}, true),
            open();
        {io_request, _, _, Request} ->
            persistent_term:put({?MODULE, Request}, true),
            open()
    end.

%% An order that a server obeys, or an io request that it carries out, has come.
has_order(What) -> persistent_term:get({?MODULE, What}, false).

ask_open(Node, What) -> ask_open(Node, What, make_ref()).

%% A message that is sent in fragments, with what decoding one can meet.
ask_open_at_length(Node, What) ->
    Long = binary:copy(<<"long">>, 500000),
    ask_open(Node, What, {make_ref(), Long, self(), lists:seq(1, 50000), 1.5, #{a => Long}}).

ask_open(Node, What, Ref) ->
    {seccomp_guard_open, Node} ! {What, self(), Ref},
    receive
        {Ref, Answer} -> Answer
    after 5000 -> no_answer
    end.

worker_of_open() -> persistent_term:get({?MODULE, worker}, none).

%% Tries again and again, whether the node is there or not.
hammer(Node) ->
    spawn(fun() -> swing(Node) end).

swing(Node) ->
    _ = (catch spawn(Node, seccomp_guard_attacks, hit, [hammer])),
    _ = {rex, Node} ! {'$gen_cast', {cast, seccomp_guard_attacks, hit, [hammer], self()}},
    timer:sleep(5),
    swing(Node).

%% Writes the pid of the process without a name to somebody on another node.
give(To) ->
    To ! {given, persistent_term:get({?MODULE, unnamed})},
    ok.

%% What an attacker could find out or try: as numbers, because a pid that this
%% node writes would be one that it gave away.
guess(Node) ->
    Pids = #{
        target => persistent_term:get({?MODULE, named}),
        unnamed => persistent_term:get({?MODULE, unnamed}),
        standard_error => whereis(standard_error),
        group => persistent_term:get({?MODULE, group}),
        kernel_sup => whereis(kernel_sup)
    },
    Guess = maps:map(fun(_, Pid) -> numbers(Node, Pid) end, Pids),
    Guess#{alias => persistent_term:get({?MODULE, alias})}.

numbers(Node, Pid) ->
    [_, Number, Serial] = string:tokens(pid_to_list(Pid), "<>."),
    {Node, list_to_integer(Number), list_to_integer(Serial), erlang:system_info(creation)}.

code(Module) ->
    Forms = [{attribute, 1, module, Module}],
    {ok, Module, Binary} = compile:forms(Forms),
    Binary.

%% -- What an attack changed --------------------------------------------------

is_loaded(Module) -> code:is_loaded(Module) =/= false.

has(Note) ->
    lists:any(
        fun(Which) ->
            Pid = persistent_term:get({?MODULE, Which}),
            Pid ! {notes, self()},
            receive
                {notes, Notes} -> lists:member(Note, Notes)
            after 1000 -> false
            end
        end,
        [named, unnamed]
    ).

is_monitored() ->
    {monitored_by, By} = process_info(persistent_term:get({?MODULE, named}), monitored_by),
    [] =/= [Pid || Pid <- By, is_pid(Pid), node(Pid) =/= node()].

has_foreign_leader() ->
    {group_leader, Leader} =
        process_info(persistent_term:get({?MODULE, named}), group_leader),
    node(Leader) =/= node().

is_dead() -> not is_process_alive(persistent_term:get({?MODULE, named})).

has_new_ticktime() ->
    case net_kernel:get_net_ticktime() of
        60 -> false;
        _ -> true
    end.

is_global(Name) -> global:whereis_name(Name) =/= undefined.

%% -- The node's own work -----------------------------------------------------

%% Fails if something does not work; two answers are the same while no process
%% of the node was replaced.
services() ->
    {ok, _} = file:read_file_info(code:which(?MODULE)),
    {module, _} = code:ensure_loaded(lists),
    ok = io:format(user, "", []),
    {ok, _} = application:get_key(kernel, vsn),
    pong = net_adm:ping(node()),
    2 = rpc:call(node(), erlang, '+', [1, 1]),
    {ok, _} = timer:send_after(0, self(), tick),
    receive
        tick -> ok
    after 5000 -> error(no_timer)
    end,
    Names = [
        init, code_server, user, rex, net_kernel, global_name_server, kernel_sup,
        kernel_safe_sup, application_controller, file_server_2, logger, timer_server,
        standard_error
    ],
    [{Name, pid_to_list(whereis(Name))} || Name <- Names].
