// SPDX-License-Identifier: Apache-2.0
//! NIFs that learn. `enabled/3` and `trace/5` make the module a tracer in the
//! sense of `erl_tracer`: on an emulator without the check, calls come in
//! there, in the process that makes them, and no message is sent.

use std::sync::Arc;

use rustler::{Encoder, Env, ResourceArc, Term};

use crate::hooks::Change;
use crate::installed;
use crate::learn::Collector;
use crate::nif_policy::{tuple, Handle};
use crate::nif_process::{answer, change, mfa_term, target_term};
use crate::table;
use crate::term;
use crate::term_rule;
use crate::violations::{Call, Target};

mod atoms {
    rustler::atoms! {
        ok, trace, discard, remove, call, send, spawn, erlang, undefined, any,
        match_spec_result, extra, pid, node, io_reply, alias
    }
}

/// A policy that allows everything and writes it down. Its gates, the rules of
/// a policy map, are opened.
#[rustler::nif(schedule = "DirtyCpu")]
fn learn_new<'a>(env: Env<'a>, gates: Term<'a>) -> Term<'a> {
    let learner = term::spec(gates)
        .and_then(|spec| installed::learner(spec.rules))
        .map(|policy| ResourceArc::new(Handle::from(policy)).encode(env));
    tuple(env, learner)
}

/// The processes under a learner, or under a policy with a quota.
#[rustler::nif(schedule = "DirtyCpu")]
fn learn_pids(env: Env, learner: ResourceArc<Handle>) -> Term {
    let pids: Vec<Term> = table::pids_under(&learner.policy)
        .into_iter()
        .map(|pid| term::immediate(env, pid))
        .collect();
    term::list(env, &pids)
}

/// Makes a process trusted again if it still is under this learner.
#[rustler::nif]
fn learn_end<'a>(
    env: Env<'a>,
    target: Term<'a>,
    learner: ResourceArc<Handle>,
    tag: Term<'a>,
) -> Term<'a> {
    let wanted = Change::Unlearn(Arc::clone(&learner.policy));
    answer(env, change(env, target, tag, wanted))
}

/// What was written down.
#[rustler::nif(schedule = "DirtyCpu")]
fn learn_calls(env: Env, learner: ResourceArc<Handle>) -> Term {
    let Some(collector) = learner.policy.collector() else {
        return term::map(env, &[]);
    };
    let calls: Vec<Term> = collector
        .calls()
        .into_iter()
        .map(|(call, seen)| {
            let caller = match seen.caller {
                Some(caller) => mfa_term(env, caller),
                None => atoms::undefined().to_term(env),
            };
            let pairs = [
                ("mfa", mfa_term(env, call)),
                ("count", seen.count.encode(env)),
                ("caller", caller),
                ("brought_fun", seen.brought_fun.encode(env)),
            ];
            term::map(env, &pairs)
        })
        .collect();
    let targets = match collector.targets() {
        Some(targets) => {
            let targets: Vec<Term> = targets
                .into_iter()
                .map(|target| target_term(env, target))
                .collect();
            term::list(env, &targets)
        }
        None => atoms::any().to_term(env),
    };
    let pairs = [
        ("targets", targets),
        ("calls", term::list(env, &calls)),
        ("lost", collector.lost().encode(env)),
        ("children", collector.children().encode(env)),
    ];
    term::map(env, &pairs)
}

/// Module, function and arity, from a tuple of these.
fn call(term: Term) -> Option<Call> {
    let (m, f, a): (Term, Term, Term) = term.decode().ok()?;
    if !(m.is_atom() && f.is_atom()) {
        return None;
    }
    let arity = term_rule::arity(a)?;
    Some((term::raw(m), term::raw(f), u32::from(arity)))
}

/// The learner that is a tracer's state, and whether the check counts calls.
fn tracer_state(state: Term) -> Option<(ResourceArc<Handle>, bool)> {
    state.decode().ok()
}

