// SPDX-License-Identifier: Apache-2.0
//! What the emulator calls for the guard of the node.

use crate::abi::{self, Eterm};
use crate::guard;
use crate::hooks;
use crate::table::{self, Entry, Origin};
use crate::violations::{self, Peer};

/// A process that another node asked for gets the guard's policy.
pub unsafe extern "C" fn guarded(
    child: Eterm,
    node: Eterm,
    word: *mut u32,
) -> i32 {
    hooks::guard(1, || {
        let Some(policy) = guard::current().and_then(|g| g.policy.clone())
        else {
            return 1;
        };
        let Ok(new) = policy.word() else {
            return 1;
        };
        let origin = Origin::Node(node);
        table::set(child, Entry { policy, origin });
        // SAFETY: the emulator gives a pointer to a number of its own.
        unsafe { *word = new };
        abi::OK
    })
}

/// The guard refused something to another node.
pub extern "C" fn refused(
    node: Eterm,
    target: Eterm,
    module: Eterm,
    function: Eterm,
    arity: u32,
) {
    hooks::guard((), || {
        let guard = guard::current();
        let policy = guard.as_ref().and_then(|guard| guard.policy.as_ref());
        let hash = policy.map_or_else(Default::default, |p| p.hash());
        violations::refused(
            Peer { node, target },
            (module, function, arity),
            hash,
        );
    });
}
