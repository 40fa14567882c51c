%% SPDX-License-Identifier: Apache-2.0
%%
%% Runs cases of OTP's own suites without Common Test around them, so that a
%% process under a policy can do it.
-module(seccomp_test_suites).

-export([compile/3, run/2, outside/1]).

%% The rest of gen_server's start nodes, or look at what goes to the log.
-define(GEN_SERVER, [
    stop1, stop2, stop3, stop4, stop5, call, send_request_receive_reqid_collection, cast,
    continue, spec_init_local_registered_parent, auto_hibernate, get_state,
    replace_state, reply_by_alias_with_payload
]).

%% One asks a module of another directory's suites, the others take ten seconds
%% each.
-define(LEFT_OUT, [
    error_info, subtract, t_keys_trapping, t_values_trapping, t_from_keys_check_trapping
]).

compile(Dir, Out, Suite) ->
    File = filename:join(Dir, atom_to_list(Suite)),
    {ok, Suite, Beam} = compile:file(File, [binary, nowarn_deprecated_function, nowarn_nif_inline]),
    ok = file:write_file(filename:join(Out, atom_to_list(Suite) ++ ".beam"), Beam),
    {module, Suite} = code:load_binary(Suite, File ++ ".erl", Beam),
    Suite.

%% The same from a trusted process, which may be ended with what it leaves.
outside(Run) ->
    Tag = make_ref(),
    {Pid, Monitor} = spawn_monitor(fun() -> exit({Tag, Run()}) end),
    receive
        {'DOWN', Monitor, process, Pid, {Tag, Results}} -> Results;
        {'DOWN', Monitor, process, Pid, Reason} -> error(Reason)
    end.

run(Suites, Priv) ->
    [{{Suite, Case}, one(Suite, Case, Priv)} || Suite <- Suites, Case <- cases(Suite)].

cases(gen_server_SUITE) ->
    ?GEN_SERVER;
cases(Suite) ->
    Groups =
        case erlang:function_exported(Suite, groups, 0) of
            true -> Suite:groups();
            false -> []
        end,
    lists:usort(flatten(Suite:all(), Groups)) -- ?LEFT_OUT.

flatten([], _Groups) ->
    [];
flatten([{group, Name} | Rest], Groups) ->
    {Name, _, Cases} = lists:keyfind(Name, 1, Groups),
    flatten(Cases, Groups) ++ flatten(Rest, Groups);
flatten([Case | Rest], Groups) ->
    [Case | flatten(Rest, Groups)].

one(Suite, Case, Priv) ->
    Config0 = [{priv_dir, Priv}, {data_dir, Priv}, {tc_logfile, ""}],
    try
        Config = prepare(Suite, Case, Config0),
        _ = Suite:Case(Config),
        flush()
    catch
        Class:Reason -> {Class, Reason}
    end.

prepare(Suite, Case, Config) ->
    case erlang:function_exported(Suite, init_per_testcase, 2) of
        true -> Suite:init_per_testcase(Case, Config);
        false -> Config
    end.

%% Late messages of one case are no business of the next.
flush() ->
    receive
        _ -> flush()
    after 0 -> ok
    end.
