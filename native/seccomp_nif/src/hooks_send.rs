// SPDX-License-Identifier: Apache-2.0
//! What the emulator calls about signals: only when the rule of a policy does
//! not allow one, for it reads the rule itself.

use crate::abi::{self, Eterm};
use crate::hooks::{guard, reaction};
use crate::table;
use crate::violations::{self, Target};

/// Records a signal that the rule does not allow; says what comes of it.
pub extern "C" fn send_denied(
    pid: Eterm,
    module: Eterm,
    function: Eterm,
    arity: u32,
    target: Eterm,
    node: Eterm,
) -> i32 {
    guard(abi::RAISE, || {
        let Some(policy) = table::policy(pid) else {
            return abi::RAISE;
        };
        if let Some(collector) = policy.collector() {
            collector.sent(Target { target, node });
            return abi::LOG;
        }
        let denial = policy.compiled().denial();
        let Some((answer, action)) = reaction(denial) else {
            return abi::RAISE;
        };
        let target = Some(Target { target, node });
        let call = (module, function, arity);
        violations::record(pid, call, target, policy.hash(), action);
        answer
    })
}