/// Whether a tracer wants an event: calls, messages that are sent, since `!` is
/// no call to a tracer, and who starts whom, for who that is may be sent to.
#[rustler::nif]
fn enabled<'a>(
    env: Env<'a>,
    tag: Term<'a>,
    state: Term<'a>,
    _tracee: Term<'a>,
) -> Term<'a> {
    match tracer_state(state) {
        None => atoms::remove().to_term(env),
        Some(_) if atoms::call() == tag => atoms::trace().to_term(env),
        // The check sees them itself.
        Some((_, false)) if atoms::send() == tag || atoms::spawn() == tag => {
            atoms::trace().to_term(env)
        }
        Some(_) => atoms::discard().to_term(env),
    }
}

/// What the match specification says of a call: the caller, and, when the
/// error handler is entered, what has no function.
fn details(result: Term) -> (Option<Call>, Option<Call>) {
    match result.decode::<(Term, Term, Term, Term)>() {
        Ok((caller, m, f, args)) => {
            let arity = args.list_length().unwrap_or(usize::MAX);
            let missing = u8::try_from(arity)
                .ok()
                .filter(|_| m.is_atom() && f.is_atom())
                .map(|arity| (term::raw(m), term::raw(f), u32::from(arity)));
            (call(caller), missing)
        }
        Err(_) => (call(result), None),
    }
}

/// Whether a message looks like the answer to a request. A tracer cannot tell
/// whether anybody waits for it.
fn is_reply(message: Term) -> bool {
    let is_tag = |tag: Term| {
        tag.is_ref()
            || tag
                .list_get_cell()
                .is_ok_and(|(head, _)| atoms::alias() == head)
    };
    if let Ok((tag, _)) = message.decode::<(Term, Term)>() {
        return is_tag(tag);
    }
    message
        .decode::<(Term, Term, Term)>()
        .is_ok_and(|(tag, _, _)| atoms::io_reply() == tag)
}

/// Whom a message is for, unless every whitelist may send it there.
fn target<'a>(
    collector: &Collector,
    from: Term<'a>,
    to: Term<'a>,
    message: Term<'a>,
) -> Option<Target> {
    let env = to.get_env();
    let here = term::raw(term::list(env, &[]));
    let name = |name| Target {
        target: term::raw(name),
        node: here,
    };
    if to.is_atom() {
        return Some(name(to));
    }
    if let Ok((to, node)) = to.decode::<(Term, Term)>() {
        return Some(Target {
            target: term::raw(to),
            node: term::raw(node),
        });
    }
    if !to.is_pid() || is_reply(message) {
        return None;
    }
    if to.decode::<rustler::LocalPid>().is_err() {
        return Some(Target {
            target: term::raw(atoms::pid().to_term(env)),
            node: term::raw(atoms::node().to_term(env)),
        });
    }
    let (from, to) = (term::raw(from), term::raw(to));
    if from == to || collector.are_kin(from, to) {
        return None;
    }
    Some(Target {
        target: to,
        node: here,
    })
}

/// A call, `{M, F, Arity}`, a message, or a process that was started.
#[rustler::nif]
fn trace<'a>(
    env: Env<'a>,
    tag: Term<'a>,
    state: Term<'a>,
    tracee: Term<'a>,
    what: Term<'a>,
    options: Term<'a>,
) -> Term<'a> {
    let state = tracer_state(state);
    let Some((collector, checked)) =
        state.as_ref().and_then(|(learner, checked)| {
            Some((learner.policy.collector()?, *checked))
        })
    else {
        return atoms::ok().to_term(env);
    };
    let times = u64::from(!checked);
    let send = (
        term::raw(atoms::erlang().to_term(env)),
        term::raw(atoms::send().to_term(env)),
        2,
    );
    if atoms::send() == tag {
        collector.traced(send, times, None);
        let to = options.map_get(atoms::extra().to_term(env));
        if let Some(to) =
            to.ok().and_then(|to| target(collector, tracee, to, what))
        {
            collector.sent(to);
        }
    } else if atoms::spawn() == tag {
        collector.started(term::raw(tracee), term::raw(what));
    } else if let Some(callee) = call(what) {
        let key = atoms::match_spec_result().to_term(env);
        let (caller, missing) =
            options.map_get(key).map_or((None, None), details);
        // A message was seen, or will be.
        let times = if callee == send { 0 } else { times };
        collector.traced(callee, times, caller);
        if let Some(missing) = missing {
            collector.traced(missing, times, None);
        }
    }
    atoms::ok().to_term(env)
}
