%% SPDX-License-Identifier: Apache-2.0
%%
%% The emulator and the library against a model of what they should do.
%%
%% Random commands run on a node of their own; what each gives, and all that can
%% be seen after it, has to be what the model says. A run that fails is shrunk
%% and left in the log directory of the suite as `failed-*.counterexample`. To
%% have it replayed for good, copy the file into seccomp_oracle_SUITE_data under
%% a name that says what it is about.
%%
%% SECCOMP_ORACLE_COMMANDS=N runs as many commands instead of 20,000.
-module(seccomp_oracle_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([groups_are_read_alike/1, check_agrees/1, duplicates_are_found/1]).
-export([counterexamples_pass/1, meddling_is_noticed/1, crash_is_noticed/1, emulator_agrees/1]).
-export([meddle/1]).

suite() -> [{timetrap, {hours, 12}}].

all() ->
    [
        groups_are_read_alike,
        check_agrees,
        duplicates_are_found,
        counterexamples_pass,
        meddling_is_noticed,
        crash_is_noticed,
        emulator_agrees
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

%% -- Without processes -------------------------------------------------------

%% The model's own reading of the files, and that it may read them so.
groups_are_read_alike(_Config) ->
    [
        begin
            {ok, Text} = file:read_file(File),
            ?assertEqual(nomatch, binary:match(Text, <<"\\">>))
        end
     || File <- seccomp_model_groups:files()
    ],
    Names = seccomp_model_groups:names(),
    ?assertEqual(Names, lists:sort(seccomp:groups())),
    [
        ?assertEqual({Name, expand(Name)}, {Name, seccomp_model_groups:expand(Name)})
     || Name <- Names
    ].

expand(Name) ->
    {ok, #{members := Members}} = seccomp:group(Name),
    lists:usort(lists:flatmap(fun({Rule, _}) -> member(Rule) end, Members)).

member({M, F, A}) -> [{M, F, A}];
member({M, F}) -> [{M, F, '_'}];
member(Atom) ->
    case atom_to_list(Atom) of
        "@" ++ _ -> expand(Atom);
        _ -> [{Atom, '_', '_'}]
    end.

check_agrees(_Config) ->
    Seen = fun(Answers) -> put(?MODULE, Answers) end,
    passes(seccomp_oracle_pure:prop_check(Seen), 400, seccomp_oracle_pure),
    Answers = erase(?MODULE),
    Allowed = length([yes || true <- Answers]),
    ct:pal("~b answers, ~b of them allow", [length(Answers), Allowed]),
    ?assert(Allowed > length(Answers) div 5),
    ?assert(Allowed < length(Answers) * 4 div 5).

duplicates_are_found(_Config) ->
    passes(seccomp_oracle_pure:prop_duplicates(), 500, none).

passes(Prop, Tests, Why) ->
    case proper:quickcheck(Prop, [quiet, long_result, {numtests, Tests}]) of
        true -> ok;
        Counterexample -> ct:fail({Counterexample, get(Why)})
    end.

%% -- With them ---------------------------------------------------------------

counterexamples_pass(Config) ->
    Files = filelib:wildcard(filename:join(?config(data_dir, Config), "*.counterexample")),
    ?assertNotEqual([], Files),
    with_node(fun(Peer) ->
        Replay = fun(File) -> seccomp_test_node:call(Peer, seccomp_oracle_run, replay, [File]) end,
        [
            ?assertEqual({filename:basename(File), ok}, {filename:basename(File), Replay(File)})
         || File <- Files
        ]
    end).

%% An oracle that finds nothing passes, too: so somebody meddles with what the
%% model believes, and it has to see that.
meddling_is_noticed(Config) ->
    Opts = #{dir => ?config(priv_dir, Config), options => [noshrink]},
    [
        with_node(fun(Peer) ->
            _ = seccomp_test_node:call(Peer, erlang, spawn, [?MODULE, meddle, [How]]),
            ?assertMatch({How, {failed, [_ | _], _, _}}, {How, run(Peer, 2000, Opts)})
        end)
     || How <- [lift, replace, load, deny, command]
    ].

%% The commands are there when the emulator is not.
crash_is_noticed(Config) ->
    Dir = ?config(priv_dir, Config),
    with_node(fun(Peer) ->
        _ = seccomp_test_node:call(Peer, erlang, spawn, [?MODULE, meddle, [halt]]),
        {crashed, [_ | _] = Commands, Why} = run(Peer, 20000, #{dir => Dir}),
        File = seccomp_oracle_run:store(Dir, Commands, Why),
        ?assertEqual({ok, [Commands]}, file:consult(File)),
        ok = file:delete(File)
    end).

meddle(How) ->
    {ok, Policy} = seccomp:compile(#{mode => blacklist, rules => [{os, getpid, 0}]}),
    meddle(How, Policy).

meddle(How, Policy) ->
    ok = meddle_once(How, Policy),
    timer:sleep(20),
    meddle(How, Policy).

%% Those that a run has just ended, too.
meddle_once(lift, _) ->
    lists:foreach(fun(Pid) -> seccomp:lift(Pid) end, seccomp:processes());
meddle_once(replace, Policy) ->
    lists:foreach(fun(Pid) -> seccomp:set_policy(Pid, Policy) end, seccomp:processes());
meddle_once(load, _) ->
    seccomp_oracle_hot:load(seccomp_hot_a, 3);
%% In a process that lives and dies between two looks.
meddle_once(deny, Policy) ->
    {_, Monitor} = seccomp:spawn_monitor(Policy, fun() -> catch os:getpid() end),
    receive
        {'DOWN', Monitor, _, _, _} -> ok
    end;
meddle_once(command, _) ->
    Command = {do, make_ref(), {eval, {call, fixed, erlang, md5, ["a"], none}}},
    lists:foreach(fun(Pid) -> Pid ! Command end, seccomp:processes());
meddle_once(halt, _) ->
    ok = seccomp_test_run:eventually(fun() -> seccomp:processes() =/= [] end),
    timer:sleep(500),
    erlang:halt(3).

emulator_agrees(Config) ->
    Dir = ?config(priv_dir, Config),
    Wanted = seccomp_oracle_run:wanted(),
    case with_node(fun(Peer) -> run(Peer, Wanted, #{dir => Dir}) end) of
        {ok, Counts} ->
            ct:pal("~ts", [seccomp_oracle_run:summary(Counts)]),
            %% A short run need not have all.
            Wanted < 20000 orelse ?assertEqual([], seccomp_oracle_run:vacuous(Counts));
        {failed, Commands, Verdict, _Counts} ->
            failed(Dir, Commands, Verdict);
        {crashed, Commands, Why} ->
            failed(Dir, Commands, Why)
    end.

failed(Dir, Commands, Why) ->
    ct:fail({Why, {commands, seccomp_oracle_run:store(Dir, Commands, Why)}}).

run(Peer, Wanted, #{dir := Dir} = Opts) ->
    try
        peer:call(Peer, seccomp_oracle_run, run, [Wanted, Opts], infinity)
    catch
        Class:Reason ->
            {ok, Running} = file:read_file(filename:join(Dir, "running")),
            {crashed, binary_to_term(Running), {Class, Reason}}
    end.

with_node(Fun) ->
    Peer = seccomp_test_node:start(same),
    try
        ok = seccomp_test_node:call(Peer, seccomp_oracle_real, setup, []),
        Fun(Peer)
    after
        %% It may be gone.
        catch seccomp_test_node:stop(Peer)
    end.
