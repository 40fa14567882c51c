// SPDX-License-Identifier: Apache-2.0
//! The mirror of the C header says what the header says: a C compiler reads
//! one, and the numbers are compared with the other.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::mem::{offset_of, size_of};
use std::path::Path;
use std::process::Command;

#[path = "../src/abi.rs"]
mod abi;

use abi::{GuardCall, GuardName, Hooks, SendRule, SendSet};

/// Just enough of ERTS for its header to be read without ERTS.
const ERTS: &str = r"
#include <stdint.h>
typedef uint32_t Uint32; typedef int32_t Sint32;
typedef unsigned long Uint; typedef unsigned long Eterm;
typedef struct { int32_t counter; } erts_atomic32_t;
typedef struct ErtsCodeMFA ErtsCodeMFA; typedef struct Process Process;
typedef struct ErlSpawnOpts ErlSpawnOpts; typedef struct ErlNifEnv ErlNifEnv;
";

const CONSTANTS: &[(&str, u64)] = &[
    ("ERTS_SECCOMP_ABI", abi::ABI as u64),
    ("ERTS_SECCOMP_E", abi::E as u64),
    ("ERTS_SECCOMP_M", abi::M as u64),
    ("ERTS_SECCOMP_S", abi::S as u64),
    ("ERTS_SECCOMP_I", abi::I as u64),
    ("ERTS_SECCOMP_FLAGS", abi::FLAGS as u64),
    ("ERTS_SECCOMP_POLICY_SHIFT", abi::POLICY_SHIFT as u64),
    ("ERTS_SECCOMP_MAX_POLICIES", abi::MAX_POLICIES as u64),
    ("ERTS_SECCOMP_DENY_ALL", abi::DENY_ALL as u64),
    ("ERTS_SECCOMP_EXPORTS", abi::EXPORTS as u64),
    ("ERTS_SECCOMP_ALLOW", abi::ALLOW as u64),
    ("ERTS_SECCOMP_LOG", abi::LOG as u64),
    ("ERTS_SECCOMP_RAISE", abi::RAISE as u64),
    ("ERTS_SECCOMP_KILL", abi::KILL as u64),
    ("ERTS_SECCOMP_GATE", abi::GATE as u64),
    ("ERTS_SECCOMP_ONCE", abi::ONCE as u64),
    ("ERTS_SECCOMP_ARGS_FALSE", abi::ARGS_FALSE as u64),
    ("ERTS_SECCOMP_ARGS_TRUE", abi::ARGS_TRUE as u64),
    ("ERTS_SECCOMP_ARGS_OTHER", abi::ARGS_OTHER as u64),
    ("ERTS_SECCOMP_CHECKED", abi::CHECKED as u64),
    ("ERTS_SECCOMP_OK", abi::OK as u64),
    ("ERTS_SECCOMP_NOPROC", abi::NOPROC as u64),
    ("ERTS_SECCOMP_GUARD_CLOSED", abi::GUARD_CLOSED as u64),
    ("ERTS_SECCOMP_GUARD_SET", abi::GUARD_SET as u64),
    ("ERTS_SECCOMP_GUARD_SPAWN", abi::GUARD_SPAWN as u64),
    ("ERTS_SECCOMP_GUARD_ANY_NAME", abi::GUARD_ANY_NAME as u64),
    ("ERTS_SECCOMP_GUARD_ANY_PID", abi::GUARD_ANY_PID as u64),
    ("ERTS_SECCOMP_GUARD_GIVEN_PID", abi::GUARD_GIVEN_PID as u64),
    ("ERTS_SECCOMP_GUARD_ANSWERS", abi::GUARD_ANSWERS as u64),
    ("ERTS_SECCOMP_GUARD_MESSAGES", abi::GUARD_MESSAGES as u64),
    ("ERTS_SECCOMP_GUARD_PING", abi::GUARD_PING as u64),
    ("ERTS_SECCOMP_GUARD_SIGNALS", abi::GUARD_SIGNALS as u64),
    ("ERTS_SECCOMP_GUARD_PROTECTED", abi::GUARD_PROTECTED as u64),
    ("ERTS_SECCOMP_GUARD_TRUSTED", abi::GUARD_TRUSTED as u64),
    ("ERTS_SECCOMP_GUARD_GATE", abi::GUARD_GATE as u64),
    ("ERTS_SECCOMP_GUARD_CALLS", abi::GUARD_CALLS as u64),
    ("ERTS_SECCOMP_SEND", abi::SEND as u64),
    ("ERTS_SECCOMP_SERVES_IO", abi::SERVES_IO as u64),
    ("ERTS_SECCOMP_SEND_SELF", abi::SEND_SELF as u64),
    ("ERTS_SECCOMP_SEND_PARENT", abi::SEND_PARENT as u64),
    ("ERTS_SECCOMP_SEND_CHILDREN", abi::SEND_CHILDREN as u64),
    ("ERTS_SECCOMP_SEND_REPLIES", abi::SEND_REPLIES as u64),
    (
        "ERTS_SECCOMP_SEND_GROUP_LEADER",
        abi::SEND_GROUP_LEADER as u64,
    ),
];

