%% SPDX-License-Identifier: Apache-2.0
-module(otp_suite_events).
-behaviour(gen_event).

%% Writes down what became of each case, as Common Test sees it:
%% `suite TAB case TAB outcome TAB seconds TAB reason`. Functions that only set
%% up are written where they fail: their cases then tell the same, but less well.

-include_lib("common_test/include/ct_event.hrl").

-export([init/1, handle_event/2, handle_call/2]).

-type state() :: {file:io_device(), LastEvent :: integer()}.

-spec init([file:filename()]) -> {ok, state()}.
init([Name]) ->
    {ok, File} = file:open(Name, [append, raw, binary]),
    {ok, {File, erlang:monotonic_time(second)}}.

-spec handle_event(term(), state()) -> {ok, state()}.
handle_event(#event{name = tc_done, data = {Suite, Case, Result}}, State) ->
    {ok, write(State, Suite, Case, Result)};
handle_event(#event{name = tc_user_skip, data = {Suite, Case, Reason}}, State) ->
    {ok, write(State, Suite, Case, {skipped, Reason})};
handle_event(#event{name = tc_auto_skip, data = {Suite, Case, Reason}}, State) ->
    {ok, write(State, Suite, Case, {auto_skipped, Reason})};
handle_event(#event{}, State) ->
    {ok, State}.

-spec handle_call(term(), state()) -> {ok, ok, state()}.
handle_call(_Request, State) -> {ok, ok, State}.

write({File, Last}, Suite, Case, Result) ->
    Now = erlang:monotonic_time(second),
    case outcome(Result) of
        {ok, _} when not is_atom(Case) ->
            ok;
        {ok, _} when Case =:= init_per_suite; Case =:= end_per_suite ->
            ok;
        {Outcome, Reason} ->
            Line = io_lib:format(
                "~ts\t~ts\t~ts\t~b\t~0tP~n",
                [Suite, name(Case), Outcome, Now - Last, Reason, 60]
            ),
            ok = file:write(File, unicode:characters_to_binary(Line))
    end,
    {File, Now}.

name({init_per_group, Group, _}) -> io_lib:format("init_per_group(~ts)", [Group]);
name({end_per_group, Group, _}) -> io_lib:format("end_per_group(~ts)", [Group]);
%% A case that was skipped comes with its group.
name({Case, _Group}) -> atom_to_list(Case);
name(Case) -> atom_to_list(Case).

outcome(ok) -> {ok, ok};
outcome({skipped, Reason}) -> {skipped, Reason};
outcome({auto_skipped, Reason}) -> {auto_skipped, Reason};
outcome({failed, Reason}) -> {failed, Reason};
outcome(Other) -> {failed, Other}.
