%% SPDX-License-Identifier: Apache-2.0
%%
%% The oracle: random commands, run on the emulator and on the model, which have
%% to agree. A state machine for PropEr, whose states do not depend on results:
%% so commands are plain terms, and those that fail can be kept in files.
-module(seccomp_oracle).

-include("seccomp_oracle.hrl").

-behaviour(proper_statem).

-export([initial_state/0, command/1, precondition/2, next_state/3, postcondition/3]).
-export([prop/2, execute/1, all_kinds/0]).

-import(proper_types, [oneof/1, frequency/1, elements/1, exactly/1]).

-define(REAL, seccomp_oracle_real).

%% -- The state machine -------------------------------------------------------

%% The model's state, and what the commands were.
initial_state() -> (seccomp_oracle_state:initial())#{next => 1, kinds => []}.

%% Workers come first, then whatever can be done with them.
command(#{next := Next} = S) ->
    Alive = seccomp_oracle_state:alive(S),
    Awake = seccomp_oracle_state:awake(S),
    frequency(
        always(Next, [0 | Awake]) ++
            [{6, fresh(Next, 0)} || length(Alive) < 4] ++
            [{3, started(Next, elements([0 | Awake]))} || length(Alive) < 8] ++
            [{2, fresh(Next, elements(Awake))} || Awake =/= [], length(Alive) < 8] ++
            lists:append([to_awake(elements(Awake), Awake, S) || Awake =/= []]) ++
            lists:append([to_alive(elements(Alive), Awake) || Alive =/= []]) ++
            [{3, call(wake, [elements(Alive -- Awake)])} || Alive =/= Awake]
    ).

always(Next, Parents) ->
    Modules = elements(seccomp_oracle_hot:modules()),
    Ways = elements(seccomp_oracle_ways:mfa_spawns()),
    [
        {4, call(spawn_mfa, [elements(Parents), Next, Ways, seccomp_oracle_gen:hot()])},
        {4, call(once, [Next, seccomp_oracle_gen:policy(), seccomp_oracle_gen:expression()])},
        {3, call(load, [Modules, elements(seccomp_oracle_hot:versions())])},
        {1, call(delete, [Modules])}
    ].

to_awake(One, Awake, S) ->
    Via = elements([instruction, 'fun', proc_lib]),
    [
        {24, call(call, [One, seccomp_oracle_gen:expression()])},
        {5, by_worker(Awake, known(S))},
        {2, call(hibernate, [One, Via, wakes(Awake)])},
        {2, ?LET({Flag, Value}, elements(flags()), call(flag, [One, Flag, Value]))}
    ].

to_alive(One, Awake) ->
    [
        {6, call(admin, [controller, One, operation()])},
        {1, call(kill, [One, elements([kill, bye])])}
        | [{1, call(link, [elements(Awake), One])} || Awake =/= []]
    ].

call(Name, Args) -> {call, ?REAL, Name, Args}.

%% With a policy of its own.
fresh(Next, Parent) ->
    Way = elements([seccomp_spawn | seccomp_oracle_ways:own_spawns()]),
    call(spawn, [Parent, Next, Way, seccomp_oracle_gen:policy()]).

%% With what it inherits.
started(Next, Parent) ->
    Ways = seccomp_oracle_ways:spawns() -- seccomp_oracle_ways:own_spawns(),
    call(spawn, [Parent, Next, elements(Ways), none]).

operation() ->
    frequency([
        {3, {restrict, seccomp_oracle_gen:policy()}},
        {2, {nif_restrict, seccomp_oracle_gen:policy()}},
        {2, {set_policy, seccomp_oracle_gen:policy()}},
        {1, {nif_replace, seccomp_oracle_gen:policy()}},
        {1, lift},
        {1, nif_lift},
        {1, restrict_spawn}
    ]).

%% Itself or another one, which may be gone or be trusted.
by_worker(Awake, Others) ->
    ?LET(
        Caller,
        elements(Awake),
        call(admin, [
            Caller,
            frequency([{2, exactly(Caller)}, {1, elements(Others)}]),
            frequency([{3, {restrict, seccomp_oracle_gen:tightening()}}, {5, operation()}])
        ])
    ).

known(#{procs := Procs}) -> maps:keys(Procs).

%% A worker goes on under its own number, whatever that is.
wakes(Awake) ->
    frequency([
        {2, ?LET(Id, elements(Awake), {seccomp_oracle_worker, awake, [Id]})},
        {1, seccomp_oracle_gen:hot()}
    ]).

flags() ->
    [
        {error_handler, seccomp_oracle_worker}, {error_handler, error_handler},
        {save_calls, 10}, {save_calls, 0}
    ].

precondition(S, {call, ?REAL, Name, Args}) -> seccomp_oracle_may:may(S, Name, Args).

next_state(#{next := Next, kinds := Kinds} = S, _Result, {call, ?REAL, Name, Args}) ->
    {_, New} = seccomp_oracle_expect:step(S, Name, Args),
    Highest = lists:max([Next | [N + 1 || N <- numbers(Name, Args)]]),
    New#{next := Highest, kinds := kinds(Name, Args) ++ Kinds}.

numbers(once, [Id | _]) -> [Id];
numbers(Spawn, [_, Child | _]) when Spawn =:= spawn; Spawn =:= spawn_mfa -> [Child];
numbers(_, _) -> [].

%% What a run is counted by.
kinds(spawn, [_, _, Way, _]) -> [spawn, {spawn, Way}];
kinds(spawn_mfa, [_, _, Way, _]) -> [spawn_mfa, {spawn, Way}];
kinds(call, [_, E]) -> [call | ways(E)];
kinds(once, [_, _, E]) -> [once | ways(E)];
kinds(admin, [Caller, Target, Op]) -> [admin, {admin, operation_name(Op), whom(Caller, Target)}];
kinds(hibernate, [_, Via, _]) -> [hibernate, {hibernate, Via}];
kinds(flag, [_, Flag, _]) -> [flag, {flag, Flag}];
kinds(Name, _) -> [Name].

ways({call, Way, _}) -> [{call, Way}];
ways({raise, _, _}) -> [{expression, raise}];
ways({Kind, E}) -> [{expression, Kind} | ways(E)];
ways({Kind, E1, E2}) -> [{expression, Kind} | ways(E1) ++ ways(E2)].

%% All that a run of some length has to have had.
all_kinds() ->
    [spawn, spawn_mfa, call, once, admin, hibernate, wake, kill, link, flag, load, delete] ++
        [{spawn, Way} || Way <- seccomp_oracle_ways:spawns()] ++
        lists:usort([
            {call, Way}
         || Mfa <- [{erlang, send, [x, y]}, {erlang, abs, [x]}],
            Way <- seccomp_oracle_ways:calls(Mfa)
        ]) ++
        [{expression, Kind} || Kind <- [raise, 'try', 'after', 'catch', then]] ++
        [{admin, restrict, Whom} || Whom <- [controller, self, other]] ++
        [
            {admin, Op, Whom}
         || Op <- [nif_restrict, set_policy, nif_replace, lift, nif_lift, restrict_spawn],
            Whom <- [controller, self, other]
        ] ++
        [{hibernate, Via} || Via <- [instruction, 'fun', proc_lib]] ++
        [{flag, Flag} || Flag <- [error_handler, save_calls]] ++
        [
            {step, Step}
         || Step <- [
                allow, log, raise, kill, spawn_denied,
                child_of_trusted, child_is_free, child_inherits
            ]
        ].

operation_name(Op) when is_tuple(Op) -> element(1, Op);
operation_name(Op) -> Op.

whom(controller, _) -> controller;
whom(Same, Same) -> self;
whom(_, _) -> other.

%% Both the command's result and everything that can be seen afterwards.
postcondition(S, {call, ?REAL, Name, Args}, Result) ->
    {Expected, After} = seccomp_oracle_expect:step(S, Name, Args),
    case [{result, #{expected => Expected, seen => Result}}
            || not seccomp_oracle_expect:fits(Expected, Result)] ++ seccomp_oracle_look:look(After) of
        [] ->
            true;
        Wrong ->
            put(?MODULE, {Name, Args, Wrong}),
            false
    end.

%% -- The property ------------------------------------------------------------

%% `Before` is told each run's commands, `Seen` what they were, when they passed.
prop(Before, Seen) ->
    ?FORALL(
        Commands,
        proper_statem:commands(?MODULE),
        begin
            ok = Before(Commands),
            {Verdict, Kinds} = execute(Commands),
            proper:aggregate(
                Seen,
                Kinds,
                proper:whenfail(
                    fun() -> put(?MODULE, Verdict) end,
                    fun() -> Verdict =:= ok end
                )
            )
        end
    ).

%% Runs commands from the beginning: `ok` or what was wrong, and what they were.
execute(Commands) ->
    ok = ?REAL:begin_run(),
    erase(?MODULE),
    {Verdict, Kinds} = run_all(Commands),
    case ?REAL:end_run() of
        [_ | _] = Left when Verdict =:= ok -> {{ended, Left}, Kinds};
        _ -> {Verdict, Kinds}
    end.

run_all(Commands) ->
    try
        {_History, State, Result} = proper_statem:run_commands(?MODULE, Commands),
        #{records := Records, kinds := Kinds, stats := Stats} = State,
        Steps = [{step, Step} || {Step, N} <- maps:to_list(Stats), _ <- lists:seq(1, N)],
        {verdict(Result, lists:reverse(Records)), Steps ++ Kinds}
    catch
        Class:Reason:Stack -> {{Class, Reason, Stack}, []}
    end.

verdict(ok, Records) ->
    case seccomp_oracle_look:recorded(Records) of
        [] -> ok;
        Wrong -> {recorded, Wrong}
    end;
verdict(Result, _Records) ->
    {Result, erase(?MODULE)}.
