%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_learn).

-include("seccomp_doc.hrl").

?MODULEDOC("
Learns what processes call. On an emulator that checks calls, the processes are
put under a learner, a policy that allows everything and writes it down at the
place where calls are checked. On others they are traced, with the native
library as the tracer, so that no messages pile up.

A session is a process of its own. It ends the learning when the process that
started it ends.
").

-export([learn/2, outside/1, start/2, stop/1, is_session/1]).

-export_type([session/0, options/0, learned/0, entry/0, outcome/0]).

% Processes that answer by the reason that they end with.
-dialyzer({nowarn_function, [learn/2, outside/1]}).

-opaque session() :: {seccomp_learn, pid()}.
-type options() :: #{
    %% `log`: at the check, `trace`: by tracing; what the emulator can.
    method => log | trace,
    %% Trace as well where the check counts, to know the callers.
    callers => boolean(),
    %% Groups to write in place of their members though they allow more.
    groups => [atom()],
    %% Whose functions become gates: what they call is not learned.
    gates => [seccomp_learn_gates:trusted()]
}.
-type entry() :: #{
    mfa := seccomp_nif:mfarity(),
    count := non_neg_integer(),
    caller := seccomp_nif:mfarity() | undefined
}.
-type outcome() ::
    {value, term()} | {exception, error | exit | throw, term(), list()} | {ended, term()}.
-type learned() :: #{
    %% The smallest whitelist that lets the run pass.
    policy := seccomp_policy:policy_map(),
    entries := [entry()],
    %% Whom it sent to, beside those that every whitelist may send to. `any`:
    %% somebody who has no name.
    send := any | [seccomp_nif:target()],
    children := non_neg_integer(),
    method := log | trace,
    runs := pos_integer(),
    groups := [atom()],
    %% The gates that were called.
    gates := [seccomp_nif:mfarity()],
    %% Of `learn/1,2` alone.
    result => outcome()
}.

