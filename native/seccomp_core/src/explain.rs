// SPDX-License-Identifier: Apache-2.0

//! Why a call is allowed or denied, in words and as data.

use std::fmt::{self, Display};

use crate::layer::{Entry, Layer};
use crate::policy::{Mode, OnDeny, Policy};
use crate::rule::{Pat, Pattern};
use crate::rule_text::mfa_text;
use crate::send::{sends, SendRule};
use crate::verdict::Verdict;

/// Why a policy allows or denies a call.
#[derive(Clone, Debug)]
pub struct Explanation<'a> {
    call: String,
    layers: Vec<LayerReason<'a>>,
    on_deny: OnDeny,
    /// The rule that bounds what an allowed call may send to.
    send: Option<&'a SendRule>,
    /// Whether the function is a gate.
    gate: bool,
}

/// What one layer says about a call.
#[derive(Clone, Debug)]
pub struct LayerReason<'a> {
    /// Which layer of the policy, from 0.
    pub index: usize,
    /// The layer's mode.
    pub mode: Mode,
    /// What it says.
    pub verdict: Verdict,
    /// The most specific entry that matches; None when none does.
    pub entry: Option<&'a Entry>,
}

impl Policy {
    /// Explains what the policy says about a call. The verdict is that of the
    /// compiled policy.
    pub fn explain(
        &self,
        module: &str,
        function: &str,
        arity: u32,
    ) -> Explanation<'_> {
        let layers = self.layers().iter().enumerate().map(|(index, layer)| {
            let entry = layer.most_specific(module, function, arity);
            LayerReason {
                index,
                mode: layer.mode(),
                verdict: Verdict::of(layer.mode(), entry.is_some()),
                entry,
            }
        });
        Explanation {
            call: mfa_text(module, function, arity),
            layers: layers.collect(),
            on_deny: self.on_deny(),
            gate: self
                .gates()
                .iter()
                .any(|gate| gate.matches(module, function, arity)),
            send: (!self.send().is_any() && sends(module, function))
                .then_some(self.send()),
        }
    }
}

impl Layer {
    /// The entry that says most about the call: the module counts more than
    /// the function, and the function more than the arity.
    fn most_specific(
        &self,
        module: &str,
        function: &str,
        arity: u32,
    ) -> Option<&Entry> {
        let module = Pat::name(module);
        let function = Pat::name(function);
        let arity = u8::try_from(arity).map_or(Pat::Any, Pat::Is);
        let candidates = (0..8u8).rev().map(|fixed| Pattern {
            module: pick(fixed & 4 != 0, &module),
            function: pick(fixed & 2 != 0, &function),
            arity: pick(fixed & 1 != 0, &arity),
        });
        candidates.filter_map(|pattern| self.find(&pattern)).next()
    }
}

fn pick<T: Clone>(fixed: bool, value: &Pat<T>) -> Pat<T> {
    if fixed {
        value.clone()
    } else {
        Pat::Any
    }
}

impl<'a> Explanation<'a> {
    /// Whether the call is allowed.
    pub fn verdict(&self) -> Verdict {
        let allows = |layer: &LayerReason| layer.verdict == Verdict::Allow;
        if !self.layers.is_empty() && self.layers.iter().all(allows) {
            Verdict::Allow
        } else {
            Verdict::Deny
        }
    }

    /// What each layer says.
    pub fn layers(&self) -> &[LayerReason<'a>] {
        &self.layers
    }

    /// The layer to blame or to thank: the first one that denies; else the
    /// first whitelist; else the blacklist, which matches nothing.
    pub fn deciding(&self) -> Option<&LayerReason<'a>> {
        let denies = |layer: &&LayerReason| layer.verdict == Verdict::Deny;
        let lists = |layer: &&LayerReason| layer.mode == Mode::Whitelist;
        self.layers
            .iter()
            .find(denies)
            .or_else(|| self.layers.iter().find(lists))
            .or_else(|| self.layers.first())
    }
}

/// A sentence; under several policies a sentence and a line for each of them.
impl Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = self.verdict();
        write!(f, "{} is {verdict}", self.call)?;
        match self.layers.as_slice() {
            [] => f.write_str(": the policy is empty.")?,
            [only] => write!(f, "{only}.")?,
            several => {
                let count = several.len();
                match verdict {
                    Verdict::Allow => write!(f, " by all {count} layers.")?,
                    Verdict::Deny => {
                        write!(f, " because not all {count} layers allow it.")?
                    }
                }
                for layer in several {
                    let number = layer.index + 1;
                    let verdict = layer.verdict;
                    write!(f, "\n  layer {number}: {verdict}{layer}.")?;
                }
            }
        }
        if self.gate {
            return f.write_str(" What it calls is not checked.");
        }
        if let (Verdict::Allow, Some(rule)) = (verdict, self.send) {
            write!(f, " Whom it may send to: {rule}.")?;
        }
        if verdict == Verdict::Deny && self.on_deny == OnDeny::Log {
            f.write_str(" The policy only records: the call runs.")?;
        }
        Ok(())
    }
}

/// What follows "allowed" or "denied", without the full stop.
impl Display for LayerReason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(entry) = self.entry else {
            return write!(f, ": the {} has no rule for it", self.mode);
        };
        let Entry { origin, .. } = entry;
        let rule = entry.text();
        match origin.reason() {
            None => write!(f, " by {origin}, {rule}"),
            // Reasons are written as notes or as sentences.
            Some(reason) => {
                let reason = reason.trim_end_matches('.');
                write!(f, " by {origin}, {rule}: {reason}")
            }
        }
    }
}

#[cfg(test)]
mod tests;
