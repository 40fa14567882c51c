// SPDX-License-Identifier: Apache-2.0
//! What the emulator and this library share: the mirror of `erl_seccomp.h`.
//!
//! `tests/abi.rs` compares every name here with the C header.

// Some names are there for the comparison alone.
#![allow(dead_code)]

use std::ffi::c_void;

/// A term, as the emulator keeps it; only atoms and local pids cross.
pub type Eterm = usize;

/// `ERTS_SECCOMP_ABI`
pub const ABI: u32 = 5;
/// `ERTS_SECCOMP_E`: the process is under a policy.
pub const E: u32 = 0x80;
/// `ERTS_SECCOMP_M`: the policy is a blacklist.
pub const M: u32 = 0x40;
/// `ERTS_SECCOMP_S`: the process may not spawn.
pub const S: u32 = 0x20;
/// `ERTS_SECCOMP_I`: children inherit the policy.
pub const I: u32 = 0x10;
/// `ERTS_SECCOMP_CHECKED`: calls are checked, but for those inside of a gate.
pub const CHECKED: u32 = 0x800;
/// `ERTS_SECCOMP_FLAGS`: the byte with the flags.
pub const FLAGS: u32 = 0xff;
/// `ERTS_SECCOMP_SEND`: signals have to be checked.
pub const SEND: u32 = 0x200;
/// `ERTS_SECCOMP_SERVES_IO`: a group leader that restricted processes may use.
pub const SERVES_IO: u32 = 0x400;
/// `ERTS_SECCOMP_POLICY_SHIFT`: where the policy's number starts.
pub const POLICY_SHIFT: u32 = 12;
/// `ERTS_SECCOMP_MAX_POLICIES`
pub const MAX_POLICIES: u32 = 1 << 20;
/// `ERTS_SECCOMP_DENY_ALL`: the number that no policy gets.
pub const DENY_ALL: u32 = 0;
/// `ERTS_SECCOMP_EXPORTS`: how many verdict bits a policy has.
pub const EXPORTS: u32 = 512 * 1024;
/// `ERTS_SECCOMP_ALLOW`
pub const ALLOW: i32 = 0;
/// `ERTS_SECCOMP_LOG`
pub const LOG: i32 = 1;
/// `ERTS_SECCOMP_RAISE`
pub const RAISE: i32 = 2;
/// `ERTS_SECCOMP_KILL`
pub const KILL: i32 = 3;
/// `ERTS_SECCOMP_GATE`: allowed, and a gate is open until the call returns.
pub const GATE: i32 = 4;
/// `ERTS_SECCOMP_ONCE`: allowed with these arguments.
pub const ONCE: i32 = 5;
/// `ERTS_SECCOMP_ARGS_FALSE`: false, or no match.
pub const ARGS_FALSE: i32 = 0;
/// `ERTS_SECCOMP_ARGS_TRUE`
pub const ARGS_TRUE: i32 = 1;
/// `ERTS_SECCOMP_ARGS_OTHER`: another term, or it could not be run.
pub const ARGS_OTHER: i32 = 2;
/// `ERTS_SECCOMP_OK`
pub const OK: i32 = 0;
/// `ERTS_SECCOMP_NOPROC`
pub const NOPROC: i32 = 1;

/// `ERTS_SECCOMP_UNKNOWN`: the number of no origin.
pub const UNKNOWN_ORIGIN: u32 = 0;
/// `ERTS_SECCOMP_MAX_ID`: the highest number of an origin.
pub const MAX_ORIGIN: u32 = (1 << 28) - 1;
/// `ERTS_SECCOMP_GUARD_CLOSED`: other nodes may do nothing, since boot.
pub const GUARD_CLOSED: u32 = 0x01;
/// `ERTS_SECCOMP_GUARD_SET`: there is a guard.
pub const GUARD_SET: u32 = 0x20;
/// `ERTS_SECCOMP_GUARD_SPAWN`: other nodes may spawn, under a policy.
pub const GUARD_SPAWN: u32 = 0x02;
/// `ERTS_SECCOMP_GUARD_ANY_NAME`: all names but those that are protected.
pub const GUARD_ANY_NAME: u32 = 0x04;
/// `ERTS_SECCOMP_GUARD_ANY_PID`: every process without a name.
pub const GUARD_ANY_PID: u32 = 0x08;
/// `ERTS_SECCOMP_GUARD_GIVEN_PID`: those whose pid this node wrote.
pub const GUARD_GIVEN_PID: u32 = 0x10;
/// `ERTS_SECCOMP_GUARD_ANSWERS`: and what these get are answers.
pub const GUARD_ANSWERS: u32 = 0x40;
/// `ERTS_SECCOMP_GUARD_MESSAGES`: send, link, monitor.
pub const GUARD_MESSAGES: u32 = 0x01;
/// `ERTS_SECCOMP_GUARD_PING`: ask whether the node is alive.
pub const GUARD_PING: u32 = 0x02;
/// `ERTS_SECCOMP_GUARD_SIGNALS`: exits and group leaders.
pub const GUARD_SIGNALS: u32 = 0x04;
/// `ERTS_SECCOMP_GUARD_PROTECTED`: nothing, aliases included.
pub const GUARD_PROTECTED: u32 = 0x08;

