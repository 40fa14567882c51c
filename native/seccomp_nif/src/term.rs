// SPDX-License-Identifier: Apache-2.0
//! Terms to values and back: the one place that knows their shapes.

use rustler::sys::ErlNifTerm;
use rustler::{Atom, Encoder, Env, LocalPid, NifResult, Term, TermType};
use seccomp_core::{
    AtomTable, Error as CoreError, Mode, OnDeny, Pat, Permission, PolicySpec,
    Rule, SendRule, Target, Targets, Unknown, MAX_TARGETS,
};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::abi::Eterm;
use crate::error::{bad_term, Error, Result};
use crate::term_rule;

/// More rules than anybody writes; a longer list is a mistake or an attack.
pub const MAX_RULES: usize = 1_000_000;

/// Makes atoms for the names in a policy.
pub struct Atoms<'a>(pub Env<'a>);

impl AtomTable for Atoms<'_> {
    fn atom(&self, name: &str) -> std::result::Result<u64, CoreError> {
        make_atom(self.0, name)
            .map(|atom| raw(atom) as u64)
            .ok_or_else(|| CoreError::BadAtom {
                name: name.to_owned(),
                why: "an atom has at most 255 characters".into(),
            })
    }
}

/// The atom of this name. The NIF interface of OTP 25 knows Latin-1 names
/// only, so others go through the external term format.
fn make_atom<'a>(env: Env<'a>, name: &str) -> Option<Term<'a>> {
    if let Ok(atom) = Atom::from_str(env, name) {
        return Some(atom.to_term(env));
    }
    let length = u16::try_from(name.len()).ok()?.to_be_bytes();
    let mut external = vec![131, 118, length[0], length[1]];
    external.extend_from_slice(name.as_bytes());
    // SAFETY: the bytes are an atom and nothing else; creating it is wanted.
    unsafe { env.binary_to_term_trusted(&external) }.map(|(term, _)| term)
}

/// The atom of a name that is known to make one.
pub fn atom<'a>(env: Env<'a>, name: &str) -> Term<'a> {
    make_atom(env, name)
        .unwrap_or_else(|| rustler::types::atom::undefined().to_term(env))
}

/// The name of an atom.
pub fn atom_name(term: Term) -> Option<String> {
    if !term.is_atom() {
        return None;
    }
    if let Ok(name) = term.atom_to_string() {
        return Some(name);
    }
    match &*term.to_binary() {
        [131, 119, _, name @ ..] | [131, 118, _, _, name @ ..] => {
            String::from_utf8(name.to_vec()).ok()
        }
        _ => None,
    }
}

/// A term as the emulator's word for it.
pub fn raw(term: Term) -> Eterm {
    // SAFETY: `ErlNifTerm` is transparent over the word, which is private.
    unsafe { std::mem::transmute::<ErlNifTerm, Eterm>(term.as_c_arg()) }
}

/// The term of a word that the emulator gave.
///
/// # Safety
/// The term must be whole in the word, as atoms and local pids are, or belong
/// to `env`.
pub unsafe fn from_raw(env: Env, raw: Eterm) -> Term {
    // SAFETY: `ErlNifTerm` is transparent over the word; the rest is promised
    // by the caller.
    unsafe {
        let inner = std::mem::transmute::<Eterm, ErlNifTerm>(raw);
        Term::new(env, inner)
    }
}

/// A term that the emulator gave, an atom or a local pid.
pub fn immediate(env: Env, raw: Eterm) -> Term {
    // SAFETY: atoms and local pids are whole in the word.
    unsafe { from_raw(env, raw) }
}

