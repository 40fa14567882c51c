// SPDX-License-Identifier: Apache-2.0

use super::*;

/// Builds the file from names and member rules.
fn parse(groups: &[(&str, &[&str])]) -> Result<Groups, Error> {
    let groups: Vec<_> = groups
        .iter()
        .map(|(name, rules)| {
            let members: Vec<_> = rules
                .iter()
                .map(|rule| {
                    let reason = format!("{name} needs {rule}");
                    serde_json::json!({"rule": rule, "reason": reason})
                })
                .collect();
            serde_json::json!({"name": name, "doc": "d", "members": members})
        })
        .collect();
    Groups::parse(&serde_json::json!({ "groups": groups }).to_string())
}

fn why(groups: &[(&str, &[&str])]) -> String {
    parse(groups).unwrap_err().to_string()
}

#[test]
fn the_shipped_groups_can_be_read_and_expanded() {
    let groups = Groups::shipped().unwrap();
    let base = groups.expand("@base").unwrap();
    assert!(!base.is_empty(), "@base is empty");
    for name in groups.names() {
        groups.expand(name).unwrap();
    }
}

#[test]
fn the_implicit_group_cannot_reach_outside_the_process() {
    let base = Groups::shipped().unwrap().expand("@base").unwrap();
    for (module, function, arity) in [
        // Sending is there: the rule for sending bounds it.
        ("erlang", "send_after", 3),
        ("erlang", "exit", 2),
        ("erlang", "spawn", 1),
        ("erlang", "open_port", 2),
        ("erlang", "load_nif", 2),
        ("ets", "insert", 2),
        ("os", "cmd", 1),
        ("file", "open", 2),
        ("code", "load_file", 1),
        ("seccomp", "lift", 1),
    ] {
        let by = base
            .iter()
            .find(|e| e.pattern.matches(module, function, arity));
        assert_eq!(by, None, "{module}:{function}/{arity} is in @base");
    }
}

#[test]
fn nested_groups_expand_and_tell_where_a_pattern_comes_from() {
    let groups = parse(&[
        ("@all", &["@a", "@b", "os:cmd/1"]),
        ("@a", &["lists"]),
        ("@b", &["@a", "lists", "maps"]),
    ])
    .unwrap();
    assert_eq!(groups.names().collect::<Vec<_>>(), ["@all", "@a", "@b"]);
    let all: Vec<_> = groups
        .expand("@all")
        .unwrap()
        .iter()
        .map(|e| format!("{} {} {}", e.pattern, e.via, e.reason))
        .collect();
    assert_eq!(
        all,
        [
            "lists @a @a needs lists",
            "maps @b @b needs maps",
            "os:cmd/1 @all @all needs os:cmd/1",
        ]
    );
}

#[test]
fn an_unknown_group_comes_with_a_suggestion() {
    let groups = parse(&[("@pure", &[])]).unwrap();
    assert_eq!(
        groups.expand("@prue").unwrap_err().to_string(),
        "there is no group @prue; did you mean @pure?"
    );
}

#[test]
fn circles_are_errors() {
    assert_eq!(
        why(&[("@x", &["@a"]), ("@a", &["@b"]), ("@b", &["@a"])]),
        "bad groups file: @a holds @b holds @a"
    );
    assert!(why(&[("@a", &["@a"])]).contains("@a holds @a"));
}

#[test]
fn files_may_name_groups_of_each_other_and_not_the_same_twice() {
    let one = r#"{"groups":[{"name":"@a","doc":"d","members":
        [{"rule":"@b","reason":"r"}]}]}"#;
    let two = r#"{"groups":[{"name":"@b","doc":"d","members":
        [{"rule":"x","reason":"r"}]}]}"#;
    let both = Groups::parse_all(&[one, two]).unwrap();
    assert_eq!(both.names().collect::<Vec<_>>(), ["@a", "@b"]);
    let a: Vec<_> = both.expand("@a").unwrap().iter().collect();
    assert_eq!((a.len(), &*a[0].via), (1, "@b"));
    assert!(Groups::parse(one).is_err(), "@b is in the other file");
    let why = Groups::parse_all(&[two, two]).unwrap_err().to_string();
    assert!(why.contains("@b stands there twice"), "{why}");
}

#[test]
fn damaged_files_are_errors() {
    assert!(why(&[("@a", &["@c"])]).contains("@a: there is no group @c"));
    assert!(why(&[("@a", &["x/1"])]).contains("@a: bad rule \"x/1\""));
    assert!(why(&[("@a", &["x", "x:_"])]).contains("@a: x stands there twice"));
    assert!(why(&[("@a", &[]), ("@a", &[])]).contains("@a stands there twice"));
    assert!(why(&[("pure", &[])]).contains("no name for a group"));
    assert!(why(&[("'@a'", &[])]).contains("no name for a group"));
    let reject = |text: &str| Groups::parse(text).unwrap_err().to_string();
    assert!(reject("{").contains("line 1"));
    assert!(reject(r#"{"groups":[],"x":1}"#).contains("unknown field `x`"));
    let member = r#"{"groups":[{"name":"@a","doc":"","members":
        [{"rule":"x","reason":" "}]}]}"#;
    assert!(reject(member).contains("x has no reason"));
}
