%% SPDX-License-Identifier: Apache-2.0
%%
%% The API's answers to wrong arguments and to emulators that enforce nothing.
-module(seccomp_api_tests).

-include_lib("eunit/include/eunit.hrl").

policy() ->
    {ok, Policy} = seccomp:compile(#{mode => blacklist, rules => [os]}),
    Policy.

%% The text that the shell prints for a call that raises.
printed(Fun) ->
    try Fun() of
        Value -> {returned, Value}
    catch
        Class:Reason:Stack ->
            Text = erl_error:format_exception(Class, Reason, Stack),
            {Class, Reason, unicode:characters_to_list(Text)}
    end.

-define(has(Part, Text), ?assertNotEqual(nomatch, string:find(Text, Part))).

%% -- Misuse ------------------------------------------------------------------

misuse_raises_badarg_and_names_the_argument_test_() ->
    Self = self(),
    P = policy(),
    Mfa = {os, cmd, 1},
    Cases = [
        {fun() -> seccomp:restrict(self, blacklist, []) end, "argument 1: not a pid"},
        {fun() -> seccomp:restrict(Self, greylist, []) end, "argument 2: neither whitelist"},
        {fun() -> seccomp:restrict(Self, blacklist, os) end, "argument 3: not a list"},
        {fun() -> seccomp:restrict(Self, blacklist, [], []) end, "argument 4: not a map"},
        {fun() -> seccomp:restrict_spawn(shell) end, "argument 1: not a pid"},
        {fun() -> seccomp:compile([]) end, "argument 1: not a map"},
        {fun() -> seccomp:set_policy(Self, make_ref()) end, "argument 2: not a policy"},
        {fun() -> seccomp:set_policy(1, P) end, "argument 1: not a pid"},
        {fun() -> seccomp:lift(1) end, "argument 1: not a pid"},
        {fun() -> seccomp:check(P, os) end, "argument 2: not {Module"},
        {fun() -> seccomp:check(P, {os, cmd, 256}) end, "argument 2: not {Module"},
        {fun() -> seccomp:check(x, Mfa) end, "argument 1: not a policy"},
        {fun() -> seccomp:explain(P, {os, cmd}) end, "argument 2: not {Module"},
        {fun() -> seccomp:dump(x) end, "argument 1: not a policy"},
        {fun() -> seccomp:group("pure") end, "argument 1: not an atom"},
        {fun() -> seccomp:spawn(P, fun(_) -> ok end) end, "argument 2: not a fun of no"},
        {fun() -> seccomp:spawn_link(x, fun() -> ok end) end, "argument 1: not a policy"},
        {fun() -> seccomp:spawn_monitor(P, x) end, "argument 2: not a fun"},
        {fun() -> seccomp:spawn_opt(P, fun() -> ok end, link) end, "argument 3: not a list"},
        {fun() -> seccomp:flags(1) end, "argument 1: not a pid"},
        {fun() -> seccomp:info(1) end, "argument 1: not a pid"},
        {fun() -> seccomp:violations(1) end, "argument 1: not a pid"},
        {fun() -> seccomp:from_json("{}") end, "argument 1: not a binary"},
        {fun() -> seccomp:to_json("{}") end, "argument 1: not a map"}
    ],
    [
        {Expected, fun() ->
            {error, badarg, Text} = printed(Fun),
            ?has(Expected, Text)
        end}
     || {Fun, Expected} <- Cases
    ].

a_foreign_reference_is_no_policy_test() ->
    Forged = setelement(2, policy(), make_ref()),
    ?assertError(badarg, seccomp:dump(Forged)),
    ?assertError(badarg, seccomp:check(Forged, {os, cmd, 1})).

%% -- Processes ---------------------------------------------------------------

an_untouched_process_is_trusted_test() ->
    ?assertEqual(0, seccomp:flags(self())),
    ?assertEqual(trusted, seccomp:info(self())).

a_dead_pid_is_an_error_test() ->
    {Pid, Monitor} = spawn_monitor(fun() -> ok end),
    receive
        {'DOWN', Monitor, process, Pid, normal} -> ok
    end,
    ?assertEqual({error, noproc}, seccomp:flags(Pid)),
    ?assertEqual({error, noproc}, seccomp:info(Pid)),
    {error, Reason} = seccomp:restrict(Pid, blacklist, [os]),
    case on_this_emulator(noproc) of
        noproc -> ?assertEqual(noproc, Reason);
        unsupported -> ?assertMatch({unsupported, _}, Reason)
    end,
    ?assertMatch([_ | _], unicode:characters_to_list(seccomp:format_error(Reason))).

a_remote_pid_is_an_error_test() ->
    %% The external form of <0.1.0> on a node that does not exist.
    Node = <<"nowhere@example">>,
    Pid = binary_to_term(<<131, 88, 119, (byte_size(Node)), Node/binary, 1:32, 0:32, 1:32>>),
    {error, {Name, Map} = Reason} = seccomp:restrict(Pid, blacklist, [os]),
    ?assertEqual(on_this_emulator(remote_pid), Name),
    case Name of
        remote_pid -> ?assertMatch(#{pid := Pid, node := 'nowhere@example'}, Map);
        unsupported -> ok
    end,
    ?assertMatch([_ | _], unicode:characters_to_list(seccomp:format_error(Reason))).

%% An emulator that enforces nothing refuses before it looks at the process.
on_this_emulator(Name) ->
    case seccomp:enforcement() of
        #{status := enforced} -> Name;
        #{status := unsupported} -> unsupported
    end.

%% -- The emulator ------------------------------------------------------------

enforcement_says_what_holds_test() ->
    Release = erlang:system_info(otp_release),
    Flavor = erlang:system_info(emu_flavor),
    ?assertMatch(
        #{status := Status, abi := Abi, otp := Release, flavor := Flavor} when
            (Status =:= enforced andalso Abi > 0) orelse (Status =:= unsupported andalso Abi =:= 0),
        seccomp:enforcement()
    ).

%% These hold where nothing is enforced; the suites of the patched emulator
%% test the opposite.
stock_emulator_test_() ->
    case seccomp:enforcement() of
        #{status := enforced} -> [];
        #{status := unsupported} -> [fun restrict_refuses/0, fun spawn_never_runs_unprotected/0]
    end.

restrict_refuses() ->
    Calls = [
        fun() -> seccomp:restrict(self(), blacklist, [os]) end,
        fun() -> seccomp:restrict_spawn(self()) end,
        fun() -> seccomp:set_policy(self(), policy()) end,
        fun() -> seccomp:lift(self()) end
    ],
    [
        begin
            {error, {unsupported, #{hint := _}} = Reason} = Call(),
            ?has("make otp", unicode:characters_to_list(seccomp:format_error(Reason)))
        end
     || Call <- Calls
    ],
    ?assertEqual(0, seccomp:flags(self())).

spawn_never_runs_unprotected() ->
    Self = self(),
    Fun = fun() -> Self ! ran end,
    P = policy(),
    Spawns = [
        fun() -> seccomp:spawn(P, Fun) end,
        fun() -> seccomp:spawn_link(P, Fun) end,
        fun() -> seccomp:spawn_monitor(P, Fun) end,
        fun() -> seccomp:spawn_opt(P, Fun, [monitor]) end
    ],
    [
        begin
            {error, {unsupported, #{}}, Text} = printed(Spawn),
            ?has("make otp", Text)
        end
     || Spawn <- Spawns
    ],
    %% Past the check in the caller, the process itself refuses, too.
    {Pid, Monitor} = spawn_monitor(seccomp_attach:entry(element(2, P), Fun)),
    receive
        {'DOWN', Monitor, process, Pid, Reason} ->
            ?assertMatch({seccomp, {unsupported, #{}}}, Reason)
    end,
    receive
        ran -> ?assert(false)
    after 0 -> ok
    end.