/// A map with atom keys.
pub fn map<'a>(env: Env<'a>, pairs: &[(&str, Term<'a>)]) -> Term<'a> {
    pairs.iter().fold(Term::map_new(env), |map, (key, value)| {
        map.map_put(atom(env, key), value).unwrap_or(map)
    })
}

/// A list, from its elements.
pub fn list<'a>(env: Env<'a>, elements: &[Term<'a>]) -> Term<'a> {
    elements.encode(env)
}

/// The elements of a proper list; of any other term, `badarg`. Decoding alone
/// panics at the tail of an improper one.
pub fn proper_list(term: Term) -> NifResult<Vec<Term>> {
    term.list_length()?;
    term.decode()
}

/// A local pid, as the emulator knows it.
pub fn pid(term: Term) -> Result<Eterm> {
    match term.decode::<LocalPid>() {
        Ok(_) => Ok(raw(term)),
        Err(_) if term.is_pid() => Err(Error::RemotePid),
        Err(_) => Err(bad_term("bad_pid", "not a pid")),
    }
}

type Rules = (Vec<Rule>, BTreeMap<usize, String>);

fn rules(term: Term) -> Result<Rules> {
    let bad = |why: String| bad_term("bad_rules", why);
    if term.get_type() != TermType::List {
        return Err(bad(
            "rules must be a list, such as [lists, {string, trim, 1}]".into(),
        ));
    }
    let length = term.list_length().map_err(|_| {
        bad("an improper list: write [A, B], not [A | B]".into())
    })?;
    if length > MAX_RULES {
        return Err(bad(format!(
            "{length} rules; at most {MAX_RULES} are allowed: use wildcards or groups"
        )));
    }
    let mut rules = Vec::with_capacity(length);
    let mut comments = BTreeMap::new();
    let elements = term
        .into_list_iterator()
        .map_err(|_| bad("rules must be a list".into()))?;
    for (index, element) in elements.enumerate() {
        let (rule, comment) = term_rule::commented(element)
            .map_err(|why| term_rule::bad(element, index + 1, why))?;
        rules.push(rule);
        comments.extend(comment.map(|comment| (index, comment)));
    }
    Ok((rules, comments))
}

/// Looks up an option whose values are atoms.
fn option<T: Copy>(
    spec: Term,
    key: &str,
    values: &[(&'static str, T)],
) -> Result<Option<T>> {
    let Ok(value) = spec.map_get(atom(spec.get_env(), key)) else {
        return Ok(None);
    };
    let name = atom_name(value);
    values
        .iter()
        .find(|(known, _)| Some(*known) == name.as_deref())
        .map(|(_, value)| Some(*value))
        .ok_or_else(|| {
            let known: Vec<&str> =
                values.iter().map(|(known, _)| *known).collect();
            bad_term(
                "bad_option",
                format!("{key} must be {}", known.join(" or ")),
            )
        })
}

const BOOLEANS: &[(&str, bool)] = &[("true", true), ("false", false)];
const MODES: &[(&str, Mode)] = &[
    ("whitelist", Mode::Whitelist),
    ("blacklist", Mode::Blacklist),
];
const PERMISSIONS: &[(&str, Permission)] =
    &[("allow", Permission::Allow), ("deny", Permission::Deny)];
const REACTIONS: &[(&str, OnDeny)] = &[
    ("raise", OnDeny::Raise),
    ("kill", OnDeny::Kill),
    ("log", OnDeny::Log),
];
const UNKNOWN: &[(&str, Unknown)] =
    &[("error", Unknown::Error), ("allow", Unknown::Allow)];

/// One target of a rule for sending.
fn target(term: Term) -> std::result::Result<Target, String> {
    if let Some(name) = atom_name(term) {
        return Target::word(&name);
    }
    if term.is_pid() {
        return pid(term)
            .map(|raw| Target::Pid(format!("{term:?}"), raw as u64))
            .map_err(|_| {
                "a pid of another node cannot be named: write {Name, Node}"
                    .into()
            });
    }
    let shape = "write a pid of this node, a registered name, self, parent, \
                 children, replies, group_leader, {Name, Node}, or \
                 {name, Name} for a name that is one of these words";
    let pair: (Term, Term) = term.decode().map_err(|_| shape.to_owned())?;
    let second = atom_name(pair.1).ok_or(shape)?;
    match atom_name(pair.0).as_deref() {
        Some("name") if !second.contains('@') => Ok(Target::Name(second)),
        Some(name) => Target::remote(name, &second),
        None => Err(shape.into()),
    }
}

/// The rule for sending: `any`, `none` or a list of targets.
fn send_rule(term: Term) -> Result<SendRule> {
    match atom_name(term).as_deref() {
        Some("any") => return Ok(SendRule::any()),
        Some("none") => return Ok(SendRule::only(Targets::new())),
        _ => {}
    }
    let length = match term.get_type() {
        TermType::List => term.list_length().ok(),
        _ => None,
    };
    let bad = |why: String| bad_term("bad_option", why);
    let length =
        length.ok_or_else(|| bad("send must be any, none or a list".into()))?;
    if length > MAX_TARGETS {
        return Err(bad(format!(
            "{length} targets to send to; at most {MAX_TARGETS} are allowed"
        )));
    }
    let mut targets = Targets::new();
    let elements = term
        .into_list_iterator()
        .map_err(|_| bad("send must be a list".into()))?;
    for (index, element) in elements.enumerate() {
        let bad_target = |why: String| Error::BadTerm {
            name: "bad_target",
            why,
            position: Some(index + 1),
        };
        let target = target(element).map_err(bad_target)?;
        let text = target.to_string();
        if !targets.insert(target) {
            return Err(bad_target(format!("{text} stands twice in send")));
        }
    }
    Ok(SendRule::only(targets))
}

fn target_term<'a>(env: Env<'a>, target: &Target) -> Term<'a> {
    match target {
        Target::Name(name) if Target::word(name).as_ref() != Ok(target) => {
            (atom(env, "name"), atom(env, name)).encode(env)
        }
        Target::Name(name) => atom(env, name),
        Target::Remote(name, node) => {
            (atom(env, name), atom(env, node)).encode(env)
        }
        Target::Pid(_, pid) => immediate(env, *pid as Eterm),
        word => atom(env, &word.to_string()),
    }
}

/// The term that `send_rule` reads; of a meet `{all, Lists}`.
pub fn send_term<'a>(env: Env<'a>, rule: &SendRule) -> Term<'a> {
    let targets = |list: &Targets| {
        let terms: Vec<Term> =
            list.iter().map(|target| target_term(env, target)).collect();
        self::list(env, &terms)
    };
    match rule.lists() {
        [] => atom(env, "any"),
        [none] if none.is_empty() => atom(env, "none"),
        [only] => targets(only),
        several => {
            let lists: Vec<Term> = several.iter().map(targets).collect();
            (atom(env, "all"), list(env, &lists)).encode(env)
        }
    }
}

/// What a user writes, from a map.
pub fn spec(term: Term) -> Result<PolicySpec> {
    let mode = option(term, "mode", MODES)?.ok_or_else(|| {
        bad_term("bad_option", "mode must be whitelist or blacklist")
    })?;
    let list = term
        .map_get(atom(term.get_env(), "rules"))
        .map_err(|_| bad_term("bad_rules", "rules are missing"))?;
    let (rules, comments) = rules(list)?;
    let mut spec = PolicySpec::new(mode, rules);
    spec.comments = comments;
    if let Some(spawn) = option(term, "spawn", PERMISSIONS)? {
        spec.spawn = spawn;
    }
    if let Some(inherit) = option(term, "inherit", BOOLEANS)? {
        spec.inherit = inherit;
    }
    spec.provenance = option(term, "provenance", BOOLEANS)?;
    if let Some(on_deny) = option(term, "on_deny", REACTIONS)? {
        spec.on_deny = on_deny;
    }
    if let Some(base) = option(term, "base", BOOLEANS)? {
        spec.base = base;
    }
    if let Some(unknown) = option(term, "unknown", UNKNOWN)? {
        spec.unknown = unknown;
    }
    if let Ok(send) = term.map_get(atom(term.get_env(), "send")) {
        spec.send = send_rule(send)?;
    }
    if let Ok(comment) = term.map_get(atom(term.get_env(), "comment")) {
        spec.comment = Some(comment.decode::<String>().map_err(|_| {
            bad_term("bad_option", "comment must be a binary in UTF-8")
        })?);
    }
    Ok(spec)
}

/// The atoms that a text may add to the table: a sixteenth of what the table
/// holds by default, and they are never given back.
const MAX_NEW_NAMES: usize = 65_536;

/// [`spec_term`] for a policy that came as text, whose names need not be atoms
/// yet.
pub fn new_spec_term<'a>(env: Env<'a>, spec: &PolicySpec) -> Result<Term<'a>> {
    let mut new = HashSet::new();
    for rule in &spec.rules {
        let names = match rule {
            Rule::Group(name) => [Some(name.as_str()), None],
            Rule::Pattern(p) | Rule::Gate(p) | Rule::Args(p, _) => {
                [fixed(&p.module), fixed(&p.function)]
            }
        };
        let inner = match rule {
            Rule::Args(_, spec) => spec.names(),
            _ => Vec::new(),
        };
        let names = names.into_iter().flatten().map(str::to_owned);
        new.extend(names.chain(inner).filter(|n| !is_atom(env, n)));
        if new.len() > MAX_NEW_NAMES {
            return Err(bad_term(
                "too_many_names",
                format!(
                    "more than {MAX_NEW_NAMES} names that are no atoms yet: \
                     name modules, or load them first"
                ),
            ));
        }
    }
    // The targets of `send` are few: 256 at most.
    Ok(spec_term(env, spec))
}

