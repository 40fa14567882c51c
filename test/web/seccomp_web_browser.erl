%% SPDX-License-Identifier: Apache-2.0
%%
%% The page of `seccomp_web` in a real browser. Types the lines of the demo into
%% the playground, harmless and hostile, and looks at what the page shows. Run by
%% `make web-test`:
%%
%%     erl -noshell -pa DIR -run seccomp_web_browser main INPUT PICTURES
%%
%% Leaves screenshots in the directory PICTURES. Exit status 1: something was not
%% as it should be.
-module(seccomp_web_browser).

-export([main/1]).

-define(PATIENCE, 60000).
%% Would be more than text if anything on the page took it for markup.
-define(MARKUP,
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
).

main([Input, Pictures]) ->
    ok = logger:set_primary_config(level, none),
    _ = io:setopts([{encoding, unicode}]),
    Status =
        try run(Input, Pictures) of
            [] -> 0;
            _ -> 1
        catch
            throw:{web_test, Text} ->
                io:format(standard_error, "web-test: ~ts~n", [Text]),
                1
        end,
    halt(Status).

run(Input, Pictures) ->
    {ok, _} = application:ensure_all_started(seccomp),
    {ok, _} = application:ensure_all_started(inets),
    ok = start_processes(),
    #{url := Url} =
        case seccomp_web:start(0) of
            {ok, Address} -> Address;
            {error, Reason} -> throw({web_test, seccomp:format_error(Reason)})
        end,
    Browser = seccomp_web_driver:start(),
    try
        cases(Browser, Url, Input, Pictures)
    after
        seccomp_web_driver:stop(Browser)
    end.

