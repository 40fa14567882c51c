%% SPDX-License-Identifier: Apache-2.0
%%
%% Evaluating what strangers wrote: values, limits, and that nothing is left.
-module(seccomp_eval_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, groups/0, init_per_suite/1, end_per_suite/1]).
-export([init_per_group/2, end_per_group/2]).
-export([
    lines_of_the_demo/1,
    values_and_output/1,
    errors_are_those_of_erlang/1,
    denials/1,
    a_forged_denial_is_an_exception/1,
    time_is_limited/1,
    reductions_are_limited/1,
    heap_is_limited/1,
    binaries_are_limited/1,
    output_is_limited/1,
    messages_are_limited/1,
    children_are_limited/1,
    children_end_with_the_evaluation/1,
    source_is_limited/1,
    modules_are_refused/1,
    functions_are_defined/1,
    sessions_keep_bindings/1,
    many_at_once/1,
    nothing_is_left/1,
    caller_that_ends_takes_it_along/1,
    caller_acts_for_nobody/1,
    children_that_talk_are_counted/1,
    children_of_servers_are_counted/1,
    no_atoms_are_made/1,
    compiling_evaluates_nothing_denied/1,
    compiled_modules_are_few_and_go/1,
    compiled_funs_stay_inside/1,
    options_are_checked/1,
    stock_refuses/1
]).
-export([atoms/2, exports/0]).

suite() -> [{timetrap, {seconds, 120}}].

all() ->
    [
        {group, interpreted}, {group, compiled}, no_atoms_are_made, sessions_keep_bindings,
        compiling_evaluates_nothing_denied, compiled_modules_are_few_and_go,
        compiled_funs_stay_inside, options_are_checked, stock_refuses
    ].

groups() ->
    Both = [
        lines_of_the_demo, values_and_output, errors_are_those_of_erlang, denials,
        a_forged_denial_is_an_exception, time_is_limited, reductions_are_limited, heap_is_limited,
        binaries_are_limited, output_is_limited, messages_are_limited, children_are_limited,
        children_end_with_the_evaluation, source_is_limited, modules_are_refused, functions_are_defined, many_at_once,
        nothing_is_left, caller_that_ends_takes_it_along, caller_acts_for_nobody,
        children_that_talk_are_counted, children_of_servers_are_counted
    ],
    [{interpreted, Both}, {compiled, Both}].

init_per_suite(Config) ->
    seccomp_test_run:must_enforce(),
    %% Atoms that people use, which the compiler would know in their code.
    _ = [a, b, c, x, y, yes, no, racecar, infinity, name, date, abc],
    Config.

end_per_suite(_Config) -> ok.

