// SPDX-License-Identifier: Apache-2.0

//! Equal policies share one object, which lives as long as somebody uses it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::hash::PolicyHash;

/// Below this many entries looking for dead ones is not worth it.
const FIRST_SWEEP: usize = 64;

/// Objects by the hash of their policy. It keeps none of them alive.
#[derive(Debug)]
pub struct Interner<T> {
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    known: HashMap<PolicyHash, Weak<T>>,
    /// The next size at which dead entries are swept.
    sweep_at: usize,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Interner::new()
    }
}

impl<T> Interner<T> {
    /// An interner that knows nothing.
    pub fn new() -> Self {
        Interner {
            state: Mutex::new(State {
                known: HashMap::new(),
                sweep_at: FIRST_SWEEP,
            }),
        }
    }

    /// The living object with this hash, or a new one. Threads that ask at
    /// the same time get the same object, though each may build one.
    pub fn get_or_try_insert<E>(
        &self,
        hash: PolicyHash,
        build: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        if let Some(found) = self.get(&hash) {
            return Ok(found);
        }
        // Built without the lock: a large policy must not make others wait.
        let built = Arc::new(build()?);
        Ok(self.lock().insert(hash, built))
    }

    /// The living object with this hash.
    pub fn get(&self, hash: &PolicyHash) -> Option<Arc<T>> {
        self.lock().known.get(hash).and_then(Weak::upgrade)
    }

    /// How many objects are alive.
    pub fn live(&self) -> usize {
        let state = self.lock();
        state
            .known
            .values()
            .filter(|w| w.strong_count() > 0)
            .count()
    }

    /// No operation leaves the map half changed, so a panic elsewhere in a
    /// thread that holds the lock is no reason to fail here.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// Gives the object that was there first, if it is still alive.
    fn insert(&mut self, hash: PolicyHash, built: Arc<T>) -> Arc<T> {
        if let Some(first) = self.known.get(&hash).and_then(Weak::upgrade) {
            return first;
        }
        self.known.insert(hash, Arc::downgrade(&built));
        // Doubling spreads the cost of a sweep over as many insertions.
        if self.known.len() >= self.sweep_at {
            self.known.retain(|_, weak| weak.strong_count() > 0);
            self.sweep_at = (self.known.len() * 2).max(FIRST_SWEEP);
        }
        built
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    fn hash(number: u64) -> PolicyHash {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        PolicyHash::from_bytes(bytes)
    }

    fn intern(interner: &Interner<u64>, number: u64) -> Arc<u64> {
        let build = || Ok::<_, Infallible>(number);
        interner.get_or_try_insert(hash(number), build).unwrap()
    }

    #[test]
    fn equal_policies_are_one_object() {
        let interner = Interner::new();
        let one = intern(&interner, 1);
        assert!(Arc::ptr_eq(&one, &intern(&interner, 1)));
        assert!(!Arc::ptr_eq(&one, &intern(&interner, 2)));
    }

    #[test]
    fn an_object_dies_with_its_last_user() {
        let interner = Interner::new();
        let one = intern(&interner, 1);
        assert_eq!(interner.live(), 1);
        drop(one);
        assert_eq!(interner.live(), 0);
        assert_eq!(interner.get(&hash(1)), None);
        assert_eq!(*intern(&interner, 1), 1);
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let interner = Interner::<u64>::new();
        let failed = interner.get_or_try_insert(hash(1), || Err("no"));
        assert_eq!(failed, Err("no"));
        assert_eq!(interner.lock().known.len(), 0);
    }

    #[test]
    fn dead_entries_are_swept() {
        let interner = Interner::new();
        let kept = intern(&interner, u64::MAX);
        for number in 0..10_000 {
            intern(&interner, number);
        }
        assert!(interner.lock().known.len() <= FIRST_SWEEP);
        assert!(Arc::ptr_eq(&kept, &intern(&interner, u64::MAX)));
    }

    #[test]
    fn threads_get_the_same_objects() {
        let interner = Interner::new();
        let barrier = Barrier::new(8);
        let work = || {
            barrier.wait();
            (0..500).map(|n| intern(&interner, n)).collect::<Vec<_>>()
        };
        let all: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        for objects in &all {
            for (mine, first) in objects.iter().zip(&all[0]) {
                assert!(Arc::ptr_eq(mine, first));
            }
        }
        assert_eq!(interner.live(), 500);
    }

    #[test]
    fn a_panic_while_building_harms_nobody_else() {
        let interner = Interner::<u64>::new();
        thread::scope(|scope| {
            let broken = scope.spawn(|| {
                let _guard = interner.lock();
                panic!("poisons the lock");
            });
            assert!(broken.join().is_err());
        });
        assert_eq!(*intern(&interner, 1), 1);
    }
}
