// SPDX-License-Identifier: Apache-2.0

//! Which functions can be gates.
//!
//! What a gate calls is not checked, so a function that runs what its arguments
//! name would run anything: it is refused here, when a policy is built. Funs in
//! arguments the emulator refuses when the gate is called; that functions which
//! take one are refused here, too, says so earlier.

use once_cell::sync::Lazy;

use crate::error::Error;
use crate::group::Groups;
use crate::policy::Mode;
use crate::rule::{Pat, Pattern};

/// Groups of functions that have code run which their arguments name.
const GROUPS: [&str; 3] = ["@deputies", "@spawn", "@code"];

/// Lines of a pattern and the reason: those that `scripts/no-gate` found in the
/// types of OTP's functions, and others.
const LISTS: [&str; 2] = [
    include_str!("../no_gate.txt"),
    include_str!("../no_gate_found.txt"),
];

static LISTED: Lazy<Result<Vec<(Pattern, &str)>, Error>> = Lazy::new(|| {
    LISTS
        .iter()
        .flat_map(|list| list.lines())
        .filter_map(line)
        .collect()
});

fn line(text: &'static str) -> Option<Result<(Pattern, &'static str), Error>> {
    if text.is_empty() || text.starts_with('#') {
        return None;
    }
    let (pattern, reason) = text.split_once(' ').unwrap_or((text, ""));
    Some(pattern.parse().map(|pattern| (pattern, reason)))
}

/// Fails for a gate that no policy of this mode can have.
pub(crate) fn check(gate: &Pattern, mode: Mode) -> Result<(), Error> {
    let refused = |why: String| Error::BadRule {
        text: gate.to_string(),
        why,
        position: None,
    };
    if mode == Mode::Blacklist {
        return Err(refused(
            "a blacklist says what is denied, and a gate is allowed: write a \
             whitelist"
                .to_owned(),
        ));
    }
    match why_not(gate)? {
        Some(reason) => Err(refused(format!(
            "this function can be no gate, because what it calls would not be \
             checked: {reason}; make a gate of a function of your own that \
             calls it"
        ))),
        None => Ok(()),
    }
}

/// Why a function can be no gate.
fn why_not(gate: &Pattern) -> Result<Option<&'static str>, Error> {
    let (Pat::Is(module), Pat::Is(function), Pat::Is(arity)) =
        (&gate.module, &gate.function, &gate.arity)
    else {
        return Ok(Some("it is more than one"));
    };
    let matches = |pattern: &Pattern| {
        pattern.matches(module, function, u32::from(*arity))
    };
    for (pattern, reason) in LISTED.as_ref().map_err(Error::clone)? {
        if matches(pattern) {
            return Ok(Some(reason));
        }
    }
    for group in GROUPS {
        for member in Groups::shipped()?.expand(group)? {
            if matches(&member.pattern) {
                return Ok(Some(&member.reason));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(function: &str) -> Option<&'static str> {
        why_not(&function.parse().unwrap()).unwrap()
    }

    #[test]
    fn what_runs_its_arguments_can_be_no_gate() {
        for function in [
            "erlang:apply/2",
            "erlang:apply/3",
            "erlang:spawn/3",
            "erlang:'!'/2",
            "erl_eval:expr/2",
            "lists:map/2",
            "maps:fold/3",
            "timer:tc/3",
            "timer:apply_after/4",
            "proc_lib:spawn_link/3",
            "proc_lib:hibernate/3",
            "rpc:call/4",
            "gen_server:start_link/3",
            "code:load_binary/3",
            "error_handler:undefined_function/3",
            "file:eval/1",
            "erlang:load_nif/2",
            "ets:foldl/3",
            "_:f/1",
        ] {
            assert!(why(function).is_some(), "{function}");
        }
        for function in [
            "kv:get/1",
            "ets:lookup/2",
            "erlang:phash2/1",
            "gen_server:call/2",
            "lists:reverse/1",
            "io:format/2",
        ] {
            assert_eq!(why(function), None, "{function}");
        }
    }

    #[test]
    fn a_blacklist_has_no_gates() {
        let gate = "kv:get/1".parse().unwrap();
        assert!(check(&gate, Mode::Whitelist).is_ok());
        let error = check(&gate, Mode::Blacklist).unwrap_err();
        assert_eq!(error.name(), "bad_rule");
    }
}
