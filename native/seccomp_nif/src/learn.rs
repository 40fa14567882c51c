// SPDX-License-Identifier: Apache-2.0
//! What learned processes call. A learner is a policy that allows everything
//! and writes it down; on an emulator without the check a tracer does the
//! same. Nothing that was seen is dropped without being counted as lost.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use dashmap::{DashMap, Entry};
use foldhash::fast::FixedState;

use crate::abi::Eterm;
use crate::violations::{Call, Target};

/// How many different functions are written down. There are far fewer export
/// entries; only calls of functions that do not exist can come near it.
pub const FUNCTIONS: usize = 1 << 20;

/// How many targets are written down; programs that send to more may send to
/// anybody.
pub const TARGETS: usize = 1 << 12;

/// What is known of one function.
#[derive(Clone, Copy, Default)]
pub struct Seen {
    /// How often it was called.
    pub count: u64,
    /// The function that called it first, where the emulator says so.
    pub caller: Option<Call>,
    /// It is a gate, and would have been refused for a fun that came along.
    pub brought_fun: bool,
}

/// The calls of all processes under one learner.
#[derive(Default)]
pub struct Collector {
    calls: DashMap<Call, Seen, FixedState>,
    functions: AtomicUsize,
    lost: AtomicU64,
    children: AtomicU64,
    targets: DashMap<(Eterm, Eterm), (), FixedState>,
    too_many_targets: AtomicBool,
    /// Who started whom, where a tracer has to tell.
    parents: DashMap<Eterm, Eterm, FixedState>,
}

impl Collector {
    /// Writes down a call that the check let through.
    pub fn called(&self, call: Call) {
        self.see(call, |seen| seen.count += 1);
    }

    /// Writes down that a gate would not have been opened.
    pub fn brought_fun(&self, call: Call) {
        self.see(call, |seen| seen.brought_fun = true);
    }

    /// Writes down a call that a tracer saw, `times` being 0 where the check
    /// counts it, too.
    pub fn traced(&self, call: Call, times: u64, caller: Option<Call>) {
        self.see(call, |seen| {
            seen.count += times;
            seen.caller = seen.caller.or(caller);
        });
    }

    fn see(&self, call: Call, note: impl FnOnce(&mut Seen)) {
        match self.calls.entry(call) {
            Entry::Occupied(mut place) => note(place.get_mut()),
            Entry::Vacant(place) => {
                if self.functions.fetch_add(1, Ordering::Relaxed) < FUNCTIONS {
                    let mut seen = Seen::default();
                    note(&mut seen);
                    place.insert(seen);
                } else {
                    self.functions.fetch_sub(1, Ordering::Relaxed);
                    self.lost.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// Notes that a learned process started another one.
    pub fn child(&self) {
        self.children.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes down a target that whitelists do not have anyway.
    pub fn sent(&self, to: Target) {
        if self.targets.len() < TARGETS {
            self.targets.insert((to.target, to.node), ());
        } else if !self.targets.contains_key(&(to.target, to.node)) {
            self.too_many_targets.store(true, Ordering::Relaxed);
        }
    }

    /// All targets, in no order; `None`: there were too many.
    pub fn targets(&self) -> Option<Vec<Target>> {
        if self.too_many_targets.load(Ordering::Relaxed) {
            return None;
        }
        let target = |(target, node)| Target { target, node };
        Some(self.targets.iter().map(|t| target(*t.key())).collect())
    }

    /// Notes who started whom, for [`Collector::are_kin`].
    pub fn started(&self, parent: Eterm, child: Eterm) {
        self.parents.insert(child, parent);
    }

    /// Whether one started the other.
    pub fn are_kin(&self, one: Eterm, other: Eterm) -> bool {
        let parent = |child| self.parents.get(&child).map(|p| *p);
        parent(one) == Some(other) || parent(other) == Some(one)
    }

    /// All functions that were called, in no order.
    pub fn calls(&self) -> Vec<(Call, Seen)> {
        self.calls
            .iter()
            .map(|entry| (*entry.key(), *entry.value()))
            .collect()
    }

    /// Calls that found no place.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// How many processes were started.
    pub fn children(&self) -> u64 {
        self.children.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Call = (1, 2, 3);

    #[test]
    fn calls_are_counted_and_the_first_caller_stays() {
        let collector = Collector::default();
        collector.called(CALL);
        collector.traced(CALL, 0, Some((4, 5, 6)));
        collector.traced(CALL, 1, Some((7, 8, 9)));
        let calls = collector.calls();
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].1.count, 2);
        assert_eq!(calls[0].1.caller, Some((4, 5, 6)));
        assert_eq!(collector.lost(), 0);
    }

    #[test]
    fn too_many_targets_are_told() {
        let collector = Collector::default();
        let to = |target| Target { target, node: 0 };
        for target in 0..TARGETS {
            collector.sent(to(target));
        }
        collector.sent(to(0));
        assert_eq!(collector.targets().map(|t| t.len()), Some(TARGETS));
        collector.sent(to(TARGETS));
        assert!(collector.targets().is_none());
    }

    #[test]
    fn what_finds_no_place_is_counted_as_lost() {
        let collector = Collector::default();
        for arity in 0..=FUNCTIONS as u32 {
            collector.called((1, 2, arity));
        }
        assert_eq!(collector.calls().len(), FUNCTIONS);
        assert_eq!(collector.lost(), 1);
    }
}