fn fields() -> Vec<(&'static str, usize)> {
    vec![
        ("abi", offset_of!(Hooks, abi)),
        ("decide", offset_of!(Hooks, decide)),
        ("decide_spawn", offset_of!(Hooks, decide_spawn)),
        ("apply", offset_of!(Hooks, apply)),
        ("cancel", offset_of!(Hooks, cancel)),
        ("status", offset_of!(Hooks, status)),
        ("inherit", offset_of!(Hooks, inherit)),
        ("exited", offset_of!(Hooks, exited)),
        ("inherit_origin", offset_of!(Hooks, inherit_origin)),
        ("meet_origins", offset_of!(Hooks, meet_origins)),
        ("guarded", offset_of!(Hooks, guarded)),
        ("refused", offset_of!(Hooks, refused)),
        ("hash_of_origin", offset_of!(Hooks, hash_of_origin)),
        ("origin_of_hash", offset_of!(Hooks, origin_of_hash)),
        ("remote_child", offset_of!(Hooks, remote_child)),
        ("send_denied", offset_of!(Hooks, send_denied)),
        ("gate_denied", offset_of!(Hooks, gate_denied)),
    ]
}

/// The places in the other structs, as C names them.
fn places() -> Vec<(&'static str, usize)> {
    vec![
        ("sizeof(ErtsSeccompSendSet)", size_of::<SendSet>()),
        (
            "offsetof(ErtsSeccompSendSet, kinds)",
            offset_of!(SendSet, kinds),
        ),
        (
            "offsetof(ErtsSeccompSendSet, n_pids)",
            offset_of!(SendSet, n_pids),
        ),
        (
            "offsetof(ErtsSeccompSendSet, n_names)",
            offset_of!(SendSet, n_names),
        ),
        (
            "offsetof(ErtsSeccompSendSet, n_remote)",
            offset_of!(SendSet, n_remote),
        ),
        (
            "offsetof(ErtsSeccompSendSet, pids)",
            offset_of!(SendSet, pids),
        ),
        (
            "offsetof(ErtsSeccompSendSet, names)",
            offset_of!(SendSet, names),
        ),
        (
            "offsetof(ErtsSeccompSendSet, remote)",
            offset_of!(SendSet, remote),
        ),
        ("sizeof(ErtsSeccompSend)", size_of::<SendRule>()),
        (
            "offsetof(ErtsSeccompSend, sets)",
            offset_of!(SendRule, sets),
        ),
        ("sizeof(ErtsSeccompGuardName)", size_of::<GuardName>()),
        (
            "offsetof(ErtsSeccompGuardName, rights)",
            offset_of!(GuardName, rights),
        ),
        ("sizeof(ErtsSeccompGuardCall)", size_of::<GuardCall>()),
        (
            "offsetof(ErtsSeccompGuardCall, function)",
            offset_of!(GuardCall, function),
        ),
        (
            "offsetof(ErtsSeccompGuardCall, arity)",
            offset_of!(GuardCall, arity),
        ),
    ]
}

type Outcome<T> = Result<T, Box<dyn Error>>;

