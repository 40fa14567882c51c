// SPDX-License-Identifier: Apache-2.0

//! Why a call is allowed or denied, in words and as data.

use std::fmt::{self, Display, Write};

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
    /// What the layer says of the arguments of the call.
    pub args: Vec<&'a Entry>,
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
            let args = layer.about_args(module, function, arity);
            let matches = match layer.mode() {
                // Nothing is allowed whatever the arguments are.
                Mode::Whitelist => entry.is_some() && args.is_empty(),
                Mode::Blacklist => entry.is_some() || !args.is_empty(),
            };
            LayerReason {
                index,
                mode: layer.mode(),
                verdict: Verdict::of(layer.mode(), matches),
                entry,
                args,
            }
        });
        let layers: Vec<_> = layers.collect();
        Explanation {
            call: mfa_text(module, function, arity),
            layers,
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
    /// What the layer says of the arguments of the call.
    fn about_args(
        &self,
        module: &str,
        function: &str,
        arity: u32,
    ) -> Vec<&Entry> {
        let Ok(arity) = u8::try_from(arity) else {
            return Vec::new();
        };
        self.find_args(&Pattern {
            module: Pat::name(module),
            function: Pat::name(function),
            arity: Pat::Is(arity),
        })
    }

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

    /// Whether some arguments are allowed and others are not, as far as this
    /// crate can tell.
    pub fn depends(&self) -> bool {
        let closed = |layer: &LayerReason| {
            layer.verdict == Verdict::Deny && !layer.depends()
        };
        self.layers.iter().any(LayerReason::depends)
            && !self.layers.iter().any(closed)
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
        let depends = self.depends();
        if depends {
            write!(f, "{} depends on its arguments", self.call)?;
        } else {
            write!(f, "{} is {verdict}", self.call)?;
        }
        match self.layers.as_slice() {
            [only] if depends => write!(f, ": {only}.")?,
            [] => f.write_str(": the policy is empty.")?,
            [only] => write!(f, "{only}.")?,
            several => {
                let count = several.len();
                match verdict {
                    _ if depends => f.write_char('.')?,
                    Verdict::Allow => write!(f, " by all {count} layers.")?,
                    Verdict::Deny => {
                        write!(f, " because not all {count} layers allow it.")?
                    }
                }
                for layer in several {
                    let number = layer.index + 1;
                    write!(f, "\n  layer {number}: ")?;
                    if !layer.depends() {
                        layer.verdict.fmt(f)?;
                    }
                    write!(f, "{layer}.")?;
                }
            }
        }
        if self.gate {
            return f.write_str(" What it calls is not checked.");
        }
        if let (Verdict::Allow, Some(rule)) = (verdict, self.send) {
            write!(f, " Whom it may send to: {rule}.")?;
        }
        if depends {
            return Ok(());
        }
        if verdict == Verdict::Deny && self.on_deny == OnDeny::Log {
            f.write_str(" The policy only records: the call runs.")?;
        }
        Ok(())
    }
}

impl LayerReason<'_> {
    /// Whether what the layer says depends on the arguments.
    fn depends(&self) -> bool {
        match self.mode {
            Mode::Whitelist => !self.args.is_empty(),
            Mode::Blacklist => !self.args.is_empty() && self.entry.is_none(),
        }
    }
}

/// What follows "allowed" or "denied", without the full stop; the whole where
/// it depends on arguments.
impl Display for LayerReason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.depends() {
            f.write_str(match self.mode {
                Mode::Whitelist => "allowed only with those",
                Mode::Blacklist => "denied with those",
            })?;
            for (index, entry) in self.args.iter().enumerate() {
                let or = if index > 0 { " or" } else { " of" };
                write!(f, "{or} {}, {}", entry.origin, entry.text())?;
            }
            return Ok(());
        }
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
