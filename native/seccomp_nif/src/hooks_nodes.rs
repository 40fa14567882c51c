// SPDX-License-Identifier: Apache-2.0
//! What the emulator asks about provenance between nodes.

use std::slice;

use seccomp_core::PolicyHash;

use crate::abi::{self, Eterm};
use crate::error::{Error, Result};
use crate::hooks::guard;
use crate::origins;
use crate::table::{self, Entry, Origin};

/// How long the hash of a policy is.
const HASH: usize = 32;

/// See [`abi::Hooks::hash_of_origin`].
pub unsafe extern "C" fn hash_of_origin(origin: u32, hash: *mut u8) -> i32 {
    guard(1, || match origins::hash(origin) {
        Some(found) => {
            // SAFETY: the emulator gives room for a hash.
            let room = unsafe { slice::from_raw_parts_mut(hash, HASH) };
            room.copy_from_slice(found.as_bytes());
            abi::OK
        }
        None => 1,
    })
}

/// See [`abi::Hooks::origin_of_hash`].
pub unsafe extern "C" fn origin_of_hash(hash: *const u8) -> u32 {
    guard(abi::UNKNOWN_ORIGIN, || {
        // SAFETY: the emulator gives a hash.
        let bytes = unsafe { slice::from_raw_parts(hash, HASH) };
        <[u8; HASH]>::try_from(bytes)
            .ok()
            .and_then(|bytes| origins::named(&PolicyHash::from_bytes(bytes)))
            .unwrap_or(abi::UNKNOWN_ORIGIN)
    })
}

/// The word of a process that another node asked for.
fn child_word(
    child: Eterm,
    node: Eterm,
    id: origins::Id,
    word: u32,
) -> Result<u32> {
    let mut policy = origins::find(id).ok_or(Error::UnknownPolicy)?;
    if word & abi::E != 0 {
        let own = table::policy(child).ok_or(Error::UnknownPolicy)?;
        policy = own.meet(&policy)?;
    }
    policy.enter()?;
    let word = policy.word()?;
    let origin = Origin::Node(node);
    table::set(child, Entry { policy, origin });
    Ok(word)
}

/// See [`abi::Hooks::remote_child`].
pub unsafe extern "C" fn remote_child(
    child: Eterm,
    node: Eterm,
    origin: u32,
    word: *mut u32,
) -> i32 {
    guard(1, || {
        // SAFETY: the emulator gives a pointer to a number of its own.
        let word = unsafe { &mut *word };
        match child_word(child, node, origin, *word) {
            Ok(new) => {
                *word = new;
                abi::OK
            }
            Err(_) => 1,
        }
    })
}
