%% SPDX-License-Identifier: Apache-2.0
-module(seccomp).

-include("seccomp_doc.hrl").
-include("seccomp_error.hrl").

?MODULEDOC("
Per-process function-call policies.

A policy says which functions a process may call. A process under a policy is
restricted, all others are trusted.

    1> Policy = seccomp:compile(#{mode => whitelist, rules => ['@pure']}).
    2> seccomp:restrict(Pid, blacklist, [os, {file, '_'}, {erlang, halt, 0}]).

What a caller can meet is returned as `{error, Reason}`; `format_error/1` makes
a sentence of the reason. Arguments of the wrong type raise `badarg`.
").

-export([enforcement/0]).
-export([compile/1, from_json/1, to_json/1, load_policy/1, read_policy/1]).
-export([check/2, explain/2, args/1, dump/1, groups/0, group/1]).
-export([restrict/3, restrict/4, restrict_spawn/1, set_policy/2, lift/1]).
-export([spawn/2, spawn_link/2, spawn_monitor/2, spawn_opt/3]).
-export([flags/1, info/1, processes/0, in_gate/0]).
-export([origin/0, forget_origin/0]).
-export([group_leader/1, group_leader/2, log/2]).
-export([violations/0, violations/1, violations_json/0]).
-export([i/0, i/1, metrics/0]).
-export([guard_node/1, unguard_node/0, guard_info/0, guard_profile/1]).
-export([learn/1, learn/2, learn_start/1, learn_start/2, learn_stop/1]).
-export([learn_merge/1, learn_write/2]).
-export([format_error/1, format_error/2]).

%% For other modules of the library.
-export([policy/1, reference/1]).

-export_type([policy/0, rule/0, send/0, policy_map/0, options/0, reason/0, violations/0]).

-compile({no_auto_import, [group_leader/2, spawn/2, spawn_link/2, spawn_monitor/2, spawn_opt/3, processes/0]}).

-opaque policy() :: {seccomp_policy, reference()}.
%% A compiled policy. Any number of processes can share one.
-type rule() :: seccomp_nif:rule().
%% `Module`, `{Module, Function}`, `{Module, Function, Arity}` or a group such
%% as `'@pure'`; `'_'` is the wildcard in each place. `{gate, M, F, A}`, and
%% `{M, F, A, MatchSpec}` for what the arguments have to be, see `args/1`.
-type send() :: seccomp_nif:send().
%% Whom a process may send to. `self`, `parent`, `children` (processes and ports
%% it started), `replies` (whoever waits for this reply), `group_leader` (a
%% private one, see `group_leader/2`), pids, registered names, `{Name, Node}`;
%% `{name, Name}` for a name that is one of these words.
-type policy_map() :: seccomp_policy:policy_map().
-type options() :: seccomp_policy:options().
-type reason() :: seccomp_error:reason().
-type violations() :: #{
    total := non_neg_integer(),
    dropped := non_neg_integer(),
    ring := [
        #{
            seq := non_neg_integer(),
            time := integer(),
            pid := pid() | undefined,
            mfa := mfa(),
            target => pid() | port() | atom() | {pid | atom(), node()},
            policy := binary(),
            action := raise | kill | log | refuse,
            origin => {node, node()}
        }
    ],
    counters := [
        #{
            policy := binary(),
            mfa := mfa(),
            count := pos_integer(),
            origin => {node, node()}
        }
    ]
}.

-define(IS_MODE(Mode), (Mode =:= whitelist orelse Mode =:= blacklist)).
-define(IS_BYTE(A), (is_integer(A) andalso A >= 0 andalso A =< 255)).

?DOC("What this emulator enforces. `unsupported`: policies can be compiled and
checked, and every function that would enforce one refuses.").
-spec enforcement() ->
    #{
        status := enforced | unsupported,
        abi := non_neg_integer(),
        otp := string(),
        flavor := jit | emu
    }.
enforcement() ->
    {Status, Abi, _PatchFlavor} = seccomp_nif:enforcement(),
    #{
        status => Status,
        abi => Abi,
        otp => erlang:system_info(otp_release),
        flavor => erlang:system_info(emu_flavor)
    }.

