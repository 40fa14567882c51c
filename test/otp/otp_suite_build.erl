%% SPDX-License-Identifier: Apache-2.0
-module(otp_suite_build).

%% Makes OTP's suites ready to run: their modules, and what is written in C,
%% with the tool that OTP itself uses (`ts`, beside Common Test in its source).
%% Arguments: the configured source of OTP, the directory that holds `test_server`
%% and the directories of the suites, and the suites as "emulator_test/bif_SUITE".
%% Exit status 1 and a line for each thing that cannot be built.

-export([main/0]).

%% Headers that are private to an application are in its source only.
-define(OPTS(Source), [
    report_errors,
    debug_info,
    {i, filename:join(Source, "lib")}
]).

-spec main() -> no_return().
main() ->
    [Source, Top | Suites] = init:get_plain_arguments(),
    ok = file:set_cwd(filename:join(Top, "test_server")),
    [
        {ok, _} = compile:file(Name, ?OPTS(Source))
     || Name <- ["ts_lib", "ts_make", "ts_erl_config", "ts_install", "ts_install_cth"]
    ],
    true = code:add_patha(filename:join(Top, "test_server")),
    ok = ts_install:install(os:type(), []),
    {ok, Found} = file:consult("variables"),
    %% Packages of OTP leave this file out.
    [Eidefs] = filelib:wildcard(filename:join(Source, "lib/erl_interface/src/*/eidefs.mk")),
    Key = erl_interface_mk_include,
    Variables = lists:keystore(Key, 1, Found, {Key, Eidefs}),
    Dirs = lists:usort([filename:dirname(Suite) || Suite <- Suites]),
    ok = boot_file(filename:join(Top, "restricted.boot")),
    Errors =
        lists:append([modules(Source, Top, Dir, Suites) || Dir <- Dirs]) ++
            lists:append([native(filename:join(Top, Suite), Variables) || Suite <- Suites]),
    [io:format(standard_error, "~ts~n", [Error]) || Error <- Errors],
    halt(min(length(Errors), 1)).

%% The suites that are run, and all modules that are no suites: helpers. One
%% that does not compile belongs to a suite that is not run.
modules(Source, Top, Dir, Suites) ->
    ok = file:set_cwd(filename:join(Top, Dir)),
    Wanted = [filename:basename(Suite) || Suite <- Suites, filename:dirname(Suite) =:= Dir],
    Names = [filename:basename(File, ".erl") || File <- filelib:wildcard("*.erl")],
    Helpers = [Name || Name <- Names, not lists:suffix("_SUITE", Name)],
    Compile = fun(Name) -> {Name, compile:file(Name, ?OPTS(Source))} end,
    Compiled = in_parallel(Compile, Wanted ++ Helpers),
    [
        ["does not compile: ", Dir, "/", Name, ".erl"]
     || {Name, error} <- Compiled, lists:member(Name, Wanted)
    ].

in_parallel(Fun, Items) ->
    Self = self(),
    Workers = erlang:system_info(schedulers_online),
    Parts = [
        [Item || {N, Item} <- lists:enumerate(Items), N rem Workers =:= Part]
     || Part <- lists:seq(0, Workers - 1)
    ],
    Pids = [spawn_link(fun() -> Self ! {self(), lists:map(Fun, Part)} end) || Part <- Parts],
    lists:append([
        receive
            {Pid, Results} -> Results
        end
     || Pid <- Pids
    ]).

native(Suite, Variables) ->
    Dir = Suite ++ "_data",
    try
        filelib:is_dir(Dir) andalso ts_lib:make_non_erlang(Dir, Variables),
        []
    catch
        _:Reason -> [io_lib:format("cannot make ~ts: ~0P", [Dir, Reason, 20])]
    end.

%% What a node boots from in the restricted run, where nothing else is asked for:
%% before anybody is told that the node has started, it is restricted.
boot_file(File) ->
    {ok, Boot} = file:read_file(filename:join([code:root_dir(), "bin", "start_clean.boot"])),
    {script, Id, Steps} = binary_to_term(Boot),
    {Before, [{progress, started}]} = lists:split(length(Steps) - 1, Steps),
    Module = filename:rootname(code:which(seccomp_everywhere)),
    Own = [{apply, {code, load_abs, [Module]}}, {apply, {seccomp_everywhere, start, []}}],
    file:write_file(File, term_to_binary({script, Id, Before ++ Own ++ [{progress, started}]})).
