// SPDX-License-Identifier: Apache-2.0
//! The guard of the node: what other nodes may do to it. The emulator has a
//! copy of the names and decides; here is the policy of what they spawn.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::abi::{GuardCall, GuardName, GUARD_SPAWN};
use crate::emulator::Emulator;
use crate::error::{Error, Result};
use crate::installed::Installed;

/// What other nodes may do.
pub struct Guard {
    /// The flags `GUARD_*` of the emulator.
    pub flags: u32,
    /// The policy of what they spawn, if they may.
    pub policy: Option<Arc<Installed>>,
    /// What they may do to processes with these names, sorted.
    pub names: Vec<GuardName>,
    /// The functions that they may call, under no policy of the guard.
    pub calls: Vec<GuardCall>,
}

static CURRENT: RwLock<Option<Arc<Guard>>> = RwLock::new(None);
/// Held while the guard is changed here and in the emulator.
static CHANGING: Mutex<()> = Mutex::new(());

/// The guard that is set.
pub fn current() -> Option<Arc<Guard>> {
    CURRENT
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

fn store(guard: Option<Arc<Guard>>) -> Option<Arc<Guard>> {
    let mut current = CURRENT.write().unwrap_or_else(PoisonError::into_inner);
    std::mem::replace(&mut *current, guard)
}

/// Sets the guard, in place of any other.
pub fn set(emulator: &Emulator, mut guard: Guard) -> Result<()> {
    guard.names.sort_by_key(|entry| entry.name);
    let number = match &guard.policy {
        Some(policy) => {
            guard.flags |= GUARD_SPAWN;
            policy.word()? >> crate::abi::POLICY_SHIFT
        }
        None => 0,
    };
    let _changing = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
    let guard = Arc::new(guard);
    // Here first: the emulator asks as soon as it has it.
    let former = store(Some(Arc::clone(&guard)));
    if emulator.guard(guard.flags, number, &guard.names, &guard.calls) {
        return Ok(());
    }
    store(former);
    Err(Error::OutOfMemory)
}

/// Takes the guard away.
pub fn unset(emulator: &Emulator) {
    let _changing = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
    // There first: nothing may be asked about once it is gone here.
    emulator.guard(0, 0, &[], &[]);
    store(None);
}