fn header_text() -> Outcome<String> {
    let header = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../otp_patches/common/erl_seccomp.h");
    Ok(fs::read_to_string(header)?)
}

/// Names and numbers, from a C program that includes the header.
fn numbers_in_c() -> Outcome<BTreeMap<String, u64>> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("abi");
    fs::create_dir_all(&dir)?;
    fs::write(dir.join("sys.h"), ERTS)?;
    fs::write(dir.join("erl_process.h"), "")?;
    fs::write(dir.join("erl_nif.h"), "")?;
    fs::write(dir.join("erl_seccomp.h"), header_text()?)?;

    let mut source = String::from(
        "#include <stddef.h>\n#include <stdio.h>\n#include \"erl_seccomp.h\"\n\
         #define SHOW(n, v) printf(\"%s %llu\\n\", n, (unsigned long long)(v))\n\
         int main(void) {\n",
    );
    for (name, _) in CONSTANTS {
        source += &format!("SHOW(\"{name}\", {name});\n");
    }
    for (name, _) in fields() {
        source +=
            &format!("SHOW(\"{name}\", offsetof(ErtsSeccompHooks, {name}));\n");
    }
    for (number, (place, _)) in places().iter().enumerate() {
        source += &format!("SHOW(\"place{number}\", {place});\n");
    }
    source += "SHOW(\"size\", sizeof(ErtsSeccompHooks)); return 0; }\n";
    fs::write(dir.join("abi.c"), source)?;

    let cc = Command::new("cc")
        .current_dir(&dir)
        .args(["-Wall", "-Werror", "-I.", "-o", "abi", "abi.c"])
        .output()?;
    assert!(
        cc.status.success(),
        "{}",
        String::from_utf8_lossy(&cc.stderr)
    );
    let run = Command::new(dir.join("abi")).output()?;
    let mut numbers = BTreeMap::new();
    for line in String::from_utf8(run.stdout)?.lines() {
        let (name, number) = line.split_once(' ').ok_or("no number")?;
        numbers.insert(name.to_owned(), number.parse()?);
    }
    Ok(numbers)
}

#[test]
fn every_number_is_the_same_in_c() -> Outcome<()> {
    let in_c = numbers_in_c()?;
    for (name, number) in CONSTANTS {
        assert_eq!(in_c[*name], *number, "{name}");
    }
    for (name, offset) in fields() {
        assert_eq!(in_c[name], offset as u64, "offset of {name}");
    }
    for (number, (place, mine)) in places().iter().enumerate() {
        assert_eq!(in_c[&format!("place{number}")], *mine as u64, "{place}");
    }
    assert_eq!(in_c["size"], size_of::<Hooks>() as u64);
    Ok(())
}

/// A name that is added to the header has to be added here.
#[test]
fn no_number_of_the_header_is_missing() -> Outcome<()> {
    // For C alone.
    let mine = [
        "ERTS_SECCOMP_SAVE_CALLS",
        "ERTS_SECCOMP_CHECKS",
        "ERTS_SECCOMP_GATE_SEND",
        "ERTS_SECCOMP_DENY_ALL_WORD",
        "ERTS_SECCOMP_HAS_RULE",
        "ERTS_SECCOMP_MFA",
        "ERTS_SECCOMP_MESSAGE",
        "ERTS_SECCOMP_SIGNAL",
        "ERTS_SECCOMP_TIMER",
        "ERTS_SECCOMP_LEADER",
        "ERTS_SECCOMP_HEIR",
    ];
    let text = header_text()?;
    let defined = text
        .lines()
        .filter_map(|line| line.strip_prefix("#define ERTS_SECCOMP_"))
        .filter_map(|rest| rest.split([' ', '(']).next())
        .map(|name| format!("ERTS_SECCOMP_{name}"));
    let known: Vec<&str> = CONSTANTS.iter().map(|(name, _)| *name).collect();
    for name in defined {
        assert!(
            known.contains(&&*name) || mine.contains(&&*name),
            "{name} is not mirrored"
        );
    }
    assert_eq!(text.matches("(*").count(), fields().len() - 1);
    Ok(())
}
