// SPDX-License-Identifier: Apache-2.0

//! Policies on their way to other nodes.
//!
//! Not the JSON that users write: groups are expanded already, for the other
//! node may have others, and there can be several layers. Whoever reads one
//! compares its hash with the name it was sent under, so a policy that one of
//! the two does not fully understand is not taken for another.

use serde::{Deserialize, Serialize};

use crate::args::{self, ArgSpec};
use crate::error::Error;
use crate::gate;
use crate::json_send::JsonSend;
use crate::layer::{Entry, Layer, Origin};
use crate::policy::{Mode, OnDeny, Permission, Policy, MAX_LAYERS};
use crate::rule::{Pattern, Rule};
use crate::send::SendRule;

/// The most patterns that are taken from another node in one policy.
pub const MAX_PATTERNS: usize = 16 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireLayer {
    mode: Mode,
    patterns: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePolicy {
    layers: Vec<WireLayer>,
    spawn: Permission,
    inherit: bool,
    provenance: bool,
    on_deny: OnDeny,
    /// The lists of the rule for sending. One that names pids is not written:
    /// they would be other processes elsewhere.
    send: Vec<JsonSend>,
}

fn refused(message: &str) -> Error {
    Error::BadJson {
        message: message.to_owned(),
        line: 0,
        column: 0,
    }
}

type Read = (Pattern, bool, Option<ArgSpec>);

fn pattern(mode: Mode, text: &str) -> Result<Read, Error> {
    match text.parse()? {
        Rule::Pattern(pattern) => Ok((pattern, false, None)),
        // What may not be a gate is this node's word, not the other's.
        Rule::Gate(pattern) => {
            gate::check(&pattern, mode)?;
            Ok((pattern, true, None))
        }
        Rule::Args(pattern, spec) => {
            args::check(&pattern)?;
            Ok((pattern, false, Some(spec)))
        }
        Rule::Group(_) => Err(refused("a group, which is not expanded")),
    }
}

fn layer(wire: &WireLayer) -> Result<Layer, Error> {
    let entries = wire.patterns.iter().enumerate().map(|(index, text)| {
        let (pattern, gate, args) = pattern(wire.mode, text)?;
        Ok(Entry {
            pattern,
            origin: Origin::Rule {
                position: index + 1,
                reason: None,
            },
            gate,
            args,
        })
    });
    Ok(Layer::new(
        wire.mode,
        entries.collect::<Result<_, Error>>()?,
    ))
}

impl Policy {
    /// Writes the policy for another node.
    pub fn to_wire(&self) -> Result<String, Error> {
        let layers = self.layers().iter().map(|layer| WireLayer {
            mode: layer.mode(),
            patterns: layer.entries().iter().map(Entry::text).collect(),
        });
        let wire = WirePolicy {
            layers: layers.collect(),
            spawn: self.spawn(),
            inherit: self.inherit(),
            provenance: self.provenance(),
            on_deny: self.on_deny(),
            send: self
                .send()
                .lists()
                .iter()
                .map(|list| JsonSend(SendRule::only(list.clone())))
                .collect(),
        };
        serde_json::to_string(&wire)
            .map_err(|error| refused(&error.to_string()))
    }

    /// Reads what another node wrote.
    pub fn from_wire(text: &str) -> Result<Policy, Error> {
        let wire: WirePolicy = serde_json::from_str(text)
            .map_err(|error| refused(&error.to_string()))?;
        let patterns: usize =
            wire.layers.iter().map(|layer| layer.patterns.len()).sum();
        let blacklists = wire
            .layers
            .iter()
            .filter(|layer| layer.mode == Mode::Blacklist)
            .count();
        if wire.layers.is_empty()
            || wire.layers.len() > MAX_LAYERS
            || blacklists > 1
            || patterns > MAX_PATTERNS
        {
            return Err(refused("too many layers or patterns, or no layer"));
        }
        let send = wire
            .send
            .iter()
            .try_fold(SendRule::any(), |all, JsonSend(one)| all.meet(one))?;
        Ok(Policy {
            layers: wire.layers.iter().map(layer).collect::<Result<_, _>>()?,
            spawn: wire.spawn,
            inherit: wire.inherit,
            provenance: wire.provenance,
            on_deny: wire.on_deny,
            send,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::Target;
    use crate::spec::PolicySpec;

    fn policy(mode: Mode, rules: &[&str]) -> Policy {
        let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        Policy::from_spec(&PolicySpec::new(mode, rules)).unwrap()
    }

    fn sending(words: &[&str]) -> Policy {
        let targets = words.iter().map(|word| Target::word(word).unwrap());
        Policy::from_spec(&PolicySpec {
            send: SendRule::only(targets.collect()),
            ..PolicySpec::new(Mode::Blacklist, Vec::new())
        })
        .unwrap()
    }

    #[test]
    fn pids_stay_where_they_mean_something() {
        let pid = Target::Pid("<0.80.0>".into(), 80);
        let policy = Policy::from_spec(&PolicySpec {
            send: SendRule::only([pid].into()),
            ..PolicySpec::new(Mode::Blacklist, Vec::new())
        });
        assert!(policy.unwrap().to_wire().is_err());
    }

    #[test]
    fn what_is_written_reads_back_with_the_same_hash() {
        let strange = ["'a b':'@c'/3", "'@x':_", "_:f/0", "'Elixir.Enum'"];
        let simple = policy(Mode::Blacklist, &strange);
        let met = policy(Mode::Whitelist, &["@pure", "os:getpid/0"])
            .meet(&policy(Mode::Whitelist, &["@eval"]))
            .and_then(|both| both.meet(&simple))
            .unwrap();
        let several = policy(Mode::Whitelist, &["@pure"])
            .meet(&sending(&["kv", "self"]))
            .and_then(|both| both.meet(&sending(&["kv", "children"])))
            .unwrap();
        assert!(several.send().lists().len() > 1);
        let gates = policy(Mode::Whitelist, &["gate kv:get/1", "kv"]);
        let read = Policy::from_wire(&gates.to_wire().unwrap()).unwrap();
        assert_eq!(read.gates().len(), 1);
        let args = policy(
            Mode::Whitelist,
            &["args ets:lookup/2 [{[kv,'$1'],[{is_atom,'$1'}],[true]}]"],
        );
        for policy in [simple, met, several, sending(&[]), gates, args] {
            let read = Policy::from_wire(&policy.to_wire().unwrap()).unwrap();
            assert_eq!(read.hash(), policy.hash());
        }
    }

    #[test]
    fn reading_fails_closed() {
        let text = policy(Mode::Blacklist, &["os"]).to_wire().unwrap();
        for (from, to) in [
            ("\"layers\":[{", "\"layers\":[],\"more\":[{"),
            ("\"os\"", "\"@file\""),
            ("\"os\"", "\"os/\""),
            ("\"os\"", "\"gate os:cmd/1\""),
            ("\"os\"", "1"),
            ("}", ""),
            ("\"inherit\":true,", ""),
        ] {
            let damaged = text.replacen(from, to, 1);
            assert_ne!(damaged, text);
            assert!(Policy::from_wire(&damaged).is_err(), "{damaged}");
        }
        let layer = r#"{"mode":"blacklist","patterns":["os"]}"#;
        let two = text.replacen(layer, &format!("{layer},{layer}"), 1);
        assert!(Policy::from_wire(&two).is_err());
        let none = text.replacen(layer, "", 1);
        assert!(Policy::from_wire(&none).is_err());
    }

    #[test]
    fn what_is_too_large_is_not_taken() {
        let many: Vec<String> =
            (0..=MAX_PATTERNS).map(|n| format!("m:f{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let text = policy(Mode::Blacklist, &many).to_wire().unwrap();
        assert!(Policy::from_wire(&text).is_err());
    }
}
