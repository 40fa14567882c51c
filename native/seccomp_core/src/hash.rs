// SPDX-License-Identifier: Apache-2.0

//! The name of a policy by its content.
//!
//! Nodes compare policies by this hash, so its input must never depend on the
//! machine or on the order of anything. A change of the format changes `TAG`.

use std::fmt::{self, Debug, Display};

use sha2::{Digest, Sha256};

use crate::flags::Flags;
use crate::layer::Layer;
use crate::policy::{Mode, OnDeny, Policy};
use crate::rule::{Pat, Pattern};
use crate::send::Target;

const TAG: &[u8] = b"seccomp policy 1\n";

/// SHA-256 over the canonical form of a policy.
#[derive(Default, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyHash([u8; 32]);

impl PolicyHash {
    /// The hash as bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A hash that came from elsewhere, such as another node.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        PolicyHash(bytes)
    }
}

impl Policy {
    /// The hash over everything that a decision depends on: patterns, flags
    /// and reaction. Where the patterns came from does not count.
    pub fn hash(&self) -> PolicyHash {
        let mut layers: Vec<_> = self.layers().iter().map(hash_layer).collect();
        layers.sort_unstable();
        let mut sha = Sha256::new();
        sha.update(TAG);
        sha.update([Flags::of(self).bits(), reaction(self.on_deny())]);
        // As the flag I where nothing else is said: policies of before that
        // keep their hash.
        if self.provenance() != self.inherit() {
            sha.update([b'p', u8::from(self.provenance())]);
        }
        for layer in layers {
            sha.update(layer);
        }
        // No layer's hash can be taken for this: they have 32 bytes.
        for targets in self.send().lists() {
            sha.update(b"send");
            sha.update((targets.len() as u64).to_be_bytes());
            for target in targets {
                hash_target(&mut sha, target);
            }
        }
        PolicyHash(sha.finalize().into())
    }
}

/// The texts of targets are different for different targets, but for pids: a
/// number may be used again.
fn hash_target(sha: &mut Sha256, target: &Target) {
    let text = target.to_string();
    sha.update((text.len() as u64).to_be_bytes());
    sha.update(text.as_bytes());
    if let Target::Pid(_, number) = target {
        sha.update(number.to_be_bytes());
    }
}

fn reaction(on_deny: OnDeny) -> u8 {
    match on_deny {
        OnDeny::Log => 0,
        OnDeny::Raise => 1,
        OnDeny::Kill => 2,
    }
}

/// The patterns of a layer are sorted already, each there once.
fn hash_layer(layer: &Layer) -> [u8; 32] {
    let mut sha = Sha256::new();
    sha.update([match layer.mode() {
        Mode::Whitelist => b'w',
        Mode::Blacklist => b'b',
    }]);
    for entry in layer.entries() {
        hash_pattern(&mut sha, &entry.pattern);
        // No pattern begins with this byte.
        if entry.gate {
            sha.update(b"g");
        }
        // Nor with this one.
        if let Some(spec) = &entry.args {
            sha.update(b"a");
            sha.update((spec.text().len() as u64).to_be_bytes());
            sha.update(spec.text().as_bytes());
        }
    }
    sha.finalize().into()
}

/// Every part says how long it is, so that no two patterns look alike.
fn hash_pattern(sha: &mut Sha256, pattern: &Pattern) {
    for name in [&pattern.module, &pattern.function] {
        match name {
            Pat::Any => sha.update([0]),
            Pat::Is(name) => {
                sha.update([1]);
                sha.update((name.len() as u64).to_be_bytes());
                sha.update(name.as_bytes());
            }
        }
    }
    match pattern.arity {
        Pat::Any => sha.update([0]),
        Pat::Is(arity) => sha.update([1, arity]),
    }
}

impl Display for PolicyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Debug for PolicyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PolicyHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Permission;
    use crate::send::SendRule;
    use crate::spec::PolicySpec;

    fn spec(mode: Mode, rules: &[&str]) -> PolicySpec {
        let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        PolicySpec {
            base: false,
            send: SendRule::any(),
            ..PolicySpec::new(mode, rules)
        }
    }

    fn hash(spec: &PolicySpec) -> PolicyHash {
        Policy::from_spec(spec).unwrap().hash()
    }

    #[test]
    fn the_format_does_not_change_unnoticed() {
        let policy = spec(Mode::Whitelist, &["lists:map/2", "_:stop/0", "os"]);
        assert_eq!(
            hash(&policy).to_string(),
            "297bfe7173bc8e05e460d82ce3776156037e1480953c6ffcc0e5373803f69547"
        );
    }

    #[test]
    fn order_and_comments_do_not_count() {
        let one = spec(Mode::Blacklist, &["os", "file:open/2"]);
        let mut two = spec(Mode::Blacklist, &["file:open/2", "os"]);
        two.comment = Some("the same".into());
        assert_eq!(hash(&one), hash(&two));
    }

    #[test]
    fn all_that_decides_counts() {
        let one = spec(Mode::Blacklist, &["os"]);
        let others = [
            spec(Mode::Whitelist, &["os"]),
            spec(Mode::Whitelist, &["os:cmd/1"]),
            spec(Mode::Whitelist, &["gate os:cmd/1"]),
            spec(Mode::Whitelist, &["args os:cmd/1 [{['_'],[],[true]}]"]),
            spec(Mode::Whitelist, &["args os:cmd/1 [{[a],[],[true]}]"]),
            spec(Mode::Blacklist, &["os:_/1"]),
            spec(Mode::Blacklist, &["_:os"]),
            spec(Mode::Blacklist, &["os", "file"]),
            spec(Mode::Blacklist, &[]),
            PolicySpec {
                spawn: Permission::Deny,
                ..one.clone()
            },
            PolicySpec {
                inherit: false,
                ..one.clone()
            },
            PolicySpec {
                provenance: Some(false),
                ..one.clone()
            },
            PolicySpec {
                on_deny: OnDeny::Kill,
                ..one.clone()
            },
            PolicySpec {
                send: SendRule::only([Target::Own].into()),
                ..one.clone()
            },
            PolicySpec {
                send: SendRule::only([Target::Name("self".into())].into()),
                ..one.clone()
            },
        ];
        for other in &others {
            assert_ne!(hash(&one), hash(other), "{other:?}");
        }
        let hashes: std::collections::BTreeSet<_> =
            others.iter().map(hash).collect();
        assert_eq!(hashes.len(), others.len());
    }

    #[test]
    fn names_cannot_run_into_each_other() {
        // Without their lengths both would be 1 a 1 b 0 0.
        let one = spec(Mode::Blacklist, &["'a\\x{1}b'"]);
        let two = spec(Mode::Blacklist, &["a:'b\\x{0}'"]);
        assert_ne!(hash(&one), hash(&two));
    }
}
