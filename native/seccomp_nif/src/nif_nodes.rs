// SPDX-License-Identifier: Apache-2.0
//! NIFs that carry policies between nodes.

use rustler::{Binary, Encoder, Env, NewBinary, ResourceArc, Term};
use seccomp_core::{Policy, PolicyHash};

use crate::error::{bad_term, Result};
use crate::installed;
use crate::nif_policy::{tuple, Handle};
use crate::origins;
use crate::term;

mod atoms {
    rustler::atoms! { none }
}

/// The most bytes that a policy of another node may take.
const MAX_BYTES: usize = 1 << 20;

fn hash(term: Term) -> Result<PolicyHash> {
    term.decode::<Binary>()
        .ok()
        .and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok())
        .map(PolicyHash::from_bytes)
        .ok_or_else(|| bad_term("bad_hash", "a hash is a binary of 32 bytes"))
}

fn binary<'a>(env: Env<'a>, bytes: &[u8]) -> Term<'a> {
    let mut binary = NewBinary::new(env, bytes.len());
    binary.as_mut_slice().copy_from_slice(bytes);
    Binary::from(binary).encode(env)
}

/// The number that the next policy will get.
#[rustler::nif]
fn origins_next() -> u32 {
    origins::next()
}

/// The hashes of all policies that messages may name and whose number is not
/// below the given one, and the number to ask for next time.
#[rustler::nif(schedule = "DirtyCpu")]
fn origins_from(env: Env, first: u32) -> Term {
    let (next, hashes) = origins::from(first);
    let hashes: Vec<Term> = hashes
        .iter()
        .map(|hash| binary(env, hash.as_bytes()))
        .collect();
    (next, term::list(env, &hashes)).encode(env)
}

fn written<'a>(env: Env<'a>, named: Term<'a>) -> Result<Term<'a>> {
    let hash = hash(named)?;
    match origins::named(&hash).and_then(origins::policy) {
        Some(policy) => Ok(binary(env, policy.to_wire()?.as_bytes())),
        None => Ok(atoms::none().to_term(env)),
    }
}

/// The policy of this hash as other nodes read it, or `none`.
#[rustler::nif(schedule = "DirtyCpu")]
fn policy_to_wire<'a>(env: Env<'a>, hash: Term<'a>) -> Term<'a> {
    tuple(env, written(env, hash))
}

fn read<'a>(env: Env<'a>, named: Term<'a>, text: Term<'a>) -> Result<Term<'a>> {
    let hash = hash(named)?;
    let bytes: Binary = text
        .decode()
        .map_err(|_| bad_term("bad_policy", "a policy is a binary"))?;
    if bytes.len() > MAX_BYTES {
        return Err(bad_term("bad_policy", "too large"));
    }
    let text = std::str::from_utf8(bytes.as_slice())
        .map_err(|_| bad_term("bad_policy", "not in UTF-8"))?;
    let policy = Policy::from_wire(text)?;
    // Whatever the other node says: a policy is what it is here.
    if policy.hash() != hash || !policy.provenance() {
        return Err(bad_term("bad_policy", "not the one that it is named"));
    }
    let installed = installed::install(policy)?;
    Ok(ResourceArc::new(Handle::from(installed)).encode(env))
}

/// Takes a policy of another node; it lives as long as the handle.
#[rustler::nif(schedule = "DirtyCpu")]
fn policy_from_wire<'a>(
    env: Env<'a>,
    hash: Term<'a>,
    text: Term<'a>,
) -> Term<'a> {
    tuple(env, read(env, hash, text))
}
