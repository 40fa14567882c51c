// SPDX-License-Identifier: Apache-2.0
//! A policy's rule for sending, as the emulator reads it.

use seccomp_core::{AtomTable, Error as CoreError, SendRule, Target, Targets};

use crate::abi::{self, Eterm};

/// What the pointers of a set point to.
struct Terms {
    pids: Box<[Eterm]>,
    names: Box<[Eterm]>,
    remote: Box<[Eterm]>,
    kinds: u32,
}

/// A rule in memory that never moves.
pub struct Rule {
    rule: Box<abi::SendRule>,
    _sets: Box<[abi::SendSet]>,
    _terms: Vec<Terms>,
}

// SAFETY: nothing is written after `new`, and all that is pointed to is owned.
unsafe impl Send for Rule {}
// SAFETY: as above.
unsafe impl Sync for Rule {}

impl Rule {
    /// None for a rule that allows everything.
    pub fn new(
        rule: &SendRule,
        atoms: &dyn AtomTable,
    ) -> Result<Option<Self>, CoreError> {
        if rule.is_any() {
            return Ok(None);
        }
        let terms = rule
            .lists()
            .iter()
            .map(|list| Terms::new(list, atoms))
            .collect::<Result<Vec<_>, _>>()?;
        let sets: Box<[abi::SendSet]> = terms.iter().map(Terms::set).collect();
        Ok(Some(Rule {
            rule: Box::new(abi::SendRule {
                n_sets: sets.len() as u32,
                sets: sets.as_ptr(),
            }),
            _sets: sets,
            _terms: terms,
        }))
    }

    /// For the emulator, while this lives.
    pub fn as_ptr(&self) -> *const abi::SendRule {
        &*self.rule
    }
}

impl Terms {
    fn new(
        targets: &Targets,
        atoms: &dyn AtomTable,
    ) -> Result<Self, CoreError> {
        let mut kinds = 0;
        let (mut pids, mut names, mut remote) = (vec![], vec![], vec![]);
        let atom = |name: &str| atoms.atom(name).map(|atom| atom as Eterm);
        for target in targets {
            match target {
                Target::Own => kinds |= abi::SEND_SELF,
                Target::Parent => kinds |= abi::SEND_PARENT,
                Target::Children => kinds |= abi::SEND_CHILDREN,
                Target::Replies => kinds |= abi::SEND_REPLIES,
                Target::GroupLeader => kinds |= abi::SEND_GROUP_LEADER,
                Target::Pid(_, pid) => pids.push(*pid as Eterm),
                Target::Name(name) => names.push(atom(name)?),
                Target::Remote(name, node) => {
                    remote.extend([atom(name)?, atom(node)?]);
                }
            }
        }
        Ok(Terms {
            pids: pids.into(),
            names: names.into(),
            remote: remote.into(),
            kinds,
        })
    }

    fn set(&self) -> abi::SendSet {
        abi::SendSet {
            kinds: self.kinds,
            n_pids: self.pids.len() as u32,
            n_names: self.names.len() as u32,
            n_remote: (self.remote.len() / 2) as u32,
            pids: self.pids.as_ptr(),
            names: self.names.as_ptr(),
            remote: self.remote.as_ptr(),
        }
    }
}
