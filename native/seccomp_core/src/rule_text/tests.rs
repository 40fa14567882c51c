// SPDX-License-Identifier: Apache-2.0

use super::*;

fn shown(text: &str) -> String {
    text.parse::<Rule>().unwrap().to_string()
}

fn why(text: &str) -> String {
    text.parse::<Rule>().unwrap_err().to_string()
}

#[test]
fn the_shortest_form_is_shown() {
    for (text, short) in [
        ("lists", "lists"),
        ("lists:_", "lists"),
        ("lists:_/_", "lists"),
        ("lists:map", "lists:map"),
        ("lists:map/_", "lists:map"),
        ("lists:map/2", "lists:map/2"),
        ("lists:_/1", "lists:_/1"),
        ("_", "_"),
        ("_:_/_", "_"),
        ("'_':'_'", "_"),
        ("_:_/0", "_:_/0"),
        ("_:read_file", "_:read_file"),
        ("a:b/255", "a:b/255"),
        ("@pure", "@pure"),
        ("'@pure'", "@pure"),
    ] {
        assert_eq!(shown(text), short, "{text}");
    }
}

#[test]
fn names_are_quoted_as_in_erlang() {
    for text in [
        "'Elixir.Enum':map/2",
        "erlang:'+'/2",
        "erlang:'and'/2",
        "'it\\'s':'\\\\'/0",
        "'':''",
        "'\\n\\x{0}'",
        "'é'",
        "'@pure':_",
    ] {
        assert_eq!(shown(text), text);
    }
    assert_eq!(shown("'lists':'map'"), "lists:map");
    assert_eq!(shown("erlang:and/2"), "erlang:'and'/2");
    assert_eq!(shown("a@b_C1"), "a@b_C1");
}

#[test]
fn a_module_that_looks_like_a_group_is_a_module() {
    let rule: Rule = "'@pure':_".parse().unwrap();
    let Rule::Pattern(pattern) = rule else {
        panic!("{rule} became a group")
    };
    assert_eq!(pattern.module, Pat::Is("@pure".into()));
}

#[test]
fn what_cannot_be_read_is_an_error() {
    for text in [
        "",
        ":",
        "/",
        "lists:",
        ":map",
        "lists/2",
        "lists:map/",
        "lists:map/256",
        "lists:map/-1",
        "lists:map/+1",
        "lists:map/2/3",
        "lists:map:2",
        "lists:map/x",
        " lists",
        "lists ",
        "lists :map",
        "Enum",
        "_x",
        "1",
        "'lists",
        "'a\\q'",
        "'a\\x{110000}'",
        "'a\\x{+1}'",
        "'a\\",
        "@",
        "@a:b",
        "@a-b",
        "'@a b'",
        "'a'b",
        "lists:map/2 ",
        "é",
    ] {
        assert!(text.parse::<Rule>().is_err(), "{text:?} was accepted");
    }
}

#[test]
fn errors_say_what_to_write() {
    assert_eq!(
        why("lists/2"),
        "bad rule \"lists/2\": an arity needs a function: write \
         module:function/arity"
    );
    assert!(why("Elixir.Enum:map/2").contains("write 'Elixir.Enum'"));
    assert!(why("lists:map/300").contains("\"300\" is not a number from 0"));
    assert!(why("lists:").contains("a name is missing"));
}

#[test]
fn a_name_is_no_longer_than_an_atom_can_be() {
    let longest = "é".repeat(MAX_ATOM);
    assert!(format!("'{longest}'").parse::<Rule>().is_ok());
    assert!(format!("'{longest}x'").parse::<Rule>().is_err());
}

#[test]
fn width_applies_to_the_whole_text() {
    let pattern: Pattern = "lists:map/2".parse().unwrap();
    assert_eq!(format!("{pattern:<14}|"), "lists:map/2   |");
    assert!("@pure".parse::<Pattern>().is_err());
}

#[test]
fn a_gate_is_one_function() {
    for text in ["gate kv:get/1", "gate 'Elixir.Kv':'get!'/1"] {
        let rule: Rule = text.parse().unwrap();
        assert!(matches!(&rule, Rule::Gate(_)));
        assert_eq!(rule.to_string(), text);
    }
    for text in [
        "gate",
        "gate kv",
        "gate kv:get",
        "gate kv:get/_",
        "gate _:get/1",
        "gate kv:_/1",
        "gate @pure",
        "gate gate kv:get/1",
        "gatekv:get/1/1",
        "gate  kv:get/1",
    ] {
        let is_gate = matches!(text.parse(), Ok(Rule::Gate(_)));
        assert!(!is_gate, "{text:?} was accepted");
    }
    // A module of that name is one.
    assert!(matches!("gate".parse(), Ok(Rule::Pattern(_))));
    assert!("gate kv:get/1".parse::<Pattern>().is_err());
}
