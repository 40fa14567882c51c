%% SPDX-License-Identifier: Apache-2.0
%%
%% The process whose calls the oracle watches. What it does on its own account
%% is made of instructions and local calls alone, which no policy is asked
%% about: it hears by `receive`, and answers by calling reply/2, a local call
%% that the controller traces. So it can be spoken to under any policy.
-module(seccomp_oracle_worker).

-export([start/1, awake/1, once/0, reply/2, undefined_function/3, admin/2]).

-define(STATIC(M, F),
    static(body, M, F, []) -> [M:F()];
    static(tail, M, F, []) -> M:F();
    static(last, M, F, []) -> nothing(), M:F();
    static(body, M, F, [A]) -> [M:F(A)];
    static(tail, M, F, [A]) -> M:F(A);
    static(last, M, F, [A]) -> nothing(), M:F(A);
    static(body, M, F, [A, B]) -> [M:F(A, B)];
    static(tail, M, F, [A, B]) -> M:F(A, B);
    static(last, M, F, [A, B]) -> nothing(), M:F(A, B)
).

-define(STATIC_0(M, F),
    static(body, M, F, []) -> [M:F()];
    static(tail, M, F, []) -> M:F();
    static(last, M, F, []) -> nothing(), M:F()
).

-define(STATIC_1(M, F),
    static(body, M, F, [A]) -> [M:F(A)];
    static(tail, M, F, [A]) -> M:F(A);
    static(last, M, F, [A]) -> nothing(), M:F(A)
).

-define(STATIC_2(M, F),
    static(body, M, F, [A, B]) -> [M:F(A, B)];
    static(tail, M, F, [A, B]) -> M:F(A, B);
    static(last, M, F, [A, B]) -> nothing(), M:F(A, B)
).

-define(STATIC_3(M, F),
    static(body, M, F, [A, B, C]) -> [M:F(A, B, C)];
    static(tail, M, F, [A, B, C]) -> M:F(A, B, C);
    static(last, M, F, [A, B, C]) -> nothing(), M:F(A, B, C)
).

%% -- The process -------------------------------------------------------------

start(Id) ->
    reply(started, Id),
    loop().

%% What it wakes up in.
awake(_Id) ->
    reply(awake, {value, awake}),
    loop().

loop() ->
    receive
        {do, Ref, Command} ->
            reply(Ref, outcome(Command)),
            loop();
        _Other ->
            loop()
    end.

%% For a process that nobody traces: it ends with its answer, by an instruction
%% as well.
once() -> fun answer_once/0.

answer_once() ->
    receive
        {do, Ref, Command} ->
            Outcome = outcome(Command),
            nothing = same({once, Ref, Outcome})
    end.

same(Term) -> Term.

%% Traced.
reply(_Ref, _Outcome) -> ok.

outcome(Command) ->
    try do(Command) of
        Value -> {value, Value}
    catch
        Class:Reason:Stack -> {raised, Class, Reason, top(Stack)}
    end.

top([Entry | _]) -> Entry;
top([]) -> none.

%% An error handler.
undefined_function(M, F, Args) -> {handled, M, F, Args}.

nothing() ->
    receive
    after 0 -> ok
    end.

%% -- Commands ----------------------------------------------------------------

do({eval, Expression}) -> eval(Expression);
do({spawn, Way, Id}) -> spawn_fun(Way, fun() -> start(Id) end);
do({spawn, Way, Policy, Id}) -> spawn_own(Way, Policy, fun() -> start(Id) end);
do({spawn_mfa, Way, M, F, Args, Fun}) -> spawn_mfa(Way, M, F, Args, Fun);
do({admin, Pid, Op}) -> admin(Pid, Op);
do({hibernate, instruction, M, F, Args, _Fun}) -> erlang:hibernate(M, F, Args);
do({hibernate, proc_lib, M, F, Args, _Fun}) -> proc_lib:hibernate(M, F, Args);
do({hibernate, 'fun', M, F, Args, Fun}) -> Fun(M, F, Args);
do({link, Pid}) -> link(Pid);
do({flag, Flag, Value}) -> process_flag(Flag, Value).

%% -- Expressions -------------------------------------------------------------

eval({call, nested, M, F, Args, Fun}) ->
    [V] = [eval({call, external, M, F, Args, Fun}) || _ <- [once]],
    V;
eval({call, Way, M, F, Args, Fun}) ->
    call(Way, M, F, Args, Fun);