init_per_group(Group, Config) -> [{opts, #{compile => Group =:= compiled}} | Config].

end_per_group(_Group, _Config) -> ok.

eval(Config, Source) -> eval(Config, Source, #{}).

eval(Config, Source, Opts) -> seccomp_eval:eval(Source, maps:merge(?config(opts, Config), Opts)).

value(Config, Source) ->
    {ok, #{value := Value}} = eval(Config, Source),
    Value.

%% A loop that goes on, and one that takes more and more.
-define(FOREVER, "(fun Loop(Key) -> Loop(Key + 1) end)(0).").
-define(GROW, "(fun Loop(List) -> Loop([List, 1, 2 | List]) end)([]).").

%% -- Values and reasons ------------------------------------------------------

lines_of_the_demo(Config) ->
    File = filename:join([
        filename:dirname(?FILE), "..", "examples", "human_input.txt"
    ]),
    {ok, Bytes} = file:read_file(File),
    [_, Harmless, Hostile] = [
        [L || L <- string:split(Part, "\n", all), not lists:member(L, ["", <<>>]), binary:first(L) =/= $%]
     || Part <- re:split(Bytes, "^# (?:harmless|hostile)$", [unicode, multiline])
    ],
    ?assert(length(Harmless) > 40 andalso length(Hostile) > 40),
    [?assertMatch({_, {ok, #{}}}, {Line, eval(Config, Line)}) || Line <- Harmless],
    [
        case eval(Config, Line) of
            {error, {denied, _}} -> ok;
            {error, {unknown_atom, _}} -> ok;
            {error, {unknown_function, #{name := <<"zzz_unknown_function_bomb/0">>}}} -> ok;
            Other -> ct:fail({got_through, Line, Other})
        end
     || Line <- Hostile
    ].

values_and_output(Config) ->
    ?assertEqual(3, value(Config, "1 + 2.")),
    ?assertEqual(3, value(Config, <<"1 + 2">>)),
    ?assertEqual([2, 4], value(Config, ["[X * 2 ", <<"|| X <- [1, 2]]">>])),
    ?assertEqual("grüße", value(Config, "\"grüße\"")),
    ?assertEqual(<<"日本"/utf8>>, value(Config, <<"<<\"日本\"/utf8>>"/utf8>>)),
    ?assertEqual(3, value(Config, "M = lists, F = sum, G = fun M:F/1, G([1, 2]).")),
    ?assertEqual(5, value(Config, "Some_name_never_seen = 2. Another_one = 3. Some_name_never_seen + Another_one.")),
    {ok, #{output := Output, bindings := Bindings}} =
        eval(Config, "Zorgl = 2, io:format(\"~p~n\", [Zorgl]), lists:foreach(fun io:put_chars/1, [\"a\", \"b\"])."),
    ?assertEqual(<<"2\nab">>, Output),
    ?assertEqual(#{<<"Zorgl">> => 2}, Bindings),
    ?assertMatch(
        {ok, #{value := 42, bindings := #{<<"Nevr">> := 40}}},
        eval(Config, "Nevr + Two.", #{bindings => #{<<"Nevr">> => 40, 'Two' => 2}})
    ).

errors_are_those_of_erlang(Config) ->
    Reason = fun(Source) ->
        {error, {exception, #{class := error, reason := Reason}}} = eval(Config, Source),
        Reason
    end,
    ?assertEqual({badmatch, 2}, Reason("1 = 2.")),
    ?assertEqual({case_clause, 1}, Reason("case 1 of 2 -> ok end.")),
    ?assertEqual(badarith, Reason("1 + a.")),
    ?assertEqual(ok, value(Config, "try 1 = 2 catch error:{badmatch, 2} -> ok end.")),
    ?assertMatch({badarity, _}, Reason("(fun(X) -> X end)().")),
    ?assertMatch({error, {exception, #{class := throw, reason := ok}}}, eval(Config, "throw(ok).")),
    ?assertMatch({error, {exception, #{class := exit, reason := killed}}}, eval(Config, "exit(killed).")),
    {error, {syntax, #{line := 2, message := Text}}} = eval(Config, "1 +\nNot_bound_here."),
    ?assertEqual(<<"variable 'Not_bound_here' is unbound">>, Text),
    [?assertMatch({_, {error, {syntax, _}}}, {S, eval(Config, S)}) || S <- ["", "1 +", "\"a", "'a", "16#", "$", "\"\"\"\na\n\"\"\"", <<255>>]].

denials(Config) ->
    ?assertMatch(
        {error, {denied, #{mfa := {os, cmd, 1}, output := <<"before">>}}},
        eval(Config, "io:put_chars(\"before\"), os:cmd(\"id\").")
    ),
    Kill = seccomp_test_run:policy(whitelist, seccomp_eval:policy_rules(), #{on_deny => kill}),
    ?assertMatch(
        {error, {denied, #{mfa := {os, cmd, 1}}}},
        eval(Config, "catch os:cmd(\"id\").", #{policy => Kill})
    ),
    Os = seccomp_test_run:policy(whitelist, [{os, getpid, 0} | seccomp_eval:policy_rules()]),
    ?assertMatch({ok, #{value := [_ | _]}}, eval(Config, "os:getpid().", #{policy => Os})).

a_forged_denial_is_an_exception(Config) ->
    ?assertMatch(
        {error, {exception, #{reason := {seccomp, {os, cmd, 1}}}}},
        eval(Config, "error({seccomp, {os, cmd, 1}}).")
    ).

%% -- Limits ------------------------------------------------------------------

time_is_limited(Config) ->
    Opts = #{timeout => 200, max_reductions => 1 bsl 60},
    {error, {timeout, #{limit := 200, output := <<"started">>}}} =
        eval(Config, "io:put_chars(\"started\"), " ++ ?FOREVER, Opts),
    %% Waiting takes no reductions.
    ?assertMatch({error, {timeout, _}}, eval(Config, "receive never -> ok end.", Opts)).

reductions_are_limited(Config) ->
    ?assertMatch(
        {error, {reductions, #{limit := 1000000}}},
        eval(Config, ?FOREVER, #{max_reductions => 1000000, timeout => 60000})
    ),
    ?assertMatch({ok, _}, eval(Config, "lists:sum(lists:seq(1, 100)).", #{max_reductions => 1000000})).

heap_is_limited(Config) ->
    Opts = #{max_heap => 8000000, timeout => 60000, max_reductions => 1 bsl 60},
    ?assertMatch({error, {memory, #{limit := 8000000}}}, eval(Config, ?GROW, Opts)),
    ?assertMatch({error, {memory, _}}, eval(Config, "length(lists:seq(1, 10000000)).", Opts)),
    ?assertMatch({ok, _}, eval(Config, "length(lists:seq(1, 10000)).", Opts)).

binaries_are_limited(Config) ->
    Opts = #{max_heap => 8000000, timeout => 60000, max_reductions => 1 bsl 60},
    Source = "(fun Loop(List) -> Loop([binary:copy(<<0>>, 100000) | List]) end)([]).",
    ?assertMatch({error, {memory, _}}, eval(Config, Source, Opts)).

output_is_limited(Config) ->
    Print = "[io:put_chars(\"0123456789\") || _ <- lists:seq(1, 20)].",
    {error, {output, #{limit := 100, output := Output}}} = eval(Config, Print, #{max_output => 100}),
    ?assertEqual(100, byte_size(Output)),
    %% Catching the exit does not help.
    Caught = "[catch io:put_chars(\"0123456789\") || _ <- lists:seq(1, 20)].",
    ?assertMatch({error, {output, _}}, eval(Config, Caught, #{max_output => 100})),
    ?assertMatch({ok, _}, eval(Config, Print, #{max_output => 200})).

messages_are_limited(Config) ->
    Policy = seccomp_test_run:policy(whitelist, [{erlang, send, 2}, {erlang, '!', 2}, {erlang, self, 0} | seccomp_eval:policy_rules()]),
    Source = "Self = self(), (fun Loop() -> erlang:send(Self, ok), Loop() end)().",
    Opts = #{policy => Policy, max_messages => 500, max_reductions => 1 bsl 60, timeout => 60000},
    ?assertMatch({error, {messages, #{limit := 500}}}, eval(Config, Source, Opts)).

spawning() ->
    seccomp_test_run:policy(whitelist, ['@spawn', {erlang, self, 0} | seccomp_eval:policy_rules()]).

children_are_limited(Config) ->
    Child = "spawn(fun() -> receive never -> ok end end)",
    Policy = spawning(),
    ?assertMatch({error, {denied, #{mfa := {erlang, spawn, _}}}}, eval(Config, Child, #{policy => Policy})),
    ?assertMatch({ok, _}, eval(Config, "is_pid(" ++ Child ++ ").", #{policy => Policy, max_children => 1})),
    Many = "[" ++ Child ++ " || _ <- lists:seq(1, 20)], receive never -> ok end.",
    ?assertMatch({error, {children, #{limit := 10}}}, eval(Config, Many, #{policy => Policy, max_children => 10})).

children_end_with_the_evaluation(Config) ->
    Before = seccomp:processes(),
    Grandchildren =
        "[spawn(fun() -> spawn(fun() -> receive never -> ok end end), receive never -> ok end end)"
        " || _ <- lists:seq(1, 5)], receive after 50 -> ok end.",
    ?assertMatch({ok, _}, eval(Config, Grandchildren, #{policy => spawning(), max_children => 100})),
    seccomp_test_run:eventually(fun() -> seccomp:processes() -- Before =:= [] end),
    %% Each starts another one and ends.
    #{level := Level} = logger:get_primary_config(),
    ok = logger:set_primary_config(level, none),
    Runaway = "(fun Loop() -> spawn(Loop), Loop() end)().",
    {error, {children, _}} = eval(Config, Runaway, #{policy => spawning(), max_children => 50}),
    ok = logger:set_primary_config(level, Level),
    seccomp_test_run:eventually(fun() -> seccomp:processes() -- Before =:= [] end).

source_is_limited(Config) ->
    Long = lists:duplicate(1001, $1),
    ?assertMatch({error, {too_long, #{limit := 1000}}}, eval(Config, Long, #{max_source => 1000})),
    ?assertMatch({error, {too_long, _}}, eval(Config, lists:duplicate(1001, 8364), #{max_source => 1000})),
    Names = lists:flatten(["Never_seen_" ++ integer_to_list(N) ++ " = 1, " || N <- lists:seq(1, 300)]) ++ "ok.",
    ?assertMatch({error, {too_many_variables, _}}, eval(Config, Names)),
    Deep = lists:duplicate(30000, $() ++ "1" ++ lists:duplicate(30000, $)),
    ?assertMatch({ok, #{value := 1}}, eval(Config, Deep)).

%% Each text, in a session.
session(Config, Texts) -> session(Config, Texts, #{}).

session(Config, Texts, Opts) ->
    {ok, Session} = seccomp_eval:session(maps:merge(?config(opts, Config), Opts)),
    {Answer, _} = lists:foldl(fun(Text, {_, S}) -> seccomp_eval:eval(Text, S) end, {none, Session}, Texts),
    Answer.

functions_are_defined(Config) ->
    Fib = "qfib(N) when N < 2 -> N; qfib(N) -> qfib(N - 1) + qfib(N - 2).",
    ?assertMatch({ok, #{value := 55}}, eval(Config, Fib ++ " qfib(10).")),
    ?assertMatch({ok, #{value := 55}}, eval(Config, "qfib(10). " ++ Fib)),
    ?assertMatch({ok, #{value := ok, bindings := #{}}}, eval(Config, Fib)),
    ?assertMatch({ok, #{value := 55}}, session(Config, [Fib, "X = 10.", "qfib(X)."])),
    ?assertMatch({ok, #{value := [1, 1, 2]}}, session(Config, [Fib, "lists:map(fun qfib/1, [1, 2, 3])."])),
    %% One in place of another, which the first one calls, too.
    Twice = "qtwice(X) -> qone(qone(X)).",
    ?assertMatch({ok, #{value := 3}}, session(Config, ["qone(X) -> X + 1. " ++ Twice, "qtwice(1)."])),
    ?assertMatch(
        {ok, #{value := 9}},
        session(Config, ["qone(X) -> X + 1. " ++ Twice, "qone(X) -> X * 3.", "qtwice(1)."])
    ),
    ?assertMatch({ok, #{value := {1, 2}}}, session(Config, ["q() -> 1. q(X) -> X.", "{q(), q(2)}."])),
    %% What it was is not changed: a session is a value, and an error defines nothing.
    Undefined = fun(Answer) ->
        ?assertMatch({error, {unknown_function, #{line := 1, name := <<"qfib/1">>}}}, Answer)
    end,
    Undefined(eval(Config, "qfib(10).")),
    Undefined(session(Config, [Fib ++ " 1 = 2.", "qfib(10)."])),
    ?assertMatch({error, {syntax, _}}, eval(Config, "qone(X) -> Y.")),
    ?assertMatch({error, {syntax, _}}, eval(Config, "qtwice(X) -> case X of")),
    ?assertMatch({error, {syntax, _}}, eval(Config, "length(X) -> X. length([]).")),
    %% They run under the policy, and print where others do.
    ?assertMatch({error, {denied, #{mfa := {os, cmd, 1}}}}, session(Config, ["qcmd(X) -> os:cmd(X).", "qcmd(\"id\")."])),
    ?assertMatch({ok, #{output := <<"a">>}}, session(Config, ["qsay(X) -> io:put_chars(X).", "qsay(\"a\")."])),
    %% A loop is one.
    Loop = "qloop(0, A) -> A; qloop(N, A) -> qloop(N - 1, A + N).",
    Small = #{max_heap => 8000000, max_reductions => 1 bsl 60, timeout => 60000},
    ?assertMatch({ok, #{value := 5000050000}}, session(Config, [Loop, "qloop(100000, 0)."], Small)),
    %% No more of them than there are names, and nobody else's.
    Many = lists:flatten(["qf" ++ integer_to_list(N) ++ "() -> ok. " || N <- lists:seq(1, 300)]),
    ?assertMatch({error, {too_many_variables, _}}, eval(Config, Many)),
    Known = lists:flatten(["ok(" ++ lists:join($,, lists:duplicate(N, $_)) ++ ") -> ok. " || N <- lists:seq(0, 21)]),
    ?assertMatch({error, {syntax, _}}, eval(Config, Known)),
    ?assertMatch({error, {unknown_atom, _}}, eval(Config, Fib ++ " lists:qfib(1).")),
    ?assertMatch({error, {unknown_atom, _}}, eval(Config, Fib ++ " qfib.")).

modules_are_refused(Config) ->
    ?assertMatch({error, {refused, #{what := module}}}, eval(Config, "-module(lists).")).

many_at_once(Config) ->
    Self = self(),
    Source = "lists:sum([X || X <- lists:seq(1, 1000)]).",
    Pids = [spawn_link(fun() -> Self ! {self(), until_free(Config, Source)} end) || _ <- lists:seq(1, 30)],
    [
        receive
            {Pid, Answer} -> ?assertMatch({ok, #{value := 500500}}, Answer)
        end
     || Pid <- Pids
    ].

%% There are eight names for compiled modules.
until_free(Config, Source) ->
    case eval(Config, Source) of
        {error, {busy, #{limit := 8}}} -> timer:sleep(2), until_free(Config, Source);
        Answer -> Answer
    end.

nothing_is_left(Config) ->
    _ = eval(Config, "1."),
    Processes = length(processes()),
    [eval(Config, S, #{timeout => 50}) || S <- ["1.", "os:cmd(\"id\").", "1 = 2.", ?FOREVER, "receive never -> ok end."]],
    seccomp_test_run:eventually(fun() -> length(processes()) =< Processes end),
    ?assertEqual({messages, []}, process_info(self(), messages)).

caller_that_ends_takes_it_along(Config) ->
    Before = seccomp:processes(),
    {Pid, Monitor} = spawn_monitor(fun() -> eval(Config, "receive never -> ok end.", #{timeout => 600000}) end),
    seccomp_test_run:eventually(fun() -> length(seccomp:processes() -- Before) =:= 1 end),
    exit(Pid, kill),
    receive
        {'DOWN', Monitor, process, Pid, killed} -> ok
    end,
    seccomp_test_run:eventually(fun() -> seccomp:processes() -- Before =:= [] end).

%% Whatever it sends, the value comes back without its origin.
caller_acts_for_nobody(Config) ->
    Rules = ['@spawn', '@server', {erlang, send, 2}, {erlang, '!', 2}, {erlang, group_leader, 0}],
    Policy = seccomp_test_run:policy(whitelist, Rules ++ seccomp_eval:policy_rules(), #{send => any}),
    Opts = #{policy => Policy, max_children => 5, bindings => #{'Host' => self()}},
    Flags = fun() ->
        {Pid, Ref} = spawn_monitor(fun() -> exit(seccomp:flags(self())) end),
        receive
            {'DOWN', Ref, process, Pid, Byte} -> Byte
        end
    end,
    [
        begin
            {ok, _} = eval(Config, Source, Opts),
            ?assertEqual({Source, trusted}, {Source, seccomp:origin()}),
            ?assertEqual({Source, 0}, {Source, Flags()})
        end
     || Source <- ["1.", "group_leader() ! hello.", "spawn(fun() -> group_leader() ! hello end).", "Host ! hello."]
    ],
    %% The one that came is still there to be read, and carries its origin.
    receive
        hello -> ok
    end,
    ?assertMatch({restricted, _}, seccomp:origin()),
    ?assertMatch({error, {restricted, _}}, eval(Config, "1.")),
    ok = seccomp:forget_origin(),
    ?assertEqual(0, Flags()).

%% A child that acts for its parent is under the meet of both policies.
children_that_talk_are_counted(Config) ->
    Rules = ['@spawn', {erlang, send, 2}, {erlang, '!', 2}, {erlang, self, 0}],
    Policy = seccomp_test_run:policy(whitelist, Rules ++ seccomp_eval:policy_rules()),
    Source =
        "Work = fun() -> receive Fun -> [spawn(Fun) || _ <- [1, 2, 3]], receive never -> ok end end end,"
        "Child = spawn(Work), Child ! fun() -> receive never -> ok end end, receive after N -> ok end.",
    Before = seccomp:processes(),
    Run = fun(Max, Time) ->
        eval(Config, Source, #{policy => Policy, max_children => Max, bindings => #{'N' => Time}})
    end,
    ?assertMatch({error, {children, #{limit := 3}}}, Run(3, 4000)),
    seccomp_test_run:eventually(fun() -> seccomp:processes() -- Before =:= [] end),
    ?assertMatch({ok, _}, Run(4, 50)),
    seccomp_test_run:eventually(fun() -> seccomp:processes() -- Before =:= [] end).

%% What a server starts for the evaluated code counts, and ends with it.
children_of_servers_are_counted(Config) ->
    Server = spawn(fun Loop() ->
        receive
            {From, start} ->
                _ = spawn(fun() -> receive never -> ok end end),
                From ! started,
                Loop()
        end
    end),
    true = register(seccomp_eval_server, Server),
    Policy = seccomp_test_run:policy(
        whitelist,
        [{erlang, '!', 2}, {erlang, send, 2} | seccomp_eval:policy_rules()],
        #{send => [self, parent, children, replies, seccomp_eval_server]}
    ),
    Source =
        "Self = self(),"
        "[begin seccomp_eval_server ! {Self, start}, receive started -> ok end end || _ <- lists:seq(1, 5)],"
        "receive after N -> ok end.",
    Before = seccomp:processes(),
    Run = fun(Max, Time) ->
        eval(Config, Source, #{policy => Policy, max_children => Max, bindings => #{'N' => Time}})
    end,
    %% A child too many may do nothing, and is reported when it tries.
    #{level := Level} = logger:get_primary_config(),
    ok = logger:set_primary_config(level, none),
    ?assertMatch({error, {children, #{limit := 4}}}, Run(4, 4000)),
    ok = logger:set_primary_config(level, Level),
    seccomp_test_run:eventually(fun() -> seccomp:processes() -- Before =:= [] end),
    ?assertMatch({ok, #{value := ok}}, Run(5, 0)),
    seccomp_test_run:eventually(fun() -> seccomp:processes() -- Before =:= [] end),
    ?assertEqual(0, seccomp:flags(Server)),
    exit(Server, kill).

%% -- Sessions and atoms ------------------------------------------------------

sessions_keep_bindings(_Config) ->
    {ok, S0} = seccomp_eval:session(#{}),
    {{ok, #{value := 1}}, S1} = seccomp_eval:eval("Abrakadab = 1.", S0),
    {{ok, _}, S2} = seccomp_eval:eval("Adder = fun(X) -> X + Abrakadab end.", S1),
    {{error, {exception, _}}, S3} = seccomp_eval:eval("Abrakadab = 2.", S2),
    {{ok, #{value := 42}}, S4} = seccomp_eval:eval("Adder(41).", S3),
    ?assertMatch(#{<<"Abrakadab">> := 1, <<"Adder">> := _}, seccomp_eval:bindings(S4)),
    ?assertEqual(#{}, seccomp_eval:bindings(S0)),
    %% Names in place of others are given back.
    {ok, Last} = lists:foldl(
        fun(N, {ok, S}) ->
            {{ok, _}, Next} = seccomp_eval:eval("(fun(Not_seen_" ++ integer_to_list(N) ++ ") -> ok end)(1).", S),
            {ok, Next}
        end,
        {ok, S4},
        lists:seq(1, 300)
    ),
    ?assertMatch({{ok, #{value := 42}}, _}, seccomp_eval:eval("Adder(41).", Last)),
    {ok, C0} = seccomp_eval:session(#{compile => true}),
    {{ok, _}, C1} = seccomp_eval:eval("Abrakadab = [1, 2].", C0),
    ?assertMatch({{ok, #{value := 3}}, _}, seccomp_eval:eval("lists:sum(Abrakadab).", C1)).

%% In a node where nobody else makes atoms.
no_atoms_are_made(_Config) ->
    Peer = seccomp_test_node:start(same),
    [
        ?assertEqual({Compile, 0}, {Compile, seccomp_test_node:call(Peer, ?MODULE, atoms, [Compile, N])})
     || {Compile, N} <- [{read, 20000}, {false, 300}, {true, 300}]
    ],
    seccomp_test_node:stop(Peer).

atoms(How, N) ->
    Do = fun(Text) ->
        case How of
            read -> seccomp_eval_scan:read(Text, #{});
            _ -> seccomp_eval:eval(Text, #{compile => How, timeout => 1000})
        end
    end,
    %% What it makes when it is first used.
    %% Modules that are loaded when they are needed bring atoms of their own.
    _ = application:load(compiler),
    [
        code:ensure_loaded(Module)
     || App <- [kernel, stdlib, compiler],
        {ok, Modules} <- [application:get_key(App, modules)],
        Module <- Modules
    ],
    %% Names that stand for others.
    _ = [seccomp_eval_scan:pool(I) || I <- lists:seq(1, 256)],
    [Do(Text) || Text <- ["\\€" | tricks(warm)] ++ [random(warm) || _ <- lists:seq(1, min(3000, 2 * N))]],
    Before = erlang:system_info(atom_count),
    lists:foldl(
        fun(Text, Last) ->
            _ = Do(Text),
            case erlang:system_info(atom_count) of
                Last -> Last;
                Now -> io:format("~p made ~b atoms~n", [Text, Now - Last]), Now
            end
        end,
        Before,
        tricks(cold) ++ [random(cold) || _ <- lists:seq(1, N)]
    ),
    erlang:system_info(atom_count) - Before.

tricks(Word) ->
    W = "qzx" ++ atom_to_list(Word),
    U = "Qzx" ++ atom_to_list(Word),
    [W, U, "'" ++ W ++ "'", "'\\x71zx" ++ W ++ "'", "\"\\^\"" ++ W ++ "\"", "$\\^'" ++ W ++ "'", "$'" ++ W,
     "$\\x{41}" ++ W, "$\\x41" ++ W, "$\\101" ++ W, "16#ff" ++ W, "1_" ++ W, "1__" ++ W, "1.0e5" ++ W, "1.0e" ++ W,
     "2#1" ++ W, "36#1_" ++ W, "\"a\\\"" ++ W ++ "\"", "% '\n" ++ W, "'a\\'" ++ W ++ "'", "1." ++ W, "1.e" ++ W,
     "\"\" " ++ W, "\"\"\"\n" ++ W, "~\"a\"" ++ W, "#" ++ W ++ "{}", "?" ++ W, "ß" ++ W, "Ä" ++ W, "÷" ++ W, "×" ++ W,
     W ++ "(X) -> X.", W ++ "() -> " ++ W ++ "().", W ++ " (1)", "fun " ++ W ++ "/1.",
     "fun " ++ W ++ "/1", "fun lists:" ++ W ++ "/1", W ++ ":" ++ W ++ "()", "list_to_atom(\"" ++ W ++ "\")",
     "catch binary_to_atom(<<\"" ++ W ++ "\">>, utf8)", "X = " ++ U ++ ", X", U ++ " = 1, " ++ U, "$\\^" ++ W, "$\\" ++ W,
     "list_to_atom(\"a\" ++ \"" ++ W ++ "\")", "'\\^a" ++ W ++ "'",
     "'\\\"" ++ W ++ "'", "'\\\\\" " ++ W ++ "'", "'\\^\" " ++ W ++ "'"].

random(Word) ->
    Parts = ["'", "\"", "\\", "$", "%", "\n", " ", "#", "16#", "1", ".", "e", "_", "^", "{", "}", "x", "A", "(", ")",
             "->", "@", "ok", "~", "ä", "Ö", "€", "qzz" ++ atom_to_list(Word) ++ integer_to_list(rand:uniform(100000)),
             "Qzz" ++ integer_to_list(rand:uniform(100000))],
    lists:append([lists:nth(rand:uniform(length(Parts)), Parts) || _ <- lists:seq(1, rand:uniform(12))]).

%% -- Compiled ----------------------------------------------------------------

%% The compiler would evaluate `list_to_atom("a")`, the loader would make an
%% export entry of each function that is named.
compiling_evaluates_nothing_denied(_Config) ->
    Compiled = #{compile => true},
    [
        ?assertMatch({_, {error, {denied, #{mfa := {erlang, F, _}}}}}, {F, seccomp_eval:eval(Source, Compiled)})
     || {F, Source} <- [
            {list_to_atom, "list_to_atom(\"abc_no_such\")."},
            {list_to_atom, "erlang:list_to_atom(\"abc_no_such\")."},
            {binary_to_atom, "binary_to_atom(<<\"abc_no_such\">>, utf8)."},
            {list_to_pid, "list_to_pid(\"<0.0.0>\")."}
        ]
    ],
    ?assertError(badarg, list_to_existing_atom("abc_no" ++ "_such")),
    Peer = seccomp_test_node:start(same),
    {Before, After} = seccomp_test_node:call(Peer, ?MODULE, exports, []),
    seccomp_test_node:stop(Peer),
    %% What `apply/3` may make of names that are not there has a bound of its own.
    ?assert(After - Before < 5000).

exports() ->
    Count = fun() -> [N || {index_table, export_list, N} <- [export_table()]] end,
    _ = seccomp_eval:eval("1.", #{compile => true}),
    [Before] = Count(),
    Atoms = [lists, maps, string, ok, true, false, error, exit, throw, undefined, self, node],
    [
        seccomp_eval:eval(io_lib:format("[fun() -> ~p:~p(~s) end || _ <- []].", [M, F, lists:join(",", lists:duplicate(A, "1"))]), #{compile => true})
     || M <- Atoms, F <- Atoms, A <- lists:seq(0, 9)
    ],
    [After] = Count(),
    {Before, After}.

export_table() ->
    Info = erlang:system_info(info),
    %% `export_list` before 29, then `export_staged_index`.
    Entry = "=index_table:export_\\w+.*?entries: (\\d+)",
    {match, [N]} = re:run(Info, Entry, [dotall, {capture, [1], list}]),
    {index_table, export_list, list_to_integer(N)}.

compiled_modules_are_few_and_go(_Config) ->
    [{ok, _} = seccomp_eval:eval("1.", #{compile => true}) || _ <- lists:seq(1, 50)],
    seccomp_test_run:eventually(fun() -> [M || M <- erlang:loaded(), is_private(M)] =:= [] end),
    ?assertEqual([], [M || {M, _} <- code:all_loaded(), is_private(M)]).

is_private(Module) -> lists:prefix("seccomp_eval_m", atom_to_list(Module)).

compiled_funs_stay_inside(_Config) ->
    Compiled = #{compile => true},
    ?assertMatch({error, {refused, #{what := 'fun'}}}, seccomp_eval:eval("fun(X) -> X end.", Compiled)),
    ?assertMatch({error, {refused, _}}, seccomp_eval:eval("#{a => [fun(X) -> X end]}.", Compiled)),
    %% One inside a fun of another module.
    ?assertMatch({error, {refused, _}}, seccomp_eval:eval("F = fun(X) -> X end, maps:iterator(#{F => F}).", Compiled)),
    {ok, #{value := 7, bindings := Bindings}} = seccomp_eval:eval("F = fun(X) -> X end, G = 7, F(G).", Compiled),
    ?assertEqual(#{<<"G">> => 7}, Bindings),
    {error, {exception, #{reason := Reason}}} = seccomp_eval:eval("error({bad, fun(X) -> X end}).", Compiled),
    ?assertEqual({bad, compiled_fun}, Reason),
    %% This process, which has the answers, was not ended with the code.
    timer:sleep(50).

options_are_checked(_Config) ->
    [
        ?assertMatch({_, {error, {Name, _}}}, {Opts, seccomp_eval:eval("1.", Opts)})
     || {Name, Opts} <- [
            {unknown_option, #{time => 1}},
            {bad_option, #{timeout => 0}},
            {bad_option, #{max_children => -1}},
            {bad_option, #{compile => yes}},
            {bad_option, #{policy => foo}},
            {bad_option, #{bindings => #{x => 1}}},
            {bad_option, #{bindings => #{<<"X Y">> => 1}}},
            {bad_option, #{
                max_children => 1,
                policy => seccomp_test_run:policy(whitelist, ['@eval'], #{inherit => false})
            }}
        ]
    ].

stock_refuses(_Config) ->
    case filelib:is_regular(seccomp_test_node:stock_erl()) of
        true ->
            Peer = seccomp_test_node:start(stock),
            Answer = seccomp_test_node:call(Peer, seccomp_eval, eval, ["1 + 1."]),
            seccomp_test_node:stop(Peer),
            ?assertMatch({error, {unsupported, _}}, Answer);
        false ->
            {skip, "there is no stock erl"}
    end.
