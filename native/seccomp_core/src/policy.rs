// SPDX-License-Identifier: Apache-2.0

//! The readable form of a policy: groups expanded, every pattern with where
//! it came from.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Display};
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};

use crate::args::{self, ArgSpec};
use crate::error::Error;
use crate::gate;
use crate::group::Groups;
use crate::layer::{Entry, Layer, Origin};
use crate::rule::{Pattern, Rule};
use crate::send::SendRule;
use crate::spec::PolicySpec;

/// The most layers that a policy may have: each costs every new call a look.
pub const MAX_LAYERS: usize = 32;

/// The group that a whitelist holds without being told.
const BASE: &str = "@base";

/// Whether patterns say what is allowed or what is denied.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// What no pattern matches is denied.
    Whitelist,
    /// What no pattern matches is allowed.
    Blacklist,
}

/// What happens at a denied call, from lenient to strict.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum OnDeny {
    /// The call runs and is recorded.
    Log,
    /// The call raises an error.
    Raise,
    /// The process ends.
    Kill,
}

/// Whether something that is no call may be done.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// It may.
    Allow,
    /// It may not.
    Deny,
}

/// A policy, ready to be met, explained, hashed and compiled.
///
/// It has 1 to [`MAX_LAYERS`] different layers, at most one a blacklist; the
/// only ways to get one are [`Policy::from_spec`] and [`Policy::meet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(crate) layers: Vec<Layer>,
    pub(crate) spawn: Permission,
    pub(crate) inherit: bool,
    pub(crate) provenance: bool,
    pub(crate) on_deny: OnDeny,
    pub(crate) send: SendRule,
}

impl Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Mode::Whitelist => "whitelist",
            Mode::Blacklist => "blacklist",
        })
    }
}

impl Display for OnDeny {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            OnDeny::Log => "log",
            OnDeny::Raise => "raise",
            OnDeny::Kill => "kill",
        })
    }
}

impl Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Permission::Allow => "allow",
            Permission::Deny => "deny",
        })
    }
}

impl Policy {
    /// Builds a policy from what a user wrote, with the shipped groups.
    pub fn from_spec(spec: &PolicySpec) -> Result<Policy, Error> {
        Policy::from_spec_with(spec, Groups::shipped()?)
    }

    /// Builds a policy with other groups.
    pub fn from_spec_with(
        spec: &PolicySpec,
        groups: &Groups,
    ) -> Result<Policy, Error> {
        let mut entries = Vec::with_capacity(spec.rules.len());
        let mut seen = HashMap::with_capacity_and_hasher(
            spec.rules.len(),
            RandomState::default(),
        );
        let named = Named::by(&spec.rules);
        for (index, rule) in spec.rules.iter().enumerate() {
            let position = index + 1;
            if let Some(first) = seen.insert(rule, position) {
                return Err(Error::DuplicateRule {
                    rule: rule.to_string(),
                    first,
                    second: position,
                });
            }
            let gate = matches!(rule, Rule::Gate(_));
            let entry = |pattern: &Pattern, args: Option<&ArgSpec>| Entry {
                pattern: pattern.clone(),
                origin: Origin::Rule {
                    position,
                    reason: spec
                        .comments
                        .get(&index)
                        .map(|comment| comment.as_str().into()),
                },
                gate,
                args: args.cloned(),
            };
            match rule {
                Rule::Pattern(pattern) | Rule::Gate(pattern) => {
                    if gate {
                        gate::check(pattern, spec.mode)
                            .map_err(|error| error.at(position))?;
                    }
                    entries.push(entry(pattern, None));
                }
                Rule::Args(function, args) => {
                    args::check(function)
                        .and_then(|()| named.none_but_args(function))
                        .map_err(|error| error.at(position))?;
                    entries.push(entry(function, Some(args)));
                    let has = |twin: &Pattern| named.has(twin);
                    for (twin, args) in
                        args::twins(function, args, spec.mode, has)
                    {
                        entries.push(entry(&twin, Some(&args)));
                    }
                }
                Rule::Group(name) => {
                    add_group(groups, name, Some(position), &mut entries)
                        .map_err(|error| error.at(position))?;
                }
            }
        }
        if spec.base && spec.mode == Mode::Whitelist {
            add_group(groups, BASE, None, &mut entries)?;
        }
        Ok(Policy {
            layers: vec![Layer::new(spec.mode, entries)],
            spawn: spec.spawn,
            inherit: spec.inherit,
            provenance: spec.provenance.unwrap_or(spec.inherit),
            on_deny: spec.on_deny,
            send: spec.send.clone(),
        })
    }

    /// The layers: a call has to be allowed by all of them.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The functions that are gates: in each layer, so that no layer looks at
    /// what they call.
    pub fn gates(&self) -> Vec<&Pattern> {
        let Some((first, others)) = self.layers.split_first() else {
            return Vec::new();
        };
        let gates = first.entries().iter().filter(|entry| entry.gate);
        gates
            .map(|entry| &entry.pattern)
            .filter(|gate| others.iter().all(|layer| layer.has_gate(gate)))
            .collect()
    }

    /// Whether the process may start others.
    pub fn spawn(&self) -> Permission {
        self.spawn
    }

    /// Whether the processes it starts get the policy too.
    pub fn inherit(&self) -> bool {
        self.inherit
    }

    /// Whether processes that others start on its behalf get the policy too.
    pub fn provenance(&self) -> bool {
        self.provenance
    }

    /// What happens at a denied call.
    pub fn on_deny(&self) -> OnDeny {
        self.on_deny
    }

    /// Whom the process may send to.
    pub fn send(&self) -> &SendRule {
        &self.send
    }
}

/// The functions that rules name one by one, if any rule looks at arguments.
#[derive(Default)]
struct Named<'a> {
    plain: HashSet<&'a Pattern, RandomState>,
    with_args: HashSet<&'a Pattern, RandomState>,
}

impl<'a> Named<'a> {
    fn by(rules: &'a [Rule]) -> Self {
        let mut named = Named::default();
        if !rules.iter().any(|rule| matches!(rule, Rule::Args(..))) {
            return named;
        }
        for rule in rules {
            match rule {
                Rule::Pattern(p) | Rule::Gate(p) if p.is_function() => {
                    named.plain.insert(p);
                }
                Rule::Args(p, _) => {
                    named.with_args.insert(p);
                }
                Rule::Pattern(_) | Rule::Gate(_) | Rule::Group(_) => {}
            }
        }
        named
    }

    fn has(&self, function: &Pattern) -> bool {
        self.plain.contains(function) || self.with_args.contains(function)
    }

    /// What a rule says of arguments another one must not take back.
    fn none_but_args(&self, function: &Pattern) -> Result<(), Error> {
        if !self.plain.contains(function) {
            return Ok(());
        }
        Err(Error::BadRule {
            text: function.to_string(),
            why:
                "another rule names this function whatever its arguments are: \
                  leave one of them out"
                    .to_owned(),
            position: None,
        })
    }
}

fn add_group(
    groups: &Groups,
    name: &str,
    position: Option<usize>,
    entries: &mut Vec<Entry>,
) -> Result<(), Error> {
    let name: Arc<str> = name.into();
    let members = groups.expand(&name)?;
    entries.extend(members.iter().map(|member| Entry {
        pattern: member.pattern.clone(),
        origin: Origin::Group {
            name: name.clone(),
            via: member.via.clone(),
            reason: member.reason.clone(),
            position,
        },
        gate: false,
        args: None,
    }));
    Ok(())
}

#[cfg(test)]
mod tests;
