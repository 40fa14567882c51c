// SPDX-License-Identifier: Apache-2.0
//! Which process is under which policy.

use std::collections::HashMap;
use std::sync::Arc;

use dashmap::DashMap;
use foldhash::fast::FixedState;
use once_cell::sync::Lazy;
use seccomp_core::PolicyHash;

use crate::abi::Eterm;
use crate::installed::Installed;

/// How a process came by its policy.
#[derive(Clone, Copy)]
pub enum Origin {
    /// This process put it under the policy.
    RestrictedBy(Eterm),
    /// It was started by this restricted process.
    Inherited(Eterm),
    /// It was started by this process on behalf of a restricted one.
    OnBehalf(Eterm),
    /// It was started for this node, under the guard's policy.
    Node(Eterm),
}

/// What is known of a restricted process.
#[derive(Clone)]
pub struct Entry {
    /// Its policy.
    pub policy: Arc<Installed>,
    /// Where that came from.
    pub origin: Origin,
}

impl Entry {
    /// What a process leaves with its policy.
    fn left(&self) {
        let restricted = matches!(self.origin, Origin::RestrictedBy(_));
        if let (Some(quota), false) = (self.policy.quota(), restricted) {
            quota.leave();
        }
    }
}

static TABLE: Lazy<DashMap<Eterm, Entry, FixedState>> =
    Lazy::new(|| DashMap::with_hasher(FixedState::default()));

/// The entry of a process. Copied, so that no lock is held by the caller.
pub fn get(pid: Eterm) -> Option<Entry> {
    TABLE.get(&pid).map(|entry| entry.clone())
}

/// The policy of a process.
pub fn policy(pid: Eterm) -> Option<Arc<Installed>> {
    TABLE.get(&pid).map(|entry| entry.policy.clone())
}

/// Puts a process under a policy.
pub fn set(pid: Eterm, entry: Entry) {
    // The former policy may die here: not under the lock.
    let former = TABLE.insert(pid, entry);
    if let Some(entry) = &former {
        entry.left();
    }
    drop(former);
}

/// Forgets a process.
pub fn remove(pid: Eterm) {
    let former = TABLE.remove(&pid);
    if let Some((_, entry)) = &former {
        entry.left();
    }
    drop(former);
}

/// The processes under this very policy, or counted with them, in no order.
pub fn pids_under(policy: &Arc<Installed>) -> Vec<Eterm> {
    TABLE
        .iter()
        .filter(|entry| entry.policy.belongs_to(policy))
        .map(|entry| *entry.key())
        .collect()
}

/// The policies that processes are under, with how many each has, in no order.
pub fn policies() -> Vec<(Arc<Installed>, usize)> {
    let mut found: HashMap<PolicyHash, (Arc<Installed>, usize), FixedState> =
        HashMap::default();
    for entry in TABLE.iter() {
        let policy = &entry.policy;
        let of_hash = found
            .entry(policy.hash())
            .or_insert_with(|| (Arc::clone(policy), 0));
        of_hash.1 += 1;
    }
    found.into_values().collect()
}

/// How many processes are restricted.
pub fn len() -> usize {
    TABLE.len()
}

/// All restricted processes, in no order.
pub fn pids() -> Vec<Eterm> {
    TABLE.iter().map(|entry| *entry.key()).collect()
}