%% What the page has to show: a few processes, one of which misbehaves.
start_processes() ->
    Start = fun(Mode, Rules, Opts, Name, Fun) ->
        {ok, Policy} = seccomp:compile(Opts#{mode => Mode, rules => Rules}),
        true = register(Name, seccomp:spawn(Policy, Fun))
    end,
    Wait = fun() ->
        receive
            stop -> ok
        end
    end,
    Try = fun() ->
        [catch apply(os, getenv, []) || _ <- [1, 2, 3]],
        Wait()
    end,
    Plugins = #{comment => <<"plugins: no files, no programs">>},
    Templates = #{spawn => deny, comment => <<"templates">>},
    true = Start(blacklist, [os, '@file'], Plugins, plugin_1, Try),
    true = Start(blacklist, [os, '@file'], #{}, plugin_2, Wait),
    true = Start(whitelist, ['@pure'], Templates, template, Wait),
    true = Start(whitelist, ['@pure'], #{comment => <<?MARKUP>>}, '<b>bold</b>', Wait),
    ok.

cases(Browser, Url, Input, Pictures) ->
    ok = seccomp_web_driver:open(Browser, Url),
    await(Browser, "document.querySelector('#status').className", "enforced"),
    {Harmless, Hostile} = lines(Input),
    Markup = "\"" ++ escape(?MARKUP) ++ "\".",
    Fine = [{Line, ["value"]} || Line <- Harmless ++ [Markup]],
    Lines = Fine ++ [{Line, ["denied", "refused"]} || Line <- Hostile],
    Evaluated = [line(Browser, L, Expected) || {L, Expected} <- Lines],
    %% In this order: each needs what the one before it left.
    Text = markup_is_text(Browser),
    Shown = policy_is_shown(Browser),
    Elsewhere = from_elsewhere(Browser, Url),
    Checks = Evaluated ++ [Text, Shown, Elsewhere],
    ok = pictures(Browser, Url, Pictures),
    Failed = [Name || {Name, false} <- Checks],
    Passed = length(Checks) - length(Failed),
    io:format("~b of ~b checks in the browser passed~n", [Passed, length(Checks)]),
    Failed.

%% One line, typed and run as a person does it. The page says how it ended.
line(Browser, Line, Expected) ->
    %% A result that is there already may have the same text.
    _ = seccomp_web_driver:eval(Browser, "document.querySelector('#results').replaceChildren()"),
    ok = seccomp_web_driver:type(Browser, "#source", Line),
    ok = seccomp_web_driver:click(Browser, "#run"),
    First = "document.querySelector('#results li')",
    await(Browser, [First, " && ", First, ".querySelector('code').textContent === ", quoted(Line),
        " && !document.querySelector('#run').disabled"], "true"),
    Outcome = text(Browser, [First, ".querySelector('.badge').textContent"]),
    Text = text(Browser, [First, ".querySelector('pre').textContent"]),
    Ok = lists:member(Outcome, Expected),
    io:format("~ts ~-8ts ~ts  ~ts~n", [mark(Ok), Outcome, fit(Line, 38), fit(Text, 28)]),
    {Line, Ok}.

markup_is_text(Browser) ->
    await(Browser, "document.querySelectorAll('#processes tbody tr').length >= 4", "true"),
    Elements = text(Browser, "document.querySelectorAll('main img, main script, main b').length"),
    Title = text(Browser, "document.title"),
    Shown = text(Browser, ["document.body.textContent.includes(", quoted(?MARKUP), ")"]),
    check("markup in names, comments and values stays text",
        {Elements, Title, Shown} =:= {"0", "seccomp for the BEAM", "true"}).

policy_is_shown(Browser) ->
    ok = show_policy(Browser, "#policies .link"),
    await(Browser, "document.querySelector('#dump').textContent.startsWith('policy ')", "true"),
    check("a click shows the policy", true).

%% The rows may be made anew between finding one and clicking on it.
show_policy(Browser, Selector) ->
    _ = seccomp_web_driver:eval(Browser, ["document.querySelector('", Selector, "').click()"]),
    ok.

%% A page of another origin sends what browsers let it send, and gets nothing run.
from_elsewhere(Browser, Url) ->
    #{denials_total := Before} = seccomp:metrics(),
    ok = seccomp_web_driver:open(Browser, "data:text/html,elsewhere"),
    Send = [
        "(window.outcomes = [], ['text/plain', 'application/json'].forEach(type => fetch('", Url,
        "eval', {method: 'POST', mode: type === 'text/plain' ? 'no-cors' : 'cors', "
        "headers: {'Content-Type': type}, body: JSON.stringify({source: 'os:cmd(\"id\").'})})"
        ".then(a => outcomes.push(a.type), () => outcomes.push('refused'))),"
        " fetch('", Url, "state').then(a => outcomes.push('read'), () => outcomes.push('refused')))"
    ],
    _ = seccomp_web_driver:eval(Browser, Send),
    await(Browser, "outcomes.length", "3"),
    Outcomes = text(Browser, "outcomes.sort().join()"),
    #{denials_total := After} = seccomp:metrics(),
    check("a page of another origin runs and reads nothing",
        After =:= Before andalso string:find(Outcomes, "read") =:= nomatch andalso
            string:find(Outcomes, "basic") =:= nomatch).

check(What, Ok) ->
    io:format("~ts ~ts~n", [mark(Ok), What]),
    {What, Ok}.

mark(true) -> "ok  ";
mark(false) -> "FAIL".

%% What the documentation shows.
pictures(Browser, Url, Directory) ->
    ok = seccomp_web_driver:open(Browser, Url),
    await(Browser, "document.querySelector('#status').className", "enforced"),
    Shown = [
        "lists:sum(lists:seq(1, 100)).", "string:uppercase(\"the quick brown fox\").",
        "os:cmd(\"id\").", "F = fun os:cmd/1, F(\"id\").", "prim_file:read_file(\"/etc/passwd\").",
        "init ! {stop, stop}.", "zzz_unknown_function_bomb()."
    ],
    Keep = fun(Line) ->
        ok = seccomp_web_driver:type(Browser, "#source", Line),
        ok = seccomp_web_driver:click(Browser, "#run"),
        await(Browser, ["document.querySelector('#results code')?.textContent === ", quoted(Line),
            " && !document.querySelector('#run').disabled"], "true")
    end,
    ok = lists:foreach(Keep, Shown),
    picture(Browser, Directory, "web-playground.png"),
    _ = seccomp_web_driver:eval(Browser, "document.querySelector('#playground').remove()"),
    ok = show_policy(Browser, "#policies tr:nth-child(2) .link"),
    await(Browser, "document.querySelector('#dump').textContent.startsWith('policy ')", "true"),
    _ = seccomp_web_driver:eval(Browser, "window.scrollTo(0, 0)"),
    picture(Browser, Directory, "web-processes.png").

picture(Browser, Directory, Name) ->
    File = filename:join(Directory, Name),
    ok = filelib:ensure_dir(File),
    ok = seccomp_web_driver:screenshot(Browser, File),
    io:format("wrote ~ts~n", [File]).

%% -- Helpers -----------------------------------------------------------------

await(Browser, Script, Expected) ->
    await(Browser, Script, Expected, erlang:monotonic_time(millisecond) + ?PATIENCE).

await(Browser, Script, Expected, Deadline) ->
    case text(Browser, Script) of
        Expected ->
            ok;
        Other ->
            erlang:monotonic_time(millisecond) < Deadline orelse
                throw({web_test, ["waited for ", Expected, " of ", Script, ", got ", Other]}),
            timer:sleep(20),
            await(Browser, Script, Expected, Deadline)
    end.

text(Browser, Script) ->
    unicode:characters_to_list(seccomp_web_driver:eval(Browser, Script)).

quoted(Text) -> seccomp_web_json:encode(unicode:characters_to_binary(Text)).

escape(Text) -> lists:flatmap(fun($") -> "\\\""; (C) -> [C] end, Text).

fit(Text, Width) ->
    Line = [max(C, $\s) || C <- Text],
    string:pad(string:slice(Line, 0, Width), Width).

lines(File) ->
    {ok, Bytes} = file:read_file(File),
    All = [string:trim(L) || L <- string:split(unicode:characters_to_list(Bytes), "\n", all)],
    {_, [_ | FromHarmless]} = lists:splitwith(fun(L) -> L =/= "# harmless" end, All),
    {Harmless, [_ | Hostile]} = lists:splitwith(fun(L) -> L =/= "# hostile" end, FromHarmless),
    Some = fun(Lines) -> [L || L <- Lines, L =/= "", hd(L) =/= $#, hd(L) =/= $%] end,
    {Some(Harmless), Some(Hostile)}.
