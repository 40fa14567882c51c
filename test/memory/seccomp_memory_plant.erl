%% SPDX-License-Identifier: Apache-2.0
%%
%% The stubs of plant.c.
-module(seccomp_memory_plant).

-export([load/1, leak/0, read_freed/0]).

load(Folder) -> erlang:load_nif(filename:join(Folder, "seccomp_memory_plant"), 0) =:= ok.

leak() -> erlang:nif_error(not_loaded).

read_freed() -> erlang:nif_error(not_loaded).
