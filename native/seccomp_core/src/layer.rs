// SPDX-License-Identifier: Apache-2.0

//! A set of patterns with one mode, every pattern with where it came from.

use std::fmt::{self, Display};
use std::sync::Arc;

use crate::args::ArgSpec;
use crate::policy::Mode;
use crate::rule::Pattern;
use crate::rule_text::{args_text, gate_text};

/// Where a pattern came from. Positions count from 1, in the list that the
/// user wrote; under several policies each layer speaks of its own list, and
/// the joined blacklist of the list that each of its entries stood in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The user wrote the pattern.
    Rule {
        /// Where.
        position: usize,
        /// What the user said about it.
        reason: Option<Arc<str>>,
    },
    /// A group stands for it.
    Group {
        /// The group that the user wrote.
        name: Arc<str>,
        /// The group that lists the pattern: the same, or one inside it.
        via: Arc<str>,
        /// Why the pattern belongs to that group.
        reason: Arc<str>,
        /// Where the user wrote the group. None for the implicit `@base`.
        position: Option<usize>,
    },
}

/// One pattern and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The pattern.
    pub pattern: Pattern,
    /// Where it came from.
    pub origin: Origin,
    /// Whether what the function calls is allowed, too, until it returns.
    pub gate: bool,
    /// What the arguments have to be.
    pub args: Option<ArgSpec>,
}

/// A set of patterns with one mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    mode: Mode,
    /// In the order of patterns, each once, but for those that differ in what
    /// they say of arguments: so layers compare, hash and print the same
    /// whatever the order of the rules was.
    entries: Vec<Entry>,
}

impl Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Rule { position, .. } => write!(f, "rule {position}"),
            Origin::Group {
                name,
                via,
                position,
                ..
            } => {
                write!(f, "group {name} (")?;
                match position {
                    Some(position) => write!(f, "rule {position}")?,
                    None => f.write_str("part of every whitelist")?,
                }
                if via != name {
                    write!(f, ", through {via}")?;
                }
                f.write_str(")")
            }
        }
    }
}

impl Origin {
    /// Why the pattern is in the policy, if anybody said so.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Origin::Rule { reason, .. } => reason.as_deref(),
            Origin::Group { reason, .. } => Some(reason),
        }
    }
}

impl Entry {
    /// The text of a rule that gives this entry.
    pub(crate) fn text(&self) -> String {
        if let Some(spec) = &self.args {
            args_text(&self.pattern, spec)
        } else if self.gate {
            gate_text(&self.pattern)
        } else {
            self.pattern.to_string()
        }
    }
}

impl Layer {
    /// Sorts the entries. Of several for one pattern a gate is kept, or else
    /// the user's own rule, or else the first, as what an explanation should
    /// point at.
    pub(crate) fn new(mode: Mode, mut entries: Vec<Entry>) -> Self {
        let is_group = |e: &Entry| matches!(e.origin, Origin::Group { .. });
        entries.sort_by(|a, b| {
            a.pattern
                .cmp(&b.pattern)
                .then_with(|| a.args.cmp(&b.args))
                .then_with(|| b.gate.cmp(&a.gate))
                .then_with(|| is_group(a).cmp(&is_group(b)))
        });
        entries.dedup_by(|later, kept| {
            later.pattern == kept.pattern && later.args == kept.args
        });
        Layer { mode, entries }
    }

    /// The mode.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The entries, in the order of their patterns, each pattern once, and
    /// again with each match specification that there is for it.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries with exactly this pattern, which stand in pattern order.
    fn with(&self, pattern: &Pattern) -> &[Entry] {
        let from = self.entries.partition_point(|e| e.pattern < *pattern);
        let rest = self.entries.get(from..).unwrap_or_default();
        let n = rest.partition_point(|e| e.pattern == *pattern);
        rest.get(..n).unwrap_or_default()
    }

    /// The entry with exactly this pattern and whatever arguments.
    pub(crate) fn find(&self, pattern: &Pattern) -> Option<&Entry> {
        self.with(pattern).first().filter(|e| e.args.is_none())
    }

    /// What it says of the arguments of this function.
    pub(crate) fn find_args(&self, function: &Pattern) -> Vec<&Entry> {
        let with = self.with(function).iter();
        with.filter(|entry| entry.args.is_some()).collect()
    }

    /// Whether this function is a gate.
    pub(crate) fn has_gate(&self, function: &Pattern) -> bool {
        self.find(function).is_some_and(|entry| entry.gate)
    }

    /// Whether both decide alike because they hold the same patterns.
    pub(crate) fn same_patterns(&self, other: &Layer) -> bool {
        self.mode == other.mode
            && self.entries.len() == other.entries.len()
            && self.entries.iter().zip(&other.entries).all(|(a, b)| {
                a.pattern == b.pattern && a.gate == b.gate && a.args == b.args
            })
    }
}
