// SPDX-License-Identifier: Apache-2.0

//! JSON to the tree.
//!
//! serde_json keeps the place of errors but not of values. Raw values are
//! slices of the text, though, and where a slice begins can be computed.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::node::{Fault, Node, Value, MAX_NESTING};

/// Why a text is no JSON: syntax errors come with line and column.
pub(crate) enum JsonFault {
    Syntax(serde_json::Error),
    Fault(Fault),
}

pub(crate) fn read(text: &str) -> Result<Node, JsonFault> {
    // Checks the syntax of the whole, without recursion.
    let raw: &RawValue =
        serde_json::from_str(text).map_err(JsonFault::Syntax)?;
    build(text, raw, MAX_NESTING).map_err(JsonFault::Fault)
}

/// Each level is scanned once more for each level above it, which the limit
/// on nesting bounds.
fn build(text: &str, raw: &RawValue, left: usize) -> Result<Node, Fault> {
    let json = raw.get();
    let at = (json.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let Some(left) = left.checked_sub(1) else {
        let why = format!("nested deeper than {MAX_NESTING} levels");
        return Err(Fault::new(why, at));
    };
    let bad = |error: serde_json::Error| {
        let text = error.to_string();
        let why = text.split(" at line ").next().unwrap_or(&text);
        Fault::new(why, at)
    };
    let value = match json.as_bytes().first() {
        Some(b'{') => {
            let Pairs(pairs) = serde_json::from_str(json).map_err(bad)?;
            let pairs = pairs.into_iter().map(|(key, value)| {
                Ok((build(text, key, left)?, build(text, value, left)?))
            });
            Value::Map(pairs.collect::<Result<_, Fault>>()?)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> =
                serde_json::from_str(json).map_err(bad)?;
            let items = items.into_iter().map(|item| build(text, item, left));
            Value::List(items.collect::<Result<_, Fault>>()?)
        }
        Some(b'"') => Value::Text(serde_json::from_str(json).map_err(bad)?),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') => Value::Null,
        _ => match serde_json::from_str(json) {
            Ok(integer) => Value::Integer(integer),
            Err(_) => Value::Number(serde_json::from_str(json).map_err(bad)?),
        },
    };
    Ok(Node { at, value })
}

/// The entries of an object, repeated keys included.
struct Pairs<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(PairsVisitor).map(|p| Pairs(p.0))
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut map: A,
    ) -> Result<Pairs<'de>, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}
