// SPDX-License-Identifier: Apache-2.0

//! Whom a process may send to.
//!
//! A message is a second call gate: servers do what messages ask for, and no
//! policy of the sender holds them. A rule for sending names targets; what it
//! does not name gets nothing from the process, neither messages nor other
//! signals.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use crate::error::Error;
use crate::policy::{Mode, MAX_LAYERS};
use crate::rule_text::quoted;

/// More targets than anybody lists; the emulator searches them one by one.
pub const MAX_TARGETS: usize = 256;

/// A process, or what it is to the one that sends.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// The process itself.
    Own,
    /// The process that started it.
    Parent,
    /// Processes and ports that it started.
    Children,
    /// Who waits for this very message as the reply to a request.
    Replies,
    /// Its group leader, if that is one of the library.
    GroupLeader,
    /// Whoever is registered under the name.
    Name(String),
    /// Whoever is registered under the name on that node.
    Remote(String, String),
    /// A process of this node: how the virtual machine writes it, and the
    /// number that it has there.
    Pid(String, u64),
}

/// The words for what a process is to the one that sends.
pub const KEYWORDS: [(&str, Target); 5] = [
    ("self", Target::Own),
    ("parent", Target::Parent),
    ("children", Target::Children),
    ("replies", Target::Replies),
    ("group_leader", Target::GroupLeader),
];

/// The targets that a user lists.
pub type Targets = BTreeSet<Target>;

/// The rule of a policy: each of the lists has to allow a target. No list at
/// all allows any; that is how the meet of two rules is the exact one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendRule {
    lists: Vec<Targets>,
}

/// Whether calls of this function meet the rule, for explanations: the
/// emulator has the checks themselves.
pub(crate) fn sends(module: &str, function: &str) -> bool {
    match module {
        "erlang" => matches!(
            function,
            "send"
                | "!"
                | "send_nosuspend"
                | "send_after"
                | "start_timer"
                | "exit_signal"
                | "exit"
                | "link"
                | "group_leader"
                | "register"
                | "port_command"
                | "port_connect"
                | "port_control"
                | "port_call"
                | "port_close"
        ),
        "ets" => matches!(function, "give_away" | "new" | "setopts"),
        _ => false,
    }
}

impl Target {
    /// The target that a word stands for.
    pub fn keyword(word: &str) -> Option<Target> {
        KEYWORDS
            .iter()
            .find(|(known, _)| *known == word)
            .map(|(_, target)| target.clone())
    }

    /// The target of a word or a name that is none, as a user writes it.
    pub fn word(word: &str) -> Result<Target, String> {
        match word {
            "any" | "none" => Err(format!(
                "{word} stands alone, not in a list; a process registered as \
                 {word} is {{name, {word}}}"
            )),
            "" | "undefined" => Err("no process can have that name".into()),
            _ => Ok(Target::keyword(word)
                .unwrap_or_else(|| Target::Name(word.into()))),
        }
    }

    /// The target of a name on a node.
    pub fn remote(name: &str, node: &str) -> Result<Target, String> {
        if node.contains('@') {
            Ok(Target::Remote(name.into(), node.into()))
        } else {
            Err(format!(
                "{} is no node: a name and a node are {{Name, 'name@host'}}",
                quoted(node)
            ))
        }
    }
}

impl SendRule {
    /// Allows everything.
    pub fn any() -> Self {
        SendRule::default()
    }

    /// Allows these targets and no others.
    pub fn only(targets: Targets) -> Self {
        SendRule {
            lists: vec![targets],
        }
    }

    /// What a policy of this mode has when its user says nothing: a whitelist
    /// denies by default, and sending is no exception.
    pub fn default_for(mode: Mode) -> Self {
        match mode {
            Mode::Blacklist => SendRule::any(),
            Mode::Whitelist => SendRule::only(
                [
                    Target::Own,
                    Target::Parent,
                    Target::Children,
                    Target::Replies,
                ]
                .into(),
            ),
        }
    }

