%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_nif).

-include("seccomp_doc.hrl").

?MODULEDOC("
The stubs of the native library, and nothing else: a NIF module cannot be
reloaded, so whatever may change lives in other modules. Use `seccomp`.
").

%% All that it exports is native.
-define(NIFS, [
    enforcement/0,
    compile/1,
    policy_info/1,
    check/4,
    args_of/4,
    check_args/5,
    explain/4,
    dump/1,
    policy_from_json/1,
    policy_to_json/1,
    policy_includes/2,
    policy_from_files/2,
    groups/0,
    group/1,
    suggest/2,
    set_policy/4,
    restrict_spawn/2,
    lift/2,
    flags/1,
    info/1,
    in_gate/0,
    serve_io/0,
    serves_io/1,
    processes/0,
    origin/0,
    forget_origin/0,
    violations/0,
    violations_json/0,
    guard_set/5,
    guard_unset/0,
    guard_state/0,
    origins_next/0,
    origins_from/1,
    policy_to_wire/1,
    policy_from_wire/2,
    learn_new/1,
    learn_pids/1,
    learn_end/3,
    learn_calls/1,
    quota_new/2,
    quota_exceeded/1,
    totals/0,
    policies/0,
    eval_request/1,
    enabled/3,
    trace/5
]).

-export(?NIFS).

-export_type([
    rule/0,
    commented/0,
    place/0,
    send/0,
    target/0,
    spec/0,
    tag/0,
    failure/0,
    answer/0,
    mfarity/0
]).

-nifs(?NIFS).

-on_load(init/0).

-define(NOT_LOADED, erlang:nif_error({nif_not_loaded, ?MODULE})).

-type rule() ::
    atom()
    | {module(), atom()}
    | {module(), atom(), arity() | '_'}
    | {gate, module(), atom(), arity()}
    | {module(), atom(), arity(), seccomp_args:match_spec()}.
-type commented() :: rule() | #{rule := rule(), comment => binary()}.
-type place() :: {File :: binary(), Line :: pos_integer(), Column :: pos_integer()}.
-type spec() :: #{
    mode := whitelist | blacklist,
    rules := [commented()],
    spawn => allow | deny,
    inherit => boolean(),
    provenance => boolean(),
    on_deny => raise | kill | log,
    base => boolean(),
    unknown => error | allow,
    send => send(),
    comment => binary()
}.
-type send() :: any | none | [target()].
-type target() ::
    pid() | atom() | {name, atom()} | {Name :: atom(), node()}.
%% The atoms `self`, `parent`, `children`, `replies` and `group_leader` are what
%% the target is to the process; others are registered names.
-type tag() :: reference().
-type failure() :: {atom(), map()}.
-type mfarity() :: {module(), atom(), arity()}.
-type answer() :: ok | wait | {error, failure()}.
%% `wait`: the message `{tag(), ok | {error, failure()}}` follows, always.

-spec init() -> ok | {error, {atom(), string()}}.
init() ->
    Priv =
        case code:priv_dir(seccomp) of
            {error, bad_name} ->
                Ebin = filename:dirname(code:which(?MODULE)),
                filename:join(filename:dirname(Ebin), "priv");
            Dir ->
                Dir
        end,
    erlang:load_nif(filename:join([Priv, "native", "seccomp_nif"]), 0).

-spec enforcement() ->
    {enforced | unsupported, Abi :: non_neg_integer(), jit | emu | unknown}.
enforcement() -> ?NOT_LOADED.

-spec compile(spec()) -> {ok, reference()} | {error, failure()}.
compile(_Spec) -> ?NOT_LOADED.

-spec policy_info(reference()) -> map().
policy_info(_Policy) -> ?NOT_LOADED.

-spec check(reference(), module(), atom(), arity()) -> allow | {deny, map()} | {error, failure()}.
check(_Policy, _M, _F, _A) -> ?NOT_LOADED.

-spec args_of(reference(), module(), atom(), arity()) ->
    [{non_neg_integer(), seccomp_args:match_spec()}].
args_of(_Policy, _M, _F, _A) -> ?NOT_LOADED.

-spec check_args(reference(), module(), atom(), arity(), [{non_neg_integer(), term()}]) ->
    boolean().
check_args(_Policy, _M, _F, _A, _Results) -> ?NOT_LOADED.

-spec explain(reference(), module(), atom(), arity()) -> binary() | {error, failure()}.
explain(_Policy, _M, _F, _A) -> ?NOT_LOADED.

-spec dump(reference()) -> binary().
dump(_Policy) -> ?NOT_LOADED.

-spec policy_from_json(binary()) -> {ok, spec()} | {error, failure()}.
policy_from_json(_Json) -> ?NOT_LOADED.

-spec policy_to_json(spec()) -> {ok, binary()} | {error, failure()}.
policy_to_json(_Spec) -> ?NOT_LOADED.

-spec policy_includes(Path :: binary(), Text :: binary()) -> {ok, [binary()]} | {error, failure()}.
policy_includes(_Path, _Text) -> ?NOT_LOADED.

-spec policy_from_files(Path :: binary(), [{binary(), binary() | {error, binary()}}]) ->
    {ok, spec(), [place()]} | {error, failure()}.
