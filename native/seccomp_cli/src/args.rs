// SPDX-License-Identifier: Apache-2.0

//! The command line. A new command is a variant of [`Command`] and a line in
//! `main`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Looks at policy files: NAME.json, or NAME.terms for an Erlang map.
///
/// Exit status: 0 good policy, allowed, no difference; 1 bad policy, denied,
/// difference; 2 the question could not be answered.
#[derive(Parser)]
#[command(name = "seccomp", version)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the tool can do.
#[derive(Subcommand)]
pub enum Command {
    /// See that files are policies, and say what is wrong, where
    Check(Check),
    /// Say whether a policy allows a call, and by which rule
    Explain {
        /// The policy
        file: PathBuf,
        /// The call, as in lists:map/2
        #[arg(value_name = "M:F/A")]
        call: String,
    },
    /// Compare two policies, groups and included files unfolded
    Diff {
        /// The policy that was
        before: PathBuf,
        /// The policy that is to be
        after: PathBuf,
    },
    /// Print a policy in full: each pattern, where it came from and why
    Dump {
        /// The policy
        file: PathBuf,
    },
    /// Run functions, write the smallest whitelist that lets them pass
    Learn(Learn),
    /// List the groups, or the members of one
    Groups {
        /// A group, with or without its @
        name: Option<String>,
    },
}

/// What to learn, and how.
#[derive(clap::Args)]
pub struct Learn {
    /// Functions without arguments, as in my_tests:test/0, one run for each
    #[arg(required = true, value_name = "M:F/0")]
    pub calls: Vec<String>,
    /// Where to write the policy: NAME.json or NAME.terms
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    /// Run each function before, too, so that loading modules is not learned
    #[arg(long)]
    pub warm: bool,
    /// Write down who called each function first, which takes longer
    #[arg(long)]
    pub callers: bool,
    /// A group to write in place of its members, as in @pure; again for more
    #[arg(long, value_name = "GROUP")]
    pub group: Vec<String>,
    /// The erl to start; on a stock one calls are traced
    #[arg(long, value_name = "PATH", default_value = "erl")]
    pub erl: PathBuf,
    /// A directory with modules; again for more
    #[arg(long, value_name = "DIR")]
    pub pa: Vec<PathBuf>,
}

/// How to check.
#[derive(clap::Args)]
pub struct Check {
    /// The policies
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Ask an Erlang node, too, whether the named functions exist
    #[arg(long)]
    pub node: bool,
    /// The erl to start for that
    #[arg(long, value_name = "PATH", default_value = "erl", requires = "node")]
    pub erl: PathBuf,
    /// A directory with modules that the policies name; again for more
    #[arg(long, value_name = "DIR", requires = "node")]
    pub pa: Vec<PathBuf>,
}
