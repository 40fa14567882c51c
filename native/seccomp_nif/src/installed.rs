// SPDX-License-Identifier: Apache-2.0
//! Policies that processes and handles hold: each once, however many hold it.

use std::sync::Arc;

use once_cell::sync::Lazy;
use rustler::OwnedEnv;
use seccomp_core::{
    Compiled, Flags, Interner, Mfa, Mode, OnDeny, Policy, PolicyHash,
    PolicySpec,
};

use crate::abi;
use crate::bits::VerdictBits;
use crate::error::{Error, Result};
use crate::learn::Collector;
use crate::quota::Quota;
use crate::term::Atoms;

/// A compiled policy with its verdict bits. It dies with the last process or
/// handle that holds it, and its number becomes free then.
pub struct Installed {
    policy: Policy,
    hash: PolicyHash,
    compiled: Compiled,
    bits: Option<VerdictBits>,
    collector: Option<Collector>,
    quota: Option<Quota>,
}

static INTERNED: Lazy<Interner<Installed>> = Lazy::new(Interner::default);

/// The one object for this policy.
pub fn install(policy: Policy) -> Result<Arc<Installed>> {
    let hash = policy.hash();
    INTERNED.get_or_try_insert(hash, || alone(policy))
}

/// A policy that allows everything and writes it down, one for each session
/// of learning: equal ones are not the same.
pub fn learner() -> Result<Arc<Installed>> {
    let mut spec = PolicySpec::new(Mode::Whitelist, Vec::new());
    spec.base = false;
    spec.on_deny = OnDeny::Log;
    let mut learner = alone(Policy::from_spec(&spec)?)?;
    learner.collector = Some(Collector::default());
    Ok(Arc::new(learner))
}

/// The same policy for processes that may have so many children in all.
pub fn with_quota(policy: &Installed, max: usize) -> Result<Arc<Installed>> {
    let mut limited = alone(policy.policy.clone())?;
    limited.quota = Some(Quota::new(max));
    Ok(Arc::new(limited))
}

/// A policy that is not shared with equal ones.
fn alone(policy: Policy) -> Result<Installed> {
    let env = OwnedEnv::new();
    let compiled = env.run(|env| Compiled::new(&policy, &Atoms(env)))?;
    Ok(Installed {
        hash: policy.hash(),
        compiled,
        bits: VerdictBits::new()?,
        policy,
        collector: None,
        quota: None,
    })
}

impl Installed {
    /// The readable form.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What the policy is known by.
    pub fn hash(&self) -> PolicyHash {
        self.hash
    }

    /// The compiled form.
    pub fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// Where calls are written down, if the policy is a learner.
    pub fn collector(&self) -> Option<&Collector> {
        self.collector.as_ref()
    }

    /// How many children its processes may have, if that is limited.
    pub fn quota(&self) -> Option<&Quota> {
        self.quota.as_ref()
    }

    /// Whether it is a learner.
    pub fn learns(&self) -> bool {
        self.collector.is_some()
    }

    /// The flags byte of a process under the policy.
    pub fn flags(&self) -> u8 {
        Flags::of(&self.policy).bits()
    }

    /// The word that the emulator keeps for a process under the policy.
    pub fn word(&self) -> Result<u32> {
        let bits = self.bits.as_ref().ok_or(Error::Internal)?;
        Ok(u32::from(self.flags()) | bits.number() << abi::POLICY_SHIFT)
    }

    /// What restricts a process under `self` further by `other`.
    pub fn meet(&self, other: &Installed) -> Result<Arc<Installed>> {
        install(self.policy.meet(&other.policy)?)
    }
}

/// A call, from the terms that the emulator gives.
pub fn mfa(module: abi::Eterm, function: abi::Eterm, arity: u32) -> Mfa {
    Mfa {
        module: module as u64,
        function: function as u64,
        arity,
    }
}
