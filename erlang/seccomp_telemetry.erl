%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_telemetry).

-include("seccomp_doc.hrl").

?MODULEDOC("
Events for the library `telemetry`, when some other application brings it:

    [seccomp, denied]   #{count}  #{mfa, policy, pid, action}
    [seccomp, refused]  #{count}  #{mfa, policy, node}
    [seccomp, more]     #{count, functions}  #{}

They are those of `seccomp_report`: with the number of denials since the last,
and not one for each denial.
").

-export([execute/1]).

?DOC("Hands an event on. Nothing that goes wrong in there stops the caller.").
-spec execute(seccomp_report:event()) -> ok.
execute(Event) ->
    call(telemetry, event(Event)).

event(#{what := seccomp_denied, count := Count} = Event) ->
    {[seccomp, denied], #{count => Count}, maps:with([mfa, policy, pid, action], Event)};
event(#{what := seccomp_refused, count := Count} = Event) ->
    {[seccomp, refused], #{count => Count}, maps:with([mfa, policy, node], Event)};
event(#{what := seccomp_denied_more, count := Count, functions := Functions}) ->
    {[seccomp, more], #{count => Count, functions => Functions}, #{}}.

%% It has handlers only if it is loaded, so nothing is loaded for it. The name
%% comes in a variable, for there is no dependency.
call(Module, {Name, Measurements, Metadata}) ->
    try erlang:function_exported(Module, execute, 3) andalso
        Module:execute(Name, Measurements, Metadata)
    of
        _ -> ok
    catch
        _:_ -> ok
    end.
