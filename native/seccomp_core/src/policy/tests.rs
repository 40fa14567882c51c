// SPDX-License-Identifier: Apache-2.0

use super::*;

fn groups() -> Groups {
    Groups::parse(
        r#"{"groups":[
            {"name":"@base","doc":"","members":[
                {"rule":"erlang:error","reason":"errors"}]},
            {"name":"@data","doc":"","members":[
                {"rule":"lists","reason":"data"},
                {"rule":"@base","reason":"lists raises"}]}]}"#,
    )
    .unwrap()
}

fn spec(mode: Mode, rules: &[&str]) -> PolicySpec {
    let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    PolicySpec::new(mode, rules)
}

fn build(spec: &PolicySpec) -> Result<Vec<String>, Error> {
    let policy = Policy::from_spec_with(spec, &groups())?;
    assert_eq!(policy.layers().len(), 1);
    let entries = policy.layers()[0].entries();
    Ok(entries
        .iter()
        .map(|entry| format!("{}: {}", entry.pattern, entry.origin))
        .collect())
}

#[test]
fn a_whitelist_holds_base_unless_told_not_to() {
    let mut spec = spec(Mode::Whitelist, &[]);
    assert_eq!(
        build(&spec).unwrap(),
        ["erlang:error: group @base (part of every whitelist)"]
    );
    spec.base = false;
    assert!(build(&spec).unwrap().is_empty());
}

#[test]
fn a_blacklist_never_holds_base() {
    assert!(build(&spec(Mode::Blacklist, &[])).unwrap().is_empty());
}

#[test]
fn what_the_user_wrote_is_what_an_explanation_points_at() {
    assert_eq!(
        build(&spec(Mode::Whitelist, &["@data", "lists"])).unwrap(),
        [
            "erlang:error: group @data (rule 1, through @base)",
            "lists: rule 2"
        ]
    );
}

#[test]
fn a_rule_that_stands_twice_is_an_error_with_both_places() {
    let error =
        build(&spec(Mode::Blacklist, &["os", "lists", "os:_"])).unwrap_err();
    assert_eq!(
        error,
        Error::DuplicateRule {
            rule: "os".into(),
            first: 1,
            second: 3
        }
    );
    assert_eq!(
        error.to_string(),
        "rule 3 repeats rule 1, os: leave one of them out"
    );
    let groups = spec(Mode::Blacklist, &["@data", "@data"]);
    assert_eq!(build(&groups).unwrap_err().name(), "duplicate_rule");
}

#[test]
fn an_unknown_group_is_an_error_with_its_place() {
    let error = build(&spec(Mode::Whitelist, &["os", "@dato"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no group @dato (rule 2); did you mean @data?"
    );
}

#[test]
fn strictness_is_ordered() {
    assert!(OnDeny::Log < OnDeny::Raise && OnDeny::Raise < OnDeny::Kill);
    assert!(Permission::Allow < Permission::Deny);
}
