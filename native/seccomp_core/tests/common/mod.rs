// SPDX-License-Identifier: Apache-2.0

//! What the property tests draw from: few names, so that rules and calls meet
//! often.

#![allow(dead_code, clippy::unwrap_used)]

use std::cell::RefCell;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::subsequence;
use seccomp_core::{
    AtomTable, Compiled, Error, Groups, Mfa, Mode, OnDeny, Pat, Pattern,
    Permission, Policy, PolicySpec, Rule, SendRule, Target, Unknown, Verdict,
};

/// Groups of the tests' own, so that no test depends on the shipped ones.
pub fn groups() -> Groups {
    Groups::parse(include_str!("groups.json")).unwrap()
}

/// A call as a user thinks of it.
pub type Call = (&'static str, &'static str, u32);

const NAMES: [&str; 4] = ["a", "b", "lists", "Elixir.Enum"];

/// Every call over the names, with arities around the limit of a pattern.
pub fn calls() -> Vec<Call> {
    let mut calls = Vec::new();
    for module in NAMES {
        for function in NAMES {
            for arity in [0, 1, 255, 256, 257] {
                calls.push((module, function, arity));
            }
        }
    }
    calls
}

fn place() -> impl Strategy<Value = Pat<std::sync::Arc<str>>> {
    option::of(proptest::sample::select(&NAMES[..]))
        .prop_map(|name| name.map_or(Pat::Any, Pat::name))
}

pub fn pattern() -> impl Strategy<Value = Pattern> {
    let arity = option::of(prop_oneof![Just(0u8), Just(1), Just(255)]);
    (place(), place(), arity).prop_map(|(module, function, arity)| Pattern {
        module,
        function,
        arity: arity.map_or(Pat::Any, Pat::Is),
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let group = proptest::sample::select(vec!["@base", "@data", "@all"]);
    prop_oneof![
        8 => pattern().prop_map(Rule::Pattern),
        1 => group.prop_map(|name| Rule::Group(name.to_owned())),
    ]
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    vec(rule(), 0..6).prop_map(|rules| {
        let mut unique: Vec<Rule> = Vec::new();
        for rule in rules {
            if !unique.contains(&rule) {
                unique.push(rule);
            }
        }
        unique
    })
}

/// Rules for sending that JSON can hold.
fn send() -> impl Strategy<Value = SendRule> {
    let words = [
        Target::Own,
        Target::Parent,
        Target::Children,
        Target::Replies,
        Target::GroupLeader,
        Target::Name("kv".into()),
        Target::Name("self".into()),
        Target::Remote("kv".into(), "a@b".into()),
    ];
    option::of(subsequence(words.to_vec(), 0..=8)).prop_map(|targets| {
        targets.map_or(SendRule::any(), |targets| {
            SendRule::only(targets.into_iter().collect())
        })
    })
}

pub fn spec() -> impl Strategy<Value = PolicySpec> {
    let mode = prop_oneof![Just(Mode::Whitelist), Just(Mode::Blacklist)];
    let spawn = prop_oneof![Just(Permission::Allow), Just(Permission::Deny)];
    let on_deny =
        prop_oneof![Just(OnDeny::Log), Just(OnDeny::Raise), Just(OnDeny::Kill)];
    let unknown = prop_oneof![Just(Unknown::Error), Just(Unknown::Allow)];
    let flags = (any::<bool>(), any::<Option<bool>>(), any::<bool>(), send());
    let comment = option::of(any::<String>());
    let comments = btree_map(0..6usize, any::<String>(), 0..3);
    let words = (comment, comments);
    (mode, rules(), spawn, on_deny, unknown, flags, words).prop_map(
        |(mode, rules, spawn, on_deny, unknown, flags, words)| {
            let (inherit, provenance, base, send) = flags;
            let (comment, mut comments) = words;
            comments.retain(|index, _| *index < rules.len());
            PolicySpec {
                mode,
                rules,
                comments,
                spawn,
                inherit,
                provenance,
                on_deny,
                base,
                send,
                unknown,
                comment,
            }
        },
    )
}

/// A policy of one or more layers.
pub fn policy() -> impl Strategy<Value = Policy> {
    vec(spec(), 1..4).prop_map(|specs| {
        let groups = groups();
        specs
            .iter()
            .map(|spec| Policy::from_spec_with(spec, &groups).unwrap())
            .reduce(|one, other| one.meet(&other).unwrap())
            .unwrap()
    })
}

/// Numbers names in the order in which they come.
#[derive(Default)]
pub struct Atoms(RefCell<Vec<String>>);

impl AtomTable for Atoms {
    fn atom(&self, name: &str) -> Result<u64, Error> {
        let mut names = self.0.borrow_mut();
        let place = names.iter().position(|known| known == name);
        Ok(place.unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        }) as u64)
    }
}

/// The verdicts of the compiled policy.
pub fn verdicts(policy: &Policy, calls: &[Call]) -> Vec<Verdict> {
    let atoms = Atoms::default();
    let compiled = Compiled::new(policy, &atoms).unwrap();
    let decide = |&(module, function, arity): &Call| {
        compiled.verdict(Mfa {
            module: atoms.atom(module).unwrap(),
            function: atoms.atom(function).unwrap(),
            arity,
        })
    };
    calls.iter().map(decide).collect()
}
