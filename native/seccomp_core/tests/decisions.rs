// SPDX-License-Identifier: Apache-2.0

//! The compiled policy, its explanation and a plain reading of the rules agree.

mod common;

use proptest::prelude::*;
use seccomp_core::{Mode, Policy, Verdict};

use common::{calls, policy, verdicts};

/// The semantics as lib.rs states them, with no thought for speed.
fn model(policy: &Policy, module: &str, function: &str, arity: u32) -> bool {
    policy.layers().iter().all(|layer| {
        let matched = layer
            .entries()
            .iter()
            .any(|e| e.pattern.matches(module, function, arity));
        match layer.mode() {
            Mode::Whitelist => matched,
            Mode::Blacklist => !matched,
        }
    })
}

proptest! {
    #[test]
    fn the_compiled_policy_decides_as_the_model(policy in policy()) {
        let calls = calls();
        for (call, verdict) in calls.iter().zip(verdicts(&policy, &calls)) {
            let &(module, function, arity) = call;
            let allowed = model(&policy, module, function, arity);
            prop_assert_eq!(verdict == Verdict::Allow, allowed, "{:?}", call);
        }
    }

    #[test]
    fn the_explanation_tells_the_truth(policy in policy()) {
        let calls = calls();
        for (call, verdict) in calls.iter().zip(verdicts(&policy, &calls)) {
            let &(module, function, arity) = call;
            let explanation = policy.explain(module, function, arity);
            prop_assert_eq!(explanation.verdict(), verdict, "{:?}", call);
            for layer in explanation.layers() {
                // No entry means that none matches, a given one does.
                let entries = policy.layers()[layer.index].entries();
                let mut matching = entries
                    .iter()
                    .filter(|e| e.pattern.matches(module, function, arity));
                match layer.entry {
                    None => prop_assert!(matching.next().is_none()),
                    Some(entry) => {
                        prop_assert!(matching.any(|other| other == entry))
                    }
                }
            }
            let Some(deciding) = explanation.deciding() else {
                return Err(TestCaseError::fail("no layer decides"));
            };
            prop_assert_eq!(deciding.verdict, verdict);
        }
    }
}
