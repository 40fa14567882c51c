// SPDX-License-Identifier: Apache-2.0

//! Patterns over module, function and arity.

use std::borrow::Borrow;
use std::sync::Arc;

use crate::args::ArgSpec;

/// One place of a pattern: a wildcard or one value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pat<T> {
    /// Matches anything.
    Any,
    /// Matches this value only.
    Is(T),
}

impl<T> Pat<T> {
    /// Whether the place matches `value`.
    pub fn matches<U>(&self, value: &U) -> bool
    where
        T: Borrow<U>,
        U: PartialEq + ?Sized,
    {
        match self {
            Pat::Any => true,
            Pat::Is(own) => own.borrow() == value,
        }
    }

    /// Whether the place is a value, not a wildcard.
    pub fn is_fixed(&self) -> bool {
        matches!(self, Pat::Is(_))
    }
}

impl Pat<Arc<str>> {
    /// The place that an Erlang atom stands for: `_` is the wildcard and never
    /// a name, however it is quoted.
    pub fn name(atom: impl Into<Arc<str>>) -> Self {
        let atom = atom.into();
        if &*atom == "_" {
            Pat::Any
        } else {
            Pat::Is(atom)
        }
    }
}

/// Which calls a rule is about.
///
/// The order of patterns has no meaning beyond being total: it makes layers,
/// hashes and dumps independent of the order in which rules were written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern {
    /// The module.
    pub module: Pat<Arc<str>>,
    /// The function.
    pub function: Pat<Arc<str>>,
    /// The arity.
    pub arity: Pat<u8>,
}

impl Pattern {
    /// Whether all three places are values: the pattern is one function.
    pub fn is_function(&self) -> bool {
        self.module.is_fixed()
            && self.function.is_fixed()
            && self.arity.is_fixed()
    }

    /// Whether the pattern matches a call. An arity beyond 255 is matched by
    /// the wildcard alone.
    pub fn matches(&self, module: &str, function: &str, arity: u32) -> bool {
        self.module.matches(module)
            && self.function.matches(function)
            && match self.arity {
                Pat::Any => true,
                Pat::Is(own) => u32::from(own) == arity,
            }
    }
}

/// What stands in a user's list of rules.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// One pattern.
    Pattern(Pattern),
    /// All patterns of a group, by its name with the `@`.
    Group(String),
    /// One function that is allowed, and what it calls with it.
    Gate(Pattern),
    /// One function, with arguments that this accepts.
    Args(Pattern, ArgSpec),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_underscore_is_never_a_name() {
        assert_eq!(Pat::name("_"), Pat::Any);
        assert_eq!(Pat::name("__"), Pat::Is("__".into()));
    }

    #[test]
    fn all_three_places_have_to_match() {
        let pattern = Pattern {
            module: Pat::name("lists"),
            function: Pat::name("map"),
            arity: Pat::Is(2),
        };
        assert!(pattern.matches("lists", "map", 2));
        assert!(!pattern.matches("maps", "map", 2));
        assert!(!pattern.matches("lists", "sum", 2));
        assert!(!pattern.matches("lists", "map", 3));
        // 258 is 2 in the lowest eight bits.
        assert!(!pattern.matches("lists", "map", 258));
    }

    #[test]
    fn a_wildcard_matches_anything_in_its_place() {
        let read = Pattern {
            module: Pat::Any,
            function: Pat::name("read_file"),
            arity: Pat::Any,
        };
        assert!(read.matches("file", "read_file", 1));
        assert!(read.matches("prim_file", "read_file", 300));
        assert!(!read.matches("file", "write_file", 2));
    }
}
