%% SPDX-License-Identifier: Apache-2.0
%%
%% What runs in the emulators that are measured. Started by bench_emulator as
%%
%%     erl -noshell -pa DIR -run bench_worker main IN OUT
%%
%% IN holds what to do and OUT gets the result, both in the external format.
-module(bench_worker).

-export([main/1]).
-export_type([task/0]).

-type task() ::
    facts
    | {calibrate, EStone :: boolean()}
    | {times, Restricted :: boolean(), EStone :: boolean(), Counts :: map(), Scale :: number()}
    | {others, Counts :: map(), Scale :: number()}
    | {nodes, Scale :: number()}
    | {policy, Counts :: map(), Scale :: number()}
    | {eval, Scale :: number()}
    | one_process
    | {many_processes, Restricted :: boolean(), pos_integer()}
    | {load, [module()]}.

-spec main([string()]) -> no_return().
main([In, Out]) ->
    {ok, Task} = file:read_file(In),
    %% What fails says so itself, once.
    ok = logger:set_primary_config(level, none),
    try run(binary_to_term(Task)) of
        Result ->
            ok = file:write_file(Out, term_to_binary(Result)),
            halt(0)
    catch
        Class:Reason:Stack ->
            io:format(standard_error, "~0tp:~0tp~n~tp~n", [Class, Reason, Stack]),
            halt(1)
    end.

-spec run(task()) -> term().
run(facts) ->
    #{
        otp => list_to_binary(erlang:system_info(otp_release)),
        erts => list_to_binary(erlang:system_info(version)),
        flavor => erlang:system_info(emu_flavor),
        build => erlang:system_info(build_type),
        compiler => compiler(erlang:system_info(c_compiler_used)),
        enforced => enforced(code:ensure_loaded(seccomp))
    };
run({calibrate, EStone}) ->
    ok = bench_processes:start_echo(),
    bench_run:calibrate(workloads(EStone) ++ bench_others:workloads());
run({times, Restricted, EStone, Counts, Scale}) ->
    ok = bench_processes:start_echo(),
    Modes = modes(Restricted),
    bench_run:samples([{W, Modes} || W <- workloads(EStone)], Counts, Scale);
run({nodes, Scale}) ->
    bench_nodes:times(Scale);
run({others, Counts, Scale}) ->
    bench_others:times(Counts, Scale);
run({policy, Counts, Scale}) ->
    bench_policy:times(Counts, Scale);
run({eval, Scale}) ->
    bench_eval:times(Scale);
run(one_process) ->
    bench_memory:one();
run({many_processes, Restricted, N}) ->
    bench_memory:many(lists:last(modes(Restricted)), N);
run({load, Modules}) ->
    [Module || Module <- Modules, {module, _} <- [code:ensure_loaded(Module)]].

workloads(EStone) ->
    bench_calls:workloads() ++ bench_processes:workloads() ++ bench_json:workloads() ++
        bench_programs:workloads(EStone).

modes(false) -> [trusted];
modes(true) -> [trusted, {restricted, bench_policy:allowing()}].

enforced({module, seccomp}) -> maps:get(status, seccomp:enforcement()) =:= enforced;
enforced({error, _}) -> false.

compiler({Name, Version}) when is_tuple(Version) ->
    Numbers = [integer_to_list(N) || N <- tuple_to_list(Version)],
    iolist_to_binary([atom_to_list(Name), " ", lists:join(".", Numbers)]);
compiler({Name, _}) ->
    atom_to_binary(Name).
