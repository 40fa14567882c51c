// SPDX-License-Identifier: Apache-2.0

//! Rules as text, both ways: `lists`, `lists:map`, `lists:map/2`, `_:map/2`,
//! `'Elixir.Enum':map/2`, `@pure`, `gate kv:get/1`,
//! `args ets:lookup/2 [{[kv,'_'],[],[true]}]`.
//!
//! Names are written as in Erlang. What needs no quotes there needs none here,
//! except that unquoted names are ASCII; reserved words are accepted bare, for
//! they cannot mean anything else in this place, and are shown quoted.

use std::fmt::{self, Display, Write};
use std::str::FromStr;
use std::sync::Arc;

use crate::args::ArgSpec;
use crate::error::Error;
use crate::rule::{Pat, Pattern, Rule};

/// What stands before the function of a gate.
const GATE: &str = "gate ";

/// What stands before a function and a match specification.
pub(crate) const ARGS: &str = "args ";

/// The longest name that the virtual machine can hold, in characters.
pub(crate) const MAX_ATOM: usize = 255;

const RESERVED: [&str; 29] = [
    "after", "and", "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr",
    "bxor", "case", "catch", "cond", "div", "else", "end", "fun", "if", "let",
    "maybe", "not", "of", "or", "orelse", "receive", "rem", "try", "when",
    "xor",
];

impl FromStr for Rule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).map_err(|why| Error::BadRule {
            text: text.to_owned(),
            why,
            position: None,
        })
    }
}

impl FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.parse()? {
            Rule::Pattern(pattern) => Ok(pattern),
            Rule::Group(_) | Rule::Gate(_) | Rule::Args(..) => {
                Err(Error::BadRule {
                    text: text.to_owned(),
                    why: "only a pattern can stand here: write \
                      module:function/arity"
                        .to_owned(),
                    position: None,
                })
            }
        }
    }
}

/// Reads a rule, or says why not.
fn parse(text: &str) -> Result<Rule, String> {
    if text.starts_with('@') {
        return group(text);
    }
    if let Some(function) = text.strip_prefix(GATE) {
        return gate(function);
    }
    if let Some(function) = text.strip_prefix(ARGS) {
        return args(function);
    }
    let (module, rest) = name(text)?;
    if rest.is_empty() {
        // As an Erlang atom a group is '@name', with the quotes.
        if let Pat::Is(module) = &module {
            if module.starts_with('@') {
                return group(module);
            }
        }
        return Ok(rule(module, Pat::Any, Pat::Any));
    }
    let Some(rest) = rest.strip_prefix(':') else {
        return Err(if rest.starts_with('/') {
            "an arity needs a function: write module:function/arity".to_owned()
        } else {
            unexpected(rest)
        });
    };
    let (function, rest) = name(rest)?;
    if rest.is_empty() {
        return Ok(rule(module, function, Pat::Any));
    }
    let Some(rest) = rest.strip_prefix('/') else {
        return Err(unexpected(rest));
    };
    Ok(rule(module, function, arity(rest)?))
}

fn rule(
    module: Pat<Arc<str>>,
    function: Pat<Arc<str>>,
    arity: Pat<u8>,
) -> Rule {
    Rule::Pattern(Pattern {
        module,
        function,
        arity,
    })
}

fn gate(function: &str) -> Result<Rule, String> {
    match parse(function)? {
        Rule::Pattern(pattern) if pattern.is_function() => {
            Ok(Rule::Gate(pattern))
        }
        _ => Err("a gate is one function: write gate module:function/arity, \
                  without wildcards"
            .to_owned()),
    }
}

/// A function, a space, and a match specification.
fn args(text: &str) -> Result<Rule, String> {
    let shape = "write args module:function/arity and a match specification";
    let (module, rest) = name(text)?;
    let rest = rest.strip_prefix(':').ok_or(shape)?;
    let (function, rest) = name(rest)?;
    let rest = rest.strip_prefix('/').ok_or(shape)?;
    let (number, spec) = rest.split_once(' ').ok_or(shape)?;
    let Pat::Is(own) = arity(number)? else {
        return Err(shape.to_owned());
    };
    let spec = ArgSpec::parse(spec, own)?;
    Ok(Rule::Args(
        Pattern {
            module,
            function,
            arity: Pat::Is(own),
        },
        spec,
    ))
}

fn unexpected(rest: &str) -> String {
    format!(
        "{rest:?} is not expected there: write module, module:function or \
         module:function/arity, with quotes around unusual names"
    )
}

fn group(text: &str) -> Result<Rule, String> {
    let name = text.strip_prefix('@').unwrap_or(text);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return Err("a group is an @ and letters, as in @pure; a module \
                    whose name begins so is '@name':_"
            .to_owned());
    }
    Ok(Rule::Group(text.to_owned()))
}

fn arity(text: &str) -> Result<Pat<u8>, String> {
    if text == "_" {
        return Ok(Pat::Any);
    }
    // `u8::from_str` alone would take a sign.
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(arity) if digits => Ok(Pat::Is(arity)),
        _ => Err(format!(
            "the arity {text:?} is not a number from 0 to 255 or _"
        )),
    }
}

