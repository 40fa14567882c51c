// SPDX-License-Identifier: Apache-2.0

//! Policies as JSON, both ways.
//!
//! Reading fails closed: an unknown or repeated key, a wrong type or a rule
//! that cannot be read is an error with its line and column. A rule is a
//! string, or an object with `rule` and `comment`; a rule's comment is for the
//! readers of the file and is not kept.

use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Error;
use crate::json_send::JsonSend;
use crate::policy::{Mode, OnDeny, Permission};
use crate::rule::Rule;
use crate::send::SendRule;
use crate::spec::{PolicySpec, Unknown};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    mode: Mode,
    rules: Vec<JsonRule>,
    #[serde(default = "spawn_default")]
    spawn: Permission,
    #[serde(default = "yes")]
    inherit: bool,
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    provenance: Option<bool>,
    #[serde(default = "on_deny_default")]
    on_deny: OnDeny,
    #[serde(default = "yes")]
    base: bool,
    #[serde(default)]
    unknown: Unknown,
    #[serde(default)]
    send: Option<JsonSend>,
}

/// What is there: `null` is no value.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    bool::deserialize(from).map(Some)
}

fn yes() -> bool {
    true
}

fn spawn_default() -> Permission {
    Permission::Allow
}

fn on_deny_default() -> OnDeny {
    OnDeny::Raise
}

/// A rule as its text. Read by hand: what serde derives for "a string or an
/// object" forgets where in the file it was.
struct JsonRule(Rule);

impl Serialize for JsonRule {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for JsonRule {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(RuleVisitor)
    }
}

struct RuleVisitor;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Commented {
    rule: String,
    #[serde(default, rename = "comment")]
    _comment: String,
}

impl<'de> Visitor<'de> for RuleVisitor {
    type Value = JsonRule;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rule: a string, or an object with rule and comment")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<JsonRule, E> {
        text.parse().map(JsonRule).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        map: A,
    ) -> Result<JsonRule, A::Error> {
        let object = de::value::MapAccessDeserializer::new(map);
        let Commented { rule, .. } = Commented::deserialize(object)?;
        self.visit_str(&rule)
    }
}

/// Takes an object only: serde would also read a document from an array of its
/// values in order.
struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a policy: an object with mode and rules")
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        map: A,
    ) -> Result<Document, A::Error> {
        Document::deserialize(de::value::MapAccessDeserializer::new(map))
    }
}

fn read(text: &str) -> serde_json::Result<Document> {
    let mut json = serde_json::Deserializer::from_str(text);
    let document = json.deserialize_map(DocumentVisitor)?;
    json.end()?;
    Ok(document)
}

impl PolicySpec {
    /// Reads a policy.
    pub fn from_json(text: &str) -> Result<PolicySpec, Error> {
        let document = read(text).map_err(bad)?;
        Ok(PolicySpec {
            send: document
                .send
                .map_or(SendRule::default_for(document.mode), |send| send.0),
            mode: document.mode,
            rules: document.rules.into_iter().map(|rule| rule.0).collect(),
            spawn: document.spawn,
            inherit: document.inherit,
            provenance: document.provenance,
            on_deny: document.on_deny,
            base: document.base,
            unknown: document.unknown,
            comment: document.comment,
        })
    }

    /// Writes the policy, defaults included, so that reading it back gives
    /// the same.
    pub fn to_json(&self) -> Result<String, Error> {
        let document = Document {
            comment: self.comment.clone(),
            mode: self.mode,
            rules: self.rules.iter().cloned().map(JsonRule).collect(),
            spawn: self.spawn,
            inherit: self.inherit,
            provenance: self.provenance,
            on_deny: self.on_deny,
            base: self.base,
            unknown: self.unknown,
            send: Some(JsonSend(self.send.clone())),
        };
        let mut text = serde_json::to_string_pretty(&document).map_err(bad)?;
        text.push('\n');
        Ok(text)
    }
}

