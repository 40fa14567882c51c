// SPDX-License-Identifier: Apache-2.0

//! Policies in files, which may include the rules of other files.
//!
//! An included file is a policy of the same mode that has rules alone. Its
//! rules come before those of the file that includes it; a rule that several
//! files have counts once. Paths are relative to the file that names them.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Display};
use std::sync::Arc;

use crate::error::Error;
use crate::form::Form;
use crate::json::Document;
use crate::policy::{Mode, Policy};
use crate::rule::Rule;
use crate::spec::PolicySpec;

/// How deep files may include others. It also ends circles that links make,
/// which show no path twice.
const MAX_DEPTH: usize = 8;

/// How many files a policy may have.
pub const MAX_FILES: usize = 64;

/// How many bytes these may have together.
pub const MAX_FILE_BYTES: usize = 16 << 20;

/// Where something stands in a file. Lines and columns count from 1, columns
/// in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The path of the file.
    pub file: Arc<str>,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Why a policy could not be read from its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The file that is at fault.
    pub file: Arc<str>,
    /// Line and column, where the fault has a place inside.
    pub place: Option<(usize, usize)>,
    /// What is wrong.
    pub error: Error,
}

/// A policy that was read from files, and where each of its rules stood.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    /// The policy, with the rules of all files.
    pub spec: PolicySpec,
    /// For each of its rules the place.
    pub places: Vec<Place>,
}

/// Gives the text of a file, or says why not.
pub type Source<'a> = dyn FnMut(&str) -> Result<String, String> + 'a;

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl FileError {
    fn new(file: &str, place: Option<(usize, usize)>, error: Error) -> Self {
        FileError {
            file: file.into(),
            place,
            error,
        }
    }

    /// An error of a text that came from this file.
    fn inside(file: &str, error: Error) -> Self {
        let place = match &error {
            Error::BadJson { line, column, .. }
            | Error::BadTerms { line, column, .. } => Some((*line, *column)),
            _ => None,
        };
        FileError::new(file, place, error)
    }

    /// What is wrong, without where.
    pub fn message(&self) -> String {
        match &self.error {
            Error::BadJson { message, .. }
            | Error::BadTerms { message, .. } => message.clone(),
            Error::UnknownGroup {
                name, suggestion, ..
            } => Error::UnknownGroup {
                name: name.clone(),
                position: None,
                suggestion: suggestion.clone(),
            }
            .to_string(),
            error => error.to_string(),
        }
    }
}

impl Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message())
    }
}

impl std::error::Error for FileError {}

impl PolicyFile {
    /// Reads a policy; `source` is asked for the file and for those that it
    /// includes.
    pub fn read(
        path: &str,
        source: &mut Source<'_>,
    ) -> Result<PolicyFile, FileError> {
        let mut reader = Reader {
            source,
            open: Vec::new(),
            done: HashSet::new(),
            bytes: 0,
            rules: Vec::new(),
            known: HashSet::new(),
            places: Vec::new(),
            comments: Vec::new(),
        };
        let document = reader.file(path, None)?;
        let (rules, places) = (reader.rules, reader.places);
        let comments = reader.comments.into_iter().collect();
        Ok(PolicyFile {
            spec: PolicySpec {
                rules,
                comments,
                ..document.into_spec()
            },
            places,
        })
    }

    /// Builds the policy.
    pub fn policy(&self) -> Result<Policy, FileError> {
        Policy::from_spec(&self.spec).map_err(|error| {
            let position = match &error {
                Error::BadRule { position, .. }
                | Error::UnknownGroup { position, .. } => *position,
                Error::DuplicateRule { second, .. } => Some(*second),
                _ => None,
            };
            let place = position.and_then(|n| self.places.get(n - 1));
            match place.or(self.places.last()) {
                Some(at) if position.is_some() => {
                    FileError::new(&at.file, Some((at.line, at.column)), error)
                }
                Some(at) => FileError::new(&at.file, None, error),
                None => FileError::new("", None, error),
            }
        })
    }
}

/// The files that a text includes, as paths from where `path` is one.
pub fn includes(path: &str, text: &str) -> Result<Vec<String>, FileError> {
    let inside = |error| FileError::inside(path, error);
    let (document, _) = form(path)?.document(text).map_err(inside)?;
    let names = document.include.iter();
    Ok(names.map(|name| join(path, &name.value)).collect())
}

fn form(path: &str) -> Result<Form, FileError> {
    Form::of(path).ok_or_else(|| {
        let why = "the name of a policy's file ends in .json or in .terms";
        FileError::new(path, None, Error::BadFile { why: why.into() })
    })
}

