// SPDX-License-Identifier: Apache-2.0

//! What a change of a policy changes.

use std::fmt::Write;
use std::path::Path;

use seccomp_core::{Entry, Layer, Mode, Pat, Pattern, Policy};

use crate::show::{print, read};
use crate::{Outcome, Trouble};

/// Prints the difference between two policies.
pub fn diff(before: &Path, after: &Path) -> Result<Outcome, Trouble> {
    let (before, after) = (read(before)?.policy()?, read(after)?.policy()?);
    let text = compare(&before, &after)?;
    print(&text)?;
    Ok(if text.is_empty() {
        Outcome::Yes
    } else {
        Outcome::No
    })
}

/// Empty when both decide alike by the same patterns.
fn compare(before: &Policy, after: &Policy) -> Result<String, Trouble> {
    let mut text = String::new();
    // The lines of a dump above the layers are all that is no pattern; taken
    // from there, none can be forgotten here.
    let (old, new) = (before.dump(), after.dump());
    for (sign, here, there) in [('-', &old, &new), ('+', &new, &old)] {
        let others: Vec<_> = head(there).collect();
        for line in head(here).filter(|line| !others.contains(line)) {
            writeln!(text, "{sign} {line}")?;
        }
    }
    // A policy that was read has one layer.
    let (Some(was), Some(is)) =
        (before.layers().first(), after.layers().first())
    else {
        return Err("a policy without a layer".into());
    };
    if was.mode() != is.mode() {
        writeln!(text, "- {}\n+ {}", was.mode(), is.mode())?;
        writeln!(
            text,
            "The patterns mean the opposite; they are not compared."
        )?;
        return Ok(text);
    }
    let (less, more) = (only(was, is), only(is, was));
    let width = less
        .iter()
        .chain(&more)
        .map(|entry| entry.pattern.to_string().chars().count())
        .max()
        .unwrap_or(0);
    for (sign, entries, others) in [("-", &less, is), ("+", &more, was)] {
        for entry in entries {
            write!(text, "{sign} {:<width$}  ", entry.pattern)?;
            // Such a rule changes nothing by itself.
            match wider(&entry.pattern, others) {
                Some(wider) => writeln!(
                    text,
                    "{}; {wider} matches it {}",
                    entry.origin,
                    if sign == "-" { "still" } else { "already" }
                )?,
                None => writeln!(text, "{}", entry.origin)?,
            }
        }
    }
    if !less.is_empty() || !more.is_empty() {
        let (gone, new) = match was.mode() {
            Mode::Whitelist => ("denied", "allowed"),
            Mode::Blacklist => ("allowed", "denied"),
        };
        writeln!(
            text,
            "{} less, {} more; what is less is {gone}, what is more {new}, \
             unless\nanother pattern matches it.",
            less.len(),
            more.len()
        )?;
    }
    Ok(text)
}

fn head(dump: &str) -> impl Iterator<Item = &str> {
    dump.lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with("policy "))
}

fn only<'a>(here: &'a Layer, there: &Layer) -> Vec<&'a Entry> {
    here.entries()
        .iter()
        .filter(|entry| !holds(there, &entry.pattern))
        .collect()
}

/// Entries are in the order of their patterns.
fn holds(layer: &Layer, pattern: &Pattern) -> bool {
    layer
        .entries()
        .binary_search_by(|entry| entry.pattern.cmp(pattern))
        .is_ok()
}

/// A pattern of the layer that matches all that this one does.
fn wider(pattern: &Pattern, layer: &Layer) -> Option<Pattern> {
    (0..7u8).rev().find_map(|kept| {
        let candidate = Pattern {
            module: keep(kept & 4 != 0, &pattern.module),
            function: keep(kept & 2 != 0, &pattern.function),
            arity: keep(kept & 1 != 0, &pattern.arity),
        };
        holds(layer, &candidate).then_some(candidate)
    })
}

fn keep<T: Clone>(kept: bool, place: &Pat<T>) -> Pat<T> {
    if kept {
        place.clone()
    } else {
        Pat::Any
    }
}
