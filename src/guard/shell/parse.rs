//! The parser: lists, pipelines, simple commands, redirections and here-documents.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::ast::{Assigned, Assignment, Command, Operand, Redirect, RedirectKind, Simple, Word};
use super::word::Until;
use super::{MAX_DEPTH, MAX_SCRIPT, SyntaxError};

/// Words that end a list, where a command could begin.
const CLOSERS: &[&str] = &["then", "else", "elif", "fi", "do", "done", "esac", "}"];

pub(super) struct Parser {
    pub(super) chars: Vec<char>,
    pub(super) at: usize,
    pub(super) depth: usize,
    /// The here-documents whose bodies begin at the next line.
    awaited: VecDeque<Awaited>,
}

struct Awaited {
    end: String,
    strips_tabs: bool,
    is_quoted: bool,
    body: Rc<OnceCell<Word>>,
}

pub(super) type Parsed<T> = Result<T, SyntaxError>;

pub(super) fn is_meta(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '|' | '&' | ';' | '(' | ')' | '<' | '>')
}

pub(super) fn is_name(text: &str) -> bool {
    text.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) && text.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
}

impl Parser {
    pub(super) fn new(text: &str, depth: usize) -> Parsed<Self> {
        if text.len() > MAX_SCRIPT {
            return Err(SyntaxError::TooLong);
        }
        if text.contains('\0') {
            return Err(SyntaxError::Nul);
        }
        Ok(Self { chars: text.chars().collect(), at: 0, depth, awaited: VecDeque::new() })
    }

    /// The whole text as a script.
    pub(super) fn script(mut self) -> Parsed<Command> {
        let command = self.list()?;
        self.blank_lines()?;
        if self.at < self.chars.len() {
            return Err(SyntaxError::Invalid("something stands where a command should begin"));
        }
        self.read_bodies()?;
        Ok(command)
    }

    /// The whole text as between double quotes.
    pub(super) fn text(mut self) -> Parsed<Word> {
        self.quoted_until(Until::End)
    }

    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return Err(SyntaxError::TooDeep);
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// The character here; lines that a backslash continues are one.
    pub(super) fn peek(&mut self) -> Option<char> {
        while self.chars.get(self.at) == Some(&'\\') && self.chars.get(self.at + 1) == Some(&'\n') {
            self.at += 2;
        }
        self.chars.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        c
    }

    pub(super) fn looks_at(&mut self, text: &str) -> bool {
        let start = self.at;
        let found = text.chars().all(|c| self.next() == Some(c));
        self.at = start;
        found
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let start = self.at;
        let found = text.chars().all(|c| self.next() == Some(c));
        if !found {
            self.at = start;
        }
        found
    }

    pub(super) fn expect(&mut self, text: &'static str, fault: &'static str) -> Parsed<()> {
        if self.eat(text) { Ok(()) } else { Err(SyntaxError::Invalid(fault)) }
    }

