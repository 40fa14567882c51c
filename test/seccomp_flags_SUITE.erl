%% SPDX-License-Identifier: Apache-2.0
%%
%% The byte E M S I, and the rule that a policy goes one way only.
-module(seccomp_flags_SUITE).

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([
    all_sixteen_combinations/1,
    info_says_the_same/1,
    spawn_restriction_alone/1,
    self_can_tighten/1,
    whitelists_meet/1,
    blacklists_join/1,
    stricter_reaction_wins/1,
    self_cannot_loosen/1,
    others_are_out_of_reach/1,
    trusted_can_do_all/1
]).

%% A call that should have been denied may leave somebody waiting.
suite() -> [{timetrap, {seconds, 60}}].

all() ->
    [
        all_sixteen_combinations,
        info_says_the_same,
        spawn_restriction_alone,
        self_can_tighten,
        whitelists_meet,
        blacklists_join,
        stricter_reaction_wins,
        self_cannot_loosen,
        others_are_out_of_reach,
        trusted_can_do_all
    ].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

%% -- The byte ----------------------------------------------------------------

combinations() ->
    [{M, S, I} || M <- [whitelist, blacklist], S <- [allow, deny], I <- [false, true]].

byte({M, S, I}) ->
    16#80 bor bit(M =:= blacklist, 16#40) bor bit(S =:= deny, 16#20) bor bit(I, 16#10).

bit(true, Bit) -> Bit;
bit(false, _) -> 0.

