// SPDX-License-Identifier: Apache-2.0

//! What a user writes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::policy::{Mode, OnDeny, Permission};
use crate::rule::Rule;
use crate::send::SendRule;

/// A policy as a user writes it, with groups unexpanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySpec {
    /// Whether the rules say what is allowed or what is denied.
    pub mode: Mode,
    /// The rules, in the user's order; positions in messages count from 1.
    pub rules: Vec<Rule>,
    /// Why rules are there, by their index in `rules`, from 0.
    pub comments: BTreeMap<usize, String>,
    /// Whether the process may start others.
    pub spawn: Permission,
    /// Whether the processes it starts get the policy too.
    pub inherit: bool,
    /// Whether what others do on behalf of the process is under the policy
    /// too. As `inherit` when it is not given.
    pub provenance: Option<bool>,
    /// What happens at a denied call.
    pub on_deny: OnDeny,
    /// Whether a whitelist holds `@base`. It means nothing in a blacklist.
    pub base: bool,
    /// What to do about a rule for a function that does not exist. The core
    /// only carries it: what exists is known to the virtual machine alone.
    pub unknown: Unknown,
    /// Whom the process may send to.
    pub send: SendRule,
    /// Anything the user wants to say about the policy.
    pub comment: Option<String>,
}

/// What to do about a rule for a function that does not exist.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// Refuse the policy: a typing mistake must not open or close anything.
    #[default]
    Error,
    /// Accept it: the module may be loaded later.
    Allow,
}

impl PolicySpec {
    /// A policy with these rules and the defaults for everything else.
    pub fn new(mode: Mode, rules: Vec<Rule>) -> Self {
        PolicySpec {
            mode,
            rules,
            comments: BTreeMap::new(),
            spawn: Permission::Allow,
            inherit: true,
            provenance: None,
            on_deny: OnDeny::Raise,
            base: true,
            unknown: Unknown::Error,
            send: SendRule::default_for(mode),
            comment: None,
        }
    }

    /// The policy that only forbids to start processes.
    pub fn spawn_only() -> Self {
        PolicySpec {
            spawn: Permission::Deny,
            ..PolicySpec::new(Mode::Blacklist, Vec::new())
        }
    }
}
