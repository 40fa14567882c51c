%% SPDX-License-Identifier: Apache-2.0
%% Functions by the thousand: what kernel, stdlib and erts export.
-module(seccomp_test_exports).

-export([all/0, unmediated/0, caller/2, args/1]).

-type mfarity() :: {module(), atom(), arity()}.

%% Every exported function and every BIF, BIFs without a stub among them.
-spec all() -> [mfarity()].
all() ->
    Modules = erlang:pre_loaded() ++ modules(kernel) ++ modules(stdlib),
    Loaded = [M || M <- Modules, code:ensure_loaded(M) =:= {module, M}],
    Exports = [{M, F, A} || M <- Loaded, {F, A} <- M:module_info(exports)],
    lists:usort(Exports ++ erlang:system_info(snifs)).

modules(App) ->
    _ = application:load(App),
    {ok, Modules} = application:get_key(App, modules),
    Modules.

%% What compiled code executes without a check, as read from the OTP sources.
-spec unmediated() -> [mfarity()].
unmediated() ->
    Otp = string:trim(read(filename:join(["releases", erlang:system_info(otp_release), "OTP_VERSION"]))),
    %% A release without patches of its own has those of another version.
    Tool = filename:join([root(), "otp_patches", "otp"]),
    Series = string:trim(os:cmd("OTP=" ++ binary_to_list(Otp) ++ " '" ++ Tool ++ "' series")),
    File = filename:join([root(), "otp_patches", Series, "unmediated.txt"]),
    {ok, Text} = file:read_file(File),
    [line(Line) || Line <- string:lexemes(Text, "\n")].

line(Line) ->
    [Mfa, _How] = string:split(Line, "\t"),
    [M, FA] = string:split(Mfa, ":"),
    [F, A] = string:split(FA, "/", trailing),
    {binary_to_atom(M), binary_to_atom(F), binary_to_integer(A)}.

read(Path) ->
    {ok, Text} = file:read_file(filename:join(code:root_dir(), Path)),
    Text.

%% The library is linked or copied into the build directory; the sources are
%% where this file was compiled.
root() ->
    Source = proplists:get_value(source, ?MODULE:module_info(compile)),
    find_root(filename:dirname(Source)).

find_root(Dir) ->
    case filelib:is_dir(filename:join(Dir, "otp_patches")) of
        true -> Dir;
        false when Dir =/= "/" -> find_root(filename:dirname(Dir))
    end.

%% A loaded module with a function `N(X) -> M:F(X, ..., X)` for each of them: in
%% body position, in tail position, or in tail position of a function that has a
%% stack frame; the loader has an instruction for each. A variable, because the
%% compiler evaluates some calls of constants itself.
-spec caller(tail | body | last, [mfarity()]) -> {module(), [{atom(), mfarity()}]}.
caller(Position, Mfas) ->
    Module = list_to_atom("seccomp_test_caller_" ++ atom_to_list(Position)),
    Named = [
        {list_to_atom("f" ++ integer_to_list(N)), Mfa}
     || {N, Mfa} <- lists:zip(lists:seq(1, length(Mfas)), Mfas)
    ],
    Forms =
        [
            {attribute, 1, module, Module},
            {attribute, 1, export, [{Name, 1} || {Name, _} <- Named]},
            {function, 1, frame, 0, [{clause, 1, [], [], [{atom, 1, ok}]}]}
        ] ++
            [
                {function, 1, Name, 1, [{clause, 1, [{var, 1, 'X'}], [], body(Position, call(Mfa))}]}
             || {Name, Mfa} <- Named
            ],
    {ok, Module, Code} = compile:forms(Forms, [no_copt, nowarn, nowarn_unused_function]),
    ok = uses(instruction(Position), Code, length(Mfas)),
    {module, Module} = code:load_binary(Module, "generated", Code),
    {Module, Named}.

%% Most calls end up as the instruction that is wanted: some raise an error, and
%% the compiler knows that they do not return.
uses(Instruction, Code, Calls) ->
    {beam_file, _, _, _, _, Functions} = beam_disasm:file(Code),
    Found = [Op || {function, _, _, _, Body} <- Functions, Op <- Body, is(Instruction, Op)],
    case length(Found) of
        N when N > Calls * 9 div 10 -> ok;
        N -> {only, N, Instruction}
    end.

is(Instruction, Op) -> is_tuple(Op) andalso element(1, Op) =:= Instruction.

instruction(tail) -> call_ext_only;
instruction(body) -> call_ext;
instruction(last) -> call_ext_last.

call({M, F, A}) ->
    {call, 1, {remote, 1, {atom, 1, M}, {atom, 1, F}}, [{var, 1, 'X'} || _ <- lists:seq(1, A)]}.

body(tail, Call) -> [Call];
body(last, Call) -> [{call, 1, {atom, 1, frame}, []}, Call];
body(body, Call) -> [Call, {atom, 1, returned}].

-spec args(arity()) -> [a].
args(A) -> lists:duplicate(A, a).
