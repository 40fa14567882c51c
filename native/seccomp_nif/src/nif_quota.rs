// SPDX-License-Identifier: Apache-2.0
//! NIFs that limit children.

use rustler::{Encoder, Env, ResourceArc, Term};

use crate::installed;
use crate::nif_policy::{tuple, Handle};

/// The policy once more, for at most so many children at a time.
#[rustler::nif(schedule = "DirtyCpu")]
fn quota_new(env: Env, policy: ResourceArc<Handle>, max: u32) -> Term {
    let limited = installed::with_quota(&policy.policy, max as usize)
        .map(|policy| ResourceArc::new(Handle::from(policy)).encode(env));
    tuple(env, limited)
}

/// Whether there was a child too many.
#[rustler::nif]
fn quota_exceeded(policy: ResourceArc<Handle>) -> bool {
    policy.policy.quota().is_some_and(|quota| quota.exceeded())
}
