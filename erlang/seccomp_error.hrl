%% SPDX-License-Identifier: Apache-2.0
%%
%% Misuse of the API. `Kinds` names what each argument has to be; the text for
%% those that are not is made in `seccomp_error` when somebody prints it.
%% A macro, because `erlang:error/3` names the function that it stands in.

-define(BADARG(Args, Kinds),
    erlang:error(badarg, Args, [
        {error_info, #{module => seccomp_error, cause => Kinds}}
    ])
).