/// `ERTS_SECCOMP_GUARD_TRUSTED`: it starts what it wants for them.
pub const GUARD_TRUSTED: u32 = 0x10;
/// `ERTS_SECCOMP_GUARD_GATE`: remote calls enter through its module.
pub const GUARD_GATE: u32 = 0x20;
/// `ERTS_SECCOMP_GUARD_CALLS`: it gets requests for what they may call alone.
pub const GUARD_CALLS: u32 = 0x40;

/// `ErtsSeccompGuardName`: what other nodes may do to a name.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GuardName {
    /// The registered name, an atom.
    pub name: Eterm,
    /// Which of the rights above it has.
    pub rights: usize,
}

/// `ErtsSeccompGuardCall`: a function that other nodes may call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GuardCall {
    /// An atom.
    pub module: Eterm,
    /// An atom.
    pub function: Eterm,
    /// With so many arguments.
    pub arity: usize,
}

/// `ERTS_SECCOMP_SEND_SELF`
pub const SEND_SELF: u32 = 1;
/// `ERTS_SECCOMP_SEND_PARENT`
pub const SEND_PARENT: u32 = 2;
/// `ERTS_SECCOMP_SEND_CHILDREN`
pub const SEND_CHILDREN: u32 = 4;
/// `ERTS_SECCOMP_SEND_REPLIES`
pub const SEND_REPLIES: u32 = 8;
/// `ERTS_SECCOMP_SEND_GROUP_LEADER`
pub const SEND_GROUP_LEADER: u32 = 16;

/// `ErtsSeccompSendSet`: targets that a policy allows.
#[repr(C)]
pub struct SendSet {
    /// What the target may be to the process.
    pub kinds: u32,
    /// How many [`Self::pids`] there are.
    pub n_pids: u32,
    /// How many [`Self::names`] there are.
    pub n_names: u32,
    /// How many pairs of [`Self::remote`] there are.
    pub n_remote: u32,
    /// Processes of this node.
    pub pids: *const Eterm,
    /// Names registered on this node.
    pub names: *const Eterm,
    /// A name and a node each.
    pub remote: *const Eterm,
}

/// `ErtsSeccompSend`: a rule; each of the sets has to allow a target.
#[repr(C)]
pub struct SendRule {
    /// How many sets there are.
    pub n_sets: u32,
    /// The sets.
    pub sets: *const SendSet,
}

/// `ErtsSeccompHooks`: what the emulator calls.
#[repr(C)]
pub struct Hooks {
    /// The [`ABI`] that this library was built for.
    pub abi: u32,
    /// May the process call this function with these arguments? Null: they are
    /// not known.
    pub decide: unsafe extern "C" fn(
        pid: Eterm,
        module: Eterm,
        function: Eterm,
        arity: u32,
        args: *const Eterm,
    ) -> i32,
    /// May it spawn through this function, which the flag S forbids?
    pub decide_spawn: extern "C" fn(
        pid: Eterm,
        module: Eterm,
        function: Eterm,
        arity: u32,
    ) -> i32,
    /// Carry out a request in the context of its process.
    pub apply: unsafe extern "C" fn(
        request: *mut c_void,
        pid: Eterm,
        word: *mut u32,
    ) -> i32,
    /// The process of the request is gone.
    pub cancel: unsafe extern "C" fn(request: *mut c_void),
    /// The term that tells the requester of a status.
    pub status: extern "C" fn(status: i32) -> Eterm,
    /// A child gets its parent's policy.
    pub inherit: extern "C" fn(parent: Eterm, child: Eterm) -> i32,
    /// A restricted process has ended.
    pub exited: extern "C" fn(pid: Eterm),
    /// A child of a parent that acts for an origin: its word.
    pub inherit_origin: unsafe extern "C" fn(
        parent: Eterm,
        child: Eterm,
        inherits: i32,
        origin: u32,
        word: *mut u32,
    ) -> i32,
    /// The origin that stands for two.
    pub meet_origins: extern "C" fn(one: u32, other: u32) -> u32,
    /// A node has asked for this process: its word.
    pub guarded:
        unsafe extern "C" fn(child: Eterm, node: Eterm, word: *mut u32) -> i32,
    /// The guard refused a node to call this, or what amounts to it.
    pub refused: extern "C" fn(
        node: Eterm,
        target: Eterm,
        module: Eterm,
        function: Eterm,
        arity: u32,
    ),
    /// The hash of an origin's policy, 32 bytes.
    pub hash_of_origin: unsafe extern "C" fn(origin: u32, hash: *mut u8) -> i32,
    /// The origin whose policy has this hash.
    pub origin_of_hash: unsafe extern "C" fn(hash: *const u8) -> u32,
    /// Another node asks for a process on behalf of an origin.
    pub remote_child: unsafe extern "C" fn(
        child: Eterm,
        node: Eterm,
        origin: u32,
        word: *mut u32,
    ) -> i32,
    /// Sending: the rule does not allow this target to this function.
    pub send_denied: extern "C" fn(
        pid: Eterm,
        module: Eterm,
        function: Eterm,
        arity: u32,
        target: Eterm,
        node: Eterm,
    ) -> i32,
    /// A fun comes in with the call of a gate.
    pub gate_denied: extern "C" fn(
        pid: Eterm,
        module: Eterm,
        function: Eterm,
        arity: u32,
    ) -> i32,
}

