// SPDX-License-Identifier: Apache-2.0
//! How many children the processes under a policy may have at a time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A number of children, counted as they start and end.
pub struct Quota {
    max: usize,
    live: AtomicUsize,
    exceeded: AtomicBool,
}

impl Quota {
    /// At most `max` at a time.
    pub fn new(max: usize) -> Self {
        Quota {
            max,
            live: AtomicUsize::new(0),
            exceeded: AtomicBool::new(false),
        }
    }

    /// Takes a place for a child, if there is one.
    pub fn enter(&self) -> bool {
        if self.live.fetch_add(1, Ordering::Relaxed) < self.max {
            return true;
        }
        self.live.fetch_sub(1, Ordering::Relaxed);
        self.exceeded.store(true, Ordering::Relaxed);
        false
    }

    /// Gives the place of a child back.
    pub fn leave(&self) {
        self.live.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether a child found no place.
    pub fn exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_taken_and_given_back() {
        let quota = Quota::new(2);
        assert!(quota.enter() && quota.enter());
        assert!(!quota.exceeded());
        assert!(!quota.enter());
        assert!(quota.exceeded());
        quota.leave();
        assert!(quota.enter());
        assert!(!quota.enter());
    }
}
