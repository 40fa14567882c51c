%% SPDX-License-Identifier: Apache-2.0
%%
%% PropEr's macros and types, as its own header has them: Debian's package
%% comes without that.

-define(FORALL(X, Type, Property), proper:forall(Type, fun(X) -> Property end)).
-define(LET(X, Type, Generator), proper_types:bind(Type, fun(X) -> Generator end, false)).
-define(SIZED(Size, Generator), proper_types:sized(fun(Size) -> Generator end)).
-define(LAZY(Generator), proper_types:lazy(fun() -> Generator end)).
