%% SPDX-License-Identifier: Apache-2.0
%%
%% Runs the oracle's commands on the emulator. The calling process is the
%% controller: trusted, tracer of all workers, and the one they are numbered by.
%%
%% Workers are traced for two things only: calls of their own reply/2, which is
%% how they answer, and their ends. Children inherit that.
-module(seccomp_oracle_real).

-export([setup/0, begin_run/0, end_run/0]).
-export([spawn/4, spawn_mfa/4, call/2, once/3, admin/3, hibernate/3, wake/1]).
-export([kill/2, link/2, flag/3, load/2, delete/1]).
-export([run/1, pid/1, restricted/0]).

-define(W, seccomp_oracle_worker).
-define(PATIENCE, 20000).

%% -- Setting up --------------------------------------------------------------

%% Once for a node, which nobody else may use.
setup() ->
    ok = logger:set_primary_config(level, none),
    {ok, _} = application:ensure_all_started(kernel),
    Loaded = [seccomp, seccomp_attach, seccomp_error, seccomp_policy, seccomp_shell, ?W],
    [{module, M} = code:ensure_loaded(M) || M <- Loaded],
    ok = seccomp_oracle_hot:prepare(),
    1 = erlang:trace_pattern({?W, reply, 2}, true, [local]),
    ok = seccomp_oracle_look:hold_table(),
    {ok, Policy} = seccomp:compile(#{mode => blacklist, rules => [os]}),
    persistent_term:put(?MODULE, #{
        '$policy' => Policy,
        '$handle' => element(2, Policy),
        '$bytes' => binary:copy(<<"abcdefgh">>, 50000)
    }),
    ok.

%% What the run has of its own, in the dictionary of the controller.
begin_run() ->
    ok = seccomp_oracle_hot:reset(),
    ok = seccomp_oracle_look:forget_hashes(),
    Sink = spawn(fun() -> receive stop -> ok end end),
    Root = spawn(?W, start, [0]),
    1 = erlang:trace(Root, true, [call, procs, set_on_spawn]),
    #{total := Total, dropped := Dropped, counters := Counters} = seccomp:violations(),
    _ = put(learned, []),
    put(?MODULE, #{
        pids => #{0 => Root},
        counter => atomics:new(1, []),
        sink => Sink,
        others => seccomp:processes(),
        total => Total,
        dropped => Dropped,
        counters => seccomp_oracle_look:counters(Counters)
    }),
    ok.

%% What is left of the run: nothing, if all is well.
end_run() ->
    #{pids := Pids, sink := Sink} = get(?MODULE),
    All = [Sink | maps:values(Pids)],
    [exit(Pid, kill) || Pid <- All],
    ok = seccomp_oracle_look:wait_for_ends(All),
    Left = seccomp_oracle_look:differ(left, [], restricted()),
    erase(?MODULE),
    flush(),
    Left.

flush() ->
    receive
        _ -> flush()
    after 0 -> ok
    end.

%% Of those that this run has to do with.
restricted() -> lists:sort(seccomp:processes() -- run(others)).

run(Key) -> map_get(Key, get(?MODULE)).

pid(Id) -> map_get(Id, run(pids)).

