%% SPDX-License-Identifier: Apache-2.0
%%
%% Ways of calling, as data: each call stands here once, and a macro puts it
%% into every position that the compiler has other instructions for.
-module(seccomp_test_calls).

-export([env/0, close/1, calls/1, effect/1, run/3]).

-define(T, seccomp_test_target).

-define(CALL(Name, Mfa, Args, Needs, Call), #{
    name => Name,
    mfa => Mfa,
    args => Args,
    needs => Needs,
    forms => #{
        body => fun() -> {value, Call} end,
        tail => fun() -> Call end,
        'try' => fun() ->
            try Call of
                Value -> {value, Value}
            catch
                Class:Reason:Stack -> {raised, Class, Reason, Stack}
            end
        end,
        'catch' => fun() ->
            case catch Call of
                {'EXIT', {Reason, Stack}} -> {raised, error, Reason, Stack};
                Value -> {value, Value}
            end
        end,
        'after' => fun() ->
            try
                {value, Call}
            after
                put(?MODULE, ran)
            end
        end
    }
}).

%% All that the calls use, from a function of its own: what the compiler sees
%% through, it would turn into plain calls.
env() ->
    Counter = atomics:new(1, []),
    Sink = spawn(fun() -> receive stop -> ok end end),
    Table = ets:new(?MODULE, [public]),
    {ok, {seccomp_policy, Handle}} = seccomp:compile(#{mode => blacklist, rules => [os]}),
    #{
        counter => Counter,
        sink => Sink,
        table => Table,
        handle => Handle,
        m => ?T,
        f => hit,
        args => [Counter],
        ext => fun ?T:hit/1,
        made => erlang:make_fun(?T, hit, 1),
        decoded => binary_to_term(term_to_binary(fun ?T:hit/1)),
        add => fun atomics:add/3,
        bif => fun erlang:phash2/1,
        guard => fun erlang:abs/1,
        guard_mf => {erlang, abs},
        bif_mf => {atomics, add},
        nif => fun seccomp_nif:check/4,
        apply2 => fun erlang:apply/2,
        apply3 => fun erlang:apply/3
    }.

