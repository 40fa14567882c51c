%% SPDX-License-Identifier: Apache-2.0
%%
%% `calc foreground EXPRESSION ...` evaluates its arguments and stops; without
%% arguments the application only offers `calc:eval/1`.
-module(calc_app).

-behaviour(application).
-behaviour(supervisor).

-export([start/2, stop/1, init/1]).

start(_Type, _Args) ->
    Answer = supervisor:start_link(?MODULE, []),
    %% The script of the release passes its command on.
    case init:get_plain_arguments() -- ["foreground"] of
        [] -> ok;
        Lines -> spawn(fun() -> answer(Lines) end)
    end,
    Answer.

stop(_State) -> ok.

init([]) -> {ok, {#{}, []}}.

answer(Lines) ->
    Outcomes = [calc:eval(Line) || Line <- Lines],
    [io:format("~ts => ~0tp~n", [L, O]) || {L, O} <- lists:zip(Lines, Outcomes)],
    init:stop().