/// Reads a name from the start of the text and gives what follows it.
fn name(text: &str) -> Result<(Pat<Arc<str>>, &str), String> {
    let (name, rest) = match text.strip_prefix('\'') {
        Some(quoted) => quoted_name(quoted)?,
        None => bare_name(text)?,
    };
    if name.chars().count() > MAX_ATOM {
        return Err(format!("a name has at most {MAX_ATOM} characters"));
    }
    Ok((Pat::name(name), rest))
}

fn bare_name(text: &str) -> Result<(String, &str), String> {
    let end = text.find(|c| !is_name_char(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name == "_" || is_bare(name) {
        Ok((name.to_owned(), rest))
    } else if name.is_empty() {
        Err(match rest.chars().next() {
            None => "a name is missing: write _ for any".to_owned(),
            Some(_) => unexpected(rest),
        })
    } else {
        let whole = text.split([':', '/']).next().unwrap_or(text);
        Err(format!(
            "{whole} does not begin with a small letter: write '{whole}', \
             with the quotes (Elixir modules are 'Elixir.Name')"
        ))
    }
}

/// Reads up to the closing quote, the opening one being gone.
fn quoted_name(text: &str) -> Result<(String, &str), String> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let mut chars = rest.chars();
        let Some(c) = chars.next() else {
            return Err("the closing quote is missing".to_owned());
        };
        rest = chars.as_str();
        match c {
            '\'' => return Ok((name, rest)),
            '\\' => {
                let (c, after) = escape(rest)?;
                name.push(c);
                rest = after;
            }
            c => name.push(c),
        }
    }
}

/// Reads an escape sequence whose backslash is gone.
fn escape(text: &str) -> Result<(char, &str), String> {
    let mut chars = text.chars();
    let c = match chars.next() {
        Some(c @ ('\\' | '\'' | '"')) => c,
        Some('n') => '\n',
        Some('t') => '\t',
        Some('r') => '\r',
        Some('s') => ' ',
        Some('e') => '\x1b',
        Some('x') => return hex_escape(chars.as_str()),
        _ => {
            return Err("after a backslash only \\ ' \" n t r s e and \
                        x{HEX} can stand"
                .to_owned())
        }
    };
    Ok((c, chars.as_str()))
}

fn hex_escape(text: &str) -> Result<(char, &str), String> {
    text.strip_prefix('{')
        .and_then(|body| body.split_once('}'))
        .filter(|(hex, _)| hex.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|(hex, rest)| {
            let code = u32::from_str_radix(hex, 16).ok()?;
            Some((char::from_u32(code)?, rest))
        })
        .ok_or_else(|| {
            "\\x needs the code of a character in hexadecimal, as in \\x{1b}"
                .to_owned()
        })
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '@'
}

fn is_bare(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(is_name_char)
}

impl Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Pattern(pattern) => pattern.fmt(f),
            Rule::Group(name) => f.pad(name),
            Rule::Gate(pattern) => f.pad(&gate_text(pattern)),
            Rule::Args(pattern, spec) => f.pad(&args_text(pattern, spec)),
        }
    }
}

/// The shortest text that reads back as the same pattern.
impl Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = NameText(&self.module).to_string();
        if self.function.is_fixed() || self.arity.is_fixed() {
            text = format!("{text}:{}", NameText(&self.function));
        } else if text.starts_with("'@") {
            // Alone it would be a group.
            text.push_str(":_");
        }
        if let Pat::Is(arity) = self.arity {
            text = format!("{text}/{arity}");
        }
        f.pad(&text)
    }
}

/// A name as Erlang writes it.
struct NameText<'a>(&'a Pat<Arc<str>>);

impl Display for NameText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Pat::Any => f.write_char('_'),
            Pat::Is(name) => atom_text(name, f),
        }
    }
}

fn atom_text(name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if is_bare(name) && !RESERVED.contains(&name) {
        return f.write_str(name);
    }
    f.write_char('\'')?;
    for c in name.chars() {
        match c {
            '\\' | '\'' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            c if c.is_control() => write!(f, "\\x{{{:x}}}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('\'')
}

/// The text of the rule that makes a function a gate.
pub(crate) fn gate_text(pattern: &Pattern) -> String {
    format!("{GATE}{pattern}")
}

/// The text of the rule that looks at the arguments of a function.
pub(crate) fn args_text(pattern: &Pattern, spec: &ArgSpec) -> String {
    format!("{ARGS}{pattern} {spec}")
}

struct Atom<'a>(&'a str);

impl Display for Atom<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        atom_text(self.0, f)
    }
}

/// A name as Erlang writes it, wildcards quoted, too: they mean the same.
pub(crate) fn quoted(name: &str) -> String {
    Atom(name).to_string()
}

/// A call as Erlang writes it.
pub(crate) fn mfa_text(module: &str, function: &str, arity: u32) -> String {
    format!("{}:{}/{arity}", Atom(module), Atom(function))
}

#[cfg(test)]
mod tests;
