%% SPDX-License-Identifier: Apache-2.0
%%
%% One line of input, evaluated by `seccomp_eval`, as the table shows it.
-module(seccomp_demo_eval).

-export([line/2]).

-export_type([outcome/0]).

-type outcome() ::
    {value, term()}
    | {denied, mfa()}
    | {refused, iodata()}
    | {invalid, iodata()}
    | {failed, term()}
    | timeout.

-spec line(seccomp:policy(), string()) -> {outcome(), Micros :: non_neg_integer()}.
line(Policy, Text) ->
    Start = erlang:monotonic_time(),
    Answer = seccomp_eval:eval(Text, #{policy => Policy, max_source => 2000}),
    Time = erlang:monotonic_time() - Start,
    {outcome(Answer), erlang:convert_time_unit(Time, native, microsecond)}.

outcome({ok, #{value := Value}}) -> {value, Value};
outcome({error, {denied, #{mfa := Mfa}}}) -> {denied, Mfa};
outcome({error, {unknown_atom, #{name := Name}}}) -> {refused, ["no atom ", Name]};
outcome({error, {unknown_function, #{name := Name}}}) -> {refused, ["no function ", Name]};
outcome({error, {timeout, _}}) -> timeout;
outcome({error, {exception, #{reason := Reason}}}) -> {failed, Reason};
outcome({error, Reason}) -> {invalid, seccomp_eval:format_error(Reason)}.
