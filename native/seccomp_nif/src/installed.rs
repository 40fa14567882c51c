// SPDX-License-Identifier: Apache-2.0
//! Policies that processes and handles hold: each once, however many hold it.

use std::sync::Arc;

use once_cell::sync::Lazy;
use rustler::OwnedEnv;
use seccomp_core::{Compiled, Flags, Interner, Mfa, Policy, PolicyHash};

use crate::abi;
use crate::bits::VerdictBits;
use crate::error::{Error, Result};
use crate::origins;
use crate::send::Rule;
use crate::term::Atoms;

/// A compiled policy with its verdict bits. It dies with the last process or
/// handle that holds it, and its number becomes free then.
pub struct Installed {
    policy: Arc<Policy>,
    hash: PolicyHash,
    compiled: Compiled,
    bits: Option<VerdictBits>,
    /// What its processes' messages carry; `None`: it has no provenance.
    origin: Option<origins::Id>,
}

static INTERNED: Lazy<Interner<Installed>> = Lazy::new(Interner::default);

/// The one object for this policy.
pub fn install(policy: Policy) -> Result<Arc<Installed>> {
    install_shared(Arc::new(policy))
}

/// The same for a policy that others hold, too.
pub fn install_shared(policy: Arc<Policy>) -> Result<Arc<Installed>> {
    let hash = policy.hash();
    INTERNED.get_or_try_insert(hash, || {
        let env = OwnedEnv::new();
        let (compiled, send) = env.run(|env| {
            let atoms = Atoms(env);
            let compiled = Compiled::new(&policy, &atoms)?;
            Ok::<_, seccomp_core::Error>((
                compiled,
                Rule::new(policy.send(), &atoms)?,
            ))
        })?;
        let bits = VerdictBits::new(send)?;
        let origin = policy.provenance().then(|| origins::born(&policy, hash));
        // From here on Drop takes back what was taken.
        let installed = Installed {
            policy,
            hash,
            compiled,
            bits,
            origin,
        };
        if let Some(bits) = &installed.bits {
            bits.set_origin(origin)?;
        }
        Ok(installed)
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

    /// What messages of its processes carry, if it has provenance.
    pub fn origin(&self) -> Option<origins::Id> {
        self.origin
    }

    /// The compiled form.
    pub fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// The flags byte of a process under the policy.
    pub fn flags(&self) -> u8 {
        Flags::of(&self.policy).bits()
    }

    /// The word that the emulator keeps for a process under the policy.
    pub fn word(&self) -> Result<u32> {
        let bits = self.bits.as_ref().ok_or(Error::Internal)?;
        let send = if bits.has_send_rule() { abi::SEND } else { 0 };
        Ok(u32::from(self.flags()) | send | bits.number() << abi::POLICY_SHIFT)
    }

    /// What restricts a process under `self` further by `other`.
    pub fn meet(&self, other: &Installed) -> Result<Arc<Installed>> {
        install(self.policy.meet(&other.policy)?)
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        if let Some(origin) = self.origin {
            origins::died(origin, self.hash);
        }
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
