%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_error).

-include("seccomp_doc.hrl").

?MODULEDOC("
The errors of the library as terms and as sentences.

Each `{error, {Name, Map}}` that a function of `seccomp` returns is one of
`t:reason/0`. `format/1` says in a sentence what was wrong, where, and what to
write instead. `format_error/2` does the same for exceptions (EEP 54), among
them the denials that the emulator raises.
").

-export([format/1, format_error/2, complete/2]).

-export_type([reason/0, kind/0]).

-type reason() ::
    %% The policy that was given; the native library's have a `message`, too.
    {bad_rule, #{message := binary(), _ => _}}
    | {bad_match_spec, #{message := binary(), position => pos_integer(), _ => _}}
    | {bad_rules, #{reason := atom(), _ => _}}
    | {bad_atom, #{message := binary(), _ => _}}
    | {duplicate_rule, #{first := pos_integer(), second := pos_integer(), _ => _}}
    | {unknown_group, #{group := atom(), _ => _}}
    | {unknown_module, #{module := module(), position := pos_integer(), _ => _}}
    | {unknown_function, #{mfa := tuple(), position := pos_integer(), _ => _}}
    | {unknown_option, #{option := term(), _ => _}}
    | {missing_option, #{option := atom(), _ => _}}
    | {bad_option, #{option := atom(), value := term(), expected := binary(), _ => _}}
    | {bad_target, #{message := binary(), position := pos_integer(), _ => _}}
    | {bad_json, #{line := non_neg_integer(), column := non_neg_integer(), _ => _}}
    | {bad_terms, #{line := pos_integer(), column := pos_integer(), _ => _}}
    | {bad_file, #{message := binary(), file => binary(), _ => _}}
    | {bad_include, #{message := binary(), file := binary(), _ => _}}
    | {too_many_names, #{message := binary(), _ => _}}
    | {too_many_layers, #{limit => pos_integer(), _ => _}}
    %% The process that it was meant for.
    | noproc
    | {remote_pid, #{pid := pid(), node := node(), _ => _}}
    %% Who asked, and the emulator that was asked.
    | {restricted, map()}
    | {unsupported, #{hint := binary(), _ => _}}
    | {system_limit, map()}
    %% `seccomp:log/2`.
    | {not_logged, #{message := binary()}}
    %% `seccomp_web:start/2` and `stop/0`.
    | {no_inets | no_server | already_started | not_started, #{message := binary()}}
    %% Whatever a later version of the native library adds.
    | {atom(), map()}.

-type kind() ::
    leader_options
    | pid
    | mode
    | rules
    | options
    | policy
    | mfa
    | fun0
    | fun1
    | spawn_options
    | json
    | file
    | session
    | learned
    | learned_list
    | group
    | guard
    | port
    | text.
%% What an argument of the API has to be.

?DOC("A sentence for the reason of an `{error, Reason}`.").
-spec format(reason()) -> unicode:chardata().
format({Name, #{file := File} = Map}) when is_binary(File) ->
    At =
        case Map of
            #{line := Line, column := Column} -> io_lib:format(":~b:~b", [Line, Column]);
            #{} -> ""
        end,
    [File, At, ": ", format({Name, maps:remove(file, Map)})];
format({bad_rules, #{reason := improper} = Map}) ->
    At =
        case Map of
            #{position := N} -> io_lib:format(" (its tail after rule ~b is not a list)", [N - 1]);
            #{} -> ""
        end,
    ["the rules are an improper list", At, "; write [Rule1, Rule2, ...]"];
format({bad_rules, #{reason := too_many, limit := Limit}}) ->
    io_lib:format(
        "there are more than ~b rules; name whole modules, {Module, '_'} or groups instead",
        [Limit]
    );
format({unknown_module, #{module := Module} = Map}) ->
    [
        io_lib:format("there is no module ~tp~ts", [Module, position(Map)]),
        did_you_mean(Map),
        "; if it will be loaded later, give the option unknown => allow"
    ];
format({unknown_function, #{mfa := Mfa} = Map}) ->
    [
        io_lib:format("there is no function ~ts~ts", [mfa(Mfa), position(Map)]),
        did_you_mean(Map),
        "; if it will be loaded later, give the option unknown => allow"
    ];
format({unknown_option, #{option := Option} = Map}) ->
    [
        io_lib:format("~0tP is not an option", [Option, 12]),
        did_you_mean(Map),
        case Map of
            #{known := Known} -> io_lib:format("; the options are ~ts", [names(Known)]);
            #{} -> ""
        end
    ];
format({missing_option, #{option := Option} = Map}) ->
    [io_lib:format("the policy has no ~tp", [Option]), expected(Map)];
format({bad_option, #{option := Option, value := Value} = Map}) ->
    [io_lib:format("~tp cannot be ~0tP", [Option, Value, 12]), expected(Map)];
format(noproc) ->
    "the process does not exist, or has ended";
format({remote_pid, #{pid := Pid, node := Node}}) ->
    io_lib:format("~p lives on ~tp; call seccomp there", [Pid, Node]);
format({unsupported, Map}) ->
    Why = maps:get(message, Map, <<"this emulator enforces no policies">>),
    [Why, "; ", maps:get(hint, Map, hint())];
format({bad_target, #{message := Message, position := N}}) ->
    io_lib:format("target ~b of send: ~ts", [N, Message]);
format({_Name, #{message := Message} = Map}) ->
    [Message, position(Map)];
format({Name, Map}) when is_atom(Name), is_map(Map) ->
    io_lib:format("~tp: ~0tP", [Name, Map, 20]).

?DOC("
What `erl_error` and the shell print below an exception: for a denial the
function that was denied, for a misused function of `seccomp` each argument
that is not what it has to be.
").
-spec format_error(term(), erlang:stacktrace()) ->
    #{pos_integer() | general => binary()}.
format_error({seccomp, {M, F, A}}, Stack) when is_atom(M), is_atom(F), is_integer(A) ->
    Text =
        case target(Stack) of
            {ok, {order, Target}} ->
                io_lib:format(
                    "~ts to ~0tP is not allowed with an order, which names a function to call "
                    "or is for the server itself (sys, supervisor, io)",
                    [mfa({M, F, A}), Target, 12]
                );
            {ok, Target} ->
                io_lib:format("~ts to ~0tP is not allowed by this process's rule for sending", [
                    mfa({M, F, A}), Target, 12
                ]);
            none ->
                io_lib:format("~ts is not allowed by this process's policy~ts", [
                    mfa({M, F, A}), started(Stack)
                ])
        end,
    #{general => unicode:characters_to_binary(Text)};
format_error({seccomp, {gate_fun, {M, F, A}}}, _Stack) ->
    Text = io_lib:format(
        "~ts is a gate, and gates take no funs: one is in the arguments or in the process "
        "dictionary, or the process has an error handler of its own",
        [mfa({M, F, A})]
    ),
    #{general => unicode:characters_to_binary(Text)};
format_error(Reason, [{_, _, Args, Info} | _]) when is_list(Args), is_list(Info) ->
    #{cause := Cause} = proplists:get_value(error_info, Info, #{cause => []}),
    case {Reason, Cause} of
        {badarg, Kinds} when is_list(Kinds), length(Kinds) =:= length(Args) ->
            Numbered = lists:zip3(lists:seq(1, length(Args)), Kinds, Args),
            Wrong = [{N, expectation(Kind)} || {N, Kind, Arg} <- Numbered, not is(Kind, Arg)],
            maps:from_list(Wrong);
        {{unsupported, _}, _} ->
            #{general => unicode:characters_to_binary(format(Reason))};
        _ ->
            #{}
    end;
format_error(_Reason, _Stack) ->
    #{}.

%% Whom a denied signal was for.
target([{_, _, _, Info} | _]) when is_list(Info) ->
    case proplists:get_value(error_info, Info) of
        #{send := Target} -> {ok, Target};
        _ -> none
    end;
target(_Stack) ->
    none.

%% A denied spawn is mostly asked about for what it would have started.
started([{erlang, Spawn, [M, F, Args | _], _} | _]) when
    Spawn =:= spawn; Spawn =:= spawn_link; Spawn =:= spawn_monitor; Spawn =:= spawn_opt
->
    case is_atom(M) andalso is_atom(F) andalso is_list(Args) of
        true -> ["; it would have started ", mfa({M, F, length(Args)})];
        false -> ""
    end;
started(_Stack) ->
    "".

?DOC("Completes an error of the native library: which process, what to do.").
-spec complete(reason(), pid()) -> reason().
complete({unsupported, Map}, _Pid) -> {unsupported, Map#{hint => hint()}};
complete({noproc, _}, _Pid) -> noproc;
complete({remote_pid, Map}, Pid) -> {remote_pid, Map#{pid => Pid, node => node(Pid)}};
complete(Reason, _Pid) -> Reason.

hint() ->
    <<"`make otp` builds an emulator that does, `make shell` starts it, ",
        "`make -s erl` prints its path (see README.md)">>.

%% -- Arguments ---------------------------------------------------------------

-spec is(kind(), term()) -> boolean().
is(pid, Arg) -> is_pid(Arg);
is(port, Arg) -> is_integer(Arg) andalso Arg >= 0 andalso Arg =< 65535;
is(mode, Arg) -> Arg =:= whitelist orelse Arg =:= blacklist;
is(rules, Arg) -> is_list(Arg);
is(options, Arg) -> is_map(Arg);
is(leader_options, Arg) -> seccomp_group_leader:is_options(Arg);
is(policy, {seccomp_policy, Ref}) -> is_reference(Ref);
is(policy, _) -> false;
is(mfa, {M, F, A}) when is_atom(M), is_atom(F), is_integer(A) -> A >= 0 andalso A =< 255;
is(mfa, {M, F, Args}) when is_atom(M), is_atom(F), length(Args) =< 255 -> true;
is(mfa, _) -> false;
is(session, Arg) -> seccomp_learn:is_session(Arg);
is(learned, Arg) -> seccomp_learn_policy:are_learned([Arg]);
is(learned_list, Arg) -> Arg =/= [] andalso seccomp_learn_policy:are_learned(Arg);
is(fun0, Arg) -> is_function(Arg, 0);
is(fun1, Arg) -> is_function(Arg, 1);
is(spawn_options, Arg) when length(Arg) >= 0 -> true;
is(spawn_options, _) -> false;
is(json, Arg) -> is_binary(Arg);
is(file, Arg) -> is_binary(Arg) orelse is_list(Arg) orelse is_atom(Arg);
is(group, Arg) -> is_atom(Arg);
is(guard, Arg) -> is_map(Arg) orelse is_atom(Arg);
is(text, _) -> true.

%% Binaries, as in OTP's own modules: Elixir prints nothing else.
-spec expectation(kind()) -> binary().
expectation(pid) -> <<"not a pid">>;
expectation(mode) -> <<"neither whitelist nor blacklist">>;
expectation(rules) -> <<"not a list of rules">>;
expectation(options) -> <<"not a map">>;
expectation(leader_options) ->
    <<"not a map of max_request, max_rate and timeout, each a positive integer">>;
expectation(policy) -> <<"not a policy; seccomp:compile/1 makes one">>;
expectation(mfa) -> <<"not {Module, Function, Arity} with an arity of 0 to 255">>;
expectation(session) -> <<"not what learn_start/1,2 gives">>;
expectation(learned) -> <<"not what learn/1,2 or learn_stop/1 gives">>;
expectation(learned_list) -> <<"not a list of what learn/1,2 or learn_stop/1 gives">>;
expectation(fun0) -> <<"not a fun of no arguments">>;
expectation(fun1) -> <<"not a fun of one argument, a list of arguments">>;
expectation(spawn_options) -> <<"not a list of options">>;
expectation(json) -> <<"not a binary">>;
expectation(file) -> <<"not a file name">>;
expectation(group) -> <<"not an atom">>;
expectation(guard) -> <<"neither a map nor the name of a profile">>;
expectation(port) -> <<"not a port, 0 to 65535">>;
expectation(text) -> <<"not a text">>.

%% -- Words -------------------------------------------------------------------

position(#{position := N}) -> io_lib:format(" (rule ~b)", [N]);
position(#{}) -> "".

did_you_mean(#{did_you_mean := none}) -> "";
did_you_mean(#{did_you_mean := Mfa}) when is_tuple(Mfa) -> [" (did you mean ", mfa(Mfa), "?)"];
did_you_mean(#{did_you_mean := Name}) -> [" (did you mean ", word(Name), "?)"];
did_you_mean(#{}) -> "".

expected(#{expected := Text}) -> ["; write ", Text];
expected(#{}) -> "".

mfa({M, F, '_'}) -> io_lib:format("~tw:~tw/_", [M, F]);
mfa({M, F, A}) -> io_lib:format("~tw:~tw/~w", [M, F, A]);
mfa({M, F}) -> io_lib:format("~tw:~tw", [M, F]).

names(Atoms) -> lists:join(", ", [atom_to_list(Atom) || Atom <- Atoms]).

%% Text from the native library is a binary, which `~p` would quote.
word(Text) when is_binary(Text) -> Text;
word(Term) -> io_lib:format("~0tp", [Term]).
