%% SPDX-License-Identifier: Apache-2.0
%%
%% Programs that people run: the compiler, and the parts of OTP's own benchmark
%% EStone, as it lies in the source tree that the emulator was built from.
-module(bench_programs).

-export([workloads/1, weights/1]).

%% What is compiled, some 4500 lines, from the debug information in its beam.
-define(LARGE, erl_lint).

-spec workloads(EStone :: boolean()) -> [bench_run:workload()].
workloads(EStone) ->
    [compile() | [estone(Micro) || EStone, Micro <- estone_SUITE:micros(), wanted(Micro)]].

%% What its authors think each part is worth.
-spec weights(EStone :: boolean()) -> [{atom(), pos_integer()}].
weights(EStone) ->
    [{name(Micro), element(3, Micro)} || EStone, Micro <- estone_SUITE:micros(), wanted(Micro)].

name(Micro) -> binary_to_atom(<<"estone_", (atom_to_binary(element(2, Micro)))/binary>>).

compile() ->
    %% Loads the compiler, too.
    _ = compile_forms(forms(lists)),
    Forms = forms(?LARGE),
    Run = fun(1) -> compile_forms(Forms) end,
    #{name => compile, run => Run, operations => 1, count => 1, repeats => 2}.

compile_forms(Forms) ->
    {ok, _, _} = compile:forms(Forms, [binary]).

forms(Module) ->
    {ok, {Module, [{abstract_code, Code}]}} =
        beam_lib:chunks(code:which(Module), [abstract_code]),
    {raw_abstract_v1, Forms} = Code,
    Forms.

%% It needs a program in C, and measures the operating system.
wanted(Micro) -> element(2, Micro) =/= port_io.

%% A part gives how many microseconds of it do not count.
estone(Micro) ->
    Name = element(2, Micro),
    Run = fun(N) ->
        Micros = estone_SUITE:Name(N),
        ok = settled(),
        {minus, erlang:convert_time_unit(Micros, microsecond, native)}
    end,
    #{
        name => name(Micro),
        run => Run,
        operations => 1,
        millis => 1,
        repeats => 30
    }.

%% One part kills its server without waiting, and starts one of the same name.
settled() ->
    case whereis(funky) of
        undefined ->
            ok;
        _ ->
            erlang:yield(),
            settled()
    end.
