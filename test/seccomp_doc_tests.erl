%% SPDX-License-Identifier: Apache-2.0
%%
%% The Erlang blocks of the guides, run one after the other.
-module(seccomp_doc_tests).

-include_lib("eunit/include/eunit.hrl").

guides_test_() ->
    case seccomp:enforcement() of
        #{status := enforced} ->
            Files = ["learning.md", "eval.md", "seeing.md"],
            [{File, {timeout, 60, fun() -> run(File) end}} || File <- Files];
        #{} ->
            []
    end.

run(File) ->
    Root = filename:dirname(filename:dirname(filename:absname(?FILE))),
    {ok, Text} = file:read_file(filename:join([Root, "docs", File])),
    {match, Blocks} = re:run(Text, "^```erlang\n(.*?)^```", [global, dotall, multiline, {capture, [1], list}]),
    ?assert(length(Blocks) > 2),
    {ok, Cwd} = file:get_cwd(),
    Dir = filename:join("/tmp", "seccomp_doc_" ++ os:getpid()),
    ok = filelib:ensure_path(Dir),
    ok = file:set_cwd(Dir),
    try
        [block(Block) || [Block] <- Blocks]
    after
        ok = file:set_cwd(Cwd),
        ok = file:del_dir_r(Dir)
    end.

block(Block) ->
    {ok, Tokens, _} = erl_scan:string(Block),
    {ok, Exprs} = erl_parse:parse_exprs(Tokens),
    {value, _, _} = erl_eval:exprs(Exprs, []).
