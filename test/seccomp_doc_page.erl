%% SPDX-License-Identifier: Apache-2.0
%%
%% Runs the code blocks of a page, in order, as a reader would who stands in a
%% clone. `sh` and `console` blocks start there and keep directory and environment
%% to the end of the page. Erlang and files are where the commands last were; as
%% long as that is the clone, in a directory of their own, with what is in
%% seccomp_doc_tests_data. Elixir is run by ExUnit.
-module(seccomp_doc_page).

-export([run/2]).

-define(LONG, 600000).
-record(page, {name, tmp, peer, session, not_run = [], wrong = []}).

%% Gives the blocks that are marked as not run.
-spec run(string(), file:name_all()) -> [{pos_integer(), string()}].
run(Root, Name) ->
    Blocks = seccomp_doc_blocks:read(filename:join(Root, Name)),
    Tmp = filename:join("/tmp", "seccomp_doc_" ++ os:getpid()),
    _ = file:del_dir_r(Tmp),
    ok = filelib:ensure_path(filename:join(Tmp, "work")),
    ok = file:make_symlink(Root, filename:join(Tmp, "seccomp")),
    copy_data(filename:join(Root, "test/seccomp_doc_tests_data"), filename:join(Tmp, "work")),
    Page = #page{name = Name, tmp = Tmp, peer = seccomp_test_node:start(same)},
    {ok, _} = call(Page, application, ensure_all_started, [seccomp]),
    try lists:foldl(fun each/2, Page, Blocks) of
        #page{wrong = [], not_run = NotRun} -> lists:reverse(NotRun);
        #page{wrong = Wrong} -> error({blocks, lists:reverse(Wrong)})
    after
        seccomp_test_node:stop(Page#page.peer),
        ok = file:del_dir_r(Tmp)
    end.

copy_data(From, To) ->
    "" = os:cmd("cp -R '" ++ From ++ "'/* '" ++ To ++ "'"),
    Files = filelib:wildcard("*.erl", To),
    [{ok, _} = compile:file(filename:join(To, F), [{outdir, To}]) || F <- Files].

%% One that goes wrong does not hide the others.
each(#{line := Line} = Block, #page{name = Name, wrong = Wrong} = Page) ->
    try
        block(Block, Page)
    catch
        throw:{wrong, At, Text} ->
            io:format(user, "~n~ts:~b: ~ts~n", [Name, At, Text]),
            Page#page{wrong = [At | Wrong]};
        Class:Reason:Stack ->
            io:format(user, "~n~ts:~b: ~tp~n", [Name, Line, {Class, Reason, Stack}]),
            Page#page{wrong = [Line | Wrong]}
    end.

block(#{not_run := Reason, line := Line}, #page{not_run = NotRun} = Page) ->
    Page#page{not_run = [{Line, Reason} | NotRun]};
block(#{file := File, text := Text, language := Language} = Block, Page) ->
    Path = filename:join(dir(Page), File),
    ok = filelib:ensure_dir(Path),
    ok = file:write_file(Path, unicode:characters_to_binary(Text)),
    case Language =:= "erlang" orelse Language =:= "json" of
        true -> good(Block, Page, call(Page, seccomp_doc_eval, file, [File, dir(Page)]));
        false -> Page
    end;
block(#{language := "text"}, Page) ->
    Page;
block(#{language := "elixir"}, Page) ->
    Page;
block(#{language := "erlang", text := Text} = Block, Page) ->
    case seccomp_doc_session:is_session(Text) of
        true -> session(Block, Page);
        false -> good(Block, Page, call(Page, seccomp_doc_eval, block, [Text, dir(Page)]))
    end;
block(#{language := "json", text := Text} = Block, Page) ->
    good(Block, Page, call(Page, seccomp_doc_eval, json, [Text, dir(Page)]));
block(#{language := "sh", text := Text} = Block, Page) ->
    case commands(Text, Page) of
        {0, _} -> Page;
        {Status, Output} -> wrong(maps:get(line, Block), "exit status ~b:~n~ts", [Status, Output])
    end;
block(#{language := "console", text := Text} = Block, Page) ->
    console(string:split(string:trim(Text, trailing), "\n", all), maps:get(line, Block) + 1, Page);
block(#{line := Line, language := Language}, _Page) ->
    wrong(
        Line,
        "a block in \"~ts\". Known are erlang, elixir, json, sh, console, and text for what~n"
        "is no code. What cannot be run has <!-- not run: REASON --> before it.",
        [Language]
    ).

good(_, Page, ok) -> Page;
good(#{line := Line}, _Page, {error, Reason}) -> wrong(Line, "~tp", [Reason]).

wrong(Line, Format, Args) -> throw({wrong, Line, io_lib:format(Format, Args)}).

call(#page{peer = Peer}, M, F, A) -> seccomp_test_node:call(Peer, M, F, A).

%% -- Sessions of the shell -----------------------------------------------------

%% The number 1 begins a new one.
session(#{line := Line, text := Text}, #page{session = Old} = Page) ->
    Session =
        case lists:prefix("1>", Text) of
            true when Old =/= undefined ->
                seccomp_doc_session:stop(Old),
                seccomp_doc_session:start(dir(Page));
            _ when Old =:= undefined ->
                seccomp_doc_session:start(dir(Page));
            false ->
                Old
        end,
    case seccomp_doc_session:run(Text, Session, Line) of
        {ok, Next} ->
            Page#page{session = Next};
        {error, At, {Expected, Printed}} ->
            wrong(At, "expected:~n~ts~nprinted:~n~ts", [Expected, Printed]);
        {error, At, Text1} ->
            wrong(At, "~ts", [Text1])
    end.

%% -- Commands --------------------------------------------------------------------

%% `$ COMMAND`, and below it what it prints.
console(["$ " ++ Command | Lines], At, Page) ->
    {Expected, Rest} = lists:splitwith(fun(L) -> not lists:prefix("$ ", L) end, Lines),
    {_, Output} = commands(Command ++ "\n", Page),
    Text = lists:join("\n", Expected),
    case seccomp_doc_session:same(Text, Output) of
        true -> console(Rest, At + 1 + length(Expected), Page);
        false -> wrong(At, "expected:~n~ts~nprinted:~n~ts", [Text, Output])
    end;
console([], _, Page) ->
    Page;
console([Line | _], At, _Page) ->
    wrong(At, "a command begins with \"$ \", and not so: ~ts", [Line]).

%% The directory by its name here: `cd ..` leads out of the clone into ours.
commands(Text, #page{tmp = Tmp}) ->
    Script = filename:join(Tmp, "script"),
    Lines = ["set -euo pipefail\n", restore(Tmp), Text, save(Tmp)],
    ok = file:write_file(Script, unicode:characters_to_binary(Lines)),
    Port = open_port({spawn_executable, "/bin/bash"}, [
        {args, [Script]},
        {cd, Tmp},
        {env, [{"MAKEFLAGS", false}, {"MAKELEVEL", false}, {"MFLAGS", false}]},
        binary,
        stderr_to_stdout,
        exit_status,
        in
    ]),
    collect(Port, []).

restore(Tmp) ->
    [
        ["T='", Tmp, "'\n"],
        "cd \"$T/seccomp\"\n",
        "if [ -e \"$T/pwd\" ]; then . \"$T/env\"; cd \"$(<\"$T/pwd\")\"; fi\n"
    ].

save(Tmp) ->
    [
        ["T='", Tmp, "'\n"],
        "declare -px | sed 's/^declare -x/export/' > \"$T/env\"\n",
        "pwd > \"$T/pwd\"\n"
    ].

collect(Port, Output) ->
    receive
        {Port, {data, Data}} -> collect(Port, [Output, Data]);
        {Port, {exit_status, Status}} -> {Status, unicode:characters_to_binary(Output)}
    after ?LONG ->
        catch port_close(Port),
        {-1, [Output, "\ntakes too long"]}
    end.

dir(#page{tmp = Tmp}) ->
    Clone = filename:join(Tmp, "seccomp"),
    case file:read_file(filename:join(Tmp, "pwd")) of
        {ok, Pwd} ->
            Dir = string:trim(unicode:characters_to_list(Pwd)),
            case lists:prefix(Clone, Dir) of
                true -> filename:join(Tmp, "work");
                false -> Dir
            end;
        {error, enoent} ->
            filename:join(Tmp, "work")
    end.
