%% SPDX-License-Identifier: Apache-2.0
%%
%% Tries every known way round a policy, under two policies, and prints what
%% came of it. Run by `make escapes`:
%%
%%     erl -noshell -pa DIR -run seccomp_escapes main [ID ...]
%%
%% Exit status 1: something that should be denied or harmless got out, or
%% something that docs/threat-model.md calls open no longer works.
-module(seccomp_escapes).

-export([main/0, main/1]).

-spec main() -> no_return().
main() -> main([]).

-spec main([string()]) -> no_return().
main(Ids) ->
    case seccomp:enforcement() of
        #{status := enforced} ->
            halt(run(Ids));
        #{status := unsupported} ->
            io:format(standard_error, "escapes: no policy is enforced here, use `make escapes`~n", []),
            halt(1)
    end.

run(Ids) ->
    %% Rows crash processes on purpose.
    ok = logger:set_primary_config(level, none),
    seccomp_escapes_table:header(),
    {Verdicts, Peer} = lists:mapfoldl(fun row/2, none, rows(Ids)),
    ok = stop(Peer),
    seccomp_escapes_table:totals(Verdicts).

rows(Ids) ->
    All = [{M, Row} || M <- modules(), Row <- M:rows()],
    Names = [Id || {_, #{id := Id}} <- All],
    case Names -- lists:usort(Names) of
        [] -> ok;
        Twice -> error({rows_with_the_same_id, Twice})
    end,
    [R || {_, #{id := Id}} = R <- All, Ids =:= [] orelse lists:member(Id, Ids)].

modules() ->
    [esc_servers, esc_elixir, esc_calls, esc_code, esc_processes, esc_node] ++
        [esc_dist, esc_nodes, esc_new, esc_made, esc_shared, esc_vm, esc_gates, esc_inside].

row({_Module, #{not_run := _} = Row}, Peer) ->
    {seccomp_escapes_table:row(Row, not_run, not_run), Peer};
row({Module, Row}, Peer0) ->
    {Calculator, Peer1} = under(calculator, Module, Row, Peer0),
    {Plugin, Peer2} = under(plugin, Module, Row, Peer1),
    {seccomp_escapes_table:row(Row, Calculator, Plugin), Peer2}.

%% Gives {Expected, Results}: one result for each way.
under(Policy, Module, #{ways := Ways} = Row, Peer0) ->
    Nths = lists:seq(1, length(Ways)),
    {Results, Peer} = lists:mapfoldl(
        fun(Nth, P) -> way(Policy, Module, Row, Nth, P) end, Peer0, Nths
    ),
    {{maps:get(Policy, Row), Results}, Peer}.

way(Policy, Module, #{id := Id} = Row, Nth, Peer0) ->
    case maps:get(node, Row, here) of
        here ->
            {esc_run:way(Module, Id, Nth, Policy), Peer0};
        Kind ->
            Peer = start(Kind, Peer0),
            {_, Node} = Peer,
            try seccomp_test_node:call(Node, esc_run, way, [Module, Id, Nth, Policy]) of
                %% What got out may have left the node in any state.
                {effect, _} = Result -> {Result, stopped(Peer)};
                Result -> {Result, Peer}
            catch
                _:Reason -> {lost(Row, Reason), stopped(Peer)}
            end
    end.

%% The node did not live to tell. For some rows that is the effect.
lost(#{effect_is := node_down}, Reason) -> {effect, {node_down, Reason}};
lost(_Row, Reason) -> {lost, Reason}.

%% One is kept for the next row, if that wants the same kind.
start(Kind, {Kind, _} = Peer) ->
    Peer;
start(Kind, Peer) ->
    ok = stop(Peer),
    {Kind, start(Kind)}.

start(peer) ->
    seccomp_test_node:start_quiet(same, []);
start(named) ->
    {Peer, _Name} = seccomp_test_node:start_named(same, ["-setcookie", "esc"]),
    Peer;
start(heart) ->
    seccomp_test_node:start_quiet(same, ["-heart"]).

stopped(Peer) ->
    ok = stop(Peer),
    none.

stop(none) ->
    ok;
stop({_Kind, Peer}) ->
    try seccomp_test_node:stop(Peer) of
        _ -> ok
    catch
        _:_ -> ok
    end.
