// SPDX-License-Identifier: Apache-2.0
//! What the emulator calls. Every answer that is not clear is a refusal, and
//! no panic crosses into C.

use std::ffi::c_void;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;

use rustler::OwnedEnv;
use seccomp_core::Decision;

use crate::abi::{self, Eterm, Hooks};
use crate::error::{self, Error, Result};
use crate::hooks_guard;
use crate::hooks_nodes;
use crate::hooks_origin;
use crate::hooks_send;
use crate::installed::{self, Installed};
use crate::table::{self, Entry, Origin};
use crate::term;
use crate::violations;

/// Our side of the interface.
pub static HOOKS: Hooks = Hooks {
    abi: abi::ABI,
    decide,
    decide_spawn,
    apply,
    cancel,
    status,
    inherit,
    exited,
    inherit_origin: hooks_origin::inherit_origin,
    meet_origins: hooks_origin::meet_origins,
    guarded: hooks_guard::guarded,
    refused: hooks_guard::refused,
    hash_of_origin: hooks_nodes::hash_of_origin,
    origin_of_hash: hooks_nodes::origin_of_hash,
    remote_child: hooks_nodes::remote_child,
    send_denied: hooks_send::send_denied,
    gate_denied,
};

/// What somebody wants done to a process.
pub enum Change {
    /// Tighten: the meet with what it has.
    Restrict(Arc<Installed>),
    /// Put it under this policy, whatever it has.
    Replace(Arc<Installed>),
    /// Take its policy away.
    Lift,
    /// Take this learner away, and no other policy.
    Unlearn(Arc<Installed>),
}

/// A change on its way to the process, through the emulator.
pub struct Request {
    /// What to do.
    pub change: Change,
    /// Who wants it.
    pub by: Eterm,
}

impl Request {
    /// For the emulator, which gives it back to `apply` or `cancel`.
    pub fn into_raw(self) -> *mut c_void {
        Box::into_raw(Box::new(self)).cast()
    }

    /// Takes back what [`Request::into_raw`] gave.
    ///
    /// # Safety
    /// The pointer must come from there and be used no more.
    pub unsafe fn from_raw(raw: *mut c_void) -> Self {
        // SAFETY: as promised by the caller.
        *unsafe { Box::from_raw(raw.cast::<Request>()) }
    }

    /// The new word of the process, once the table has its new policy.
    fn carry_out(self, pid: Eterm, word: u32) -> Result<u32> {
        let policy = match self.change {
            Change::Lift => {
                table::remove(pid);
                return Ok(0);
            }
            Change::Unlearn(learner) => {
                let current = table::policy(pid);
                if current.is_some_and(|p| Arc::ptr_eq(&p, &learner)) {
                    table::remove(pid);
                    return Ok(0);
                }
                return Ok(word);
            }
            Change::Replace(policy) => policy,
            Change::Restrict(policy) => match table::policy(pid) {
                Some(_) if policy.learns() => {
                    return Err(Error::Restricted("be learned"));
                }
                // The meet would not count.
                Some(current) if current.quota().is_some() => {
                    return Err(Error::Restricted("tighten itself"));
                }
                Some(current) => current.meet(&policy)?,
                // Under a policy that nobody knows: nothing is tighter.
                None if word & abi::E != 0 => return Err(Error::UnknownPolicy),
                None => policy,
            },
        };
        let word = policy.word()?;
        let origin = Origin::RestrictedBy(self.by);
        table::set(pid, Entry { policy, origin });
        Ok(word)
    }
}

/// Runs `body`; a panic in it gives `fallback`.
pub fn guard<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(fallback)
}

/// What the emulator is told and what is recorded; nothing of what is allowed.
pub fn reaction(decision: Decision) -> Option<(i32, violations::Action)> {
    match decision {
        Decision::Allow | Decision::AllowOnce | Decision::Gate => None,
        Decision::Log => Some((abi::LOG, violations::Action::Log)),
        Decision::Raise => Some((abi::RAISE, violations::Action::Raise)),
        Decision::Kill => Some((abi::KILL, violations::Action::Kill)),
    }
}

/// What a policy decides about a call, and a record of what it denies.
fn verdict(
    pid: Eterm,
    call: (Eterm, Eterm, u32),
    decision: impl FnOnce(&Installed) -> Decision,
) -> i32 {
    guard(abi::RAISE, || {
        let Some(policy) = table::policy(pid) else {
            return abi::RAISE;
        };
        if let Some(collector) = policy.collector() {
            collector.called(call);
            return match decision(&policy) {
                Decision::Gate => abi::GATE,
                _ => abi::LOG,
            };
        }
        let decision = decision(&policy);
        let Some((answer, action)) = reaction(decision) else {
            return match decision {
                Decision::Gate => abi::GATE,
                Decision::AllowOnce => abi::ONCE,
                _ => abi::ALLOW,
            };
        };
        violations::record(pid, call, None, policy.hash(), action);
        answer
    })
}

/// A fun comes in with the call of a gate, which is denied for that.
extern "C" fn gate_denied(
    pid: Eterm,
    module: Eterm,
    function: Eterm,
    arity: u32,
) -> i32 {
    let call = (module, function, arity);
    guard(abi::RAISE, || {
        match table::policy(pid).as_ref().and_then(|p| p.collector()) {
            Some(collector) => {
                collector.brought_fun(call);
                abi::LOG
            }
            None => verdict(pid, call, |policy| policy.compiled().denial()),
        }
    })
}

unsafe extern "C" fn decide(
    pid: Eterm,
    module: Eterm,
    function: Eterm,
    arity: u32,
    args: *const Eterm,
) -> i32 {
    verdict(pid, (module, function, arity), |policy| {
        let mfa = installed::mfa(module, function, arity);
        policy.decide(mfa, args)
    })
}

extern "C" fn decide_spawn(
    pid: Eterm,
    module: Eterm,
    function: Eterm,
    arity: u32,
) -> i32 {
    verdict(pid, (module, function, arity), |policy| {
        policy.compiled().spawn_decision()
    })
}

unsafe extern "C" fn apply(
    request: *mut c_void,
    pid: Eterm,
    word: *mut u32,
) -> i32 {
    guard(Error::Internal.status(), || {
        // SAFETY: the emulator hands over what `into_raw` gave, once, and a
        // pointer to a number of its own.
        let (request, word) =
            unsafe { (Request::from_raw(request), &mut *word) };
        match request.carry_out(pid, *word) {
            Ok(new) => {
                *word = new;
                abi::OK
            }
            Err(error) => error.status(),
        }
    })
}

unsafe extern "C" fn cancel(request: *mut c_void) {
    // SAFETY: as in `apply`.
    guard((), || drop(unsafe { Request::from_raw(request) }));
}

extern "C" fn status(status: i32) -> Eterm {
    // An atom is the same everywhere, so it outlives the environment.
    let name = |env| term::raw(term::atom(env, error::name_of_status(status)));
    guard(0, || OwnedEnv::new().run(name))
}

extern "C" fn inherit(parent: Eterm, child: Eterm) -> i32 {
    guard(1, || match table::policy(parent) {
        Some(policy) => {
            // Without a policy of its own the child is denied everything.
            if policy.enter().is_err() {
                return 1;
            }
            let origin = Origin::Inherited(parent);
            table::set(child, Entry { policy, origin });
            0
        }
        None => 1,
    })
}

extern "C" fn exited(pid: Eterm) {
    guard((), || table::remove(pid));
}
