%% SPDX-License-Identifier: Apache-2.0
%%
%% What the demo's nodes run: a host that lets others evaluate code, its trusted
%% servers, and the marker files that show what code got done. The same on a
%% stock emulator and on a patched one; only there are policies enforced.
-module(cluster_demo_host).

-export([services/0, connect/2, guard/0, sandboxed/2, hostile/2, job/1, done/2, denials/0]).
-export([init/1, start_job/3, relay/1]).

%% What sandboxed code must not reach.
-define(FORBIDDEN, [
    file, prim_file, os, init, {erlang, halt}, {erlang, open_port}, {erlang, load_nif}
]).

%% How long an effect may take.
-define(TURNS, 40).
-define(TURN, 50).

%% -- Trusted servers ---------------------------------------------------------

%% A supervisor that starts jobs for whoever asks, a vault, and three relays
%% that hand on what they are given.
-spec services() -> ok.
services() ->
    %% What evaluating needs is there before anybody may not load it.
    _ = code:ensure_modules_loaded([erl_eval, erl_internal, erl_scan, erl_parse, rpc, erpc, timer]),
    {ok, _} = application:ensure_all_started(seccomp),
    Caller = self(),
    Holder = spawn(fun() ->
        {ok, _} = supervisor:start_link({local, jobs}, ?MODULE, []),
        Names = [{relay1, relay2}, {relay2, relay3}, {relay3, jobs}],
        [register(Name, spawn_link(?MODULE, relay, [Next])) || {Name, Next} <- Names],
        register(vault, spawn_link(fun vault/0)),
        Caller ! {self(), ready},
        timer:sleep(infinity)
    end),
    receive
        {Holder, ready} -> ok
    end.

%% Patched nodes tell each other of their policies when they connect.
-spec connect(stock | patched, node()) -> ok.
connect(Kind, Node) ->
    true = net_kernel:connect_node(Node),
    case Kind of
        patched -> ok = seccomp_nodes:sync(Node, 10000);
        stock -> ok
    end.

-spec init([]) -> {ok, {supervisor:sup_flags(), [supervisor:child_spec()]}}.
init([]) ->
    Job = #{id => job, start => {?MODULE, start_job, []}, restart => temporary},
    {ok, {#{strategy => simple_one_for_one, intensity => 1000, period => 1}, [Job]}}.

-spec start_job(module(), atom(), [term()]) -> {ok, pid()}.
start_job(M, F, Args) -> {ok, proc_lib:spawn_link(M, F, Args)}.

-spec relay(atom()) -> no_return().
relay(jobs) ->
    receive
        {job, Mfa} -> supervisor:start_child(jobs, tuple_to_list(Mfa))
    end,
    relay(jobs);
relay(Next) ->
    receive
        Message -> Next ! Message
    end,
    relay(Next).

vault() ->
    receive
        {From, open} -> From ! {vault, closed}
    end,
    vault().

%% A trusted client of the same supervisor.
-spec job([term()]) -> {value, term()}.
job(Args) -> {value, supervisor:start_child(jobs, [file, write_file, Args])}.

%% -- Policies ----------------------------------------------------------------

%% Nobody elsewhere may start anything or write to a server here, but for the
%% vault; and the vault cannot be killed from there.
-spec guard() -> ok | {error, term()}.
guard() ->
    {module, seccomp} = code:ensure_loaded(seccomp),
    case erlang:function_exported(seccomp, guard_node, 1) of
        true -> apply(seccomp, guard_node, [#{spawn => deny, names => [vault]}]);
        false -> {error, no_guard}
    end.

%% Evaluates what somebody sent, in a process of its own, as a careful host
%% does: under a policy, or, where nothing enforces one, in an interpreter that
%% looks at each call.
-spec sandboxed(string(), map()) -> {value | denied | failed, term()}.
sandboxed(Text, Bindings) ->
    {Pid, Ref} = spawn_monitor(fun() ->
        Filter =
            case seccomp:restrict(self(), blacklist, ?FORBIDDEN) of
                ok -> none;
                {error, {unsupported, _}} -> {value, fun filtered/2}
            end,
        exit({value, evaluate(Text, Bindings, Filter)})
    end),
    outcome(Pid, Ref).

%% The same without any of it: the attacker's own node.
-spec hostile(string(), map()) -> {value | denied | failed, term()}.
hostile(Text, Bindings) ->
    {Pid, Ref} = spawn_monitor(fun() -> exit({value, evaluate(Text, Bindings, none)}) end),
    outcome(Pid, Ref).

outcome(Pid, Ref) ->
    receive
        {'DOWN', Ref, process, Pid, {value, Value}} -> {value, Value};
        {'DOWN', Ref, process, Pid, {{seccomp, What}, _}} -> {denied, What};
        {'DOWN', Ref, process, Pid, Reason} -> {failed, Reason}
    after 15000 ->
        exit(Pid, kill),
        {failed, timeout}
    end.

evaluate(Text, Bindings, Filter) ->
    {ok, Tokens, _} = erl_scan:string(Text ++ "."),
    {ok, Exprs} = erl_parse:parse_exprs(Tokens),
    {value, Value, _} = erl_eval:exprs(Exprs, maps:to_list(Bindings), none, Filter),
    Value.

filtered({M, F}, Args) ->
    case lists:member(M, ?FORBIDDEN) orelse lists:member({M, F}, ?FORBIDDEN) of
        true -> error({seccomp, {M, F, length(Args)}});
        false -> apply(M, F, Args)
    end;
filtered(Fun, Args) ->
    apply(Fun, Args).

%% -- Effects -----------------------------------------------------------------

%% Whether it happens while we wait: the marker is written, the process is gone.
-spec done(marker | gone, file:filename() | pid()) -> boolean().
done(What, Of) -> done(What, Of, ?TURNS).

done(What, Of, 0) ->
    happened(What, Of);
done(What, Of, Turns) ->
    happened(What, Of) orelse
        begin
            timer:sleep(?TURN),
            done(What, Of, Turns - 1)
        end.

%% How often somebody was kept from what all attempts want.
-spec denials() -> non_neg_integer().
denials() ->
    #{counters := Counters} = seccomp:violations(),
    lists:sum([Count || #{mfa := {file, write_file, 2}, count := Count} <- Counters]).

happened(marker, Path) -> filelib:is_regular(Path);
happened(gone, Pid) -> not is_process_alive(Pid).
