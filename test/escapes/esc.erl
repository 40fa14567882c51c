%% SPDX-License-Identifier: Apache-2.0
%%
%% The trusted side of the rows: the canary and what trusted servers are asked
%% to call. No policy allows this module, so that a hit proves another process.
-module(esc).

-export([refused/4, before/3]).
-export([env/0, hits/2, has_file/2, is_down/2]).
-export([touch/1, touch_start/1, touch_input/3, start/2, stop/1, touch_now/0]).
-export([getserv/1, getaddrs/2]).
-export([module/2, forms/1, tell/1]).

%% What is expected before a release of OTP, and from it on.
before(Release, Before, After) ->
    case seccomp_test_run:otp() < Release of
        true -> Before;
        false -> After
    end.

%% A row of calls that both policies deny. Arguments need not be valid: the
%% denial comes first.
refused(Class, Id, Name, Calls) ->
    Mfas = [{M, F, length(A)} || {M, F, A} <- Calls],
    #{
        id => Id,
        name => Name,
        class => Class,
        ways => [fun(_) -> apply(M, F, A) end || {M, F, A} <- Calls],
        calculator => {denied, Mfas},
        plugin => {denied, Mfas}
    }.

%% `secret` and `file` are for rows that read or write.
env() ->
    Canary = atomics:new(1, []),
    ok = persistent_term:put(?MODULE, Canary),
    File = filename:join(
        os:getenv("TMPDIR", "/tmp"),
        "seccomp_escape_" ++ os:getpid() ++ integer_to_list(erlang:unique_integer([positive]))
    ),
    #{canary => Canary, file => File, host => self(), secret => make_ref()}.

%% -- Effects -----------------------------------------------------------------

hits(#{canary := Canary}, _Outcome) -> atomics:get(Canary, 1) > 0.

has_file(#{file := File}, _Outcome) ->
    Is = filelib:is_regular(File),
    _ = file:delete(File),
    Is.

is_down(_Env, Outcome) -> Outcome =:= node_down.

%% -- What others are made to call --------------------------------------------

%% Counts only in a process that no policy holds.
touch(Canary) ->
    case seccomp:flags(self()) of
        0 -> ok = atomics:add(Canary, 1, 1);
        _ -> ok
    end,
    "".

touch_now() -> touch(persistent_term:get(?MODULE)).

touch_start(Canary) ->
    _ = touch(Canary),
    ignore.

touch_input(_Continuation, Chars, Canary) ->
    _ = touch(Canary),
    {done, ok, Chars}.

%% An application's callbacks.
start(_Type, Canary) ->
    _ = touch(Canary),
    {ok, self()}.

stop(_State) -> ok.

%% The callbacks of gen_tcp's module.
getserv(Port) ->
    _ = touch_now(),
    {ok, Port}.

getaddrs(_Address, _Timer) ->
    _ = touch_now(),
    {error, einval}.

%% -- Code --------------------------------------------------------------------

%% A module whose function version/0 gives Version; `on_load` makes loading it
%% touch the canary.
module(Name, Version) ->
    OnLoad = "-on_load(load/0). load() -> esc:touch_now(), ok.",
    Text =
        "-module(" ++ atom_to_list(Name) ++ "). -export([version/0]). " ++
            case Version of
                on_load -> OnLoad ++ " version() -> 1.";
                _ -> "version() -> " ++ integer_to_list(Version) ++ "."
            end,
    {ok, Name, Code} = compile:forms(forms(Text), []),
    Code.

%% The forms of a text.
forms(Text) ->
    {ok, Tokens, _} = erl_scan:string(Text),
    forms(Tokens, []).

forms([], []) ->
    [];
forms([{dot, _} = Dot | Tokens], Form) ->
    {ok, Parsed} = erl_parse:parse_form(lists:reverse(Form, [Dot])),
    [Parsed | forms(Tokens, [])];
forms([Token | Tokens], Form) ->
    forms(Tokens, [Token | Form]).

%% A trusted process that tells the canary of anything it is sent.
tell(Canary) ->
    spawn(fun() ->
        receive
            _ -> touch(Canary)
        end
    end).
