%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_learn_main).

-include("seccomp_doc.hrl").

?MODULEDOC("
Learns in a node of its own: what `seccomp learn` of the command line tool runs.
The plain arguments are the file to write, `warm` or `cold`, `callers` or
`counts`, the groups to take, `--`, and module and function of each run.
").

-export([main/0]).

?NODOC.
-spec main() -> no_return().
main() ->
    [File, Warm, Callers | Rest] = init:get_plain_arguments(),
    {Groups, ["--" | Names]} = lists:splitwith(fun(Arg) -> Arg =/= "--" end, Rest),
    Opts = opts(Callers, [list_to_atom(Group) || Group <- Groups]),
    case learn_all(calls(Names), Warm =:= "warm", Opts, []) of
        {ok, Runs} -> merge(Runs, File);
        {error, Text} -> complain(Text)
    end.

%% On a stock emulator callers are told anyway.
opts("callers", Groups) -> #{callers => true, groups => Groups};
opts("counts", Groups) -> #{groups => Groups}.

calls([]) -> [];
calls([Module, Function | Rest]) -> [{list_to_atom(Module), list_to_atom(Function)} | calls(Rest)].

learn_all([], _Warm, _Opts, Runs) ->
    {ok, lists:reverse(Runs)};
learn_all([{Module, Function} = Call | Calls], Warm, Opts, Runs) ->
    Fun = fun Module:Function/0,
    case code:ensure_loaded(Module) =/= {module, Module} orelse not exports(Module, Function) of
        true ->
            {error, [name(Call), " does not exist"]};
        false ->
            _ = [seccomp_learn:outside(Fun) || Warm],
            case seccomp:learn(Fun, Opts) of
                {ok, #{result := {value, _}} = Learned} ->
                    learn_all(Calls, Warm, Opts, [Learned | Runs]);
                {ok, #{result := Result}} ->
                    {error, [name(Call), " failed: ", failure(Result)]};
                {error, Reason} ->
                    {error, [name(Call), ": ", seccomp:format_error(Reason)]}
            end
    end.

failure({exception, Class, Reason, Stack}) -> erl_error:format_exception(Class, Reason, Stack);
failure({ended, Reason}) -> io_lib:format("its process ended: ~0tP", [Reason, 40]).

exports(Module, Function) -> lists:member({Function, 0}, Module:module_info(exports)).

name({Module, Function}) -> io_lib:format("~tw:~tw/0", [Module, Function]).

-spec merge([seccomp_learn:learned(), ...], file:name_all()) -> no_return().
merge(Runs, File) ->
    {ok, #{entries := Entries, policy := #{rules := Rules}} = Learned} = seccomp:learn_merge(Runs),
    case seccomp:learn_write(Learned, File) of
        ok ->
            say("~ts: ~b rules, from ~b run~s and ~b functions called~n", [
                File, length(Rules), length(Runs), [$s || length(Runs) > 1], length(Entries)
            ]),
            halt(0);
        {error, Reason} ->
            complain(seccomp:format_error(Reason))
    end.

-spec complain(unicode:chardata()) -> no_return().
complain(Text) ->
    say("~ts~n", [Text]),
    halt(1).

say(Format, Args) -> io:format(standard_error, Format, Args).
