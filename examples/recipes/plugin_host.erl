%% SPDX-License-Identifier: Apache-2.0
%%
%% Runs modules that strangers wrote: `load` makes one of a source file, `call`
%% asks its `handle/1`. A plugin computes, and reaches the store through gates.
-module(plugin_host).

-export([load/1, call/2, call/3]).

rules(Module) -> ['@pure', Module, {gate, kv, get, 1}, {gate, kv, put, 2}].

load(File) ->
    case epp:parse_file(File, []) of
        {ok, Forms} -> load(File, [Form || Form <- Forms, not is_order(Form)]);
        {error, Reason} -> {error, Reason}
    end.

%% What the compiler and the loader would run for the plugin, outside its policy.
is_order({attribute, _, Name, _}) -> lists:member(Name, [compile, on_load, nifs]);
is_order(_) -> false.

load(File, Forms) ->
    case compile:forms(Forms, [return_errors]) of
        {ok, Module, Binary} -> load(Module, File, Binary);
        {error, Errors, _} -> {error, {does_not_compile, Errors}}
    end.

load(Module, File, Binary) ->
    case code:which(Module) of
        non_existing ->
            {module, Module} = code:load_binary(Module, File, Binary),
            {ok, Policy} = seccomp:compile(#{
                mode => whitelist, spawn => deny, send => [], rules => rules(Module)
            }),
            {ok, {Module, Policy}};
        %% Else a plugin could be the host's own `kv`.
        _ ->
            {error, {there_is_a_module, Module}}
    end.

call(Plugin, Request) -> call(Plugin, Request, 1000).

call({Module, Policy}, Request, Timeout) ->
    Heap = {max_heap_size, #{size => 1_000_000, kill => true, error_logger => false}},
    {Pid, Ref} = seccomp:spawn_opt(
        Policy, fun() -> exit({answer, Module:handle(Request)}) end, [monitor, Heap]
    ),
    receive
        {'DOWN', Ref, process, Pid, {answer, Answer}} -> {ok, Answer};
        {'DOWN', Ref, process, Pid, {{seccomp, Call}, _}} -> {error, {denied, Call}};
        {'DOWN', Ref, process, Pid, Reason} -> {error, Reason}
    after Timeout ->
        exit(Pid, kill),
        receive {'DOWN', Ref, process, Pid, _} -> {error, timeout} end
    end.
