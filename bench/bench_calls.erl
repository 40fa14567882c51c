%% SPDX-License-Identifier: Apache-2.0
%%
%% Loops of calls, ten calls to a turn, so that the loop itself is a small part
%% of the time; the workload `loop` measures it alone.
-module(bench_calls).

-export([workloads/0]).
-export([loop/1, local/1, external/1, externals/1, light_bif/1, bif/1, denied/1]).
%% Exported so that the compiler knows nothing of their arguments.
-export([apply_3/3, fixed_apply/2, external_fun/2]).

-define(TURN, 10).
-define(TEN(Call),
    _ = Call,
    _ = Call,
    _ = Call,
    _ = Call,
    _ = Call,
    _ = Call,
    _ = Call,
    _ = Call,
    _ = Call,
    _ = Call
).

-spec workloads() -> [bench_run:workload()].
workloads() ->
    [
        workload(loop, fun loop/1),
        workload(local, fun local/1),
        workload(external, fun external/1),
        workload(externals, fun externals/1),
        workload(light_bif, fun light_bif/1),
        workload(bif, fun bif/1),
        workload(apply_3, fun(N) -> apply_3(N, bench_target, [ok]) end),
        workload(fixed_apply, fun(N) -> fixed_apply(N, bench_target) end),
        workload(external_fun, fun(N) -> external_fun(N, fun bench_target:id/1) end)
    ].

workload(Name, Fun) ->
    #{name => Name, run => Fun, operations => ?TURN, millis => 1, repeats => 60}.

-spec loop(non_neg_integer()) -> ok.
loop(0) -> ok;
loop(N) -> loop(N - 1).

-spec local(non_neg_integer()) -> ok.
local(0) ->
    ok;
local(N) ->
    ?TEN(id(N)),
    local(N - 1).

id(X) -> X.

-spec external(non_neg_integer()) -> ok.
external(0) ->
    ok;
external(N) ->
    ?TEN(bench_target:id(N)),
    external(N - 1).

%% To ten functions: all calls of a restricted process share one indirect jump,
%% which here goes to another place each time.
-spec externals(non_neg_integer()) -> ok.
externals(0) ->
    ok;
externals(N) ->
    _ = bench_target:id1(N),
    _ = bench_target:id2(N),
    _ = bench_target:id3(N),
    _ = bench_target:id4(N),
    _ = bench_target:id5(N),
    _ = bench_target:id6(N),
    _ = bench_target:id7(N),
    _ = bench_target:id8(N),
    _ = bench_target:id9(N),
    _ = bench_target:id10(N),
    externals(N - 1).

-spec light_bif(non_neg_integer()) -> ok.
light_bif(0) ->
    ok;
light_bif(N) ->
    ?TEN(erlang:phash2(N)),
    light_bif(N - 1).

%% put/2 is one of the few BIFs that are called through their export entries.
-spec bif(non_neg_integer()) -> ok.
bif(0) ->
    ok;
bif(N) ->
    ?TEN(put(key, N)),
    bif(N - 1).

%% Of ten functions: each is looked up in a hash table, and how long that takes
%% is a matter of luck, in each emulator another.
-spec apply_3(non_neg_integer(), module(), list()) -> ok.
apply_3(0, _, _) ->
    ok;
apply_3(N, M, As) ->
    _ = apply(M, id1, As),
    _ = apply(M, id2, As),
    _ = apply(M, id3, As),
    _ = apply(M, id4, As),
    _ = apply(M, id5, As),
    _ = apply(M, id6, As),
    _ = apply(M, id7, As),
    _ = apply(M, id8, As),
    _ = apply(M, id9, As),
    _ = apply(M, id10, As),
    apply_3(N - 1, M, As).

-spec fixed_apply(non_neg_integer(), module()) -> ok.
fixed_apply(0, _) ->
    ok;
fixed_apply(N, M) ->
    _ = M:id1(N),
    _ = M:id2(N),
    _ = M:id3(N),
    _ = M:id4(N),
    _ = M:id5(N),
    _ = M:id6(N),
    _ = M:id7(N),
    _ = M:id8(N),
    _ = M:id9(N),
    _ = M:id10(N),
    fixed_apply(N - 1, M).

-spec external_fun(non_neg_integer(), fun((term()) -> term())) -> ok.
external_fun(0, _) ->
    ok;
external_fun(N, F) ->
    ?TEN(F(N)),
    external_fun(N - 1, F).

%% Under a policy that denies os:getpid/0, and only there.
-spec denied(non_neg_integer()) -> ok.
denied(0) ->
    ok;
denied(N) ->
    try os:getpid() of
        _ -> error(not_denied)
    catch
        error:{seccomp, {os, getpid, 0}} -> denied(N - 1)
    end.
