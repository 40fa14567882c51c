// SPDX-License-Identifier: Apache-2.0
//! Match specifications on the arguments of calls, compiled by the emulator.

use std::ffi::c_void;
use std::ptr::NonNull;

use rustler::{Env, Term};
use seccomp_core::{Answer, ArgSpec, Compiled, Decision, Mfa};

use crate::abi::{self, Eterm};
use crate::emulator::Emulator;
use crate::error::{bad_term, Error, Result};
use crate::term;

/// A match specification in the emulator's own form.
struct Program {
    emulator: &'static Emulator,
    program: NonNull<c_void>,
}

// SAFETY: a program is only read once it is made, by whichever thread.
unsafe impl Send for Program {}
// SAFETY: as above.
unsafe impl Sync for Program {}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: it came from the emulator, and nobody else has it.
        unsafe { self.emulator.args_free(self.program) };
    }
}

/// The match specifications of a policy, in the order of its compiled form.
pub struct Programs(Vec<Program>);

impl Programs {
    /// Compiles those of a policy; `None` where nothing is enforced, or not on
    /// arguments.
    pub fn new(
        env: Env,
        specs: &[ArgSpec],
        emulator: Option<&'static Emulator>,
    ) -> Result<Option<Self>> {
        let Some(emulator) = emulator else {
            return Ok(None);
        };
        if !specs.is_empty() && !emulator.has_args() {
            return Ok(None);
        }
        let compile = |spec: &ArgSpec| {
            let term = spec_term(env, spec).ok_or(Error::Internal)?;
            // SAFETY: the term lives as long as the environment.
            let program = unsafe { emulator.args_new(term::raw(term)) };
            let program = program.ok_or_else(|| {
                bad_term(
                    "bad_match_spec",
                    format!(
                        "the emulator does not take the match specification \
                         {spec}: ets:test_ms/2 says why; actions of tracing \
                         are for tracing"
                    ),
                )
            })?;
            Ok(Program { emulator, program })
        };
        let programs = specs.iter().map(compile);
        programs.collect::<Result<_>>().map(|all| Some(Self(all)))
    }

    /// What a policy decides about a call with these arguments; null: they are
    /// not known.
    pub fn decide(
        &self,
        policy: &Compiled,
        call: Mfa,
        args: *const Eterm,
    ) -> Decision {
        policy.decide_with(call, &mut |spec| {
            let program = self.0.get(spec).filter(|_| !args.is_null());
            match program {
                // SAFETY: the emulator gave as many arguments as the function
                // has, and the program is alive.
                Some(Program { emulator, program }) => match unsafe {
                    emulator.args_run(*program, args, call.arity)
                } {
                    abi::ARGS_TRUE => Answer::True,
                    abi::ARGS_FALSE => Answer::False,
                    _ => Answer::Other,
                },
                None => Answer::Other,
            }
        })
    }
}

/// The term of a match specification.
pub fn spec_term<'a>(env: Env<'a>, spec: &ArgSpec) -> Option<Term<'a>> {
    let external = spec.to_external();
    // SAFETY: the bytes are of our own making; that their atoms are made is
    // wanted, as it is for the names of functions.
    unsafe { env.binary_to_term_trusted(&external) }.map(|(term, _)| term)
}
