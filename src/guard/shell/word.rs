//! The parser: words and what stands in them.

use std::rc::Rc;

use super::SyntaxError;
use super::ast::{Command, Part, Word};
use super::parse::{Parsed, Parser, is_meta};

/// Where a text that is expanded ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// With the text.
    End,
    /// `"`
    Quote,
    /// `]`
    Bracket,
    /// `))`
    Arithmetic,
    /// `}`, inside of double quotes or not.
    Brace { is_quoted: bool },
    /// `/` or `}`
    Slash { is_quoted: bool },
}

impl Parser {
    /// A word up to the next blank or operator.
    pub(super) fn word(&mut self) -> Parsed<Word> {
        self.deeper(|parser| {
            let mut word = Word::default();
            while let Some(c) = parser.peek() {
                if matches!(c, '<' | '>') && (parser.looks_at("<(") || parser.looks_at(">(")) {
                    parser.at += 2;
                    word.parts.push(Part::Process(parser.closed_list()?));
                } else if is_meta(c) {
                    break;
                } else {
                    parser.unquoted(c, &mut word)?;
                }
            }
            Ok(word)
        })
    }

    /// The pattern after `=~`, in which operators are plain.
    pub(super) fn regex(&mut self) -> Parsed<Word> {
        let mut word = Word::default();
        let mut open = 0_usize;
        while let Some(c) = self.peek() {
            match c {
                '(' => open += 1,
                ')' => open = open.saturating_sub(1),
                '\n' => break,
                c if c.is_whitespace() && open == 0 => break,
                _ => {}
            }
            if is_meta(c) {
                self.at += 1;
                plain(&mut word, c);
            } else {
                self.unquoted(c, &mut word)?;
            }
        }
        if word.parts.is_empty() { Err(SyntaxError::Invalid("a pattern is missing")) } else { Ok(word) }
    }

    /// The body of a here-document whose end word was not quoted.
    pub(super) fn document(mut self) -> Parsed<Word> {
        self.quoted_until(Until::End)
    }

    /// What stands next where quotes do not surround it.
    fn unquoted(&mut self, c: char, word: &mut Word) -> Parsed<()> {
        match c {
            '\\' => {
                self.at += 1;
                let escaped = self.chars.get(self.at).copied().unwrap_or('\\');
                self.at += 1;
                quoted(word, escaped);
            }
            '\'' => {
                self.at += 1;
                word.parts.push(Part::Quoted(self.raw_until('\'')?));
            }
            '"' => {
                self.at += 1;
                let inner = self.quoted_until(Until::Quote)?;
                word.parts.push(Part::Empty);
                word.parts.extend(inner.parts);
            }
            '$' | '`' => self.dollar(word, false)?,
            '?' | '*' | '+' | '@' | '!' if self.chars.get(self.at + 1) == Some(&'(') => {
                self.at += 2;
                let choices = self.choices()?;
                word.parts.push(Part::Extended(c, choices));
            }
            c => {
                self.at += 1;
                plain(word, c);
            }
        }
        Ok(())
    }

    fn choices(&mut self) -> Parsed<Vec<Word>> {
        self.deeper(|parser| {
            let mut all = vec![Word::default()];
            loop {
                match parser.peek() {
                    None => return Err(SyntaxError::Invalid("a pattern is not closed")),
                    Some(')') => {
                        parser.at += 1;
                        return Ok(all);
                    }
                    Some('|') => {
                        parser.at += 1;
                        all.push(Word::default());
                    }
                    Some(c) => {
                        if let Some(last) = all.last_mut() {
                            parser.unquoted(c, last)?;
                        }
                    }
                }
            }
        })
    }

    fn raw_until(&mut self, end: char) -> Parsed<String> {
        let rest = self.chars.get(self.at..).unwrap_or_default();
        let Some(length) = rest.iter().position(|c| *c == end) else { return Err(SyntaxError::Invalid("a quote is not closed")) };
        let text = rest[..length].iter().collect();
        self.at += length + 1;
        Ok(text)
    }

