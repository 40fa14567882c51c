// SPDX-License-Identifier: Apache-2.0

//! The rule for sending in text: `"any"`, `"none"`, or a list of words and
//! names. `{"name": "parent"}` is a process registered under a word,
//! `{"name": "kv", "node": "a@b"}` one of another node; in Erlang terms these
//! are `{name, parent}` and `{kv, 'a@b'}`. Pids mean nothing outside of the
//! node that they were written in, so they cannot be there.

use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::node::{SEND, TARGET};
use crate::rule_text::MAX_ATOM;
use crate::send::{SendRule, Target, Targets, MAX_TARGETS};

pub(crate) struct JsonSend(pub(crate) SendRule);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node: Option<String>,
}

struct JsonTarget(Target);

impl Serialize for JsonTarget {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let named = |name: &String, node: Option<&String>| Named {
            name: name.clone(),
            node: node.cloned(),
        };
        match &self.0 {
            Target::Pid(text, _) => Err(serde::ser::Error::custom(format!(
                "the pid {text} cannot be stored: name the process, or \
                     add it to the policy when that is compiled"
            ))),
            Target::Remote(name, node) => named(name, Some(node)).serialize(to),
            Target::Name(name)
                if Target::word(name).as_ref() != Ok(&self.0) =>
            {
                named(name, None).serialize(to)
            }
            Target::Name(name) => to.serialize_str(name),
            word => to.collect_str(word),
        }
    }
}

impl Serialize for JsonSend {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.lists() {
            [] => to.serialize_str("any"),
            [none] if none.is_empty() => to.serialize_str("none"),
            [list] => to.collect_seq(list.iter().cloned().map(JsonTarget)),
            _ => Err(serde::ser::Error::custom(
                "the meet of several rules for sending cannot be stored",
            )),
        }
    }
}

/// No name is longer than an atom.
fn short<E: de::Error>(name: &str) -> Result<&str, E> {
    if name.chars().count() > MAX_ATOM {
        let why = format!("a name has at most {MAX_ATOM} characters");
        return Err(E::custom(why));
    }
    Ok(name)
}

struct TargetVisitor;

impl<'de> Visitor<'de> for TargetVisitor {
    type Value = JsonTarget;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a target: a word, a name, or an object with name and node")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<JsonTarget, E> {
        if text.starts_with('<') {
            return Err(E::custom(format!(
                "the pid {text} cannot be stored: name the process"
            )));
        }
        Target::word(short(text)?)
            .map(JsonTarget)
            .map_err(E::custom)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        from: D,
    ) -> Result<JsonTarget, D::Error> {
        from.deserialize_any(self)
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        map: A,
    ) -> Result<JsonTarget, A::Error> {
        let object = de::value::MapAccessDeserializer::new(map);
        let target = match Named::deserialize(object)? {
            Named { name, node: None } => Target::Name(short(&name)?.into()),
            Named {
                name,
                node: Some(node),
            } => Target::remote(short(&name)?, short(&node)?)
                .map_err(de::Error::custom)?,
        };
        Ok(JsonTarget(target))
    }
}

impl<'de> Deserialize<'de> for JsonTarget {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_newtype_struct(TARGET, TargetVisitor)
    }
}

/// Adds a target to those before it. What is wrong with it is then known while
/// it is read, and blamed on its place.
struct Another<'a>(&'a mut Targets);

impl<'de> DeserializeSeed<'de> for Another<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(
        self,
        from: D,
    ) -> Result<(), D::Error> {
        let JsonTarget(target) = JsonTarget::deserialize(from)?;
        let text = target.to_string();
        if !self.0.insert(target) {
            return Err(de::Error::custom(format!("{text} stands twice")));
        }
        if self.0.len() > MAX_TARGETS {
            let why = format!("at most {MAX_TARGETS} targets are allowed");
            return Err(de::Error::custom(why));
        }
        Ok(())
    }
}

struct SendVisitor;

impl<'de> Visitor<'de> for SendVisitor {
    type Value = JsonSend;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any, none, or a list of targets")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<JsonSend, E> {
        match text {
            "any" => Ok(JsonSend(SendRule::any())),
            "none" => Ok(JsonSend(SendRule::only(Targets::new()))),
            _ => Err(E::custom(format!(
                "send is any, none or a list: write [\"{text}\"]"
            ))),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(
        self,
        mut seq: A,
    ) -> Result<JsonSend, A::Error> {
        let mut targets = Targets::new();
        while seq.next_element_seed(Another(&mut targets))?.is_some() {}
        Ok(JsonSend(SendRule::only(targets)))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        from: D,
    ) -> Result<JsonSend, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Deserialize<'de> for JsonSend {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_newtype_struct(SEND, SendVisitor)
    }
}

#[cfg(test)]
mod tests {
    use crate::spec::PolicySpec;

    fn read(send: &str) -> Result<PolicySpec, String> {
        let text =
            format!(r#"{{"mode":"whitelist","rules":[],"send":{send}}}"#);
        PolicySpec::from_json(&text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        for send in [
            r#""any""#,
            r#""none""#,
            "[]",
            r#"["self","parent","children","replies","group_leader","kv"]"#,
            r#"[{"name":"self"},{"name":"none"},{"name":"kv","node":"a@b"}]"#,
        ] {
            let spec = read(send).unwrap();
            let again = PolicySpec::from_json(&spec.to_json().unwrap());
            assert_eq!(again.unwrap(), spec, "{send}");
        }
    }

    #[test]
    fn reading_fails_closed() {
        for (send, why) in [
            (r#""kv""#, "write [\"kv\"]"),
            (r#"["any"]"#, "any stands alone"),
            (r#"["kv","kv"]"#, "kv stands twice"),
            (r#"["<0.1.0>"]"#, "cannot be stored"),
            (r#"[{"name":"kv","node":"b"}]"#, "is no node"),
            (r#"[{"name":"kv","host":"b"}]"#, "unknown field `host`"),
            (r#"[1]"#, "expected a target"),
            (r#"{}"#, "expected any, none, or a list"),
            ("null", "expected any, none, or a list"),
            (&format!("[\"{}\"]", "x".repeat(256)), "at most 255"),
        ] {
            let message = read(send).unwrap_err();
            assert!(message.contains(why), "{send}: {message}");
        }
    }
}