?NODOC.
-spec learn(fun(() -> term()), options()) -> {ok, learned()} | {error, seccomp_error:reason()}.
learn(Fun, Opts) ->
    Go = make_ref(),
    {Pid, Monitor} = erlang:spawn_monitor(fun() ->
        receive
            Go -> exit({Go, outcome(Fun)})
        end
    end),
    case start([Pid], Opts) of
        {ok, Session} ->
            Pid ! Go,
            receive
                {'DOWN', Monitor, process, Pid, Reason} -> ok
            end,
            case stop(Session) of
                {ok, Learned} -> {ok, Learned#{result => result(Go, Reason)}};
                {error, _} = Error -> Error
            end;
        {error, _} = Error ->
            true = demonitor(Monitor, [flush]),
            true = exit(Pid, kill),
            Error
    end.

?DOC("Runs it in the same way and learns nothing, so that modules get loaded.").
-spec outside(fun(() -> term())) -> outcome().
outside(Fun) ->
    Tag = make_ref(),
    {Pid, Monitor} = erlang:spawn_monitor(fun() -> exit({Tag, outcome(Fun)}) end),
    receive
        {'DOWN', Monitor, process, Pid, Reason} -> result(Tag, Reason)
    end.

%% No call leaves this module: it would be learned.
outcome(Fun) ->
    try Fun() of
        Value -> {value, Value}
    catch
        Class:Reason:Stack -> {exception, Class, Reason, Stack}
    end.

result(Go, {Go, Outcome}) -> Outcome;
result(_Go, Reason) -> {ended, Reason}.

?NODOC.
-spec start([pid()], options()) -> {ok, session()} | {error, seccomp_error:reason()}.
start(Pids, Opts) ->
    case what(Opts) of
        {ok, Methods, Gates} ->
            Owner = self(),
            Tag = make_ref(),
            Begin = fun() -> init(Owner, Tag, Pids, Methods, Opts#{gates => Gates}) end,
            {Pid, Monitor} = erlang:spawn_monitor(Begin),
            receive
                {Tag, Answer} ->
                    true = demonitor(Monitor, [flush]),
                    case Answer of
                        ok -> {ok, {seccomp_learn, Pid}};
                        {error, _} -> Answer
                    end;
                {'DOWN', Monitor, process, Pid, Reason} ->
                    {error, {internal, #{reason => Reason}}}
            end;
        {error, _} = Error ->
            Error
    end.

?NODOC.
-spec is_session(term()) -> boolean().
is_session({seccomp_learn, Pid}) -> is_pid(Pid);
is_session(_) -> false.

?NODOC.
-spec stop(session()) -> {ok, learned()} | {error, seccomp_error:reason()}.
stop({seccomp_learn, Pid}) ->
    Monitor = monitor(process, Pid),
    Pid ! {stop, self(), Monitor},
    receive
        {Monitor, Answer} ->
            true = demonitor(Monitor, [flush]),
            Answer;
        {'DOWN', Monitor, process, Pid, _} ->
            {error, noproc}
    end.

%% -- What is asked for -------------------------------------------------------

what(Opts) ->
    case methods(Opts) of
        {ok, Methods} ->
            case seccomp_learn_gates:functions(maps:get(gates, Opts, []), Methods) of
                {ok, Gates} -> {ok, Methods, Gates};
                {error, _} = Error -> Error
            end;
        {error, _} = Error ->
            Error
    end.

methods(Opts) ->
    {Status, _, _} = seccomp_nif:enforcement(),
    Known = [method, callers, groups, gates],
    Bad = [Option || {Option, Value} <- maps:to_list(Opts), not is_value(Option, Value)],
    case {maps:keys(maps:without(Known, Opts)), Status, Opts} of
        {[Option | _], _, _} ->
            {error, {unknown_option, #{option => Option, known => Known}}};
        {[], _, _} when Bad =/= [] ->
            {error, bad_option(hd(Bad), Opts)};
        {[], unsupported, #{method := log}} ->
            {error, seccomp_error:complete({unsupported, #{}}, self())};
        {[], enforced, #{method := trace}} ->
            {ok, [trace]};
        {[], enforced, #{callers := true}} ->
            {ok, [log, trace]};
        {[], enforced, _} ->
            {ok, [log]};
        {[], unsupported, _} ->
            {ok, [trace]}
    end.

is_value(method, Value) -> Value =:= log orelse Value =:= trace;
is_value(callers, Value) -> is_boolean(Value);
is_value(groups, Value) -> is_list(Value) andalso lists:all(fun is_atom/1, Value);
is_value(_, _) -> true.

bad_option(Option, Opts) ->
    Expected =
        case Option of
            method -> <<"log or trace">>;
            callers -> <<"true or false">>;
            groups -> <<"a list of groups">>
        end,
    {bad_option, #{option => Option, value => map_get(Option, Opts), expected => Expected}}.

%% -- The session -------------------------------------------------------------

init(Owner, Tag, Pids, Methods, #{gates := Gates} = Opts) ->
    Rules = [{gate, M, F, A} || {M, F, A} <- Gates],
    case seccomp_nif:learn_new(#{mode => whitelist, rules => Rules}) of
        {ok, Learner} -> begin_session(Owner, Tag, Pids, Methods, Learner, Opts);
        {error, Reason} ->
            Owner ! {Tag, {error, seccomp_error:complete(Reason, self())}}
    end.

begin_session(Owner, Tag, Pids, Methods, Learner, Opts) ->
    Monitor = monitor(process, Owner),
    Leaders = [Leader || Pid <- Pids, {_, Leader} <- [about(Pid, group_leader)]],
    case begin_all(Methods, Pids, Learner, Methods) of
        ok ->
            Owner ! {Tag, ok},
            loop(Monitor, Learner, Leaders, Methods, Opts);
        {error, _} = Error ->
            end_all(Methods, Learner),
            Owner ! {Tag, Error}
    end.

loop(Monitor, Learner, Leaders, Methods, Opts) ->
    receive
        {stop, Pid, Reference} ->
            end_all(Methods, Learner),
            Calls = seccomp_nif:learn_calls(Learner),
            Pid ! {Reference, learned(Calls, Leaders, Methods, Opts)};
        {'DOWN', Monitor, process, _, _} ->
            end_all(Methods, Learner)
    end.

learned(#{lost := Lost}, _Leaders, _Methods, _Opts) when Lost > 0 ->
    {error, {system_limit, #{lost => Lost, message => <<"more functions were called than fit">>}}};
learned(#{calls := Calls, targets := To, children := Children}, Leaders, Methods, Opts) ->
    case seccomp_learn_gates:called(map_get(gates, Opts), Calls) of
        {ok, Gates} ->
            seccomp_learn_policy:learned(#{
                entries => [maps:remove(brought_fun, Call) || Call <- Calls],
                send => named(To, Leaders),
                children => Children,
                method => hd(Methods),
                runs => 1,
                groups => maps:get(groups, Opts, []),
                gates => Gates
            });
        {error, _} = Error ->
            Error
    end.

%% A rule can name a target, or what it is to the process.
named(any, _Leaders) ->
    any;
named(Targets, Leaders) ->
    Named = [name(Target, Leaders) || Target <- Targets],
    case lists:member(any, Named) of
        true -> any;
        false -> lists:usort(Named)
    end.

name({pid, Node}, _Leaders) when Node =/= node() -> any;
name({Name, Node}, _Leaders) when Node =:= node() -> name(Name);
name({_Name, _Node} = Target, _Leaders) -> Target;
name(Name, _Leaders) when is_atom(Name) -> name(Name);
name(Pid, Leaders) when is_pid(Pid) ->
    case {lists:member(Pid, Leaders), about(Pid, registered_name)} of
        {true, _} -> group_leader;
        {false, {_, Name}} -> name(Name);
        {false, _} -> any
    end;
name(_Port, _Leaders) ->
    any.

name(Name) ->
    case lists:member(Name, [group_leader | seccomp_learn_policy:anyway()]) of
        true -> {name, Name};
        false -> Name
    end.

about(Pid, Item) ->
    try
        process_info(Pid, Item)
    catch
        %% Of another node, or an item that this version of OTP does not know.
        error:badarg -> undefined
    end.

begin_all([], _Pids, _Learner, _All) ->
    ok;
begin_all([Method | Methods], Pids, Learner, All) ->
    case begin_each(Method, Pids, {Learner, lists:member(log, All)}) of
        ok -> begin_all(Methods, Pids, Learner, All);
        {error, _} = Error -> Error
    end.

begin_each(log, Pids, {Learner, _}) ->
    each(fun(Pid) -> seccomp_attach:set_policy(Pid, Learner, restrict) end, Pids);
begin_each(trace, Pids, State) ->
    %% The pattern holds for the whole node, so there is one session at a time.
    try register(seccomp_learn_trace, self()) of
        true ->
            _ = pattern([{'_', [], [{message, {caller}}]}]),
            _ = erlang:trace_pattern({error_handler, undefined_function, 3}, missing(), [global]),
            each(fun(Pid) -> trace_process(Pid, State) end, Pids)
    catch
        error:badarg ->
            Text = <<"another session of learning traces already">>,
            {error, {busy, #{message => Text}}}
    end.

trace_process(Pid, State) ->
    try
        ok = kin(Pid, State),
        1 = erlang:trace(Pid, true, [{tracer, seccomp_nif, State} | trace_flags()]),
        ok
    catch
        error:badarg ->
            case is_process_alive(Pid) of
                true ->
                    Text = <<"somebody else traces the process">>,
                    {error, {busy, #{pid => Pid, message => Text}}};
                false ->
                    {error, noproc}
            end
    end.

trace_flags() -> [call, send, procs, arity, set_on_spawn].

%% What was before the tracing.
kin(Pid, State) ->
    case about(Pid, parent) of
        {parent, Parent} when is_pid(Parent) ->
            seccomp_nif:trace(spawn, State, Parent, Pid, #{});
        _ ->
            ok
    end.

%% The function that does not exist, or whose module is not loaded yet.
missing() ->
    [{['$1', '$2', '$3'], [], [{message, {{{caller}, '$1', '$2', '$3'}}}]}].

pattern(Spec) ->
    _ = erlang:trace_pattern(on_load, Spec, [global]),
    erlang:trace_pattern({'_', '_', '_'}, Spec, [global]).

end_all(Methods, Learner) ->
    lists:foreach(fun(Method) -> end_method(Method, Methods, Learner) end, Methods).

%% Processes may start others until they are trusted again.
end_method(log, Methods, Learner) ->
    case seccomp_nif:learn_pids(Learner) of
        [] ->
            ok;
        Pids ->
            lists:foreach(
                fun(Pid) ->
                    Tag = make_ref(),
                    seccomp_attach:await(seccomp_nif:learn_end(Pid, Learner, Tag), Tag, Pid)
                end,
                Pids
            ),
            end_method(log, Methods, Learner)
    end;
end_method(trace, Methods, Learner) ->
    case whereis(seccomp_learn_trace) =:= self() of
        true ->
            State = {Learner, lists:member(log, Methods)},
            _ = erlang:trace(all, false, [{tracer, seccomp_nif, State} | trace_flags()]),
            _ = pattern(false),
            true = unregister(seccomp_learn_trace);
        false ->
            ok
    end.

each(_Fun, []) ->
    ok;
each(Fun, [Pid | Pids]) ->
    case Fun(Pid) of
        ok -> each(Fun, Pids);
        {error, _} = Error -> Error
    end.
