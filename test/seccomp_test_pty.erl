%% SPDX-License-Identifier: Apache-2.0
%%
%% Programs on a terminal of their own, as a person has them: script(1) gives the
%% terminal, and what they print is waited for.
-module(seccomp_test_pty).

-export([start/1, start/2, type/2, line/2, until/2, stop/1, status/1]).

%% Far more than anything takes; it ends a test that will not end by itself.
-define(PATIENCE, 180_000).
%% So wide that no line is broken, and of some height, as OTP shows no more lines
%% than fit.
-define(WIDE, "stty cols 1000 rows 100; exec ").

%% A command with its arguments, each of which is quoted here.
start(Args) -> start(Args, []).

start(Args, Env) ->
    Script = os:find_executable("script"),
    Command = lists:join(" ", [quoted(Arg) || Arg <- Args]),
    Port = open_port({spawn_executable, Script}, [
        {args, ["-q", "-e", "-f", "-c", lists:flatten([?WIDE, Command]), "/dev/null"]},
        {env, [{"TERM", "xterm"}, {"LC_ALL", "C.UTF-8"} | Env]},
        binary,
        stream,
        exit_status,
        use_stdio
    ]),
    put({?MODULE, Port}, <<>>),
    Port.

quoted(Arg) -> ["'", string:replace(Arg, "'", "'\\''", all), "'"].

type(Port, Text) ->
    true = port_command(Port, unicode:characters_to_binary(Text)),
    ok.

%% The return key sends a carriage return.
line(Port, Text) -> type(Port, [Text, $\r]).

%% Waits for one of these texts and gives all that was printed up to its end; what
%% follows is left for the next call.
until(Port, Texts) ->
    Deadline = erlang:monotonic_time(millisecond) + ?PATIENCE,
    until(Port, [unicode:characters_to_binary(T) || T <- Texts], Deadline).

until(Port, Texts, Deadline) ->
    Had = get({?MODULE, Port}),
    case binary:match(Had, Texts) of
        {At, Length} ->
            <<Before:(At + Length)/binary, Rest/binary>> = Had,
            put({?MODULE, Port}, Rest),
            Before;
        nomatch ->
            receive
                {Port, {data, More}} ->
                    put({?MODULE, Port}, <<Had/binary, (plain(More))/binary>>),
                    until(Port, Texts, Deadline);
                {Port, {exit_status, Status}} ->
                    error({ended, Status, Had, {waiting_for, Texts}})
            after max(0, Deadline - erlang:monotonic_time(millisecond)) ->
                error({timeout, Had, {waiting_for, Texts}})
            end
    end.

%% Waits for the program's end.
status(Port) ->
    receive
        {Port, {data, More}} ->
            put({?MODULE, Port}, <<(get({?MODULE, Port}))/binary, (plain(More))/binary>>),
            status(Port);
        {Port, {exit_status, Status}} ->
            {Status, erase({?MODULE, Port})}
    after ?PATIENCE ->
        error({timeout, get({?MODULE, Port})})
    end.

stop(Port) ->
    {os_pid, Pid} = erlang:port_info(Port, os_pid),
    %% The hang-up ends script, and that its program.
    _ = os:cmd("kill -HUP " ++ integer_to_list(Pid)),
    catch port_close(Port),
    erase({?MODULE, Port}),
    ok.

%% Without what moves the cursor. A sequence that is cut by the end of a read stays.
plain(Text) ->
    re:replace(Text, "\e\\[[0-9;?]*[A-Za-z]|\\x07|\r", "", [global, {return, binary}]).
