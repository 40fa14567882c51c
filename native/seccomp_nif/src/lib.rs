// SPDX-License-Identifier: Apache-2.0
//! The bridge between three parties: Erlang, through NIFs; the patched
//! emulator, through the functions of `erl_seccomp.h`; and `seccomp_core`,
//! which knows what policies mean.
//!
//! ```text
//!  Erlang ----> nif_policy, nif_process ----> installed ----> seccomp_core
//!                  |  (term: shapes)             ^
//!                  v                             |
//!  emulator <-- emulator     hooks ----> table --+--> violations
//!      |                       ^
//!      +-----------------------+
//! ```

#![deny(missing_docs)]
#![deny(unsafe_op_in_unsafe_fn)]

mod abi;
mod args;
mod bits;
mod emulator;
mod error;
mod guard;
mod hooks;
mod hooks_guard;
mod hooks_nodes;
mod hooks_origin;
mod hooks_send;
mod installed;
mod learn;
mod nif_file;
mod nif_guard;
mod nif_learn;
mod nif_nodes;
mod nif_origin;
mod nif_policy;
mod nif_process;
mod nif_quota;
mod nif_watch;
mod origins;
mod quota;
mod send;
mod table;
mod term;
mod term_rule;
mod violations;

use rustler::{Env, Term};

/// Registers with the emulator at once, so that the answer to "does this
/// emulator enforce?" never changes.
fn load(_env: Env, _info: Term) -> bool {
    // A stock emulator is no reason to fail: policies can be checked there.
    let _ = emulator::get();
    // Read now rather than in the first policy; an error is told there.
    let _ = seccomp_core::Groups::shipped();
    true
}

rustler::init!("seccomp_nif", load = load);
