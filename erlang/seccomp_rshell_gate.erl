%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_rshell_gate).

-include("seccomp_doc.hrl").

?MODULEDOC("
Shells for other nodes, behind a guard (`docs/shells.md`).

`erl -remsh` calls `shell:start/0` on the other node, and `edlin_expand:expand/1`
for the tabulator; from OTP 26 on it asks for a few things about the node before. A
guard with the key `shell` has remote calls enter here: these get a restricted shell,
its completion and their answers, and all others go on to `erpc`. The calls run
under the guard's policy, so they ask the process of this name, which is trusted
and starts the shell.
").

-export([start_link/0, offer/2, withdraw/0, offered/0]).
-export([execute_call/4, remote_shell/0, remote_expand/1, remote_info/1]).
-export([rules/0]).
-export([init/0]).

%% Shells at a time, for all nodes together.
-define(MAX_SHELLS, 20).
-define(TIMEOUT, 15_000).

?NODOC.
-spec start_link() -> {ok, pid()}.
start_link() -> proc_lib:start_link(?MODULE, init, []).

?DOC("
Offers shells under a policy to other nodes, whose remote calls are under another. The
offer outlives the process here, and may be made before it starts.
").
-spec offer(seccomp:policy(), seccomp:policy()) -> ok.
offer(Policy, GuardPolicy) -> persistent_term:put(?MODULE, {Policy, GuardPolicy}).

?DOC("Offers no shells any more; those that there are go on.").
-spec withdraw() -> ok.
withdraw() ->
    _ = persistent_term:erase(?MODULE),
    ok.

?DOC("The policy of the shells that are offered, and that of remote calls.").
-spec offered() -> none | {seccomp:policy(), seccomp:policy()}.
offered() -> persistent_term:get(?MODULE, none).

?DOC("What the policy of remote calls has to allow for them to get here.").
-spec rules() -> [seccomp:rule()].
rules() ->
    [
        {?MODULE, execute_call, 4},
        {?MODULE, remote_shell, 0},
        {?MODULE, remote_expand, 1},
        {?MODULE, remote_info, 1}
    ].

%% -- Under the guard's policy ------------------------------------------------

?DOC("The first call of a remote call, in place of the one in `erpc`.").
-spec execute_call(reference(), module(), atom(), [term()]) -> no_return().
execute_call(Ref, Shell, start, []) when Shell =:= shell; Shell =:= seccomp_rshell ->
    erpc:execute_call(Ref, ?MODULE, remote_shell, []);
execute_call(Ref, edlin_expand, expand, [Before | Options]) when length(Options) =< 1 ->
    erpc:execute_call(Ref, ?MODULE, remote_expand, [Before]);
execute_call(Ref, code, ensure_loaded, [Shell]) when Shell =:= shell; Shell =:= seccomp_rshell ->
    erpc:execute_call(Ref, ?MODULE, remote_info, [{is, {module, Shell}}]);
execute_call(Ref, application, get_env, [stdlib, shell_slogan, Default]) ->
    erpc:execute_call(Ref, ?MODULE, remote_info, [{is, Default}]);
execute_call(Ref, net_kernel, get_net_ticktime, []) ->
    erpc:execute_call(Ref, ?MODULE, remote_info, [net_ticktime]);
execute_call(Ref, erlang, system_info, [What]) when
    What =:= system_version; What =:= otp_release
->
    erpc:execute_call(Ref, ?MODULE, remote_info, [What]);
execute_call(Ref, M, F, A) ->
    erpc:execute_call(Ref, M, F, A).

?NODOC.
-spec remote_shell() -> pid() | {error, seccomp:reason()}.
remote_shell() -> ask(shell).

?NODOC.
-spec remote_expand(string()) -> {yes | no, string(), [{string(), arity() | string()}]}.
remote_expand(Before) ->
    case ask({expand, Before}) of
        {error, _} -> {no, "", []};
        Answer -> Answer
    end.

?NODOC.
-spec remote_info({is, term()} | net_ticktime | system_version | otp_release) -> term().
remote_info({is, Answer}) -> Answer;
remote_info(What) -> ask({info, What}).

ask(Request) ->
    Ref = make_ref(),
    ?MODULE ! {?MODULE, self(), Ref, Request},
    receive
        {Ref, Answer} -> Answer
    after ?TIMEOUT -> refused(<<"the node has no time for a shell">>)
    end.

%% -- The process -------------------------------------------------------------

%% No gen_server: processes under a policy write to this one, and whatever knows
%% system messages runs functions for who sends them.
?NODOC.
-spec init() -> no_return().
init() ->
    true = register(?MODULE, self()),
    ok = proc_lib:init_ack({ok, self()}),
    loop(#{}).

loop(State) ->
    receive
        {?MODULE, From, Ref, Request} when is_pid(From), node(From) =:= node(), is_reference(Ref) ->
            %% The request came from a restricted process. What is started for it
            %% has a policy of its own, which is not the one of remote calls.
            _ = seccomp_nif:forget_origin(),
            {Answer, Next} = handle(Request, From, State),
            From ! {Ref, Answer},
            loop(Next);
        {'DOWN', Monitor, process, _, _} ->
            loop(maps:remove(Monitor, State));
        _Other ->
            loop(State)
    end.

handle(shell, _From, State) when map_size(State) >= ?MAX_SHELLS ->
    {refused(<<"there are too many remote shells">>), State};
handle(Request, From, State) ->
    case {offered(), Request} of
        {none, _} ->
            {refused(<<"this node offers no shell to other nodes">>), State};
        {{Policy, GuardPolicy}, shell} ->
            shell(Policy, GuardPolicy, From, State);
        {{Policy, _}, {expand, Before}} ->
            {expand(Before, Policy), State};
        {_, {info, net_ticktime}} ->
            {net_kernel:get_net_ticktime(), State};
        {_, {info, What}} when What =:= system_version; What =:= otp_release ->
            {erlang:system_info(What), State};
        _ ->
            {refused(<<"no such request">>), State}
    end.

%% The group leader has to be on the node that asks: prompts and lines are for it
%% alone, and for nobody here that it could name.
shell(Policy, GuardPolicy, From, State) ->
    case process_info(From, [parent, group_leader]) of
        [{parent, Parent}, {group_leader, Leader}] when
            is_pid(Parent), node(Parent) =/= node(), node(Leader) =:= node(Parent)
        ->
            case seccomp_rshell:start_for(Leader, Policy, GuardPolicy) of
                Pid when is_pid(Pid) -> {Pid, State#{monitor(process, Pid) => Pid}};
                {error, _} = Error -> {Error, State}
            end;
        _ ->
            {refused(<<"a shell is for the node that asks for it">>), State}
    end.

expand(Before, Policy) ->
    try
        seccomp_rshell_expand:expand(Before, Policy)
    catch
        _:_ -> {no, "", []}
    end.

refused(Message) -> {error, {restricted, #{message => Message}}}.
