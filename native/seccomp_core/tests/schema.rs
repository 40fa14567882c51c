// SPDX-License-Identifier: Apache-2.0

//! The JSON Schema and the reader agree: on the keys that there are, and about
//! documents that are a policy or are none.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use proptest::prelude::*;
use seccomp_core::PolicyFile;
use serde_json::Value;

const SCHEMA: &str = include_str!("../../../docs/policy.schema.json");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn validator() -> jsonschema::Validator {
    let schema = schema();
    assert!(jsonschema::meta::is_valid(&schema));
    jsonschema::validator_for(&schema).unwrap()
}

fn read(json: &str) -> Result<PolicyFile, seccomp_core::FileError> {
    PolicyFile::read("p.json", &mut |path| {
        Ok(if path == "p.json" {
            json.to_owned()
        } else {
            r#"{"mode":"whitelist","rules":[]}"#.to_owned()
        })
    })
}

/// The keys that the reader knows are those of its own error message.
#[test]
fn the_schema_has_all_keys() {
    let error = read(r#"{"no such key":1}"#).unwrap_err().to_string();
    let (_, list) = error.split_once("expected one of ").unwrap();
    let known: BTreeSet<_> = list
        .split(", ")
        .map(|key| key.trim_matches('`').to_owned())
        .collect();
    let schema = schema();
    let keys = schema["properties"].as_object().unwrap().keys().cloned();
    assert_eq!(keys.collect::<BTreeSet<_>>(), known);
}

/// Each is right or wrong by what a schema can say.
const DOCUMENTS: &[(bool, &str)] = &[
    (true, r#"{"mode":"whitelist","rules":[]}"#),
    (
        true,
        r#"{"mode":"blacklist","rules":["os","a:b","a:c/_","_:b/1"]}"#,
    ),
    (
        true,
        r#"{"mode":"blacklist","rules":["'Elixir.Enum':'x\\'y'/2"]}"#,
    ),
    (
        true,
        r#"{"mode":"blacklist","rules":["@file",{"rule":"@net"}]}"#,
    ),
    (
        true,
        r#"{"mode":"blacklist","rules":[{"rule":"a","comment":"c"}]}"#,
    ),
    (
        true,
        r#"{"mode":"whitelist","include":["x.json"],"rules":[]}"#,
    ),
    (
        true,
        r#"{"mode":"whitelist","include":["../x.json"],"rules":[]}"#,
    ),
    (true, r#"{"$schema":"x","mode":"whitelist","rules":[]}"#),
    (true, r#"{"mode":"whitelist","rules":[],"comment":"c"}"#),
    (true, r#"{"mode":"whitelist","rules":[],"spawn":"deny"}"#),
    (true, r#"{"mode":"whitelist","rules":[],"inherit":false}"#),
    (true, r#"{"mode":"whitelist","rules":[],"on_deny":"log"}"#),
    (true, r#"{"mode":"whitelist","rules":[],"base":false}"#),
    (true, r#"{"mode":"whitelist","rules":[],"unknown":"allow"}"#),
    (
        true,
        r#"{"mode":"whitelist","rules":[],"provenance":false}"#,
    ),
    (true, r#"{"mode":"whitelist","rules":[],"send":"any"}"#),
    (true, r#"{"mode":"whitelist","rules":[],"send":"none"}"#),
    (true, r#"{"mode":"whitelist","rules":[],"send":[]}"#),
    (
        true,
        r#"{"mode":"whitelist","rules":[],"send":["self","kv",
            {"name":"self"},{"name":"kv","node":"a@b"},
            {"name":"any","node":null}]}"#,
    ),
    (false, r#"[]"#),
    (false, r#"{"rules":[]}"#),
    (false, r#"{"mode":"whitelist"}"#),
    (false, r#"{"mode":"greylist","rules":[]}"#),
    (false, r#"{"mode":"whitelist","rules":{}}"#),
    (false, r#"{"mode":"whitelist","rules":[1]}"#),
    (false, r#"{"mode":"whitelist","rules":[["a","b"]]}"#),
    (false, r#"{"mode":"whitelist","rules":["a/1"]}"#),
    (false, r#"{"mode":"whitelist","rules":["Enum"]}"#),
    (false, r#"{"mode":"whitelist","rules":["'Enum"]}"#),
    (false, r#"{"mode":"whitelist","rules":["a:b/c"]}"#),
    (false, r#"{"mode":"whitelist","rules":["@"]}"#),
    (false, r#"{"mode":"whitelist","rules":[""]}"#),
    (false, r#"{"mode":"whitelist","rules":[{"comment":"c"}]}"#),
    (
        false,
        r#"{"mode":"whitelist","rules":[{"rule":"a","why":"c"}]}"#,
    ),
    (
        false,
        r#"{"mode":"whitelist","rules":[{"rule":"a","comment":1}]}"#,
    ),
    (
        false,
        r#"{"mode":"whitelist","include":"x.json","rules":[]}"#,
    ),
    (
        false,
        r#"{"mode":"whitelist","include":["x.txt"],"rules":[]}"#,
    ),
    (
        false,
        r#"{"mode":"whitelist","include":["/x.json"],"rules":[]}"#,
    ),
    (
        false,
        r#"{"mode":"whitelist","include":["x.json","x.json"],"rules":[]}"#,
    ),
    (false, r#"{"mode":"whitelist","rules":[],"spawn":true}"#),
    (false, r#"{"mode":"whitelist","rules":[],"inherit":"true"}"#),
    (false, r#"{"mode":"whitelist","rules":[],"on_deny":"exit"}"#),
    (false, r#"{"mode":"whitelist","rules":[],"base":0}"#),
    (false, r#"{"mode":"whitelist","rules":[],"unknown":null}"#),
    (false, r#"{"mode":"whitelist","rules":[],"comment":1}"#),
    (
        false,
        r#"{"mode":"whitelist","rules":[],"provenance":null}"#,
    ),
    (
        false,
        r#"{"mode":"whitelist","rules":[],"provenance":"true"}"#,
    ),
    (false, r#"{"mode":"whitelist","rules":[],"send":null}"#),
    (false, r#"{"mode":"whitelist","rules":[],"send":"self"}"#),
    (false, r#"{"mode":"whitelist","rules":[],"send":["any"]}"#),
    (false, r#"{"mode":"whitelist","rules":[],"send":[""]}"#),
    (false, r#"{"mode":"whitelist","rules":[],"send":[1]}"#),
    (
        false,
        r#"{"mode":"whitelist","rules":[],"send":["undefined"]}"#,
    ),
    (
        false,
        r#"{"mode":"whitelist","rules":[],"send":["<0.1.0>"]}"#,
    ),
    (
        false,
        r#"{"mode":"whitelist","rules":[],"send":["kv","kv"]}"#,
    ),
    (
        false,
        r#"{"mode":"whitelist","rules":[],"send":[["kv","a@b"]]}"#,
    ),
    (
        false,
        r#"{"mode":"whitelist","rules":[],"send":[{"node":"a@b"}]}"#,
    ),
    (
        false,
        r#"{"mode":"whitelist","rules":[],"send":[{"name":"kv","node":"b"}]}"#,
    ),
    (
        false,
        r#"{"mode":"whitelist","rules":[],"send":[{"name":"kv","host":"b"}]}"#,
    ),
    (false, r#"{"mode":"whitelist","rules":[],"more":1}"#),
];

#[test]
fn schema_and_reader_agree() {
    let validator = validator();
    for (right, json) in DOCUMENTS {
        let value = serde_json::from_str(json).unwrap();
        assert_eq!(validator.is_valid(&value), *right, "schema: {json}");
        let read = read(json);
        assert_eq!(read.is_ok(), *right, "reader: {json}: {read:?}");
    }
}

proptest! {
    /// What is written is what the schema describes.
    #[test]
    fn any_policy_that_is_written_is_valid(spec in common::spec()) {
        let json = spec.to_json().unwrap();
        let value = serde_json::from_str(&json).unwrap();
        let errors: Vec<_> = validator()
            .iter_errors(&value)
            .map(|error| error.to_string())
            .collect();
        prop_assert!(errors.is_empty(), "{json}: {errors:?}");
    }
}
