// SPDX-License-Identifier: Apache-2.0

//! Policies and calls out of bytes: few names, so that rules and calls meet
//! often, and now and then any name.

use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use seccomp_core::{
    Groups, Mode, OnDeny, Pat, Pattern, Permission, PolicySpec, Rule, SendRule,
    Target, Unknown,
};

use super::naive::Call;
use super::test_groups;

/// Some stand in the groups, some are special in the text of rules.
const NAMES: [&str; 10] = [
    "a",
    "b",
    "lists",
    "map",
    "Elixir.Enum",
    "@base",
    "",
    "and",
    "é'\\",
    "erlang",
];
const GROUPS: [&str; 7] =
    ["@base", "@data", "@all", "@pure", "@os", "@shell", "@nope"];
const ARITIES: [u8; 5] = [0, 1, 2, 254, 255];
const MAX_RULES: usize = 12;
const MAX_TARGETS: usize = 4;

pub fn groups(bytes: &mut Unstructured) -> &'static Groups {
    match (bytes.ratio(1, 8), Groups::shipped()) {
        (Ok(true), Ok(shipped)) => shipped,
        _ => test_groups(),
    }
}

fn name(bytes: &mut Unstructured) -> Result<String> {
    let choice = bytes.int_in_range(0..=NAMES.len())?;
    match NAMES.get(choice) {
        Some(name) => Ok((*name).to_owned()),
        None => Ok(any_name(bytes)?.to_owned()),
    }
}

/// A short name of any characters; atoms have at most 255.
fn any_name<'a>(bytes: &mut Unstructured<'a>) -> Result<&'a str> {
    let length = bytes.int_in_range(0..=16)?;
    let taken = bytes.bytes(length.min(bytes.len()))?;
    Ok(std::str::from_utf8(taken).unwrap_or("x"))
}

fn place(bytes: &mut Unstructured) -> Result<Pat<Arc<str>>> {
    Ok(if bytes.ratio(1, 3)? {
        Pat::Any
    } else {
        Pat::name(name(bytes)?)
    })
}

fn rule(bytes: &mut Unstructured) -> Result<Rule> {
    if bytes.ratio(1, 6)? {
        let group = *bytes.choose(&GROUPS)?;
        return Ok(Rule::Group(group.to_owned()));
    }
    let arity = if bytes.ratio(1, 3)? {
        Pat::Any
    } else {
        Pat::Is(*bytes.choose(&ARITIES)?)
    };
    Ok(Rule::Pattern(Pattern {
        module: place(bytes)?,
        function: place(bytes)?,
        arity,
    }))
}

/// What JSON can hold: no pids.
fn target(bytes: &mut Unstructured) -> Result<Target> {
    Ok(match bytes.int_in_range(0..=6)? {
        0 => Target::Own,
        1 => Target::Parent,
        2 => Target::Children,
        3 => Target::Replies,
        4 => Target::GroupLeader,
        5 => Target::Name(name(bytes)?),
        _ => Target::Remote(name(bytes)?, format!("{}@b", name(bytes)?)),
    })
}

fn send(bytes: &mut Unstructured) -> Result<SendRule> {
    if bytes.arbitrary()? {
        return Ok(SendRule::any());
    }
    let count = bytes.int_in_range(0..=MAX_TARGETS)?;
    let targets = (0..count).map(|_| target(bytes));
    Ok(SendRule::only(targets.collect::<Result<_>>()?))
}

pub fn spec(bytes: &mut Unstructured) -> Result<PolicySpec> {
    let mode = *bytes.choose(&[Mode::Whitelist, Mode::Blacklist])?;
    let count = bytes.int_in_range(0..=MAX_RULES)?;
    let rules = (0..count).map(|_| rule(bytes)).collect::<Result<_>>()?;
    let mut spec = PolicySpec::new(mode, rules);
    spec.spawn = *bytes.choose(&[Permission::Allow, Permission::Deny])?;
    spec.inherit = bytes.arbitrary()?;
    spec.provenance = bytes.arbitrary()?;
    spec.on_deny =
        *bytes.choose(&[OnDeny::Log, OnDeny::Raise, OnDeny::Kill])?;
    spec.base = bytes.arbitrary()?;
    spec.unknown = *bytes.choose(&[Unknown::Error, Unknown::Allow])?;
    if bytes.arbitrary()? {
        spec.comment = Some(name(bytes)?);
    }
    if bytes.arbitrary()? {
        spec.send = send(bytes)?;
    }
    if !spec.rules.is_empty() && bytes.arbitrary()? {
        let index = bytes.choose_index(spec.rules.len())?;
        spec.comments.insert(index, name(bytes)?);
    }
    Ok(spec)
}

/// Every call over the first names, and what the bytes add.
pub fn calls(bytes: &mut Unstructured) -> Vec<Call> {
    let mut calls = Vec::new();
    for module in &NAMES[..5] {
        for function in &NAMES[..5] {
            for arity in [0, 1, 2, 255, 256, 257] {
                let names = ((*module).to_owned(), (*function).to_owned());
                calls.push((names.0, names.1, arity));
            }
        }
    }
    for _ in 0..8 {
        let (Ok(module), Ok(function), Ok(arity)) =
            (name(bytes), name(bytes), bytes.arbitrary::<u8>())
        else {
            break;
        };
        calls.push((module, function, u32::from(arity)));
    }
    calls
}

/// The names in a rule that are no wildcards.
pub fn names(rule: &Rule) -> impl Iterator<Item = &str> {
    let places = match rule {
        Rule::Pattern(p) | Rule::Gate(p) | Rule::Args(p, _) => {
            vec![&p.module, &p.function]
        }
        Rule::Group(_) => Vec::new(),
    };
    places.into_iter().filter_map(|place| match place {
        Pat::Is(name) => Some(&**name),
        Pat::Any => None,
    })
}