compile({M, S, I}) ->
    seccomp_test_run:policy(M, [{os, getpid, 0}], #{spawn => S, inherit => I}).

%% Eight with E, and eight that are the same byte, zero, without it.
all_sixteen_combinations(_Config) ->
    Pid = sleeper(),
    Seen = [
        begin
            ok = seccomp:set_policy(Pid, compile(C)),
            On = seccomp:flags(Pid),
            ok = seccomp:lift(Pid),
            ?assertEqual({C, byte(C), 0}, {C, On, seccomp:flags(Pid)}),
            On
        end
     || C <- combinations()
    ],
    ?assertEqual([16#80, 16#90, 16#a0, 16#b0, 16#c0, 16#d0, 16#e0, 16#f0], lists:sort(Seen)),
    ?assertEqual(0, seccomp:flags(self())).

info_says_the_same(_Config) ->
    Pid = sleeper(),
    Me = self(),
    ?assertEqual(trusted, seccomp:info(Pid)),
    [
        begin
            ok = seccomp:set_policy(Pid, compile(C)),
            Flags = byte(C),
            ?assertMatch(
                #{mode := M, spawn := S, inherit := I, flags := Flags, on_deny := raise,
                    origin := {restricted_by, Me}},
                seccomp:info(Pid)
            ),
            ?assertEqual([Pid], [P || P <- seccomp:processes(), P =:= Pid])
        end
     || {M, S, I} = C <- combinations()
    ],
    ok = seccomp:lift(Pid),
    ?assertEqual(trusted, seccomp:info(Pid)),
    ?assertNot(lists:member(Pid, seccomp:processes())).

spawn_restriction_alone(_Config) ->
    Pid = sleeper(),
    ok = seccomp:restrict_spawn(Pid),
    ?assertEqual(16#f0, seccomp:flags(Pid)),
    ?assertEqual({value, "x"}, ask(Pid, fun() -> string:trim(" x ") end)),
    ?assertMatch({raised, error, {seccomp, {erlang, spawn, 3}}, _}, ask(Pid, fun start/0)).

start() -> spawn(erlang, self, []).

%% -- One way -----------------------------------------------------------------

%% A process that runs what it is asked to, in its own context.
sleeper() ->
    spawn_link(fun serve/0).

serve() ->
    receive
        {From, Fun} ->
            From ! {self(), seccomp_test_run:outcome(Fun)},
            serve()
    end.

ask(Pid, Fun) ->
    Pid ! {self(), Fun},
    receive
        {Pid, Outcome} -> Outcome
    after 30000 -> error({no_answer, process_info(Pid)})
    end.

denied(Pid, {M, F, Args}) ->
    Outcome = ask(Pid, fun() -> apply(M, F, Args) end),
    case seccomp_test_run:denial(Outcome, {{M, F, length(Args)}, Args}) of
        ok -> true;
        {no_denial, {value, _}} -> false
    end.

-define(CALLS, [{os, getpid, []}, {os, type, []}, {erlang, phash2, [x]}, {erlang, md5, ["x"]}]).

%% What of the four calls it may make.
may(Pid) -> [F || {_, F, _} = Call <- ?CALLS, not denied(Pid, Call)].

self_can_tighten(_Config) ->
    Pid = sleeper(),
    ?assertEqual([getpid, type, phash2, md5], may(Pid)),
    tighten(Pid, blacklist, [{os, getpid, 0}], #{}),
    ?assertEqual([type, phash2, md5], may(Pid)),
    tighten(Pid, blacklist, [{erlang, md5, 1}], #{spawn => deny}),
    ?assertEqual([type, phash2], may(Pid)),
    ?assertEqual(16#f0, seccomp:flags(Pid)),
    %% Asking for less changes nothing.
    tighten(Pid, blacklist, [], #{spawn => allow, inherit => false}),
    ?assertEqual([type, phash2], may(Pid)),
    ?assertEqual(16#f0, seccomp:flags(Pid)).

tighten(Pid, Mode, Rules, Opts) ->
    Outcome = ask(Pid, fun() -> seccomp:restrict(self(), Mode, Rules, Opts) end),
    ?assertEqual({value, ok}, Outcome).

%% All that a process needs to serve and to restrict itself once more.
serving() ->
    [seccomp, seccomp_attach, seccomp_policy, seccomp_nif, seccomp_test_run, lists, maps] ++
        ['@operators', {erlang, send, 2}, {erlang, atom_to_list, 1}, {erlang, is_builtin, 3}].

whitelists_meet(_Config) ->
    Pid = sleeper(),
    Both = [{erlang, phash2, 1} | serving()],
    ok = seccomp:restrict(Pid, whitelist, [{os, getpid, 0} | Both]),
    ?assertEqual([getpid, phash2], may(Pid)),
    tighten(Pid, whitelist, [{os, type, 0} | Both], #{}),
    ?assertEqual([phash2], may(Pid)),
    tighten(Pid, blacklist, [{erlang, phash2, 1}], #{}),
    ?assertEqual([], may(Pid)).

blacklists_join(_Config) ->
    Pid = sleeper(),
    [
        ok = seccomp:restrict(Pid, blacklist, [{M, F, length(A)}])
     || {M, F, A} <- ?CALLS
    ],
    ?assertEqual([], may(Pid)),
    %% A trusted process that restricts does not replace either.
    ok = seccomp:restrict(Pid, blacklist, []),
    ?assertEqual([], may(Pid)).

stricter_reaction_wins(_Config) ->
    Pid = sleeper(),
    Order = [{log, log}, {raise, raise}, {log, raise}, {kill, kill}, {raise, kill}],
    [
        begin
            ok = seccomp:restrict(Pid, blacklist, [{os, getpid, 0}], #{on_deny => Wanted}),
            ?assertMatch({Wanted, #{on_deny := Holds}}, {Wanted, seccomp:info(Pid)})
        end
     || {Wanted, Holds} <- Order
    ].

self_cannot_loosen(_Config) ->
    Free = seccomp_test_run:policy(blacklist, []),
    Pid = sleeper(),
    ok = seccomp:restrict(Pid, blacklist, [{os, getpid, 0}]),
    [
        ?assertMatch({value, {error, {restricted, #{}}}}, ask(Pid, Loosen))
     || Loosen <- [
            fun() -> seccomp:lift(self()) end,
            fun() -> seccomp:set_policy(self(), Free) end,
            fun() -> seccomp_nif:lift(self(), make_ref()) end,
            fun() -> seccomp_nif:set_policy(self(), element(2, Free), replace, make_ref()) end
        ]
    ],
    ?assertMatch({value, ok}, ask(Pid, fun() -> seccomp:restrict(self(), blacklist, []) end)),
    ?assert(denied(Pid, {os, getpid, []})),
    ?assertEqual(16#d0, seccomp:flags(Pid)).

others_are_out_of_reach(_Config) ->
    Policy = seccomp_test_run:policy(blacklist, []),
    Pid = sleeper(),
    Victim = sleeper(),
    Restricted = sleeper(),
    ok = seccomp:restrict(Restricted, blacklist, [{os, getpid, 0}]),
    ok = seccomp:restrict(Pid, blacklist, [{os, type, 0}]),
    [
        ?assertMatch({value, {error, {restricted, #{}}}}, ask(Pid, fun() -> Reach(Other) end))
     || Other <- [Victim, Restricted, self(), whereis(init)],
        Reach <- [
            fun(P) -> seccomp:restrict(P, blacklist, [{os, cmd, 1}]) end,
            fun(P) -> seccomp:restrict_spawn(P) end,
            fun(P) -> seccomp:set_policy(P, Policy) end,
            fun(P) -> seccomp:lift(P) end
        ]
    ],
    ?assertEqual(0, seccomp:flags(Victim)),
    ?assertEqual(0, seccomp:flags(self())),
    ?assert(denied(Restricted, {os, getpid, []})).

trusted_can_do_all(_Config) ->
    Pid = sleeper(),
    ok = seccomp:restrict(Pid, blacklist, [{os, getpid, 0}]),
    ok = seccomp:restrict(Pid, blacklist, [{os, type, 0}]),
    ?assertEqual([phash2, md5], may(Pid)),
    ok = seccomp:set_policy(Pid, seccomp_test_run:policy(blacklist, [{erlang, md5, 1}])),
    ?assertEqual([getpid, type, phash2], may(Pid)),
    ok = seccomp:lift(Pid),
    ?assertEqual([getpid, type, phash2, md5], may(Pid)),
    ok = seccomp:lift(Pid),
    ok = seccomp:restrict(Pid, whitelist, serving()),
    ?assertEqual([], may(Pid)).
