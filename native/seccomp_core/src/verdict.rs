// SPDX-License-Identifier: Apache-2.0

//! What a compiled policy says about a call.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use crate::args::{Answer, ArgSpec};
use crate::compile::{Compiled, Matcher, Mfa};
use crate::policy::{Mode, OnDeny, Permission};

/// Whether a call is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is.
    Allow,
    /// It is not.
    Deny,
}

/// What to do about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Let it run.
    Allow,
    /// Let it run, with these arguments.
    AllowOnce,
    /// Let it run, and do not look at what it calls.
    Gate,
    /// Record it and let it run.
    Log,
    /// Raise an error instead.
    Raise,
    /// End the process instead.
    Kill,
}

impl Verdict {
    /// What a layer of this mode says, given whether a pattern of it matches.
    pub(crate) fn of(mode: Mode, matches: bool) -> Verdict {
        match (mode, matches) {
            (Mode::Whitelist, true) | (Mode::Blacklist, false) => {
                Verdict::Allow
            }
            (Mode::Whitelist, false) | (Mode::Blacklist, true) => Verdict::Deny,
        }
    }
}

impl Compiled {
    /// Whether the policy allows the call whatever its arguments are.
    pub fn verdict(&self, call: Mfa) -> Verdict {
        self.verdict_with(call, &mut |_| Answer::Other)
    }

    /// Whether the policy allows the call. `answer` says what one of the match
    /// specifications, by its place in [`Compiled::specs`], makes of its
    /// arguments.
    pub fn verdict_with(
        &self,
        call: Mfa,
        answer: &mut dyn FnMut(usize) -> Answer,
    ) -> Verdict {
        let mut allows =
            |layer: &Matcher| layer.verdict(&call, answer) == Verdict::Allow;
        // No layer at all would be a bug of ours, and a bug must not allow.
        if !self.layers.is_empty() && self.layers.iter().all(&mut allows) {
            Verdict::Allow
        } else {
            Verdict::Deny
        }
    }

    /// Whether the arguments of the call count.
    pub fn has_args(&self, call: Mfa) -> bool {
        !self.specs.is_empty()
            && self
                .layers
                .iter()
                .any(|layer| layer.specs_of(&call).is_some())
    }

    /// Which of [`Compiled::specs`] count for the call, each once.
    pub fn specs_of(&self, call: Mfa) -> Vec<usize> {
        let layers = self.layers.iter();
        let specs = layers.filter_map(|layer| layer.specs_of(&call));
        let specs: BTreeSet<_> = specs.flatten().copied().collect();
        specs.into_iter().collect()
    }

    /// The match specifications of the policy.
    pub fn specs(&self) -> &[ArgSpec] {
        &self.specs
    }

    /// What to do about the call, if nothing is known of its arguments.
    pub fn decide(&self, call: Mfa) -> Decision {
        self.decide_with(call, &mut |_| Answer::Other)
    }

    /// What to do about the call; `answer` is as for
    /// [`Compiled::verdict_with`].
    pub fn decide_with(
        &self,
        call: Mfa,
        answer: &mut dyn FnMut(usize) -> Answer,
    ) -> Decision {
        match self.verdict_with(call, answer) {
            Verdict::Allow if self.is_gate(call) => Decision::Gate,
            Verdict::Allow if self.has_args(call) => Decision::AllowOnce,
            Verdict::Allow => Decision::Allow,
            Verdict::Deny => self.denial(),
        }
    }

    /// Whether the function is a gate. It is allowed then, in every layer.
    fn is_gate(&self, call: Mfa) -> bool {
        self.gates
            .contains(&(call.module, call.function, call.arity))
    }

    /// What to do when the process wants to start another one.
    pub fn spawn_decision(&self) -> Decision {
        match self.spawn {
            Permission::Allow => Decision::Allow,
            Permission::Deny => self.denial(),
        }
    }

