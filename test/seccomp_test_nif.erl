%% SPDX-License-Identifier: Apache-2.0
%%
%% The stubs of seccomp_nif_send_SUITE_data/seccomp_test_nif.c: each is `true` if
%% the emulator took the message or command.
-module(seccomp_test_nif).

-export([load/1, send_moved/2, send_copied/2, command/2]).
-export([send_moved_dirty/2, send_copied_dirty/2, command_dirty/2]).

load(Folder) -> erlang:load_nif(filename:join(Folder, "seccomp_test_nif"), 0).

%% The message is in an environment of its own.
send_moved(_Pid, _Message) -> erlang:nif_error(not_loaded).

%% It is in that of the call.
send_copied(_Pid, _Message) -> erlang:nif_error(not_loaded).

command(_Port, _Data) -> erlang:nif_error(not_loaded).

send_moved_dirty(_Pid, _Message) -> erlang:nif_error(not_loaded).

send_copied_dirty(_Pid, _Message) -> erlang:nif_error(not_loaded).

command_dirty(_Port, _Data) -> erlang:nif_error(not_loaded).
