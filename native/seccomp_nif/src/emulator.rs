// SPDX-License-Identifier: Apache-2.0
//! The emulator that loaded us: whether it enforces policies, and how to ask.

use std::ffi::{c_void, CStr};
use std::ptr::{self, NonNull};

use once_cell::sync::OnceCell;

use crate::abi;
use crate::hooks;

/// The entry points of a patched emulator.
pub struct Emulator {
    set_bits: abi::SetBitsFn,
    set_send: abi::SetSendFn,
    has_gates: bool,
    set_gates: abi::SetGatesFn,
    has_args: bool,
    args_new: abi::ArgsNewFn,
    args_free: abi::ArgsFreeFn,
    args_run: abi::ArgsRunFn,
    in_gate: abi::InGateFn,
    serve_io: abi::ServeIoFn,
    word: abi::WordFn,
    attach_self: abi::AttachSelfFn,
    attach: abi::AttachFn,
    set_origin: abi::SetOriginFn,
    origin: abi::OriginFn,
    forget_origin: abi::ForgetOriginFn,
    guard: abi::GuardFn,
    guard_flags: abi::GuardFlagsFn,
}

/// Why this emulator enforces nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsupported {
    /// It does not have the patch.
    NotPatched,
    /// It has the patch, but its flavor or machine has no check.
    Flavor,
    /// It has a patch for this version of the interface, which is not ours.
    Abi(u32),
    /// Another copy of this library is registered already.
    Taken,
    /// It enforces policies, but not such that have gates.
    Gates,
    /// It enforces policies, but not such that look at arguments.
    Args,
}

static EMULATOR: OnceCell<Result<Emulator, Unsupported>> = OnceCell::new();

/// The patched emulator, or why there is none.
pub fn get() -> Result<&'static Emulator, Unsupported> {
    EMULATOR.get_or_init(find).as_ref().map_err(|why| *why)
}

fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the name is a C string, and the main program is always loaded.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

macro_rules! function {
    ($name:literal, $type:ty) => {{
        let found = symbol($name).ok_or(Unsupported::NotPatched)?;
        // SAFETY: the ABI number says that this symbol has this type, and
        // the emulator is never unloaded.
        unsafe { std::mem::transmute::<*mut c_void, $type>(found) }
    }};
}

fn find() -> Result<Emulator, Unsupported> {
    let abi_of = function!(c"erl_seccomp_abi", abi::AbiFn);
    // SAFETY: the function takes nothing and only returns a number.
    match unsafe { abi_of() } {
        abi::ABI => {}
        0 => return Err(Unsupported::Flavor),
        other => return Err(Unsupported::Abi(other)),
    }
    let register = function!(c"erl_seccomp_register", abi::RegisterFn);
    let has_args = function!(c"erl_seccomp_has_args", abi::HasArgsFn);
    let has_gates = function!(c"erl_seccomp_has_gates", abi::HasGatesFn);
    let emulator = Emulator {
        set_bits: function!(c"erl_seccomp_set_bits", abi::SetBitsFn),
        set_send: function!(c"erl_seccomp_set_send", abi::SetSendFn),
        // SAFETY: the function takes nothing and only returns a number.
        has_gates: unsafe { has_gates() } != 0,
        set_gates: function!(c"erl_seccomp_set_gates", abi::SetGatesFn),
        // SAFETY: as above.
        has_args: unsafe { has_args() } != 0,
        args_new: function!(c"erl_seccomp_args_new", abi::ArgsNewFn),
        args_free: function!(c"erl_seccomp_args_free", abi::ArgsFreeFn),
        args_run: function!(c"erl_seccomp_args_run", abi::ArgsRunFn),
        in_gate: function!(c"erl_seccomp_in_gate", abi::InGateFn),
        serve_io: function!(c"erl_seccomp_serve_io", abi::ServeIoFn),
        word: function!(c"erl_seccomp_word", abi::WordFn),
        attach_self: function!(c"erl_seccomp_attach_self", abi::AttachSelfFn),
        attach: function!(c"erl_seccomp_attach", abi::AttachFn),
        set_origin: function!(c"erl_seccomp_set_origin", abi::SetOriginFn),
        origin: function!(c"erl_seccomp_origin", abi::OriginFn),
        forget_origin: function!(
            c"erl_seccomp_forget_origin",
            abi::ForgetOriginFn
        ),
        guard: function!(c"erl_seccomp_guard", abi::GuardFn),
        guard_flags: function!(c"erl_seccomp_guard_flags", abi::GuardFlagsFn),
    };
    stay_loaded();
    // SAFETY: HOOKS is static, and its functions stay where they are because
    // the library is never unloaded from here on.
    match unsafe { register(&hooks::HOOKS) } {
        0 => Ok(emulator),
        _ => Err(Unsupported::Taken),
    }
}

