%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_rshell_tty).

-include("seccomp_doc.hrl").

?MODULEDOC("
The terminal of `seccomp_rshell_terminal`: the port of `ttsl_drv` up to OTP 25, and
the module `prim_tty` from 26 on, which has no port. Both belong to OTP and are not
documented; what is done here is what `user_drv` does with them.

Of its requests one is missing: an editor, which from 26 on is a key away from any
prompt, is a program of the host's.
").

-export([open/0, user/0, group/2]).
-export([input/2, request/3, too_late/3, geometry/1, unicode/1, unicode/2]).

-opaque tty() :: port() | #{state := term(), read := term(), write := term()}.
-export_type([tty/0]).

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

?DOC("Takes standard input and output, which have to be a terminal.").
-spec open() -> {ok, tty()} | error.
open() ->
    try
        case age() of
            port -> {ok, open_port({spawn, "tty_sl -c -e"}, [eof])};
            Age -> open(Age, prim())
        end
    catch
        error:_ -> error
    end.

open(Age, Prim) ->
    {module, Prim} = code:ensure_loaded(Prim),
    _ = [ok = Prim:load() || Age =:= greedy],
    true = Prim:isatty(stdin) andalso Prim:isatty(stdout),
    Tty =
        case Age of
            plain -> Prim:init(#{});
            greedy -> Prim:init(#{input => raw, output => cooked})
        end,
    #{read := Read, write := Write} = Prim:handles(Tty),
    _ = [ok = Prim:read(Tty) || Age =:= greedy],
    {ok, #{state => Tty, read => Read, write => Write}}.

%% Which of the forms that `user_drv` and `group` have had since.
age() ->
    case list_to_integer(erlang:system_info(otp_release)) of
        Release when Release < 26 -> port;
        Release when Release < 28 -> plain;
        _ -> greedy
    end.

%% Made at run time: OTP 25 has no module of this name.
prim() -> binary_to_atom(<<"prim_tty">>).

?DOC("Starts the process of the name `user`.").
-spec user() -> pid().
user() ->
    case age() of
        port -> named_user({}, []);
        plain -> named_user({}, [{echo, false}, {noshell, true}]);
        greedy -> group:start(self(), noshell, [{name, user}])
    end.

named_user(Shell, Options) ->
    User = group:start(self(), Shell, Options),
    true = register(user, User),
    User.

?DOC("Starts a group with a shell, which `Module:Function()` starts.").
-spec group(module(), atom()) -> pid().
group(Module, Function) ->
    Options =
        case age() of
            port -> [];
            plain -> [{echo, true}];
            greedy -> [{dumb, false}]
        end,
    group:start(self(), {Module, Function, []}, Options).

?DOC("
What a message says: characters that were typed, in the form that groups take; the end
of the input; nothing that goes on from here; or nothing of the terminal's at all.
").
-spec input(term(), tty()) -> {typed, binary() | string()} | eof | {none, tty()} | other.
input({Port, {data, Bytes}}, Port) when is_port(Port) ->
    {typed, decode(Bytes)};
input({Port, eof}, Port) when is_port(Port) ->
    eof;
input({Read, {data, Bytes}}, #{read := Read}) ->
    {typed, Bytes};
input({Read, eof}, #{read := Read}) ->
    eof;
input({Read, {signal, Signal}}, #{read := Read, state := State} = Tty) ->
    {none, Tty#{state := (prim()):handle_signal(State, Signal)}};
input(_, _) ->
    other.

decode(Bytes) ->
    case unicode:characters_to_list(iolist_to_binary(Bytes), utf8) of
        Chars when is_list(Chars) -> Chars;
        {_, Chars, _} -> Chars
    end.

?DOC("Width and height.").
-spec geometry(tty()) -> {pos_integer(), pos_integer()} | term().
geometry(Port) when is_port(Port) ->
    case control(Port, ?GET_WINSIZE, []) of
        List when length(List) =:= 8 ->
            <<Width:32/native, Height:32/native>> = list_to_binary(List),
            {Width, Height};
        _ ->
            error
    end;
geometry(#{state := State}) ->
    case (prim()):window_size(State) of
        {ok, Geometry} -> Geometry;
        Error -> Error
    end.

?NODOC.
-spec unicode(tty()) -> boolean().
unicode(Port) when is_port(Port) -> control(Port, ?GET_UNICODE, []) =:= [1];
unicode(#{state := State}) -> (prim()):unicode(State).

?DOC("Sets whether it takes Unicode, and gives the message about what it did before.").
-spec unicode(boolean(), tty()) -> {term(), tty()}.
unicode(On, Port) when is_port(Port) ->
    Former = control(Port, ?SET_UNICODE, [if On -> 1; true -> 0 end]),
    {{unicode, Former =:= [1]}, Port};
unicode(On, #{state := State} = Tty) ->
    {unicode(Tty), Tty#{state := (prim()):unicode(State, On)}}.

?DOC("Does what a group asks for. What it does not know does nothing.").
-spec request(term(), pid(), tty()) -> tty().
request({requests, Requests}, From, Tty) ->
    lists:foldl(fun(Request, T) -> request(Request, From, T) end, Tty, Requests);
request({open_editor, Text}, From, Tty) ->
    From ! {self(), {editor_data, Text}},
    Tty;
request(Request, From, Port) when is_port(Port) ->
    ok = port_request(Request, From, Port),
    Port;
request({put_chars_sync, unicode, Chars, Reply}, From, #{state := State0, write := Write} = Tty) ->
    {Output, State} = (prim()):handle_request(State0, {putc, binary(Chars)}),
    {ok, Monitor} = (prim()):write(State, Output, self()),
    receive
        {Write, ok} ->
            _ = erlang:demonitor(Monitor, [flush]),
            From ! {reply, Reply, ok},
            Tty#{state := State};
        {'DOWN', Monitor, process, _, Reason} ->
            exit({terminal, Reason})
    end;
request({Late, _, _, Reply}, From, Tty) when Late =:= put_chars_sync; Late =:= put_ansi_sync ->
    From ! {reply, Reply, {error, enotsup}},
    Tty;
request(Request, _From, #{state := State0} = Tty) ->
    case prim_request(Request) of
        none ->
            Tty;
        Known ->
            {Output, State} = (prim()):handle_request(State0, Known),
            ok = (prim()):write(State, Output),
            Tty#{state := State}
    end.

?DOC("Answers a request of a group that has the terminal no more, which waits.").
-spec too_late(term(), pid(), tty()) -> ok.
too_late(Reply, From, Port) when is_port(Port) ->
    From ! {reply, Reply},
    ok;
too_late(Reply, From, _) ->
    From ! {reply, Reply, ok},
    ok.

%% A request of a group as one of the terminal.
prim_request({put_chars, unicode, Chars}) -> {putc, binary(Chars)};
prim_request({put_expand, unicode, Chars, N}) -> {expand, binary(Chars), N};
prim_request({insert_chars, unicode, Chars}) -> {insert, binary(Chars)};
prim_request({insert_chars_over, unicode, Chars}) -> {insert_over, binary(Chars)};
prim_request({move_rel, N}) -> {move, N};
prim_request({delete_chars, N}) -> {delete, N};
prim_request({Same, _} = Request) when Same =:= move_line; Same =:= move_expand -> Request;
prim_request({Same, _, _, _} = Request) when Same =:= move_combo; Same =:= redraw_prompt ->
    Request;
prim_request(Same) when
    Same =:= redraw_prompt;
    Same =:= new_prompt;
    Same =:= delete_after_cursor;
    Same =:= delete_line;
    Same =:= clear;
    Same =:= beep
->
    Same;
prim_request(_) ->
    none.

port_request({put_chars_sync, unicode, Chars, Reply}, From, Port) ->
    ok = command(Port, ?PUTC_SYNC, binary(Chars)),
    receive
        {Port, ok} ->
            From ! {reply, Reply},
            ok
    end;
port_request({put_chars, unicode, Chars}, _From, Port) ->
    command(Port, ?PUTC, binary(Chars));
port_request({move_rel, N}, _From, Port) ->
    command(Port, ?MOVE, <<N:16>>);
port_request({insert_chars, unicode, Chars}, _From, Port) ->
    command(Port, ?INSC, binary(Chars));
port_request({delete_chars, N}, _From, Port) ->
    command(Port, ?DELC, <<N:16>>);
port_request(beep, _From, Port) ->
    command(Port, ?BEEP, <<>>);
port_request(_Other, _From, _Port) ->
    ok.

binary(Chars) -> unicode:characters_to_binary(Chars).

command(Port, Operation, Data) ->
    true = port_command(Port, [Operation, Data]),
    ok.

control(Port, Operation, Data) ->
    try
        port_control(Port, Operation, Data)
    catch
        error:badarg -> []
    end.
