%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_error_tests).

-include_lib("eunit/include/eunit.hrl").

text(Reason) -> lists:flatten(io_lib:format("~ts", [seccomp:format_error(Reason)])).

-define(has(Part, Text), ?assertNotEqual(nomatch, string:find(Text, Part))).

a_denial_is_printed_as_a_sentence_test() ->
    %% As the emulator raises it.
    Reason = {seccomp, {os, cmd, 1}},
    Stack = [{os, cmd, ["id"], [{error_info, #{module => seccomp_error}}]}],
    ?assertEqual(
        #{general => <<"os:cmd/1 is not allowed by this process's policy">>},
        seccomp_error:format_error(Reason, Stack)
    ),
    Exception = erl_error:format_exception(error, Reason, Stack),
    Printed = lists:flatten(io_lib:format("~ts", [Exception])),
    ?has("os:cmd/1 is not allowed by this process's policy", Printed),
    ?has("called as os:cmd(\"id\")", Printed).

names_that_need_quotes_are_quoted_test() ->
    #{general := Text} = seccomp:format_error({seccomp, {'Elixir.System', cmd, 2}}, []),
    ?has("'Elixir.System':cmd/2", Text).

foreign_exceptions_are_left_alone_test() ->
    ?assertEqual(#{}, seccomp:format_error(badarith, [{m, f, [], []}])),
    ?assertEqual(#{}, seccomp:format_error(badarg, [{m, f, 2, []}])),
    ?assertEqual(#{}, seccomp:format_error(badarg, [])).

an_error_of_a_later_library_is_still_printed_test() ->
    ?has("new_one", text({new_one, #{a => 1}})),
    ?assertEqual("what it says", text({new_one, #{message => <<"what it says">>}})).

errors_about_processes_name_them_test() ->
    Pid = self(),
    ?has("does not exist", text(noproc)),
    ?has("b@host", text({remote_pid, #{pid => Pid, node => 'b@host'}})).

unsupported_says_how_to_get_a_patched_emulator_test() ->
    ?has("make otp", text({unsupported, #{}})),
    Native = {unsupported, #{message => <<"no patch">>}},
    ?has("no patch", text(Native)),
    ?has("make otp", text(seccomp_error:complete(Native, self()))).

a_missing_position_is_no_crash_test() ->
    ?has("there is no module lits", text({unknown_module, #{module => lits}})).

options_that_are_no_atoms_are_printed_test() ->
    ?has("\"on_deny\"", text({unknown_option, #{option => "on_deny"}})).
