// SPDX-License-Identifier: Apache-2.0

//! Erlang terms that can be written down: what a match specification is made
//! of. Pids, references, funs and integers beyond 64 bits are none: a policy
//! means the same in a file and on every node.

use std::fmt::{self, Display, Write};

use crate::rule_text::quoted;

/// No match specification nests deeper.
pub(crate) const MAX_DEPTH: usize = 64;

/// A term.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Atom(String),
    Integer(i64),
    Float(f64),
    Binary(Vec<u8>),
    Tuple(Vec<Literal>),
    /// The elements, and the tail unless it is the empty list.
    List(Vec<Literal>, Option<Box<Literal>>),
    Map(Vec<(Literal, Literal)>),
}

impl Literal {
    /// The elements of a proper list.
    pub fn elements(&self) -> Option<&[Literal]> {
        match self {
            Literal::List(elements, None) => Some(elements),
            _ => None,
        }
    }

    /// In the external term format, with the version in front.
    pub fn to_external(&self) -> Vec<u8> {
        let mut bytes = vec![131];
        self.write_external(&mut bytes);
        bytes
    }

    fn write_external(&self, to: &mut Vec<u8>) {
        let length = |n: usize| (n as u32).to_be_bytes();
        match self {
            Literal::Atom(name) => match u8::try_from(name.len()) {
                Ok(n) => {
                    to.extend([119, n]);
                    to.extend(name.bytes());
                }
                Err(_) => {
                    to.push(118);
                    to.extend((name.len() as u16).to_be_bytes());
                    to.extend(name.bytes());
                }
            },
            Literal::Integer(n) => write_integer(*n, to),
            Literal::Float(x) => {
                to.push(70);
                to.extend(x.to_be_bytes());
            }
            Literal::Binary(bytes) => {
                to.push(109);
                to.extend(length(bytes.len()));
                to.extend(bytes);
            }
            Literal::Tuple(parts) => {
                to.push(105);
                to.extend(length(parts.len()));
                parts.iter().for_each(|part| part.write_external(to));
            }
            Literal::List(parts, tail) => {
                if !parts.is_empty() {
                    to.push(108);
                    to.extend(length(parts.len()));
                    parts.iter().for_each(|part| part.write_external(to));
                }
                match tail {
                    Some(tail) => tail.write_external(to),
                    None => to.push(106),
                }
            }
            Literal::Map(pairs) => {
                to.push(116);
                to.extend(length(pairs.len()));
                for (key, value) in pairs {
                    key.write_external(to);
                    value.write_external(to);
                }
            }
        }
    }

    /// Reads the external term format.
    pub fn from_external(bytes: &[u8]) -> Result<Literal, String> {
        let mut reader = Reader(bytes);
        if reader.byte()? != 131 {
            return Err("not in the external term format".into());
        }
        let literal = reader.term(MAX_DEPTH)?;
        if reader.0.is_empty() {
            Ok(literal)
        } else {
            Err("more than one term".into())
        }
    }
}

