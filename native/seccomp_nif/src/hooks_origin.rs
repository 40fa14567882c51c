// SPDX-License-Identifier: Apache-2.0
//! What the emulator asks about provenance.

use crate::abi::{self, Eterm};
use crate::error::{Error, Result};
use crate::hooks::guard;
use crate::origins;
use crate::table::{self, Entry, Origin};

/// The word of a child whose parent acts for an origin.
fn child_word(
    parent: Eterm,
    child: Eterm,
    inherits: bool,
    id: origins::Id,
) -> Result<u32> {
    let own = if inherits {
        Some(table::policy(parent).ok_or(Error::UnknownPolicy)?)
    } else {
        None
    };
    let policy = if origins::learned(id) {
        own
    } else {
        let policy = origins::find(id).ok_or(Error::UnknownPolicy)?;
        Some(match own {
            Some(own) => own.meet(&policy)?,
            None => policy,
        })
    };
    let Some(policy) = policy else {
        return Ok(0);
    };
    policy.enter()?;
    let word = policy.word()?;
    let origin = Origin::OnBehalf(parent);
    table::set(child, Entry { policy, origin });
    Ok(word)
}

/// See [`abi::Hooks::inherit_origin`].
pub unsafe extern "C" fn inherit_origin(
    parent: Eterm,
    child: Eterm,
    inherits: i32,
    origin: u32,
    word: *mut u32,
) -> i32 {
    guard(1, || {
        match child_word(parent, child, inherits != 0, origin) {
            Ok(new) => {
                // SAFETY: the emulator gives a pointer to a number of its own.
                unsafe { *word = new };
                abi::OK
            }
            Err(_) => 1,
        }
    })
}

/// See [`abi::Hooks::meet_origins`].
pub extern "C" fn meet_origins(one: u32, other: u32) -> u32 {
    guard(abi::UNKNOWN_ORIGIN, || origins::meet(one, other))
}
