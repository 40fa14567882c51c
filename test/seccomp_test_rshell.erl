%% SPDX-License-Identifier: Apache-2.0
%%
%% What the suites on restricted shells have in common: sessions, and lines that have
%% to be denied in each of them.
-module(seccomp_test_rshell).

-export([erl/1, erl/2, prompt/1, line/2, says/3, denied/2, has/2, hasnt/2, attacks/0, ebin/0]).

-include_lib("stdlib/include/assert.hrl").

%% An emulator like this one on a terminal.
erl(Args) -> erl([], Args).

%% With variables of the environment.
erl(Env, Args) ->
    Erl = filename:join([code:root_dir(), "bin", "erl"]),
    seccomp_test_pty:start([Erl, "-pa", ebin() | Args], Env).

ebin() -> filename:dirname(code:which(seccomp)).

%% A number, "> ", and nothing after it yet; with a node's name before it or without.
prompt(P) -> seccomp_test_pty:until(P, [[integer_to_list(N), "> "] || N <- lists:seq(0, 9)]).

line(P, Text) -> seccomp_test_pty:line(P, Text).

%% Gives what was printed between the line and the next prompt, and the text has to be in.
%% The echo of the line ends with the first new line, as the terminal is wide.
says(P, Line, Text) ->
    line(P, Line),
    _ = seccomp_test_pty:until(P, ["\n"]),
    Printed = seccomp_test_pty:until(P, [Text]),
    iolist_to_binary([Printed, prompt(P)]).

denied(P, {Line, What}) ->
    Printed = says(P, Line, ["denied: ", What]),
    hasnt("uid=", Printed),
    hasnt("root:", Printed).

has(Part, Text) -> ?assertNotEqual({nomatch, Text}, {string:find(Text, Part), Text}).

hasnt(Part, Text) ->
    Flat = unicode:characters_to_binary(Text),
    ?assertEqual({nomatch, Flat}, {string:find(Flat, Part), Flat}).

%% Lines, and the function that is denied. None of them may print what it is after.
attacks() ->
    [
        %% Programs and files, by all kinds of calls.
        {"os:cmd(\"id\").", "os:cmd/1"},
        {"apply(os, cmd, [\"id\"]).", "os:cmd/1"},
        {"apply(fun os:cmd/1, [\"id\"]).", "os:cmd/1"},
        {"(fun() -> os:cmd(\"id\") end)().", "os:cmd/1"},
        {"lists:map(fun os:cmd/1, [\"id\"]).", "os:cmd/1"},
        {"(fun os:cmd/1)(\"id\").", "os:cmd/1"},
        {"erl_eval:expr({call, 1, {remote, 1, {atom, 1, os}, {atom, 1, getpid}}, []}, []).",
            "os:getpid/0"},
        {"[os:getpid() || _ <- [1]].", "os:getpid/0"},
        {"erlang:open_port({spawn, \"id\"}, []).", "erlang:open_port/2"},
        {"file:read_file(\"/etc/passwd\").", "file:read_file/1"},
        {"prim_file:read_file(\"/etc/passwd\").", "prim_file:read_file/1"},
        {"file:consult(\"/etc/passwd\").", "file:consult/1"},
        {"erl_prim_loader:get_file(\"/etc/passwd\").", "erl_prim_loader:get_file/1"},
        %% Processes that would be free, here and elsewhere.
        {"spawn(os, cmd, [\"id\"]).", "erlang:spawn/3"},
        {"spawn(fun() -> ok end).", "erlang:spawn/"},
        {"spawn(node(), os, cmd, [\"id\"]).", "erlang:spawn/4"},
        {"rpc:call(node(), os, cmd, [\"id\"]).", "rpc:call/4"},
        {"timer:apply_after(1, os, cmd, [\"id\"]).", "timer:apply_after/4"},
        %% Others that would do the work.
        {"user ! {io_request, self(), r, {put_chars, unicode, os, cmd, [\"id\"]}}.",
            "erlang:'!'/2 to user"},
        {"whereis(user) ! x.", "erlang:'!'/2 to <0."},
        {"init ! {stop, stop}.", "erlang:'!'/2 to init"},
        {"code_server ! x.", "erlang:'!'/2 to code_server"},
        {"erlang:send(user_drv, x).", "erlang:send/2 to user_drv"},
        {"io:request(user, {put_chars, unicode, os, cmd, [\"id\"]}).", "io:request/2"},
        {"sys:get_state(kernel_sup).", "sys:get_state/1"},
        {"exit(whereis(init), kill).", "erlang:exit/2"},
        %% Commands of a shell, and other shells.
        {"c:c(m).", "c:c/1"},
        {"c(m).", "shell_default:c/1"},
        {"ls().", "shell_default:ls/0"},
        {"i().", "shell_default:i/0"},
        {"cd(\"/\").", "shell_default:cd/1"},
        {"nl(lists).", "shell_default:nl/1"},
        {"shell_default:ls().", "shell_default:ls/0"},
        {"user_default:anything().", "user_default:anything/0"},
        {"shell:start().", "shell:start/0"},
        {"shell:server(false, false).", "shell:server/2"},
        {"shell:start_restricted(m).", "shell:start_restricted/1"},
        {"shell:stop_restricted().", "shell:stop_restricted/0"},
        {"application:set_env(stdlib, restricted_shell, m).", "application:set_env/3"},
        {"seccomp_rshell:run(#{mode => blacklist, rules => []}).", "seccomp_rshell:run/1"},
        {"group:start(self(), {shell, start, []}).", "group:start/2"},
        %% Its end.
        {"q().", "shell_default:q/0"},
        {"halt().", "erlang:halt/0"},
        {"erlang:halt(0, []).", "erlang:halt/2"},
        {"init:stop().", "init:stop/0"},
        %% Its policy.
        {"seccomp:lift(self()).", "seccomp:lift/1"},
        {"seccomp_nif:lift(self(), make_ref()).", "seccomp_nif:lift/2"},
        {"seccomp:forget_origin().", "seccomp:forget_origin/0"},
        {"erlang:load_nif(\"x\", 0).", "erlang:load_nif/2"},
        {"code:load_binary(m, \"m\", <<>>).", "code:load_binary/3"},
        %% What others know.
        {"process_info(whereis(init), messages).", "erlang:process_info/2"},
        {"processes().", "erlang:processes/0"},
        {"group_history:load().", "group_history:load/0"},
        {"ets:lookup(ac_tab, m).", "ets:lookup/2"},
        {"ets:tab2list(ac_tab).", "ets:tab2list/1"},
        {"edlin_expand:expand(\"so\").", "edlin_expand:expand/1"},
        {"os:getenv().", "os:getenv/0"},
        {"erlang:get_cookie().", "erlang:get_cookie/0"},
        {"list_to_pid(\"<0.0.0>\").", "erlang:list_to_pid/1"},
        {"list_to_atom(\"seccomp\").", "erlang:list_to_atom/1"}
    ].
