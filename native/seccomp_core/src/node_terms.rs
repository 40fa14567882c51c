// SPDX-License-Identifier: Apache-2.0

//! An Erlang term, as it stands in a file for `file:consult/1`, to the tree.
//!
//! One term and a full stop. Nothing becomes an atom here: the names in a file
//! are text until it is known that the file is a policy.

use erl_tokenize::{
    scan_token, Position, Symbol, Token, TokenKind, TokenValue,
};

use crate::literal::MAX_DEPTH;
use crate::node::{Fault, Node, Value, MAX_NESTING};

pub(crate) fn read(text: &str) -> Result<Node, Fault> {
    let mut terms = Terms::new(text);
    let node = terms.term(MAX_NESTING)?;
    terms.expect(Symbol::Dot, "a full stop after the term")?;
    match terms.token()? {
        None => Ok(node),
        Some(more) => Err(Fault::new(
            "a policy is one term, and here begins another one",
            more.start().offset(),
        )),
    }
}

/// A text that terms are read from.
pub(crate) struct Terms<'a> {
    pub(crate) text: &'a str,
    next: Position,
    peeked: Option<Token>,
}

impl<'a> Terms<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Terms {
            text,
            next: Position::new(),
            peeked: None,
        }
    }

    /// The next token that is neither space nor comment.
    pub(crate) fn token(&mut self) -> Result<Option<Token>, Fault> {
        if let Some(token) = self.peeked.take() {
            return Ok(Some(token));
        }
        loop {
            match scan_token(self.text, self.next) {
                Ok(None) => return Ok(None),
                Ok(Some(token)) => {
                    self.next = token.end();
                    if token.kind().is_lexical() {
                        return Ok(Some(token));
                    }
                }
                Err(error) => {
                    let why = error.kind.message();
                    return Err(Fault::new(why, error.position.offset()));
                }
            }
        }
    }

    pub(crate) fn need(&mut self, what: &str) -> Result<Token, Fault> {
        let end = self.text.len();
        self.token()?.ok_or_else(|| {
            Fault::new(format!("the text ends here, expected {what}"), end)
        })
    }

    pub(crate) fn expect(
        &mut self,
        symbol: Symbol,
        what: &str,
    ) -> Result<Token, Fault> {
        let token = self.need(what)?;
        if token.kind() == TokenKind::Symbol(symbol) {
            Ok(token)
        } else {
            Err(self.unexpected(token, what))
        }
    }

    pub(crate) fn unexpected(&self, token: Token, what: &str) -> Fault {
        let text: String = token.text(self.text).chars().take(40).collect();
        Fault::new(
            format!("found {text}, expected {what}"),
            token.start().offset(),
        )
    }

    /// Whether the next token is this symbol, which is taken then.
    pub(crate) fn take(&mut self, symbol: Symbol) -> Result<bool, Fault> {
        let token = self.token()?;
        if token.is_some_and(|t| t.kind() == TokenKind::Symbol(symbol)) {
            return Ok(true);
        }
        self.peeked = token;
        Ok(false)
    }

    fn term(&mut self, left: usize) -> Result<Node, Fault> {
        let token = self.need("a term")?;
        let at = token.start().offset();
        let Some(left) = left.checked_sub(1) else {
            let why = format!("nested deeper than {MAX_NESTING} levels");
            return Err(Fault::new(why, at));
        };
        let value = match (token.kind(), token.value(self.text)) {
            (_, TokenValue::Atom(name)) => Value::Atom(name.into_owned()),
            (_, TokenValue::String(text)) => Value::Words(text.into_owned()),
            (_, TokenValue::Integer(Some(n))) => Value::Integer(n),
            (_, TokenValue::Float(n)) => Value::Number(n),
            (TokenKind::Symbol(Symbol::OpenSquare), _) => {
                Value::List(self.terms(Symbol::CloseSquare, left)?)
            }
            (TokenKind::Symbol(Symbol::OpenBrace), _) => {
                Value::Tuple(self.terms(Symbol::CloseBrace, left)?)
            }
            (TokenKind::Symbol(Symbol::Sharp), _) => {
                Value::Map(self.pairs(left)?)
            }
            (TokenKind::Symbol(Symbol::DoubleLeftAngle), _) => self.binary()?,
            _ => {
                return Err(self.unexpected(
                    token,
                    "a map, a list, a tuple, an atom, a string or a number",
                ))
            }
        };
        Ok(Node { at, value })
    }

    fn terms(&mut self, end: Symbol, left: usize) -> Result<Vec<Node>, Fault> {
        let mut nodes = Vec::new();
        if self.take(end)? {
            return Ok(nodes);
        }
        loop {
            nodes.push(if has_args(end, &nodes) {
                self.args()?
            } else {
                self.term(left)?
            });
            if !self.take(Symbol::Comma)? {
                let what = format!("a comma or {}", end.as_str());
                self.expect(end, &what)?;
                return Ok(nodes);
            }
        }
    }

    /// What stands behind Module, Function and Arity: any term.
    fn args(&mut self) -> Result<Node, Fault> {
        let token = self.token()?;
        let at = token.map_or(self.text.len(), |token| token.start().offset());
        self.peeked = token;
        let value = Value::Literal(self.literal(MAX_DEPTH)?);
        Ok(Node { at, value })
    }

    fn pairs(&mut self, left: usize) -> Result<Vec<(Node, Node)>, Fault> {
        self.expect(Symbol::OpenBrace, "a map, #{")?;
        let mut pairs = Vec::new();
        if self.take(Symbol::CloseBrace)? {
            return Ok(pairs);
        }
        loop {
            let key = self.term(left)?;
            self.expect(Symbol::DoubleRightArrow, "=>")?;
            pairs.push((key, self.term(left)?));
            if !self.take(Symbol::Comma)? {
                self.expect(Symbol::CloseBrace, "a comma or }")?;
                return Ok(pairs);
            }
        }
    }

    /// The rest of `<<"text">>` or `<<"text"/utf8>>`.
    fn binary(&mut self) -> Result<Value, Fault> {
        let what = "a binary as <<\"text\">> or <<\"text\"/utf8>>";
        if self.take(Symbol::DoubleRightAngle)? {
            return Ok(Value::Words(String::new()));
        }
        let token = self.need(what)?;
        let TokenValue::String(text) = token.value(self.text) else {
            return Err(self.unexpected(token, what));
        };
        let text = text.into_owned();
        if self.take(Symbol::Slash)? {
            let kind = self.need(what)?;
            if kind.text(self.text) != "utf8" {
                return Err(self.unexpected(kind, what));
            }
        } else if !text.is_ascii() {
            // In Erlang the bytes would be Latin-1, which is no text here.
            let why = "write <<\"text\"/utf8>> for text that is not ASCII";
            return Err(Fault::new(why, token.start().offset()));
        }
        self.expect(Symbol::DoubleRightAngle, what)?;
        Ok(Value::Words(text))
    }
}

/// Whether the next element of a tuple is the match specification of a rule.
fn has_args(end: Symbol, nodes: &[Node]) -> bool {
    let values: Vec<_> = nodes.iter().map(|node| &node.value).collect();
    end == Symbol::CloseBrace
        && matches!(
            values.as_slice(),
            [Value::Atom(_), Value::Atom(_), Value::Integer(_)]
        )
}