add(Id, Pid) ->
    #{pids := Pids} = Run = get(?MODULE),
    put(?MODULE, Run#{pids := Pids#{Id => Pid}}),
    ok.

%% -- Talking to workers ------------------------------------------------------

ask(Id, Command) ->
    Ref = make_ref(),
    pid(Id) ! {do, Ref, Command},
    answer(pid(Id), Ref).

%% What it says, or how it ends.
answer(Pid, Ref) ->
    receive
        {trace, Pid, call, {?W, reply, [Ref, Outcome]}} -> Outcome;
        {trace, Pid, exit, Reason} -> {died, reason(Reason)}
    after ?PATIENCE -> {no_answer, process_info(Pid)}
    end.

ended(Pid) ->
    receive
        {trace, Pid, exit, Reason} -> {died, reason(Reason)}
    after ?PATIENCE -> {no_end, process_info(Pid)}
    end.

reason({Reason, [{M, F, _, _} = Entry | _]}) when is_atom(M), is_atom(F) -> {error, Reason, Entry};
reason(Reason) -> Reason.

%% The child of a spawn that has just been answered.
child_of(Parent) ->
    receive
        {trace, Parent, spawn, Child, _} -> {ok, Child}
    after 0 -> none
    end.

%% Names for terms that exist only here, in both directions.
resolve(Self, Term) ->
    case Term of
        '$counter' -> run(counter);
        '$sink' -> run(sink);
        '$self' -> Self;
        _ when is_atom(Term) -> maps:get(Term, persistent_term:get(?MODULE), Term);
        _ -> Term
    end.

arguments(Pid, Args) -> [resolve(Pid, Arg) || Arg <- Args].

names(Pid, Outcome) ->
    Names = ['$counter', '$sink', '$self' | maps:keys(persistent_term:get(?MODULE))],
    names_in(maps:from_list([{resolve(Pid, Name), Name} || Name <- Names]), Outcome).

names_in(Names, Term) when is_map_key(Term, Names) -> map_get(Term, Names);
names_in(Names, [Head | Tail]) -> [names_in(Names, Head) | names_in(Names, Tail)];
names_in(Names, Term) when is_tuple(Term) -> list_to_tuple(names_in(Names, tuple_to_list(Term)));
names_in(_Names, Term) -> Term.

expression(Pid, {call, Way, {M, F, Args}}) ->
    Fun = fun_for(Way, M, F, length(Args)),
    Funs = {erlang, apply, fun erlang:apply/2, fun erlang:apply/3, Fun},
    {call, Way, M, F, arguments(Pid, Args), Funs};
expression(_Pid, {raise, _, _} = Raise) ->
    Raise;
expression(Pid, {'catch', E}) ->
    {'catch', expression(Pid, E)};
expression(Pid, {Kind, E1, E2}) ->
    {Kind, expression(Pid, E1), expression(Pid, E2)}.

%% A fun makes an export entry, so only where it is called.
fun_for(made, M, F, A) -> erlang:make_fun(M, F, A);
fun_for(Way, M, F, A) ->
    case lists:member(Way, [external, nested, apply_fun, apply_fun_entry, lists_map]) of
        true -> binary_to_term(term_to_binary(erlang:make_fun(M, F, A)));
        false -> none
    end.

%% -- Commands ----------------------------------------------------------------

spawn(Parent, Child, Way, Map) ->
    Command =
        case {Map, lists:member(Way, seccomp_oracle_ways:mfa_spawns())} of
            {none, true} -> spawning(Way, {?W, start, [Child]});
            {none, false} -> {spawn, Way, Child};
            {_, _} -> {spawn, Way, compiled(Map), Child}
        end,
    Outcome = ask(Parent, Command),
    spawned(Parent, Child, Way, Outcome, fun(Pid) ->
        receive
            {trace, Pid, call, {?W, reply, [started, Child]}} -> started;
            {trace, Pid, exit, Reason} -> {died, reason(Reason)}
        after ?PATIENCE -> {no_answer, process_info(Pid)}
        end
    end).

spawn_mfa(Parent, Child, Way, {M, F, Args}) ->
    Outcome = ask(Parent, spawning(Way, {M, F, arguments(none, Args)})),
    spawned(Parent, Child, Way, Outcome, fun ended/1).

spawning(Way, {M, F, Args}) ->
    {spawn_mfa, Way, M, F, Args, {erlang, spawn, fun erlang:spawn/3}}.

%% A parent that is linked to a child which died may have answered before.
spawned(Parent, Child, Way, Outcome, Await) ->
    case child_of(pid(Parent)) of
        {ok, Pid} ->
            ok = add(Child, Pid),
            Begun = Await(Pid),
            Links = map_get(link, seccomp_oracle_ways:spawn(Way)),
            case {Begun, Outcome} of
                {{died, Reason}, {value, _}} when Links, Reason =/= normal ->
                    {ended(pid(Parent)), names(Pid, Begun)};
                _ ->
                    {Outcome, names(Pid, Begun)}
            end;
        none ->
            {Outcome, none}
    end.

call(Id, Expression) ->
    names(pid(Id), ask(Id, {eval, expression(pid(Id), Expression)})).

%% One expression in a process that is not traced, and what check/2 and
%% explain/2 say of the functions in it.
once(Id, Map, Expression) ->
    Policy = compiled(Map),
    {Pid, Monitor} = seccomp:spawn_monitor(Policy, ?W:once()),
    ok = add(Id, Pid),
    Pid ! {do, Id, {eval, expression(Pid, Expression)}},
    Result =
        receive
            {'DOWN', Monitor, process, Pid, {{badmatch, {once, Id, Outcome}}, _}} -> Outcome;
            {'DOWN', Monitor, process, Pid, Reason} -> {died, reason(Reason)}
        after ?PATIENCE -> {no_end, process_info(Pid)}
        end,
    Asked = [
        {{M, F, length(Args)}, asked(Policy, {M, F, length(Args)})}
     || {M, F, Args} <- seccomp_oracle_gen:called(Expression)
    ],
    {names(Pid, Result), Asked}.

%% Both have to say the same.
asked(Policy, Mfa) ->
    Text = unicode:characters_to_list(seccomp:explain(Policy, Mfa)),
    [First | _] = string:split(Text, "\n"),
    Says = [Word || Word <- [" is allowed", " is denied"], string:find(First, Word) =/= nomatch],
    case {seccomp:check(Policy, Mfa), Says} of
        {allow, [" is allowed"]} -> true;
        {{deny, #{explanation := _}}, [" is denied"]} -> false;
        Other -> Other
    end.

admin(controller, Target, Op) ->
    result(seccomp_test_run:outcome(fun() -> ?W:admin(pid(Target), operation(Op)) end));
admin(Caller, Target, Op) ->
    result(ask(Caller, {admin, pid(Target), operation(Op)})).

operation({restrict, #{mode := Mode, rules := Rules} = Map}) ->
    {restrict, Mode, Rules, maps:without([mode, rules], Map)};
operation({set_policy, Map}) ->
    {set_policy, compiled(Map)};
operation({nif_restrict, Map}) ->
    {nif, restrict, element(2, compiled(Map)), make_ref()};
operation({nif_replace, Map}) ->
    {nif, replace, element(2, compiled(Map)), make_ref()};
operation(nif_lift) ->
    {nif_lift, make_ref()};
operation(Op) ->
    Op.

%% An error by its name alone.
result({value, {error, {Name, Info}}}) when is_atom(Name), is_map(Info) -> {value, {error, Name}};
result({value, Name}) when is_atom(Name), Name =/= ok -> {value, {error, Name}};
result(Other) -> Other.

%% Policies as the library compiles them; their hashes are learned on the way.
compiled(Map) ->
    {ok, {seccomp_policy, Ref} = Policy} = seccomp:compile(Map#{send => any}),
    #{hash := Hash} = seccomp_nif:policy_info(Ref),
    _ = put(learned, [seccomp_oracle_look:learn(seccomp_model:policy(Map), Hash) | get(learned)]),
    Policy.

%% It sleeps once nothing is heard and it is seen to.
hibernate(Id, Via, {M, F, Args}) ->
    Pid = pid(Id),
    Ref = make_ref(),
    Pid ! {do, Ref, {hibernate, Via, M, F, arguments(Pid, Args), fun erlang:hibernate/3}},
    falls_asleep(Pid, Ref, 2000).

falls_asleep(Pid, Ref, Tries) ->
    receive
        {trace, Pid, call, {?W, reply, [Ref, Outcome]}} -> Outcome;
        {trace, Pid, exit, Reason} -> {died, reason(Reason)}
    after wait(Tries) ->
        case process_info(Pid, [current_function, status]) of
            [{current_function, {erlang, hibernate, 3}}, {status, waiting}] -> asleep;
            _ when Tries > 0 -> falls_asleep(Pid, Ref, Tries - 1);
            Other -> {not_asleep, Other}
        end
    end.

%% At once at first.
wait(2000) -> 0;
wait(_) -> 1.

wake(Id) ->
    Pid = pid(Id),
    Pid ! wake_up,
    names(Pid, answer(Pid, awake)).

kill(Id, Reason) ->
    true = exit(pid(Id), Reason),
    ended(pid(Id)).

link(A, B) -> ask(A, {link, pid(B)}).

flag(Id, Flag, Value) -> ask(Id, {flag, Flag, Value}).

load(Module, Version) -> seccomp_oracle_hot:load(Module, Version).

delete(Module) -> seccomp_oracle_hot:delete(Module).