%% -- Policies ----------------------------------------------------------------

?DOC("Compiles a policy, which any number of processes can share.").
-spec compile(policy_map()) -> {ok, policy()} | {error, reason()}.
compile(Map) when is_map(Map) ->
    case seccomp_policy:compile(Map, []) of
        {ok, Ref} ->
            %% One that other nodes do not know is none to act under there.
            _ = [ok = seccomp_nodes:announce() || seccomp_nif:flags(self()) =:= 0],
            {ok, {seccomp_policy, Ref}};
        {error, _} = Error ->
            Error
    end;
compile(Map) ->
    ?BADARG([Map], [options]).

?DOC("Reads a policy from JSON, to be given to `compile/1`.").
-spec from_json(binary()) -> {ok, policy_map()} | {error, reason()}.
from_json(Json) when is_binary(Json) -> seccomp_nif:policy_from_json(Json);
from_json(Json) -> ?BADARG([Json], [json]).

?DOC("Writes a policy as JSON.").
-spec to_json(policy_map()) -> {ok, binary()} | {error, reason()}.
to_json(Map) when is_map(Map) -> seccomp_nif:policy_to_json(Map);
to_json(Map) -> ?BADARG([Map], [options]).

?DOC("
Reads a policy from a file, `NAME.json` or `NAME.terms`, with the files that it
includes, and compiles it. Errors have the `file`, and where it can be told the
`line` and `column`.
").
-spec load_policy(file:name_all()) -> {ok, policy()} | {error, reason()}.
load_policy(File) when is_binary(File); is_list(File); is_atom(File) ->
    case seccomp_file:load(File) of
        {ok, Ref} -> {ok, {seccomp_policy, Ref}};
        {error, badarg} -> ?BADARG([File], [file]);
        {error, _} = Error -> Error
    end;
load_policy(File) ->
    ?BADARG([File], [file]).

?DOC("
Reads a policy as `load_policy/1` does and returns the map that `compile/1`
takes, for who wants to look at it or to change it first.
").
-spec read_policy(file:name_all()) -> {ok, policy_map()} | {error, reason()}.
read_policy(File) when is_binary(File); is_list(File); is_atom(File) ->
    case seccomp_file:read(File) of
        {ok, Map} -> {ok, Map};
        {error, badarg} -> ?BADARG([File], [file]);
        {error, _} = Error -> Error
    end;
read_policy(File) ->
    ?BADARG([File], [file]).

?DOC("
What a policy says to a call, without making it. Works on any emulator. With an
arity in the place of the arguments, a call that depends on them is denied; the
map has `depends => true` then.
").
-spec check(policy(), mfa() | {module(), atom(), [term()]}) -> allow | {deny, Why :: map()}.
check({seccomp_policy, Ref}, {M, F, A}) when
    is_reference(Ref), is_atom(M), is_atom(F), ?IS_BYTE(A)
->
    seccomp_nif:check(Ref, M, F, A);
check({seccomp_policy, Ref}, {M, F, Args}) when
    is_reference(Ref), is_atom(M), is_atom(F), length(Args) =< 255
->
    case seccomp_args:allows(Ref, {M, F, Args}) of
        true -> allow;
        false -> {deny, #{explanation => seccomp_nif:explain(Ref, M, F, length(Args))}}
    end;
check(Policy, Mfa) ->
    ?BADARG([Policy, Mfa], [policy, mfa]).

?DOC("Which rule or group decides about a call, as a sentence.").
-spec explain(policy(), mfa()) -> iolist().
explain({seccomp_policy, Ref}, {M, F, A}) when
    is_reference(Ref), is_atom(M), is_atom(F), ?IS_BYTE(A)
->
    [seccomp_nif:explain(Ref, M, F, A)];
explain(Policy, Mfa) ->
    ?BADARG([Policy, Mfa], [policy, mfa]).

?DOC("
The match specification of a fun on a list of arguments, for a rule
`{Module, Function, Arity, MatchSpec}`:

    {ets, insert, 2, seccomp:args(fun([Tab, _]) when Tab =:= my_tab -> true end)}

In a module it wants `-compile({parse_transform, seccomp_args})`, in the shell
nothing.
").
-spec args(fun(([term()]) -> boolean())) -> seccomp_args:match_spec().
args(Fun) when is_function(Fun, 1) ->
    case seccomp_args:from_fun(Fun) of
        {ok, Spec} -> Spec;
        {error, Reason} -> erlang:error(Reason, [Fun])
    end;
args(Fun) ->
    ?BADARG([Fun], [fun1]).

?DOC("The whole policy as readable text, a line for each function or module.").
-spec dump(policy()) -> binary().
dump({seccomp_policy, Ref}) when is_reference(Ref) -> seccomp_nif:dump(Ref);
dump(Policy) -> ?BADARG([Policy], [policy]).

?DOC("The names of all groups.").
-spec groups() -> [atom()].
groups() -> seccomp_nif:groups().

?DOC("What a group holds, with a reason for each member.").
-spec group(atom()) ->
    {ok, #{doc := binary(), members := [{rule(), Reason :: binary()}]}}
    | {error, reason()}.
group(Name) when is_atom(Name) -> seccomp_nif:group(Name);
group(Name) -> ?BADARG([Name], [group]).

%% -- Putting policies on processes -------------------------------------------

?DOC("`restrict(Pid, Mode, Rules, #{})`.").
-spec restrict(pid(), whitelist | blacklist, [rule()]) -> ok | {error, reason()}.
restrict(Pid, Mode, Rules) when is_pid(Pid), ?IS_MODE(Mode), is_list(Rules) ->
    restrict(Pid, Mode, Rules, #{});
restrict(Pid, Mode, Rules) ->
    ?BADARG([Pid, Mode, Rules], [pid, mode, rules]).

?DOC("
Tightens what `Pid` may call: from when this returns `ok`, it runs no call that
the policy denies. A policy that it had before goes on to hold.

On the evaluator of an Erlang shell a whitelist gets the group `@shell` too,
which is said at the prompt, and the policy stays through errors.
").
-spec restrict(pid(), whitelist | blacklist, [rule()], options()) -> ok | {error, reason()}.
restrict(Pid, Mode, Rules, Opts) when
    is_pid(Pid), ?IS_MODE(Mode), is_list(Rules), is_map(Opts)
->
    seccomp_attach:restrict(Pid, Opts#{mode => Mode, rules => Rules});
restrict(Pid, Mode, Rules, Opts) ->
    ?BADARG([Pid, Mode, Rules, Opts], [pid, mode, rules, options]).

?DOC("Forbids `Pid` to spawn, and nothing else.").
-spec restrict_spawn(pid()) -> ok | {error, reason()}.
restrict_spawn(Pid) when is_pid(Pid) -> seccomp_attach:restrict_spawn(Pid);
restrict_spawn(Pid) -> ?BADARG([Pid], [pid]).

?DOC("Puts a policy on `Pid` in place of any that it has. Trusted callers only.").
-spec set_policy(pid(), policy()) -> ok | {error, reason()}.
set_policy(Pid, {seccomp_policy, Ref}) when is_pid(Pid), is_reference(Ref) ->
    seccomp_attach:replace(Pid, Ref);
set_policy(Pid, Policy) ->
    ?BADARG([Pid, Policy], [pid, policy]).

?DOC("Makes `Pid` trusted again. Trusted callers only.").
-spec lift(pid()) -> ok | {error, reason()}.
lift(Pid) when is_pid(Pid) -> seccomp_attach:lift(Pid);
lift(Pid) -> ?BADARG([Pid], [pid]).

?DOC("
Spawns a process that is restricted before it runs the first instruction of
`Fun`. If the policy cannot be put on it, the process ends with
`{seccomp, Reason}` and `Fun` never runs. On an emulator that cannot enforce
policies, the caller gets the error `{unsupported, Map}` and there is no process.
").
-spec spawn(policy(), fun(() -> term())) -> pid().
spawn({seccomp_policy, Ref}, Fun) when is_reference(Ref), is_function(Fun, 0) ->
    ok = seccomp_attach:must_enforce(),
    erlang:spawn(seccomp_attach:entry(Ref, Fun));
spawn(Policy, Fun) ->
    ?BADARG([Policy, Fun], [policy, fun0]).

?DOC("As `spawn/2`, and linked to the caller.").
-spec spawn_link(policy(), fun(() -> term())) -> pid().
spawn_link({seccomp_policy, Ref}, Fun) when is_reference(Ref), is_function(Fun, 0) ->
    ok = seccomp_attach:must_enforce(),
    erlang:spawn_link(seccomp_attach:entry(Ref, Fun));
spawn_link(Policy, Fun) ->
    ?BADARG([Policy, Fun], [policy, fun0]).

?DOC("As `spawn/2`, and monitored by the caller.").
-spec spawn_monitor(policy(), fun(() -> term())) -> {pid(), reference()}.
spawn_monitor({seccomp_policy, Ref}, Fun) when is_reference(Ref), is_function(Fun, 0) ->
    ok = seccomp_attach:must_enforce(),
    erlang:spawn_monitor(seccomp_attach:entry(Ref, Fun));
spawn_monitor(Policy, Fun) ->
    ?BADARG([Policy, Fun], [policy, fun0]).

?DOC("As `spawn/2`, with the options of `erlang:spawn_opt/2`.").
-spec spawn_opt(policy(), fun(() -> term()), [erlang:spawn_opt_option()]) ->
    pid() | {pid(), reference()}.
spawn_opt({seccomp_policy, Ref}, Fun, Opts) when
    is_reference(Ref), is_function(Fun, 0), is_list(Opts)
->
    ok = seccomp_attach:must_enforce(),
    erlang:spawn_opt(seccomp_attach:entry(Ref, Fun), Opts);
spawn_opt(Policy, Fun, Opts) ->
    ?BADARG([Policy, Fun, Opts], [policy, fun0, spawn_options]).

%% -- Printing -----------------------------------------------------------------

?DOC("`group_leader(Pid, #{})`.").
-spec group_leader(pid()) -> {ok, pid()} | {error, reason()}.
group_leader(Pid) when is_pid(Pid) -> group_leader(Pid, #{});
group_leader(Pid) -> ?BADARG([Pid], [pid]).

?DOC("
Gives `Pid` a group leader of its own, which takes text, runs nothing that it is
told to, and passes on to the former one. A policy whose `send` holds the word
`group_leader` gives its processes one without this; this is for other limits:
`max_request` (bytes), `max_rate` (bytes in a second, or `infinity`) and
`timeout` (milliseconds for formatting). Trusted callers only.
").
-spec group_leader(pid(), seccomp_group_leader:options()) -> {ok, pid()} | {error, reason()}.
group_leader(Pid, Opts) when is_pid(Pid), is_map(Opts) ->
    case seccomp_group_leader:is_options(Opts) of
        true -> seccomp_attach:group_leader(Pid, Opts);
        false -> ?BADARG([Pid, Opts], [pid, leader_options])
    end;
group_leader(Pid, Opts) ->
    ?BADARG([Pid, Opts], [pid, leader_options]).

?DOC("
Logs a text through the caller's private group leader, which hands it to
`logger`. For restricted processes: what `logger` itself calls and asks for is
more than they should be allowed. Other group leaders do not know the request.
").
-spec log(logger:level(), unicode:chardata()) -> ok | {error, reason()}.
log(Level, Text) when is_atom(Level) ->
    case seccomp_group_leader:log(Level, Text) of
        ok ->
            ok;
        {error, _} ->
            Message = <<"no level or text, or no group leader that logs">>,
            {error, {not_logged, #{message => Message}}}
    end;
log(Level, Text) ->
    ?BADARG([Level, Text], [group, text]).

%% -- Looking at processes ----------------------------------------------------

?DOC("The byte E M S I 0000 of a process, most significant bit first.").
-spec flags(pid()) -> byte() | {error, reason()}.
flags(Pid) when is_pid(Pid) -> answer(seccomp_nif:flags(Pid), Pid);
flags(Pid) -> ?BADARG([Pid], [pid]).

?DOC("Under which policy a process is and who put it there, or `trusted`.").
-spec info(pid()) -> map() | trusted | {error, reason()}.
info(Pid) when is_pid(Pid) -> answer(seccomp_nif:info(Pid), Pid);
info(Pid) -> ?BADARG([Pid], [pid]).

?DOC("Whether the caller runs inside of a gate of its policy (`docs/policy.md`).").
-spec in_gate() -> boolean().
in_gate() -> seccomp_nif:in_gate().

?DOC("All restricted processes.").
-spec processes() -> [pid()].
processes() -> seccomp_nif:processes().

?DOC("
For whom the caller acts: `trusted`, or `{restricted, Info}` with the policy as
in `info/1` when the request that it handles came from a restricted process, on
whatever way. What the caller starts meanwhile gets that policy. A restricted
caller always gets one, of which its own is part. `hash` is `unknown` and stands
alone when the policy is forgotten: then everything is denied.
").
-spec origin() -> trusted | {restricted, map()} | {error, reason()}.
origin() -> answer(seccomp_nif:origin(), self()).

?DOC("
Says that what the caller does from now on it does for itself, as after it has
received a message of a restricted worker that was no answer to a
`gen_server:call/2` or the like. Trusted callers only.
").
-spec forget_origin() -> ok | {error, reason()}.
forget_origin() -> answer(seccomp_nif:forget_origin(), self()).

?DOC("What was denied (or logged): the counters, and the newest entries one by one.").
-spec violations() -> violations().
violations() -> seccomp_nif:violations().

?DOC("
`violations/0` for one process, which may have ended: as many as the newest
entries of the node hold. The counters are made from these.
").
-spec violations(pid()) -> violations().
violations(Pid) when is_pid(Pid) -> seccomp_report:only(Pid, seccomp_nif:violations());
violations(Pid) -> ?BADARG([Pid], [pid]).

?DOC("`violations/0` as JSON.").
-spec violations_json() -> binary().
violations_json() -> seccomp_nif:violations_json().

?DOC("
Prints a table of the restricted processes, those that were denied most first,
and at most twenty.
").
-spec i() -> ok.
i() -> seccomp_i:i().

?DOC("Prints what is known of one restricted process.").
-spec i(pid()) -> ok.
i(Pid) when is_pid(Pid) -> seccomp_i:i(Pid);
i(Pid) -> ?BADARG([Pid], [pid]).

?DOC("
Numbers for who collects such: `restricted_processes`, `policies`, `enforced` (1
or 0), and since boot `denials_total`, `denials_raise_total` and so on by what
happened. Cheap, however much there is.
").
-spec metrics() -> #{atom() => non_neg_integer()}.
metrics() -> seccomp_watch:metrics().

%% -- Other nodes -------------------------------------------------------------

?DOC("
Says what other nodes may do to this one, whatever cookie they have: a map, or
one of the profiles `strict` and `cluster`. It takes the place of any guard that
is set. `docs/cluster.md` explains the keys; what is left out is refused.

    seccomp:guard_node(#{
        spawn => #{mode => whitelist, rules => ['@pure']},
        names => [my_server],
        protect => [init, user]
    }).
").
-spec guard_node(seccomp_guard:guard() | seccomp_guard:profile_name()) ->
    ok | {error, reason()}.
guard_node(Guard) when is_map(Guard); is_atom(Guard) -> seccomp_guard:set(Guard);
guard_node(Guard) -> ?BADARG([Guard], [guard]).

?DOC("Takes the guard away. Trusted callers only.").
-spec unguard_node() -> ok | {error, reason()}.
unguard_node() -> seccomp_guard:unset().

?DOC("The guard that is set. `closed`: all is refused, since boot.").
-spec guard_info() -> seccomp_guard:info() | {error, reason()}.
guard_info() -> seccomp_guard:info().

?DOC("What a ready guard holds, with the reason of each entry.").
-spec guard_profile(seccomp_guard:profile_name()) ->
    {ok, seccomp_guard_profile:description()} | {error, reason()}.
guard_profile(Name) when is_atom(Name) -> seccomp_guard_profile:describe(Name);
guard_profile(Name) -> ?BADARG([Name], [group]).

%% -- Learning ----------------------------------------------------------------

?DOC("`learn(Fun, #{})`.").
-spec learn(fun(() -> term())) -> {ok, seccomp_learn:learned()} | {error, reason()}.
learn(Fun) when is_function(Fun, 0) -> seccomp_learn:learn(Fun, #{});
learn(Fun) -> ?BADARG([Fun], [fun0]).

?DOC("
Runs `Fun` in a process of its own and learns what it and its children call:
the answer holds the smallest whitelist that would have let the run pass, the
functions with counts, and what became of `Fun`. Works on any emulator; on a
stock one through tracing.
").
-spec learn(fun(() -> term()), seccomp_learn:options()) ->
    {ok, seccomp_learn:learned()} | {error, reason()}.
learn(Fun, Opts) when is_function(Fun, 0), is_map(Opts) -> seccomp_learn:learn(Fun, Opts);
learn(Fun, Opts) -> ?BADARG([Fun, Opts], [fun0, options]).

?DOC("`learn_start(Pid, #{})`.").
-spec learn_start(pid()) -> {ok, seccomp_learn:session()} | {error, reason()}.
learn_start(Pid) when is_pid(Pid) -> seccomp_learn:start([Pid], #{});
learn_start(Pid) -> ?BADARG([Pid], [pid]).

?DOC("
Starts to learn from a live process and the children that it starts from now
on. It must be trusted. The session ends with the calling process.
").
-spec learn_start(pid(), seccomp_learn:options()) ->
    {ok, seccomp_learn:session()} | {error, reason()}.
learn_start(Pid, Opts) when is_pid(Pid), is_map(Opts) -> seccomp_learn:start([Pid], Opts);
learn_start(Pid, Opts) -> ?BADARG([Pid, Opts], [pid, options]).

?DOC("Ends a session, which makes its processes what they were, and says what it learned.").
-spec learn_stop(seccomp_learn:session()) ->
    {ok, seccomp_learn:learned()} | {error, reason()}.
learn_stop(Session) ->
    case seccomp_learn:is_session(Session) of
        true -> seccomp_learn:stop(Session);
        false -> ?BADARG([Session], [session])
    end.

?DOC("What several runs learned, as one.").
-spec learn_merge([seccomp_learn:learned(), ...]) ->
    {ok, seccomp_learn:learned()} | {error, reason()}.
learn_merge([_ | _] = Runs) ->
    case seccomp_learn_policy:are_learned(Runs) of
        true -> seccomp_learn_policy:merge(Runs);
        false -> ?BADARG([Runs], [learned_list])
    end;
learn_merge(Runs) ->
    ?BADARG([Runs], [learned_list]).

?DOC("
Writes the policy to a file: JSON when its name ends with `.json`, otherwise one
Erlang term, with the counts and first callers as comments.
").
-spec learn_write(seccomp_learn:learned(), file:name_all()) -> ok | {error, reason()}.
learn_write(Learned, File) ->
    case {seccomp_learn_policy:are_learned([Learned]), seccomp_file:path(File)} of
        {true, {ok, Path}} -> seccomp_learn_policy:write(Learned, Path);
        {_, _} -> ?BADARG([Learned, File], [learned, file])
    end.

?NODOC.
-spec policy(reference()) -> policy().
policy(Ref) when is_reference(Ref) -> {seccomp_policy, Ref};
policy(Ref) -> ?BADARG([Ref], [policy]).

?NODOC.
-spec reference(policy()) -> reference().
reference({seccomp_policy, Ref}) when is_reference(Ref) -> Ref;
reference(Policy) -> ?BADARG([Policy], [policy]).

?DOC("A sentence for the reason of an `{error, Reason}`.").
-spec format_error(reason()) -> unicode:chardata().
format_error(Reason) -> seccomp_error:format(Reason).

?DOC("What the shell prints below an exception (EEP 54).").
-spec format_error(term(), erlang:stacktrace()) ->
    #{pos_integer() | general => binary()}.
format_error(Reason, Stacktrace) -> seccomp_error:format_error(Reason, Stacktrace).

answer({error, Reason}, Pid) -> {error, seccomp_error:complete(Reason, Pid)};
answer(Answer, _Pid) -> Answer.
