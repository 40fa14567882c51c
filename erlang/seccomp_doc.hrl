%% SPDX-License-Identifier: Apache-2.0
%%
%% Documentation attributes, which exist since OTP 27. Before that an unknown
%% attribute between two functions is a compile error, so there the macros
%% turn into one that is legal everywhere and says nothing.

-if(?OTP_RELEASE >= 27).
-define(MODULEDOC(Text), -moduledoc(Text)).
-define(DOC(Text), -doc(Text)).
-define(NODOC, -doc false).
-else.
-define(MODULEDOC(Text), -compile([])).
-define(DOC(Text), -compile([])).
-define(NODOC, -compile([])).
-endif.
