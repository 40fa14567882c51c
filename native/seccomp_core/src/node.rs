// SPDX-License-Identifier: Apache-2.0

//! A policy's text as a tree in which everything knows where it stood.
//!
//! Both forms, JSON and Erlang terms, become this tree, and what the keys mean
//! is read from it with serde: a key of a policy is a field of one struct, for
//! both forms, and its errors point at the key or at the value.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::literal::Literal;
use crate::located::LOCATED;
use crate::rule_text::{quoted, ARGS};

/// No policy nests deeper; reading must not be led to recurse without end.
pub(crate) const MAX_NESTING: usize = 16;

/// The name under which a rule asks to be read: atoms and tuples then give
/// their text.
pub(crate) const RULE: &str = "$seccomp rule";

/// The name under which a rule for sending asks to be read: its words are atoms
/// or strings of JSON.
pub(crate) const SEND: &str = "$seccomp send";

/// The same of one target, which a tuple may give.
pub(crate) const TARGET: &str = "$seccomp target";

/// A value and the byte at which it began.
#[derive(Debug)]
pub(crate) struct Node {
    pub at: usize,
    pub value: Value,
}

#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(u64),
    /// A number that is none of those; nothing takes one yet.
    Number(f64),
    /// A string of JSON, which stands for names, too.
    Text(String),
    /// A string or a binary of Erlang, which never is a name.
    Words(String),
    Atom(String),
    List(Vec<Node>),
    Tuple(Vec<Node>),
    Map(Vec<(Node, Node)>),
    /// A match specification, where one can stand.
    Literal(Literal),
}

/// What is wrong with a text, and at which byte if that is known yet.
#[derive(Debug)]
pub(crate) struct Fault {
    pub message: String,
    pub at: Option<usize>,
}

impl Fault {
    pub fn new(message: impl Into<String>, at: usize) -> Self {
        Fault {
            message: message.into(),
            at: Some(at),
        }
    }

    /// The innermost place is the best.
    fn or_at(mut self, at: usize) -> Self {
        self.at.get_or_insert(at);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault {
            message: message.to_string(),
            at: None,
        }
    }
}

impl Node {
    fn wrong<'de, V: Visitor<'de>>(
        self,
        visitor: &V,
    ) -> Result<V::Value, Fault> {
        let found = match &self.value {
            Value::Null => Unexpected::Other("null"),
            Value::Bool(b) => Unexpected::Bool(*b),
            Value::Integer(n) => Unexpected::Unsigned(*n),
            Value::Number(n) => Unexpected::Float(*n),
            Value::Text(s) | Value::Words(s) => Unexpected::Str(s),
            Value::Atom(_) => Unexpected::Other("an atom"),
            Value::List(_) => Unexpected::Seq,
            Value::Tuple(_) => Unexpected::Other("a tuple"),
            Value::Map(_) => Unexpected::Map,
            Value::Literal(_) => Unexpected::Other("a match specification"),
        };
        let fault: Fault = de::Error::invalid_type(found, visitor);
        Err(fault.or_at(self.at))
    }
}

