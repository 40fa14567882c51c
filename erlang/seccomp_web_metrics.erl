%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_web_metrics).

-include("seccomp_doc.hrl").

?MODULEDOC("
`seccomp:metrics/0` in the text format of Prometheus. There is no label for
functions or policies: restricted code chooses what it calls, and each name
would be a time series of its own.
").

-export([text/1]).

?DOC("The page.").
-spec text(#{atom() => non_neg_integer()}) -> iodata().
text(Metrics) ->
    [
        gauge(enforced, "1 if this emulator enforces policies", Metrics),
        gauge(restricted_processes, "Processes under a policy", Metrics),
        gauge(policies, "Compiled policies that are alive", Metrics),
        family(denials_total, counter, "Denied calls, by what happened", [
            {["{action=\"", Action, "\"}"], maps:get(Key, Metrics)}
         || {Action, Key} <- [
                {"log", denials_log_total},
                {"raise", denials_raise_total},
                {"kill", denials_kill_total},
                {"refuse", denials_refuse_total}
            ]
        ]),
        family(denials_uncounted_total, counter, "Denied calls that no counter was left for", [
            {"", maps:get(denials_uncounted_total, Metrics)}
        ])
    ].

gauge(Name, Help, Metrics) -> family(Name, gauge, Help, [{"", maps:get(Name, Metrics)}]).

family(Name, Type, Help, Samples) ->
    Full = ["seccomp_", atom_to_list(Name)],
    [
        ["# HELP ", Full, " ", Help, "\n"],
        ["# TYPE ", Full, " ", atom_to_list(Type), "\n"]
        | [[Full, Labels, " ", integer_to_list(Value), "\n"] || {Labels, Value} <- Samples]
    ].
