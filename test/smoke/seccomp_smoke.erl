%% SPDX-License-Identifier: Apache-2.0
%%
%% Whether an emulator enforces policies at all, in a second and with nothing but
%% kernel and stdlib. For builds that the test suites do not run on: other
%% releases, packages, images. Each line stands for one of the patches.
%%
%%     erl -noinput -pa DIR -run seccomp_smoke main
-module(seccomp_smoke).

-export([main/0]).

-define(MARK, ?MODULE).

-spec main() -> no_return().
main() ->
    %% Processes crash on purpose.
    ok = logger:set_primary_config(level, none),
    Failed = [Text || {Text, Check} <- checks(), not passes(Text, Check)],
    io:format("~s~n", [
        case Failed of
            [] -> "the smoke test passed";
            _ -> "the smoke test FAILED"
        end
    ]),
    halt(length(Failed)).

checks() ->
    [
        {"the library loads, policies are enforced", fun enforced/0},
        {"a whitelist allows what it names", fun allows/0},
        {"it denies a call that is written out", fun() -> denies(fun direct/0) end},
        {"it denies apply", fun() -> denies(fun applied/0) end},
        {"it denies an external fun", fun() -> denies(fun external/0) end},
        {"a child is under the policy, too", fun() -> denies(fun child/0) end},
        {"a first call is denied", fun() -> denies(fun entered/0) end},
        {"it may not send to others", fun sends/0},
        {"a message says that it came from it", fun origin/0},
        {"a guard of this node can be set", fun guard/0},
        {"a process without a policy is free", fun free/0}
    ].

passes(Text, Check) ->
    Result =
        try
            Check()
        catch
            Class:Reason:Stack -> {Class, Reason, Stack}
        end,
    io:format("  ~-44s ~s~n", [Text, word(Result)]),
    Result =:= ok orelse io:format("    ~tp~n", [Result]),
    Result =:= ok.

word(ok) -> "ok";
word(_) -> "FAILED".

enforced() ->
    case seccomp:enforcement() of
        #{status := enforced} -> ok;
        Other -> Other
    end.

allows() ->
    case run(fun() -> exit({sum, lists:sum([1, 2])}) end) of
        {sum, 3} -> ok;
        Other -> Other
    end.

%% Denied is what raises the error and has not run.
denies(Fun) ->
    _ = persistent_term:erase(?MARK),
    Reason = run(Fun),
    case {Reason, persistent_term:get(?MARK, clean)} of
        {{{seccomp, {persistent_term, put, 2}}, _Stack}, clean} -> ok;
        Other -> Other
    end.

direct() -> persistent_term:put(?MARK, direct).

applied() ->
    [M, F] = lists:reverse([put, persistent_term]),
    apply(M, F, [?MARK, applied]).

external() ->
    F = fun persistent_term:put/2,
    F(?MARK, external).

child() ->
    {_, Ref} = spawn_monitor(fun direct/0),
    pass_on(Ref).

entered() ->
    {_, Ref} = spawn_monitor(persistent_term, put, [?MARK, entered]),
    pass_on(Ref).

pass_on(Ref) ->
    receive
        {'DOWN', Ref, process, _, Reason} -> exit(Reason)
    end.

sends() ->
    Self = self(),
    Other = spawn(fun() ->
        receive
            ask -> Self ! asked
        end
    end),
    Reason = run(fun() -> Other ! ask end),
    exit(Other, kill),
    receive
        asked -> arrived
    after 0 ->
        case Reason of
            {{seccomp, {erlang, send, 2}}, _} -> ok;
            _ -> Reason
        end
    end.

origin() ->
    Self = self(),
    trusted = seccomp:origin(),
    _ = run(fun() -> Self ! told end),
    receive
        told ->
            Origin = seccomp:origin(),
            ok = seccomp:forget_origin(),
            case Origin of
                {restricted, _} -> ok;
                _ -> Origin
            end
    end.

guard() -> seccomp:guard_node(strict).

free() ->
    ok = persistent_term:put(?MARK, free),
    free = persistent_term:get(?MARK),
    ok.

%% The reason with which a process under the whitelist ends.
run(Fun) ->
    {ok, Policy} = seccomp:compile(#{
        mode => whitelist,
        rules => ['@pure', {erlang, spawn_monitor}, {erlang, spawn_opt}]
    }),
    {Pid, Ref} = seccomp:spawn_monitor(Policy, Fun),
    receive
        {'DOWN', Ref, process, Pid, Reason} -> Reason
    end.
