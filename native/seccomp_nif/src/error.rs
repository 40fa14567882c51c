// SPDX-License-Identifier: Apache-2.0
//! Everything that a NIF can refuse, and the one place that turns it into
//! `{error, {Name, Map}}`.

use rustler::{Encoder, Env, Term};
use seccomp_core::{Error as CoreError, FileError};

use crate::abi;
use crate::emulator::Unsupported;

/// Why a call was refused; nothing has changed then.
#[derive(Clone, Debug)]
pub enum Error {
    /// The policy itself is at fault.
    Core(CoreError),
    /// The policy is at fault, in one of its files.
    InFile(FileError),
    /// A term is not what it should be.
    BadTerm {
        /// The name that Erlang sees.
        name: &'static str,
        /// What is wrong and what to write instead.
        why: String,
        /// Where in the list of rules, counted from 1.
        position: Option<usize>,
    },
    /// This emulator enforces nothing.
    Unsupported(Unsupported),
    /// The process does not exist.
    NoProc,
    /// The process lives on another node.
    RemotePid,
    /// The caller is under a policy itself; what it may not do.
    Restricted(&'static str),
    /// The process is under a policy that this library does not know.
    UnknownPolicy,
    /// As many policies are in use as the emulator can number.
    TooManyPolicies,
    /// No memory for a policy's verdict bits.
    OutOfMemory,
    /// A request failed at its process, with the error of this name.
    Failed(&'static str),
    /// A bug in this library.
    Internal,
}

/// The result of nearly everything here.
pub type Result<T> = std::result::Result<T, Error>;

impl From<CoreError> for Error {
    fn from(error: CoreError) -> Self {
        Error::Core(error)
    }
}

impl From<Unsupported> for Error {
    fn from(why: Unsupported) -> Self {
        Error::Unsupported(why)
    }
}

/// A term that cannot be decoded, outside of a list of rules.
pub fn bad_term(name: &'static str, why: impl Into<String>) -> Error {
    Error::BadTerm {
        name,
        why: why.into(),
        position: None,
    }
}

impl Error {
    /// The atom that Erlang sees.
    pub fn name(&self) -> &'static str {
        match self {
            Error::Core(error) => error.name(),
            Error::InFile(error) => error.error.name(),
            Error::BadTerm { name, .. } => name,
            Error::Unsupported(_) => "unsupported",
            Error::NoProc => "noproc",
            Error::RemotePid => "remote_pid",
            Error::Restricted(_) => "restricted",
            Error::UnknownPolicy => "unknown_policy",
            Error::TooManyPolicies | Error::OutOfMemory => "system_limit",
            Error::Failed(name) => name,
            Error::Internal => "internal",
        }
    }

    /// The number under which the error crosses the emulator, when a request
    /// fails in another process. [`name_of_status`] is the way back.
    pub fn status(&self) -> i32 {
        let name = self.name();
        (2..)
            .zip(STATUS_NAMES)
            .find(|(_, known)| **known == name)
            .map_or(INTERNAL_STATUS, |(status, _)| status)
    }

    /// The error of a request that the emulator hands back with a status.
    pub fn from_status(status: i32) -> Self {
        Error::Failed(name_of_status(status))
    }

    fn message(&self) -> String {
        match self {
            Error::Core(error) => error.to_string(),
            Error::InFile(error) => error.message(),
            Error::BadTerm { why, .. } => why.clone(),
            Error::Unsupported(why) => match why {
                Unsupported::NotPatched => "this emulator does not have the seccomp patch".into(),
                Unsupported::Flavor => {
                    "this flavor of the patched emulator checks no calls".into()
                }
                Unsupported::Abi(abi) => format!(
                    "this emulator's patch speaks version {abi} of the interface, \
                     the library version {}",
                    abi::ABI
                ),
                Unsupported::Taken => {
                    "another copy of the library is loaded in this emulator".into()
                }
                Unsupported::Gates => {
                    "this emulator has no gates yet, and the policy has some".into()
                }
                Unsupported::Args => {
                    "this emulator does not show policies the arguments of calls, \
                     and the policy looks at some"
                        .into()
                }
            },
            Error::NoProc => "the process does not exist".into(),
            Error::RemotePid => "only processes of this node can be put under a policy".into(),
            Error::Restricted(what) => {
                format!("a process under a policy may not {what}")
            }
            Error::UnknownPolicy => {
                "the process is under a policy that could not be given to it".into()
            }
            Error::TooManyPolicies => {
                format!("more than {} policies are in use", abi::MAX_POLICIES - 1)
            }
            Error::OutOfMemory => "no memory for a policy's verdict bits".into(),
            Error::Failed(name) => format!("the request failed: {name}"),
            Error::Internal => "an error in seccomp itself; please report it".into(),
        }
    }

    /// `{error, {Name, Map}}`; the map has a `message`, and what else is known.
    pub fn to_term<'a>(&self, env: Env<'a>) -> Term<'a> {
        let mut facts: Vec<(&str, Term<'a>)> =
            vec![("message", self.message().as_str().encode(env))];
        match self {
            Error::BadTerm {
                position: Some(position),
                ..
            } => facts.push(("position", position.encode(env))),
            Error::Unsupported(why) => {
                facts.push(("reason", unsupported_atom(*why).encode(env)))
            }
            Error::Core(error) => core_facts(env, error, &mut facts),
            Error::InFile(error) => {
                core_facts(env, &error.error, &mut facts);
                facts.push(("file", (*error.file).encode(env)));
                if let Some((line, column)) = error.place {
                    facts.push(("line", line.encode(env)));
                    facts.push(("column", column.encode(env)));
                }
            }
            _ => {}
        }
        let map = crate::term::map(env, &facts);
        (atoms::error(), (crate::term::atom(env, self.name()), map)).encode(env)
    }
}