eval({raise, error, Reason}) ->
    error(Reason);
eval({raise, exit, Reason}) ->
    exit(Reason);
eval({raise, throw, Reason}) ->
    throw(Reason);
eval({raise, badmatch, Reason}) ->
    nothing = Reason;
eval({'try', Expression, Handler}) ->
    try eval(Expression) of
        Value -> {no_exception, Value}
    catch
        Class:Reason:Stack -> {caught, Class, Reason, top(Stack), eval(Handler)}
    end;
eval({'after', Expression, After}) ->
    try
        eval(Expression)
    after
        eval(After)
    end;
eval({'catch', Expression}) ->
    case catch eval(Expression) of
        {'EXIT', {Reason, [Entry | _]}} -> {caught, Reason, Entry};
        Value -> {caught, Value}
    end;
eval({then, First, Second}) ->
    [eval(First) | eval(Second)].

call(body, M, F, Args, _Fun) ->
    [Value] = static(body, M, F, Args),
    Value;
call(tail, M, F, Args, _Fun) ->
    static(tail, M, F, Args);
call(last, M, F, Args, _Fun) ->
    static(last, M, F, Args);
call(fixed, M, F, [], _Fun) ->
    M:F();
call(fixed, M, F, [A], _Fun) ->
    M:F(A);
call(fixed, M, F, [A, B], _Fun) ->
    M:F(A, B);
call(fixed, M, F, [A, B, C], _Fun) ->
    [M:F(A, B, C)];
call(fixed, M, F, [A, B, C, D], _Fun) ->
    M:F(A, B, C, D);
call(apply, M, F, Args, _Fun) ->
    apply(M, F, Args);
call(apply_apply, M, F, Args, {Erlang, Apply, _, _, _}) ->
    apply(Erlang, Apply, [M, F, Args]);
call(apply_entry, M, F, Args, {_, _, _, Apply3, _}) ->
    Apply3(M, F, Args);
call(apply_fun_entry, _M, _F, Args, {_, _, Apply2, _, Fun}) ->
    Apply2(Fun, Args);
call(apply_fun, _M, _F, Args, {_, _, _, _, Fun}) ->
    apply(Fun, Args);
call(make_fun, M, F, [], _Fun) ->
    (fun M:F/0)();
call(make_fun, M, F, [A], _Fun) ->
    (fun M:F/1)(A);
call(make_fun, M, F, [A, B], _Fun) ->
    (fun M:F/2)(A, B);
call(make_fun, M, F, [A, B, C], _Fun) ->
    (fun M:F/3)(A, B, C);
call(make_fun, M, F, [A, B, C, D], _Fun) ->
    (fun M:F/4)(A, B, C, D);
call(lists_map, _M, _F, Args, {_, _, _, _, Fun}) ->
    [Value] = lists:map(Fun, Args),
    Value;
call(bang, erlang, send, [To, Message], _Fun) ->
    To ! Message;
call(Way, _M, _F, Args, {_, _, _, _, Fun}) when Way =:= external; Way =:= made ->
    call_fun(Fun, Args).

call_fun(Fun, []) -> Fun();
call_fun(Fun, [A]) -> Fun(A);
call_fun(Fun, [A, B]) -> Fun(A, B);
call_fun(Fun, [A, B, C]) -> Fun(A, B, C);
call_fun(Fun, [A, B, C, D]) -> Fun(A, B, C, D).

?STATIC(seccomp_hot_a, f);
?STATIC_1(seccomp_hot_a, g);
?STATIC_2(seccomp_hot_a, g);
?STATIC_1(seccomp_hot_a, hit);
?STATIC(seccomp_hot_b, f);
?STATIC_1(seccomp_hot_b, g);
?STATIC_2(seccomp_hot_b, g);
?STATIC_1(seccomp_hot_b, hit);
?STATIC(seccomp_hot_c, f);
?STATIC_1(seccomp_hot_c, g);
?STATIC_2(seccomp_hot_c, g);
?STATIC_1(seccomp_hot_c, hit);
?STATIC_3(atomics, add);
?STATIC_1(erlang, phash2);
?STATIC_1(erlang, md5);
?STATIC_2(lists, member);
?STATIC_2(maps, get);
?STATIC_2(binary, matches);
?STATIC_2(erlang, process_info);
?STATIC_0(erlang, garbage_collect);
?STATIC_0(erlang, make_ref);
?STATIC_2(erlang, put);
?STATIC_2(erlang, load_nif);
?STATIC_2(erlang, send);
?STATIC_3(erlang, send);
?STATIC_1(seccomp_nif, dump);
?STATIC_2(seccomp, check);
?STATIC_1(erlang, abs);
?STATIC_2(erlang, '+');
?STATIC_1(erlang, get);
?STATIC_0(erlang, yield);
static(body, seccomp_nif, check, [A, B, C, D]) -> [seccomp_nif:check(A, B, C, D)];
static(tail, seccomp_nif, check, [A, B, C, D]) -> seccomp_nif:check(A, B, C, D);
static(last, seccomp_nif, check, [A, B, C, D]) -> nothing(), seccomp_nif:check(A, B, C, D).

