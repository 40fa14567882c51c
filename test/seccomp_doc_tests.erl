%% SPDX-License-Identifier: Apache-2.0
%%
%% Every code block of README.md and of the guides runs; those that are marked
%% as not run are listed at the end. Elixir's blocks are run by ExUnit. Pages show
%% the emulator with the JIT. SECCOMP_DOC=docs/tour.md runs one page alone.
-module(seccomp_doc_tests).

-include_lib("eunit/include/eunit.hrl").

pages_test_() ->
    case seccomp:enforcement() of
        #{status := enforced, flavor := jit} ->
            {setup, fun() -> ets:new(?MODULE, [public, ordered_set]) end, fun list/1, fun(Table) ->
                [{Page, {timeout, 1800, fun() -> run(Page, Table) end}} || Page <- pages()]
            end};
        #{} ->
            []
    end.

pages() ->
    case os:getenv("SECCOMP_DOC") of
        false -> ["README.md" | lists:sort(filelib:wildcard("docs/*.md", root()))];
        Page -> [Page]
    end.

run(Page, Table) ->
    [ets:insert(Table, {{Page, Line}, Why}) || {Line, Why} <- seccomp_doc_page:run(root(), Page)].

list(Table) ->
    io:format(user, "~nBlocks that are not run:~n", []),
    _ = [
        io:format(user, "  ~ts:~b: ~ts~n", [Page, Line, Why])
     || {{Page, Line}, Why} <- ets:tab2list(Table)
    ],
    ets:delete(Table).

root() -> filename:dirname(filename:dirname(filename:absname(?FILE))).

what_is_printed_is_compared_test() ->
    ?assert(seccomp_doc_session:same("{<0.1.0>,\n #Ref<0.1.2.3>}", "{<0.99.0>, #Ref<9.9.9.9>}")),
    ?assert(seccomp_doc_session:same("a\n...\nd", "a\nb\nc\nd")),
    ?assert(seccomp_doc_session:same("#{a => <0.1.0>,b => 2}", "#{b => 2,\n  a => <0.9.0>}")),
    ?assertNot(seccomp_doc_session:same("#{a => 1,b => 2}", "#{b => 1,a => 2}")),
    ?assertNot(seccomp_doc_session:same("{value,6}", "{value,7}")),
    ?assertNot(seccomp_doc_session:same("ok", "ok\nok")),
    ?assertNot(seccomp_doc_session:same("a.c", "abc")).
