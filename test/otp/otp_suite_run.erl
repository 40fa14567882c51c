%% SPDX-License-Identifier: Apache-2.0
-module(otp_suite_run).

%% Runs one of OTP's suites under Common Test, in a node of its own. Arguments:
%% a test specification, the suite's directory, one for Common Test's logs, and
%% a file that gets a line for each case.

-export([main/0]).

-spec main() -> no_return().
main() ->
    {ok, [[Spec, Dir, Logs, Outcomes]]} = init:get_argument(otp_suite),
    %% As `ts` does: nodes that suites start find their modules there.
    ok = file:set_cwd(Dir),
    Result = ct:run_test([
        {spec, Spec},
        {logdir, Logs},
        {auto_compile, false},
        {scale_timetraps, true},
        {multiply_timetraps, 2},
        {event_handler, [{otp_suite_events, [Outcomes]}]},
        %% OTP's own hook would compile what is compiled, but for the directory.
        {ct_hooks, [
            {ts_install_cth, [{nodenames, 2}, {ts_conf_dir, "none"}]},
            {otp_suite_hook, Outcomes}
        ]}
    ]),
    io:format("~0p~n", [Result]),
    case Result of
        {Ok, Failed, _Skipped} when is_integer(Ok), is_integer(Failed) ->
            ok = file:write_file(Outcomes, "end\n", [append]),
            halt(0);
        _ ->
            halt(1)
    end.