    /// Whether there is nothing to check.
    pub fn is_any(&self) -> bool {
        self.lists.is_empty()
    }

    /// The lists, in an order that depends on their content alone.
    pub fn lists(&self) -> &[Targets] {
        &self.lists
    }

    /// The rule that allows exactly what both allow.
    pub fn meet(&self, other: &SendRule) -> Result<SendRule, Error> {
        let mut all: Vec<&Targets> =
            self.lists.iter().chain(&other.lists).collect();
        all.sort_unstable();
        all.dedup();
        // A list that has all of another one adds nothing to it.
        let lists: Vec<Targets> = all
            .iter()
            .filter(|list| {
                !all.iter().any(|less| less != *list && less.is_subset(list))
            })
            .map(|list| (*list).clone())
            .collect();
        if lists.len() > MAX_LAYERS {
            return Err(Error::TooManyLayers {
                layers: lists.len(),
                limit: MAX_LAYERS,
            });
        }
        Ok(SendRule { lists })
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Name(name) if Target::word(name).is_err() => {
                write!(f, "{{name,{}}}", quoted(name))
            }
            Target::Name(name) => match Target::keyword(name) {
                Some(_) => write!(f, "{{name,{}}}", quoted(name)),
                None => f.write_str(&quoted(name)),
            },
            Target::Remote(name, node) => {
                write!(f, "{{{},{}}}", quoted(name), quoted(node))
            }
            Target::Pid(text, _) => f.write_str(text),
            word => KEYWORDS
                .iter()
                .find(|(_, target)| target == word)
                .map_or(Ok(()), |(text, _)| f.write_str(text)),
        }
    }
}

/// One line: `any`, `none`, or the targets; of several lists each in brackets.
impl Display for SendRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |targets: &Targets| {
            let words: Vec<String> =
                targets.iter().map(Target::to_string).collect();
            if words.is_empty() {
                "none".to_owned()
            } else {
                words.join(", ")
            }
        };
        match self.lists.as_slice() {
            [] => f.write_str("any"),
            [only] => f.write_str(&list(only)),
            several => {
                let texts: Vec<String> =
                    several.iter().map(|t| format!("[{}]", list(t))).collect();
                f.write_str(&texts.join(" and "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(words: &[&str]) -> SendRule {
        let targets = words.iter().map(|w| Target::word(w).unwrap());
        SendRule::only(targets.collect())
    }

    #[test]
    fn any_is_neutral_and_none_wins() {
        let some = only(&["self", "kv"]);
        assert_eq!(some.meet(&SendRule::any()).unwrap(), some);
        assert_eq!(SendRule::any().meet(&some).unwrap(), some);
        assert_eq!(some.meet(&some).unwrap(), some);
        let none = only(&[]);
        assert_eq!(some.meet(&none).unwrap(), none);
        assert_eq!(none.to_string(), "none");
    }

    #[test]
    fn lists_meet_without_losing_what_both_allow() {
        // kv may be a child: only the virtual machine knows.
        let both = only(&["children"]).meet(&only(&["kv"])).unwrap();
        assert_eq!(both.to_string(), "[children] and [kv]");
        let same = only(&["kv"]).meet(&only(&["children"])).unwrap();
        assert_eq!(both, same);
        let less = both.meet(&only(&["kv", "self"])).unwrap();
        assert_eq!(less, both);
    }

    #[test]
    fn names_that_are_words_are_escaped() {
        assert!(Target::word("any").is_err());
        assert!(Target::word("none").is_err());
        assert_eq!(Target::word("self"), Ok(Target::Own));
        assert_eq!(Target::Name("self".into()).to_string(), "{name,self}");
        assert_eq!(Target::Name("any".into()).to_string(), "{name,any}");
        assert_eq!(Target::Name("kv".into()).to_string(), "kv");
        assert!(Target::remote("kv", "host").is_err());
        let remote = Target::remote("kv", "n@host").unwrap();
        assert_eq!(remote.to_string(), "{kv,n@host}");
    }
}
