// SPDX-License-Identifier: Apache-2.0

//! Erlang terms as text, as Erlang itself writes them, to [`Literal`].

use erl_tokenize::{Symbol, Token, TokenKind, TokenValue};

use crate::literal::{map, Literal, MAX_DEPTH};
use crate::node::Fault;
use crate::node_terms::Terms;

const WHAT: &str = "an atom, a number, a string, a binary, a tuple, a list or \
                    a map";

/// Reads one term and nothing else.
pub(crate) fn read(text: &str) -> Result<Literal, Fault> {
    let mut terms = Terms::new(text);
    let literal = terms.literal(MAX_DEPTH)?;
    match terms.token()? {
        None => Ok(literal),
        Some(more) => Err(terms.unexpected(more, "the end of the term")),
    }
}

impl Terms<'_> {
    /// The next term, `left` levels deep at most.
    pub(crate) fn literal(&mut self, left: usize) -> Result<Literal, Fault> {
        let token = self.need(WHAT)?;
        let at = token.start().offset();
        let Some(left) = left.checked_sub(1) else {
            let why = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(Fault::new(why, at));
        };
        Ok(match (token.kind(), token.value(self.text)) {
            (_, TokenValue::Atom(name)) => Literal::Atom(name.into_owned()),
            // They are atoms only within quotes, as `'and'` is.
            (TokenKind::Symbol(Symbol::Hyphen), _) => {
                let number = self.need("a number")?;
                self.number(number, true)?
            }
            (_, TokenValue::Integer(_) | TokenValue::Float(_)) => {
                self.number(token, false)?
            }
            (_, TokenValue::Char(c)) => {
                Literal::Integer(i64::from(u32::from(c)))
            }
            (_, TokenValue::String(text)) => {
                let codes = text.chars();
                let codes =
                    codes.map(|c| Literal::Integer(u32::from(c).into()));
                Literal::List(codes.collect(), None)
            }
            (TokenKind::Symbol(Symbol::OpenBrace), _) => {
                let (parts, _) = self.literals(Symbol::CloseBrace, left)?;
                Literal::Tuple(parts)
            }
            (TokenKind::Symbol(Symbol::OpenSquare), _) => {
                let (parts, tail) = self.literals(Symbol::CloseSquare, left)?;
                match tail {
                    Some(Literal::List(more, tail)) => {
                        let parts = parts.into_iter().chain(more);
                        Literal::List(parts.collect(), tail)
                    }
                    tail => Literal::List(parts, tail.map(Box::new)),
                }
            }
            (TokenKind::Symbol(Symbol::Sharp), _) => self.map(left, at)?,
            (TokenKind::Symbol(Symbol::DoubleLeftAngle), _) => self.bytes()?,
            _ => return Err(self.unexpected(token, WHAT)),
        })
    }

    fn number(&self, token: Token, negative: bool) -> Result<Literal, Fault> {
        let large = Fault::new(
            "an integer of more than 64 bits",
            token.start().offset(),
        );
        match token.value(self.text) {
            TokenValue::Integer(Some(n)) => {
                let n = i128::from(n);
                i64::try_from(if negative { -n } else { n })
                    .map(Literal::Integer)
                    .map_err(|_| large)
            }
            TokenValue::Integer(None) => Err(large),
            TokenValue::Float(x) => {
                Ok(Literal::Float(if negative { -x } else { x }))
            }
            _ => Err(self.unexpected(token, "a number")),
        }
    }

    /// Up to `end`; in a list also what follows a bar.
    fn literals(
        &mut self,
        end: Symbol,
        left: usize,
    ) -> Result<(Vec<Literal>, Option<Literal>), Fault> {
        let mut parts = Vec::new();
        if self.take(end)? {
            return Ok((parts, None));
        }
        loop {
            parts.push(self.literal(left)?);
            if self.take(Symbol::Comma)? {
                continue;
            }
            let mut tail = None;
            if end == Symbol::CloseSquare && self.take(Symbol::VerticalBar)? {
                tail = Some(self.literal(left)?);
            }
            self.expect(end, &format!("a comma or {}", end.as_str()))?;
            return Ok((parts, tail));
        }
    }

    fn map(&mut self, left: usize, at: usize) -> Result<Literal, Fault> {
        self.expect(Symbol::OpenBrace, "a map, #{")?;
        let mut pairs = Vec::new();
        if !self.take(Symbol::CloseBrace)? {
            loop {
                let key = self.literal(left)?;
                self.expect(Symbol::DoubleRightArrow, "=>")?;
                pairs.push((key, self.literal(left)?));
                if !self.take(Symbol::Comma)? {
                    self.expect(Symbol::CloseBrace, "a comma or }")?;
                    break;
                }
            }
        }
        map(pairs).map_err(|why| Fault::new(why, at))
    }

    /// The rest of `<<"text">>`, `<<"text"/utf8>>` or `<<1,2,3>>`.
    fn bytes(&mut self) -> Result<Literal, Fault> {
        let what = "a binary as <<\"text\">> or <<1,2>>";
        let mut bytes = Vec::new();
        if self.take(Symbol::DoubleRightAngle)? {
            return Ok(Literal::Binary(bytes));
        }
        loop {
            let token = self.need(what)?;
            match token.value(self.text) {
                TokenValue::String(text) => {
                    let text = text.into_owned();
                    if self.take(Symbol::Slash)? {
                        let kind = self.need(what)?;
                        if kind.text(self.text) != "utf8" {
                            return Err(self.unexpected(kind, what));
                        }
                        bytes.extend(text.bytes());
                    } else if text.is_ascii() {
                        bytes.extend(text.bytes());
                    } else {
                        return Err(self.unexpected(token, what));
                    }
                }
                TokenValue::Integer(Some(n)) => match u8::try_from(n) {
                    Ok(byte) => bytes.push(byte),
                    Err(_) => return Err(self.unexpected(token, what)),
                },
                _ => return Err(self.unexpected(token, what)),
            }
            if !self.take(Symbol::Comma)? {
                self.expect(Symbol::DoubleRightAngle, what)?;
                return Ok(Literal::Binary(bytes));
            }
        }
    }
}
