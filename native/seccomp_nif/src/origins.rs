// SPDX-License-Identifier: Apache-2.0
//! The numbers that messages carry instead of a policy, and what they mean.
//!
//! A message may arrive when its sender and the policy are gone already, so
//! the policies that died last are kept for a while. A number that is not
//! found stands for a policy that denies everything. Numbers are never given
//! to another policy.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use once_cell::sync::Lazy;
use seccomp_core::{Policy, PolicyHash};

use crate::abi;
use crate::installed::{self, Installed};

/// How many dead policies are kept, and how many patterns they may have in
/// all: some have a million.
const GRAVES: usize = 1024;
const GRAVE_PATTERNS: usize = 1 << 20;

/// How many meets are kept at hand. Each is a living policy.
const MEETS: usize = 1024;

/// The number of a policy with provenance, or [`abi::UNKNOWN_ORIGIN`].
pub type Id = u32;

struct Known {
    policy: Arc<Policy>,
    hash: PolicyHash,
    /// How many objects there are for it: two threads may make the same.
    living: usize,
    /// Which of its deaths the newest grave is for.
    deaths: u64,
    /// The one object, where equal policies are not the same.
    alone: Option<Weak<Installed>>,
    learns: bool,
}

struct Origins {
    next: Id,
    by_hash: HashMap<PolicyHash, Id>,
    known: HashMap<Id, Known>,
    /// The dead, oldest first. A grave counts when its policy has not lived
    /// since.
    graves: VecDeque<(Id, PolicyHash, u64)>,
    grave_patterns: usize,
}

static ORIGINS: Lazy<Mutex<Origins>> = Lazy::new(|| {
    Mutex::new(Origins {
        next: abi::UNKNOWN_ORIGIN + 1,
        by_hash: HashMap::new(),
        known: HashMap::new(),
        graves: VecDeque::new(),
        grave_patterns: 0,
    })
});

type Meets = HashMap<(Id, Id), Arc<Installed>>;

static MET: Lazy<Mutex<Meets>> = Lazy::new(Mutex::default);

/// No operation leaves the state half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn patterns(policy: &Policy) -> usize {
    policy.layers().iter().map(|l| l.entries().len()).sum()
}

impl Origins {
    fn take_number(&mut self) -> Option<Id> {
        let id = self.next;
        if id > abi::MAX_ORIGIN {
            return None;
        }
        self.next += 1;
        Some(id)
    }

    fn lives(&mut self, id: Id, policy: &Arc<Policy>, hash: PolicyHash) {
        let known = self.known.entry(id).or_insert_with(|| Known {
            policy: Arc::clone(policy),
            hash,
            living: 0,
            deaths: 0,
            alone: None,
            learns: false,
        });
        known.living += 1;
    }
}

/// An object for this policy begins to live. Equal policies have one number.
pub fn born(policy: &Arc<Policy>, hash: PolicyHash) -> Id {
    let mut origins = lock(&ORIGINS);
    let id = match origins.by_hash.get(&hash) {
        Some(id) => *id,
        None => {
            let Some(id) = origins.take_number() else {
                return abi::UNKNOWN_ORIGIN;
            };
            origins.by_hash.insert(hash, id);
            id
        }
    };
    origins.lives(id, policy, hash);
    id
}

/// The same for one that shares its number with no other.
pub fn born_alone(policy: &Arc<Policy>, hash: PolicyHash, learns: bool) -> Id {
    let mut origins = lock(&ORIGINS);
    let Some(id) = origins.take_number() else {
        return abi::UNKNOWN_ORIGIN;
    };
    origins.lives(id, policy, hash);
    if let Some(known) = origins.known.get_mut(&id) {
        known.learns = learns;
        // None to be found yet: it is still being made.
        known.alone = Some(Weak::new());
    }
    id
}

/// This is the object of [`born_alone`].
pub fn stands_for(id: Id, object: &Arc<Installed>) {
    if let Some(known) = lock(&ORIGINS).known.get_mut(&id) {
        known.alone = Some(Arc::downgrade(object));
    }
}

