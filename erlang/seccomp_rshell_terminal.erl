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
    Tty =
        case seccomp_rshell_tty:open() of
            {ok, Opened} -> Opened;
            error -> give_up("standard input and output have to be a terminal")
        end,
    _ = [os:set_signal(Signal, ignore) || Signal <- [sigquit, sigtstp]],
    loop(#{tty => Tty, user => seccomp_rshell_tty:user(), shell => group(), eof => false}).

group() ->
    Group = seccomp_rshell_tty:group(?MODULE, shell),
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

loop(#{tty := Tty, user := User, shell := Shell} = State) ->
    receive
        {From, tty_geometry} ->
            From ! {self(), tty_geometry, seccomp_rshell_tty:geometry(Tty)},
            loop(State);
        {From, get_unicode_state} ->
            From ! {self(), get_unicode_state, seccomp_rshell_tty:unicode(Tty)},
            loop(State);
        {From, set_unicode_state, On} ->
            {Former, Next} = seccomp_rshell_tty:unicode(On, Tty),
            From ! {self(), set_unicode_state, Former},
            loop(State#{tty := Next});
        {From, get_terminal_state} ->
            From ! {self(), get_terminal_state, #{stdin => true, stdout => true, stderr => true}},
            loop(State);
        {From, Request} when From =:= User; From =:= Shell ->
            loop(State#{tty := seccomp_rshell_tty:request(Request, From, Tty)});
        {'EXIT', Shell, _} ->
            loop(next(State));
        {'EXIT', User, _} ->
            loop(State#{user := seccomp_rshell_tty:user()});
        Message ->
            loop(message(seccomp_rshell_tty:input(Message, Tty), Message, State))
    end.

message({typed, Chars}, _, #{shell := Shell} = State) ->
    ok = typed(Chars, Shell),
    State;
message(eof, _, #{shell := Shell} = State) ->
    _ = [Shell ! {self(), eof} || is_pid(Shell)],
    State#{eof := true};
message({none, Tty}, _, State) ->
    State#{tty := Tty};
message(other, {Former, {put_chars_sync, _, _, Reply}}, #{tty := Tty} = State) ->
    seccomp_rshell_tty:too_late(Reply, Former, Tty),
    State;
message(other, {From, read, _}, State) when is_pid(From) ->
    From ! {self(), {error, enotsup}},
    State;
message(other, _, State) ->
    State.

next(#{eof := true} = State) ->
    %% Nobody is there any more, but the node goes on.
    State#{shell := none};
next(State) ->
    receive
    after ?PAUSE -> State#{shell := group()}
    end.

%% Typing the bell would be the way into the menu.
typed(Chars, Shell) when is_pid(Shell) ->
    case has(?INTERRUPT, Chars) of
        true ->
            true = exit(Shell, interrupt),
            ok;
        false ->
            Rest = without_bell(Chars),
            _ = [Shell ! {self(), {data, Rest}} || Rest =/= [], Rest =/= <<>>],
            ok
    end;
typed(_Chars, none) ->
    ok.

has(Char, Chars) when is_list(Chars) -> lists:member(Char, Chars);
has(Char, Bytes) -> binary:match(Bytes, <<Char>>) =/= nomatch.

without_bell(Chars) when is_list(Chars) -> [Char || Char <- Chars, Char =/= ?BELL];
without_bell(Bytes) -> binary:replace(Bytes, <<?BELL>>, <<>>, [global]).
