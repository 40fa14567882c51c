// SPDX-License-Identifier: Apache-2.0

//! What only an Erlang node can tell.
//!
//! A node is started, does one thing with the library and ends. It takes file
//! names as plain arguments, so nothing of them is read as Erlang.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Trouble;

/// Ends with 3 where the library is missing.
const PRESENT: &str = "
    case code:ensure_loaded(seccomp) of
        {module, _} -> ok;
        _ -> halt(3)
    end.";

/// Ends with 0 if all files are policies whose functions exist, with 1 if not.
const LOAD: &str = "
    Bad = [seccomp:format_error(Reason)
           || File <- init:get_plain_arguments(),
              {error, Reason} <- [seccomp:load_policy(File)]],
    [io:format(standard_error, \"~ts~n\", [Text]) || Text <- Bad],
    halt(min(length(Bad), 1)).";

/// Whether what the policies name exists; complaints go to standard error.
pub fn functions_exist(
    erl: &Path,
    pa: &[PathBuf],
    files: &[&PathBuf],
) -> Result<bool, Trouble> {
    run(erl, pa, &["-eval", LOAD], files)
}

/// Starts a node for this, with plain arguments. True: all went well.
pub fn run(
    erl: &Path,
    pa: &[PathBuf],
    what: &[&str],
    arguments: &[impl AsRef<OsStr>],
) -> Result<bool, Trouble> {
    let mut command = Command::new(erl);
    command.args(["-noinput", "-boot", "start_clean"]);
    for directory in pa {
        command.arg("-pa").arg(directory);
    }
    let status = command
        .args(["-eval", PRESENT])
        .args(what)
        .arg("-extra")
        .args(arguments)
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("{}: {error}", erl.display()))?;
    match status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        Some(3) => Err(format!(
            "{} does not find the application seccomp: give its ebin \
             directory with --pa, or set ERL_LIBS",
            erl.display()
        )
        .into()),
        _ => Err(format!("{} failed", erl.display()).into()),
    }
}