    /// What comes of anything that the policy denies.
    pub fn denial(&self) -> Decision {
        match self.on_deny {
            OnDeny::Log => Decision::Log,
            OnDeny::Raise => Decision::Raise,
            OnDeny::Kill => Decision::Kill,
        }
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Allow => "allowed",
            Verdict::Deny => "denied",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::compile::AtomTable;
    use crate::error::Error;
    use crate::policy::Policy;
    use crate::spec::PolicySpec;

    /// Numbers names in the order in which they come.
    #[derive(Default)]
    struct Atoms(RefCell<Vec<String>>);

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

    fn spec(mode: Mode, rules: &[&str]) -> PolicySpec {
        let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        PolicySpec {
            base: false,
            ..PolicySpec::new(mode, rules)
        }
    }

    fn decide(spec: &PolicySpec, call: (&str, &str, u32)) -> Decision {
        let atoms = Atoms::default();
        let policy = Policy::from_spec(spec).unwrap();
        let compiled = Compiled::new(&policy, &atoms).unwrap();
        compiled.decide(Mfa {
            module: atoms.atom(call.0).unwrap(),
            function: atoms.atom(call.1).unwrap(),
            arity: call.2,
        })
    }

    #[test]
    fn every_shape_of_pattern_is_found() {
        for (rule, hit, miss) in [
            ("_", ("a", "b", 300), None),
            ("m", ("m", "x", 7), Some(("n", "m", 7))),
            ("_:f", ("x", "f", 7), Some(("f", "x", 7))),
            ("_:_/2", ("x", "y", 2), Some(("x", "y", 258))),
            ("m:f", ("m", "f", 7), Some(("f", "m", 7))),
            ("m:_/2", ("m", "x", 2), Some(("m", "x", 3))),
            ("_:f/2", ("x", "f", 2), Some(("x", "g", 2))),
            ("m:f/2", ("m", "f", 2), Some(("m", "f", 258))),
        ] {
            let white = spec(Mode::Whitelist, &[rule]);
            let black = spec(Mode::Blacklist, &[rule]);
            assert_eq!(decide(&white, hit), Decision::Allow, "{rule}");
            assert_eq!(decide(&black, hit), Decision::Raise, "{rule}");
            if let Some(miss) = miss {
                assert_eq!(decide(&white, miss), Decision::Raise, "{rule}");
                assert_eq!(decide(&black, miss), Decision::Allow, "{rule}");
            }
        }
    }

    #[test]
    fn a_gate_is_told_from_what_is_allowed() {
        let gate = spec(Mode::Whitelist, &["gate kv:get/1", "kv"]);
        assert_eq!(decide(&gate, ("kv", "get", 1)), Decision::Gate);
        assert_eq!(decide(&gate, ("kv", "get", 2)), Decision::Allow);
        assert_eq!(decide(&gate, ("kv", "get", 257)), Decision::Allow);
        let log = PolicySpec {
            on_deny: OnDeny::Log,
            ..spec(Mode::Whitelist, &["gate kv:get/1"])
        };
        assert_eq!(decide(&log, ("kv", "get", 1)), Decision::Gate);
        assert_eq!(decide(&log, ("kv", "put", 1)), Decision::Log);
    }

    #[test]
    fn arguments_narrow_a_whitelist_and_widen_a_blacklist() {
        let rules = [
            "args m:f/1 [{[1],[],[true]}]",
            "m:g/1",
            "m",
            "args m:f/1 [{[2],[],[true]}]",
        ];
        let atoms = Atoms::default();
        for (mode, rules, expected) in [
            (Mode::Whitelist, &rules[..], [true, true, false, false]),
            (Mode::Whitelist, &rules[..1], [true, false, false, false]),
            (Mode::Blacklist, &rules[..1], [false, true, false, false]),
            (Mode::Blacklist, &rules[..], [false, false, false, false]),
            (Mode::Blacklist, &rules[3..], [false, true, false, false]),
        ] {
            let policy = Policy::from_spec(&spec(mode, rules)).unwrap();
            let compiled = Compiled::new(&policy, &atoms).unwrap();
            let call = Mfa {
                module: atoms.atom("m").unwrap(),
                function: atoms.atom("f").unwrap(),
                arity: 1,
            };
            let first = |given| {
                move |n: usize| match n {
                    0 => given,
                    _ => Answer::False,
                }
            };
            let second = |n: usize| match n {
                1 => Answer::True,
                _ => Answer::False,
            };
            let decide = |answer: &mut dyn FnMut(usize) -> Answer| {
                compiled.decide_with(call, answer)
            };
            let found = [
                decide(&mut first(Answer::True)),
                decide(&mut first(Answer::False)),
                decide(&mut first(Answer::Other)),
                compiled.decide(call),
            ];
            let once = |allowed| match allowed {
                true => Decision::AllowOnce,
                false => Decision::Raise,
            };
            let mut expected = expected.map(once);
            if mode == Mode::Whitelist && rules.len() > 1 {
                // The other rule does not accept it either.
                expected[1] = Decision::Raise;
                assert_eq!(decide(&mut { second }), Decision::AllowOnce);
            }
            assert_eq!(found, expected, "{mode} {rules:?}");
            assert!(compiled.has_args(call));
            let other = Mfa {
                function: atoms.atom("g").unwrap(),
                ..call
            };
            assert!(!compiled.has_args(other));
        }
    }

    #[test]
    fn a_denial_is_what_the_policy_says() {
        for (on_deny, decision) in [
            (OnDeny::Log, Decision::Log),
            (OnDeny::Raise, Decision::Raise),
            (OnDeny::Kill, Decision::Kill),
        ] {
            let spec = PolicySpec {
                on_deny,
                ..spec(Mode::Whitelist, &[])
            };
            assert_eq!(decide(&spec, ("a", "b", 0)), decision);
            let spawn = PolicySpec {
                on_deny,
                ..PolicySpec::spawn_only()
            };
            let policy = Policy::from_spec(&spawn).unwrap();
            let compiled = Compiled::new(&policy, &Atoms::default()).unwrap();
            assert_eq!(compiled.spawn_decision(), decision);
            assert_eq!(decide(&spawn, ("a", "b", 0)), Decision::Allow);
        }
    }

    #[test]
    fn no_layer_allows_nothing() {
        let empty = Compiled {
            layers: Vec::new(),
            specs: Vec::new(),
            gates: Default::default(),
            spawn: Permission::Allow,
            on_deny: OnDeny::Raise,
        };
        let call = Mfa {
            module: 0,
            function: 0,
            arity: 0,
        };
        assert_eq!(empty.verdict(call), Verdict::Deny);
    }

    #[test]
    fn a_name_that_is_no_atom_fails_the_policy() {
        struct NoAtoms;
        impl AtomTable for NoAtoms {
            fn atom(&self, name: &str) -> Result<u64, Error> {
                Err(Error::BadAtom {
                    name: name.to_owned(),
                    why: "the table is full".into(),
                })
            }
        }
        let spec = spec(Mode::Whitelist, &["lists"]);
        let policy = Policy::from_spec(&spec).unwrap();
        let error = Compiled::new(&policy, &NoAtoms).unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"lists\" cannot be an atom: the table is full"
        );
    }
}