close(#{sink := Sink, table := Table}) ->
    true = ets:delete(Table),
    Sink ! stop,
    ok.

%% Changes whenever a call with an effect has run.
effect(#{counter := Counter, sink := Sink, table := Table}) ->
    {message_queue_len, Messages} = process_info(Sink, message_queue_len),
    {atomics:get(Counter, 1), Messages, ets:info(Table, size)}.

%% The outcome in a process under this policy.
run(Policy, Position, #{forms := Forms}) ->
    Form = map_get(Position, Forms),
    seccomp_test_run:in(Policy, fun() ->
        Outcome =
            try {Position, Form()} of
                {tail, Value} -> {value, Value};
                {_, Result} -> Result
            catch
                Class:Reason:Stack -> {raised, Class, Reason, Stack}
            end,
        case get(?MODULE) of
            ran -> {after_ran, Outcome};
            undefined -> Outcome
        end
    end).

calls(Env) -> functions(Env) ++ bifs(Env) ++ sends(Env) ++ pure(Env).

functions(#{counter := C, m := M, f := F, args := Args} = Env) ->
    #{ext := Ext, made := Made, decoded := Decoded, apply2 := Apply2, apply3 := Apply3} = Env,
    Hit = {?T, hit, 1},
    Needs = ?T:needs(),
    [
        ?CALL(call_ext, Hit, Args, Needs, ?T:hit(C)),
        ?CALL(variable_module, Hit, Args, Needs, M:hit(C)),
        ?CALL(variable_function, Hit, Args, Needs, ?T:F(C)),
        ?CALL(fixed_apply, Hit, Args, Needs, M:F(C)),
        ?CALL(fixed_apply_of_two, {?T, hit, 2}, [C, x], Needs, M:F(C, x)),
        ?CALL(apply_3, Hit, Args, Needs, apply(M, F, Args)),
        ?CALL(apply_2, Hit, Args, Needs, apply(Ext, Args)),
        ?CALL(apply_tuple_list, Hit, Args, Needs, apply(Ext, [C])),
        ?CALL(apply_2_as_fun, Hit, Args, Needs, Apply2(Ext, Args)),
        ?CALL(apply_3_as_fun, Hit, Args, Needs, Apply3(M, F, Args)),
        ?CALL(apply_of_apply, Hit, Args, Needs, apply(erlang, apply, [M, F | [Args]])),
        ?CALL(external_fun, Hit, Args, Needs, Ext(C)),
        ?CALL(made_fun, Hit, Args, Needs, Made(C)),
        ?CALL(decoded_fun, Hit, Args, Needs, Decoded(C)),
        ?CALL(lists_map, Hit, Args, [{lists, map, 2} | Needs], lists:map(Ext, Args)),
        ?CALL(lists_foreach, Hit, Args, [{lists, foreach, 2} | Needs], lists:foreach(Made, Args)),
        ?CALL(comprehension, Hit, Args, Needs, [Ext(X) || X <- Args]),
        ?CALL(inside_closure, Hit, Args, Needs, (fun(X) -> ?T:hit(X) end)(C))
    ].

%% BIFs with an effect: atomics:add/3 and ets:insert/2.
bifs(#{counter := C, table := Table, add := Add} = Env) ->
    #{apply3 := Apply3, bif_mf := {M, F}} = Env,
    Mfa = {atomics, add, 3},
    Args = [C, 1, 1],
    [
        ?CALL(light_bif, Mfa, Args, [], atomics:add(C, 1, 1)),
        ?CALL(light_bif_fixed_apply, Mfa, Args, [], M:F(C, 1, 1)),
        ?CALL(light_bif_apply, Mfa, Args, [], apply(M, F, Args)),
        ?CALL(light_bif_apply_as_fun, Mfa, Args, [], Apply3(M, F, Args)),
        ?CALL(light_bif_fun, Mfa, Args, [], Add(C, 1, 1)),
        ?CALL(light_bif_apply_fun, Mfa, Args, [], apply(Add, Args)),
        ?CALL(ets_insert, {ets, insert, 2}, '_', [], ets:insert(Table, {make_ref()}))
    ].

sends(#{sink := Sink}) ->
    Send = {erlang, send, 2},
    Args = [Sink, m],
    [
        ?CALL(bang, Send, Args, [], Sink ! m),
        ?CALL(send_2, Send, Args, [], erlang:send(Sink, m)),
        ?CALL(send_3, {erlang, send, 3}, [Sink, m, []], [], erlang:send(Sink, m, [])),
        ?CALL(
            send_nosuspend,
            {erlang, send_nosuspend, 2},
            Args,
            [{erlang, send, 3}],
            erlang:send_nosuspend(Sink, m)
        )
    ].

%% Calls without an effect; their value is proof enough that they have run.
pure(#{bif := Bif, guard := Guard, guard_mf := {E, F}, nif := Nif, handle := Handle}) ->
    Nifs = {seccomp_nif, check, 4},
    Asked = [Handle, os, cmd, 1],
    [
        ?CALL(phash2, {erlang, phash2, 1}, [[a]], [], erlang:phash2([a])),
        ?CALL(phash2_fun, {erlang, phash2, 1}, [[a]], [], Bif([a])),
        ?CALL(md5, {erlang, md5, 1}, ["a"], [], erlang:md5("a")),
        ?CALL(member, {lists, member, 2}, [a, [b, a]], [], lists:member(a, [b, a])),
        ?CALL(heavy_bif, {erlang, process_info, 2}, '_', [], process_info(self(), trap_exit)),
        ?CALL(heavy_bif_1, {erlang, process_info, 1}, '_', [], is_list(process_info(self()))),
        ?CALL(guard_bif_fun, {erlang, abs, 1}, [-1], [], Guard(-1)),
        ?CALL(guard_bif_apply, {erlang, abs, 1}, [-1], [], apply(E, F, [-1])),
        ?CALL(
            guard_bif_in_map, {erlang, abs, 1}, [-1], [{lists, map, 2}], lists:map(Guard, [-1])
        ),
        ?CALL(operator_fun, {erlang, '++', 2}, '_', [], lists:foldl(
            fun erlang:'++'/2, [], [[a]]
        )),
        ?CALL(nif, Nifs, Asked, [], seccomp_nif:check(Handle, os, cmd, 1)),
        ?CALL(nif_fun, Nifs, Asked, [], Nif(Handle, os, cmd, 1)),
        ?CALL(nif_apply, Nifs, Asked, [], apply(seccomp_nif, check, Asked)),
        ?CALL(dirty_nif, {seccomp_nif, dump, 1}, [Handle], [], seccomp_nif:dump(Handle))
    ].
