// SPDX-License-Identifier: Apache-2.0
//! NIFs on processes: who is under which policy, and what was denied.

use std::ffi::c_void;
use std::sync::Arc;

use rustler::{Encoder, Env, ResourceArc, Term};
use seccomp_core::{Policy, PolicySpec};
use serde::Serialize;

use crate::abi;
use crate::emulator::{self, Attached, Unsupported};
use crate::error::{bad_term, Error, Result};
use crate::hooks::{Change, Request};
use crate::installed::{self, Installed};
use crate::nif_policy::{facts, Handle};
use crate::table::{self, Origin};
use crate::term;
use crate::violations::{self, Action, Violation};

mod atoms {
    rustler::atoms! {
        ok, wait, trusted, restrict, replace, restricted_by, inherited,
        on_behalf, node, undefined
    }
}

/// Has the emulator carry out a change: `ok` or a trap for the caller itself,
/// `wait` when `{Tag, Status}` will come from another process.
pub fn change<'a>(
    env: Env<'a>,
    target: Term<'a>,
    tag: Term<'a>,
    change: Change,
) -> Result<Term<'a>> {
    let emulator = emulator::get()?;
    let pid = term::pid(target)?;
    let caller = term::raw(env.pid().encode(env));
    let tightens = matches!(change, Change::Restrict(_));
    let restricted =
        emulator.word(caller).is_none_or(|word| word & abi::E != 0);
    // Only trusted processes are learned, and they stay what they are.
    if restricted && !table::policy(caller).is_some_and(|p| p.learns()) {
        if pid != caller {
            return Err(Error::Restricted("change another process"));
        }
        if !tightens {
            return Err(Error::Restricted("lift or replace its own policy"));
        }
    }
    let request = Request { change, by: caller }.into_raw();
    let raw_env = env.as_c_arg().cast::<c_void>();
    if pid == caller {
        // SAFETY: this is the environment of the running call, and the
        // request was made just now.
        return match unsafe { emulator.attach_self(raw_env, request) } {
            // SAFETY: the emulator made the term for this call to return.
            Attached::Trap(trap) => Ok(unsafe { term::from_raw(env, trap) }),
            Attached::Failed(status) => Err(Error::from_status(status)),
        };
    }
    if !tag.is_ref() {
        // SAFETY: nobody else has the request yet.
        drop(unsafe { Request::from_raw(request) });
        return Err(bad_term("bad_tag", "not a reference"));
    }
    // SAFETY: as above.
    if unsafe { emulator.attach(raw_env, pid, term::raw(tag), request) } {
        return Ok(atoms::wait().to_term(env));
    }
    // SAFETY: the emulator did not take the request.
    drop(unsafe { Request::from_raw(request) });
    Err(Error::NoProc)
}

/// The term, or that of the error.
pub fn answer<'a>(env: Env<'a>, result: Result<Term<'a>>) -> Term<'a> {
    result.unwrap_or_else(|error| error.to_term(env))
}

#[rustler::nif]
fn set_policy<'a>(
    env: Env<'a>,
    target: Term<'a>,
    handle: ResourceArc<Handle>,
    how: Term<'a>,
    tag: Term<'a>,
) -> Term<'a> {
    let policy = Arc::clone(&handle.policy);
    if let Err(error) = policy.enforceable() {
        return error.to_term(env);
    }
    let wanted = if atoms::restrict() == how {
        Ok(Change::Restrict(policy))
    } else if atoms::replace() == how {
        Ok(Change::Replace(policy))
    } else {
        Err(bad_term("bad_option", "write restrict or replace"))
    };
    answer(
        env,
        wanted.and_then(|wanted| change(env, target, tag, wanted)),
    )
}

#[rustler::nif]
fn restrict_spawn<'a>(
    env: Env<'a>,
    target: Term<'a>,
    tag: Term<'a>,
) -> Term<'a> {
    let policy = Policy::from_spec(&PolicySpec::spawn_only())
        .map_err(Error::from)
        .and_then(installed::install);
    answer(
        env,
        policy.and_then(|policy| {
            change(env, target, tag, Change::Restrict(policy))
        }),
    )
}

#[rustler::nif]
fn lift<'a>(env: Env<'a>, target: Term<'a>, tag: Term<'a>) -> Term<'a> {
    answer(env, change(env, target, tag, Change::Lift))
}

