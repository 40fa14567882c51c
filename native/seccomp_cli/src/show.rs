// SPDX-License-Identifier: Apache-2.0

//! The commands that look at one policy, or at none.

use std::io::{Read, Write};
use std::path::Path;

use seccomp_core::{
    Groups, Origin, Pat, Pattern, PolicyFile, Verdict, MAX_FILE_BYTES,
};

use crate::args::Check;
use crate::{node, Outcome, Trouble};

/// Reads a policy with the files that it includes.
pub fn read(path: &Path) -> Result<PolicyFile, Trouble> {
    let name = path.to_str().ok_or("the name of the file is no UTF-8")?;
    Ok(PolicyFile::read(name, &mut text)?)
}

fn text(path: &str) -> Result<String, String> {
    let read = || -> std::io::Result<Vec<u8>> {
        let file = std::fs::File::open(path)?;
        let mut bytes = Vec::new();
        // A byte more than what will be refused; some files never end.
        file.take(MAX_FILE_BYTES as u64 + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".into())
}

/// Prints, and takes it well when the reader has gone: `seccomp dump | head`.
pub fn print(text: &str) -> Result<(), Trouble> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// A line for each good policy, a complaint for each bad one.
pub fn check(args: &Check) -> Result<Outcome, Trouble> {
    let mut good = Vec::new();
    for path in &args.files {
        let described = read(path).and_then(|file| describe(path, &file));
        match described {
            Ok(line) => {
                print(&line)?;
                good.push(path);
            }
            Err(complaint) => eprintln!("{complaint}"),
        }
    }
    let exist = !args.node
        || good.is_empty()
        || node::functions_exist(&args.erl, &args.pa, &good)?;
    Ok(if exist && good.len() == args.files.len() {
        Outcome::Yes
    } else {
        Outcome::No
    })
}

fn describe(path: &Path, file: &PolicyFile) -> Result<String, Trouble> {
    let policy = file.policy()?;
    let patterns: usize =
        policy.layers().iter().map(|l| l.entries().len()).sum();
    Ok(format!(
        "{}: {}, {} rules, {patterns} patterns, {}\n",
        path.display(),
        file.spec.mode,
        file.spec.rules.len(),
        policy.hash()
    ))
}

/// The explanation, and where the rule stands that it speaks of.
pub fn explain(path: &Path, call: &str) -> Result<Outcome, Trouble> {
    let (module, function, arity) = self::call(call)?;
    let file = read(path)?;
    let policy = file.policy()?;
    let why = policy.explain(&module, &function, u32::from(arity));
    print(&format!("{why}\n"))?;
    let entry = why.deciding().and_then(|layer| layer.entry);
    let position = entry.and_then(|entry| match &entry.origin {
        Origin::Rule { position, .. } => Some(*position),
        Origin::Group { position, .. } => *position,
    });
    if let Some(place) = position.and_then(|n| file.places.get(n - 1)) {
        print(&format!("  {place}\n"))?;
    }
    Ok(match why.verdict() {
        Verdict::Allow => Outcome::Yes,
        Verdict::Deny => Outcome::No,
    })
}

/// Module, function and arity of a call.
pub fn call(text: &str) -> Result<(String, String, u8), Trouble> {
    let pattern: Pattern = text.parse()?;
    match pattern {
        Pattern {
            module: Pat::Is(module),
            function: Pat::Is(function),
            arity: Pat::Is(arity),
        } => Ok((module.to_string(), function.to_string(), arity)),
        _ => {
            Err(format!("{text} is no call: write module:function/arity")
                .into())
        }
    }
}

/// The readable form of the compiled policy.
pub fn dump(path: &Path) -> Result<Outcome, Trouble> {
    print(&read(path)?.policy()?.dump())?;
    Ok(Outcome::Yes)
}

/// All groups, each with what it is for; or one with its members.
pub fn groups(name: Option<&str>) -> Result<Outcome, Trouble> {
    let groups = Groups::shipped()?;
    let Some(name) = name else {
        for group in groups.iter() {
            print(&format!("{}\n{}\n", group.name, wrapped(&group.doc, 4)))?;
        }
        return Ok(Outcome::Yes);
    };
    let name = format!("@{}", name.trim_start_matches('@'));
    let group = groups.get(&name)?;
    print(&format!("{name}\n{}\n\n", wrapped(&group.doc, 4)))?;
    for member in &group.members {
        let reason = wrapped(&member.reason, 8);
        print(&format!("  {}\n{reason}\n", member.rule))?;
    }
    Ok(Outcome::Yes)
}

fn wrapped(text: &str, indent: usize) -> String {
    let space = " ".repeat(indent);
    let options = textwrap::Options::new(79)
        .initial_indent(&space)
        .subsequent_indent(&space);
    textwrap::fill(text, options)
}
