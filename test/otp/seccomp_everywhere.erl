%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_everywhere).

%% Puts a policy that allows everything on every process of the node, so that
%% all that come later inherit it. Every emulator that the suites start gets it
%% through the environment, twice, as either way alone misses some:
%%
%% * ERL_ZFLAGS="-boot .../restricted": runs before anybody hears that the node
%%   has started. A node that is started with a boot file of its own, which
%%   comes first then, does not read it.
%% * ERL_AFLAGS="-eval ...": runs before anything else that the command line
%%   asks for, but after `peer` was told.
%%
%% Modules are loaded by hand: a node may be in embedded mode, or search elsewhere.

-export([start/0]).

-define(E, 16#80).

-spec start() -> ok.
start() ->
    ok = load(seccomp_nif, os:getenv("OTP_SUITES_LIBRARY")),
    case trusted(self()) of
        true -> report(restrict());
        %% The other way was faster.
        false -> ok
    end.

%% The library finds its native part by its application's directory, which is
%% not in the path of a node that has an ERL_LIBS of its own.
load(Module, Directory) ->
    Path = code:get_path(),
    case code:lib_dir(seccomp) of
        {error, bad_name} -> true = code:add_pathz(Directory);
        _ -> ok
    end,
    case code:is_loaded(Module) of
        false -> {module, Module} = code:load_file(Module);
        _ -> ok
    end,
    true = code:set_path(Path),
    ok.

restrict() ->
    %% All have the same policy, so their requests need not carry it.
    Map = #{mode => blacklist, rules => [], inherit => true, provenance => false},
    {ok, Policy} = seccomp_nif:compile(Map),
    Left = others(Policy, 100),
    ok = set(Policy, [self()]),
    Left.

%% A process that is still trusted may start another one meanwhile.
others(Policy, Rounds) ->
    case [Pid || Pid <- processes(), Pid =/= self(), trusted(Pid)] of
        Left when Left =:= []; Rounds =:= 0 ->
            Left;
        Pids ->
            ok = set(Policy, Pids),
            others(Policy, Rounds - 1)
    end.

trusted(Pid) ->
    case seccomp_nif:flags(Pid) of
        Flags when is_integer(Flags) -> Flags band ?E =:= 0;
        {error, {noproc, _}} -> false
    end.

%% Not by seccomp:set_policy/2, which does more with evaluators of shells. Each
%% one that is asked answers, also when it has ended meanwhile.
set(Policy, Pids) ->
    Tags = [{make_ref(), Pid} || Pid <- Pids],
    Asked = [
        {Tag, Pid}
     || {Tag, Pid} <- Tags, seccomp_nif:set_policy(Pid, Policy, replace, Tag) =:= wait
    ],
    _ = [
        receive
            {Tag, _Answer} -> ok
        after 30000 -> exit({no_answer, Pid, process_info(Pid)})
        end
     || {Tag, Pid} <- Asked
    ],
    ok.

%% A line for the driver: how many processes are restricted, and how many not.
report(Left) ->
    case os:getenv("OTP_SUITES_NODES") of
        false ->
            ok;
        File ->
            Line = io_lib:format("~ts ~b ~b~n", [node(), length(processes()), length(Left)]),
            file:write_file(File, Line, [append])
    end.