policy_from_files(_Path, _Files) -> ?NOT_LOADED.

-spec groups() -> [atom()].
groups() -> ?NOT_LOADED.

-spec group(atom()) ->
    {ok, #{doc := binary(), members := [{rule(), Reason :: binary()}]}}
    | {error, failure()}.
group(_Name) -> ?NOT_LOADED.

-spec suggest(binary(), [binary()]) -> binary() | none.
suggest(_Name, _Candidates) -> ?NOT_LOADED.

-spec set_policy(pid(), reference(), restrict | replace, tag()) -> answer().
set_policy(_Pid, _Policy, _How, _Tag) -> ?NOT_LOADED.

-spec restrict_spawn(pid(), tag()) -> answer().
restrict_spawn(_Pid, _Tag) -> ?NOT_LOADED.

-spec lift(pid(), tag()) -> answer().
lift(_Pid, _Tag) -> ?NOT_LOADED.

-spec flags(pid()) -> byte() | {error, failure()}.
flags(_Pid) -> ?NOT_LOADED.

-spec info(pid()) -> map() | trusted | {error, failure()}.
info(_Pid) -> ?NOT_LOADED.

-spec serve_io() -> boolean().
serve_io() -> ?NOT_LOADED.

-spec in_gate() -> boolean().
in_gate() -> ?NOT_LOADED.

-spec serves_io(pid()) -> boolean().
serves_io(_Pid) -> ?NOT_LOADED.

-spec processes() -> [pid()].
processes() -> ?NOT_LOADED.

-spec origin() -> trusted | {restricted, map()} | {error, failure()}.
origin() -> ?NOT_LOADED.

-spec forget_origin() -> ok | {error, failure()}.
forget_origin() -> ?NOT_LOADED.

-spec violations() -> seccomp:violations().
violations() -> ?NOT_LOADED.

-spec violations_json() -> binary().
violations_json() -> ?NOT_LOADED.

-spec guard_set(
    reference() | deny,
    [{atom(), pos_integer()}],
    any | listed,
    any | known | answers | none,
    [mfa()]
) -> ok | {error, failure()}.
guard_set(_Policy, _Names, _OtherNames, _Pids, _Calls) -> ?NOT_LOADED.

-spec guard_unset() -> ok | {error, failure()}.
guard_unset() -> ?NOT_LOADED.

-spec guard_state() -> map() | {error, failure()}.
guard_state() -> ?NOT_LOADED.

-spec origins_next() -> non_neg_integer().
origins_next() -> ?NOT_LOADED.

-spec origins_from(non_neg_integer()) ->
    {Next :: non_neg_integer(), [Hash :: binary()]}.
origins_from(_First) -> ?NOT_LOADED.

-spec policy_to_wire(Hash :: binary()) -> {ok, binary() | none} | {error, failure()}.
policy_to_wire(_Hash) -> ?NOT_LOADED.

-spec policy_from_wire(Hash :: binary(), binary()) ->
    {ok, reference()} | {error, failure()}.
policy_from_wire(_Hash, _Text) -> ?NOT_LOADED.

%% -- Learning ----------------------------------------------------------------

%% Of the policy only the rules count, which are the learner's gates.
-spec learn_new(map()) -> {ok, reference()} | {error, failure()}.
learn_new(_Policy) -> ?NOT_LOADED.

-spec learn_pids(reference()) -> [pid()].
learn_pids(_Learner) -> ?NOT_LOADED.

-spec learn_end(pid(), reference(), tag()) -> answer().
learn_end(_Pid, _Learner, _Tag) -> ?NOT_LOADED.

-spec learn_calls(reference()) ->
    #{
        calls := [#{mfa := mfarity(), count := non_neg_integer(), caller := mfarity() | undefined}],
        targets := any | [pid() | port() | atom() | {atom(), node()}],
        lost := non_neg_integer(),
        children := non_neg_integer()
    }.
learn_calls(_Learner) -> ?NOT_LOADED.

%% For a policy with a quota, `learn_pids/1` says who is under it.
-spec quota_new(reference(), non_neg_integer()) -> {ok, reference()} | {error, failure()}.
quota_new(_Policy, _Max) -> ?NOT_LOADED.

-spec quota_exceeded(reference()) -> boolean().
quota_exceeded(_Policy) -> ?NOT_LOADED.

%% -- Looking on --------------------------------------------------------------

-spec totals() -> #{atom() => non_neg_integer()}.
totals() -> ?NOT_LOADED.

%% One for each that processes are under, with how many.
-spec policies() -> [{reference(), pos_integer()}].
policies() -> ?NOT_LOADED.

%% The source in what the page's playground sends.
-spec eval_request(binary()) -> {ok, binary()} | {error, failure()}.
eval_request(_Json) -> ?NOT_LOADED.

%% `erl_tracer`; the state is the learner and whether the emulator counts calls.
-spec enabled(atom(), {reference(), boolean()}, term()) -> trace | discard | remove.
enabled(_Tag, _State, _Tracee) -> ?NOT_LOADED.

-spec trace(atom(), {reference(), boolean()}, term(), term(), map()) -> ok.
trace(_Tag, _State, _Tracee, _Mfa, _Options) -> ?NOT_LOADED.