%% -- Spawning and changing ---------------------------------------------------

spawn_fun(spawn_1, Fun) -> spawn(Fun);
spawn_fun(spawn_link_1, Fun) -> spawn_link(Fun);
spawn_fun(spawn_monitor_1, Fun) -> spawn_monitor(Fun);
spawn_fun(spawn_opt_2, Fun) -> spawn_opt(Fun, [{priority, low}]);
spawn_fun(spawn_opt_none, Fun) -> spawn_opt(Fun, []);
spawn_fun(spawn_opt_link, Fun) -> spawn_opt(Fun, [link]);
spawn_fun(spawn_request_1, Fun) -> spawn_request(Fun);
spawn_fun(spawn_2, Fun) -> spawn(node(), Fun);
spawn_fun(proc_lib_1, Fun) -> proc_lib:spawn(Fun);
spawn_fun(proc_lib_link_1, Fun) -> proc_lib:spawn_link(Fun);
spawn_fun(proc_lib_opt_2, Fun) -> proc_lib:spawn_opt(Fun, [{priority, low}]).

spawn_own(seccomp_spawn, Policy, Fun) -> seccomp:spawn(Policy, Fun);
spawn_own(seccomp_spawn_link, Policy, Fun) -> seccomp:spawn_link(Policy, Fun);
spawn_own(seccomp_spawn_monitor, Policy, Fun) -> seccomp:spawn_monitor(Policy, Fun);
spawn_own(seccomp_spawn_opt, Policy, Fun) -> seccomp:spawn_opt(Policy, Fun, [{priority, low}]).

spawn_mfa(spawn_3, M, F, Args, _Fun) -> spawn(M, F, Args);
spawn_mfa(spawn_link_3, M, F, Args, _Fun) -> spawn_link(M, F, Args);
spawn_mfa(spawn_monitor_3, M, F, Args, _Fun) -> spawn_monitor(M, F, Args);
spawn_mfa(spawn_opt_4, M, F, Args, _Fun) -> spawn_opt(M, F, Args, [monitor]);
spawn_mfa(spawn_request_4, M, F, Args, _Fun) -> spawn_request(M, F, Args, []);
spawn_mfa(spawn_4, M, F, Args, _Fun) -> spawn(node(), M, F, Args);
spawn_mfa(spawn_apply, M, F, Args, _Fun) -> spawn(erlang, apply, [M, F, Args]);
spawn_mfa(spawn_by_apply, M, F, Args, {Erlang, Spawn, _}) -> apply(Erlang, Spawn, [M, F, Args]);
spawn_mfa(spawn_by_fun, M, F, Args, {_, _, Spawn}) -> Spawn(M, F, Args);
spawn_mfa(proc_lib_3, M, F, Args, _Fun) -> proc_lib:spawn(M, F, Args).

admin(Pid, {restrict, Mode, Rules, Opts}) -> seccomp:restrict(Pid, Mode, Rules, Opts#{send => any});
admin(Pid, {set_policy, Policy}) -> seccomp:set_policy(Pid, Policy);
admin(Pid, lift) -> seccomp:lift(Pid);
admin(Pid, restrict_spawn) -> seccomp:restrict_spawn(Pid);
admin(Pid, {nif, How, Ref, Tag}) -> answer(seccomp_nif:set_policy(Pid, Ref, How, Tag), Tag);
admin(Pid, {nif_lift, Tag}) -> answer(seccomp_nif:lift(Pid, Tag), Tag).

answer(wait, Tag) ->
    receive
        {Tag, Answer} -> Answer
    end;
answer(Answer, _Tag) ->
    Answer.