/// Whether it is the number of a learner that learns no more. What acts for
/// it is as trusted as those that were learned from.
pub fn learned(id: Id) -> bool {
    let origins = lock(&ORIGINS);
    origins
        .known
        .get(&id)
        .is_some_and(|known| known.learns && known.living == 0)
}

/// The object is gone. Its policy is kept, but not for ever.
pub fn died(id: Id, hash: PolicyHash) {
    // What is thrown away here may be large: not under the lock.
    let mut forgotten = Vec::new();
    let mut origins = lock(&ORIGINS);
    let Some(known) = origins.known.get_mut(&id) else {
        return;
    };
    known.living = known.living.saturating_sub(1);
    if known.living > 0 {
        return;
    }
    known.deaths += 1;
    let deaths = known.deaths;
    let size = patterns(&known.policy);
    origins.grave_patterns += size;
    origins.graves.push_back((id, hash, deaths));
    while origins.graves.len() > GRAVES
        || origins.grave_patterns > GRAVE_PATTERNS && origins.graves.len() > 1
    {
        let Some((id, hash, death)) = origins.graves.pop_front() else {
            break;
        };
        let Some(known) = origins.known.get(&id) else {
            continue;
        };
        let (size, last) = (
            patterns(&known.policy),
            known.living == 0 && known.deaths == death,
        );
        origins.grave_patterns = origins.grave_patterns.saturating_sub(size);
        if last {
            if origins.by_hash.get(&hash) == Some(&id) {
                origins.by_hash.remove(&hash);
            }
            forgotten.extend(origins.known.remove(&id));
        }
    }
    drop(origins);
    drop(forgotten);
}

/// The policy of a number; it lives again if it was dead.
pub fn find(id: Id) -> Option<Arc<Installed>> {
    let (policy, alone) = {
        let origins = lock(&ORIGINS);
        let known = origins.known.get(&id)?;
        (Arc::clone(&known.policy), known.alone.clone())
    };
    match alone.and_then(|object| object.upgrade()) {
        Some(object) => Some(object),
        None => installed::install_shared(policy).ok(),
    }
}

/// The hash of a number's policy.
pub fn hash(id: Id) -> Option<PolicyHash> {
    lock(&ORIGINS).known.get(&id).map(|known| known.hash)
}

/// The number of the policy with this hash.
pub fn named(hash: &PolicyHash) -> Option<Id> {
    lock(&ORIGINS).by_hash.get(hash).copied()
}

/// The readable form of a number's policy.
pub fn policy(id: Id) -> Option<Arc<Policy>> {
    let origins = lock(&ORIGINS);
    origins
        .known
        .get(&id)
        .map(|known| Arc::clone(&known.policy))
}

/// The next number to be given.
pub fn next() -> Id {
    lock(&ORIGINS).next
}

/// The next number to be given, and the hashes of all policies that have one
/// from the first on.
pub fn from(first: Id) -> (Id, Vec<PolicyHash>) {
    let origins = lock(&ORIGINS);
    if first == origins.next {
        return (first, Vec::new());
    }
    let newer = origins.known.iter().filter(|(id, _)| **id >= first);
    (origins.next, newer.map(|(_, known)| known.hash).collect())
}

/// The number of the meet of two.
pub fn meet(one: Id, other: Id) -> Id {
    if one == other || learned(other) {
        return one;
    }
    if learned(one) {
        return other;
    }
    let pair = (one.min(other), one.max(other));
    let found = lock(&MET).get(&pair).map(|met| met.origin());
    found
        .unwrap_or_else(|| {
            let met = find(pair.0)?.meet(&find(pair.1)?).ok()?;
            remember(pair, &met);
            met.origin()
        })
        .unwrap_or(abi::UNKNOWN_ORIGIN)
}

fn remember(pair: (Id, Id), met: &Arc<Installed>) {
    // Policies may die with this: not under the lock.
    let mut old = HashMap::new();
    let mut all = lock(&MET);
    if all.len() >= MEETS {
        std::mem::swap(&mut old, &mut *all);
    }
    let former = all.insert(pair, Arc::clone(met));
    drop(all);
    drop((old, former));
}
