%% SPDX-License-Identifier: Apache-2.0
%%
%% Compares the machine code that two emulators make of the same modules, in
%% the text that `+JDdump true` writes.
%%
%% Large numbers may differ: addresses, atoms, which are numbered in the order in
%% which they come up, and hashes of atoms. Then one must stand for the other
%% wherever it occurs, in all modules. Everything else has to be the same text,
%% with one exception: whether a value is one of two atoms is tested by a shorter
%% form when their numbers differ in one bit. Such tests are counted; what pads
%% the code behind them to a boundary is not looked at.
-module(bench_code).

-export([dump/3, compare/2]).

-type result() :: #{
    modules := non_neg_integer(),
    instructions := non_neg_integer(),
    %% Tests for two atoms that are short in one of the two only.
    shortened := non_neg_integer(),
    %% The first difference of each module that has one.
    differ := [{module(), binary(), binary()}]
}.

%% Instructions that do nothing, put before calls.
-define(PADDING, [<<".db 0x90">>, <<".db 0x66, 0x90">>, <<".db 0x0F, 0x1F, 0x00">>]).
%% What no module is made of: the emulator's own fragments.
-define(FRAGMENTS, [<<"beam_asm_global.asm">>, <<"erts_beamasm.asm">>]).

%% Loads the modules in an emulator and gives the directory with the dumps.
-spec dump(bench_emulator:emulator(), string(), [module()]) -> file:filename().
dump(#{dir := Dir} = Emulator, Name, Modules) ->
    Into = filename:join(Dir, Name),
    ok = filelib:ensure_dir(filename:join(Into, "x")),
    [ok = file:delete(File) || File <- filelib:wildcard(filename:join(Into, "*.asm"))],
    Task = {load, Modules},
    Loaded = bench_emulator:run(Emulator#{dir := Into}, free, Task, ["+JDdump", "true"]),
    [] = Modules -- Loaded,
    Into.

-spec compare(file:filename(), file:filename()) -> result().
compare(Dir1, Dir2) ->
    Names = names(Dir1),
    Names = names(Dir2),
    {Differ, Result} = lists:mapfoldl(
        fun(Name, Acc) ->
            Blocks1 = blocks(filename:join(Dir1, Name)),
            Blocks2 = blocks(filename:join(Dir2, Name)),
            module(Name, Blocks1, Blocks2, Acc)
        end,
        #{instructions => 0, shortened => 0, same => #{}},
        Names
    ),
    maps:remove(same, Result#{modules => length(Names), differ => lists:append(Differ)}).

names(Dir) ->
    {ok, Names} = file:list_dir(Dir),
    Binaries = [list_to_binary(Name) || Name <- Names, filename:extension(Name) =:= ".asm"],
    lists:sort(Binaries) -- ?FRAGMENTS.

%% A block is what one instruction of the loader became, headed by its name.
blocks(File) ->
    {ok, Text} = file:read_file(File),
    [Head | Lines] = binary:split(Text, <<"\n">>, [global]),
    blocks([Line || Line <- Lines, not lists:member(Line, ?PADDING)], [Head], []).

%% Nor is a part of a choice one by itself.
blocks([<<"# ", Rest/binary>> = Line | Lines], Block, Blocks) when
    binary_part(Rest, 0, 4) =:= <<"(Src">>;
    binary_part(Rest, 0, 6) =:= <<"Binary">>;
    binary_part(Rest, 0, 7) =:= <<"Subtree">>;
    binary_part(Rest, 0, 6) =:= <<"Linear">>
->
    blocks(Lines, [Line | Block], Blocks);
blocks([<<"# ", _/binary>> = Line | Lines], Block, Blocks) ->
    blocks(Lines, [Line], [lists:reverse(Block) | Blocks]);
blocks([Line | Lines], Block, Blocks) ->
    blocks(Lines, [Line | Block], Blocks);
blocks([], Block, Blocks) ->
    lists:reverse(Blocks, [lists:reverse(Block)]).

module(Name, Blocks1, Blocks2, #{instructions := Count, shortened := Short, same := Same0} = Acc) ->
    case blocks(Blocks1, Blocks2, Count, Short, Same0) of
        {same, NewCount, NewShort, Same} ->
            {[], Acc#{instructions := NewCount, shortened := NewShort, same := Same}};
        {differ, Block1, Block2} ->
            Texts = [iolist_to_binary(lists:join($\n, Block)) || Block <- [Block1, Block2]],
            {[list_to_tuple([binary_to_atom(filename:rootname(Name)) | Texts])], Acc}
    end.

blocks([], [], Count, Short, Same) ->
    {same, Count, Short, Same};
blocks([Block1 | Blocks1], [Block2 | Blocks2], Count, Short, Same0) ->
    NewCount = Count + length([x || <<"    ", Text/binary>> <- Block1, is_instruction(Text)]),
    case lines(Block1, Block2, Same0) of
        {ok, Same} ->
            blocks(Blocks1, Blocks2, NewCount, Short, Same);
        differ ->
            case is_short(Block1) =/= is_short(Block2) of
                true ->
                    blocks(Blocks1, Blocks2, NewCount, Short + 1, Same0);
                false ->
                    case is_reordered(Block1, Block2) of
                        true -> blocks(Blocks1, Blocks2, NewCount, Short, Same0);
                        false -> {differ, Block1, Block2}
                    end
            end
    end;
blocks(Blocks1, Blocks2, _, _, _) ->
    {differ, hd(Blocks1 ++ [[<<"(end)">>]]), hd(Blocks2 ++ [[<<"(end)">>]])}.

is_instruction(Text) -> binary:match(Text, <<"align">>) =:= nomatch.

is_short([<<"# i_select_val_lins", _/binary>> | Lines]) ->
    lists:any(fun(Line) -> binary:match(Line, <<"# (Src">>) =/= nomatch end, Lines);
is_short(_) ->
    false.

%% A choice among atoms is sorted by their numbers, which follow the order in which
%% they were made: the same comparisons and targets, in another order.
is_reordered([<<"# i_select_val", _/binary>> = Head | Lines1], [Head | Lines2]) ->
    without_names(Lines1) =:= without_names(Lines2);
is_reordered(_, _) ->
    false.

without_names(Lines) ->
    Wiped = fun
        (N) when is_integer(N) -> case is_name(N, any) of true -> name; false -> N end;
        (Text) -> Text
    end,
    lists:sort([
        lists:map(Wiped, numbers(Line))
     || Line <- Lines, binary:match(Line, <<"# (Src">>) =:= nomatch
    ]).

lines([<<"# ", _/binary>> = Head | Lines1], [Head | Lines2], Same) ->
    Space =
        case binary:match(Head, <<"get_hash">>) of
            nomatch -> any;
            _ -> hash
        end,
    unify_lines(Lines1, Lines2, Space, Same);
lines(Lines1, Lines2, Same) ->
    unify_lines(Lines1, Lines2, any, Same).

unify_lines([], [], _, Same) ->
    {ok, Same};
%% The numbers in these comments stand in the instructions below, too.
unify_lines([<<"# (Src", _/binary>> | Lines1], [<<"# (Src", _/binary>> | Lines2], Space, Same) ->
    unify_lines(Lines1, Lines2, Space, Same);
unify_lines([Line1 | Lines1], [Line2 | Lines2], Space, Same0) ->
    case unify(numbers(Line1), numbers(Line2), Space, Same0) of
        {ok, Same} -> unify_lines(Lines1, Lines2, Space, Same);
        differ -> differ
    end;
unify_lines(_, _, _, _) ->
    differ.

unify([], [], _, Same) ->
    {ok, Same};
unify([X | Xs], [Y | Ys], Space, Same) when is_integer(X), is_integer(Y) ->
    case {is_name(X, Space), is_name(Y, Space)} of
        {false, false} when X =:= Y ->
            unify(Xs, Ys, Space, Same);
        {true, true} ->
            To = {1, Space, X},
            From = {2, Space, Y},
            case Same of
                #{To := Y, From := X} -> unify(Xs, Ys, Space, Same);
                #{To := _} -> differ;
                #{From := _} -> differ;
                #{} -> unify(Xs, Ys, Space, Same#{To => Y, From => X})
            end;
        _ ->
            differ
    end;
unify([Text | Xs], [Text | Ys], Space, Same) ->
    unify(Xs, Ys, Space, Same);
unify(_, _, _, _) ->
    differ.

%% Smaller numbers are constants, but for the hashes of `get(Atom)`, which are
%% the numbers of the atoms.
is_name(X, any) -> X >= 1 bsl 14;
is_name(X, hash) -> X >= 1 bsl 10.

%% A line as texts and the numbers between them. Data are words of eight bytes.
numbers(<<".db ", Bytes/binary>>) ->
    case words(binary:split(Bytes, <<", ">>, [global]), []) of
        none -> [Bytes];
        Words -> [data | Words]
    end;
numbers(<<".dq 0x", Hex/binary>>) ->
    [data, binary_to_integer(Hex, 16)];
numbers(Line) ->
    text(Line, 0, Line).

words([], Words) ->
    lists:reverse(Words);
words([A, B, C, D, E, F, G, H | Bytes], Words) ->
    Parts = [binary_to_integer(Hex, 16) || <<"0x", Hex/binary>> <- [A, B, C, D, E, F, G, H]],
    <<Word:64/little>> = list_to_binary(Parts),
    words(Bytes, [Word | Words]);
words(_, _) ->
    none.

%% A digit that follows a letter, as in `r15` or `L112`, begins no number.
text(<<C, Rest/binary>>, N, Line) when
    C >= $a, C =< $z; C >= $A, C =< $Z; C =:= $_; C =:= $.; C >= 128
->
    word(Rest, N + 1, Line);
text(<<C, _/binary>> = Rest, N, Line) when C >= $0, C =< $9 ->
    {Number, After} = number(Rest, 0),
    [binary:part(Line, 0, N), Number | text(After, 0, After)];
text(<<_, Rest/binary>>, N, Line) ->
    text(Rest, N + 1, Line);
text(<<>>, _, Line) ->
    [Line].

word(<<C, Rest/binary>>, N, Line) when
    C >= $a, C =< $z; C >= $A, C =< $Z; C >= $0, C =< $9; C =:= $_; C =:= $.; C >= 128
->
    word(Rest, N + 1, Line);
word(Rest, N, Line) ->
    text(Rest, N, Line).

number(<<C, Rest/binary>>, Value) when C >= $0, C =< $9 -> number(Rest, Value * 10 + C - $0);
number(Rest, Value) -> {Value, Rest}.
