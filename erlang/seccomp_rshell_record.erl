%% SPDX-License-Identifier: Apache-2.0
-module(seccomp_rshell_record).

-include("seccomp_doc.hrl").

?MODULEDOC("Records that are defined at the prompt of a restricted shell.").

-export([define/3, expand/2, fields/3, text/1]).

-export_type([records/0]).

-type records() :: [{atom(), Form :: tuple()}].
%% In the order in which they were defined: one may use those before it.

?DOC("Adds a record whose definition was typed as a tuple of fields.").
-spec define(atom(), erl_parse:abstract_expr(), records()) ->
    {ok, records()} | {error, unicode:chardata()}.
define(Name, {tuple, Anno, Elements}, Records) ->
    Fields = [field(Element) || Element <- Elements],
    Form = {attribute, Anno, record, {Name, Fields}},
    Others = lists:keydelete(Name, 1, Records),
    Next = Others ++ [{Name, Form}],
    case lists:member(bad, Fields) of
        true -> {error, "a field is a name, or Name = Default"};
        false -> checked(Next)
    end;
define(_Name, _Definition, _Records) ->
    {error, "a record is defined as rd(Name, {Field, ...})"}.

field({atom, Anno, _} = Name) -> {record_field, Anno, Name};
field({match, Anno, {atom, _, _} = Name, Default}) -> {record_field, Anno, Name, Default};
field(_) -> bad.

checked(Records) ->
    case erl_eval:check_command([], pseudo(Records)) of
        ok -> {ok, Records};
        {error, {_, Module, What}} -> {error, Module:format_error(What)}
    end.

?DOC("Replaces what expressions say of records by what it stands for.").
-spec expand([erl_parse:abstract_expr()], records()) -> [erl_parse:abstract_expr()].
expand(Exprs, Records) ->
    case uses_records(Exprs) of
        false ->
            Exprs;
        true ->
            check(Exprs, Records),
            Anno = erl_anno:new(1),
            Clause = {clause, Anno, [], [], Exprs},
            Forms = [Form || {_, Form} <- Records] ++ [{function, Anno, shell, 0, [Clause]}],
            Expanded = erl_expand_records:module(Forms, [strict_record_tests]),
            {function, _, shell, 0, [{clause, _, [], [], Result}]} = lists:last(Expanded),
            Result
    end.

%% What is wrong with variables is said later, of what is expanded.
check(Exprs, Records) ->
    Used = lists:usort(used(Exprs, [])),
    case [Name || Name <- Used, not lists:keymember(Name, 1, Records)] of
        [] -> check_fields(Exprs, Records);
        [Name | _] -> fail("record ~tp undefined; rd(~tp, {Field, ...}) defines it", [Name, Name])
    end.

check_fields(Exprs, Records) ->
    Fields = [{Name, element(1, fields(Name, Records))} || Name <- used(Exprs, [])],
    Wrong = [
        {Name, Field}
     || {Name, Field} <- used_fields(Exprs, []),
        {Known, Names} <- Fields,
        Known =:= Name,
        Field =/= '_',
        not lists:member(Field, Names)
    ],
    case Wrong of
        [] -> ok;
        [{Name, Field} | _] -> fail("field ~tp undefined in record ~tp", [Field, Name])
    end.

-spec fail(io:format(), [term()]) -> no_return().
fail(Format, Args) -> throw({seccomp_rshell_command, io_lib:format(Format, Args)}).

uses_records(Exprs) -> used(Exprs, []) =/= [].

used(Node, Names) ->
    case Node of
        {record_index, _, Name, F} -> used(F, [Name | Names]);
        {record, _, Name, Fields} when is_atom(Name), is_list(Fields) ->
            used(Fields, [Name | Names]);
        {record_field, _, R, Name, F} when is_atom(Name) -> used([R, F], [Name | Names]);
        {record, _, R, Name, Fields} when is_atom(Name) -> used([R | Fields], [Name | Names]);
        {call, _, {atom, _, is_record}, [A, {atom, _, Name} | _]} -> used(A, [Name | Names]);
        {call, _, {atom, _, record_info}, [_, {atom, _, Name}]} -> [Name | Names];
        _ when is_tuple(Node) -> used(tuple_to_list(Node), Names);
        [Head | Tail] -> used(Tail, used(Head, Names));
        _ -> Names
    end.

used_fields(Node, Found) ->
    case Node of
        {record_index, _, Name, {atom, _, F}} ->
            [{Name, F} | Found];
        {record, _, Name, Fields} when is_atom(Name), is_list(Fields) ->
            used_fields(Fields, named(Name, Fields) ++ Found);
        {record_field, _, R, Name, {atom, _, F}} when is_atom(Name) ->
            used_fields(R, [{Name, F} | Found]);
        {record, _, R, Name, Fields} when is_atom(Name) ->
            used_fields([R | Fields], named(Name, Fields) ++ Found);
        _ when is_tuple(Node) ->
            used_fields(tuple_to_list(Node), Found);
        [Head | Tail] ->
            used_fields(Tail, used_fields(Head, Found));
        _ ->
            Found
    end.

named(Name, Fields) -> [{Name, F} || {record_field, _, {atom, _, F}, _} <- Fields].

%% As erl_lint wants to be told of records among bindings.
pseudo(Records) ->
    Numbers = lists:seq(1, length(Records)),
    [{{record, N}, Form} || {N, {_, Form}} <- lists:zip(Numbers, Records)].

?DOC("The names of a record's fields, for printing; `no` if it is none.").
-spec fields(atom(), arity(), records()) -> [atom()] | no.
fields(Name, Size, Records) ->
    case fields(Name, Records) of
        {Names, Size} -> Names;
        _ -> no
    end.

fields(Name, Records) ->
    case lists:keyfind(Name, 1, Records) of
        {_, {attribute, _, record, {_, Fields}}} ->
            Names = [F || Field <- Fields, {atom, _, F} <- [element(3, Field)]],
            {Names, length(Names)};
        false ->
            no
    end.

?DOC("Definitions as text.").
-spec text(records()) -> unicode:chardata().
text(Records) -> [erl_pp:attribute(Form, [{encoding, unicode}]) || {_, Form} <- Records].