/// `erl_seccomp_abi`
pub type AbiFn = unsafe extern "C" fn() -> u32;
/// `erl_seccomp_register`
pub type RegisterFn = unsafe extern "C" fn(hooks: *const Hooks) -> i32;
/// `erl_seccomp_set_bits`
pub type SetBitsFn =
    unsafe extern "C" fn(policy: u32, bits: *mut c_void) -> i32;
/// `erl_seccomp_set_send`
pub type SetSendFn =
    unsafe extern "C" fn(policy: u32, rule: *const SendRule) -> i32;
/// `erl_seccomp_has_gates`
pub type HasGatesFn = unsafe extern "C" fn() -> i32;
/// `erl_seccomp_set_gates`
pub type SetGatesFn =
    unsafe extern "C" fn(policy: u32, bits: *mut c_void) -> i32;
/// `erl_seccomp_has_args`
pub type HasArgsFn = unsafe extern "C" fn() -> i32;
/// `erl_seccomp_args_new`
pub type ArgsNewFn = unsafe extern "C" fn(spec: Eterm) -> *mut c_void;
/// `erl_seccomp_args_free`
pub type ArgsFreeFn = unsafe extern "C" fn(program: *mut c_void);
/// `erl_seccomp_args_run`
pub type ArgsRunFn = unsafe extern "C" fn(
    program: *mut c_void,
    args: *const Eterm,
    arity: u32,
) -> i32;
/// `erl_seccomp_in_gate`
pub type InGateFn = unsafe extern "C" fn(env: *mut c_void) -> i32;
/// `erl_seccomp_serve_io`
pub type ServeIoFn = unsafe extern "C" fn(env: *mut c_void) -> i32;
/// `erl_seccomp_word`
pub type WordFn = unsafe extern "C" fn(pid: Eterm, word: *mut u32) -> i32;
/// `erl_seccomp_attach_self`
pub type AttachSelfFn = unsafe extern "C" fn(
    env: *mut c_void,
    request: *mut c_void,
    result: *mut Eterm,
) -> i32;
/// `erl_seccomp_attach`
pub type AttachFn = unsafe extern "C" fn(
    env: *mut c_void,
    pid: Eterm,
    tag: Eterm,
    request: *mut c_void,
) -> i32;
/// `erl_seccomp_set_origin`
pub type SetOriginFn =
    unsafe extern "C" fn(policy: u32, origin: u32, provenance: i32) -> i32;
/// `erl_seccomp_origin`
pub type OriginFn =
    unsafe extern "C" fn(env: *mut c_void, origin: *mut u32) -> i32;
/// `erl_seccomp_forget_origin`
pub type ForgetOriginFn = unsafe extern "C" fn(env: *mut c_void) -> i32;
/// `erl_seccomp_guard`
pub type GuardFn = unsafe extern "C" fn(
    flags: u32,
    policy: u32,
    names: u32,
    name: *const GuardName,
    calls: u32,
    call: *const GuardCall,
) -> i32;
/// `erl_seccomp_guard_flags`
pub type GuardFlagsFn = unsafe extern "C" fn(refused: *mut usize) -> u32;
