%% SPDX-License-Identifier: Apache-2.0
%%
%% What the call loops call: functions of another module that do nothing.
-module(bench_target).

-export([id/1, id1/1, id2/1, id3/1, id4/1, id5/1, id6/1, id7/1, id8/1, id9/1, id10/1]).
-export([stop/0]).

-spec id(T) -> T.
id(X) -> X.

%% The same under other names, for a loop whose calls go to different places.
-spec id1(T) -> T.
id1(X) -> X.
-spec id2(T) -> T.
id2(X) -> X.
-spec id3(T) -> T.
id3(X) -> X.
-spec id4(T) -> T.
id4(X) -> X.
-spec id5(T) -> T.
id5(X) -> X.
-spec id6(T) -> T.
id6(X) -> X.
-spec id7(T) -> T.
id7(X) -> X.
-spec id8(T) -> T.
id8(X) -> X.
-spec id9(T) -> T.
id9(X) -> X.
-spec id10(T) -> T.
id10(X) -> X.

%% A process that ends at once.
-spec stop() -> ok.
stop() -> ok.
