%% SPDX-License-Identifier: Apache-2.0
%%
%% These need an emulator that enforces: on any other one the first test says
%% so, and the others fail.
-module(calc_tests).

-include_lib("eunit/include/eunit.hrl").

enforced_test() ->
    ?assertMatch(#{status := enforced}, seccomp:enforcement()).

%% Not another copy that the emulator happens to find.
the_library_is_the_dependency_test() ->
    %% _build/PROFILE/lib/calc; what no profile changes is in _build/default.
    Build = lists:foldl(
        fun(_, Dir) -> filename:dirname(Dir) end, code:lib_dir(calc), [lib, profile, build]
    ),
    ?assertEqual(filename:join([Build, "default", "lib", "seccomp"]), code:lib_dir(seccomp)).

a_value_comes_out_test() ->
    ?assertEqual({ok, 5050}, calc:eval("lists:sum(lists:seq(1, 100))")),
    ?assertEqual({ok, 2.0}, calc:eval("math:sqrt(4)")).

what_the_policy_lacks_does_not_run_test() ->
    File = filename:join(filename:basedir(user_cache, "calc"), "calc_tests"),
    Line = io_lib:format("file:write_file(~p, [])", [File]),
    ?assertEqual({denied, {file, write_file, 2}}, calc:eval(lists:flatten(Line))),
    ?assertNot(filelib:is_file(File)),
    ?assertEqual({denied, {os, cmd, 1}}, calc:eval("os:cmd(\"id\")")),
    ?assertEqual({denied, {os, cmd, 1}}, calc:eval("apply(os, cmd, [\"id\"])")).

a_loop_is_ended_test() ->
    ?assertMatch(
        {error, killed},
        calc:eval("lists:duplicate(100000000, x)")
    ).

nonsense_is_an_error_test() ->
    ?assertEqual({error, syntax}, calc:eval("1 +")),
    ?assertEqual({error, too_long}, calc:eval(lists:duplicate(201, $1))).
