%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_sup).

-include("seccomp_doc.hrl").

?MODULEDOC("
The supervisor of the process that logs denials, and of the one that exchanges
policies with other nodes, and of the one that has shells for them, where policies
are enforced.
").

-behaviour(supervisor).

-export([start_link/0, init/1]).

?NODOC.
-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    case supervisor:start_link({local, ?MODULE}, ?MODULE, []) of
        {ok, Pid} -> {ok, Pid};
        ignore -> {error, ignore};
        {error, _} = Error -> Error
    end.

?NODOC.
-spec init([]) -> {ok, {supervisor:sup_flags(), [supervisor:child_spec()]}}.
init([]) ->
    Nodes =
        case seccomp_nif:enforcement() of
            {enforced, _, _} ->
                [
                    #{id => Id, start => {Id, start_link, []}}
                 || Id <- [seccomp_nodes, seccomp_rshell_gate]
                ];
            {unsupported, _, _} -> []
        end,
    Report =
        case application:get_env(seccomp, log_violations, true) of
            true -> [#{id => seccomp_report, start => {seccomp_report, start_link, []}}];
            false -> []
        end,
    {ok, {#{strategy => one_for_one}, Nodes ++ Report}}.
