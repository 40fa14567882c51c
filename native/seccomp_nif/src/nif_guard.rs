// SPDX-License-Identifier: Apache-2.0
//! NIFs on the guard of the node.

use std::sync::Arc;

use rustler::{Encoder, Env, ResourceArc, Term};

use crate::abi::{self, GuardCall, GuardName};
use crate::emulator::{self, Emulator};
use crate::error::{bad_term, Error, Result};
use crate::guard::{self, Guard};
use crate::nif_policy::Handle;
use crate::term;

mod atoms {
    rustler::atoms! { ok, deny, off, closed, any, known, answers, none, listed }
}

/// A process under a policy changes nothing of what others may do.
fn trusted(env: Env) -> Result<&'static Emulator> {
    let emulator = emulator::get()?;
    let caller = term::raw(env.pid().encode(env));
    if emulator.word(caller).is_none_or(|word| word & abi::E != 0) {
        return Err(Error::Restricted("change what other nodes may do"));
    }
    Ok(emulator)
}

fn name(term: Term) -> Result<GuardName> {
    let bad = || bad_term("bad_guard", "names are {Atom, Rights}");
    let (name, rights): (Term, u32) = term.decode().map_err(|_| bad())?;
    if !name.is_atom() {
        return Err(bad());
    }
    Ok(GuardName {
        name: term::raw(name),
        rights: rights as usize,
    })
}

fn call(term: Term) -> Result<GuardCall> {
    let bad = || bad_term("bad_guard", "calls are {Module, Function, Arity}");
    let (module, function, arity): (Term, Term, u8) =
        term.decode().map_err(|_| bad())?;
    if !module.is_atom() || !function.is_atom() {
        return Err(bad());
    }
    Ok(GuardCall {
        module: term::raw(module),
        function: term::raw(function),
        arity: arity.into(),
    })
}

fn set<'a>(
    env: Env<'a>,
    policy: Term<'a>,
    (names, other_names): (Term<'a>, Term<'a>),
    pids: Term<'a>,
    calls: Term<'a>,
) -> Result<Term<'a>> {
    let emulator = trusted(env)?;
    let policy = if atoms::deny() == policy {
        None
    } else {
        let handle: ResourceArc<Handle> = policy
            .decode()
            .map_err(|_| bad_term("bad_guard", "spawn is deny or a policy"))?;
        Some(Arc::clone(&handle.policy))
    };
    // Never 0, which stands for no guard at all.
    let mut flags = abi::GUARD_SET;
    if atoms::any() == other_names {
        flags |= abi::GUARD_ANY_NAME;
    }
    if atoms::any() == pids {
        flags |= abi::GUARD_ANY_PID;
    } else if atoms::known() == pids {
        flags |= abi::GUARD_GIVEN_PID;
    } else if atoms::answers() == pids {
        flags |= abi::GUARD_GIVEN_PID | abi::GUARD_ANSWERS;
    }
    let bad = |why| move |_| bad_term("bad_guard", why);
    let names = term::proper_list(names).map_err(bad("names are a list"))?;
    let names = names.into_iter().map(name).collect::<Result<Vec<_>>>()?;
    let calls = term::proper_list(calls).map_err(bad("calls are a list"))?;
    let calls = calls.into_iter().map(call).collect::<Result<Vec<_>>>()?;
    guard::set(
        emulator,
        Guard {
            flags,
            policy,
            names,
            calls,
        },
    )?;
    Ok(atoms::ok().to_term(env))
}

#[rustler::nif]
fn guard_set<'a>(
    env: Env<'a>,
    policy: Term<'a>,
    names: Term<'a>,
    other_names: Term<'a>,
    pids: Term<'a>,
    calls: Term<'a>,
) -> Term<'a> {
    set(env, policy, (names, other_names), pids, calls)
        .unwrap_or_else(|error| error.to_term(env))
}

#[rustler::nif]
fn guard_unset(env: Env) -> Term {
    match trusted(env) {
        Ok(emulator) => {
            guard::unset(emulator);
            atoms::ok().to_term(env)
        }
        Err(error) => error.to_term(env),
    }
}

fn state(env: Env) -> Result<Term> {
    let (flags, refused) = emulator::get()?.guard_flags();
    let refused = ("refused_at_boot", refused.encode(env));
    let status = if flags == 0 {
        atoms::off()
    } else if flags & abi::GUARD_CLOSED != 0 {
        atoms::closed()
    } else {
        atoms::ok()
    };
    let mut pairs = vec![("status", status.encode(env)), refused];
    if let Some(guard) = guard::current() {
        let names: Vec<Term> = guard
            .names
            .iter()
            .map(|entry| {
                (term::immediate(env, entry.name), entry.rights).encode(env)
            })
            .collect();
        let calls: Vec<Term> = guard
            .calls
            .iter()
            .map(|call| {
                let module = term::immediate(env, call.module);
                let function = term::immediate(env, call.function);
                (module, function, call.arity).encode(env)
            })
            .collect();
        let pids = match guard.flags {
            flags if flags & abi::GUARD_ANY_PID != 0 => atoms::any(),
            flags if flags & abi::GUARD_ANSWERS != 0 => atoms::answers(),
            flags if flags & abi::GUARD_GIVEN_PID != 0 => atoms::known(),
            _ => atoms::none(),
        };
        let others = match guard.flags & abi::GUARD_ANY_NAME {
            0 => atoms::listed(),
            _ => atoms::any(),
        };
        let spawn = match &guard.policy {
            Some(policy) => policy.hash().to_string().encode(env),
            None => atoms::deny().encode(env),
        };
        pairs.push(("names", term::list(env, &names)));
        pairs.push(("calls", term::list(env, &calls)));
        pairs.push(("other_names", others.encode(env)));
        pairs.push(("pids", pids.encode(env)));
        pairs.push(("spawn", spawn));
    }
    Ok(term::map(env, &pairs))
}

#[rustler::nif]
fn guard_state(env: Env) -> Term {
    state(env).unwrap_or_else(|error| error.to_term(env))
}
