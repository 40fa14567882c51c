// SPDX-License-Identifier: Apache-2.0
//! Denied calls: the newest in a ring, and a count for each policy and
//! function. Both are bounded: recording is on the path of code that wants to
//! do harm.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use dashmap::{DashMap, Entry as MapEntry};
use foldhash::fast::FixedState;
use once_cell::sync::Lazy;
use seccomp_core::PolicyHash;

use crate::abi::Eterm;

/// How many violations the ring remembers.
pub const RING: usize = 1024;
/// How many different pairs of policy and function are counted.
pub const COUNTERS: usize = 16 * 1024;

/// What happened to the call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It was let through.
    Log,
    /// It raised an error.
    Raise,
    /// It ended the process.
    Kill,
    /// The guard refused it to another node.
    Refuse,
}

impl Action {
    /// Each, in the order of its number.
    pub const ALL: [Action; 4] =
        [Action::Log, Action::Raise, Action::Kill, Action::Refuse];
}

/// Module, function and arity, as the emulator gives them.
pub type Call = (Eterm, Eterm, u32);

/// What another node asked for.
#[derive(Clone, Copy)]
pub struct Peer {
    /// The name of the node.
    pub node: Eterm,
    /// For whom it was: a pid, a registered name, or `spawn`.
    pub target: Eterm,
}

/// Whom a denied signal was for: a pid, port or name of this node, or what is
/// known of one of another node.
#[derive(Clone, Copy)]
pub struct Target {
    /// A local pid, port or name.
    pub target: Eterm,
    /// An atom for another node; the empty list for this one.
    pub node: Eterm,
}

/// One denied call.
#[derive(Clone)]
pub struct Violation {
    /// Counts all violations, from 1.
    pub seq: u64,
    /// System time in nanoseconds.
    pub time: u64,
    /// Who made it; nobody here, if there is a peer.
    pub pid: Eterm,
    /// The node that asked for it.
    pub peer: Option<Peer>,
    /// What was called.
    pub call: Call,
    /// Whom it was for, when that is why.
    pub target: Option<Target>,
    /// Under which policy.
    pub policy: PolicyHash,
    /// What happened.
    pub action: Action,
}

static TOTAL: AtomicU64 = AtomicU64::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);
static BY_ACTION: [AtomicU64; Action::ALL.len()] =
    [const { AtomicU64::new(0) }; Action::ALL.len()];
/// How many counters there are.
static KINDS: AtomicUsize = AtomicUsize::new(0);
static SLOTS: [Mutex<Option<Violation>>; RING] =
    [const { Mutex::new(None) }; RING];
/// What is counted: the policy, the call, and the node that asked for it, or 0.
pub type Kind = (PolicyHash, Call, Eterm);

static COUNTS: Lazy<DashMap<Kind, u64, FixedState>> =
    Lazy::new(|| DashMap::with_hasher(FixedState::default()));

/// Remembers a denied call. Never waits for a reader.
pub fn record(
    pid: Eterm,
    call: Call,
    target: Option<Target>,
    policy: PolicyHash,
    action: Action,
) {
    add(pid, None, call, target, policy, action);
}

/// Remembers what the guard refused.
pub fn refused(peer: Peer, call: Call, policy: PolicyHash) {
    add(0, Some(peer), call, None, policy, Action::Refuse);
}

fn add(
    pid: Eterm,
    peer: Option<Peer>,
    call: Call,
    target: Option<Target>,
    policy: PolicyHash,
    action: Action,
) {
    let seq = TOTAL.fetch_add(1, Ordering::Relaxed) + 1;
    BY_ACTION[action as usize].fetch_add(1, Ordering::Relaxed);
    let violation = Violation {
        seq,
        time: now(),
        pid,
        peer,
        call,
        target,
        policy,
        action,
    };
    // A slot that is being read keeps its older violation.
    if let Ok(mut slot) = SLOTS[seq as usize % RING].try_lock() {
        *slot = Some(violation);
    }
    let kind = (policy, call, peer.map_or(0, |peer| peer.node));
    match COUNTS.entry(kind) {
        MapEntry::Occupied(mut count) => *count.get_mut() += 1,
        MapEntry::Vacant(place) => {
            if KINDS.fetch_add(1, Ordering::Relaxed) < COUNTERS {
                place.insert(1);
            } else {
                KINDS.fetch_sub(1, Ordering::Relaxed);
                DROPPED.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_nanos() as u64)
}

/// Numbers that cost nothing to read.
pub struct Totals {
    /// How many violations there were.
    pub total: u64,
    /// How many of them no counter was left for.
    pub dropped: u64,
    /// How many of each action.
    pub by_action: [(Action, u64); Action::ALL.len()],
}

/// How much was recorded so far.
pub fn totals() -> Totals {
    Totals {
        total: TOTAL.load(Ordering::Relaxed),
        dropped: DROPPED.load(Ordering::Relaxed),
        by_action: Action::ALL.map(|action| {
            (action, BY_ACTION[action as usize].load(Ordering::Relaxed))
        }),
    }
}

/// What was recorded.
pub struct Snapshot {
    /// How many violations there were.
    pub total: u64,
    /// How many of them no counter was left for.
    pub dropped: u64,
    /// The newest, oldest first.
    pub ring: Vec<Violation>,
    /// How often each policy denied each function.
    pub counts: Vec<(Kind, u64)>,
}

/// A copy of what is recorded now.
pub fn snapshot() -> Snapshot {
    let mut ring: Vec<Violation> = SLOTS
        .iter()
        .filter_map(|slot| slot.lock().ok().and_then(|slot| slot.clone()))
        .collect();
    ring.sort_by_key(|violation| violation.seq);
    Snapshot {
        total: TOTAL.load(Ordering::Relaxed),
        dropped: DROPPED.load(Ordering::Relaxed),
        ring,
        counts: COUNTS
            .iter()
            .map(|entry| (*entry.key(), *entry.value()))
            .collect(),
    }
}