/// The word of a live process; zero on an emulator that knows no policies.
fn word(env: Env, target: Term) -> Result<u32> {
    let pid = term::pid(target)?;
    match emulator::get() {
        Ok(emulator) => emulator.word(pid).ok_or(Error::NoProc),
        // Without a check nobody is under a policy; but another library's
        // processes may be, of which we know nothing.
        Err(
            why @ (Unsupported::Abi(_)
            | Unsupported::Taken
            | Unsupported::Gates
            | Unsupported::Args),
        ) => Err(why.into()),
        Err(Unsupported::NotPatched | Unsupported::Flavor) => {
            let target: rustler::LocalPid =
                target.decode().map_err(|_| Error::NoProc)?;
            env.is_process_alive(target)
                .then_some(0)
                .ok_or(Error::NoProc)
        }
    }
}

#[rustler::nif]
fn flags<'a>(env: Env<'a>, target: Term<'a>) -> Term<'a> {
    answer(
        env,
        word(env, target).map(|word| (word & abi::FLAGS).encode(env)),
    )
}

fn process_info<'a>(env: Env<'a>, target: Term<'a>) -> Result<Term<'a>> {
    let word = word(env, target)?;
    if word & abi::E == 0 {
        return Ok(atoms::trusted().to_term(env));
    }
    let Some(entry) = table::get(term::pid(target)?) else {
        return match word >> abi::POLICY_SHIFT {
            abi::DENY_ALL => Err(Error::UnknownPolicy),
            // It has ended since, or is being lifted just now: that takes
            // the entry first and the word after.
            _ => {
                self::word(env, target)?;
                Ok(atoms::trusted().to_term(env))
            }
        };
    };
    let origin = match entry.origin {
        Origin::RestrictedBy(pid) => {
            (atoms::restricted_by(), term::immediate(env, pid))
        }
        Origin::Inherited(pid) => {
            (atoms::inherited(), term::immediate(env, pid))
        }
        Origin::OnBehalf(pid) => {
            (atoms::on_behalf(), term::immediate(env, pid))
        }
        Origin::Node(node) => (atoms::node(), term::immediate(env, node)),
    };
    let policy: &Installed = &entry.policy;
    let mut pairs = facts(env, policy);
    pairs.push(("origin", origin.encode(env)));
    Ok(term::map(env, &pairs))
}

#[rustler::nif]
fn info<'a>(env: Env<'a>, target: Term<'a>) -> Term<'a> {
    answer(env, process_info(env, target))
}

/// Whether the caller runs inside of a gate.
#[rustler::nif]
fn in_gate(env: Env) -> bool {
    let raw_env = env.as_c_arg().cast::<c_void>();
    // SAFETY: this is the environment of the running call.
    emulator::get().is_ok_and(|emulator| unsafe { emulator.in_gate(raw_env) })
}

/// Makes the caller a group leader that restricted processes may use.
#[rustler::nif]
fn serve_io(env: Env) -> bool {
    let raw_env = env.as_c_arg().cast::<c_void>();
    // SAFETY: this is the environment of the running call.
    emulator::get().is_ok_and(|emulator| unsafe { emulator.serve_io(raw_env) })
}

/// Whether a process is such a group leader.
#[rustler::nif]
fn serves_io<'a>(env: Env<'a>, target: Term<'a>) -> bool {
    word(env, target).is_ok_and(|word| word & abi::SERVES_IO != 0)
}

#[rustler::nif]
fn processes(env: Env) -> Term {
    let pids: Vec<Term> = table::pids()
        .into_iter()
        .map(|pid| term::immediate(env, pid))
        .collect();
    term::list(env, &pids)
}

/// The word for it.
pub fn action_name(action: Action) -> &'static str {
    match action {
        Action::Log => "log",
        Action::Raise => "raise",
        Action::Kill => "kill",
        Action::Refuse => "refuse",
    }
}

/// `{M, F, A}`, from what the emulator gave.
pub fn mfa_term<'a>(env: Env<'a>, (m, f, a): violations::Call) -> Term<'a> {
    (term::immediate(env, m), term::immediate(env, f), a).encode(env)
}

