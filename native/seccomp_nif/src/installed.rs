// SPDX-License-Identifier: Apache-2.0
//! Policies that processes and handles hold: each once, however many hold it.

use std::sync::{Arc, OnceLock};

use once_cell::sync::Lazy;
use rustler::OwnedEnv;
use seccomp_core::{
    Compiled, Decision, Flags, Interner, Mfa, Mode, OnDeny, Policy, PolicyHash,
    PolicySpec, Rule as PolicyRule,
};

use crate::abi;
use crate::args::Programs;
use crate::bits::VerdictBits;
use crate::emulator::{self, Unsupported};
use crate::error::{Error, Result};
use crate::learn::Collector;
use crate::origins;
use crate::quota::Quota;
use crate::send::Rule;
use crate::term::Atoms;

/// A compiled policy with its verdict bits. It dies with the last process or
/// handle that holds it, and its number becomes free then.
pub struct Installed {
    policy: Arc<Policy>,
    hash: PolicyHash,
    compiled: Compiled,
    /// What its match specifications have become, where they are enforced.
    programs: Option<Programs>,
    bits: Option<VerdictBits>,
    /// What its processes' messages carry; `None`: it has no provenance.
    origin: Option<origins::Id>,
    purpose: Purpose,
    /// What its author said that it is for.
    comment: OnceLock<String>,
    /// What this is with a purpose of its own.
    plain: Option<Arc<Installed>>,
}

/// What a policy does beside being one.
enum Purpose {
    /// Nothing.
    Enforce,
    /// It writes down what is called.
    Learn(Collector),
    /// It counts children.
    Limit(Arc<Quota>),
}

/// The most bytes that the comments of met policies make together.
const MAX_COMMENT: usize = 1000;

static INTERNED: Lazy<Interner<Installed>> = Lazy::new(Interner::default);

/// The one object for this policy.
pub fn install(policy: Policy) -> Result<Arc<Installed>> {
    install_shared(Arc::new(policy))
}

/// The same for a policy that others hold, too.
pub fn install_shared(policy: Arc<Policy>) -> Result<Arc<Installed>> {
    let hash = policy.hash();
    INTERNED.get_or_try_insert(hash, || {
        let mut installed = bare(policy, hash, Purpose::Enforce)?;
        let policy = &installed.policy;
        let origin = policy.provenance().then(|| origins::born(policy, hash));
        installed.set_origin(origin)?;
        Ok(installed)
    })
}

/// How many different policies are alive.
pub fn live() -> usize {
    INTERNED.live()
}

/// A policy that allows everything and writes it down, one for each session
/// of learning: equal ones are not the same. The rules are the gates that it
/// has: what they call is not written down.
pub fn learner(gates: Vec<PolicyRule>) -> Result<Arc<Installed>> {
    let mut spec = PolicySpec::new(Mode::Whitelist, gates);
    spec.base = false;
    spec.on_deny = OnDeny::Log;
    let plain = install(Policy::from_spec(&spec)?)?;
    if !plain.policy.gates().is_empty() {
        plain.enforceable()?;
    }
    alone(plain, Purpose::Learn(Collector::default()))
}

/// The same policy for processes that may have so many children in all.
pub fn with_quota(
    plain: &Arc<Installed>,
    max: usize,
) -> Result<Arc<Installed>> {
    let quota = Arc::new(Quota::new(max));
    alone(Arc::clone(plain), Purpose::Limit(quota))
}

/// A policy that is not shared with equal ones, and what is started on behalf
/// of its processes is under itself. Other nodes take it for the plain one.
fn alone(plain: Arc<Installed>, purpose: Purpose) -> Result<Arc<Installed>> {
    let mut installed = bare(Arc::clone(&plain.policy), plain.hash, purpose)?;
    let learns = installed.learns();
    let policy = &installed.policy;
    let origin = plain
        .origin
        .map(|_| origins::born_alone(policy, plain.hash, learns));
    installed.set_origin(origin)?;
    installed.plain = Some(plain);
    let installed = Arc::new(installed);
    if let Some(origin) = origin {
        origins::stands_for(origin, &installed);
    }
    Ok(installed)
}

/// Without an origin yet.
fn bare(
    policy: Arc<Policy>,
    hash: PolicyHash,
    purpose: Purpose,
) -> Result<Installed> {
    // A learner counts the calls of its gates, so the emulator may not know
    // them.
    let learns = matches!(purpose, Purpose::Learn(_));
    let has_gates = !learns && !policy.gates().is_empty();
    let env = OwnedEnv::new();
    let (compiled, programs, send) = env.run(|env| {
        let atoms = Atoms(env);
        let compiled = Compiled::new(&policy, &atoms)?;
        let emulator = emulator::get().ok();
        let programs = Programs::new(env, compiled.specs(), emulator)?;
        let send = Rule::new(policy.send(), &atoms)?;
        Ok::<_, Error>((compiled, programs, send))
    })?;
    // No process gets a policy part of which would not be enforced.
    let bits = match &programs {
        Some(_) => VerdictBits::new(send, has_gates)?,
        None => None,
    };
    Ok(Installed {
        policy,
        hash,
        compiled,
        programs,
        bits,
        origin: None,
        purpose,
        comment: OnceLock::new(),
        plain: None,
    })
}

