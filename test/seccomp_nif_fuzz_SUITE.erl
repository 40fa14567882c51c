%% SPDX-License-Identifier: Apache-2.0
%%
%% Random terms thrown at every function of the native library, and of the API.
%% Each gives a documented answer or raises badarg, in bounded time; and nobody
%% is put under a policy who was not named.
-module(seccomp_nif_fuzz_SUITE).

-include_lib("stdlib/include/assert.hrl").

-include("seccomp_test_proper.hrl").

-export([all/0, suite/0, init_per_suite/1, end_per_suite/1, end_per_testcase/2]).
-export([native_functions/1, api_functions/1]).

%% For each function. `SECCOMP_FUZZ_TESTS` asks for more.
-define(TESTS, 150).

%% The functions whose answers is_answer/2 knows.
-define(KNOWN, [
    compile, policy_info, check, explain, dump, policy_from_json, from_json, policy_to_json,
    policy_includes, policy_from_files, read_policy, load_policy,
    to_json, group, suggest, set_policy, restrict, restrict_spawn, lift, flags, info, violations,
    spawn, spawn_link, spawn_monitor, spawn_opt
]).

suite() -> [{timetrap, {minutes, 30}}].

all() -> [native_functions, api_functions].

init_per_suite(Config) ->
    ok = seccomp_test_run:must_enforce(),
    Config.

end_per_suite(_Config) -> ok.

%% Whatever was tried: enforcement goes on, and so does each scheduler.
end_per_testcase(_Case, _Config) ->
    %% A guard that was set by chance would hold for the suites after this one.
    ok = seccomp:unguard_node(),
    ?assertEqual([], seccomp:processes()),
    Policy = seccomp_test_run:policy(blacklist, [{os, getpid, 0}]),
    Outcome = seccomp_test_run:in(Policy, fun() -> os:getpid() end),
    ok = seccomp_test_run:denial(Outcome, {{os, getpid, 0}, []}),
    Schedulers = lists:seq(1, erlang:system_info(schedulers_online)),
    [alive(spawn_opt(fun() -> ok end, [monitor, {scheduler, N}])) || N <- Schedulers],
    ok.

alive({Pid, Monitor}) ->
    receive
        {'DOWN', Monitor, process, Pid, normal} -> ok
    after 10000 -> ct:fail(scheduler_is_blocked)
    end.

%% -- Cases -------------------------------------------------------------------

%% Whatever the module exports, so functions to come are tried, too.
native_functions(_Config) ->
    [random_terms(seccomp_nif, F) || F <- exports(seccomp_nif)].

%% format_error/1,2 are for reasons and stack traces that others made.
api_functions(_Config) ->
    [random_terms(seccomp, {F, A}) || {F, A} <- exports(seccomp), F =/= format_error].

exports(Module) -> [{F, A} || {F, A} <- Module:module_info(exports), F =/= module_info, A > 0].

random_terms(Module, {F, _} = Function) ->
    Pids = [spawn_link(fun bystander/0) || _ <- [1, 2, 3]],
    Handles = [
        element(2, seccomp_test_run:policy(Mode, Rules))
     || {Mode, Rules} <- [{blacklist, [os]}, {whitelist, ['@pure']}]
    ],
    Given = #{pids => Pids, handles => Handles},
    Property = ?FORALL(
        Args,
        seccomp_test_terms:arguments(Module, Function, Given),
        holds(F, Args, Pids, outcome(Module, F, Args))
    ),
    Options = [{numtests, tests()}, {max_shrinks, 200}, {on_output, fun quiet/2}],
    Result = proper:quickcheck(Property, Options),
    Counterexample = [io_lib:format("~0tP", [A, 30]) || Result =/= true, A <- proper:counterexample()],
    [begin true = unlink(Pid), true = exit(Pid, kill) end || Pid <- Pids],
    ok = seccomp_test_run:eventually(fun() -> seccomp:processes() =:= [] end),
    ?assertEqual({Module, Function, true}, {Module, Function, Result}, Counterexample).

%% Failures alone are worth a line in the log.
quiet(Format, Data) ->
    case re:run(Format, "Failed|counterexample|~p", [{capture, none}]) of
        match -> ct:log(Format, Data);
        nomatch -> ok
    end.

tests() ->
    case os:getenv("SECCOMP_FUZZ_TESTS") of
        false -> ?TESTS;
        Text -> list_to_integer(Text)
    end.

%% Never in the middle of something.
bystander() ->
    receive
        _ -> bystander()
    end.

%% -- Outcomes ----------------------------------------------------------------

