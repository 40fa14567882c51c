// SPDX-License-Identifier: Apache-2.0

//! Everything that can be wrong with what a user writes.

use thiserror::Error;

/// Why a policy could not be read, built or compiled.
///
/// The message says what was wrong, where, and what to write instead. The
/// fields carry the same facts, for callers that build their own terms.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The text of a rule cannot be read.
    #[error("bad rule {text:?}{}: {why}", at(position))]
    BadRule {
        /// The whole text of the rule.
        text: String,
        /// What is wrong with it and what to write instead.
        why: String,
        /// Where it stands in the user's list, from 1, when that is known.
        position: Option<usize>,
    },

    /// A rule names a group that does not exist.
    #[error(
        "there is no group {name}{}{}",
        at(position),
        did_you_mean(suggestion)
    )]
    UnknownGroup {
        /// The name as it was written.
        name: String,
        /// Where it stands in the user's list, from 1. None for a group that
        /// nobody wrote: the implicit `@base`.
        position: Option<usize>,
        /// The group with the most similar name.
        suggestion: Option<String>,
    },

    /// The same rule stands twice in the user's list.
    #[error(
        "rule {second} repeats rule {first}, {rule}: leave one of them out"
    )]
    DuplicateRule {
        /// The text of the rule.
        rule: String,
        /// Where it stands first, from 1.
        first: usize,
        /// Where it stands again.
        second: usize,
    },

    /// A policy in JSON is not well formed or has a wrong key or value.
    #[error("bad JSON at line {line}, column {column}: {message}")]
    BadJson {
        /// What is wrong, without the place.
        message: String,
        /// Line, from 1; 0 when there is no text to point at.
        line: usize,
        /// Column, from 1; 0 before the first character of a line.
        column: usize,
    },

    /// A policy in Erlang terms is not well formed or has a wrong key or value.
    #[error("bad terms at line {line}, column {column}: {message}")]
    BadTerms {
        /// What is wrong, without the place.
        message: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },

    /// A file of a policy cannot be read, or not as a policy.
    #[error("{why}")]
    BadFile {
        /// What is wrong with it.
        why: String,
    },

    /// A file that a policy includes cannot be part of it.
    #[error("{why}")]
    BadInclude {
        /// What is wrong with it.
        why: String,
    },

    /// The file of groups is damaged. Users meet this only when they change it.
    #[error("bad groups file: {why}")]
    BadGroups {
        /// What is wrong with it, and where.
        why: String,
    },

    /// Too many different policies were put on top of each other.
    #[error(
        "the policy would have {layers} layers, but at most {limit} are \
         allowed: put the rules into fewer policies"
    )]
    TooManyLayers {
        /// How many there would be.
        layers: usize,
        /// How many there may be.
        limit: usize,
    },

    /// A name cannot become an atom.
    #[error("{name:?} cannot be an atom: {why}")]
    BadAtom {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Error {
    /// The error's stable name: the atom that Erlang shows.
    pub fn name(&self) -> &'static str {
        match self {
            Error::BadRule { .. } => "bad_rule",
            Error::UnknownGroup { .. } => "unknown_group",
            Error::DuplicateRule { .. } => "duplicate_rule",
            Error::BadJson { .. } => "bad_json",
            Error::BadTerms { .. } => "bad_terms",
            Error::BadFile { .. } => "bad_file",
            Error::BadInclude { .. } => "bad_include",
            Error::BadGroups { .. } => "bad_groups",
            Error::TooManyLayers { .. } => "too_many_layers",
            Error::BadAtom { .. } => "bad_atom",
        }
    }

    /// Adds the place in the user's list to an error that has none: a rule
    /// does not know where it stands while its text is read.
    pub fn at(mut self, place: usize) -> Self {
        if let Error::BadRule { position, .. }
        | Error::UnknownGroup { position, .. } = &mut self
        {
            position.get_or_insert(place);
        }
        self
    }
}

fn at(position: &Option<usize>) -> String {
    position.map_or_else(String::new, |n| format!(" (rule {n})"))
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion
        .as_ref()
        .map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_where_and_what_instead() {
        let error = Error::UnknownGroup {
            name: "@prue".into(),
            position: None,
            suggestion: Some("@pure".into()),
        };
        assert_eq!(
            error.at(3).to_string(),
            "there is no group @prue (rule 3); did you mean @pure?"
        );
    }

    #[test]
    fn a_known_place_is_kept() {
        let error = Error::BadRule {
            text: "x:".into(),
            why: "no".into(),
            position: Some(1),
        };
        assert_eq!(error.clone().at(9), error);
    }
}
