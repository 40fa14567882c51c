// SPDX-License-Identifier: Apache-2.0

//! Measures what a policy costs at 10, 100 and 100,000 rules: building the
//! readable form, hashing, compiling, and deciding one call.

use std::cell::RefCell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use foldhash::HashMap;
use seccomp_core::{
    AtomTable, Compiled, Error, Groups, Mfa, Mode, Pat, Pattern, Policy,
    PolicySpec, Rule,
};

const CALLS: u32 = 1_000_000;
const RUNS: usize = 10;

#[derive(Default)]
struct Atoms(RefCell<HashMap<String, u64>>);

impl AtomTable for Atoms {
    fn atom(&self, name: &str) -> Result<u64, Error> {
        let mut names = self.0.borrow_mut();
        if let Some(&atom) = names.get(name) {
            return Ok(atom);
        }
        let atom = names.len() as u64;
        names.insert(name.to_owned(), atom);
        Ok(atom)
    }
}

fn main() -> Result<(), Error> {
    // The groups are read once, by whoever comes first.
    Groups::shipped()?;
    for rules in [10, 100, 100_000] {
        measure(rules)?;
    }
    Ok(())
}

fn measure(count: usize) -> Result<(), Error> {
    // Multiplying by an odd number shuffles, so that sorting has work to do.
    let rules = (0..count).map(|n| n.wrapping_mul(0x9e37_79b1) % (1 << 31));
    let rules = rules.map(|n| {
        Rule::Pattern(Pattern {
            module: Pat::name(format!("module_{}", n % 1000)),
            function: Pat::name(format!("function_{n}")),
            arity: Pat::Is((n % 7) as u8),
        })
    });
    let spec = PolicySpec::new(Mode::Whitelist, rules.collect());
    let atoms = Atoms::default();

    let (policy, built) = smallest(|| Policy::from_spec(&spec))?;
    let (_, hashed) = smallest(|| Ok(policy.hash()))?;
    // The first run makes the atoms; in the virtual machine most are there.
    let (compiled, done) = smallest(|| Compiled::new(&policy, &atoms))?;

    let start = Instant::now();
    for n in 0..CALLS {
        let call = Mfa {
            module: u64::from(n % 1000),
            function: u64::from(n),
            arity: n % 7,
        };
        black_box(compiled.decide(black_box(call)));
    }
    let decided = start.elapsed() / CALLS;

    println!(
        "{count:>6} rules: built {built:.1?}, hashed {hashed:.1?}, compiled \
         {done:.1?}, a decision {decided:.0?}"
    );
    Ok(())
}

/// The smallest time of some runs: the rest is noise of the machine.
fn smallest<T>(
    run: impl Fn() -> Result<T, Error>,
) -> Result<(T, Duration), Error> {
    let timed = || {
        let start = Instant::now();
        let value = run()?;
        Ok((value, start.elapsed()))
    };
    let mut best = timed()?;
    for _ in 1..RUNS {
        let next = timed()?;
        if next.1 < best.1 {
            best = next;
        }
    }
    Ok(best)
}
