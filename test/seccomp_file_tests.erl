%% SPDX-License-Identifier: Apache-2.0
%%
%% Policies in files, as Erlang meets them: what is read, what is refused and
%% where, which atoms are made, and whom a policy lets read.
-module(seccomp_file_tests).

-include_lib("eunit/include/eunit.hrl").

-define(has(Part, Text), ?assertNotEqual(nomatch, string:find(Text, Part), Text)).

-define(EMPTY, "{\"mode\":\"whitelist\",\"rules\":[]}").

%% -- Reading -----------------------------------------------------------------

both_forms_compile_to_the_same_test() ->
    with_files(
        [
            {"p.json", [
                "{\"mode\": \"blacklist\", \"rules\": [\"os:cmd\", \"@file\",\n",
                "  {\"rule\": \"'Elixir.System':cmd/2\", \"comment\": \"why\"}],\n",
                "  \"spawn\": \"deny\", \"unknown\": \"allow\", \"provenance\": false,\n",
                "  \"send\": [\"self\", \"kv\", {\"name\": \"parent\"},\n",
                "    {\"name\": \"kv\", \"node\": \"a@b\"}]}"
            ]},
            {"p.terms", [
                "%% A comment.\n",
                "#{mode => blacklist, rules => [{os, cmd}, '@file',\n",
                "  #{rule => {'Elixir.System', cmd, 2}, comment => \"why\"}],\n",
                "  spawn => deny, unknown => allow, provenance => false,\n",
                "  send => [self, kv, {name, parent}, {kv, 'a@b'}]}.\n"
            ]}
        ],
        fun(Dir) ->
            [Json, Terms] = [filename:join(Dir, Name) || Name <- ["p.json", "p.terms"]],
            {ok, Map} = seccomp:read_policy(Json),
            ?assertEqual({ok, Map}, seccomp:read_policy(Terms)),
            ?assertMatch(
                #{
                    mode := blacklist,
                    rules := [
                        {os, cmd},
                        '@file',
                        #{rule := {'Elixir.System', cmd, 2}, comment := <<"why">>}
                    ],
                    spawn := deny,
                    provenance := false,
                    send := [self, kv, {name, parent}, {kv, 'a@b'}]
                },
                Map
            ),
            {ok, Policy} = seccomp:load_policy(list_to_binary(Terms)),
            ?assertMatch({deny, _}, seccomp:check(Policy, {os, cmd, 1})),
            Why = iolist_to_binary(seccomp:explain(Policy, {'Elixir.System', cmd, 2})),
            ?has(": why", Why),
            {ok, Same} = seccomp:compile(Map),
            ?assertEqual(seccomp:dump(Same), seccomp:dump(Policy)),
            %% And out again as JSON, comments included.
            {ok, Written} = seccomp:to_json(Map),
            ?assertEqual({ok, Map}, seccomp:from_json(Written))
        end
    ).

