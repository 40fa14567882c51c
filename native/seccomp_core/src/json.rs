// SPDX-License-Identifier: Apache-2.0

//! What a policy's keys are, and policies as JSON, both ways.
//!
//! [`Document`] is the one list of keys: JSON and Erlang terms are read into
//! it, and JSON is written from it. Reading fails closed: an unknown or
//! repeated key, a wrong type or a rule that cannot be read is an error with
//! its line and column. A rule is a string, or an object with `rule` and
//! `comment`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Error;
use crate::form::Form;
use crate::json_send::JsonSend;
use crate::located::Located;
use crate::node::RULE;
use crate::policy::{Mode, OnDeny, Permission};
use crate::rule::Rule;
use crate::send::SendRule;
use crate::spec::{PolicySpec, Unknown};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    /// Which schema an editor should check the file by; not looked at.
    #[serde(rename = "$schema", default, skip_serializing)]
    _schema: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    pub mode: Mode,
    /// Files, relative to the one that names them: see [`crate::PolicyFile`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<Located<String>>,
    pub rules: Vec<Located<JsonRule>>,
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
    #[serde(default, deserialize_with = "given")]
    send: Option<JsonSend>,
}

/// What is there: `null` is no value.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
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

/// A rule and why it is there. Read by hand: what serde derives for "a string
/// or an object" forgets where in the file it was.
pub(crate) struct JsonRule {
    pub rule: Rule,
    pub comment: Option<String>,
}

impl Serialize for JsonRule {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.comment {
            None => to.collect_str(&self.rule),
            Some(_) => Commented {
                rule: RuleText(self.rule.clone()),
                comment: self.comment.clone(),
            }
            .serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for JsonRule {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_newtype_struct(RULE, RuleVisitor)
    }
}

struct RuleVisitor;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Commented {
    rule: RuleText,
    #[serde(default)]
    comment: Option<String>,
}

impl<'de> Visitor<'de> for RuleVisitor {
    type Value = JsonRule;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rule, or an object with rule and comment")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<JsonRule, E> {
        let rule = text.parse().map_err(E::custom)?;
        Ok(JsonRule {
            rule,
            comment: None,
        })
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        map: A,
    ) -> Result<JsonRule, A::Error> {
        let object = de::value::MapAccessDeserializer::new(map);
        let Commented { rule, comment } = Commented::deserialize(object)?;
        let rule = rule.0;
        Ok(JsonRule { rule, comment })
    }
}

/// A rule that is nothing but its text.
struct RuleText(Rule);

impl Serialize for RuleText {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RuleText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_newtype_struct(RULE, RuleTextVisitor)
    }
}

struct RuleTextVisitor;

impl Visitor<'_> for RuleTextVisitor {
    type Value = RuleText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rule")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<RuleText, E> {
        text.parse().map(RuleText).map_err(E::custom)
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

impl<'de> Document {
    pub fn read<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(DocumentVisitor)
    }

    /// The policy, but for what the included files add.
    pub fn into_spec(self) -> PolicySpec {
        let mut rules = Vec::with_capacity(self.rules.len());
        let mut comments = BTreeMap::new();
        for (index, rule) in self.rules.into_iter().enumerate() {
            let JsonRule { rule, comment } = rule.value;
            rules.push(rule);
            comments.extend(comment.map(|comment| (index, comment)));
        }
        PolicySpec {
            send: self
                .send
                .map_or(SendRule::default_for(self.mode), |send| send.0),
            mode: self.mode,
            rules,
            comments,
            spawn: self.spawn,
            inherit: self.inherit,
            provenance: self.provenance,
            on_deny: self.on_deny,
            base: self.base,
            unknown: self.unknown,
            comment: self.comment,
        }
    }
}

impl PolicySpec {
    /// Reads a policy. A text has no place that other files could be relative
    /// to, so it cannot include any.
    pub fn from_json(text: &str) -> Result<PolicySpec, Error> {
        let (document, lines) = Form::Json.document(text)?;
        if let Some(file) = document.include.first() {
            let (line, column) = lines.place(file.at);
            return Err(Error::BadJson {
                message: "only a file can include others".to_owned(),
                line,
                column,
            });
        }
        Ok(document.into_spec())
    }

    /// Writes the policy, defaults included, so that reading it back gives
    /// the same.
    pub fn to_json(&self) -> Result<String, Error> {
        let rules = self.rules.iter().enumerate().map(|(index, rule)| {
            let comment = self.comments.get(&index).cloned();
            let rule = rule.clone();
            Located {
                at: 0,
                value: JsonRule { rule, comment },
            }
        });
        let document = Document {
            _schema: None,
            comment: self.comment.clone(),
            mode: self.mode,
            include: Vec::new(),
            rules: rules.collect(),
            spawn: self.spawn,
            inherit: self.inherit,
            provenance: self.provenance,
            on_deny: self.on_deny,
            base: self.base,
            unknown: self.unknown,
            send: Some(JsonSend(self.send.clone())),
        };
        let mut text =
            serde_json::to_string_pretty(&document).map_err(syntax)?;
        text.push('\n');
        Ok(text)
    }
}

/// An error of the JSON library, the place taken out of the message.
pub(crate) fn syntax(error: serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
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
        let mut expected = PolicySpec::new(Mode::Blacklist, rules);
        expected.comments.insert(0, "why".to_owned());
        assert_eq!(PolicySpec::from_json(json).unwrap(), expected);
    }

    #[test]
    fn errors_say_where() {
        let error = PolicySpec::from_json(
            "{\"mode\":\"whitelist\",\n \"rules\": [\"os\",\n  \"lists/2\"]}",
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "bad JSON at line 3, column 3: bad rule \"lists/2\": an arity \
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
