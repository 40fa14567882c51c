// SPDX-License-Identifier: Apache-2.0

//! The tool as a shell runs it: what it prints, and its exit status. What it
//! prints is compared with files; `UPDATE_GOLDEN=1 cargo test` writes them
//! anew; read the difference before keeping it.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files")
}

struct Answer {
    status: Option<i32>,
    out: String,
    err: String,
}

fn run(args: &[&str]) -> Answer {
    let output = Command::new(env!("CARGO_BIN_EXE_seccomp"))
        .args(args)
        .current_dir(root())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Answer {
        status: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

fn golden(name: &str, args: &[&str], status: i32) {
    let answer = run(args);
    assert_eq!(answer.err, "", "{args:?}");
    assert_eq!(answer.status, Some(status), "{args:?}: {}", answer.out);
    let path = root().join(name).with_extension("txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &answer.out).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap();
    assert_eq!(answer.out, stored, "{args:?}");
}

/// Nothing on standard output, this on the other, and the status.
fn refused(args: &[&str], status: i32, message: &str) {
    let answer = run(args);
    assert_eq!(answer.out, "", "{args:?}");
    assert!(answer.err.contains(message), "{args:?}: {}", answer.err);
    assert_eq!(answer.status, Some(status), "{args:?}");
}

#[test]
fn dump() {
    golden("dump_plugin", &["dump", "plugin.json"], 0);
    golden("dump_hosts", &["dump", "hosts.terms"], 0);
}

#[test]
fn explain() {
    golden("explain_rule", &["explain", "plugin.json", "kv:get/1"], 0);
    golden(
        "explain_include",
        &["explain", "plugin.json", "math:pi/0"],
        0,
    );
    golden("explain_denied", &["explain", "plugin.json", "os:cmd/1"], 1);
    let quoted = "'Elixir.Enum':map/2";
    golden("explain_quoted", &["explain", "plugin.json", quoted], 1);
    refused(&["explain", "plugin.json", "lists:map"], 2, "is no call");
    refused(&["explain", "plugin.json", "Enum.map/2"], 2, "bad rule");
}

#[test]
fn diff() {
    golden("diff_same", &["diff", "plugin.json", "plugin.json"], 0);
    golden("diff_plugin", &["diff", "plugin.json", "plugin2.json"], 1);
    golden("diff_back", &["diff", "plugin2.json", "plugin.json"], 1);
    golden("diff_modes", &["diff", "plugin.json", "hosts.terms"], 1);
}

#[test]
fn check() {
    let answer = run(&["check", "plugin.json", "hosts.terms"]);
    assert_eq!(answer.status, Some(0), "{}", answer.err);
    let lines: Vec<_> = answer.out.lines().collect();
    assert!(lines[0].starts_with("plugin.json: whitelist, 5 rules, 5 patt"));
    assert!(lines[1].starts_with("hosts.terms: blacklist, 2 rules, 2 patt"));
    let answer = run(&["check", "bad.json", "plugin.json", "none.json"]);
    assert_eq!(answer.status, Some(1));
    assert!(answer.out.starts_with("plugin.json: "));
    let lines: Vec<_> = answer.err.lines().collect();
    assert!(lines[0].starts_with("bad.json:4:3: unknown field `rulez`"));
    assert!(lines[1].starts_with("none.json: No such file"));
    refused(&["dump", "bad.json"], 2, "bad.json:4:3: ");
    refused(&["check", "."], 1, ".: the name of a policy's file ends in");
}

#[test]
fn groups() {
    let all = run(&["groups"]);
    assert_eq!(all.status, Some(0));
    assert!(all.out.contains("@pure\n"));
    assert!(all.out.lines().all(|line| line.chars().count() < 80));
    let one = run(&["groups", "file"]);
    assert_eq!(one.out, run(&["groups", "@file"]).out);
    assert!(one.out.contains("prim_file"), "{}", one.out);
    refused(&["groups", "@fiel"], 2, "did you mean @file?");
}

/// What it asks a node is tested with one, in `seccomp_file_tests.erl`.
#[test]
fn learn() {
    let learn = |more: &[&str]| {
        let mut args = vec!["learn", "--erl", "no_such_erl"];
        args.extend(more);
        args.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let refused = |more: &[&str], message: &str| {
        let args = learn(more);
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        refused(&args, 2, message);
    };
    refused(&["-o", "a.json", "a:b/1"], "a:b/1 takes arguments");
    refused(&["-o", "a.json", "a:b"], "is no call");
    refused(&["-o", "a.policy", "a:b/0"], "ends in .json or .terms");
    refused(&["a:b/0"], "--out");
    refused(&["-o", "a.json", "a:b/0"], "no_such_erl: ");
}

#[test]
fn usage() {
    let help = run(&["--help"]);
    assert_eq!(help.status, Some(0));
    for command in ["check", "explain", "diff", "dump", "learn", "groups"] {
        assert!(help.out.contains(command));
    }
    let version = run(&["--version"]).out;
    assert_eq!(version, format!("seccomp {}\n", env!("CARGO_PKG_VERSION")));
    refused(&["chekc"], 2, "check");
    refused(&[], 2, "Usage");
    refused(&["check"], 2, "FILES");
}

/// The tool, the library and the application have one version, which is that
/// of the application.
#[test]
fn version_in_one_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("erlang/seccomp.app.src");
    let app = std::fs::read_to_string(path).unwrap();
    let vsn = format!("{{vsn, \"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert!(app.contains(&vsn), "the workspace says {vsn}");
}
