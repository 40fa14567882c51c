// SPDX-License-Identifier: Apache-2.0

//! The semantics as the documentation of the crate states them, read off the
//! rules that the user wrote, with no thought for speed and with nothing of
//! the crate but its types.

use seccomp_core::{Error, Groups, Mode, Pat, Pattern, PolicySpec, Rule};

/// A call as a user thinks of it.
pub type Call = (String, String, u32);

pub fn allows(spec: &PolicySpec, groups: &Groups, call: &Call) -> bool {
    let base = Rule::Group("@base".to_owned());
    let holds_base = spec.base && spec.mode == Mode::Whitelist;
    let matched = spec.rules.iter().any(|rule| covers(rule, groups, call))
        || (holds_base && covers(&base, groups, call));
    // Nothing is known of arguments here, so they fit no whitelist.
    let asks = looks_at_args(spec, call);
    match spec.mode {
        Mode::Whitelist => matched && !asks,
        Mode::Blacklist => !matched && !asks,
    }
}

/// Whether a rule looks at the arguments of the call, by its name or as what
/// sends the same message.
fn looks_at_args(spec: &PolicySpec, call: &Call) -> bool {
    let (module, function, arity) = call;
    let named = spec.rules.iter().any(|rule| match rule {
        Rule::Pattern(p) | Rule::Gate(p) | Rule::Args(p, _) => {
            p.is_function() && fits(p, call)
        }
        Rule::Group(_) => false,
    });
    let send = ("erlang".to_owned(), "send".to_owned(), 2);
    let twin = match (function.as_str(), arity) {
        ("!", 2) => true,
        ("send", 3) => spec.mode == Mode::Whitelist,
        _ => false,
    };
    spec.rules.iter().any(|rule| match rule {
        Rule::Args(p, _) => {
            fits(p, call)
                || (module == "erlang" && twin && !named && fits(p, &send))
        }
        Rule::Pattern(_) | Rule::Gate(_) | Rule::Group(_) => false,
    })
}

fn covers(rule: &Rule, groups: &Groups, call: &Call) -> bool {
    match rule {
        Rule::Pattern(pattern) | Rule::Gate(pattern) => fits(pattern, call),
        Rule::Args(..) => false,
        Rule::Group(name) => groups
            .iter()
            .filter(|group| *group.name == **name)
            .flat_map(|group| &group.members)
            .any(|member| covers(&member.rule, groups, call)),
    }
}

fn fits(pattern: &Pattern, (module, function, arity): &Call) -> bool {
    let module = match &pattern.module {
        Pat::Any => true,
        Pat::Is(name) => **name == **module,
    };
    let function = match &pattern.function {
        Pat::Any => true,
        Pat::Is(name) => **name == **function,
    };
    let arity = match &pattern.arity {
        Pat::Any => true,
        Pat::Is(number) => *number as u32 == *arity,
    };
    module && function && arity
}

/// What is wrong with a policy, as far as a reader of the rules can see.
#[derive(Debug, PartialEq)]
pub enum Fault {
    Duplicate { first: usize, second: usize },
    UnknownGroup { position: Option<usize> },
}

impl Fault {
    pub fn of(error: &Error) -> Option<Fault> {
        match *error {
            Error::DuplicateRule { first, second, .. } => {
                Some(Fault::Duplicate { first, second })
            }
            Error::UnknownGroup { position, .. } => {
                Some(Fault::UnknownGroup { position })
            }
            _ => None,
        }
    }
}

/// The first fault in the order of the rules.
pub fn fault(spec: &PolicySpec, groups: &Groups) -> Option<Fault> {
    for (index, rule) in spec.rules.iter().enumerate() {
        let before = spec.rules.iter().take(index);
        if let Some(first) = before.clone().position(|other| other == rule) {
            return Some(Fault::Duplicate {
                first: first + 1,
                second: index + 1,
            });
        }
        if let Rule::Group(name) = rule {
            if !groups.names().any(|known| known == name) {
                return Some(Fault::UnknownGroup {
                    position: Some(index + 1),
                });
            }
        }
    }
    None
}
