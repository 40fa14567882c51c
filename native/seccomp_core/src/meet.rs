// SPDX-License-Identifier: Apache-2.0

//! The intersection of two policies: the only way that a restricted process
//! can change its own.

use crate::error::Error;
use crate::layer::{Entry, Layer};
use crate::policy::{Mode, Policy, MAX_LAYERS};

impl Policy {
    /// The policy that allows exactly what both allow.
    ///
    /// Whitelists stay apart, for the patterns that two of them share cannot
    /// be written as patterns in general. Blacklists join into one.
    pub fn meet(&self, other: &Policy) -> Result<Policy, Error> {
        let mut layers: Vec<Layer> = Vec::new();
        let mut denied: Vec<Entry> = Vec::new();
        for layer in self.layers.iter().chain(&other.layers) {
            match layer.mode() {
                Mode::Whitelist => {
                    if !layers.iter().any(|known| known.same_patterns(layer)) {
                        layers.push(layer.clone());
                    }
                }
                Mode::Blacklist => denied.extend_from_slice(layer.entries()),
            }
        }
        // A blacklist that denies nothing counts only where nothing else is
        // there; elsewhere the same policy would have two forms.
        if layers.is_empty() || !denied.is_empty() {
            layers.push(Layer::new(Mode::Blacklist, denied));
        }
        if layers.len() > MAX_LAYERS {
            return Err(Error::TooManyLayers {
                layers: layers.len(),
                limit: MAX_LAYERS,
            });
        }
        Ok(Policy {
            layers,
            spawn: self.spawn.max(other.spawn),
            // A policy that a child sheds is the weaker one.
            inherit: self.inherit || other.inherit,
            provenance: self.provenance || other.provenance,
            on_deny: self.on_deny.max(other.on_deny),
            send: self.send.meet(&other.send)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{OnDeny, Permission};
    use crate::spec::PolicySpec;

    fn policy(mode: Mode, rules: &[&str]) -> Policy {
        let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        let mut spec = PolicySpec::new(mode, rules);
        spec.base = false;
        Policy::from_spec(&spec).unwrap()
    }

    #[test]
    fn blacklists_join_into_one_layer() {
        let both = policy(Mode::Blacklist, &["os", "file"])
            .meet(&policy(Mode::Blacklist, &["file", "code"]))
            .unwrap();
        assert_eq!(both.layers().len(), 1);
        assert_eq!(both.layers()[0].entries().len(), 3);
    }

    #[test]
    fn equal_whitelists_are_one_layer() {
        let one = policy(Mode::Whitelist, &["lists", "maps"]);
        let same = policy(Mode::Whitelist, &["maps", "lists"]);
        assert_eq!(one.meet(&same).unwrap().layers().len(), 1);
        let other = policy(Mode::Whitelist, &["maps"]);
        assert_eq!(one.meet(&other).unwrap().layers().len(), 2);
    }

    #[test]
    fn a_blacklist_that_denies_nothing_adds_no_layer() {
        let white = policy(Mode::Whitelist, &["lists"]);
        let nothing = policy(Mode::Blacklist, &[]);
        assert_eq!(white.meet(&nothing).unwrap(), white);
        assert_eq!(nothing.meet(&nothing).unwrap(), nothing);
    }

    #[test]
    fn a_gate_is_one_in_every_layer() {
        let gate = policy(Mode::Whitelist, &["gate kv:get/1", "lists"]);
        let gates = |policy: &Policy| policy.gates().len();
        assert_eq!(gates(&gate), 1);
        assert_eq!(gates(&gate.meet(&gate).unwrap()), 1);
        let other = policy(Mode::Whitelist, &["gate kv:get/1", "maps"]);
        assert_eq!(gates(&gate.meet(&other).unwrap()), 1);
        let nothing = policy(Mode::Blacklist, &[]);
        assert_eq!(gates(&gate.meet(&nothing).unwrap()), 1);
        for rules in [&["kv:get/1", "lists"][..], &["kv"], &["_"]] {
            let plain = policy(Mode::Whitelist, rules);
            let met = gate.meet(&plain).unwrap();
            assert_eq!(met.layers().len(), 2);
            assert_eq!(gates(&met), 0);
            assert_eq!(gates(&plain.meet(&gate).unwrap()), 0);
        }
        let black = policy(Mode::Blacklist, &["os"]);
        assert_eq!(gates(&gate.meet(&black).unwrap()), 0);
    }

    #[test]
    fn the_stricter_flag_wins() {
        let spec = PolicySpec::new(Mode::Blacklist, Vec::new());
        let build = |spawn, inherit, on_deny| {
            let spec = PolicySpec {
                spawn,
                inherit,
                on_deny,
                ..spec.clone()
            };
            Policy::from_spec(&spec).unwrap()
        };
        let lenient = build(Permission::Allow, false, OnDeny::Log);
        let strict = build(Permission::Deny, true, OnDeny::Kill);
        assert_eq!(lenient.meet(&strict).unwrap(), strict);
        assert_eq!(strict.meet(&lenient).unwrap(), strict);
        assert_eq!(lenient.meet(&lenient).unwrap(), lenient);
    }

    #[test]
    fn layers_are_bounded() {
        let mut all = policy(Mode::Whitelist, &["m0"]);
        for n in 1..MAX_LAYERS {
            let next = policy(Mode::Whitelist, &[&format!("m{n}")]);
            all = all.meet(&next).unwrap();
        }
        assert_eq!(all.layers().len(), MAX_LAYERS);
        // The same again is no new layer.
        assert!(all.meet(&all).is_ok());
        let more = policy(Mode::Whitelist, &["more"]);
        assert_eq!(
            all.meet(&more),
            Err(Error::TooManyLayers {
                layers: 33,
                limit: 32
            })
        );
    }
}
