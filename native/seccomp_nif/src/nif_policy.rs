// SPDX-License-Identifier: Apache-2.0
//! NIFs on policies: compiling, simulating, explaining, groups. They need no
//! patched emulator.

use std::sync::Arc;

use rustler::{Encoder, Env, NifResult, Resource, ResourceArc, Term};
use seccomp_core::{
    suggest as did_you_mean, Answer, Groups, Policy, PolicySpec, Verdict,
};

use crate::args;
use crate::emulator::{self, Unsupported};
use crate::error::{bad_term, Error, Result};
use crate::installed::{self, Installed};
use crate::term;
use crate::term_rule;

/// A handle on a policy.
pub struct Handle {
    /// What is enforced, shared by all policies that allow the same.
    pub policy: Arc<Installed>,
    /// The rules as its author numbered and explained them.
    written: Arc<Policy>,
}

impl From<Arc<Installed>> for Handle {
    fn from(policy: Arc<Installed>) -> Self {
        let written = Arc::clone(policy.shared_policy());
        Handle { policy, written }
    }
}

#[rustler::resource_impl]
impl Resource for Handle {}

mod atoms {
    rustler::atoms! { ok, allow, deny, none, enforced, unsupported, jit, emu, unknown }
}

/// `{ok, Term}`, or the error's term.
pub fn tuple<'a>(env: Env<'a>, result: Result<Term<'a>>) -> Term<'a> {
    match result {
        Ok(term) => (atoms::ok(), term).encode(env),
        Err(error) => error.to_term(env),
    }
}

/// Whether calls are checked here, by which version of the interface, and
/// which flavor of the emulator this is.
#[rustler::nif]
fn enforcement(env: Env) -> Term {
    let (status, abi, flavor) = match emulator::get() {
        Ok(_) => (atoms::enforced(), crate::abi::ABI, atoms::jit()),
        Err(Unsupported::Flavor) => (atoms::unsupported(), 0, atoms::emu()),
        Err(Unsupported::Abi(abi)) => {
            (atoms::unsupported(), abi, atoms::unknown())
        }
        Err(_) => (atoms::unsupported(), 0, atoms::unknown()),
    };
    (status, abi, flavor).encode(env)
}

#[rustler::nif(schedule = "DirtyCpu")]
fn compile<'a>(env: Env<'a>, spec: Term<'a>) -> Term<'a> {
    let compiled = term::spec(spec)
        .and_then(|spec| {
            let written = Arc::new(Policy::from_spec(&spec)?);
            let policy = installed::install_shared(Arc::clone(&written))?;
            policy.describe(spec.comment);
            Ok(Handle { policy, written })
        })
        .map(|handle| ResourceArc::new(handle).encode(env));
    tuple(env, compiled)
}

/// The facts about a policy that `policy_info/1` and `info/1` share.
pub fn facts<'a>(
    env: Env<'a>,
    installed: &Installed,
) -> Vec<(&'static str, Term<'a>)> {
    let policy = installed.policy();
    let mode = if u32::from(installed.flags()) & crate::abi::M == 0 {
        "whitelist"
    } else {
        "blacklist"
    };
    let patterns: usize = policy
        .layers()
        .iter()
        .map(|layer| layer.entries().len())
        .sum();
    let mut pairs = vec![
        ("mode", term::atom(env, mode)),
        ("flags", installed.flags().encode(env)),
        ("spawn", term::atom(env, &policy.spawn().to_string())),
        ("inherit", policy.inherit().encode(env)),
        ("provenance", policy.provenance().encode(env)),
        ("on_deny", term::atom(env, &policy.on_deny().to_string())),
        ("send", term::send_term(env, policy.send())),
        ("rules", patterns.encode(env)),
        ("layers", policy.layers().len().encode(env)),
        ("hash", installed.hash().to_string().encode(env)),
    ];
    let gates = policy.gates();
    if !gates.is_empty() {
        pairs.push(("gates", term_rule::gates(env, &gates)));
    }
    if let Some(comment) = installed.comment() {
        pairs.push(("comment", comment.encode(env)));
    }
    pairs
}

#[rustler::nif]
fn policy_info(env: Env, handle: ResourceArc<Handle>) -> Term {
    term::map(env, &facts(env, &handle.policy))
}

/// Module, function and arity, as a caller gives them.
struct Call<'a>(Term<'a>, Term<'a>, Term<'a>);

impl Call<'_> {
    fn names(&self) -> Result<(String, String, u32)> {
        let name = |term| {
            term::atom_name(term).ok_or_else(|| {
                bad_term("bad_mfa", "module and function are atoms")
            })
        };
        let arity = term_rule::arity(self.2)
            .ok_or_else(|| bad_term("bad_mfa", "an arity is 0 to 255"))?;
        Ok((name(self.0)?, name(self.1)?, u32::from(arity)))
    }
}

