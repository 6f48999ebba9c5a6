//! The parser: what stands in `${…}`.

use std::rc::Rc;

use super::SyntaxError;
use super::ast::{Operation, Parameter, Part, Word};
use super::parse::{Parsed, Parser};
use super::word::Until;

impl Parser {
    pub(super) fn parameter(name: String, is_quoted: bool) -> Part {
        let parameter = Parameter { name, index: None, is_indirect: false, operation: Operation::Value };
        Part::Parameter { parameter: Box::new(parameter), is_quoted }
    }

    /// The rest after `${`.
    pub(super) fn braced(&mut self, word: &mut Word, is_quoted: bool) -> Parsed<()> {
        // Newer versions of Bash run what stands in `${ …; }` and `${| …; }`.
        if self.peek().is_some_and(|c| matches!(c, ' ' | '\t' | '\n' | '|')) {
            self.eat("|");
            let command = self.list()?;
            self.blank_lines()?;
            self.expect("}", "a `${` is not closed")?;
            word.parts.push(Part::Substitution { command: Rc::new(command), is_quoted });
            return Ok(());
        }
        let is_length = self.looks_at("#") && !self.looks_at("#}") && self.eat("#");
        let is_indirect = !is_length && self.looks_at("!") && !self.looks_at("!}") && self.eat("!");
        let mut name = String::new();
        while let Some(c) = self.peek().filter(|c| *c == '_' || c.is_ascii_alphanumeric()) {
            name.push(c);
            self.at += 1;
        }
        if name.is_empty() {
            let Some(c) = self.next().filter(|c| "@*#?$!-".contains(*c)) else {
                return Err(SyntaxError::Invalid("a `${` has no name"));
            };
            name.push(c);
        }
        let index = if self.eat("[") { Some(self.quoted_until(Until::Bracket)?) } else { None };
        let operation = if is_length {
            self.expect("}", "a `${#` is not closed")?;
            Operation::Length
        } else {
            self.operation(is_indirect, is_quoted)?
        };
        let parameter = Parameter { name, index, is_indirect, operation };
        word.parts.push(Part::Parameter { parameter: Box::new(parameter), is_quoted });
        Ok(())
    }

    fn operation(&mut self, is_indirect: bool, is_quoted: bool) -> Parsed<Operation> {
        let until = Until::Brace { is_quoted };
        let strip = Until::Brace { is_quoted: false };
        Ok(match self.next() {
            Some('}') => Operation::Value,
            Some('*' | '@') if is_indirect && self.eat("}") => Operation::Names,
            Some(':') => match self.peek() {
                Some(c @ ('-' | '=' | '?' | '+')) => {
                    self.at += 1;
                    let word = self.quoted_until(until)?;
                    if c == '+' { Operation::Alternative(word) } else { Operation::Default(c, word) }
                }
                _ => Operation::Slice(self.quoted_until(until)?),
            },
            Some('+') => Operation::Alternative(self.quoted_until(until)?),
            Some(c @ ('-' | '=' | '?')) => Operation::Default(c, self.quoted_until(until)?),
            Some(c @ ('#' | '%')) => {
                let again = if c == '#' { "#" } else { "%" };
                self.eat(again);
                Operation::Strip { from_front: c == '#', pattern: self.quoted_until(strip)? }
            }
            Some('/') => {
                let pattern = self.quoted_until(Until::Slash { is_quoted: false })?;
                let with =
                    if self.eat("/") { self.quoted_until(until)? } else { self.quoted_until(until).map(|_| Word::default())? };
                Operation::Replace { pattern, with }
            }
            Some('^' | ',' | '~') => Operation::Case(self.quoted_until(strip)?),
            Some('@') => {
                let c = self.next().unwrap_or('Q');
                self.expect("}", "a `${` is not closed")?;
                Operation::Transform(c)
            }
            _ => return Err(SyntaxError::Invalid("a `${` has an unknown operator")),
        })
    }
}
