// SPDX-License-Identifier: Apache-2.0

//! What holds for every input: one function for each fuzz target. The same
//! functions are run by `tests/fuzz_corpus.rs`, on the stored corpus and on
//! random bytes.

#![allow(dead_code)]

mod naive;
mod specs;

use std::cell::RefCell;
use std::collections::HashMap;

use arbitrary::Unstructured;
use seccomp_core::{
    AtomTable, Compiled, Decision, Error, Flags, Groups, Mfa, OnDeny,
    Permission, Policy, PolicySpec, Rule, Verdict,
};

use naive::Call;

/// A policy in JSON is refused, with a place that exists, or is written and
/// read again as the same.
pub fn json(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match PolicySpec::from_json(text) {
        Ok(spec) => {
            round_trip(&spec);
            if let Ok(policy) = Policy::from_spec(&spec) {
                let again = Policy::from_spec(&spec).map(|p| p.hash());
                assert_eq!(again, Ok(policy.hash()));
            }
        }
        Err(Error::BadJson { message, line, .. }) => {
            assert!(!message.is_empty());
            assert!(line <= text.lines().count() + 1, "line {line}");
        }
        Err(other) => unreachable!("not an error of JSON: {other:?}"),
    }
}

fn round_trip(spec: &PolicySpec) {
    let written = spec.to_json().unwrap_or_default();
    assert_eq!(PolicySpec::from_json(&written).as_ref(), Ok(spec));
}

/// A rule is refused, or reads back from what it prints, which is a fixed
/// point; and no name is longer than an atom.
pub fn rule_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match text.parse::<Rule>() {
        Ok(rule) => {
            let printed = rule.to_string();
            assert_eq!(printed.parse::<Rule>().as_ref(), Ok(&rule));
            assert!(specs::names(&rule)
                .all(|name| { name != "_" && name.chars().count() <= 255 }));
            if let Rule::Group(name) = &rule {
                assert!(!name.contains(|c: char| c.is_whitespace()));
                assert!(name.starts_with('@') && name.len() > 1);
            }
        }
        Err(Error::BadRule { text: t, why, .. }) => {
            assert!(t == text && !why.is_empty());
        }
        Err(other) => unreachable!("not an error of a rule: {other:?}"),
    }
}

/// The compiled policy decides each call as a plain reading of the rules does;
/// a policy that is refused is refused for what is wrong with it.
pub fn compile(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let Ok(spec) = specs::spec(&mut bytes) else {
        return;
    };
    let groups = specs::groups(&mut bytes);
    round_trip(&spec);
    let built = Policy::from_spec_with(&spec, groups);
    let policy = match (built, naive::fault(&spec, groups)) {
        (Ok(policy), None) => policy,
        (Err(error), Some(fault)) => {
            assert_eq!(naive::Fault::of(&error), Some(fault));
            return;
        }
        (built, fault) => unreachable!("{built:?}, but {fault:?}"),
    };
    let atoms = Atoms::default();
    let compiled = compiled(&policy, &atoms);
    for call in specs::calls(&mut bytes) {
        let allowed = naive::allows(&spec, groups, &call);
        assert_eq!(atoms.verdict(&compiled, &call), allowed, "{call:?}");
        let (module, function, arity) = (&*call.0, &*call.1, call.2);
        let why = policy.explain(module, function, arity);
        assert_eq!(why.verdict() == Verdict::Allow, allowed, "{call:?}");
        assert!(!why.to_string().is_empty());
        let decision = compiled.decide(atoms.mfa(&call));
        assert_eq!(decision, answer(allowed, spec.on_deny));
    }
    let spawn = spec.spawn == Permission::Allow;
    assert_eq!(compiled.spawn_decision(), answer(spawn, spec.on_deny));
    assert!(policy.dump().contains(&policy.hash().to_string()));
    assert_eq!(Flags::of(&policy).bits() & 0x80, 0x80);
}

/// The meet allows what all parts allow and nothing else, its flags are the
/// strictest, and neither order nor repetition matters.
pub fn meet(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let groups = specs::groups(&mut bytes);
    let mut parts = Vec::new();
    while parts.len() < 4 && !bytes.is_empty() {
        let Ok(spec) = specs::spec(&mut bytes) else {
            return;
        };
        if let Ok(policy) = Policy::from_spec_with(&spec, groups) {
            parts.push(policy);
        }
    }
    let Some(all) = join(parts.iter()) else {
        return;
    };
    let backwards = join(parts.iter().rev());
    assert_eq!(backwards.map(|p| p.hash()), Some(all.hash()));
    let atoms = Atoms::default();
    let met = compiled(&all, &atoms);
    let each: Vec<_> = parts.iter().map(|p| compiled(p, &atoms)).collect();
    for call in specs::calls(&mut bytes) {
        let expected = each.iter().all(|part| atoms.verdict(part, &call));
        assert_eq!(atoms.verdict(&met, &call), expected, "{call:?}");
    }
    for part in &parts {
        assert!(all.on_deny() >= part.on_deny());
        assert!(all.spawn() >= part.spawn());
        assert!(all.inherit() >= part.inherit());
        assert!(all.provenance() >= part.provenance());
        let again = all.meet(part).map(|p| p.hash());
        assert_eq!(again, Ok(all.hash()));
    }
}

fn join<'a>(mut parts: impl Iterator<Item = &'a Policy>) -> Option<Policy> {
    let first = parts.next()?.clone();
    // Four policies have at most four layers, so this never fails.
    Some(parts.fold(first, |all, part| match all.meet(part) {
        Ok(met) => met,
        Err(error) => unreachable!("{error}"),
    }))
}

fn answer(allowed: bool, on_deny: OnDeny) -> Decision {
    match (allowed, on_deny) {
        (true, _) => Decision::Allow,
        (false, OnDeny::Log) => Decision::Log,
        (false, OnDeny::Raise) => Decision::Raise,
        (false, OnDeny::Kill) => Decision::Kill,
    }
}

fn compiled(policy: &Policy, atoms: &Atoms) -> Compiled {
    match Compiled::new(policy, atoms) {
        Ok(compiled) => compiled,
        Err(error) => unreachable!("these atoms never fail: {error}"),
    }
}

/// Numbers names in the order in which they come.
#[derive(Default)]
struct Atoms(RefCell<HashMap<String, u64>>);

impl Atoms {
    fn number(&self, name: &str) -> u64 {
        let mut names = self.0.borrow_mut();
        let next = names.len() as u64;
        *names.entry(name.to_owned()).or_insert(next)
    }

    fn mfa(&self, (module, function, arity): &Call) -> Mfa {
        Mfa {
            module: self.number(module),
            function: self.number(function),
            arity: *arity,
        }
    }

    fn verdict(&self, policy: &Compiled, call: &Call) -> bool {
        policy.verdict(self.mfa(call)) == Verdict::Allow
    }
}

impl AtomTable for Atoms {
    fn atom(&self, name: &str) -> Result<u64, Error> {
        Ok(self.number(name))
    }
}

/// The groups of the tests and the shipped ones.
fn test_groups() -> &'static Groups {
    use std::sync::OnceLock;
    static GROUPS: OnceLock<Groups> = OnceLock::new();
    GROUPS.get_or_init(|| {
        let text = include_str!("../../tests/common/groups.json");
        match Groups::parse(text) {
            Ok(groups) => groups,
            Err(error) => unreachable!("{error}"),
        }
    })
}
