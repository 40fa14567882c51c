%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_rshell_eval).

-include("seccomp_doc.hrl").

?MODULEDOC("
The evaluator of a restricted shell: evaluates what it is sent and answers. All of
its code but the first lines runs under the policy, so it calls what `@eval` and
`@base` hold and nothing else.
").

-export([start/3, commands/0]).

-export_type([evaluator/0, commands/0]).

-type evaluator() :: #{pid := pid(), monitor := reference(), tag := reference()}.
-type commands() :: #{{atom(), arity()} => module()}.

?DOC("
Starts an evaluator. It says `{Tag, ready}` when its policy holds, takes
`{Tag, Ref, Exprs, Bindings}` and answers `{Tag, Ref, Result}`; a result is
`{value, Value, Bindings}` or `{Class, Reason, Stack}`.
").
-spec start(seccomp:policy(), pos_integer(), commands()) -> evaluator().
start(Policy, MaxHeap, Commands) ->
    Shell = self(),
    Tag = make_ref(),
    Fun = fun() ->
        Shell ! {Tag, ready},
        loop(Shell, Tag, Commands)
    end,
    Limit = #{size => MaxHeap, kill => true, error_logger => false},
    {Pid, Monitor} = seccomp:spawn_opt(Policy, Fun, [link, monitor, {max_heap_size, Limit}]),
    #{pid => Pid, monitor => Monitor, tag => Tag}.

?DOC("The commands of a shell that are functions of modules, as shells know them.").
-spec commands() -> commands().
commands() ->
    Modules = [M || M <- [shell_default, user_default], is_loaded(M)],
    maps:from_list([{FA, M} || M <- Modules, FA <- M:module_info(exports)]).

is_loaded(shell_default) -> {module, shell_default} =:= code:ensure_loaded(shell_default);
is_loaded(Module) -> erlang:module_loaded(Module).

loop(Shell, Tag, Commands) ->
    receive
        {Tag, Ref, Exprs, Bindings} ->
            Shell ! {Tag, Ref, evaluate(Exprs, Bindings, Commands)},
            loop(Shell, Tag, Commands)
    end.

evaluate(Exprs, Bindings, Commands) ->
    try
        erl_eval:exprs(Exprs, Bindings, local(Commands), none)
    catch
        Class:Reason:Stack -> {Class, Reason, Stack}
    end.

local(Commands) ->
    {eval, fun(Name, Args, Bindings) -> local(Name, Args, Bindings, Commands) end}.

%% What the shell has bound for itself begins with a percent sign.
local(f, [], Bindings, _Commands) ->
    Forget = fun({Name, _}, Left) ->
        case atom_to_list(Name) of
            "%" ++ _ -> Left;
            _ -> erl_eval:del_binding(Name, Left)
        end
    end,
    {value, ok, lists:foldl(Forget, Bindings, erl_eval:bindings(Bindings))};
local(f, [{var, _, Name}], Bindings, _Commands) ->
    {value, ok, erl_eval:del_binding(Name, Bindings)};
local(Name, Args, Bindings, Commands) ->
    {Values, Next} = erl_eval:expr_list(Args, Bindings, local(Commands), none),
    case Commands of
        #{{Name, length(Values)} := Module} -> {value, apply(Module, Name, Values), Next};
        #{} -> error({shell_undef, Name, length(Values)})
    end.
