%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_i_tests).

-include_lib("eunit/include/eunit.hrl").

row(Pid, More) ->
    maps:merge(
        #{
            pid => Pid,
            name => {gen_server, loop, 7},
            mode => whitelist,
            flags => 16#b0,
            hash => binary:copy(<<"1a2b3c4d">>, 8),
            comment => <<>>,
            denials => 0,
            reductions => 1234,
            memory => 2688,
            queue => 0
        },
        More
    ).

lines(Rows, More) ->
    string:split(unicode:characters_to_list(seccomp_i:table(Rows, More)), "\n", all).

%% -- The table ---------------------------------------------------------------

nothing_to_show_is_a_sentence_test() ->
    ?assertEqual(["No process is restricted.", ""], lines([], 0)).

a_row_reads_well_test() ->
    [Header, Row | _] = lines([row(list_to_pid("<0.123.0>"), #{comment => <<"calc">>})], 0),
    ?assertEqual(
        "pid         name            mode  EMSI policy         denials  reds memory queue", Header
    ),
    ?assertEqual(
        "<0.123.0>   gen_server:lo.. white E-SI 1a2b3c4d calc        0  1234   2688     0", Row
    ).

whatever_is_in_it_a_line_has_80_columns_test() ->
    Large = 1 bsl 70,
    Strange = ["a\nb\r\e[31m", 16#202e, 16#9b, lists:duplicate(500, $x)],
    Hostile = unicode:characters_to_binary(Strange),
    Rows = [
        row(list_to_pid("<0.123.0>"), #{
            name => list_to_atom(lists:duplicate(255, $n)),
            comment => Hostile,
            denials => 1024,
            reductions => Large,
            memory => Large,
            queue => Large
        }),
        row(self(), #{name => 'two\nlines', reductions => busy, memory => busy, queue => busy})
    ],
    Lines = lines(Rows, 12345),
    ?assertEqual(6, length(Lines)),
    [?assert(string:length(Line) =< 80) || Line <- Lines],
    [?assertEqual([], [C || C <- Line, C < $\s orelse C >= 16#7f]) || Line <- Lines],
    ?assertEqual("... and 12345 more", lists:nth(4, Lines)).

numbers_are_short_test() ->
    Short = [
        {0, "0"}, {9999, "9999"}, {10_000, "10K"}, {9_999_999, "9999K"}, {12_345_678, "12M"},
        {busy, "busy"}
    ],
    [?assertEqual({N, Text}, {N, seccomp_i:short(N)}) || {N, Text} <- Short],
    [?assert(length(seccomp_i:short(1 bsl N)) =< 5) || N <- lists:seq(0, 53)].

one_process_is_a_line_for_each_fact_test() ->
    Text = unicode:characters_to_list(seccomp_i:process(row(self(), #{comment => <<"a\nb">>}))),
    Lines = string:split(string:trim(Text), "\n", all),
    ?assertEqual(10, length(Lines)),
    ?assert(lists:member("comment    a b", Lines)),
    [?assert(string:length(Line) =< 80) || Line <- Lines].

%% -- On this emulator --------------------------------------------------------

printing_returns_ok_test() ->
    ?assertEqual(ok, seccomp:i()),
    ?assertEqual(ok, seccomp:i(self())),
    ?assertError(badarg, seccomp:i(x)).

metrics_are_plain_numbers_test() ->
    Metrics = seccomp:metrics(),
    ?assert(maps:size(Metrics) >= 9),
    [?assert(is_atom(K) andalso is_integer(V) andalso V >= 0) || {K, V} <- maps:to_list(Metrics)].

restricted_test_() ->
    case seccomp:enforcement() of
        #{status := unsupported} -> [];
        #{status := enforced} ->
            [{timeout, 60, fun most_denied_come_first/0}, {timeout, 60, fun comments_stay/0}]
    end.

most_denied_come_first() ->
    {ok, Policy} = seccomp:compile(#{
        mode => blacklist, rules => [{os, getpid, 0}], comment => <<"top">>
    }),
    Test = self(),
    Start = fun(Times) ->
        Pid = seccomp:spawn(Policy, fun() ->
            [catch os:getpid() || _ <- lists:seq(1, Times)],
            Test ! {ready, self()},
            receive
                stop -> ok
            end
        end),
        receive
            {ready, Pid} -> Pid
        after 30000 -> error(not_ready)
        end
    end,
    [None, Two, Five, Also] = Pids = [Start(N) || N <- [0, 2, 5, 2]],
    ok = seccomp:forget_origin(),
    {Rows, 0} = seccomp_watch:processes(4),
    ?assertEqual(
        [{Five, 5}, {Two, 2}, {Also, 2}, {None, 0}],
        [{Pid, N} || #{pid := Pid, denials := N} <- Rows]
    ),
    ?assertMatch({[#{pid := Five, comment := <<"top">>}], 3}, seccomp_watch:processes(1)),
    %% One that ended is gone, and one that is suspended does not hold it up.
    true = erlang:suspend_process(Two),
    Monitor = monitor(process, Also),
    true = exit(Also, kill),
    receive
        {'DOWN', Monitor, process, Also, _} -> ok
    end,
    {Now, _} = seccomp_watch:processes(20),
    ?assertEqual([Five, Two, None], [Pid || #{pid := Pid} <- Now]),
    [true = exit(Pid, kill) || Pid <- Pids],
    ok.

%% Equal policies are one object; the first comment stays, and met ones join.
comments_stay() ->
    Map = #{mode => blacklist, rules => [{os, getpid, 0}, {os, getenv, 0}]},
    {ok, {_, Ref} = Policy} = seccomp:compile(Map#{comment => <<"one">>}),
    {ok, {_, Same}} = seccomp:compile(Map#{comment => <<"two">>}),
    ?assertMatch(#{comment := <<"one">>}, seccomp_nif:policy_info(Same)),
    Pid = spawn(fun() ->
        receive
            stop -> ok
        end
    end),
    ok = seccomp:set_policy(Pid, Policy),
    ok = seccomp:restrict(Pid, blacklist, [{os, cmd, 1}], #{comment => <<"more">>}),
    ?assertMatch(#{comment := <<"one; more">>}, seccomp:info(Pid)),
    ?assertMatch(#{comment := <<"one">>}, seccomp_nif:policy_info(Ref)),
    ?assertMatch(
        [#{comment := <<"one; more">>, processes := 1}],
        [P || #{comment := <<"one", _/binary>>} = P <- element(1, seccomp_watch:policies(10))]
    ),
    true = exit(Pid, kill).