    /// A text in which only `$`, backticks and some backslashes count, and what ends it.
    pub(super) fn quoted_until(&mut self, until: Until) -> Parsed<Word> {
        self.deeper(|parser| {
            let mut word = Word::default();
            let mut open = 0_usize;
            loop {
                let Some(c) = parser.peek() else {
                    return if until == Until::End {
                        Ok(word)
                    } else {
                        Err(SyntaxError::Invalid("a quote or bracket is not closed"))
                    };
                };
                let is_bare =
                    matches!(until, Until::Brace { is_quoted: false } | Until::Slash { is_quoted: false } | Until::Bracket);
                match (c, until) {
                    ('"', Until::Quote) | (']', Until::Bracket) | ('}', Until::Brace { .. } | Until::Slash { .. })
                        if open == 0 =>
                    {
                        // What follows a pattern has to see which of the two it was.
                        parser.at += usize::from(!matches!(until, Until::Slash { .. }));
                        return Ok(word);
                    }
                    ('/', Until::Slash { .. }) if !word.parts.is_empty() => return Ok(word),
                    (')', Until::Arithmetic) if open == 0 => {
                        parser.at += 1;
                        return if parser.eat(")") { Ok(word) } else { Err(SyntaxError::Invalid("a `((` is not closed")) };
                    }
                    ('(', Until::Arithmetic) | ('[', Until::Bracket) => {
                        open += 1;
                        parser.at += 1;
                        quoted(&mut word, c);
                    }
                    (')', Until::Arithmetic) | (']', Until::Bracket) => {
                        open -= 1;
                        parser.at += 1;
                        quoted(&mut word, c);
                    }
                    ('\\', _) if !is_bare => {
                        parser.at += 1;
                        let escaped = parser.chars.get(parser.at).copied();
                        if escaped.is_some_and(|c| matches!(c, '$' | '`' | '"' | '\\' | '}')) {
                            parser.at += 1;
                            quoted(&mut word, escaped.unwrap_or_default());
                        } else {
                            quoted(&mut word, '\\');
                        }
                    }
                    ('$' | '`', _) => parser.dollar(&mut word, !is_bare)?,
                    ('"', Until::Brace { .. } | Until::Slash { .. } | Until::Arithmetic) => {
                        parser.at += 1;
                        let inner = parser.quoted_until(Until::Quote)?;
                        word.parts.extend(inner.parts);
                    }
                    _ if is_bare => parser.unquoted(c, &mut word)?,
                    _ => {
                        parser.at += 1;
                        quoted(&mut word, c);
                    }
                }
            }
        })
    }

    /// What begins with `$` or a backtick.
    fn dollar(&mut self, word: &mut Word, is_quoted: bool) -> Parsed<()> {
        if self.eat("`") {
            let mut text = String::new();
            loop {
                match self.chars.get(self.at) {
                    None => return Err(SyntaxError::Invalid("a backtick is not closed")),
                    Some('`') => break,
                    Some('\\')
                        if self
                            .chars
                            .get(self.at + 1)
                            .is_some_and(|c| matches!(c, '`' | '\\' | '$') || (is_quoted && *c == '"')) =>
                    {
                        text.push(self.chars[self.at + 1]);
                        self.at += 2;
                    }
                    Some(c) => {
                        text.push(*c);
                        self.at += 1;
                    }
                }
            }
            self.at += 1;
            let command = self.deeper(|parser| Self::new(&text, parser.depth)?.script())?;
            word.parts.push(Part::Substitution { command: Rc::new(command), is_quoted });
            return Ok(());
        }
        self.at += 1;
        if self.looks_at("((") {
            let start = self.at;
            self.eat("((");
            match self.quoted_until(Until::Arithmetic) {
                Ok(text) => {
                    word.parts.push(Part::Arithmetic(text));
                    return Ok(());
                }
                Err(SyntaxError::TooDeep) => return Err(SyntaxError::TooDeep),
                Err(_) => self.at = start,
            }
        }
        match self.peek() {
            Some('(') => {
                self.at += 1;
                let command = self.closed_list()?;
                word.parts.push(Part::Substitution { command, is_quoted });
            }
            Some('[') => {
                self.at += 1;
                let text = self.quoted_until(Until::Bracket)?;
                word.parts.push(Part::Arithmetic(text));
            }
            Some('{') => {
                self.at += 1;
                self.braced(word, is_quoted)?;
            }
            Some('\'') if !is_quoted => {
                self.at += 1;
                let text = self.ansi()?;
                word.parts.push(Part::Quoted(text));
            }
            Some('"') if !is_quoted => {}
            Some(c) if c == '_' || c.is_ascii_alphabetic() => {
                let mut name = String::new();
                while let Some(c) = self.peek().filter(|c| *c == '_' || c.is_ascii_alphanumeric()) {
                    name.push(c);
                    self.at += 1;
                }
                word.parts.push(Self::parameter(name, is_quoted));
            }
            Some(c) if c.is_ascii_digit() || "@*#?$!-".contains(c) => {
                self.at += 1;
                word.parts.push(Self::parameter(c.to_string(), is_quoted));
            }
            _ => quoted(word, '$'),
        }
        Ok(())
    }

