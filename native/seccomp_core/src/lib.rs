// SPDX-License-Identifier: Apache-2.0

//! Policies over the functions that a BEAM process may call.
//!
//! This crate knows no Erlang terms and no virtual machine. Names are text
//! while a policy is read and explained; they become opaque numbers, given by
//! an [`AtomTable`], when it is compiled for deciding calls.
//!
//! # Semantics
//!
//! 1. A *pattern* is a module, a function and an arity; each may be `_`. It
//!    matches a call when all three places do (*and*).
//! 2. A *layer* is a set of patterns. It matches when any of them does (*or*).
//! 3. A whitelist layer allows what it matches, and denies by default.
//! 4. A blacklist layer denies what it matches, and allows by default.
//! 5. A *policy* is 1 to [`MAX_LAYERS`] layers, at most one of them a
//!    blacklist. It allows what every layer allows (*and*).
//! 6. Order never matters, neither of rules nor of layers.
//! 7. The *meet* of two policies allows exactly what both allow. It may spawn
//!    if both may, children inherit it if either says so, and a denied call
//!    meets the stricter of both reactions (`log` < `raise` < `kill`).
//!    It may send to what both may send to.
//! 8. A *group* stands for its members. A whitelist holds `@base` unless the
//!    user leaves it out.
//! 9. A *gate* is one function that a whitelist allows, and with it all that
//!    the function calls until it returns. In a meet it is one if it is one
//!    in every layer; otherwise it is a function that is allowed.
//! 10. A rule may look at *arguments*: a match specification on the list of
//!     them, for one function. A whitelist with such rules allows the function
//!     only with arguments that one of them accepts, whatever else it says of
//!     the function; a blacklist denies it with those as well.
//! 11. What cannot be understood is an error, never a rule left out; what
//!     cannot be decided is denied.
//! 12. Two policies are the same when they decide alike by the same patterns:
//!     [`PolicyHash`] looks at patterns, gates, match specifications, flags
//!     and reaction, not at comments or at where a pattern came from.
//!
//! # From text to verdict
//!
//! [`PolicySpec`] (what a user writes, also as JSON) becomes a [`Policy`] (the
//! readable form, which can be met, hashed, dumped and explained), and that a
//! [`Compiled`] policy (sets of numbers, which decides calls).

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

mod args;
mod compile;
mod dump;
mod error;
mod explain;
mod file;
mod flags;
mod form;
mod gate;
mod group;
mod group_doc;
mod hash;
mod intern;
mod json;
mod json_send;
mod layer;
mod literal;
mod literal_text;
mod located;
mod meet;
mod node;
mod node_json;
mod node_terms;
mod policy;
mod rule;
mod rule_text;
mod send;
mod spec;
mod suggest;
mod verdict;
mod wire;

pub use args::{Answer, ArgSpec};
pub use compile::{AtomTable, Compiled, Mfa};
pub use error::Error;
pub use explain::{Explanation, LayerReason};
pub use file::{
    includes, FileError, Place, PolicyFile, MAX_FILES, MAX_FILE_BYTES,
};
pub use flags::Flags;
pub use form::Form;
pub use group::{Expanded, Group, Groups, Member};
pub use hash::PolicyHash;
pub use intern::Interner;
pub use layer::{Entry, Layer, Origin};
pub use policy::{Mode, OnDeny, Permission, Policy, MAX_LAYERS};
pub use rule::{Pat, Pattern, Rule};
pub use send::{SendRule, Target, Targets, MAX_TARGETS};
pub use spec::{PolicySpec, Unknown};
pub use suggest::suggest;
pub use verdict::{Decision, Verdict};
pub use wire::MAX_PATTERNS;
