// SPDX-License-Identifier: Apache-2.0

use super::*;
use crate::group::Groups;
use crate::spec::PolicySpec;

fn policy_with(mode: Mode, on_deny: OnDeny, rules: &[&str]) -> Policy {
    let groups = Groups::parse(
        r#"{"groups":[
            {"name":"@base","doc":"","members":[
                {"rule":"erlang:error","reason":"errors must get out."}]},
            {"name":"@pure","doc":"","members":[
                {"rule":"lists","reason":"works on its arguments only"}]},
            {"name":"@all","doc":"","members":[
                {"rule":"@pure","reason":"part of all"}]}]}"#,
    )
    .unwrap();
    let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    let mut spec = PolicySpec::new(mode, rules);
    spec.on_deny = on_deny;
    Policy::from_spec_with(&spec, &groups).unwrap()
}

fn white(rules: &[&str]) -> Policy {
    policy_with(Mode::Whitelist, OnDeny::Raise, rules)
}

fn black(rules: &[&str]) -> Policy {
    policy_with(Mode::Blacklist, OnDeny::Raise, rules)
}

fn said(policy: &Policy, m: &str, f: &str, a: u32) -> String {
    policy.explain(m, f, a).to_string()
}

#[test]
fn a_whitelist_explains_itself() {
    let policy = white(&["maps", "@pure", "lists:map/2", "@all"]);
    for (m, f, a, sentence) in [
        (
            "os",
            "cmd",
            1,
            "os:cmd/1 is denied: the whitelist has no rule for it.",
        ),
        (
            "lists",
            "map",
            2,
            "lists:map/2 is allowed by rule 3, lists:map/2.",
        ),
        (
            "lists",
            "sum",
            1,
            "lists:sum/1 is allowed by group @pure (rule 2), lists: works on \
             its arguments only.",
        ),
        (
            "erlang",
            "error",
            1,
            "erlang:error/1 is allowed by group @base (part of every \
             whitelist), erlang:error: errors must get out.",
        ),
        (
            "Elixir.Enum",
            "map",
            2,
            "'Elixir.Enum':map/2 is denied: the whitelist has no rule for it.",
        ),
    ] {
        assert_eq!(said(&policy, m, f, a), sentence);
    }
}

#[test]
fn a_blacklist_explains_itself() {
    let policy = black(&["os", "@all"]);
    assert_eq!(
        said(&policy, "os", "cmd", 1),
        "os:cmd/1 is denied by rule 1, os."
    );
    assert_eq!(
        said(&policy, "maps", "new", 0),
        "maps:new/0 is allowed: the blacklist has no rule for it."
    );
    assert_eq!(
        said(&policy, "lists", "sum", 1),
        "lists:sum/1 is denied by group @all (rule 2, through @pure), lists: \
         works on its arguments only."
    );
}

#[test]
fn a_policy_that_only_records_says_so() {
    let policy = policy_with(Mode::Blacklist, OnDeny::Log, &["os"]);
    assert_eq!(
        said(&policy, "os", "cmd", 1),
        "os:cmd/1 is denied by rule 1, os. The policy only records: the call \
         runs."
    );
}

#[test]
fn several_layers_get_a_line_each() {
    let policy = white(&["lists"])
        .meet(&white(&["lists:map/2", "maps"]))
        .unwrap()
        .meet(&black(&["lists:seq"]))
        .unwrap();
    assert_eq!(
        said(&policy, "lists", "map", 2),
        "lists:map/2 is allowed by all 3 layers.\n  \
         layer 1: allowed by rule 1, lists.\n  \
         layer 2: allowed by rule 1, lists:map/2.\n  \
         layer 3: allowed: the blacklist has no rule for it."
    );
    let denied = policy.explain("lists", "seq", 2);
    assert_eq!(
        denied.to_string(),
        "lists:seq/2 is denied because not all 3 layers allow it.\n  \
         layer 1: allowed by rule 1, lists.\n  \
         layer 2: denied: the whitelist has no rule for it.\n  \
         layer 3: denied by rule 1, lists:seq."
    );
    let deciding = denied.deciding().unwrap();
    assert_eq!((deciding.index, deciding.entry), (1, None));
}

#[test]
fn the_most_specific_pattern_is_the_reason() {
    let rules = ["m:f/1", "m:f", "m:_/1", "m", "_:f/1", "_:f", "_:_/1", "_"];
    for start in 0..rules.len() {
        let policy = black(&rules[start..]);
        let explanation = policy.explain("m", "f", 1);
        let entry = explanation.deciding().unwrap().entry.unwrap();
        assert_eq!(entry.pattern.to_string(), rules[start]);
    }
}

#[test]
fn an_enormous_arity_is_not_mistaken_for_a_small_one() {
    let policy = black(&["m:f/2"]);
    let verdict = |arity| policy.explain("m", "f", arity).verdict();
    assert_eq!(verdict(2), Verdict::Deny);
    assert_eq!(verdict(258), Verdict::Allow);
}