/// A pid, port or name, or `{Name, Node}`; `{pid, Node}` for a process of
/// another node.
pub fn target_term<'a>(env: Env<'a>, target: violations::Target) -> Term<'a> {
    let whom = term::immediate(env, target.target);
    let node = term::immediate(env, target.node);
    if node.is_atom() {
        (whom, node).encode(env)
    } else {
        whom
    }
}

fn violation_term<'a>(env: Env<'a>, violation: &Violation) -> Term<'a> {
    let mut pairs = vec![
        ("seq", violation.seq.encode(env)),
        ("time", violation.time.encode(env)),
        ("mfa", mfa_term(env, violation.call)),
        ("policy", violation.policy.to_string().encode(env)),
        ("action", term::atom(env, action_name(violation.action))),
    ];
    match violation.peer {
        None => pairs.push(("pid", term::immediate(env, violation.pid))),
        Some(peer) => {
            pairs.push(("pid", atoms::undefined().encode(env)));
            pairs.push(("target", term::immediate(env, peer.target)));
            pairs.push(("origin", origin_term(env, peer.node)));
        }
    }
    if let Some(target) = violation.target {
        pairs.push(("target", target_term(env, target)));
    }
    term::map(env, &pairs)
}

fn origin_term<'a>(env: Env<'a>, node: abi::Eterm) -> Term<'a> {
    (atoms::node(), term::immediate(env, node)).encode(env)
}

#[rustler::nif(name = "violations", schedule = "DirtyCpu")]
fn all_violations(env: Env) -> Term {
    let snapshot = violations::snapshot();
    let ring: Vec<Term> = snapshot
        .ring
        .iter()
        .map(|violation| violation_term(env, violation))
        .collect();
    let counters: Vec<Term> = snapshot
        .counts
        .iter()
        .map(|((policy, call, node), count)| {
            let mut pairs = vec![
                ("policy", policy.to_string().encode(env)),
                ("mfa", mfa_term(env, *call)),
                ("count", count.encode(env)),
            ];
            if *node != 0 {
                pairs.push(("origin", origin_term(env, *node)));
            }
            term::map(env, &pairs)
        })
        .collect();
    let pairs = [
        ("total", snapshot.total.encode(env)),
        ("dropped", snapshot.dropped.encode(env)),
        ("ring", term::list(env, &ring)),
        ("counters", term::list(env, &counters)),
    ];
    term::map(env, &pairs)
}

#[derive(Serialize)]
struct JsonViolation {
    seq: u64,
    time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    mfa: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    policy: String,
    action: &'static str,
}

#[derive(Serialize)]
struct JsonCounter {
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    policy: String,
    mfa: String,
    count: u64,
}

#[derive(Serialize)]
struct JsonReport {
    total: u64,
    dropped: u64,
    ring: Vec<JsonViolation>,
    counters: Vec<JsonCounter>,
}

#[rustler::nif(schedule = "DirtyCpu")]
fn violations_json<'a>(env: Env<'a>) -> Term<'a> {
    let text = |raw| format!("{:?}", term::immediate(env, raw));
    let mfa =
        |(m, f, a): violations::Call| format!("{}:{}/{a}", text(m), text(f));
    let snapshot = violations::snapshot();
    let report = JsonReport {
        total: snapshot.total,
        dropped: snapshot.dropped,
        ring: snapshot
            .ring
            .iter()
            .map(|violation| JsonViolation {
                seq: violation.seq,
                time: violation.time,
                pid: violation.peer.is_none().then(|| text(violation.pid)),
                node: violation.peer.map(|peer| text(peer.node)),
                mfa: mfa(violation.call),
                target: violation
                    .target
                    .map(|target| format!("{:?}", target_term(env, target)))
                    .or(violation.peer.map(|peer| text(peer.target))),
                policy: violation.policy.to_string(),
                action: action_name(violation.action),
            })
            .collect(),
        counters: snapshot
            .counts
            .iter()
            .map(|((policy, call, node), count)| JsonCounter {
                node: (*node != 0).then(|| text(*node)),
                policy: policy.to_string(),
                mfa: mfa(*call),
                count: *count,
            })
            .collect(),
    };
    match serde_json::to_string(&report) {
        Ok(json) => json.encode(env),
        Err(_) => Error::Internal.to_term(env),
    }
}
