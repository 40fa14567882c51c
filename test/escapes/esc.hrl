%% SPDX-License-Identifier: Apache-2.0
%%
%% What rows are made of. A row is a map:
%%   id       text; the number of the technique, a letter when it has parts
%%   name     for the table
%%   class    the section of docs/threat-model.md
%%   node     here (default), peer (another one, that may die), named (one that
%%            is distributed), heart (one that heart watches)
%%   setup    fun() -> Env, trusted, before the program; `esc:env/0` without one
%%   ways     programs, fun(Env) -> term(), each run restricted on its own
%%   effect   fun(Env, Outcome) -> boolean(), trusted: did it get out?
%%   effect_is  node_down, where the end of the peer is the effect
%%   spawn    more options for the process
%%   rules    more rules for both policies, where the technique starts from them
%%   calculator, plugin
%%            {denied, Mfas} | harmless | open
%% or #{id, name, class, not_run => Reason}.
%%
%% Programs call no helper: such a call would be the one that is denied.

-define(FILE_WRITE, {file, write_file, 2}).
-define(SEND, {erlang, send, 2}).
-define(CANARY(Env), maps:get(canary, Env)).
