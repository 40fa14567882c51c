%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_rshell).

-include("seccomp_doc.hrl").
-include("seccomp_error.hrl").

?MODULEDOC("
Shells under a policy, for a terminal, for `ssh` and for `erl -remsh`;
`docs/shells.md` has the recipes.

A shell is a trusted process, which reads lines, keeps bindings and history and
prints, and an evaluator, which is `self()` at the prompt. Whatever is typed runs
in the evaluator alone, and that is under the policy from its first instruction;
so is each that comes after it.
").

-export([start/0, start/1, start/2, run/1, run/2, compile/1]).
-export([start_for/3]).

-export_type([options/0]).

-type options() :: #{
    timeout => pos_integer() | infinity,
    max_heap => pos_integer(),
    max_atoms => pos_integer(),
    banner => unicode:chardata()
}.
%% `timeout`: milliseconds that a command may take. `max_heap`: words that the
%% evaluator may use. `max_atoms`: how many new names may be typed. `banner`: the
%% first line.

-define(DEFAULTS, #{
    timeout => infinity,
    max_heap => 8_388_608,
    max_atoms => 10_000
}).

?DOC("
A shell under the policy of the node's configuration: `{seccomp, [{shell, Map}]}`.
This is what `s seccomp_rshell` at the prompt of `^G` starts, and what
`r Node seccomp_rshell` asks another node for.
").
-spec start() -> pid() | {error, seccomp:reason()}.
start() ->
    _ = application:load(seccomp),
    case application:get_env(seccomp, shell) of
        {ok, Policy} -> start(Policy);
        undefined -> missing()
    end.

?DOC("`start(Policy, #{})`.").
-spec start(seccomp:policy() | seccomp:policy_map()) -> pid() | {error, seccomp:reason()}.
start(Policy) -> start(Policy, #{}).

?DOC("
Starts a shell on the caller's group leader and returns its pid: what the option
`shell` of an ssh daemon, and `group:start/2`, want of a function.
").
-spec start(seccomp:policy() | seccomp:policy_map(), options()) ->
    pid() | {error, seccomp:reason()}.
start(Policy, Opts) ->
    case session(Policy, Opts) of
        {ok, Session} ->
            case forget_lines() of
                ok -> seccomp_rshell_server:start(Session);
                {error, _} = Error -> Error
            end;
        {error, _} = Error ->
            Error
    end.

?DOC("
Starts a shell on a group leader of another node, for `seccomp_rshell_gate`. The pid is
for that node: one under the policy of its guard.
").
-spec start_for(pid(), seccomp:policy(), seccomp:policy()) -> pid() | {error, seccomp:reason()}.
start_for(Leader, Policy, GuardPolicy) ->
    case session(Policy, #{}) of
        {ok, Session} -> seccomp_rshell_server:start(Session, Leader, GuardPolicy);
        {error, _} = Error -> Error
    end.

?DOC("`run(Policy, #{})`.").
-spec run(seccomp:policy() | seccomp:policy_map()) -> ok | {error, seccomp:reason()}.
run(Policy) -> run(Policy, #{}).

?DOC("
Runs a shell at the prompt of another one, until `exit()` is typed. That is for
trying a policy out: `^C` and `^G` lead back to the shell that it was called in.
").
-spec run(seccomp:policy() | seccomp:policy_map(), options()) -> ok | {error, seccomp:reason()}.
run(Policy, Opts) ->
    case session(Policy, Opts) of
        {ok, Session} -> seccomp_rshell_server:run(Session);
        {error, _} = Error -> Error
    end.

?DOC("
The policy of a shell's evaluator. A map gets what the evaluator cannot do
without: `@eval`, if it is a whitelist, and its parent, the shell, as a target for
what it sends. Without a rule for sending, whitelist or not, it may send to
`self`, `parent`, `children`, `replies` and a `group_leader` of its own.
").
-spec compile(seccomp:policy() | seccomp:policy_map()) ->
    {ok, seccomp:policy()} | {error, seccomp:reason()}.
compile(#{mode := _} = Map) ->
    Send = send(maps:get(send, Map, default)),
    case seccomp_policy:compile(Map#{send => Send}, ['@eval']) of
        {ok, Ref} -> usable(seccomp:policy(Ref));
        {error, _} = Error -> Error
    end;
compile(Map) when is_map(Map) ->
    {error, {missing_option, #{option => mode, expected => <<"whitelist or blacklist">>}}};
compile(Policy) ->
    usable(Policy).

usable(Policy) ->
    case [Mfa || Mfa <- needs(), seccomp:check(Policy, Mfa) =/= allow] of
        [] ->
            check_send(Policy);
        [Mfa | _] ->
            bad(Policy, io_lib:format("a policy with '@eval', for it denies ~tw", [Mfa]))
    end.

%% What the evaluator calls for whatever is typed.
needs() ->
    [
        {erl_eval, exprs, 4},
        {erl_eval, expr_list, 4},
        {erl_eval, del_binding, 2},
        {erlang, apply, 2},
        {erlang, send, 2}
    ].

send(default) -> [self, parent, children, replies, group_leader];
send(none) -> [parent];
send(List) when is_list(List) -> List ++ [parent || not lists:member(parent, List)];
send(Other) -> Other.

check_send(Policy) ->
    #{send := Send} = seccomp_nif:policy_info(seccomp:reference(Policy)),
    Lists =
        case Send of
            {all, All} -> All;
            List when is_list(List) -> [List];
            any -> [];
            none -> [[]]
        end,
    case lists:all(fun(List) -> lists:member(parent, List) end, Lists) of
        true -> {ok, Policy};
        false -> bad(Policy, "a policy that may send to its parent, the shell")
    end.

%% -- Inside ------------------------------------------------------------------

session(Policy, Opts) ->
    case check(Opts) of
        ok ->
            case seccomp_nif:flags(self()) of
                0 -> with_policy(compile(Policy), Opts);
                _RestrictedOrUnsupported -> {error, restricted()}
            end;
        {error, _} = Error ->
            Error
    end.

with_policy({ok, Policy}, Opts) ->
    {ok, #{policy => Policy, options => maps:merge(?DEFAULTS, Opts)}};
with_policy({error, _} = Error, _Opts) ->
    Error.

check(Opts) when is_map(Opts) ->
    Wrong = [Pair || {Key, Value} = Pair <- maps:to_list(Opts), not is_option(Key, Value)],
    Known = [banner | maps:keys(?DEFAULTS)],
    case Wrong of
        [] ->
            ok;
        [{Key, Value} | _] ->
            case lists:member(Key, Known) of
                true ->
                    Expected = <<"a positive integer, or a text for the banner">>,
                    {error, {bad_option, #{option => Key, value => Value, expected => Expected}}};
                false ->
                    {error,
                        {unknown_option, #{option => Key, known => Known, did_you_mean => none}}}
            end
    end;
check(Opts) ->
    ?BADARG([Opts], [options]).

is_option(timeout, infinity) -> true;
is_option(banner, Text) -> is_list(Text) orelse is_binary(Text);
is_option(Key, Value) -> is_map_key(Key, ?DEFAULTS) andalso is_integer(Value) andalso Value > 0.

%% A group process that is about to have this shell, as those of ssh: the lines
%% that others typed, which it has read from the history of the node, are not for
%% its user. From OTP 28 on it reads them once it has the shell, where nothing can be
%% done about it.
forget_lines() ->
    case {group_leader() =:= self(), get(line_buffer)} of
        {true, Lines} when is_list(Lines) ->
            _ = put(line_buffer, []),
            ok;
        {true, undefined} ->
            no_history(application:get_env(kernel, shell_history, disabled));
        {false, _} ->
            ok
    end.

no_history(disabled) ->
    ok;
no_history(_Enabled) ->
    Text = <<"the shell would show what others typed; leave out kernel's shell_history">>,
    {error, {restricted, #{message => Text}}}.

bad(Policy, Expected) ->
    Text = unicode:characters_to_binary(Expected),
    {error, {bad_option, #{option => policy, value => Policy, expected => Text}}}.

missing() ->
    Expected = <<"a policy under shell in the environment of the application seccomp">>,
    {error, {missing_option, #{option => shell, expected => Expected}}}.

restricted() ->
    case seccomp:enforcement() of
        #{status := enforced} ->
            {restricted, #{message => <<"a restricted process starts no shell">>}};
        #{status := unsupported} ->
            seccomp_error:complete({unsupported, #{}}, self())
    end.
