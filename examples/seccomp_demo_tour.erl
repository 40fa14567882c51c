%% SPDX-License-Identifier: Apache-2.0
%%
%% What a policy can do besides raising an error. Each step says what it tries,
%% what it saw, and is true only if it saw what the documentation promises.
-module(seccomp_demo_tour).

-export([run/0]).

-spec run() -> boolean().
run() ->
    Steps = [
        {"S: a process that may not spawn", fun no_spawn/0},
        {"I: a child inherits the policy", fun inherit/0},
        {"I off: a child starts unrestricted", fun no_inherit/0},
        {"kill: no catch runs, the process ends", fun kill/0},
        {"log: the call runs and is recorded", fun log/0},
        {"one way: lifting the own policy", fun one_way/0}
    ],
    io:format("~nA tour~n"),
    Results = [step(Title, Fun) || {Title, Fun} <- Steps],
    Report = report(),
    lists:all(fun(Result) -> Result end, Results) andalso Report.

step(Title, Fun) ->
    {Ok, Saw} = Fun(),
    Mark =
        case Ok of
            true -> "ok";
            false -> "WRONG"
        end,
    io:format("  ~ts ~-5ts ~ts~n", [string:pad(Title, 38, trailing, $.), Mark, shorten(Saw)]),
    Ok.

no_spawn() ->
    Policy = #{mode => blacklist, rules => [], spawn => deny},
    case run(Policy, fun() -> spawn(fun() -> ok end) end) of
        {ended, {{seccomp, {erlang, spawn, A}}, _}} ->
            {true, io_lib:format("denied: erlang:spawn/~b", [A])};
        Other ->
            {false, Other}
    end.

inherit() -> child(true).
no_inherit() -> child(false).

%% Parent and child run under a blacklist of os:getpid/0, or only the parent.
child(Inherit) ->
    Policy = #{mode => blacklist, rules => [{os, getpid, 0}], inherit => Inherit},
    Parent = fun() ->
        {Pid, Monitor} = spawn_monitor(fun() -> exit({pid, os:getpid()}) end),
        receive
            {'DOWN', Monitor, process, Pid, Reason} -> Reason
        end
    end,
    case {Inherit, run(Policy, Parent)} of
        {true, {value, {{seccomp, {os, getpid, 0}}, _}}} ->
            {true, "denied in the child: os:getpid/0"};
        {false, {value, {pid, _}}} ->
            {true, "the child called os:getpid/0"};
        {_, Other} ->
            {false, Other}
    end.

kill() ->
    Policy = #{mode => blacklist, rules => [{os, getpid, 0}], on_deny => kill},
    Fun = fun() ->
        try
            os:getpid()
        catch
            _:_ -> caught
        end
    end,
    case run(Policy, Fun) of
        {ended, {seccomp, {os, getpid, 0}} = Reason} -> {true, io_lib:format("~0tp", [Reason])};
        Other -> {false, Other}
    end.

log() ->
    Policy = #{mode => blacklist, rules => [{os, getpid, 0}], on_deny => log},
    Before = count({os, getpid, 0}, log),
    Result = run(Policy, fun() -> os:getpid() end),
    After = count({os, getpid, 0}, log),
    case Result of
        {value, [_ | _] = Pid} when After > Before ->
            {Pid =:= os:getpid(), "os:getpid/0 ran and was recorded"};
        Other ->
            {false, {Other, Before, After}}
    end.

one_way() ->
    Policy = #{mode => blacklist, rules => [{os, getpid, 0}]},
    case run(Policy, fun() -> seccomp:lift(self()) end) of
        {value, {error, {restricted, _}}} -> {true, "refused, it is restricted itself"};
        Other -> {false, Other}
    end.

report() ->
    #{total := Total, dropped := Dropped, counters := Counters} = seccomp:violations(),
    Sorted = lists:sort([{-Count, Mfa} || #{count := Count, mfa := Mfa} <- Counters]),
    io:format("~nDenials so far: ~b, of ~b functions (~b dropped). The most frequent:~n", [
        Total, length(Sorted), Dropped
    ]),
    lists:foreach(
        fun({Minus, {M, F, A}}) -> io:format("  ~6b  ~tw:~tw/~b~n", [-Minus, M, F, A]) end,
        lists:sublist(Sorted, 8)
    ),
    Total > 0.

%% -- Inside ------------------------------------------------------------------

run(Map, Fun) ->
    {ok, Policy} = seccomp:compile(Map),
    Self = self(),
    {Pid, Monitor} = seccomp:spawn_monitor(Policy, fun() -> Self ! {self(), Fun()} end),
    receive
        {Pid, Value} ->
            %% Who has read a restricted process's message acts for it: what
            %% comes next is ours again.
            ok = seccomp:forget_origin(),
            true = demonitor(Monitor, [flush]),
            {value, Value};
        {'DOWN', Monitor, process, Pid, Reason} ->
            {ended, Reason}
    after 5000 ->
        exit(Pid, kill),
        {ended, timeout}
    end.

count(Mfa, Action) ->
    #{ring := Ring} = seccomp:violations(),
    length([x || #{mfa := M, action := A} <- Ring, M =:= Mfa, A =:= Action]).

shorten(Saw) ->
    Text =
        case io_lib:printable_unicode_list(lists:flatten([Saw])) of
            true -> Saw;
            false -> io_lib:format("~0tp", [Saw])
        end,
    string:slice(Text, 0, 33).