#[rustler::nif]
fn check<'a>(
    env: Env<'a>,
    handle: ResourceArc<Handle>,
    m: Term<'a>,
    f: Term<'a>,
    a: Term<'a>,
) -> Term<'a> {
    let (module, function, arity) = match Call(m, f, a).names() {
        Ok(names) => names,
        Err(error) => return error.to_term(env),
    };
    // What the emulator would be told, not what the explanation concludes.
    let mfa = installed::mfa(term::raw(m), term::raw(f), arity);
    match handle.policy.compiled().verdict(mfa) {
        Verdict::Allow => atoms::allow().to_term(env),
        Verdict::Deny => {
            let explanation = handle.written.explain(&module, &function, arity);
            let text = explanation.to_string();
            let mut why = vec![("explanation", text.encode(env))];
            if explanation.depends() {
                why.push(("depends", true.encode(env)));
            }
            (atoms::deny(), term::map(env, &why)).encode(env)
        }
    }
}

/// The match specifications that count for a function, with their places.
#[rustler::nif]
fn args_of<'a>(
    env: Env<'a>,
    handle: ResourceArc<Handle>,
    m: Term<'a>,
    f: Term<'a>,
    a: Term<'a>,
) -> Term<'a> {
    let arity = match Call(m, f, a).names() {
        Ok((_, _, arity)) => arity,
        Err(error) => return error.to_term(env),
    };
    let mfa = installed::mfa(term::raw(m), term::raw(f), arity);
    let compiled = handle.policy.compiled();
    let specs: Vec<Term> = compiled
        .specs_of(mfa)
        .into_iter()
        .filter_map(|place| {
            let spec = compiled.specs().get(place)?;
            Some((place, args::spec_term(env, spec)?).encode(env))
        })
        .collect();
    term::list(env, &specs)
}

/// Whether a call is allowed when its arguments make this of the match
/// specifications: a list of places and results.
#[rustler::nif]
fn check_args<'a>(
    handle: ResourceArc<Handle>,
    m: Term<'a>,
    f: Term<'a>,
    a: u32,
    results: Vec<(usize, Term<'a>)>,
) -> bool {
    let mfa = installed::mfa(term::raw(m), term::raw(f), a);
    let verdict = handle.policy.compiled().verdict_with(mfa, &mut |spec| {
        let result = results.iter().find(|(place, _)| *place == spec);
        match result.and_then(|(_, r)| term::atom_name(*r)).as_deref() {
            Some("true") => Answer::True,
            Some("false") => Answer::False,
            _ => Answer::Other,
        }
    });
    verdict == Verdict::Allow
}

#[rustler::nif]
fn explain<'a>(
    env: Env<'a>,
    handle: ResourceArc<Handle>,
    m: Term<'a>,
    f: Term<'a>,
    a: Term<'a>,
) -> Term<'a> {
    match Call(m, f, a).names() {
        Ok((module, function, arity)) => handle
            .written
            .explain(&module, &function, arity)
            .to_string()
            .encode(env),
        Err(error) => error.to_term(env),
    }
}

#[rustler::nif(schedule = "DirtyCpu")]
fn dump(handle: ResourceArc<Handle>) -> String {
    handle.written.dump()
}

#[rustler::nif(schedule = "DirtyCpu")]
fn policy_from_json<'a>(env: Env<'a>, json: Term<'a>) -> Term<'a> {
    let spec = json
        .decode::<&str>()
        .map_err(|_| bad_term("bad_json", "not a binary in UTF-8"))
        .and_then(|json| Ok(PolicySpec::from_json(json)?))
        .and_then(|spec| term::new_spec_term(env, &spec));
    tuple(env, spec)
}

#[rustler::nif(schedule = "DirtyCpu")]
fn policy_to_json<'a>(env: Env<'a>, spec: Term<'a>) -> Term<'a> {
    let json = term::spec(spec)
        .and_then(|spec| Ok(spec.to_json()?))
        .map(|json| json.encode(env));
    tuple(env, json)
}

#[rustler::nif]
fn groups(env: Env) -> Term {
    match Groups::shipped() {
        Ok(groups) => {
            let names: Vec<Term> =
                groups.names().map(|name| term::atom(env, name)).collect();
            term::list(env, &names)
        }
        Err(error) => Error::Core(error).to_term(env),
    }
}

#[rustler::nif]
fn group<'a>(env: Env<'a>, name: Term<'a>) -> Term<'a> {
    let found = term::atom_name(name)
        .ok_or_else(|| {
            bad_term("unknown_group", "the name of a group is an atom")
        })
        .and_then(|name| Ok(Groups::shipped()?.get(&name)?));
    let described = found.map(|group| {
        let members: Vec<Term> = group
            .members
            .iter()
            .map(|member| {
                (term_rule::rule_term(env, &member.rule), &*member.reason)
                    .encode(env)
            })
            .collect();
        let facts = [
            ("doc", group.doc.as_str().encode(env)),
            ("members", term::list(env, &members)),
        ];
        term::map(env, &facts)
    });
    tuple(env, described)
}

#[rustler::nif(schedule = "DirtyCpu")]
fn suggest<'a>(
    env: Env<'a>,
    name: &str,
    candidates: Term<'a>,
) -> NifResult<Term<'a>> {
    let candidates: Vec<&str> = term::proper_list(candidates)?
        .into_iter()
        .map(Term::decode)
        .collect::<NifResult<_>>()?;
    Ok(match did_you_mean(name, candidates) {
        Some(candidate) => candidate.encode(env),
        None => atoms::none().to_term(env),
    })
}