/// Keeps this library in memory when its module is purged: the emulator holds
/// pointers into it.
fn stay_loaded() {
    // SAFETY: dladdr fills the struct when it returns non-zero; the path it
    // gives is a C string that lives as long as the library.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        let here = stay_loaded as fn() as *const c_void;
        if libc::dladdr(here, &mut info) != 0 {
            libc::dlopen(
                info.dli_fname,
                libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE,
            );
        }
    }
}

/// What became of a request for the calling process.
pub enum Attached {
    /// Done; the NIF must return this term.
    Trap(abi::Eterm),
    /// Nothing has changed, for this reason.
    Failed(i32),
}

impl Emulator {
    /// Gives a policy its verdict bits; false if it cannot have the number.
    ///
    /// # Safety
    /// The bits must be [`abi::EXPORTS`] many and live until they are taken
    /// away again.
    pub unsafe fn set_bits(&self, policy: u32, bits: *mut c_void) -> bool {
        // SAFETY: as promised by the caller.
        unsafe { (self.set_bits)(policy, bits) == 0 }
    }

    /// Takes a policy's verdict bits away. No process may have the policy.
    pub fn drop_bits(&self, policy: u32) {
        // SAFETY: null means that the emulator uses its own, empty bits.
        unsafe { (self.set_bits)(policy, ptr::null_mut()) };
    }

    /// Gives a policy its rule for sending; false if it cannot have the
    /// number.
    ///
    /// # Safety
    /// The rule must live until it is taken away again.
    pub unsafe fn set_send(
        &self,
        policy: u32,
        rule: *const abi::SendRule,
    ) -> bool {
        // SAFETY: as promised by the caller.
        unsafe { (self.set_send)(policy, rule) == 0 }
    }

    /// Takes a policy's rule for sending away. No process may have the policy.
    pub fn drop_send(&self, policy: u32) {
        // SAFETY: null means that there is no rule, and nothing is allowed.
        unsafe { (self.set_send)(policy, ptr::null()) };
    }

    /// Whether there are gates in this emulator.
    pub fn has_gates(&self) -> bool {
        self.has_gates
    }

    /// Gives a policy its bits for gates; false if it cannot have them.
    ///
    /// # Safety
    /// As for [`Emulator::set_bits`].
    pub unsafe fn set_gates(&self, policy: u32, bits: *mut c_void) -> bool {
        // SAFETY: as promised by the caller.
        unsafe { (self.set_gates)(policy, bits) == 0 }
    }

    /// Takes a policy's bits for gates away. No process may have the policy.
    pub fn drop_gates(&self, policy: u32) {
        // SAFETY: null means that the policy has no gates.
        unsafe { (self.set_gates)(policy, ptr::null_mut()) };
    }

    /// Whether policies can look at arguments in this emulator.
    pub fn has_args(&self) -> bool {
        self.has_args
    }

    /// Compiles a match specification; `None` if it is none, or has actions.
    ///
    /// # Safety
    /// The term must be alive; it is not kept.
    pub unsafe fn args_new(&self, spec: abi::Eterm) -> Option<NonNull<c_void>> {
        // SAFETY: as promised by the caller.
        NonNull::new(unsafe { (self.args_new)(spec) })
    }

    /// Frees what [`Emulator::args_new`] gave.
    ///
    /// # Safety
    /// It must come from there and be used no more.
    pub unsafe fn args_free(&self, program: NonNull<c_void>) {
        // SAFETY: as promised by the caller.
        unsafe { (self.args_free)(program.as_ptr()) };
    }

    /// Runs a program on the arguments of a call of the running process.
    ///
    /// # Safety
    /// The program must come from [`Emulator::args_new`], and there must be so
    /// many arguments, all of them alive.
    pub unsafe fn args_run(
        &self,
        program: NonNull<c_void>,
        args: *const abi::Eterm,
        arity: u32,
    ) -> i32 {
        // SAFETY: as promised by the caller.
        unsafe { (self.args_run)(program.as_ptr(), args, arity) }
    }

