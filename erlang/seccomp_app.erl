%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_app).

-include("seccomp_doc.hrl").

?MODULEDOC("
The application. Policies work without it; it adds the logging of denials, and
sets the guard of the node's configuration. It does not start when that fails.
").

-behaviour(application).

-export([start/2, stop/1]).

?NODOC.
-spec start(application:start_type(), term()) ->
    {ok, pid()} | {error, term()}.
start(_Type, _Args) ->
    %% The server of the module timer starts when it is needed first. If that
    %% were for a restricted process, it would be under its policy for good.
    ok = timer:start(),
    case seccomp_guard:configure() of
        ok -> seccomp_sup:start_link();
        {error, Reason} -> {error, {guard, Reason}}
    end.

?NODOC.
-spec stop(term()) -> ok.
stop(_State) ->
    ok.
