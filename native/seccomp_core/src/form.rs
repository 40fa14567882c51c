// SPDX-License-Identifier: Apache-2.0

//! The two forms in which a policy is written down.

use crate::error::Error;
use crate::json::{self, Document};
use crate::located::Lines;
use crate::node::{Fault, Node, Value};
use crate::node_json::{self, JsonFault};
use crate::node_terms;

/// How a policy is written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON, in files named `*.json`.
    Json,
    /// One Erlang map, in files named `*.terms`.
    Terms,
}

/// The keys of a file that is included. All others say something about the
/// policy as a whole, which is for the including file to say.
const INCLUDED: [&str; 5] = ["$schema", "comment", "include", "mode", "rules"];

impl Form {
    /// The form of a file, by its name.
    pub fn of(path: &str) -> Option<Form> {
        let (name, extension) = path.rsplit_once('.')?;
        if name.is_empty() || name.ends_with('/') {
            return None;
        }
        match extension {
            "json" => Some(Form::Json),
            "terms" => Some(Form::Terms),
            _ => None,
        }
    }

    pub(crate) fn document(
        self,
        text: &str,
    ) -> Result<(Document, Lines), Error> {
        self.checked(text, |_| Ok(()))
    }

    /// A document that may hold rules and nothing else.
    pub(crate) fn included(
        self,
        text: &str,
    ) -> Result<(Document, Lines), Error> {
        self.checked(text, only_rules)
    }

    fn checked(
        self,
        text: &str,
        check: fn(&Node) -> Result<(), Fault>,
    ) -> Result<(Document, Lines), Error> {
        let lines = Lines::of(text);
        let bad = |fault: Fault| {
            let (line, column) = lines.place(fault.at.unwrap_or(0));
            self.error(fault.message, line, column)
        };
        let node = match self {
            Form::Json => match node_json::read(text) {
                Ok(node) => node,
                Err(JsonFault::Syntax(error)) => {
                    return Err(json::syntax(error))
                }
                Err(JsonFault::Fault(fault)) => return Err(bad(fault)),
            },
            Form::Terms => node_terms::read(text).map_err(bad)?,
        };
        check(&node).map_err(bad)?;
        let document = Document::read(node).map_err(bad)?;
        Ok((document, lines))
    }

    pub(crate) fn error(
        self,
        message: String,
        line: usize,
        column: usize,
    ) -> Error {
        match self {
            Form::Json => Error::BadJson {
                message,
                line,
                column,
            },
            Form::Terms => Error::BadTerms {
                message,
                line,
                column,
            },
        }
    }
}

fn only_rules(node: &Node) -> Result<(), Fault> {
    let Value::Map(pairs) = &node.value else {
        return Ok(());
    };
    for (key, _) in pairs {
        if let Value::Text(name) | Value::Atom(name) = &key.value {
            if !INCLUDED.contains(&name.as_str()) {
                let why = format!(
                    "{name} cannot stand in an included file, which gives \
                     rules alone: write it in the file that includes this one"
                );
                return Err(Fault::new(why, key.at));
            }
        }
    }
    Ok(())
}
