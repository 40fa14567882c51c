// SPDX-License-Identifier: Apache-2.0

//! Dumps of policies, compared with files. `UPDATE_GOLDEN=1 cargo test` writes
//! them anew; read the difference before keeping it.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use seccomp_core::{Policy, PolicySpec};

fn policy(json: &str) -> Policy {
    let spec = PolicySpec::from_json(json).unwrap();
    Policy::from_spec_with(&spec, &common::groups()).unwrap()
}

fn compare(name: &str, policy: &Policy) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
        .with_extension("txt");
    let dump = policy.dump();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &dump).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap();
    assert_eq!(dump, stored, "the dump of {name} changed");
}

fn plugin() -> Policy {
    policy(
        r#"{"mode": "whitelist",
            "rules": ["lists:map/2", "@all", "b", "'Elixir.Enum':_/1"],
            "spawn": "deny"}"#,
    )
}

fn no_shell() -> Policy {
    policy(
        r#"{"mode": "blacklist", "on_deny": "kill", "inherit": false,
            "rules": [{"rule": "os:cmd", "comment": "starts programs"},
                      "_:open_port/2"]}"#,
    )
}

#[test]
fn whitelist_with_groups() {
    compare("whitelist_with_groups", &plugin());
}

#[test]
fn blacklist() {
    compare("blacklist", &no_shell());
}

#[test]
fn empty_blacklist() {
    compare(
        "empty_blacklist",
        &policy(r#"{"mode": "blacklist", "rules": [], "on_deny": "log"}"#),
    );
}

#[test]
fn meet_of_three() {
    let narrow =
        policy(r#"{"mode": "whitelist", "rules": ["lists"], "base": false}"#);
    let all = plugin().meet(&no_shell()).unwrap().meet(&narrow).unwrap();
    compare("meet_of_three", &all);
}