impl Installed {
    /// The readable form.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The readable form, to keep. Of policies that allow the same, it is the
    /// one that was there first; another's rules have other numbers.
    pub fn shared_policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// What the policy is known by.
    pub fn hash(&self) -> PolicyHash {
        self.hash
    }

    /// Says what the policy is for. Equal policies are one object, whatever
    /// was said: the first comment stays.
    pub fn describe(&self, comment: Option<String>) {
        if let Some(comment) = comment {
            // A refusal means that there is a comment.
            let _ = self.comment.set(comment);
        }
    }

    /// What its author said that it is for.
    pub fn comment(&self) -> Option<&str> {
        let own = self.comment.get().map(String::as_str);
        own.or_else(|| self.plain.as_ref().and_then(|plain| plain.comment()))
    }

    /// What messages of its processes carry, if it has provenance.
    pub fn origin(&self) -> Option<origins::Id> {
        self.origin
    }

    /// The compiled form.
    pub fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// What it decides about a call with these arguments; null: they are not
    /// known.
    pub fn decide(&self, call: Mfa, args: *const abi::Eterm) -> Decision {
        match &self.programs {
            Some(programs) => programs.decide(&self.compiled, call, args),
            None => self.compiled.decide(call),
        }
    }

    /// Where calls are written down, if the policy is a learner.
    pub fn collector(&self) -> Option<&Collector> {
        match &self.purpose {
            Purpose::Learn(collector) => Some(collector),
            Purpose::Enforce | Purpose::Limit(_) => None,
        }
    }

    /// How many children its processes may have, if that is limited.
    pub fn quota(&self) -> Option<&Arc<Quota>> {
        match &self.purpose {
            Purpose::Limit(quota) => Some(quota),
            Purpose::Enforce | Purpose::Learn(_) => None,
        }
    }

    /// Whether it is a learner.
    pub fn learns(&self) -> bool {
        self.collector().is_some()
    }

    /// Whether this is the other, or one whose children count as its.
    pub fn belongs_to(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        match (self.quota(), other.quota()) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => Arc::ptr_eq(self, other),
        }
    }

    /// A process begins under the policy.
    pub fn enter(&self) -> Result<()> {
        match &self.purpose {
            Purpose::Enforce => {}
            Purpose::Learn(collector) => collector.child(),
            Purpose::Limit(quota) if quota.enter() => {}
            Purpose::Limit(_) => {
                return Err(Error::Restricted("have more children"));
            }
        }
        Ok(())
    }

    /// The flags byte of a process under the policy.
    pub fn flags(&self) -> u8 {
        Flags::of(&self.policy).bits()
    }

    /// The word that the emulator keeps for a process under the policy.
    pub fn word(&self) -> Result<u32> {
        let bits = self.bits.as_ref().ok_or_else(|| self.unsupported())?;
        let send = if bits.has_send_rule() { abi::SEND } else { 0 };
        Ok(u32::from(self.flags())
            | abi::CHECKED
            | send
            | bits.number() << abi::POLICY_SHIFT)
    }

    /// Why no process can be under the policy, if none can.
    fn unsupported(&self) -> Error {
        match emulator::get() {
            Err(why) => why.into(),
            Ok(emulator)
                if !emulator.has_args()
                    && !self.compiled.specs().is_empty() =>
            {
                Unsupported::Args.into()
            }
            Ok(emulator) if !emulator.has_gates() => Unsupported::Gates.into(),
            Ok(_) => Error::Internal,
        }
    }

    /// Fails if no process can be under the policy on this emulator.
    pub fn enforceable(&self) -> Result<()> {
        self.word().map(|_| ())
    }

    /// What restricts a process under `self` further by `other`. A learner
    /// allows everything, and children stay counted.
    pub fn meet(self: &Arc<Self>, other: &Arc<Self>) -> Result<Arc<Installed>> {
        if other.learns() || Arc::ptr_eq(self, other) {
            return Ok(Arc::clone(self));
        }
        if self.learns() {
            return Ok(Arc::clone(other));
        }
        let met = install(self.policy.meet(&other.policy)?)?;
        met.describe(joined(self.comment(), other.comment()));
        match self.quota().or(other.quota()) {
            Some(quota) => alone(met, Purpose::Limit(Arc::clone(quota))),
            None => Ok(met),
        }
    }

    fn set_origin(&mut self, origin: Option<origins::Id>) -> Result<()> {
        // From here on Drop gives it back.
        self.origin = origin;
        match &self.bits {
            Some(bits) => bits.set_origin(origin),
            None => Ok(()),
        }
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        if let Some(origin) = self.origin {
            origins::died(origin, self.hash);
        }
    }
}

/// The comment of a policy that two others make.
fn joined(one: Option<&str>, other: Option<&str>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => {
            // Policies are met again and again.
            let whole = one.len() + other.len() <= MAX_COMMENT;
            Some(if whole {
                format!("{one}; {other}")
            } else {
                one.into()
            })
        }
        (comment, other) => comment.or(other).map(str::to_owned),
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
