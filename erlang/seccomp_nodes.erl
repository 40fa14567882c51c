%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_nodes).

-include("seccomp_doc.hrl").

?MODULEDOC("
Exchanges policies with other nodes that have the patch.

Messages between nodes name the policy of whom they are sent for by its hash.
Each node tells the others what its hashes stand for: all of them when a
connection is there, and new ones before `seccomp:compile/1` or
`seccomp:restrict/4` returns. What made itself a policy otherwise, such as the
meet of two, is told a moment later. A hash that a node was not told of stands
for a policy that denies everything.

A policy of another node is kept while that is connected, and while a process
has it. How many there are, how large they are and how many atoms they make is
bounded. It is hashed here: no node can give a policy another's name.
").

-behaviour(gen_server).

-export([start_link/0, announce/0, sync/2, peers/0]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

%% The version of what is sent. Others are left alone.
-define(PROTOCOL, 1).
%% What is kept of one node: so many policies, and bytes of their text.
-define(MAX_POLICIES, 4096).
-define(MAX_BYTES, (16 * 1024 * 1024)).
%% How many atoms policies of others may make, ever.
-define(MAX_ATOMS, 65536).
%% How long a caller waits for the others, in milliseconds.
-define(WAIT, 1000).
%% How often it looks for policies that nobody announced.
-define(PERIOD, 50).
%% Counters for announce/0: connected peers, and up to where they know all.
-define(PEERS, 1).
-define(KNOWN, 2).

-record(peer, {
    %% The newest message that it was sent, and that it has answered.
    due = 0 :: non_neg_integer(),
    acked = 0 :: non_neg_integer(),
    %% What it told, oldest first, with the sizes of the texts.
    held = queue:new() :: queue:queue({reference(), binary(), non_neg_integer()}),
    names = #{} :: #{binary() => []},
    bytes = 0 :: non_neg_integer()
}).
-record(state, {
    counters :: atomics:atomics_ref(),
    peers = #{} :: #{node() => #peer{}},
    %% The first number of a policy that was not sent yet.
    next = 0 :: non_neg_integer(),
    waiting = [] :: [{gen_server:from(), all | node(), reference()}],
    atoms = 0 :: non_neg_integer(),
    polls = false :: boolean()
}).

?NODOC.
-spec start_link() -> gen_server:start_ret().
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

?DOC("
Returns when all patched nodes that are connected know the policies of this one,
or after a second. Costs next to nothing where there are none.
").
-spec announce() -> ok.
announce() ->
    case persistent_term:get(?MODULE, none) of
        none ->
            ok;
        Counters ->
            Peers = atomics:get(Counters, ?PEERS),
            case Peers =:= 0 orelse seccomp_nif:origins_next() =:= atomics:get(Counters, ?KNOWN) of
                true ->
                    ok;
                false ->
                    _ = wait_for(all, ?WAIT),
                    ok
            end
    end.

?DOC("
Waits until `Node` is known to have the patch and to have all policies of this
node. `timeout`: it is not connected, or has no patch, or does not answer.
").
-spec sync(node(), non_neg_integer()) -> ok | timeout.
sync(Node, Timeout) -> wait_for(Node, Timeout).

wait_for(Whom, Timeout) ->
    try
        gen_server:call(?MODULE, {wait, Whom, Timeout}, Timeout + ?WAIT)
    catch
        exit:_ -> timeout
    end.

?DOC("The connected nodes that take part.").
-spec peers() -> [node()].
peers() -> gen_server:call(?MODULE, peers).

%% -- The server --------------------------------------------------------------

?NODOC.
-spec init([]) -> {ok, #state{}}.
init([]) ->
    _ = process_flag(trap_exit, true),
    Counters = atomics:new(2, []),
    ok = persistent_term:put(?MODULE, Counters),
    ok = net_kernel:monitor_nodes(true, [{node_type, all}]),
    _ = [hello(Node, true) || Node <- nodes(connected)],
    {ok, #state{counters = Counters}}.

?NODOC.
-spec handle_call(term(), gen_server:from(), #state{}) ->
    {reply, [node()], #state{}} | {noreply, #state{}}.
handle_call(peers, _From, #state{peers = Peers} = State) ->
    ok = forget(),
    {reply, maps:keys(Peers), State};
handle_call({wait, Whom, Timeout}, From, State) when is_integer(Timeout), Timeout >= 0 ->
    ok = forget(),
    Timer = erlang:start_timer(Timeout, self(), From),
    Told = tell_all(State),
    {noreply, answer(Told#state{waiting = [{From, Whom, Timer} | Told#state.waiting]})};
handle_call(_, _From, State) ->
    %% Anybody can write to a registered name.
    {noreply, State}.

?NODOC.
-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_, State) -> {noreply, State}.

?NODOC.
-spec handle_info(term(), #state{}) -> {noreply, #state{}}.
handle_info(Message, State) ->
    ok = forget(),
    handle_message(Message, State).

%% What is sent from here is sent for nobody: else those who wait for an answer
%% would act for the restricted process, or the guarded node, that was here last.
forget() -> seccomp:forget_origin().

handle_message({nodeup, Node, _}, State) ->
    ok = hello(Node, true),
    {noreply, State};
handle_message({nodedown, Node, _}, State) ->
    %% It may be back already, and what it sent since be here before this.
    _ = [hello(Node, true) || lists:member(Node, nodes(connected))],
    {noreply, answer(without(Node, State))};
handle_message({?MODULE, ?PROTOCOL, Node, Message}, State) when is_atom(Node) ->
    case lists:member(Node, nodes(connected)) of
        true -> {noreply, received(Message, Node, State)};
        false -> {noreply, State}
    end;
handle_message({timeout, _, From}, #state{waiting = Waiting} = State) ->
    case lists:keytake(From, 1, Waiting) of
        {value, _, Others} ->
            ok = gen_server:reply(From, timeout),
            {noreply, State#state{waiting = Others}};
        false ->
            {noreply, State}
    end;
handle_message(poll, #state{peers = Peers} = State) when map_size(Peers) =:= 0 ->
    {noreply, State#state{polls = false}};
handle_message(poll, State) ->
    _ = erlang:send_after(?PERIOD, self(), poll),
    {noreply, answer(tell_all(State))};
handle_message(_, State) ->
    {noreply, State}.

?NODOC.
-spec terminate(term(), #state{}) -> ok.
terminate(_, #state{counters = Counters}) ->
    %% Nobody waits for what is not there. The term stays: to erase it would
    %% cost every process of the node a collection.
    atomics:put(Counters, ?PEERS, 0).

%% -- What others say ---------------------------------------------------------

received({hello, Answer}, Node, #state{peers = Peers} = State) when is_boolean(Answer) ->
    _ = [hello(Node, false) || Answer],
    %% What is new is for the others, too; this one gets all.
    #state{next = Next} = Told = tell_all(State),
    {_, Hashes} = seccomp_nif:origins_from(0),
    Peer = tell(Node, Hashes, maps:get(Node, Peers, #peer{})),
    answer(polling(Told#state{peers = (Told#state.peers)#{Node => Peer}, next = Next}));
received({policies, Number, Policies}, Node, #state{peers = Peers} = State) when
    is_integer(Number), is_list(Policies), is_map_key(Node, Peers)
->
    Taken = take(Policies, Node, State),
    ok = send(Node, {have, Number}),
    Taken;
received({have, Number}, Node, #state{peers = Peers} = State) when is_map_key(Node, Peers) ->
    case Peers of
        #{Node := #peer{due = Due, acked = Acked} = Peer} when
            is_integer(Number), Number > Acked, Number =< Due
        ->
            answer(State#state{peers = Peers#{Node := Peer#peer{acked = Number}}});
        _ ->
            State
    end;
received(_, _, State) ->
    State.

take([{Hash, Text} | Policies], Node, State) when is_binary(Hash), is_binary(Text) ->
    #state{peers = #{Node := Peer} = Peers, atoms = Atoms} = State,
    case is_map_key(Hash, Peer#peer.names) orelse Atoms > ?MAX_ATOMS of
        true ->
            take(Policies, Node, State);
        false ->
            Before = erlang:system_info(atom_count),
            Held = hold(seccomp_nif:policy_from_wire(Hash, Text), Hash, byte_size(Text), Peer),
            Made = erlang:system_info(atom_count) - Before,
            take(Policies, Node, State#state{peers = Peers#{Node := Held}, atoms = Atoms + Made})
    end;
take(_, _, State) ->
    %% The end, or what is no policy.
    State.

hold({error, _}, _, _, Peer) ->
    Peer;
hold({ok, Ref}, Hash, Size, #peer{held = Held, names = Names, bytes = Bytes} = Peer) ->
    bounded(Peer#peer{
        held = queue:in({Ref, Hash, Size}, Held), names = Names#{Hash => []}, bytes = Bytes + Size
    }).

%% The oldest goes. A process that has it keeps it.
bounded(#peer{held = Held, names = Names, bytes = Bytes} = Peer) when
    map_size(Names) > ?MAX_POLICIES; Bytes > ?MAX_BYTES
->
    {{value, {_, Hash, Size}}, Others} = queue:out(Held),
    bounded(Peer#peer{held = Others, names = maps:remove(Hash, Names), bytes = Bytes - Size});
bounded(Peer) ->
    Peer.

without(Node, #state{peers = Peers} = State) ->
    State#state{peers = maps:remove(Node, Peers)}.

%% -- What others are told ----------------------------------------------------

%% `Answer`: whether the other is to say it, too.
hello(Node, Answer) -> send(Node, {hello, Answer}).

%% Never connects: who is not connected needs nothing.
send(Node, Message) ->
    _ = erlang:send({?MODULE, Node}, {?MODULE, ?PROTOCOL, node(), Message}, [noconnect]),
    ok.

tell_all(#state{next = Next, peers = Peers} = State) ->
    case seccomp_nif:origins_from(Next) of
        {Next, _} ->
            State;
        {New, Hashes} ->
            Told = maps:map(fun(Node, Peer) -> tell(Node, Hashes, Peer) end, Peers),
            State#state{next = New, peers = Told}
    end.

tell(Node, Hashes, #peer{due = Due} = Peer) ->
    ok = send(Node, {policies, Due + 1, [written(Hash) || Hash <- Hashes]}),
    Peer#peer{due = Due + 1}.

%% One that died meanwhile has no text; nobody acts for it any more.
written(Hash) ->
    case seccomp_nif:policy_to_wire(Hash) of
        {ok, Text} when is_binary(Text) -> {Hash, Text};
        _ -> {Hash, <<>>}
    end.

polling(#state{polls = true} = State) ->
    State;
polling(State) ->
    _ = erlang:send_after(?PERIOD, self(), poll),
    State#state{polls = true}.

%% Lets go whoever waits for what has come; notes how far all peers are.
answer(#state{peers = Peers, waiting = Waiting, counters = Counters, next = Next} = State) ->
    {Done, Still} = lists:partition(fun({_, Whom, _}) -> is_told(Whom, Peers) end, Waiting),
    ok = lists:foreach(
        fun({From, _, Timer}) ->
            _ = erlang:cancel_timer(Timer),
            gen_server:reply(From, ok)
        end,
        Done
    ),
    ok = atomics:put(Counters, ?PEERS, map_size(Peers)),
    _ = [ok = atomics:put(Counters, ?KNOWN, Next) || is_told(all, Peers)],
    State#state{waiting = Still}.

is_told(all, Peers) -> lists:all(fun is_told/1, maps:values(Peers));
is_told(Node, Peers) -> is_map_key(Node, Peers) andalso is_told(maps:get(Node, Peers)).

is_told(#peer{due = Due, acked = Acked}) -> Acked >= Due.
