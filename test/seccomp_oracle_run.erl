%% SPDX-License-Identifier: Apache-2.0
%%
%% Runs the oracle for as many commands as are wanted, counts what they were,
%% and keeps the commands that failed.
%%
%%   make oracle                              20,000 commands
%%   SECCOMP_ORACLE_COMMANDS=N make oracle    as many as that
-module(seccomp_oracle_run).

-export([main/0, wanted/0, run/2, replay/1, store/3, vacuous/1, summary/1]).

-define(COMMANDS, 20000).
%% The commands of a run are at most twice as many as they are on average.
-define(SIZE, 120).
-define(RUNS, 20).

-type counts() :: #{term() => pos_integer()}.

%% -- From a shell ------------------------------------------------------------

%% In the node itself. If that crashes, the commands are in `running`.
-spec main() -> no_return().
main() ->
    Dir = "_build/oracle",
    ok = filelib:ensure_dir(filename:join(Dir, "x")),
    ok = seccomp_oracle_real:setup(),
    Enough = wanted() >= ?COMMANDS,
    case run(wanted(), #{dir => Dir, progress => true}) of
        {ok, Counts} ->
            io:put_chars(summary(Counts)),
            case vacuous(Counts) of
                Why when Why =/= [], Enough ->
                    stop("not enough of all: ~p~n", [Why]);
                _ ->
                    halt(0)
            end;
        {failed, Commands, Verdict, _Counts} ->
            File = store(Dir, Commands, Verdict),
            stop("~p~nThe commands are in ~ts~n", [Verdict, File])
    end.

stop(Format, Args) ->
    io:format(standard_error, Format, Args),
    halt(1).

-spec wanted() -> pos_integer().
wanted() ->
    case os:getenv("SECCOMP_ORACLE_COMMANDS", "") of
        "" -> ?COMMANDS;
        Text -> list_to_integer(Text)
    end.

%% -- Running -----------------------------------------------------------------

%% `dir` is where the commands of the present run are kept, in case the emulator
%% does not survive them. The caller's node is used up by this.
-spec run(pos_integer(), #{dir := file:name(), progress => boolean(), options => list()}) ->
    {ok, counts()} | {failed, list(), term(), counts()}.
run(Wanted, Opts) -> run(Wanted, Opts, erlang:monotonic_time(second), #{}).

run(Wanted, #{dir := Dir} = Opts, Start, Counts) ->
    case commands(Counts) >= Wanted of
        true ->
            {ok, Counts};
        false ->
            Running = filename:join(Dir, "running"),
            %% Whole at any time, because the emulator may end meanwhile.
            Before = fun(Commands) ->
                ok = file:write_file(Running ++ ".new", term_to_binary(Commands)),
                file:rename(Running ++ ".new", Running)
            end,
            Seen = fun(Kinds) -> put(?MODULE, Kinds) end,
            erase(?MODULE),
            Options =
                [quiet, long_result, {numtests, ?RUNS}, {start_size, ?SIZE}, {max_size, ?SIZE}] ++
                    maps:get(options, Opts, []),
            case proper:quickcheck(seccomp_oracle:prop(Before, Seen), Options) of
                true ->
                    New = count(get(?MODULE), Counts),
                    progress(Opts, Start, Wanted, Counts, New),
                    run(Wanted, Opts, Start, New);
                [Commands] ->
                    %% That of the last try to shrink them is another one.
                    First = get(seccomp_oracle),
                    Verdict =
                        case seccomp_oracle:execute(Commands) of
                            {ok, _} -> {once, First};
                            {Again, _} -> Again
                        end,
                    {failed, Commands, Verdict, Counts}
            end
    end.

commands(Counts) -> lists:sum([N || {Kind, N} <- maps:to_list(Counts), is_atom(Kind)]).

count(Kinds, Counts) ->
    lists:foldl(
        fun(Kind, Acc) -> maps:update_with(Kind, fun(N) -> N + 1 end, 1, Acc) end,
        Counts,
        Kinds
    ).

%% At most forty lines.
progress(#{progress := true}, Start, Wanted, Before, Counts) ->
    Seconds = max(1, erlang:monotonic_time(second) - Start),
    Done = commands(Counts),
    case Done * 40 div Wanted > commands(Before) * 40 div Wanted of
        true -> io:format("~9b of ~b commands, ~b a second~n", [Done, Wanted, Done div Seconds]);
        false -> ok
    end;
progress(_, _, _, _, _) ->
    ok.

%% -- Commands in files -------------------------------------------------------

%% What is wrong with the commands of a file; `ok` if nothing is.
-spec replay(file:name()) -> ok | term().
replay(File) ->
    {ok, [Commands]} = file:consult(File),
    {Verdict, _} = seccomp_oracle:execute(Commands),
    Verdict.

%% A file of its own for commands that failed.
-spec store(file:name(), list(), term()) -> file:name().
store(Dir, Commands, Verdict) ->
    Name = io_lib:format("failed-~.36b.counterexample", [erlang:phash2(Commands, 1 bsl 32)]),
    File = filename:join(Dir, lists:flatten(Name)),
    Why = [["%% ", Line, $\n] || Line <- string:split(io_lib:format("~p", [Verdict]), "\n", all)],
    Text = io_lib:format("%% SPDX-License-Identifier: Apache-2.0~n%%~n~ts~n~p.~n", [Why, Commands]),
    ok = file:write_file(File, unicode:characters_to_binary(Text)),
    File.

%% -- Numbers -----------------------------------------------------------------

%% Why a run proves little: kinds of commands that never came, or a policy's
%% answer that was nearly always or nearly never given.
-spec vacuous(counts()) -> [term()].
vacuous(Counts) ->
    Steps = [{Step, maps:get({step, Step}, Counts, 0)} || Step <- [allow, log, raise, kill]],
    All = lists:sum([N || {_, N} <- Steps]),
    Least = #{allow => 0.2, raise => 0.05, log => 0.01, kill => 0.003},
    [{never, Kind} || Kind <- seccomp_oracle:all_kinds(), not is_map_key(Kind, Counts)] ++
        [{seldom, Step, N, All} || {Step, N} <- Steps, N < All * map_get(Step, Least)] ++
        [{mostly, Step, N, All} || {Step, N} <- Steps, N > All * 0.9].

-spec summary(counts()) -> iolist().
summary(Counts) ->
    [
        section("commands", [{K, N} || {K, N} <- maps:to_list(Counts), is_atom(K)]),
        section("what policies said, and children got", select(step, Counts)),
        section("ways of calling", select(call, Counts)),
        section("expressions", select(expression, Counts)),
        section("ways of spawning", select(spawn, Counts)),
        section("hibernation and flags", select(hibernate, Counts) ++ select(flag, Counts)),
        section("changes of policies", [
            {[atom_to_list(Op), " by ", whom(Whom)], N}
         || {{admin, Op, Whom}, N} <- maps:to_list(Counts)
        ])
    ].

whom(controller) -> "a trusted process";
whom(self) -> "the process itself";
whom(other) -> "another worker".

select(Kind, Counts) -> [{Name, N} || {{K, Name}, N} <- maps:to_list(Counts), K =:= Kind].

section(Title, Pairs) ->
    Sum = lists:sum([N || {_, N} <- Pairs]),
    [
        io_lib:format("~ts: ~b~n", [Title, Sum])
        | [
            io_lib:format("  ~-44ts~8b~n", [text(Name), N])
         || {N, Name} <- lists:reverse(lists:sort([{N, Name} || {Name, N} <- Pairs]))
        ]
    ].

text(Name) when is_atom(Name) -> atom_to_list(Name);
text(Name) -> Name.