    /// Commands up to the `)` that closes them.
    pub(super) fn closed_list(&mut self) -> Parsed<Rc<Command>> {
        let command = self.list()?;
        self.expect(")", "a `(` is not closed")?;
        Ok(Rc::new(command))
    }

    /// `$'…'`
    fn ansi(&mut self) -> Parsed<String> {
        let mut bytes: Vec<u8> = Vec::new();
        let mut push = |c: char| bytes.extend(c.to_string().as_bytes());
        let mut raw: Vec<u8> = Vec::new();
        loop {
            let Some(c) = self.chars.get(self.at).copied() else { return Err(SyntaxError::Invalid("a quote is not closed")) };
            self.at += 1;
            match c {
                '\'' => break,
                '\\' => {
                    let Some(c) = self.chars.get(self.at).copied() else { continue };
                    self.at += 1;
                    match c {
                        'x' => raw.push(u8::try_from(self.digits(16, 2) & 0xff).unwrap_or_default()),
                        '0'..='7' => {
                            self.at -= 1;
                            raw.push(u8::try_from(self.digits(8, 3) & 0xff).unwrap_or_default());
                        }
                        'u' => raw.extend(char::from_u32(self.digits(16, 4)).unwrap_or('?').to_string().as_bytes()),
                        'U' => raw.extend(char::from_u32(self.digits(16, 8)).unwrap_or('?').to_string().as_bytes()),
                        'c' => {
                            let c = self.chars.get(self.at).copied().unwrap_or('@');
                            self.at += 1;
                            raw.push(u8::try_from(u32::from(c) & 0x1f).unwrap_or_default());
                        }
                        'n' => raw.push(b'\n'),
                        't' => raw.push(b'\t'),
                        'r' => raw.push(b'\r'),
                        'a' | 'b' | 'e' | 'E' | 'f' | 'v' => raw.push(1),
                        c => raw.extend(c.to_string().as_bytes()),
                    }
                }
                c => raw.extend(c.to_string().as_bytes()),
            }
        }
        // Bash ends the text at a NUL.
        let end = raw.iter().position(|byte| *byte == 0).unwrap_or(raw.len());
        String::from_utf8_lossy(&raw[..end]).chars().for_each(&mut push);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn digits(&mut self, radix: u32, most: usize) -> u32 {
        let braced = radix == 16 && self.chars.get(self.at) == Some(&'{');
        self.at += usize::from(braced);
        let mut value = 0_u32;
        for _ in 0..if braced { 8 } else { most } {
            let Some(digit) = self.chars.get(self.at).and_then(|c| c.to_digit(radix)) else { break };
            value = value.wrapping_mul(radix).wrapping_add(digit);
            self.at += 1;
        }
        self.at += usize::from(braced && self.chars.get(self.at) == Some(&'}'));
        value
    }
}

fn plain(word: &mut Word, c: char) {
    if let Some(Part::Plain(text)) = word.parts.last_mut() {
        text.push(c);
    } else {
        word.parts.push(Part::Plain(c.to_string()));
    }
}

fn quoted(word: &mut Word, c: char) {
    if let Some(Part::Quoted(text)) = word.parts.last_mut() {
        text.push(c);
    } else {
        word.parts.push(Part::Quoted(c.to_string()));
    }
}