fn write_integer(n: i64, to: &mut Vec<u8>) {
    if let Ok(n) = u8::try_from(n) {
        to.extend([97, n]);
    } else if let Ok(n) = i32::try_from(n) {
        to.push(98);
        to.extend(n.to_be_bytes());
    } else {
        to.extend([110, 8, u8::from(n < 0)]);
        to.extend(n.unsigned_abs().to_le_bytes());
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let (head, tail) = self.0.split_at_checked(n).ok_or("cut off")?;
        self.0 = tail;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.take(1)?
            .first()
            .copied()
            .ok_or_else(|| "cut off".into())
    }

    /// A number of `n` bytes, the most significant first.
    fn number(&mut self, n: usize) -> Result<usize, String> {
        let bytes = self.take(n)?.iter();
        Ok(bytes.fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    }

    fn latin1(&mut self, n: usize) -> Result<Literal, String> {
        let name = self.take(n)?.iter().map(|byte| char::from(*byte));
        Ok(Literal::Atom(name.collect()))
    }

    fn utf8(&mut self, n: usize) -> Result<Literal, String> {
        String::from_utf8(self.take(n)?.to_vec())
            .map(Literal::Atom)
            .map_err(|_| "an atom that is no UTF-8".into())
    }

    fn terms(&mut self, n: usize, left: usize) -> Result<Vec<Literal>, String> {
        // Not made large for a length that nothing may come after.
        let mut terms = Vec::new();
        for _ in 0..n {
            terms.push(self.term(left)?);
        }
        Ok(terms)
    }

    fn term(&mut self, left: usize) -> Result<Literal, String> {
        let left = left
            .checked_sub(1)
            .ok_or_else(|| format!("nested deeper than {MAX_DEPTH} levels"))?;
        Ok(match self.byte()? {
            97 => Literal::Integer(i64::from(self.byte()?)),
            98 => {
                let n = self.number(4)? as u32;
                Literal::Integer(i64::from(n as i32))
            }
            110 => self.big()?,
            70 => {
                let bits = self.number(8)? as u64;
                Literal::Float(f64::from_bits(bits))
            }
            100 => {
                let n = self.number(2)?;
                self.latin1(n)?
            }
            115 => {
                let n = self.number(1)?;
                self.latin1(n)?
            }
            118 => {
                let n = self.number(2)?;
                self.utf8(n)?
            }
            119 => {
                let n = self.number(1)?;
                self.utf8(n)?
            }
            104 => {
                let n = self.number(1)?;
                Literal::Tuple(self.terms(n, left)?)
            }
            105 => {
                let n = self.number(4)?;
                Literal::Tuple(self.terms(n, left)?)
            }
            106 => Literal::List(Vec::new(), None),
            107 => {
                let n = self.number(2)?;
                let bytes = self.take(n)?.iter();
                let bytes = bytes.map(|b| Literal::Integer(i64::from(*b)));
                Literal::List(bytes.collect(), None)
            }
            108 => {
                let n = self.number(4)?;
                let terms = self.terms(n, left)?;
                match self.term(left)? {
                    Literal::List(more, tail) => {
                        let terms = terms.into_iter().chain(more);
                        Literal::List(terms.collect(), tail)
                    }
                    tail => Literal::List(terms, Some(Box::new(tail))),
                }
            }
            109 => {
                let n = self.number(4)?;
                Literal::Binary(self.take(n)?.to_vec())
            }
            116 => {
                let n = self.number(4)?;
                let terms = self.terms(n.saturating_mul(2), left)?;
                let mut terms = terms.into_iter();
                let mut pairs = Vec::new();
                while let (Some(key), Some(value)) =
                    (terms.next(), terms.next())
                {
                    pairs.push((key, value));
                }
                map(pairs)?
            }
            _ => {
                return Err("it holds a pid, a port, a reference, a fun or a \
                            bit string, which a policy cannot name"
                    .into())
            }
        })
    }

    fn big(&mut self) -> Result<Literal, String> {
        let n = self.number(1)?;
        let negative = self.byte()? != 0;
        let bytes = self.take(n)?;
        let size = bytes.iter().rev().try_fold(0i128, |sum, byte| {
            sum.checked_mul(256)?.checked_add(i128::from(*byte))
        });
        let size = if negative { size.map(|n| -n) } else { size };
        size.and_then(|n| i64::try_from(n).ok())
            .map(Literal::Integer)
            .ok_or_else(|| "an integer of more than 64 bits".into())
    }
}

/// A map, its pairs in the order of the texts of their keys.
pub(crate) fn map(pairs: Vec<(Literal, Literal)>) -> Result<Literal, String> {
    let mut keyed: Vec<_> = pairs
        .into_iter()
        .map(|pair| (pair.0.to_string(), pair))
        .collect();
    keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
    let twice = keyed
        .windows(2)
        .any(|two| matches!(two, [(one, _), (other, _)] if one == other));
    if twice {
        return Err("a key of a map stands twice".into());
    }
    let pairs = keyed.into_iter().map(|(_, pair)| pair);
    Ok(Literal::Map(pairs.collect()))
}

fn listed(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = impl Display>,
) -> fmt::Result {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            f.write_char(',')?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

/// As Erlang reads it; different terms have different texts.
impl Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Atom(name) => f.write_str(&quoted(name)),
            Literal::Integer(n) => write!(f, "{n}"),
            Literal::Float(x) => {
                let text = format!("{x:?}");
                match text.split_once('e') {
                    Some((one, power)) if !one.contains('.') => {
                        write!(f, "{one}.0e{power}")
                    }
                    _ => f.write_str(&text),
                }
            }
            Literal::Binary(bytes) => {
                let plain = |b: &u8| {
                    matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\')
                };
                f.write_str("<<")?;
                if !bytes.is_empty() && bytes.iter().all(plain) {
                    let text = String::from_utf8_lossy(bytes);
                    write!(f, "\"{text}\"")?;
                } else {
                    listed(f, bytes)?;
                }
                f.write_str(">>")
            }
            Literal::Tuple(parts) => {
                f.write_char('{')?;
                listed(f, parts)?;
                f.write_char('}')
            }
            Literal::List(parts, tail) => {
                f.write_char('[')?;
                listed(f, parts)?;
                if let Some(tail) = tail {
                    write!(f, "|{tail}")?;
                }
                f.write_char(']')
            }
            Literal::Map(pairs) => {
                f.write_str("#{")?;
                listed(f, pairs.iter().map(|(k, v)| format!("{k} => {v}")))?;
                f.write_char('}')
            }
        }
    }
}
