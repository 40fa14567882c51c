%% SPDX-License-Identifier: Apache-2.0
%%
%% The three of PropEr's macros that are used here, under their own names: its
%% header is a package of its own, and is not needed for more.

-define(FORALL(X, Type, Prop), proper:forall(Type, fun(X) -> Prop end)).
-define(LET(X, Type, Gen), proper_types:bind(Type, fun(X) -> Gen end, false)).
-define(SUCHTHAT(X, Type, Condition), proper_types:add_constraint(Type, fun(X) -> Condition end, true)).
