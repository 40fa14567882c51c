%% SPDX-License-Identifier: Apache-2.0
%%
%% What a worker did and saw, kept by the worker itself, and the comparison of
%% all that with what the library counted.
%%
%% A process that is killed in the middle of a denied call cannot say whether
%% the denial was recorded. Such calls are `unsure`: the library's counter may
%% be higher by as many, and not by one more.
%%
%% The policies that one kind of work uses are a family (soak_family): a worker
%% cannot know under which of two policies a call was denied while somebody
%% else was replacing one by the other. Most families have one member.
-module(soak_ledger).

-export([new/0, did/2, did/3, denied/4, unsure/4, problem/2, merge/1]).
-export([later/2, settle/1, amount/2, problems/1, compare/3]).

-export_type([account/0]).

-type family() :: term().
-type account() :: #{term() => non_neg_integer() | [term()]}.

-spec new() -> account().
new() -> #{problems => [], later => []}.

-spec did(term(), account()) -> account().
did(What, Account) -> did(What, 1, Account).

-spec did(term(), non_neg_integer(), account()) -> account().
did(What, N, Account) -> add({did, What}, N, Account).

%% So many calls of a function were denied (or logged) for sure.
-spec denied(family(), mfa(), non_neg_integer(), account()) -> account().
denied(_Family, _Mfa, 0, Account) -> Account;
denied(Family, Mfa, N, Account) -> add({denied, Family, Mfa}, N, Account).

%% So many more may have been: of one of these functions, nobody knows which.
-spec unsure(family(), [mfa()], non_neg_integer(), account()) -> account().
unsure(_Family, _Mfas, 0, Account) ->
    Account;
unsure(Family, Mfas, N, Account) ->
    lists:foldl(
        fun(Mfa, Acc) -> add({unsure, Family, Mfa}, N, Acc) end, add(unsure, N, Account), Mfas
    ).

-spec problem(term(), account()) -> account().
problem(What, #{problems := Problems} = Account) -> Account#{problems := [What | Problems]}.

-spec problems(account()) -> [term()].
problems(#{problems := Problems}) -> lists:reverse(Problems).

-spec amount(term(), account()) -> non_neg_integer().
amount(What, Account) -> maps:get({did, What}, Account, 0).

%% What can be counted only when all is quiet.
-spec later(fun((account()) -> account()), account()) -> account().
later(Count, #{later := Later} = Account) -> Account#{later := [Count | Later]}.

-spec settle(account()) -> account().
settle(#{later := Later} = Account) ->
    lists:foldl(fun(Count, Acc) -> Count(Acc) end, Account#{later := []}, Later).

add(Key, N, Account) -> maps:update_with(Key, fun(Old) -> Old + N end, N, Account).

-spec merge([account()]) -> account().
merge(Accounts) ->
    Merge = fun
        (Lists, A, B) when Lists =:= problems; Lists =:= later -> A ++ B;
        (_Key, A, B) -> A + B
    end,
    lists:foldl(fun(A, Acc) -> maps:merge_with(Merge, A, Acc) end, new(), Accounts).

%% `Families` says which family a policy is of, by its hash.
-spec compare(account(), #{binary() => family()}, seccomp:violations()) ->
    [soak_check:check()].
compare(Account, Families, #{total := Total, dropped := Dropped, counters := Counters}) ->
    Known = lists:sum([N || {{denied, _, _}, N} <- maps:to_list(Account)]),
    Unsure = maps:get(unsure, Account, 0),
    Seen = lists:foldl(
        fun(#{policy := Hash, mfa := Mfa, count := N}, Acc) ->
            Key = {maps:get(Hash, Families, {unknown_policy, Hash}), Mfa},
            maps:update_with(Key, fun(Old) -> Old + N end, N, Acc)
        end,
        #{},
        Counters
    ),
    Keys = lists:usort(
        maps:keys(Seen) ++
            [{Family, Mfa} || {What, Family, Mfa} <- maps:keys(Account), What =/= did]
    ),
    Wrong = [Line || Key <- Keys, Line <- disagrees(Key, Seen, Account)],
    [
        soak_check:between("denials, as workers count them", Known, Known + Unsure, Total),
        soak_check:equal("denials beyond the counters", 0, Dropped),
        soak_check:equal("sum of the counters", Total, lists:sum(maps:values(Seen))),
        soak_check:equal(
            ["policies and functions of ", soak_check:count(length(Keys)), " that disagree"],
            [],
            lists:sublist(Wrong, 5)
        )
    ].

disagrees({Family, Mfa} = Key, Seen, Account) ->
    N = maps:get(Key, Seen, 0),
    Low = maps:get({denied, Family, Mfa}, Account, 0),
    High = Low + maps:get({unsure, Family, Mfa}, Account, 0),
    case Low =< N andalso N =< High of
        true -> [];
        false -> [{Family, Mfa, {expected, Low, High}, {seen, N}}]
    end.