fn bad(error: serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    // The place has fields of its own.
    let place = format!(" at line {line} column {column}");
    let message = text.strip_suffix(&place).unwrap_or(&text).to_owned();
    Error::BadJson {
        message,
        line,
        column,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"{
  "comment": "what plugins may do",
  "mode": "whitelist",
  "rules": [
    "lists:map/2",
    "@pure",
    "'Elixir.Enum'"
  ],
  "spawn": "deny",
  "inherit": false,
  "on_deny": "kill",
  "base": false,
  "unknown": "allow",
  "send": [
    "self",
    "kv",
    {
      "name": "parent"
    },
    {
      "name": "kv",
      "node": "a@b"
    }
  ]
}
"#;

    #[test]
    fn what_is_written_reads_back_the_same() {
        let spec = PolicySpec::from_json(FULL).unwrap();
        assert_eq!(spec.on_deny, OnDeny::Kill);
        assert_eq!(spec.spawn, Permission::Deny);
        assert_eq!(spec.unknown, Unknown::Allow);
        assert!(!spec.base && !spec.inherit);
        assert_eq!(spec.to_json().unwrap(), FULL);
    }

    #[test]
    fn what_is_left_out_has_the_default() {
        let json = r#"{"mode":"blacklist","rules":
            [{"rule":"kv:get/1","comment":"why"}, {"rule":"os"}]}"#;
        let rules = vec!["kv:get/1".parse().unwrap(), "os".parse().unwrap()];
        assert_eq!(
            PolicySpec::from_json(json).unwrap(),
            PolicySpec::new(Mode::Blacklist, rules)
        );
    }

    #[test]
    fn errors_say_where() {
        let error = PolicySpec::from_json(
            "{\"mode\":\"whitelist\",\n \"rules\": [\"os\",\n  \"lists/2\"]}",
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "bad JSON at line 3, column 11: bad rule \"lists/2\": an arity \
             needs a function: write module:function/arity"
        );
    }

    #[test]
    fn reading_fails_closed() {
        let with = |rest: &str| format!(r#"{{"mode":"blacklist",{rest}}}"#);
        for (text, why) in [
            (with(r#""rules":[],"rulez":[]"#), "unknown field `rulez`"),
            (with(r#""rules":[],"rules":[]"#), "duplicate field `rules`"),
            (with(r#""rules":[],"mode":1"#), "duplicate field `mode`"),
            (with(r#""rules":"os""#), "expected a sequence"),
            (with(r#""rules":[1]"#), "expected a rule"),
            (with(r#""rules":[null]"#), "expected a rule"),
            (with(r#""rules":[["os"]]"#), "expected a rule"),
            (with(r#""rules":[{"comment":"x"}]"#), "missing field `rule`"),
            (
                with(r#""rules":[{"rule":"os","comment":1}]"#),
                "expected a string",
            ),
            (
                with(r#""rules":[{"rule":"os","rule":"x"}]"#),
                "duplicate field `rule`",
            ),
            (
                with(r#""rules":[{"rule":"os","why":"x"}]"#),
                "unknown field `why`",
            ),
            (with(r#""rules":[],"inherit":1"#), "expected a boolean"),
            (with(r#""rules":[],"on_deny":"log "#), "EOF"),
            (with(r#""rules":[],"on_deny":"warn""#), "unknown variant"),
            (with(r#""rules":[],"comment":[]"#), "expected a string"),
            (r#"{"rules":[]}"#.into(), "missing field `mode`"),
            (r#"{"mode":"blacklist"}"#.into(), "missing field `rules`"),
            (with(r#""rules":[]"#) + "x", "trailing characters"),
            ("[]".into(), "expected a policy"),
            (r#"["c","blacklist",[]]"#.into(), "expected a policy"),
            (String::new(), "EOF"),
        ] {
            let error = PolicySpec::from_json(&text).unwrap_err();
            assert_eq!(error.name(), "bad_json");
            let message = error.to_string();
            assert!(message.contains(why), "{text}: {message}");
        }
    }
}
