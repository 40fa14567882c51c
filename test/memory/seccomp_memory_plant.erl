%% SPDX-License-Identifier: Apache-2.0
%%
%% The stubs of plant.c.
-module(seccomp_memory_plant).

-export([load/1, leak/0, keep/0, read_freed/0, hold/0, release/0]).

load(Folder) -> erlang:load_nif(filename:join(Folder, "seccomp_memory_plant"), 0) =:= ok.

leak() -> erlang:nif_error(not_loaded).

keep() -> erlang:nif_error(not_loaded).

read_freed() -> erlang:nif_error(not_loaded).

%% Lasts until another process calls release/0, which is 1 if somebody was held.
hold() -> erlang:nif_error(not_loaded).

release() -> erlang:nif_error(not_loaded).
