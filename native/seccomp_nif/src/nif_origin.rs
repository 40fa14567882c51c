// SPDX-License-Identifier: Apache-2.0
//! NIFs on provenance: for whom the caller acts.

use std::ffi::c_void;
use std::sync::Arc;

use rustler::{Encoder, Env, Term};

use crate::emulator::{self, Unsupported};
use crate::error::{Error, Result};
use crate::installed::Installed;
use crate::nif_policy::facts;
use crate::origins;
use crate::table;
use crate::term;

mod atoms {
    rustler::atoms! { ok, trusted, restricted, unknown, hash }
}

/// The policy that stands behind the caller; an error where nobody knows it.
fn behind(env: Env) -> Result<Option<Arc<Installed>>> {
    let emulator = match emulator::get() {
        Ok(emulator) => emulator,
        // Nobody is restricted there.
        Err(Unsupported::NotPatched | Unsupported::Flavor) => return Ok(None),
        Err(why) => return Err(why.into()),
    };
    let own = table::policy(term::raw(env.pid().encode(env)));
    // SAFETY: this is the environment of the running call.
    let Some(id) = (unsafe { emulator.origin(raw(env)) }) else {
        return Ok(own);
    };
    if origins::learned(id) {
        return Ok(own);
    }
    let origin = origins::find(id).ok_or(Error::UnknownPolicy)?;
    match own {
        Some(own) => own.meet(&origin).map(Some),
        None => Ok(Some(origin)),
    }
}

fn raw(env: Env) -> *mut c_void {
    env.as_c_arg().cast()
}

#[rustler::nif]
fn origin(env: Env) -> Term {
    match behind(env) {
        Ok(None) => atoms::trusted().encode(env),
        Ok(Some(policy)) => {
            let facts = term::map(env, &facts(env, &policy));
            (atoms::restricted(), facts).encode(env)
        }
        Err(Error::Unsupported(why)) => Error::from(why).to_term(env),
        // It may do nothing, so what it starts may do nothing.
        Err(_) => {
            let facts = [("hash", atoms::unknown().encode(env))];
            (atoms::restricted(), term::map(env, &facts)).encode(env)
        }
    }
}

#[rustler::nif]
fn forget_origin(env: Env) -> Term {
    match emulator::get() {
        // SAFETY: this is the environment of the running call.
        Ok(emulator) if unsafe { emulator.forget_origin(raw(env)) } => {
            atoms::ok().encode(env)
        }
        Ok(_) => Error::Restricted("forget its origin").to_term(env),
        Err(Unsupported::NotPatched | Unsupported::Flavor) => {
            atoms::ok().encode(env)
        }
        Err(why) => Error::from(why).to_term(env),
    }
}