fn fixed(pat: &Pat<Arc<str>>) -> Option<&str> {
    match pat {
        Pat::Any => None,
        Pat::Is(name) => Some(name),
    }
}

/// Names beyond Latin-1 are few and count as new.
fn is_atom(env: Env, name: &str) -> bool {
    Atom::existing_from_utf8_bytes(env, name.as_bytes()).is_ok()
}

/// The map that [`spec`] reads.
pub fn spec_term<'a>(env: Env<'a>, spec: &PolicySpec) -> Term<'a> {
    let rules = spec.rules.iter().enumerate().map(|(index, rule)| {
        let rule = term_rule::rule_term(env, rule);
        match spec.comments.get(&index) {
            None => rule,
            Some(comment) => {
                map(env, &[("rule", rule), ("comment", comment.encode(env))])
            }
        }
    });
    let rules: Vec<Term> = rules.collect();
    let unknown = match spec.unknown {
        Unknown::Error => "error",
        Unknown::Allow => "allow",
    };
    let mut pairs = vec![
        ("mode", atom(env, &spec.mode.to_string())),
        ("rules", list(env, &rules)),
        ("spawn", atom(env, &spec.spawn.to_string())),
        ("inherit", spec.inherit.encode(env)),
        ("on_deny", atom(env, &spec.on_deny.to_string())),
        ("base", spec.base.encode(env)),
        ("unknown", atom(env, unknown)),
        ("send", send_term(env, &spec.send)),
    ];
    if let Some(provenance) = spec.provenance {
        pairs.push(("provenance", provenance.encode(env)));
    }
    if let Some(comment) = &spec.comment {
        pairs.push(("comment", comment.encode(env)));
    }
    map(env, &pairs)
}
