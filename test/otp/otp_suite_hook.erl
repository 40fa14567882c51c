%% SPDX-License-Identifier: Apache-2.0
-module(otp_suite_hook).

%% Where the suites run with all processes restricted, no case may run in a
%% process that is not. So each case's own process is looked at, before
%% anything of the case runs; `restricted` lines count them for the driver.

-export([id/1, init/2, pre_init_per_testcase/4]).

-define(E, 16#80).

-spec id(file:filename()) -> module().
id(_File) -> ?MODULE.

-spec init(module(), file:filename()) -> {ok, {boolean(), file:filename()}}.
init(_Id, File) -> {ok, {os:getenv("OTP_SUITES_MODE") =:= "restricted", File}}.

-spec pre_init_per_testcase(module(), atom(), Config, State) ->
    {Config | {fail, not_restricted}, State}.
pre_init_per_testcase(_Suite, _Case, Config, {false, _} = State) ->
    {Config, State};
pre_init_per_testcase(_Suite, Case, Config, {true, File} = State) ->
    case seccomp:flags(self()) of
        Flags when is_integer(Flags), Flags band ?E =/= 0 ->
            ok = file:write_file(File, ["restricted ", atom_to_list(Case), "\n"], [append]),
            {Config, State};
        _ ->
            {{fail, not_restricted}, State}
    end.
