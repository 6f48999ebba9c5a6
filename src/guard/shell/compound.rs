//! The parser: compound commands and functions.

use std::rc::Rc;

use super::SyntaxError;
use super::ast::{Command, Operand, Part, Word};
use super::parse::{Parsed, Parser, is_meta};
use super::word::Until;

impl Parser {
    /// A compound command, if one begins here.
    pub(super) fn compound(&mut self) -> Parsed<Option<Command>> {
        self.deeper(|parser| {
            if parser.looks_at("((")
                && let Some(arithmetic) = parser.arithmetic_command()?
            {
                return Ok(Some(arithmetic));
            }
            if parser.eat("(") {
                let inner = parser.list()?;
                parser.expect(")", "a `(` is not closed")?;
                return Ok(Some(Command::Subshell(Box::new(inner))));
            }
            if parser.eat_word("[[") {
                return Ok(Some(Command::Test(parser.conditions()?)));
            }
            for (word, read) in KEYWORDS {
                if parser.eat_word(word) {
                    return read(parser).map(Some);
                }
            }
            Ok(None)
        })
    }

    /// `((…))`, unless it is one subshell in another. Whatever could be either was read as a subshell by some shell, so its text is read
    /// as commands too wherever that is possible.
    fn arithmetic_command(&mut self) -> Parsed<Option<Command>> {
        let start = self.at;
        self.eat("((");
        let begin = self.at;
        let text = match self.quoted_until(Until::Arithmetic) {
            Ok(text) => text,
            Err(SyntaxError::TooDeep) => return Err(SyntaxError::TooDeep),
            Err(_) => {
                self.at = start;
                return Ok(None);
            }
        };
        let after = self.at;
        let inside: String = self.chars[begin..after.saturating_sub(2).max(begin)].iter().collect();
        let arithmetic = Command::Arithmetic(text);
        let Ok(commands) = Self::new(&inside, self.depth).and_then(Self::script) else { return Ok(Some(arithmetic)) };
        Ok(Some(Command::Sequence(vec![arithmetic, Command::Subshell(Box::new(commands))])))
    }

    /// The words of `[[ … ]]`.
    fn conditions(&mut self) -> Parsed<Vec<Word>> {
        let mut words = Vec::new();
        let mut is_regex = false;
        loop {
            self.blank_lines()?;
            if self.eat_word("]]") {
                return Ok(words);
            }
            let start = self.at;
            if std::mem::take(&mut is_regex) {
                words.push(self.regex()?);
                continue;
            }
            match self.peek() {
                None => return Err(SyntaxError::Invalid("a `[[` is not closed")),
                Some('<' | '>') if self.looks_at("<(") || self.looks_at(">(") => words.push(self.word()?),
                Some('(' | ')' | '<' | '>' | '&' | '|' | ';') => self.at += 1,
                Some(_) => words.push(self.word()?),
            }
            is_regex = matches!(self.chars.get(start..self.at), Some(['=', '~']));
            if self.at == start {
                return Err(SyntaxError::Invalid("a character stands where no word can"));
            }
        }
    }

    /// `for name in words`, `for ((…))`, `select name in words`.
    fn for_loop(&mut self) -> Parsed<Command> {
        self.blanks();
        if self.eat("((") {
            let text = self.quoted_until(Until::Arithmetic)?;
            self.blanks();
            self.eat(";");
            let body = self.loop_body()?;
            return Ok(Command::Counted(text, Box::new(body)));
        }
        let name = self.plain_name()?;
        self.blank_lines()?;
        let words = if self.eat_word("in") {
            let mut words = Vec::new();
            loop {
                self.blanks();
                if self.peek().is_none_or(|c| matches!(c, '\n' | ';')) {
                    break;
                }
                let start = self.at;
                words.push(self.word()?);
                if self.at == start {
                    return Err(SyntaxError::Invalid("the words of a loop do not end"));
                }
            }
            Some(words)
        } else {
            None
        };
        self.blanks();
        self.eat(";");
        let body = self.loop_body()?;
        Ok(Command::For(name, words, Box::new(body)))
    }

    fn loop_body(&mut self) -> Parsed<Command> {
        self.blank_lines()?;
        if self.eat_word("{") {
            let body = self.list()?;
            self.close("}")?;
            return Ok(body);
        }
        self.close("do")?;
        let body = self.list()?;
        self.close("done")?;
        Ok(body)
    }