%% In a process of its own, which ends by a policy if it got one. What it sent
%% for, it waits for: a request may still be on its way otherwise.
outcome(Module, F, Args) ->
    seccomp_test_run:await(spawn_monitor(fun() ->
        Outcome = seccomp_test_run:outcome(fun() -> apply(Module, F, Args) end),
        exit({seccomp_test_run, answered(Outcome, Args)})
    end)).

answered({value, wait}, Args) ->
    Tag = lists:last(Args),
    receive
        {Tag, Answer} when is_atom(Answer) -> {value, {waited, Answer}}
    after 60000 -> {no_answer, Tag}
    end;
answered(Outcome, _Args) ->
    Outcome.

%% True, or what is wrong.
holds(F, Args, Pids, Outcome) ->
    Changed = [Pid || Pid <- Pids, seccomp:flags(Pid) =/= 0],
    Meant = [Pid || Pid <- Changed, hd(Args) =:= Pid, changes(F), took(Outcome)],
    _ = [ok = seccomp:lift(Pid) || Pid <- Changed],
    Others = seccomp:processes() -- Pids,
    Fine = is_documented(F, Outcome) andalso Changed =:= Meant,
    (Fine andalso (Others =:= [] orelse gone(Others))) orelse
        begin
            ct:log("~tp: ~0tP~nchanged: ~0tp, others: ~0tp", [F, Outcome, 30, Changed, Others]),
            false
        end.

changes(F) -> lists:member(F, [set_policy, restrict, restrict_spawn, learn_start]).

took({value, ok}) -> true;
took({value, {ok, _Session}}) -> true;
took({value, {waited, ok}}) -> true;
took(_) -> false.

%% Processes that spawn/2 and its kin started under a policy.
gone(Pids) -> ok =:= seccomp_test_run:eventually(fun() -> not lists:any(fun is_process_alive/1, Pids) end).

is_documented(_, {raised, error, badarg, _}) -> true;
is_documented(_, {value, {error, noproc}}) -> true;
is_documented(_, {value, {error, {Name, Map}}}) -> is_atom(Name) andalso is_map(Map);
is_documented(_, {value, {error, _}}) -> false;
is_documented(F, {value, Value}) -> is_answer(F, Value);
is_documented(_, _) -> false.

is_answer(compile, {ok, {seccomp_policy, Ref}}) -> is_reference(Ref);
is_answer(compile, {ok, Ref}) -> is_reference(Ref);
is_answer(policy_info, Map) -> is_map(Map);
is_answer(check, allow) -> true;
is_answer(check, {deny, Why}) -> is_map(Why);
is_answer(explain, Text) -> is_binary(iolist_to_binary(Text));
is_answer(dump, Text) -> is_binary(Text);
is_answer(F, {ok, Map}) when F =:= policy_from_json; F =:= from_json -> is_map(Map);
is_answer(F, {ok, Json}) when F =:= policy_to_json; F =:= to_json -> is_binary(Json);
is_answer(policy_includes, {ok, Paths}) -> lists:all(fun is_binary/1, Paths);
is_answer(policy_from_files, {ok, Map, Places}) -> is_map(Map) andalso is_list(Places);
is_answer(read_policy, {ok, Map}) -> is_map(Map);
is_answer(load_policy, {ok, {seccomp_policy, Ref}}) -> is_reference(Ref);
is_answer(group, {ok, #{doc := Doc, members := [_ | _]}}) -> is_binary(Doc);
is_answer(suggest, Answer) -> Answer =:= none orelse is_binary(Answer);
is_answer(F, Answer) when F =:= set_policy; F =:= restrict; F =:= restrict_spawn; F =:= lift ->
    Answer =:= ok orelse is_tuple(Answer) andalso element(1, Answer) =:= waited;
is_answer(flags, Byte) -> is_integer(Byte) andalso Byte band 16#f =:= 0;
is_answer(info, Answer) -> Answer =:= trusted orelse is_map(Answer);
is_answer(violations, Answer) -> is_map(Answer);
is_answer(F, Pid) when F =:= spawn; F =:= spawn_link -> is_pid(Pid);
is_answer(spawn_monitor, {Pid, Ref}) -> is_pid(Pid) andalso is_reference(Ref);
is_answer(spawn_opt, {Pid, Ref}) -> is_pid(Pid) andalso is_reference(Ref);
is_answer(spawn_opt, Pid) -> is_pid(Pid);
%% A function that is not known here may answer what it likes.
is_answer(F, _) -> not lists:member(F, ?KNOWN).
