%% SPDX-License-Identifier: Apache-2.0
%%
%% What the node and the system say of memory once all is quiet, and which
%% numbers policies get: a number that was not given back is seen at once.
-module(soak_memory).

-export([settled/0, resident/0, mapped/0, mappings/0, compare/3]).
-export([number/1, lowest_number/0]).

%% What a node may take for good from one round to the next: allocators do not
%% give every carrier back. A leak of a table entry in each of a million rounds
%% comes to more.
-define(SLACK, 24 * 1024 * 1024).
%% Less is noise.
-define(MUCH, 1024 * 1024).
%% In quarters of a second: without a change, and in all.
-define(QUIET, 8).
-define(PATIENCE, 60).

-type sizes() :: #{total := integer(), resident := integer(), mapped := integer()}.

%% After the garbage of everybody, who may hold handles, was collected, and what is
%% freed late has been: when for a while nothing has become less. A busy machine
%% takes its time.
-spec settled() -> sizes().
settled() -> settled(sizes(), ?QUIET, ?PATIENCE).

settled(Sizes, Quiet, Patience) when Quiet =:= 0; Patience =:= 0 ->
    Sizes;
settled(Sizes, Quiet, Patience) ->
    timer:sleep(250),
    New = sizes(),
    Fell = fun(Key) -> map_get(Key, New) + ?MUCH < map_get(Key, Sizes) end,
    case lists:any(Fell, maps:keys(Sizes)) of
        true -> settled(New, ?QUIET, Patience - 1);
        false -> settled(New, Quiet - 1, Patience - 1)
    end.

sizes() ->
    lists:foreach(fun erlang:garbage_collect/1, processes()),
    #{total => erlang:memory(total), resident => resident(), mapped => mapped()}.

-spec resident() -> integer().
resident() -> status("VmRSS").

%% All address space, so that the bits of policies count which nobody touched.
-spec mapped() -> integer().
mapped() -> status("VmSize").

status(Name) ->
    {ok, Status} = file:read_file("/proc/self/status"),
    Options = [{capture, all_but_first, list}],
    {match, [Kilobytes]} = re:run(Status, Name ++ ":\\s*(\\d+) kB", Options),
    list_to_integer(Kilobytes) * 1024.

%% The kernel joins neighbours, so this is no count of policies; it is what the
%% limit of the system is about.
-spec mappings() -> integer().
mappings() ->
    {ok, Maps} = file:read_file("/proc/self/maps"),
    length(binary:matches(Maps, <<"\n">>)).

%% Rounds are compared with each other, as the first one makes tables grow.
-spec compare(iodata(), sizes(), sizes()) -> [soak_check:check()].
compare(What, Before, After) ->
    [
        soak_check:at_most(
            [What, ", ", Name, " grew by"],
            {?SLACK, soak_check:megabytes(?SLACK)},
            {Grown, soak_check:megabytes(Grown)}
        )
     || {Key, Name} <- [{total, "erlang:memory"}, {resident, "RSS"}],
        Grown <- [map_get(Key, After) - map_get(Key, Before)]
    ].

%% The number of a process's policy, from its lines in a crash dump.
-spec number(pid()) -> integer().
number(Pid) ->
    Pattern = "=proc:" ++ pid_to_list(Pid) ++ "\\n(?:(?!=proc).*\\n)*?Seccomp: .*policy (\\d+)",
    Options = [{capture, all_but_first, list}],
    {match, [Number]} = re:run(erlang:system_info(procs), Pattern, Options),
    list_to_integer(Number).

%% What a new policy gets: the lowest that is free, and so 1 when there are no
%% policies at all.
-spec lowest_number() -> integer().
lowest_number() ->
    Rule = {?MODULE, lowest_number, erlang:phash2(make_ref(), 256)},
    {ok, Policy} = seccomp:compile(#{mode => blacklist, rules => [Rule], unknown => allow}),
    Pid = spawn(fun() -> receive stop -> ok end end),
    ok = seccomp:set_policy(Pid, Policy),
    Number = number(Pid),
    {_, Monitor} = {exit(Pid, kill), monitor(process, Pid)},
    receive
        {'DOWN', Monitor, process, Pid, _} -> Number
    end.
