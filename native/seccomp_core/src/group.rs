// SPDX-License-Identifier: Apache-2.0

//! Named sets of functions, each member with the reason why it belongs.
//!
//! The groups are data, in `groups.json` and, for Elixir's own library, in
//! `groups_elixir.json`, and part of the crate: a policy means the same wherever
//! this version of it runs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use once_cell::sync::Lazy;
use serde::Deserialize;

use crate::error::Error;
use crate::rule::{Pattern, Rule};
use crate::suggest::suggest;

static SHIPPED: Lazy<Result<Groups, Error>> = Lazy::new(|| {
    Groups::parse_all(&[
        include_str!("../groups.json"),
        include_str!("../groups_elixir.json"),
    ])
});

/// All groups, in the order of their files.
#[derive(Clone, Debug)]
pub struct Groups {
    list: Vec<Group>,
    index: HashMap<Arc<str>, usize>,
}

/// A named set of functions.
#[derive(Clone, Debug)]
pub struct Group {
    /// The name, with the `@`.
    pub name: Arc<str>,
    /// What the group is for, in a sentence.
    pub doc: String,
    /// What belongs to it.
    pub members: Vec<Member>,
    expanded: Vec<Expanded>,
}

/// One member of a group.
#[derive(Clone, Debug)]
pub struct Member {
    /// A pattern, or another group.
    pub rule: Rule,
    /// Why it belongs to the group.
    pub reason: Arc<str>,
}

/// A pattern that a group stands for, directly or through another group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expanded {
    /// The pattern.
    pub pattern: Pattern,
    /// Why it belongs to the group that lists it.
    pub reason: Arc<str>,
    /// The group that lists it: the one that was expanded, or one inside it.
    pub via: Arc<str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    groups: Vec<RawGroup>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    name: String,
    doc: String,
    members: Vec<RawMember>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMember {
    rule: String,
    reason: String,
}

impl Groups {
    /// The groups that this crate ships.
    pub fn shipped() -> Result<&'static Groups, Error> {
        SHIPPED.as_ref().map_err(Error::clone)
    }

    /// Reads groups and makes sure that each of them can be expanded.
    pub fn parse(json: &str) -> Result<Groups, Error> {
        Groups::parse_all(&[json])
    }

    /// Reads groups of several files, which may name each other's.
    fn parse_all(files: &[&str]) -> Result<Groups, Error> {
        let mut groups = Groups {
            list: Vec::new(),
            index: HashMap::new(),
        };
        let mut all = Vec::new();
        for json in files {
            let file: File = serde_json::from_str(json)
                .map_err(|error| bad(error.to_string()))?;
            all.extend(file.groups);
        }
        for raw in all {
            let group = read_group(raw)?;
            let place = groups.list.len();
            if groups.index.insert(group.name.clone(), place).is_some() {
                return Err(bad(format!("{} stands there twice", group.name)));
            }
            groups.list.push(group);
        }
        let mut done = HashSet::new();
        for group in &groups.list {
            groups.check_nesting(group, &mut Vec::new(), &mut done)?;
        }
        groups.expand_all()?;
        Ok(groups)
    }

    /// The names, in file order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|group| &*group.name)
    }

    /// All groups, in file order.
    pub fn iter(&self) -> impl Iterator<Item = &Group> {
        self.list.iter()
    }

    /// One group, by its name with the `@`.
    pub fn get(&self, name: &str) -> Result<&Group, Error> {
        self.index
            .get(name)
            .and_then(|&place| self.list.get(place))
            .ok_or_else(|| Error::UnknownGroup {
                name: name.to_owned(),
                position: None,
                suggestion: suggest(name, self.names()).map(str::to_owned),
            })
    }

    /// All patterns of a group and of the groups inside it, each once.
    pub fn expand(&self, name: &str) -> Result<&[Expanded], Error> {
        Ok(&self.get(name)?.expanded)
    }

    /// Expands once what every whitelist would expand again.
    fn expand_all(&mut self) -> Result<(), Error> {
        let mut lists = Vec::with_capacity(self.list.len());
        for group in &self.list {
            let mut expansion = Expansion::default();
            self.expand_into(group, &mut expansion)?;
            lists.push(expansion.list);
        }
        for (group, list) in self.list.iter_mut().zip(lists) {
            group.expanded = list;
        }
        Ok(())
    }

    fn expand_into<'a>(
        &'a self,
        group: &'a Group,
        expansion: &mut Expansion<'a>,
    ) -> Result<(), Error> {
        if !expansion.groups.insert(&group.name) {
            return Ok(());
        }
        for Member { rule, reason } in &group.members {
            match rule {
                Rule::Group(inner) => {
                    self.expand_into(self.get(inner)?, expansion)?;
                }
                Rule::Pattern(pattern) => {
                    if expansion.patterns.insert(pattern) {
                        expansion.list.push(Expanded {
                            pattern: pattern.clone(),
                            reason: reason.clone(),
                            via: group.name.clone(),
                        });
                    }
                }
                Rule::Gate(_) | Rule::Args(..) => {
                    return Err(bad(format!("{}: {rule}", group.name)));
                }
            }
        }
        Ok(())
    }

    /// Fails if a group holds itself, however deep, or one that is not there.
    fn check_nesting<'a>(
        &'a self,
        group: &'a Group,
        path: &mut Vec<&'a str>,
        done: &mut HashSet<&'a str>,
    ) -> Result<(), Error> {
        if done.contains(&*group.name) {
            return Ok(());
        }
        if let Some(start) = path.iter().position(|&name| *name == *group.name)
        {
            let circle = path.get(start..).unwrap_or_default().join(" holds ");
            return Err(bad(format!("{circle} holds {}", group.name)));
        }
        path.push(&group.name);
        for member in &group.members {
            if let Rule::Group(inner) = &member.rule {
                let inner = self
                    .get(inner)
                    .map_err(|error| bad(format!("{}: {error}", group.name)))?;
                self.check_nesting(inner, path, done)?;
            }
        }
        path.pop();
        done.insert(&group.name);
        Ok(())
    }
}

#[derive(Default)]
struct Expansion<'a> {
    list: Vec<Expanded>,
    patterns: HashSet<&'a Pattern>,
    groups: HashSet<&'a str>,
}

fn read_group(raw: RawGroup) -> Result<Group, Error> {
    let RawGroup { name, doc, members } = raw;
    if !matches!(name.parse(), Ok(Rule::Group(own)) if own == name) {
        return Err(bad(format!("{name:?} is no name for a group")));
    }
    let mut seen = HashSet::new();
    let mut list = Vec::with_capacity(members.len());
    for RawMember { rule, reason } in members {
        let rule: Rule = rule
            .parse()
            .map_err(|error| bad(format!("{name}: {error}")))?;
        if reason.trim().is_empty() {
            return Err(bad(format!("{name}: {rule} has no reason")));
        }
        if !seen.insert(rule.clone()) {
            return Err(bad(format!("{name}: {rule} stands there twice")));
        }
        list.push(Member {
            rule,
            reason: reason.into(),
        });
    }
    Ok(Group {
        name: name.into(),
        doc,
        members: list,
        expanded: Vec::new(),
    })
}

fn bad(why: String) -> Error {
    Error::BadGroups { why }
}

#[cfg(test)]
mod tests;
