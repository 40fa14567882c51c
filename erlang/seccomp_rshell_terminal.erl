%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_rshell_terminal).

-include("seccomp_doc.hrl").

?MODULEDOC("
A terminal that has restricted shells and nothing else:

    erl +Bc -config FILE -user seccomp_rshell_terminal

It takes the place of `user_drv`, whose menu at `^G` starts shells that are free.
There is no menu here, `^C` interrupts the command, and the signals of `^\\` and `^Z`
are ignored. The policy is `{seccomp, [{shell, Map}]}` in the node's configuration;
without one that compiles, the node ends.
").

-export([start/0]).

%% Called by the group process of the shell.
-export([shell/0]).

%% As in OTP's ttsl_drv.c.
-define(PUTC, 0).
-define(MOVE, 1).
-define(INSC, 2).
-define(DELC, 3).
-define(BEEP, 4).
-define(PUTC_SYNC, 5).
-define(CONTROL, 16#018b0900).
-define(GET_WINSIZE, (?CONTROL + 100)).
-define(GET_UNICODE, (?CONTROL + 101)).
-define(SET_UNICODE, (?CONTROL + 102)).

-define(INTERRUPT, 3).
-define(BELL, 7).
%% A shell that ends at once is not started again at once.
-define(PAUSE, 1000).

?NODOC.
-spec start() -> pid().
start() -> erlang:spawn(fun init/0).

init() ->
    _ = process_flag(trap_exit, true),
    true = register(user_drv, self()),
    case has_no_break_menu() of
        true -> ok;
        false -> give_up("start it with +Bc: the break menu of ^C ends the node and shows it")
    end,
    Port =
        try
            open_port({spawn, "tty_sl -c -e"}, [eof])
        catch
            error:_ -> give_up("standard input and output have to be a terminal")
        end,
    _ = [os:set_signal(Signal, ignore) || Signal <- [sigquit, sigtstp]],
    loop(#{port => Port, user => user(), shell => group(), eof => false}).

user() ->
    User = group:start(self(), {}),
    true = register(user, User),
    User.

group() ->
    Group = group:start(self(), {?MODULE, shell, []}),
    _ = put(current_group, Group),
    Group.

?NODOC.
-spec shell() -> pid().
shell() ->
    _ = [init:wait_until_started() || init:notify_when_started(self()) =/= started],
    case seccomp_rshell:start() of
        Pid when is_pid(Pid) -> Pid;
        {error, Reason} -> give_up(seccomp:format_error(Reason))
    end.

-spec give_up(unicode:chardata()) -> no_return().
give_up(Text) ->
    Line = ["seccomp_rshell_terminal: ", Text],
    %% Nothing that prints is sure to be there yet.
    _ = erlang:display_string(unicode:characters_to_list([Line, "\r\n"])),
    halt(1).

%% Which it is, the emulator knows and does not say.
has_no_break_menu() ->
    case prim_file:read_file("/proc/self/cmdline") of
        {ok, Line} ->
            All = binary:split(Line, <<0>>, [global]),
            Args = lists:takewhile(fun(Arg) -> Arg =/= <<"--">> end, All),
            case [Arg || <<"-B", _/binary>> = Arg <- Args] of
                [] -> false;
                Flags -> lists:member(lists:last(Flags), [<<"-Bc">>, <<"-Bi">>])
            end;
        {error, _} ->
            false
    end.

%% -- Between the terminal and the groups -------------------------------------

loop(#{port := Port, user := User, shell := Shell} = State) ->
    receive
        {Port, {data, Bytes}} ->
            ok = typed(decode(Bytes), Shell),
            loop(State);
        {Port, eof} ->
            Shell ! {self(), eof},
            loop(State#{eof := true});
        {From, tty_geometry} ->
            From ! {self(), tty_geometry, geometry(Port)},
            loop(State);
        {From, get_unicode_state} ->
            From ! {self(), get_unicode_state, control(Port, ?GET_UNICODE, []) =:= [1]},
            loop(State);
        {From, set_unicode_state, On} ->
            Former = control(Port, ?SET_UNICODE, [if On -> 1; true -> 0 end]),
            From ! {self(), set_unicode_state, {unicode, Former =:= [1]}},
            loop(State);
        {From, Request} when From =:= User; From =:= Shell ->
            ok = output(Request, From, Port),
            loop(State);
        {_Former, {put_chars_sync, _, _, Reply}} = Late ->
            element(1, Late) ! {reply, Reply},
            loop(State);
        {'EXIT', Shell, _} ->
            loop(next(State));
        {'EXIT', User, _} ->
            loop(State#{user := user()});
        _Other ->
            loop(State)
    end.

next(#{eof := true} = State) ->
    %% Nobody is there any more, but the node goes on.
    State#{shell := none};
next(State) ->
    receive
    after ?PAUSE -> State#{shell := group()}
    end.

decode(Bytes) ->
    case unicode:characters_to_list(iolist_to_binary(Bytes), utf8) of
        Chars when is_list(Chars) -> Chars;
        {_, Chars, _} -> Chars
    end.

%% Typing the bell would be the way into the menu.
typed(Chars, Shell) when is_pid(Shell) ->
    case lists:member(?INTERRUPT, Chars) of
        true ->
            true = exit(Shell, interrupt),
            ok;
        false ->
            case [Char || Char <- Chars, Char =/= ?BELL] of
                [] ->
                    ok;
                Rest ->
                    Shell ! {self(), {data, Rest}},
                    ok
            end
    end;
typed(_Chars, none) ->
    ok.

output({requests, Requests}, From, Port) ->
    lists:foreach(fun(Request) -> output(Request, From, Port) end, Requests);
output({put_chars_sync, unicode, Chars, Reply}, From, Port) ->
    ok = command(Port, ?PUTC_SYNC, unicode:characters_to_binary(Chars)),
    receive
        {Port, ok} ->
            From ! {reply, Reply},
            ok
    end;
output({put_chars, unicode, Chars}, _From, Port) ->
    command(Port, ?PUTC, unicode:characters_to_binary(Chars));
output({move_rel, N}, _From, Port) ->
    command(Port, ?MOVE, <<N:16>>);
output({insert_chars, unicode, Chars}, _From, Port) ->
    command(Port, ?INSC, unicode:characters_to_binary(Chars));
output({delete_chars, N}, _From, Port) ->
    command(Port, ?DELC, <<N:16>>);
output(beep, _From, Port) ->
    command(Port, ?BEEP, <<>>);
output(_Other, _From, _Port) ->
    ok.

command(Port, Operation, Data) ->
    true = port_command(Port, [Operation, Data]),
    ok.

control(Port, Operation, Data) ->
    try
        port_control(Port, Operation, Data)
    catch
        error:badarg -> []
    end.

geometry(Port) ->
    case control(Port, ?GET_WINSIZE, []) of
        List when length(List) =:= 8 ->
            <<Width:32/native, Height:32/native>> = list_to_binary(List),
            {Width, Height};
        _ ->
            error
    end.
