%% SPDX-License-Identifier: Apache-2.0
%%
%% The three lists of native functions say the same: what the module exports,
%% what it declares as NIFs, and what the library replaced when it was loaded.
-module(seccomp_nif_tests).

-include_lib("eunit/include/eunit.hrl").

exported() ->
    lists:sort([F || {Name, _} = F <- seccomp_nif:module_info(exports), Name =/= module_info]).

every_export_is_declared_as_a_nif_test() ->
    Nifs = [F || {attribute, _, nifs, Fs} <- forms(), F <- Fs],
    ?assertEqual(exported(), lists:sort(Nifs)).

every_export_is_replaced_by_the_library_test() ->
    ?assertEqual(exported(), lists:sort(seccomp_nif:module_info(nifs))).

every_export_has_a_spec_test() ->
    Specs = [F || {attribute, _, spec, {F, _}} <- forms()],
    ?assertEqual([], exported() -- Specs).

%% The library's decoder of lists panics there.
an_improper_list_of_candidates_is_refused_test() ->
    ?assertError(badarg, seccomp_nif:suggest(<<"a">>, [<<"b">> | <<"c">>])),
    ?assertEqual(<<"ab">>, seccomp_nif:suggest(<<"aa">>, [<<"ab">>])).

stubs_without_the_library_raise_test() ->
    %% A copy of the module under another name has the stubs only.
    Forms = [rename(F) || F <- forms(), not is_about_loading(F)],
    {ok, stubs_only, Beam} = compile:forms(Forms, [nowarn_unused_function]),
    {module, stubs_only} = code:load_binary(stubs_only, "stubs_only.erl", Beam),
    try
        [
            ?assertError({nif_not_loaded, stubs_only}, apply(stubs_only, F, lists:duplicate(A, x)))
         || {F, A} <- exported()
        ]
    after
        _ = code:purge(stubs_only),
        _ = code:delete(stubs_only)
    end.

is_about_loading({attribute, _, on_load, _}) -> true;
is_about_loading({attribute, _, nifs, _}) -> true;
is_about_loading(_) -> false.

%% The name stands in the module attribute and in the atoms of `?MODULE`.
rename(seccomp_nif) -> stubs_only;
rename(Tuple) when is_tuple(Tuple) -> list_to_tuple(rename(tuple_to_list(Tuple)));
rename([H | T]) -> [rename(H) | rename(T)];
rename(Term) -> Term.

forms() ->
    {ok, {_, [{abstract_code, {_, Forms}}]}} =
        beam_lib:chunks(code:which(seccomp_nif), [abstract_code]),
    Forms.
