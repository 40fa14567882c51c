// SPDX-License-Identifier: Apache-2.0

//! Rules about the arguments of a call: match specifications of Erlang.
//!
//! This crate does not run them. It knows where they stand, what they look
//! like and what follows from what they say.

use std::fmt::{self, Display};
use std::sync::Arc;

use crate::error::Error;
use crate::literal::Literal;
use crate::literal_text;
use crate::policy::Mode;
use crate::rule::{Pat, Pattern};

/// The longest text of a match specification.
const MAX_TEXT: usize = 64 * 1024;

/// What stands in a policy in the place of `!`: the operator is checked as
/// `erlang:send/2`, and this function does the same.
const BANG: (&str, u8) = ("!", 2);
const SEND: (&str, u8) = ("send", 2);
const SEND_OPTIONS: (&str, u8) = ("send", 3);

/// A match specification on the list of a function's arguments.
///
/// Two are the same when their terms are: the text, which is canonical, stands
/// for all of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArgSpec(Arc<str>);

/// What a match specification makes of the arguments of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It returns `true`.
    True,
    /// It returns `false`, or does not match.
    False,
    /// It returns something else, or nobody knows: no call is allowed for it.
    Other,
}

impl ArgSpec {
    /// Takes a term for a function of this arity, or says what is wrong with
    /// it. Guards and bodies are for the virtual machine to read.
    pub(crate) fn new(literal: &Literal, arity: u8) -> Result<Self, String> {
        let clauses = literal.elements().unwrap_or_default();
        if clauses.is_empty() {
            return Err("a match specification is a list of {Head, Guards, \
                        Body}, and not empty"
                .into());
        }
        for clause in clauses {
            check_clause(clause, arity)?;
        }
        let text = literal.to_string();
        if text.len() > MAX_TEXT {
            return Err(format!(
                "a match specification of more than {MAX_TEXT} characters"
            ));
        }
        Ok(ArgSpec(text.into()))
    }

    /// Reads the text of a term, as Erlang writes it.
    pub fn parse(text: &str, arity: u8) -> Result<Self, String> {
        if text.len() > MAX_TEXT {
            return Err(format!(
                "a match specification of more than {MAX_TEXT} characters"
            ));
        }
        let literal = literal_text::read(text).map_err(|f| f.message)?;
        ArgSpec::new(&literal, arity)
    }

    /// Reads a term in the external term format.
    pub fn from_external(bytes: &[u8], arity: u8) -> Result<Self, String> {
        ArgSpec::new(&Literal::from_external(bytes)?, arity)
    }

    /// The term in the external term format.
    pub fn to_external(&self) -> Vec<u8> {
        // What was read once is read again.
        literal_text::read(&self.0)
            .map(|literal| literal.to_external())
            .unwrap_or_default()
    }

    /// The text of the term.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The names that are atoms in it.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        if let Ok(literal) = literal_text::read(&self.0) {
            collect(&literal, &mut names);
        }
        names
    }

    /// The same for a function with one argument more, which is any.
    fn wider(&self, arity: u8) -> Option<ArgSpec> {
        let Ok(Literal::List(clauses, None)) = literal_text::read(&self.0)
        else {
            return None;
        };
        let widen = |clause| match clause {
            Literal::Tuple(mut parts) => {
                if let Some(Literal::List(head, None)) = parts.first_mut() {
                    head.push(Literal::Atom("_".into()));
                }
                Literal::Tuple(parts)
            }
            other => other,
        };
        let clauses = clauses.into_iter().map(widen).collect();
        ArgSpec::new(&Literal::List(clauses, None), arity).ok()
    }
}

impl Display for ArgSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn collect(literal: &Literal, names: &mut Vec<String>) {
    match literal {
        Literal::Atom(name) => names.push(name.clone()),
        Literal::Integer(_) | Literal::Float(_) | Literal::Binary(_) => {}
        Literal::Tuple(parts) => parts.iter().for_each(|p| collect(p, names)),
        Literal::List(parts, tail) => {
            parts.iter().for_each(|p| collect(p, names));
            tail.iter().for_each(|p| collect(p, names));
        }
        Literal::Map(pairs) => {
            for (key, value) in pairs {
                collect(key, names);
                collect(value, names);
            }
        }
    }
}

/// A head that can match no call of the function is a mistake, and a mistake in
/// a blacklist opens what it was to close.
fn check_clause(clause: &Literal, arity: u8) -> Result<(), String> {
    let Literal::Tuple(parts) = clause else {
        return Err(format!("{clause} is not {{Head, Guards, Body}}"));
    };
    let [head, _, _] = parts.as_slice() else {
        return Err(format!("{clause} is not {{Head, Guards, Body}}"));
    };
    let fits = match head {
        Literal::Atom(name) => is_variable(name),
        _ => head
            .elements()
            .is_some_and(|h| h.len() == usize::from(arity)),
    };
    if fits {
        Ok(())
    } else {
        Err(format!(
            "the head {head} matches no call: write a list of {arity} \
             patterns, one for each argument, or '_'"
        ))
    }
}

fn is_variable(name: &str) -> bool {
    let number = |n: &str| {
        !n.is_empty() && n.len() < 9 && n.bytes().all(|b| b.is_ascii_digit())
    };
    name == "_" || name.strip_prefix('$').is_some_and(number)
}

/// Fails for a function whose arguments no policy can look at.
pub(crate) fn check(function: &Pattern) -> Result<(), Error> {
    let refused = |why: &str| Error::BadRule {
        text: function.to_string(),
        why: why.to_owned(),
        position: None,
    };
    if !function.is_function() {
        return Err(refused(
            "a match specification needs one function: write {Module, \
             Function, Arity, MatchSpec}, without wildcards",
        ));
    }
    if function.matches("erlang", "load_nif", 2) {
        return Err(refused(
            "it is an instruction, whose arguments are not at hand where it is \
             checked: allow or deny it as a whole",
        ));
    }
    Ok(())
}

/// The functions that do what this one does, with what a rule for it says of
/// their arguments. `named` tells of a function whether the user has a rule for
/// it, which goes first.
pub(crate) fn twins(
    function: &Pattern,
    spec: &ArgSpec,
    mode: Mode,
    named: impl Fn(&Pattern) -> bool,
) -> Vec<(Pattern, ArgSpec)> {
    let of = |(name, arity): (&str, u8)| Pattern {
        module: Pat::name("erlang"),
        function: Pat::name(name),
        arity: Pat::Is(arity),
    };
    let mut twins = Vec::new();
    if *function == of(SEND) {
        twins.push((of(BANG), spec.clone()));
        // Every whitelist has it, through `@base`, and it would go round.
        let wider = spec.wider(SEND_OPTIONS.1);
        if mode == Mode::Whitelist {
            twins.extend(wider.map(|spec| (of(SEND_OPTIONS), spec)));
        }
    }
    twins.retain(|(twin, _)| !named(twin));
    twins
}

#[cfg(test)]
mod tests;