fn unsupported_atom(why: Unsupported) -> rustler::Atom {
    match why {
        Unsupported::NotPatched => atoms::not_patched(),
        Unsupported::Flavor => atoms::flavor(),
        Unsupported::Abi(_) => atoms::abi(),
        Unsupported::Taken => atoms::taken(),
        Unsupported::Gates => atoms::gates(),
        Unsupported::Args => atoms::args(),
    }
}

fn core_facts<'a>(
    env: Env<'a>,
    error: &CoreError,
    facts: &mut Vec<(&str, Term<'a>)>,
) {
    let text = |text: &str| text.encode(env);
    match error {
        CoreError::BadRule {
            text: t,
            why,
            position,
        } => {
            facts.push(("rule", text(t)));
            facts.push(("why", text(why)));
            facts.extend(position.map(|n| ("position", n.encode(env))));
        }
        CoreError::UnknownGroup {
            name,
            position,
            suggestion,
        } => {
            facts.push(("group", crate::term::atom(env, name)));
            facts.extend(position.map(|n| ("position", n.encode(env))));
            if let Some(name) = suggestion {
                facts.push(("did_you_mean", crate::term::atom(env, name)));
            }
        }
        CoreError::DuplicateRule {
            rule,
            first,
            second,
        } => {
            facts.push(("rule", text(rule)));
            facts.push(("first", first.encode(env)));
            facts.push(("second", second.encode(env)));
        }
        CoreError::BadJson {
            message,
            line,
            column,
        }
        | CoreError::BadTerms {
            message,
            line,
            column,
        } => {
            facts.push(("why", text(message)));
            facts.push(("line", line.encode(env)));
            facts.push(("column", column.encode(env)));
        }
        CoreError::TooManyLayers { layers, limit } => {
            facts.push(("layers", layers.encode(env)));
            facts.push(("limit", limit.encode(env)));
        }
        CoreError::BadAtom { name, .. } => facts.push(("name", text(name))),
        _ => {}
    }
}

/// Names by status, from 2 on; 0 and 1 belong to the emulator.
const STATUS_NAMES: &[&str] = &[
    "too_many_layers",
    "system_limit",
    "unknown_policy",
    "bad_atom",
    "internal",
    "restricted",
    "unsupported",
];
const INTERNAL_STATUS: i32 = 6;

/// The error's name for a status that the emulator hands back.
pub fn name_of_status(status: i32) -> &'static str {
    if status == abi::NOPROC {
        return "noproc";
    }
    usize::try_from(status - 2)
        .ok()
        .and_then(|index| STATUS_NAMES.get(index))
        .copied()
        .unwrap_or("internal")
}

mod atoms {
    rustler::atoms! { error, not_patched, flavor, abi, taken, gates, args }
}
