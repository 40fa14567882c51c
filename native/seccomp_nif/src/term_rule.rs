// SPDX-License-Identifier: Apache-2.0
//! Rules as terms, both ways.

use std::sync::Arc;

use rustler::{Encoder, Env, Term};
use seccomp_core::{ArgSpec, Pat, Pattern, Rule};

use crate::args;
use crate::error::Error;
use crate::term::{atom, atom_name, list};

fn name_pattern(term: Term) -> Option<Pat<Arc<str>>> {
    atom_name(term).map(Pat::name)
}

/// An arity, 0 to 255. Decoding a `u8` would take 257 for 1.
pub fn arity(term: Term) -> Option<u8> {
    u8::try_from(term.decode::<i64>().ok()?).ok()
}

fn arity_pattern(term: Term) -> Option<Pat<u8>> {
    if atom_name(term).as_deref() == Some("_") {
        return Some(Pat::Any);
    }
    arity(term).map(Pat::Is)
}

/// One rule of a user's list.
pub fn rule(term: Term) -> Option<Rule> {
    if let Some(name) = atom_name(term) {
        return Some(if name.starts_with('@') {
            Rule::Group(name)
        } else {
            Rule::Pattern(Pattern {
                module: Pat::name(name),
                function: Pat::Any,
                arity: Pat::Any,
            })
        });
    }
    let pattern = |module: &Term, function: &Term, arity| {
        Some(Pattern {
            module: name_pattern(*module)?,
            function: name_pattern(*function)?,
            arity,
        })
    };
    match rustler::types::tuple::get_tuple(term).ok()?.as_slice() {
        [m, f] => pattern(m, f, Pat::Any).map(Rule::Pattern),
        [m, f, a] => pattern(m, f, arity_pattern(*a)?).map(Rule::Pattern),
        [gate, m, f, a] if atom_name(*gate).as_deref() == Some("gate") => {
            pattern(m, f, arity_pattern(*a)?)
                .filter(Pattern::is_function)
                .map(Rule::Gate)
        }
        _ => None,
    }
}

/// A match specification and its function, if the rule has the shape of one;
/// what is wrong with it, if anything.
pub fn args_rule(term: Term) -> Option<std::result::Result<Rule, String>> {
    let parts = rustler::types::tuple::get_tuple(term).ok()?;
    let [m, f, a, spec] = parts.as_slice() else {
        return None;
    };
    let arity = arity(*a)?;
    let pattern = Pattern {
        module: name_pattern(*m)?,
        function: name_pattern(*f)?,
        arity: Pat::Is(arity),
    };
    let spec = ArgSpec::from_external(&spec.to_binary(), arity);
    Some(spec.map(|spec| Rule::Args(pattern, spec)))
}

/// The term that [`rule`] reads.
pub fn rule_term<'a>(env: Env<'a>, rule: &Rule) -> Term<'a> {
    let name = |pat: &Pat<Arc<str>>| match pat {
        Pat::Any => atom(env, "_"),
        Pat::Is(name) => atom(env, name),
    };
    match rule {
        Rule::Group(group) => atom(env, group),
        Rule::Gate(p) => {
            let arity = match p.arity {
                Pat::Any => atom(env, "_"),
                Pat::Is(arity) => arity.encode(env),
            };
            (atom(env, "gate"), name(&p.module), name(&p.function), arity)
                .encode(env)
        }
        Rule::Args(p, spec) => {
            let spec = args::spec_term(env, spec)
                .unwrap_or_else(|| atom(env, "undefined"));
            let arity = match p.arity {
                Pat::Any => atom(env, "_"),
                Pat::Is(arity) => arity.encode(env),
            };
            (name(&p.module), name(&p.function), arity, spec).encode(env)
        }
        Rule::Pattern(p) => match (&p.function, &p.arity) {
            (Pat::Any, Pat::Any) => name(&p.module),
            (_, Pat::Any) => (name(&p.module), name(&p.function)).encode(env),
            (_, Pat::Is(arity)) => {
                (name(&p.module), name(&p.function), *arity).encode(env)
            }
        },
    }
}

/// The functions that are gates, as `{M, F, A}`.
pub fn gates<'a>(env: Env<'a>, gates: &[&Pattern]) -> Term<'a> {
    let terms: Vec<Term> = gates
        .iter()
        .map(|gate| rule_term(env, &Rule::Pattern((*gate).clone())))
        .collect();
    list(env, &terms)
}

/// A rule, or a map of one and why it is there. The error tells what is wrong,
/// if more is known than that it is no rule.
pub fn commented(
    term: Term,
) -> std::result::Result<(Rule, Option<String>), Option<String>> {
    let read = |term| match args_rule(term) {
        Some(read) => read.map_err(Some),
        None => rule(term).ok_or(None),
    };
    if !term.is_map() {
        return Ok((read(term)?, None));
    }
    let get = |key| term.map_get(atom(term.get_env(), key)).ok();
    let comment = match get("comment") {
        Some(comment) => Some(comment.decode().map_err(|_| None)?),
        None => None,
    };
    let keys = 1 + usize::from(comment.is_some());
    if term.map_size().ok() != Some(keys) {
        return Err(None);
    }
    Ok((read(get("rule").ok_or(None)?)?, comment))
}

/// The error of a term that is no rule, for a reason that may be known.
pub fn bad(term: Term, position: usize, why: Option<String>) -> Error {
    if let Some(why) = why {
        return Error::BadTerm {
            name: "bad_match_spec",
            why,
            position: Some(position),
        };
    }
    let options = rustler::types::tuple::get_tuple(term)
        .is_ok_and(|parts| parts.len() == 5);
    let why = if options {
        "a gate has no options: funs in its arguments are refused, and what \
         `funs => checked` would mean is not there yet; write \
         {gate, Module, Function, Arity}"
    } else {
        "write Module, {Module, Function}, {Module, Function, Arity}, '@group', \
         {gate, Module, Function, Arity}, {Module, Function, Arity, MatchSpec} \
         or #{rule => Rule, comment => Binary}; names are atoms, an arity is 0 to \
         255, '_' is any of them and stands in no gate"
    };
    Error::BadTerm {
        name: "bad_rule",
        why: why.into(),
        position: Some(position),
    }
}
