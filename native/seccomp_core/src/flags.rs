// SPDX-License-Identifier: Apache-2.0

//! The byte of a process: E M S I, from the highest bit down.

use std::fmt::{self, Display};

use crate::policy::{Mode, Permission, Policy};

/// The flags that the virtual machine keeps for each process. The four lower
/// bits are unused and zero here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(u8);

impl Flags {
    /// Restricted; without it the others mean nothing.
    pub const E: u8 = 0x80;
    /// Blacklist.
    pub const M: u8 = 0x40;
    /// May not spawn; then I means nothing.
    pub const S: u8 = 0x20;
    /// Children inherit the policy.
    pub const I: u8 = 0x10;

    /// The flags of a process under this policy. A single whitelist makes the
    /// whole deny by default, so M needs every layer to be a blacklist.
    pub fn of(policy: &Policy) -> Flags {
        let blacklist =
            policy.layers().iter().all(|l| l.mode() == Mode::Blacklist);
        let mut bits = Flags::E;
        if blacklist {
            bits |= Flags::M;
        }
        if policy.spawn() == Permission::Deny {
            bits |= Flags::S;
        }
        if policy.inherit() {
            bits |= Flags::I;
        }
        Flags(bits)
    }

    /// The byte.
    pub fn bits(self) -> u8 {
        self.0
    }
}

/// The letters of the bits that are set, as in `E-SI`.
impl Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = [
            (Flags::E, 'E'),
            (Flags::M, 'M'),
            (Flags::S, 'S'),
            (Flags::I, 'I'),
        ];
        let text: String = letters
            .iter()
            .map(|&(bit, c)| if self.0 & bit == 0 { '-' } else { c })
            .collect();
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::PolicySpec;

    #[test]
    fn each_flag_has_its_own_bit() {
        for (mode, m) in [(Mode::Whitelist, 0), (Mode::Blacklist, 0x40)] {
            for (spawn, s) in [(Permission::Allow, 0), (Permission::Deny, 0x20)]
            {
                for (inherit, i) in [(false, 0), (true, 0x10)] {
                    let spec = PolicySpec {
                        spawn,
                        inherit,
                        base: false,
                        ..PolicySpec::new(mode, Vec::new())
                    };
                    let policy = Policy::from_spec(&spec).unwrap();
                    assert_eq!(Flags::of(&policy).bits(), 0x80 | m | s | i);
                }
            }
        }
    }

    #[test]
    fn a_whitelist_among_the_layers_makes_a_whitelist() {
        let make = |mode, rule: &str| {
            let rules = vec![rule.parse().unwrap()];
            Policy::from_spec(&PolicySpec::new(mode, rules)).unwrap()
        };
        let black = make(Mode::Blacklist, "os");
        let white = make(Mode::Whitelist, "lists");
        let both = black.meet(&white).unwrap();
        assert_eq!(both.layers().len(), 2);
        assert_eq!(Flags::of(&both).to_string(), "E--I");
        assert_eq!(Flags::of(&black).to_string(), "EM-I");
    }
}