a_file_policy_is_enforced_test() ->
    Rules = "[\"@pure\", {\"rule\": \"os:getpid/0\", \"comment\": \"harmless\"}]",
    with_file("p.json", ["{\"mode\":\"whitelist\",\"rules\":", Rules, "}"], fun(File) ->
        {ok, Policy} = seccomp:load_policy(File),
        ?assertMatch(#{status := enforced}, seccomp:enforcement()),
        ?assertMatch([_ | _], run(Policy, fun() -> os:getpid() end)),
        ?assertMatch({{seccomp, {os, cmd, 1}}, _}, run(Policy, fun() -> os:cmd("id") end))
    end).

includes_are_relative_to_their_file_test() ->
    with_files(
        [
            {"top.json", including("a/b.terms", "\"lists\"")},
            {"a/b.terms", "#{mode => whitelist, include => [\"../c.json\"], rules => [maps]}."},
            {"c.json", "{\"mode\":\"whitelist\",\"rules\":[\"string\"]}"}
        ],
        fun(Dir) ->
            ?assertMatch(
                {ok, #{rules := [string, maps, lists]}},
                seccomp:read_policy(filename:join(Dir, "top.json"))
            )
        end
    ).

%% -- Refusing ----------------------------------------------------------------

what_does_not_exist_is_told_by_its_place_test() ->
    with_files(
        [
            {"top.json", including("b.terms", "\"lists\"")},
            {"b.terms", "#{mode => whitelist, rules => [\n    string,\n    {lists, mpa, 2}]}."}
        ],
        fun(Dir) ->
            Top = filename:join(Dir, "top.json"),
            {error, {unknown_function, Map} = Reason} = seccomp:load_policy(Top),
            Included = unicode:characters_to_binary(filename:join(Dir, "b.terms")),
            ?assertMatch(
                #{file := Included, line := 3, column := 5, did_you_mean := {lists, map, 2}}, Map
            ),
            ?assertNot(maps:is_key(position, Map)),
            Text = unicode:characters_to_list(seccomp:format_error(Reason)),
            ?has("b.terms:3:5: there is no function lists:mpa/2 (did you mean", Text)
        end
    ).

each_mistake_has_a_name_and_a_place_test() ->
    [
        with_file(Name, Text, fun(File) ->
            {error, {Error, Map}} = seccomp:load_policy(File),
            ?assertEqual({Expected, Text}, {Error, Text}),
            Path = unicode:characters_to_binary(File),
            ?assertMatch(#{file := Path, message := <<_, _/binary>>}, Map),
            ?assertEqual({Line, Column}, {maps:get(line, Map, 0), maps:get(column, Map, 0)})
        end)
     || {Name, Text, Expected, Line, Column} <- [
            {"p.json", "{\"mode\":\"whitelist\",\n\"rulez\":[]}", bad_json, 2, 1},
            {"p.json", "", bad_json, 1, 0},
            {"p.json", "{\"mode\":\"whitelist\",\"rules\":[\"@prue\"]}", unknown_group, 1, 30},
            {"p.json", "{\"mode\":\"whitelist\",\"rules\":[\"a\",\n\"a\"]}", duplicate_rule, 2, 1},
            {"p.json", <<"{\"mode\":\"", 255, "\"}">>, bad_file, 0, 0},
            {"p.terms", "#{mode => whitelist,\n rulez => []}.", bad_terms, 2, 2},
            {"p.terms", "#{mode => os:cmd(\"id\"), rules => []}.", bad_terms, 1, 13},
            {"p.terms", "#{mode => whitelist, rules => [fun os:cmd/1]}.", bad_terms, 1, 32},
            {"p.yaml", "mode: whitelist", bad_file, 0, 0},
            {"p.json", including("q.json", ""), bad_include, 1, 32},
            {"p.json", including("p.json", ""), bad_include, 1, 32}
        ]
    ].

what_is_no_file_test() ->
    Dir = directory(),
    [
        ?assertMatch({error, {bad_file, #{file := _}}}, seccomp:load_policy(Name))
     || Name <- ["/nowhere/p.json", Dir ++ ".json", "/dev/zero.json"]
    ],
    ok = file:make_symlink("/dev/zero", Dir ++ "/zero.json"),
    {error, Endless} = seccomp:load_policy(Dir ++ "/zero.json"),
    ?has("not a regular file", unicode:characters_to_list(seccomp:format_error(Endless))),
    ok = file:make_dir(Dir ++ "/d.json"),
    ?assertMatch({error, {bad_file, _}}, seccomp:read_policy(Dir ++ "/d.json")),
    ok = file:del_dir_r(Dir),
    [
        ?assertError(badarg, seccomp:F(Junk))
     || F <- [load_policy, read_policy],
        Junk <- [1, "", <<>>, [x], [-1], <<255>>, {a}, self(), #{}]
    ].

a_circle_of_files_ends_test() ->
    with_files(
        [
            {"d/a.json", including("../d/a.json", "")},
            {"b.json", including("c.json", "")},
            {"c.json", including("b.json", "")}
        ],
        fun(Dir) ->
            {error, {bad_include, #{message := Deep}}} = seccomp:load_policy(Dir ++ "/d/a.json"),
            ?has("through more than 8 files", Deep),
            {error, {bad_include, #{message := Circle}}} = seccomp:load_policy(Dir ++ "/b.json"),
            ?has("a circle", Circle)
        end
    ).

huge_files_are_refused_test_() ->
    {timeout, 120, fun() ->
        with_file("p.json", [lists:duplicate(16 * 1024 * 1024, $\s), ?EMPTY], fun(File) ->
            ?assertMatch({error, {bad_file, #{}}}, seccomp:load_policy(File))
        end),
        Deep = [lists:duplicate(100000, Open) || Open <- [$[, ${]],
        [
            with_file(Name, Text, fun(File) ->
                {error, {Error, _}} = seccomp:load_policy(File),
                ?assert(lists:member(Error, [bad_json, bad_terms]))
            end)
         || Text <- Deep, Name <- ["p.json", "p.terms"]
        ]
    end}.

%% -- Atoms -------------------------------------------------------------------

a_refused_file_makes_no_atoms_test() ->
    Names = [["{m, ", unique(N), "},"] || N <- lists:seq(1, 500)],
    Text = ["#{mode => whitelist, unknown => allow, rules => [", Names, " {m, f, x}]}."],
    with_file("p.terms", Text, fun(File) ->
        {error, _} = seccomp:load_policy(File ++ "s"),
        {error, {bad_terms, _}} = seccomp:load_policy(File),
        ?assertError(badarg, list_to_existing_atom(unique(1))),
        ?assertError(badarg, list_to_existing_atom(unique(500)))
    end).

a_file_cannot_fill_the_atom_table_test_() ->
    {timeout, 120, fun() ->
        Names = [["\"m:", unique(N), "\","] || N <- lists:seq(1, 70000)],
        Text = ["{\"mode\":\"blacklist\",\"unknown\":\"allow\",\"rules\":[", Names, "\"m\"]}"],
        Before = erlang:system_info(atom_count),
        with_file("p.json", Text, fun(File) ->
            ?assertMatch({error, {too_many_names, #{message := _}}}, seccomp:load_policy(File)),
            ?assertMatch({error, {too_many_names, _}}, seccomp:from_json(iolist_to_binary(Text)))
        end),
        ?assert(erlang:system_info(atom_count) - Before < 1000)
    end}.

unique(N) -> "no_atom_of_this_name_" ++ integer_to_list(N).

%% -- Whom a policy lets read -------------------------------------------------

who_may_not_read_files_may_not_read_policies_test() ->
    with_file("p.json", ?EMPTY, fun(File) ->
        {ok, Policy} = seccomp:compile(#{mode => blacklist, rules => ['@file']}),
        ?assertMatch({ok, _}, seccomp:load_policy(File)),
        ?assertMatch(
            {{seccomp, {file, read_file_info, 1}}, _},
            run(Policy, fun() -> seccomp:load_policy(File) end)
        )
    end).

%% -- The tool ----------------------------------------------------------------

%% It asks a node, with this library, whether the functions exist.
the_tool_asks_a_node_test_() ->
    {timeout, 300, fun() ->
        Text = "{\"mode\":\"whitelist\",\"rules\":[\"lists:map/2\",\n\"lists:mpa/2\"]}",
        with_files([{"bad.json", Text}, {"good.json", ?EMPTY}], fun(Dir) ->
            ?assertMatch({0, _}, tool(["check", Dir ++ "/bad.json"])),
            Check = ["check", "--node" | node_options()],
            ?assertMatch({0, _}, tool(Check ++ [Dir ++ "/good.json"])),
            {1, Output} = tool(Check ++ [Dir ++ "/bad.json"]),
            ?has("bad.json:2:1: there is no function lists:mpa/2", Output)
        end)
    end}.

%% A module that it has never seen, two runs of which become one policy.
the_tool_learns_test_() ->
    {timeout, 300, fun() ->
        Source = [
            "-module(secl_m).\n-export([one/0, two/0, bad/0]).\n"
            "one() -> lists:sum(lists:seq(1, 3)).\n"
            "two() -> io:format(\"two~n\"), string:to_upper(\"a\").\n"
            "bad() -> lists:sum(a).\n"
        ],
        with_files([{"secl_m.erl", Source}], fun(Dir) ->
            {ok, secl_m} = compile:file(Dir ++ "/secl_m", [{outdir, Dir}]),
            File = Dir ++ "/learned.terms",
            Learn = ["learn", "--warm", "--out", File, "--pa", Dir | node_options()],
            {0, Said} = tool(Learn ++ ["secl_m:one/0", "secl_m:two/0"]),
            ?has(" rules, from 2 runs and ", Said),
            {ok, #{rules := Rules, send := Send, spawn := deny}} = seccomp:read_policy(File),
            ?assertEqual(
                [{lists, seq, 2}, {lists, sum, 1}, {string, to_upper, 1}],
                [Rule || {M, _, _} = Rule <- Rules, M =:= lists orelse M =:= string]
            ),
            ?assert(lists:member(group_leader, Send)),
            ok = file:delete(File),
            {1, Failed} = tool(Learn ++ ["secl_m:bad/0"]),
            ?has("secl_m:bad/0 failed: ", Failed),
            {1, Unknown} = tool(Learn ++ ["secl_m:three/0"]),
            ?has("secl_m:three/0 does not exist", Unknown),
            ?assertNot(filelib:is_file(File))
        end)
    end}.

node_options() ->
    ["--erl", os:find_executable("erl"), "--pa", filename:dirname(code:which(seccomp))].

tool(Args) ->
    Cargo = os:find_executable("cargo"),
    Run = ["run", "--quiet", "--locked", "-p", "seccomp_cli", "--" | Args],
    Port = open_port({spawn_executable, Cargo}, [
        {args, Run}, {cd, root()}, exit_status, stderr_to_stdout, binary
    ]),
    output(Port, <<>>).

output(Port, Seen) ->
    receive
        {Port, {data, More}} -> output(Port, <<Seen/binary, More/binary>>);
        {Port, {exit_status, Status}} -> {Status, Seen}
    end.

%% rebar3 links priv into where it builds.
root() ->
    {ok, Root} = file:read_link_all(filename:join(code:lib_dir(seccomp), "priv")),
    filename:dirname(filename:absname(Root, code:lib_dir(seccomp))).

%% -- Files -------------------------------------------------------------------

including(Name, Rules) ->
    ["{\"mode\":\"whitelist\",\"include\":[\"", Name, "\"],\"rules\":[", Rules, "]}"].

with_file(Name, Text, Fun) ->
    with_files([{Name, Text}], fun(Dir) -> Fun(filename:join(Dir, Name)) end).

with_files(Files, Fun) ->
    Dir = directory(),
    [
        begin
            ok = filelib:ensure_dir(filename:join(Dir, Name)),
            ok = file:write_file(filename:join(Dir, Name), Text)
        end
     || {Name, Text} <- Files
    ],
    try
        Fun(Dir)
    after
        ok = file:del_dir_r(Dir)
    end.

directory() ->
    Unique = integer_to_list(erlang:unique_integer([positive])),
    Dir = filename:join("/tmp", "seccomp_file_tests_" ++ os:getpid() ++ "_" ++ Unique),
    ok = file:make_dir(Dir),
    Dir.

run(Policy, Fun) ->
    {Pid, Ref} = seccomp:spawn_monitor(Policy, fun() -> exit(Fun()) end),
    receive
        {'DOWN', Ref, process, Pid, Reason} -> Reason
    end.