impl<'de> Deserializer<'de> for Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let at = self.at;
        let read = match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(b) => visitor.visit_bool(b),
            Value::Integer(n) => visitor.visit_u64(n),
            Value::Number(n) => visitor.visit_f64(n),
            Value::Text(s) | Value::Words(s) | Value::Atom(s) => {
                visitor.visit_string(s)
            }
            Value::List(nodes) => {
                let mut items = Items(nodes.into_iter());
                let value = visitor.visit_seq(&mut items);
                return match (value, items.0.next()) {
                    (Ok(_), Some(more)) => {
                        Err(Fault::new("one element too many", more.at))
                    }
                    (read, _) => read.map_err(|fault| fault.or_at(at)),
                };
            }
            Value::Map(pairs) => {
                let mut entries = Entries {
                    pairs: pairs.into_iter(),
                    key_at: None,
                    value: None,
                };
                let value = visitor.visit_map(&mut entries);
                return match (value, entries.pairs.next()) {
                    (Ok(_), Some((key, _))) => {
                        Err(Fault::new("one key too many", key.at))
                    }
                    (read, _) => read.map_err(|fault| {
                        fault.or_at(entries.key_at.unwrap_or(at))
                    }),
                };
            }
            // Only what knows tuples by name reads them.
            Value::Tuple(_) | Value::Literal(_) => return self.wrong(&visitor),
        };
        read.map_err(|fault: Fault| fault.or_at(at))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let at = self.at;
        match (name, &self.value) {
            (LOCATED, _) => visitor.visit_seq(Place {
                at: Some(at),
                node: Some(self),
            }),
            (RULE, Value::Atom(_) | Value::Tuple(_)) => {
                let text = rule_text(self)?;
                visitor.visit_str(&text)
            }
            (SEND | TARGET, Value::Words(_)) => self.wrong(&visitor),
            (TARGET, Value::Tuple(_)) => target(self)?.deserialize_any(visitor),
            (TARGET, Value::Map(pairs)) if !json(pairs) => self.wrong(&visitor),
            (RULE | SEND | TARGET, _) => self.deserialize_any(visitor),
            _ => visitor.visit_newtype_struct(self),
        }
        .map_err(|fault| fault.or_at(at))
    }

    fn deserialize_option<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.value {
            Value::Bool(b) => visitor.visit_bool(*b),
            Value::Atom(name) if name == "true" => visitor.visit_bool(true),
            Value::Atom(name) if name == "false" => visitor.visit_bool(false),
            _ => self.wrong(&visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value {
            Value::Text(s) | Value::Words(s) => visitor.visit_string(s),
            _ => self.wrong(&visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.value {
            Value::Text(s) | Value::Atom(s) => visitor.visit_str(s),
            _ => Err(Fault::new("a key is an atom or a string", self.at)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.value {
            Value::Text(s) | Value::Atom(s) => {
                let name: StrDeserializer<'_, Fault> =
                    s.as_str().into_deserializer();
                visitor.visit_enum(name).map_err(|f| f.or_at(self.at))
            }
            _ => self.wrong(&visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value {
            Value::List(_) => self.deserialize_any(visitor),
            _ => self.wrong(&visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value {
            Value::Map(_) => self.deserialize_any(visitor),
            _ => self.wrong(&visitor),
        }
    }

    /// From a map alone: what serde derives takes a list of the values, too.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf
        unit unit_struct tuple tuple_struct ignored_any
    }
}

/// The text of a rule that was written as an atom or as a tuple.
fn rule_text(node: Node) -> Result<String, Fault> {
    let name = |node: &Node| match &node.value {
        Value::Atom(name) => Ok(quoted(name)),
        _ => Err(Fault::new("a module or a function is an atom", node.at)),
    };
    match &node.value {
        Value::Tuple(parts) => match parts.as_slice() {
            [m, f] => Ok(format!("{}:{}", name(m)?, name(f)?)),
            [m, f, arity] => {
                let arity = match &arity.value {
                    Value::Integer(n) => n.to_string(),
                    Value::Atom(any) if any == "_" => "_".to_owned(),
                    _ => {
                        let what = "an arity is a number from 0 to 255 or '_'";
                        return Err(Fault::new(what, arity.at));
                    }
                };
                Ok(format!("{}:{}/{arity}", name(m)?, name(f)?))
            }
            [m, f, Node {
                value: Value::Integer(arity),
                ..
            }, Node {
                value: Value::Literal(spec),
                ..
            }] => Ok(format!("{ARGS}{}:{}/{arity} {spec}", name(m)?, name(f)?)),
            [gate, m, f, Node {
                value: Value::Integer(arity),
                ..
            }] if matches!(&gate.value, Value::Atom(word) if word == "gate") => {
                Ok(format!("gate {}:{}/{arity}", name(m)?, name(f)?))
            }
            _ => Err(Fault::new(
                "write Module, {Module, Function}, {Module, Function, Arity}, \
                 '@group', {gate, Module, Function, Arity} or {Module, \
                 Function, Arity, MatchSpec}",
                node.at,
            )),
        },
        _ => name(&node),
    }
}

/// The object that JSON has in the place of a tuple of names.
fn target(node: Node) -> Result<Node, Fault> {
    let shape = "write a name, {name, Name} or {Name, Node}, all of them atoms";
    let name = |node: Node| match node.value {
        Value::Atom(name) => Ok((node.at, name)),
        _ => Err(Fault::new(shape, node.at)),
    };
    let at = node.at;
    let Value::Tuple(parts) = node.value else {
        return Ok(node);
    };
    let [first, second] =
        <[Node; 2]>::try_from(parts).map_err(|_| Fault::new(shape, at))?;
    let (first, second) = (name(first)?, name(second)?);
    let entry = |key: &str, (at, name): (usize, String)| {
        let text = |text| Node {
            at,
            value: Value::Text(text),
        };
        (text(key.to_owned()), text(name))
    };
    let pairs = if first.1 == "name" && !second.1.contains('@') {
        vec![entry("name", second)]
    } else {
        vec![entry("name", first), entry("node", second)]
    };
    Ok(Node {
        at,
        value: Value::Map(pairs),
    })
}

/// Whether a map is an object of JSON.
fn json(pairs: &[(Node, Node)]) -> bool {
    pairs
        .iter()
        .all(|(key, _)| matches!(key.value, Value::Text(_)))
}

struct Items(std::vec::IntoIter<Node>);

impl<'de> SeqAccess<'de> for Items {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.0.next() else {
            return Ok(None);
        };
        let at = node.at;
        seed.deserialize(node)
            .map(Some)
            .map_err(|fault| fault.or_at(at))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Entries {
    pairs: std::vec::IntoIter<(Node, Node)>,
    /// Where the last key stood: what a repeated key is blamed on.
    key_at: Option<usize>,
    value: Option<Node>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.key_at = None;
        let Some((key, value)) = self.pairs.next() else {
            return Ok(None);
        };
        let at = key.at;
        self.key_at = Some(at);
        self.value = Some(value);
        seed.deserialize(key)
            .map(Some)
            .map_err(|fault| fault.or_at(at))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, Fault> {
        let Some(node) = self.value.take() else {
            return Err(de::Error::custom("a value without a key"));
        };
        let at = node.at;
        seed.deserialize(node).map_err(|fault| fault.or_at(at))
    }
}

/// The place of a node, then the node.
struct Place {
    at: Option<usize>,
    node: Option<Node>,
}

impl<'de> SeqAccess<'de> for Place {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        if let Some(at) = self.at.take() {
            return seed.deserialize(at.into_deserializer()).map(Some);
        }
        match self.node.take() {
            Some(node) => seed.deserialize(node).map(Some),
            None => Ok(None),
        }
    }
}