    fn while_loop(&mut self) -> Parsed<Command> {
        let condition = self.list()?;
        self.close("do")?;
        let body = self.list()?;
        self.close("done")?;
        Ok(Command::While(Box::new(condition), Box::new(body)))
    }

    fn conditional(&mut self) -> Parsed<Command> {
        let mut arms = Vec::new();
        loop {
            let condition = self.list()?;
            self.close("then")?;
            arms.push((condition, self.list()?));
            if self.eat_word("elif") {
                continue;
            }
            let otherwise = if self.eat_word("else") { Some(Box::new(self.list()?)) } else { None };
            self.close("fi")?;
            return Ok(Command::If(arms, otherwise));
        }
    }

    fn case(&mut self) -> Parsed<Command> {
        self.blanks();
        let subject = self.word()?;
        self.blank_lines()?;
        self.close("in")?;
        let mut arms = Vec::new();
        loop {
            self.blank_lines()?;
            if self.eat_word("esac") {
                return Ok(Command::Case(subject, arms));
            }
            self.eat("(");
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                let start = self.at;
                patterns.push(self.word()?);
                self.blanks();
                if self.eat(")") {
                    break;
                }
                if !self.eat("|") || self.at == start {
                    return Err(SyntaxError::Invalid("a pattern of `case` does not end"));
                }
            }
            arms.push((patterns, self.list()?));
            self.blank_lines()?;
            if !(self.eat(";;&") || self.eat(";;") || self.eat(";&")) {
                self.close("esac")?;
                return Ok(Command::Case(subject, arms));
            }
        }
    }

    fn group(&mut self) -> Parsed<Command> {
        let inner = self.list()?;
        self.close("}")?;
        Ok(inner)
    }

    fn coprocess(&mut self) -> Parsed<Command> {
        self.blanks();
        let start = self.at;
        if let Some(inner) = self.compound()? {
            return Ok(Command::Subshell(Box::new(inner)));
        }
        // A name may stand before a compound command.
        if self.plain_name().is_ok() {
            self.blanks();
            if let Some(inner) = self.compound()? {
                return Ok(Command::Subshell(Box::new(inner)));
            }
        }
        self.at = start;
        let inner = self.list_of_one()?;
        Ok(Command::Subshell(Box::new(inner)))
    }

    /// `function name`, with or without `()`.
    fn keyword_function(&mut self) -> Parsed<Command> {
        self.blanks();
        let name = self.word()?;
        self.blanks();
        if self.eat("(") {
            self.blanks();
            self.expect(")", "the name of a function is not followed by `()`")?;
        }
        self.function(Operand::Word(name))
    }

    /// The body of a function, and its redirections.
    pub(super) fn function(&mut self, name: Operand) -> Parsed<Command> {
        let Operand::Word(Word { parts }) = name else { return Err(SyntaxError::Invalid("a function has no name")) };
        let [Part::Plain(name) | Part::Quoted(name)] = parts.as_slice() else {
            return Err(SyntaxError::Invalid("the name of a function is not plain"));
        };
        self.blank_lines()?;
        let Some(body) = self.compound()? else { return Err(SyntaxError::Invalid("a function has no body")) };
        let mut redirects = Vec::new();
        self.blanks();
        while let Some(redirect) = self.redirect()? {
            redirects.push(redirect);
            self.blanks();
        }
        let body = if redirects.is_empty() { body } else { Command::Redirected(Box::new(body), redirects) };
        Ok(Command::Function(name.clone(), Rc::new(body)))
    }

    fn plain_name(&mut self) -> Parsed<String> {
        let mut name = String::new();
        while let Some(c) = self.peek().filter(|c| !is_meta(*c)) {
            name.push(c);
            self.at += 1;
        }
        if name.is_empty() { Err(SyntaxError::Invalid("a name is missing")) } else { Ok(name) }
    }

    fn close(&mut self, word: &'static str) -> Parsed<()> {
        self.blank_lines()?;
        if self.eat_word(word) { Ok(()) } else { Err(SyntaxError::Invalid("a compound command is not closed")) }
    }
}

type Read = fn(&mut Parser) -> Parsed<Command>;

const KEYWORDS: [(&str, Read); 9] = [
    ("{", Parser::group),
    ("if", Parser::conditional),
    ("while", Parser::while_loop),
    ("until", Parser::while_loop),
    ("for", Parser::for_loop),
    ("select", Parser::for_loop),
    ("case", Parser::case),
    ("function", Parser::keyword_function),
    ("coproc", Parser::coprocess),
];
