%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_rshell_server).

-include("seccomp_doc.hrl").

?MODULEDOC("
The trusted half of a restricted shell: reads lines from its group leader, has
them evaluated, prints what came of them.

What an evaluator sends is data. Nothing in it is called, printing is bounded, and
after each answer the shell acts for itself again.
").

-export([start/1, start/3, run/1]).

-export_type([session/0]).

-type session() :: #{policy := seccomp:policy(), options := map()}.

%% Characters in a line, and in a command of several.
-define(MAX_COMMAND, 65_536).

?DOC("Starts a shell on the caller's group leader.").
-spec start(session()) -> pid().
start(Session) ->
    erlang:spawn(fun() -> init(Session, none) end).

?DOC("
Starts a shell on a group leader of another node, and gives the pid of its deputy.
A guard lets exit signals, and so `^C`, through to processes under its policy alone:
the deputy is one, and passes them on.
").
-spec start(session(), pid(), seccomp:policy()) -> pid() | {error, seccomp:reason()}.
start(Session, Leader, GuardPolicy) ->
    Gate = self(),
    Ref = make_ref(),
    {_, Monitor} = erlang:spawn_monitor(fun() ->
        true = group_leader(Leader, self()),
        Deputy = deputy(GuardPolicy),
        Gate ! {Ref, Deputy},
        init(Session, Deputy)
    end),
    receive
        {Ref, Deputy} ->
            true = demonitor(Monitor, [flush]),
            Deputy;
        {'DOWN', Monitor, process, _, Reason} ->
            {error, {internal, #{message => <<"no shell">>, reason => Reason}}}
    end.

deputy(GuardPolicy) ->
    Shell = self(),
    Ref = make_ref(),
    Deputy = erlang:spawn_link(fun() ->
        _ = process_flag(trap_exit, true),
        ok = seccomp:set_policy(self(), GuardPolicy),
        Shell ! {Ref, ready},
        deputize(Shell)
    end),
    receive
        {Ref, ready} -> Deputy
    end.

deputize(Shell) ->
    receive
        {'EXIT', From, interrupt} when From =/= Shell ->
            %% A forged exit would be an order, which no policy lets pass.
            Shell ! {interrupt, self()},
            deputize(Shell);
        {'EXIT', _, Reason} ->
            exit(Reason);
        _ ->
            deputize(Shell)
    end.

?DOC("Runs a shell on the caller's group leader and waits for its end.").
-spec run(session()) -> ok.
run(Session) ->
    Owner = self(),
    {Pid, Monitor} = erlang:spawn_opt(fun() -> init(Session, Owner) end, [link, monitor]),
    receive
        {'DOWN', Monitor, process, Pid, _} -> ok
    end.

init(#{policy := Policy, options := #{max_heap := MaxHeap} = Options}, Owner) ->
    _ = process_flag(trap_exit, true),
    Limit = #{size => 4 * MaxHeap, kill => true, error_logger => true},
    _ = process_flag(max_heap_size, Limit),
    _ = seccomp_nif:forget_origin(),
    Leader = group_leader(),
    State = evaluator(#{
        leader => Leader,
        owner => Owner,
        policy => Policy,
        options => Options,
        keeper => seccomp_rshell_keeper:start(),
        commands => seccomp_rshell_eval:commands(),
        atoms => 0,
        rest => "",
        shell => seccomp_rshell_command:new()
    }),
    Former = expand_fun(Leader, fun(Before) -> seccomp_rshell_expand:expand(Before, Policy) end),
    ok = say(banner(Options), State),
    ok = loop(State),
    _ = expand_fun(Leader, Former),
    ok.

banner(#{banner := Text}) ->
    [Text, $\n];
banner(#{}) ->
    Version = erlang:system_info(version),
    ["Restricted Eshell V", Version, "  (help() for commands, exit() to leave)\n"].

%% The group leader of a remote shell has one of its own, which asks this node.
expand_fun(Leader, Fun) when node(Leader) =:= node(), is_function(Fun, 1) ->
    Former =
        case ask(Leader, getopts, none) of
            Options when is_list(Options) -> proplists:get_value(expand_fun, Options);
            _ -> none
        end,
    _ = ask(Leader, {setopts, [{expand_fun, Fun}]}, none),
    Former;
expand_fun(_Leader, _Fun) ->
    none.

%% -- Reading -----------------------------------------------------------------

loop(State00) ->
    State0 = tidy(State00),
    case read(State0) of
        {ok, Tokens, State} ->
            command(seccomp_rshell_command:parse(Tokens, map_get(policy, State)), State);
        {error, Text, State} ->
            ok = say(["* ", Text, $\n], State),
            loop(State);
        interrupted ->
            loop(evaluator(stop_evaluator(State0)));
        terminated ->
            leave(State0)
    end.

read(#{rest := Rest} = State) ->
    case string:is_empty(string:trim(Rest)) of
        true -> read([], 0, State#{rest := ""});
        false -> scan([], Rest, 0, State#{rest := ""})
    end.

read(Continuation, Size, #{leader := Leader, owner := Owner, shell := Shell} = State) ->
    Prompt = seccomp_rshell_command:prompt(Shell),
    case ask(Leader, {get_line, unicode, Prompt}, Owner) of
        Line when is_list(Line); is_binary(Line) ->
            Text = unicode:characters_to_list(Line),
            case length(Text) of
                Length when Size + Length =< ?MAX_COMMAND ->
                    scan(Continuation, Text, Size + Length, State);
                _ ->
                    Max = integer_to_list(?MAX_COMMAND),
                    {error, ["a command has at most ", Max, " characters"], State}
            end;
        {error, interrupted} ->
            interrupted;
        _EofOrError ->
            terminated
    end.

%% Names that are typed become atoms, which stay. So they are counted.
scan(Continuation, Text, Size, #{atoms := Atoms, options := #{max_atoms := Max}} = State0) ->
    case Atoms > Max of
        true ->
            {error, "too many new names were typed in this shell; start another one", State0};
        false ->
            Before = erlang:system_info(atom_count),
            Scanned = erl_scan:tokens(Continuation, Text, {1, 1}, [text]),
            State = State0#{atoms := Atoms + erlang:system_info(atom_count) - Before},
            case Scanned of
                {more, Next} -> read(Next, Size, State);
                {done, {ok, Tokens, _}, Rest} when is_list(Rest) ->
                    {ok, Tokens, State#{rest := Rest}};
                {done, {ok, Tokens, _}, _Eof} -> {ok, Tokens, State};
                {done, {eof, _}, _} -> terminated;
                {done, {error, Info, _}, _} -> {error, problem(Info), State}
            end
    end.

problem({Location, Module, What}) ->
    [seccomp_rshell_print:position(Location), Module:format_error(What)].

%% -- Evaluating --------------------------------------------------------------

command({error, Info}, State) ->
    ok = say(["* ", problem(Info), $\n], State),
    loop(State);
command({ok, Exprs}, #{shell := Shell0} = State) ->
    case seccomp_rshell_command:prepare(Exprs, Shell0) of
        {text, Text, Shell} ->
            ok = say(Text, State),
            loop(State#{shell := Shell});
        {eval, Prepared, Bindings, Shell} ->
            evaluate(Prepared, Bindings, State#{shell := Shell});
        {error, Text} ->
            ok = say(["* ", Text, $\n], State),
            loop(State);
        exit ->
            leave(State)
    end.

evaluate(Exprs, Bindings, State0) ->
    #{evaluator := #{pid := Pid, tag := Tag}, shell := Shell} = State = tidy(State0),
    Ref = make_ref(),
    Pid ! {Tag, Ref, Exprs, Bindings},
    case answer(Ref, State) of
        {answer, Answer} ->
            %% What follows the shell does for itself.
            _ = seccomp_nif:forget_origin(),
            {Text, Next} = seccomp_rshell_command:result(Answer, Shell),
            ok = say(Text, State),
            loop(State#{shell := Next});
        {died, Reason} ->
            ok = say(seccomp_rshell_print:died(Reason), State),
            loop(evaluator(State#{shell := seccomp_rshell_command:failed(Shell)}));
        {stop, Text} ->
            Stopped = stop_evaluator(State),
            ok = say(Text, Stopped),
            loop(evaluator(Stopped#{shell := seccomp_rshell_command:failed(Shell)}));
        terminated ->
            leave(State)
    end.

answer(Ref, #{evaluator := #{tag := Tag, monitor := Monitor}} = State) ->
    #{leader := Leader, owner := Owner, options := #{timeout := Timeout}} = State,
    receive
        {Tag, Ref, Answer} -> {answer, Answer};
        {'DOWN', Monitor, process, _, Reason} -> {died, Reason};
        {'EXIT', _, interrupt} -> {stop, "** interrupted\n"};
        {interrupt, Owner} -> {stop, "** interrupted\n"};
        {'EXIT', Leader, _} -> terminated;
        {'EXIT', Owner, _} -> terminated
    after Timeout ->
        {stop, io_lib:format("** stopped: a command may take ~b ms here~n", [Timeout])}
    end.

%% Before something new begins: forgets what came too late, such as an interrupt,
%% and replaces an evaluator that has ended meanwhile.
tidy(#{evaluator := #{monitor := Monitor}, leader := Leader, owner := Owner} = State) ->
    receive
        {'DOWN', Monitor, process, _, Reason} ->
            ok = say(seccomp_rshell_print:died(Reason), State),
            tidy(evaluator(State));
        {'EXIT', From, Reason} when
            Reason =/= interrupt, From =:= Owner orelse From =:= Leader
        ->
            _ = stop_evaluator(State),
            exit(normal);
        _ ->
            tidy(State)
    after 0 ->
        State
    end.

evaluator(#{policy := Policy, options := Options, keeper := Keeper} = State) ->
    #{commands := Commands} = State,
    %% A line from a group leader on another node is on that node's behalf.
    _ = seccomp_nif:forget_origin(),
    Evaluator = seccomp_rshell_eval:start(Policy, map_get(max_heap, Options), Commands),
    #{pid := Pid, monitor := Monitor, tag := Tag} = Evaluator,
    receive
        {Tag, ready} ->
            _ = seccomp_nif:forget_origin(),
            ok = seccomp_rshell_keeper:watch(Keeper, Pid),
            State#{evaluator => Evaluator};
        {'DOWN', Monitor, process, Pid, Reason} ->
            exit({no_evaluator, Reason})
    end.

stop_evaluator(#{evaluator := #{pid := Pid, monitor := Monitor}} = State) ->
    true = unlink(Pid),
    true = exit(Pid, kill),
    receive
        {'DOWN', Monitor, process, Pid, _} -> State
    end.

leave(State) ->
    _ = stop_evaluator(State),
    ok.

%% -- The group leader --------------------------------------------------------

say(Text, #{leader := Leader, owner := Owner}) ->
    _ = ask(Leader, {put_chars, unicode, unicode:characters_to_binary(Text)}, Owner),
    ok.

%% Always for itself, whoever was heard last: a group leader that acts for a policy of
%% this node, which its own does not know, can start nothing, completion included.
ask(Leader, Request, Owner) ->
    _ = seccomp_nif:forget_origin(),
    Ref = monitor(process, Leader),
    Leader ! {io_request, self(), Ref, Request},
    receive
        {io_reply, Ref, Reply} ->
            true = demonitor(Ref, [flush]),
            Reply;
        {'DOWN', Ref, process, Leader, _} ->
            {error, terminated};
        {'EXIT', Owner, Reason} = Exit when Reason =/= interrupt ->
            true = demonitor(Ref, [flush]),
            %% For whoever asks next.
            self() ! Exit,
            {error, terminated}
    end.