    /// Blanks and comments, up to the end of the line.
    pub(super) fn blanks(&mut self) {
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' => self.at += 1,
                '#' => {
                    while self.chars.get(self.at).is_some_and(|c| *c != '\n') {
                        self.at += 1;
                    }
                }
                _ => break,
            }
        }
    }

    pub(super) fn blank_lines(&mut self) -> Parsed<()> {
        loop {
            self.blanks();
            if self.peek() != Some('\n') {
                return Ok(());
            }
            self.at += 1;
            self.read_bodies()?;
        }
    }

    /// Whether this word stands here by itself.
    pub(super) fn is_word(&mut self, word: &str) -> bool {
        let start = self.at;
        let found = self.eat(word) && self.peek().is_none_or(is_meta);
        self.at = start;
        found
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.eat(word);
        }
        found
    }

    /// Commands up to what closes them, or to the end.
    pub(super) fn list(&mut self) -> Parsed<Command> {
        self.deeper(|parser| {
            let mut commands = Vec::new();
            loop {
                parser.blank_lines()?;
                if parser.is_at_close() {
                    break;
                }
                let command = parser.and_or()?;
                parser.blanks();
                let is_background = parser.peek() == Some('&');
                commands.push(if is_background { Command::Subshell(Box::new(command)) } else { command });
                match parser.peek() {
                    Some('&') => parser.at += 1,
                    Some(';') if !parser.looks_at(";;") && !parser.looks_at(";&") => parser.at += 1,
                    Some('\n') => {}
                    _ => break,
                }
            }
            Ok(match commands.len() {
                0 => Command::Nothing,
                1 => commands.remove(0),
                _ => Command::Sequence(commands),
            })
        })
    }

    fn is_at_close(&mut self) -> bool {
        match self.peek() {
            None | Some(')') => true,
            Some(';') => self.looks_at(";;") || self.looks_at(";&"),
            Some(_) => CLOSERS.iter().any(|word| self.is_word(word)),
        }
    }

    fn and_or(&mut self) -> Parsed<Command> {
        let mut left = self.pipeline()?;
        loop {
            self.blanks();
            let is_and = self.eat("&&");
            if !is_and && !self.eat("||") {
                return Ok(left);
            }
            self.blank_lines()?;
            let right = Box::new(self.pipeline()?);
            left = if is_and { Command::And(Box::new(left), right) } else { Command::Or(Box::new(left), right) };
        }
    }

    fn pipeline(&mut self) -> Parsed<Command> {
        loop {
            self.blanks();
            if self.eat_word("!") {
                continue;
            }
            if self.eat_word("time") {
                self.blanks();
                while self.eat_word("-p") || self.eat_word("--") {
                    self.blanks();
                }
                continue;
            }
            break;
        }
        if self.peek().is_none_or(|c| matches!(c, '\n' | ';' | ')' | '&')) {
            return Ok(Command::Nothing);
        }
        let mut commands = vec![self.command()?];
        loop {
            self.blanks();
            if self.looks_at("||") || !self.eat("|") {
                break;
            }
            self.eat("&");
            self.blank_lines()?;
            while self.eat_word("!") || self.eat_word("time") {
                self.blanks();
            }
            commands.push(self.command()?);
        }
        Ok(if commands.len() == 1 { commands.remove(0) } else { Command::Pipeline(commands) })
    }

    /// One command, as after `coproc`.
    pub(super) fn list_of_one(&mut self) -> Parsed<Command> {
        self.simple()
    }

    fn command(&mut self) -> Parsed<Command> {
        self.blanks();
        let compound = self.compound()?;
        let mut redirects = Vec::new();
        if let Some(compound) = compound {
            if matches!(compound, Command::Function(..)) {
                return Ok(compound);
            }
            self.blanks();
            while let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                self.blanks();
            }
            return Ok(with(compound, redirects));
        }
        self.simple()
    }

    fn simple(&mut self) -> Parsed<Command> {
        let mut simple = Simple::default();
        let mut redirects = Vec::new();
        loop {
            self.blanks();
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                continue;
            }
            let start = self.at;
            match self.peek() {
                None | Some('\n' | ';' | '|' | '&' | ')') => break,
                Some('(') if simple.words.len() == 1 && simple.assigned.is_empty() => {
                    // `name()`
                    self.at += 1;
                    self.blanks();
                    self.expect(")", "`(` in the middle of a command")?;
                    return self.function(simple.words.swap_remove(0));
                }
                Some('(') => return Err(SyntaxError::Invalid("`(` in the middle of a command")),
                Some(_) => {}
            }
            if let Some(assigned) = self.assigned()? {
                if simple.words.is_empty() {
                    simple.assigned.push(assigned);
                } else {
                    simple.words.push(Operand::Assigned(assigned));
                }
                continue;
            }
            simple.words.push(Operand::Word(self.word()?));
            if self.at == start {
                return Err(SyntaxError::Invalid("a character stands where no word can"));
            }
        }
        if simple.words.is_empty() && simple.assigned.is_empty() && redirects.is_empty() {
            return Err(SyntaxError::Invalid("a command is missing"));
        }
        Ok(with(Command::Simple(simple), redirects))
    }

    /// `name=value`, `name+=value`, `name[index]=value`, `name=(values)`.
    fn assigned(&mut self) -> Parsed<Option<Assigned>> {
        let start = self.at;
        let mut name = String::new();
        while let Some(c) = self.peek().filter(|c| *c == '_' || c.is_ascii_alphanumeric()) {
            name.push(c);
            self.at += 1;
        }
        if !is_name(&name) {
            self.at = start;
            return Ok(None);
        }
        let index = if self.peek() == Some('[') {
            self.at += 1;
            let index = self.deeper(|parser| parser.quoted_until(Until::Bracket));
            match index {
                Ok(index) if self.looks_at("=") || self.looks_at("+=") => Some(index),
                Err(SyntaxError::TooDeep) => return Err(SyntaxError::TooDeep),
                _ => {
                    self.at = start;
                    return Ok(None);
                }
            }
        } else {
            None
        };
        let appends = self.eat("+=");
        if !appends && !self.eat("=") {
            self.at = start;
            return Ok(None);
        }
        let value = if self.peek() == Some('(') { Assignment::Array(self.array()?) } else { Assignment::Scalar(self.word()?) };
        Ok(Some(Assigned { name, index, appends, value }))
    }

    fn array(&mut self) -> Parsed<Vec<(Option<Word>, Word)>> {
        self.at += 1;
        self.deeper(|parser| {
            let mut values = Vec::new();
            loop {
                parser.blank_lines()?;
                if parser.eat(")") {
                    return Ok(values);
                }
                let start = parser.at;
                if parser.eat("[") {
                    if let Ok(index) = parser.quoted_until(Until::Bracket)
                        && parser.eat("=")
                    {
                        values.push((Some(index), parser.word()?));
                        continue;
                    }
                    parser.at = start;
                }
                values.push((None, parser.word()?));
                if parser.at == start {
                    return Err(SyntaxError::Invalid("an array does not end"));
                }
            }
        })
    }

    pub(super) fn redirect(&mut self) -> Parsed<Option<Redirect>> {
        let start = self.at;
        let mut fd = String::new();
        if self.peek() == Some('{') {
            // `{name}>file`
            self.at += 1;
            while let Some(c) = self.peek().filter(|c| *c == '_' || c.is_ascii_alphanumeric()) {
                fd.push(c);
                self.at += 1;
            }
            if !self.eat("}") {
                self.at = start;
                return Ok(None);
            }
        } else {
            while let Some(c) = self.peek().filter(char::is_ascii_digit) {
                fd.push(c);
                self.at += 1;
            }
        }
        if self.looks_at("<(") || self.looks_at(">(") {
            self.at = start;
            return Ok(None);
        }
        const OPERATORS: [&str; 11] = ["<<<", "<<-", "<<", "<&", "<>", "<", "&>>", "&>", ">>", ">|", ">&"];
        let Some(operator) = OPERATORS
            .into_iter()
            .chain([">"])
            .find(|operator| (fd.is_empty() || !operator.starts_with('&')) && self.eat(operator))
        else {
            self.at = start;
            return Ok(None);
        };
        self.blanks();
        let is_input = operator.starts_with('<') && matches!(fd.as_str(), "" | "0");
        if operator == "<<" || operator == "<<-" {
            return Ok(Some(self.here_document(operator == "<<-", is_input)?));
        }
        let begin = self.at;
        let target = self.word()?;
        if self.at == begin {
            return Err(SyntaxError::Invalid("a redirection has no target"));
        }
        let is_number = self.chars[begin..self.at].iter().all(|c| c.is_ascii_digit() || *c == '-');
        let kind = match operator {
            "<<<" => RedirectKind::HereString,
            "<&" | ">&" if is_number => RedirectKind::Duplicate,
            "<" | "<&" => RedirectKind::Read,
            "<>" => RedirectKind::ReadWrite,
            _ => RedirectKind::Write,
        };
        Ok(Some(Redirect { kind, target, is_input }))
    }

    fn here_document(&mut self, strips_tabs: bool, is_input: bool) -> Parsed<Redirect> {
        let start = self.at;
        self.word()?;
        if self.at == start {
            return Err(SyntaxError::Invalid("a here-document has no end word"));
        }
        let raw: String = self.chars[start..self.at].iter().collect::<String>().replace("\\\n", "");
        let is_quoted = raw.contains(['\'', '"', '\\']);
        let mut end = String::new();
        let mut chars = raw.chars();
        let mut quote = None;
        while let Some(c) = chars.next() {
            match (c, quote) {
                ('\'' | '"', None) => quote = Some(c),
                (_, Some(open)) if c == open => quote = None,
                ('\\', None | Some('"')) => end.extend(chars.next()),
                _ => end.push(c),
            }
        }
        let body = Rc::new(OnceCell::new());
        self.awaited.push_back(Awaited { end, strips_tabs, is_quoted, body: body.clone() });
        Ok(Redirect { kind: RedirectKind::HereDocument(body), target: Word::default(), is_input })
    }

    /// The bodies of the here-documents of the line that ended here.
    fn read_bodies(&mut self) -> Parsed<()> {
        while let Some(awaited) = self.awaited.pop_front() {
            let mut body = String::new();
            while self.at < self.chars.len() {
                let rest = &self.chars[self.at..];
                let length = rest.iter().position(|c| *c == '\n').unwrap_or(rest.len());
                let mut line: String = rest[..length].iter().collect();
                self.at = (self.at + length + 1).min(self.chars.len());
                if awaited.strips_tabs {
                    line = line.trim_start_matches('\t').to_owned();
                }
                if line == awaited.end {
                    break;
                }
                body.push_str(&line);
                body.push('\n');
            }
            let word = if awaited.is_quoted {
                Word { parts: vec![super::ast::Part::Quoted(body)] }
            } else {
                Self::new(&body, self.depth)?.document()?
            };
            awaited.body.set(word).unwrap_or_default();
        }
        Ok(())
    }
}

fn with(command: Command, redirects: Vec<Redirect>) -> Command {
    if redirects.is_empty() { command } else { Command::Redirected(Box::new(command), redirects) }
}