/// A path from that of the file that names it. Nothing but `./` is shortened:
/// a directory above may be another one than its name says.
fn join(file: &str, name: &str) -> String {
    let mut name = name;
    while let Some(rest) = name.strip_prefix("./") {
        name = rest;
    }
    match file.rsplit_once('/') {
        Some((directory, _)) => format!("{directory}/{name}"),
        None => name.to_owned(),
    }
}

/// A file that names another one: its path and mode, and where.
struct Include<'a> {
    by: &'a str,
    mode: Mode,
    place: (usize, usize),
}

struct Reader<'a, 'b> {
    source: &'a mut Source<'b>,
    /// The files that are being read, each included by the one before.
    open: Vec<String>,
    /// The files that were read.
    done: HashSet<String>,
    bytes: usize,
    rules: Vec<Rule>,
    known: HashSet<Rule>,
    places: Vec<Place>,
    comments: Vec<(usize, String)>,
}

impl Reader<'_, '_> {
    fn file(
        &mut self,
        path: &str,
        from: Option<&Include<'_>>,
    ) -> Result<Document, FileError> {
        let form = form(path)?;
        let text = self.text(path, from)?;
        let inside = |error| FileError::inside(path, error);
        let (document, lines) = match from {
            None => form.document(&text),
            Some(_) => form.included(&text),
        }
        .map_err(inside)?;
        if let Some(from) = from {
            if from.mode != document.mode {
                let why = format!(
                    "{path} is a {}, and this a {}",
                    document.mode, from.mode
                );
                return Err(refuse(from, why));
            }
        }
        self.open.push(path.to_owned());
        let mut named = HashSet::new();
        for name in &document.include {
            let include = Include {
                by: path,
                mode: document.mode,
                place: lines.place(name.at),
            };
            if !named.insert(&name.value) {
                return Err(refuse(
                    &include,
                    format!("{} is named twice", name.value),
                ));
            }
            self.include(&name.value, &include)?;
        }
        self.open.pop();
        self.done.insert(path.to_owned());
        let places = document.rules.iter().map(|rule| lines.place(rule.at));
        self.add(path, &document, places.collect())?;
        Ok(document)
    }

    fn include(
        &mut self,
        name: &str,
        from: &Include<'_>,
    ) -> Result<(), FileError> {
        let refused = |why: String| Err(refuse(from, why));
        if name.starts_with('/') {
            return refused(format!(
                "{name} is absolute: a path is relative to this file"
            ));
        }
        let path = join(from.by, name);
        if let Some(start) = self.open.iter().position(|open| *open == path) {
            let circle: Vec<_> =
                self.open.iter().skip(start).map(String::as_str).collect();
            return refused(format!(
                "a circle: {} includes {path} again",
                circle.join(" includes ")
            ));
        }
        if self.done.contains(&path) {
            // Its rules are there already, and a rule counts once.
            return Ok(());
        }
        if self.open.len() > MAX_DEPTH {
            return refused(format!(
                "{path} would be included through more than {MAX_DEPTH} files"
            ));
        }
        if self.open.len() + self.done.len() >= MAX_FILES {
            return refused(format!(
                "{path} would be one file more than {MAX_FILES}"
            ));
        }
        self.file(&path, Some(from)).map(|_| ())
    }

    fn text(
        &mut self,
        path: &str,
        from: Option<&Include<'_>>,
    ) -> Result<String, FileError> {
        let text = (self.source)(path).map_err(|why| match from {
            Some(from) => refuse(from, format!("cannot read {path}: {why}")),
            None => FileError::new(path, None, Error::BadFile { why }),
        })?;
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > MAX_FILE_BYTES {
            let limit = MAX_FILE_BYTES >> 20;
            let why = format!("more than {limit} MiB of policy");
            return Err(FileError::new(path, None, Error::BadFile { why }));
        }
        Ok(text)
    }

    fn add(
        &mut self,
        path: &str,
        document: &Document,
        places: Vec<(usize, usize)>,
    ) -> Result<(), FileError> {
        let file: Arc<str> = path.into();
        let mut own = HashMap::with_capacity(places.len());
        let rules = document.rules.iter().zip(places).enumerate();
        for (index, (rule, (line, column))) in rules {
            let rule = &rule.value;
            if let Some(first) = own.insert(&rule.rule, index + 1) {
                let error = Error::DuplicateRule {
                    rule: rule.rule.to_string(),
                    first,
                    second: index + 1,
                };
                return Err(FileError::new(path, Some((line, column)), error));
            }
            if self.known.insert(rule.rule.clone()) {
                let index = self.rules.len();
                self.rules.push(rule.rule.clone());
                self.comments
                    .extend(rule.comment.clone().map(|text| (index, text)));
                self.places.push(Place {
                    file: file.clone(),
                    line,
                    column,
                });
            }
        }
        Ok(())
    }
}

fn refuse(from: &Include<'_>, why: String) -> FileError {
    FileError::new(from.by, Some(from.place), Error::BadInclude { why })
}
