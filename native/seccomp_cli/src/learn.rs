// SPDX-License-Identifier: Apache-2.0

//! Learning a policy from what functions do, in a node that is started for it.

use seccomp_core::Form;

use crate::args::Learn;
use crate::{node, show, Outcome, Trouble};

/// Starts the node; what it has to say goes to standard error.
pub fn learn(args: &Learn) -> Result<Outcome, Trouble> {
    let out = args
        .out
        .to_str()
        .ok_or("the name of the file is no UTF-8")?;
    if Form::of(out).is_none() {
        return Err(format!(
            "{out}: the name of a policy's file ends in .json or .terms"
        )
        .into());
    }
    let mut words = vec![
        out.to_owned(),
        if args.warm { "warm" } else { "cold" }.to_owned(),
        if args.callers { "callers" } else { "counts" }.to_owned(),
    ];
    for group in &args.group {
        words.push(format!("@{}", group.trim_start_matches('@')));
    }
    words.push("--".to_owned());
    for call in &args.calls {
        match show::call(call)? {
            (module, function, 0) => words.extend([module, function]),
            _ => return Err(format!("{call} takes arguments").into()),
        }
    }
    let learned = node::run(
        &args.erl,
        &args.pa,
        &["-run", "seccomp_learn_main", "main"],
        &words,
    )?;
    Ok(if learned { Outcome::Yes } else { Outcome::No })
}