    /// Whether the caller is inside of a gate.
    ///
    /// # Safety
    /// `env` must be the environment of the NIF call that is running.
    pub unsafe fn in_gate(&self, env: *mut c_void) -> bool {
        // SAFETY: as promised by the caller.
        unsafe { (self.in_gate)(env) != 0 }
    }

    /// Makes the caller a group leader for restricted processes; false if it
    /// is restricted itself.
    ///
    /// # Safety
    /// `env` must be the environment of the NIF call that is running.
    pub unsafe fn serve_io(&self, env: *mut c_void) -> bool {
        // SAFETY: as promised by the caller.
        unsafe { (self.serve_io)(env) == 0 }
    }

    /// The flags and policy number of a live local process.
    pub fn word(&self, pid: abi::Eterm) -> Option<u32> {
        let mut word = 0;
        // SAFETY: the emulator checks that the term is a pid, and we are on
        // a scheduler thread, as its process table demands.
        (unsafe { (self.word)(pid, &mut word) } == 0).then_some(word)
    }

    /// Carries out a request for the calling process; consumes it.
    ///
    /// # Safety
    /// `env` must be the environment of the NIF call that is running, and
    /// `request` come from [`hooks::Request::into_raw`].
    pub unsafe fn attach_self(
        &self,
        env: *mut c_void,
        request: *mut c_void,
    ) -> Attached {
        let mut result = 0;
        // SAFETY: as promised by the caller.
        match unsafe { (self.attach_self)(env, request, &mut result) } {
            abi::OK => Attached::Trap(result),
            status => Attached::Failed(status),
        }
    }

    /// Sends a request to another process; the caller will get the message
    /// `{Tag, Status}`. False, and the request is still ours, if the process
    /// does not exist.
    ///
    /// # Safety
    /// As for [`Emulator::attach_self`].
    pub unsafe fn attach(
        &self,
        env: *mut c_void,
        pid: abi::Eterm,
        tag: abi::Eterm,
        request: *mut c_void,
    ) -> bool {
        // SAFETY: as promised by the caller.
        unsafe { (self.attach)(env, pid, tag, request) == abi::OK }
    }

    /// Says what origin a policy has, if it has provenance; false if it
    /// cannot have that. No process may have the policy yet.
    pub fn set_origin(&self, policy: u32, origin: Option<u32>) -> bool {
        let (origin, provenance) = origin.map_or((0, 0), |id| (id, 1));
        // SAFETY: the emulator checks both numbers.
        unsafe { (self.set_origin)(policy, origin, provenance) == 0 }
    }

    /// For whom the caller acts, if not for itself.
    ///
    /// # Safety
    /// `env` must be the environment of the NIF call that is running.
    pub unsafe fn origin(&self, env: *mut c_void) -> Option<u32> {
        let mut origin = 0;
        // SAFETY: as promised by the caller.
        (unsafe { (self.origin)(env, &mut origin) } != 0).then_some(origin)
    }

    /// The caller acts for itself from now on; false if it is restricted.
    ///
    /// # Safety
    /// As for [`Emulator::origin`].
    pub unsafe fn forget_origin(&self, env: *mut c_void) -> bool {
        // SAFETY: as promised by the caller.
        unsafe { (self.forget_origin)(env) == 0 }
    }

    /// Sets the guard, or takes it away when there are no flags. False: no
    /// memory, and nothing has changed. The names are sorted.
    pub fn guard(
        &self,
        flags: u32,
        policy: u32,
        names: &[abi::GuardName],
        calls: &[abi::GuardCall],
    ) -> bool {
        // SAFETY: the emulator reads so many names and calls and copies them.
        unsafe {
            (self.guard)(
                flags,
                policy,
                names.len() as u32,
                names.as_ptr(),
                calls.len() as u32,
                calls.as_ptr(),
            ) == 0
        }
    }

    /// The flags of the guard that is set, and how much was refused before
    /// this library was there to hear of it.
    pub fn guard_flags(&self) -> (u32, usize) {
        let mut refused = 0;
        // SAFETY: the emulator writes one number.
        let flags = unsafe { (self.guard_flags)(&mut refused) };
        (flags, refused)
    }
}
