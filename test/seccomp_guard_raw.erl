%% SPDX-License-Identifier: Apache-2.0
%%
%% A node that is none: it knows the cookie, shakes hands as a node does and then
%% sends whatever control messages it likes, well formed or not.
-module(seccomp_guard_raw).

-export([attack/3, spawn_hit/2, start_open/3, spawns/3, args/1, args/2]).

-export_type([payload/0]).

-type payload() :: term().

-define(SEED, {1, 2, 3}).
-define(MUTANTS, 300).

%% Extended references, pids and funs, UTF-8 atoms, export funs, bit binaries,
%% new floats, big creations, maps and the handshake of OTP 23; monitors by name,
%% SEND_SENDER, FRAGMENTS, EXIT_PAYLOAD, SPAWN, ALIAS, V4_NC and UNLINK_ID. No
%% atom cache, so that frames stand for themselves.
-define(FLAGS,
    (16#4 bor 16#8 bor 16#10 bor 16#80 bor 16#100 bor 16#200 bor 16#400 bor 16#800 bor
        16#10000 bor 16#20000 bor 16#40000 bor 16#80000 bor 16#200000 bor 16#400000 bor
        16#1000000 bor 16#2000000 bor (16#D bsl 32) bor (1 bsl 34))
).

%% The one frame that starts a process where nobody is on guard.
spawn_hit(Node, Cookie) ->
    Socket = connect(Node, Cookie),
    ok = gen_tcp:send(Socket, spawn_frame()),
    timer:sleep(300),
    gen_tcp:close(Socket).

%% Asks the server that serves other nodes, with a token of these flags.
start_open(Node, Cookie, Flags) ->
    Socket = connect(Node, Cookie),
    Token = setelement(1, token(), Flags),
    Message = message({16, me(), '', seccomp_guard_open, Token}, {start, me(), me_ref()}),
    ok = gen_tcp:send(Socket, Message),
    timer:sleep(300),
    gen_tcp:close(Socket).

%% Asks for a process for each function with a payload, which need not be a list
%% of arguments.
-spec spawns(node(), string(), [{mfa(), payload()}]) -> ok.
spawns(Node, Cookie, Requests) ->
    Frames = [message({29, me_ref(), me(), me(), Mfa, []}, Args) || {Mfa, Args} <- Requests],
    Last = lists:foldl(
        fun(Frame, Socket) -> send(Socket, Frame, Node, Cookie) end,
        connect(Node, Cookie),
        Frames
    ),
    timer:sleep(300),
    gen_tcp:close(Last).

%% A list as nodes write it, or with a tail. The atom `ref` stands for a reference.
-spec args([term()]) -> payload().
args(Elements) -> args(Elements, []).

-spec args([term()], term()) -> payload().
args(Elements, Tail) ->
    Bytes = [element_bytes(Element) || Element <- Elements],
    Length = length(Elements),
    {raw, iolist_to_binary([<<108, Length:32>>, Bytes, encode(Tail)])}.

element_bytes(ref) -> encode(me_ref());
element_bytes(Element) -> encode(Element).

spawn_frame() ->
    message(
        {29, me_ref(), me(), me(), {seccomp_guard_attacks, hit, 1}, []},
        [raw]
    ).

%% Sends everything. Where the node closes the connection, a new one is made; a
%% node that is gone makes this fail.
attack(Node, Cookie, Pids) ->
    Valid = well_formed(Node, Pids),
    Frames = Valid ++ ill_formed(Node, Pids) ++ mutants(Valid),
    Last = lists:foldl(
        fun(Frame, Socket) -> send(Socket, Frame, Node, Cookie) end,
        connect(Node, Cookie),
        Frames
    ),
    timer:sleep(300),
    gen_tcp:close(Last).

send(Socket, Frame, Node, Cookie) ->
    case gen_tcp:send(Socket, Frame) of
        ok ->
            Socket;
        {error, _} ->
            gen_tcp:close(Socket),
            Again = connect(Node, Cookie),
            _ = gen_tcp:send(Again, Frame),
            Again
    end.

%% -- Frames ------------------------------------------------------------------

well_formed(Node, Pids) ->
    Spawn = {seccomp_guard_attacks, hit, 1},
    Call = {'$gen_cast', {cast, seccomp_guard_attacks, hit, [raw], me()}},
    Names = [rex, init, user, net_kernel, code_server, kernel_safe_sup, nobody],
    [spawn_frame(), message({30, me_ref(), me(), me(), Spawn, [link], token()}, [raw])] ++
        [
            message({29, me_ref(), me(), me(), Spawn, [Option]}, [raw])
         || Option <- [
                link, monitor, {priority, max}, {min_heap_size, 1 bsl 50}, {min_heap_size, -1},
                {max_heap_size, 5}, {nothing, known}, 17
            ]
        ] ++
        [message({6, me(), '', Name}, Call) || Name <- Names] ++
        [message({16, me(), '', Name, token()}, Call) || Name <- Names] ++
        [message({6, me(), '', init}, {stop, stop})] ++
        [control({19, me(), Name, me_ref()}) || Name <- Names] ++
        lists:append([to_pid(pid_of(Pid), Call) || Pid <- guesses(Node, Pids)]).

to_pid(Pid, Call) ->
    [
        control({1, me(), Pid}),
        message({2, '', Pid}, Call),
        message({12, '', Pid, token()}, Call),
        message({22, me(), Pid}, Call),
        message({23, me(), Pid, token()}, Call),
        control({3, me(), Pid, kill}),
        control({13, me(), Pid, token(), kill}),
        control({4, me(), Pid}),
        control({35, 1, me(), Pid}),
        control({36, 1, me(), Pid}),
        control({7, me(), Pid}),
        control({8, me(), Pid, kill}),
        control({18, me(), Pid, token(), kill}),
        control({19, me(), Pid, me_ref()}),
        control({20, me(), Pid, me_ref()}),
        control({21, me(), Pid, me_ref(), boom}),
        message({24, me(), Pid}, kill),
        message({25, me(), Pid, token()}, kill),
        message({26, me(), Pid}, kill),
        message({27, me(), Pid, token()}, kill),
        message({28, me(), Pid, me_ref()}, boom),
        control({31, me_ref(), Pid, 0, me()}),
        control({32, me_ref(), Pid, 0, me(), token()}),
        message({33, me(), {raw, pid_ref(Pid)}}, Call),
        message({34, me(), {raw, pid_ref(Pid)}, token()}, Call)
    ].

%% Pids that exist, of another incarnation, and beyond the table.
guesses(Node, [{_, _, _, Creation} | _] = Pids) ->
    Pids ++
        [{Node, N, 0, Creation} || N <- [0, 1, 2, 9, 44, 16#7fffffff, 16#ffffffff]] ++
        [{Node, 0, 0, 1}, {Node, 9, 16#ffffffff, Creation}, {elsewhere@localhost, 9, 0, 1}].

ill_formed(Node, [Guess | _] = Pids) ->
    Pid = pid_of(Guess),
    Junk = [a, 0, -1, 1 bsl 70, [], [1 | 2], <<"x">>, {}, 1.5, #{}, me_ref(), me(), Pid],
    Operations = lists:seq(0, 40) ++ [255, 1 bsl 27, 1 bsl 60, -1],
    [control(Term) || Term <- Junk] ++
        [control({Term}) || Term <- Junk] ++
        [control(list_to_tuple([Op])) || Op <- Operations] ++
        [
            message(list_to_tuple([Op | lists:duplicate(Size, Thing)]), x)
         || Op <- Operations, Size <- [1, 2, 3, 4, 5, 6, 9, 40], Thing <- [a, me(), Pid]
        ] ++
        [message({6, me(), '', Thing}, x) || Thing <- Junk] ++
        [control({1, me(), Thing}) || Thing <- Junk] ++
        [control({7, Thing, Pid}) || Thing <- Junk] ++
        [control({29, me_ref(), me(), me(), Thing, []}) || Thing <- Junk] ++
        [control({29, me_ref(), me(), me(), {a, b, 0}, Thing}) || Thing <- Junk] ++
        [message({16, me(), '', rex, Thing}, x) || Thing <- Junk] ++
        frames_of_bytes(Node, Pids).

frames_of_bytes(_Node, _Pids) ->
    Good = iolist_to_binary(spawn_frame()),
    <<_:32, Body/binary>> = Good,
    [frame(binary:part(Body, 0, N)) || N <- lists:seq(1, byte_size(Body) - 1, 3)] ++
        [
            frame(<<>>),
            frame(<<112>>),
            frame(<<113, 131, 97, 1>>),
            frame(<<112, 131, 109, 16#ffffffff:32>>),
            frame(<<112, 131, 105, 16#ffffffff:32>>),
            frame(<<112, 131, 108, 16#7fffffff:32>>),
            frame(<<112, 131, 110, 255, 0>>),
            frame([<<112, 131>>, binary:copy(<<108, 1:32>>, 100000)]),
            frame(binary:copy(<<255>>, 1000)),
            %% Headers of distribution and fragments that nobody began.
            frame(<<131, 68, 0>>),
            frame(<<131, 69, 1:64, 2:64, 0>>),
            frame(<<131, 70, 1:64, 1:64, 0>>),
            frame(<<131, 69, 7:64, 0:64, 0>>),
            frame(<<131, 69, 7:64, 16#ffffffffffffffff:64, 0, 104, 1>>)
        ].

%% Well formed frames with some of their bytes changed, always the same ones.
mutants(Frames) ->
    _ = rand:seed(exsss, ?SEED),
    Any = fun() -> lists:nth(rand:uniform(length(Frames)), Frames) end,
    [mutant(iolist_to_binary(Any())) || _ <- lists:seq(1, ?MUTANTS)].

mutant(<<Length:32, Body/binary>>) ->
    Changed = lists:foldl(
        fun(_, Bytes) ->
            At = rand:uniform(Length) - 1,
            <<Before:At/binary, _, After/binary>> = Bytes,
            <<Before/binary, (rand:uniform(256) - 1), After/binary>>
        end,
        Body,
        lists:seq(1, rand:uniform(3))
    ),
    frame(Changed).

control(Term) -> frame([112, 131, encode(Term)]).

message(Control, Message) -> frame([112, 131, encode(Control), 131, encode(Message)]).

frame(Bytes) -> [<<(iolist_size(Bytes)):32>>, Bytes].

%% -- Terms -------------------------------------------------------------------

me() -> {raw, pid_bytes(me_node(), 77, 0, 1)}.

me_ref() -> {raw, <<90, 3:16, (atom(me_node()))/binary, 1:32, 1:32, 2:32, 3:32>>}.

%% A reference with a pid in it, as aliases are.
pid_ref({raw, <<88, 119, Length, Name:Length/binary, Number:32, Serial:32, Creation:32>>}) ->
    Node = <<119, Length, Name/binary>>,
    <<90, 5:16, Node/binary, Creation:32, 1:32, 2:32, 3:32, Number:32, Serial:32>>.

token() -> {0, 1, 1, me(), 0}.

me_node() -> 'raw@localhost'.

pid_of({Node, Number, Serial, Creation}) -> {raw, pid_bytes(Node, Number, Serial, Creation)}.

pid_bytes(Node, Number, Serial, Creation) ->
    <<88, (atom(Node))/binary, Number:32, Serial:32, Creation:32>>.

atom(Atom) ->
    Name = atom_to_binary(Atom),
    <<119, (byte_size(Name)), Name/binary>>.

encode({raw, Bytes}) when is_binary(Bytes) ->
    Bytes;
encode(Tuple) when is_tuple(Tuple), tuple_size(Tuple) < 256 ->
    [104, tuple_size(Tuple), [encode(Element) || Element <- tuple_to_list(Tuple)]];
encode([First | Rest]) ->
    [108, <<1:32>>, encode(First), encode(Rest)];
encode(Atom) when is_atom(Atom) ->
    atom(Atom);
encode(Term) ->
    <<131, Bytes/binary>> = term_to_binary(Term),
    Bytes.

%% -- Hands -------------------------------------------------------------------

connect(Node, Cookie) -> connect(Node, Cookie, 50).

%% The node may not have noticed yet that the former connection is gone.
connect(Node, Cookie, Tries) ->
    [Name, Host] = string:lexemes(atom_to_list(Node), "@"),
    {port, Port, _} = erl_epmd:port_please(Name, Host),
    {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false}, {packet, 2}]),
    Me = atom_to_binary(me_node()),
    ok = gen_tcp:send(Socket, <<$N, ?FLAGS:64, 1:32, (byte_size(Me)):16, Me/binary>>),
    case gen_tcp:recv(Socket, 0, 10000) of
        {ok, <<"sok">>} ->
            shake(Socket, Cookie);
        {ok, <<"salive">>} ->
            ok = gen_tcp:send(Socket, <<"true">>),
            shake(Socket, Cookie);
        Other when Tries > 0 ->
            _ = Other,
            gen_tcp:close(Socket),
            timer:sleep(100),
            connect(Node, Cookie, Tries - 1)
    end.

shake(Socket, Cookie) ->
    {ok, <<$N, _Flags:64, Challenge:32, _/binary>>} = gen_tcp:recv(Socket, 0, 10000),
    Digest = erlang:md5([Cookie, integer_to_list(Challenge)]),
    ok = gen_tcp:send(Socket, <<$r, 4711:32, Digest/binary>>),
    Theirs = erlang:md5([Cookie, integer_to_list(4711)]),
    {ok, <<$a, Theirs/binary>>} = gen_tcp:recv(Socket, 0, 10000),
    ok = inet:setopts(Socket, [{packet, raw}]),
    Socket.
