// SPDX-License-Identifier: Apache-2.0

//! `seccomp`: looks at policy files without an Erlang.
//!
//! A program of its own rather than an escript: it links the very code that
//! the emulator's library decides by, starts in milliseconds, and runs where
//! policies are written and reviewed, which may have no Erlang. What only a
//! node can tell, `check --node` and `learn` ask one.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod args;
mod diff;
mod learn;
mod node;
mod show;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

/// What a command found, as a shell can ask for it.
pub enum Outcome {
    /// A good policy, an allowed call, no difference.
    Yes,
    /// A bad policy, a denied call, a difference.
    No,
}

/// Why a command could not answer: a sentence, or an error of a file.
pub type Trouble = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let outcome = match Args::parse().command {
        Command::Check(check) => show::check(&check),
        Command::Explain { file, call } => show::explain(&file, &call),
        Command::Diff { before, after } => diff::diff(&before, &after),
        Command::Dump { file } => show::dump(&file),
        Command::Learn(learn) => learn::learn(&learn),
        Command::Groups { name } => show::groups(name.as_deref()),
    };
    match outcome {
        Ok(Outcome::Yes) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::from(1),
        Err(trouble) => {
            eprintln!("{trouble}");
            ExitCode::from(2)
        }
    }
}
