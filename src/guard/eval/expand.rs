//! What words could stand for.

use super::super::shell::ast::{Operation, Parameter, Part, Word};
use super::super::text::{Text, Unit, known, literal, unknown};
use super::super::{Denied, shell};
use super::{Eval, MAX_CHOICES, too_much};

impl Eval<'_> {
    /// The arguments that a word becomes: each a list of what it could be.
    pub(super) fn arguments(&mut self, word: &Word) -> Result<Vec<Vec<Text>>, Denied> {
        let mut all = Vec::new();
        for word in shell::expand_braces(word).ok_or_else(too_much)? {
            let is_quoted = word.parts.iter().any(|part| matches!(part, Part::Quoted(_) | Part::Empty));
            let mut fields: Vec<Vec<Text>> = Vec::new();
            for choice in self.texts(&word)? {
                let parts = choice.split(|unit| *unit == Unit::Split).filter(|part| !part.is_empty() || is_quoted);
                for (at, part) in parts.enumerate() {
                    if fields.len() <= at {
                        fields.push(Vec::new());
                    }
                    if !fields[at].contains(&part.to_vec()) {
                        fields[at].push(part.to_vec());
                    }
                }
            }
            all.extend(fields);
        }
        Ok(all)
    }

    /// All that a word could be, with marks where it would be split.
    pub(super) fn texts(&mut self, word: &Word) -> Result<Vec<Text>, Denied> {
        let mut all: Vec<Text> = vec![Vec::new()];
        for (at, part) in word.parts.iter().enumerate() {
            self.step()?;
            let choices = match part {
                Part::Empty => continue,
                Part::Quoted(text) => vec![known(text)],
                Part::Plain(text) if at == 0 && text.starts_with('~') => self.tilde(text),
                Part::Plain(text) => vec![pattern(text)],
                Part::Parameter { parameter, is_quoted } => {
                    let values = self.parameter(parameter)?;
                    if *is_quoted { values } else { values.into_iter().map(split).collect() }
                }
                Part::Substitution { command, is_quoted } => {
                    let values = self.substitution(command)?;
                    if *is_quoted { values } else { values.into_iter().map(split).collect() }
                }
                Part::Arithmetic(text) => {
                    self.arithmetic(text)?;
                    vec![unknown()]
                }
                Part::Process(command) => {
                    let output = self.substitution(command)?;
                    self.processes.push(output);
                    vec![known(&format!("/dev/fd/{}", 1000 + self.processes.len() - 1))]
                }
                Part::Extended(kind, choices) => {
                    let mut values = if *kind == '!' { vec![vec![Unit::Many]] } else { Vec::new() };
                    for choice in choices {
                        values.extend(self.texts(choice)?);
                    }
                    if "*?+".contains(*kind) {
                        values.push(vec![Unit::Many]);
                        values.push(Vec::new());
                    }
                    values
                }
            };
            if all.len() * choices.len() > MAX_CHOICES {
                return Err(too_much());
            }
            all = all.iter().flat_map(|head| choices.iter().map(move |tail| [head.as_slice(), tail].concat())).collect();
        }
        all.sort();
        all.dedup();
        Ok(all)
    }

    fn tilde(&self, text: &str) -> Vec<Text> {
        let (user, rest) = text.split_at(text.find('/').unwrap_or(text.len()));
        let homes = match user {
            "~" => self.variable("HOME"),
            "~+" => self.cwds.clone(),
            "~-" => self.variable("OLDPWD"),
            user => vec![known(&self.world.home), known(&format!("/home/{}", &user[1..])), known("/root")],
        };
        homes.into_iter().map(|home| [home, pattern(rest)].concat()).collect()
    }

    pub(super) fn variable(&self, name: &str) -> Vec<Text> {
        match name {
            "PWD" => self.cwds.clone(),
            "@" | "*" => {
                let joined = self.positional.iter().map(|values| values.first().cloned().unwrap_or_else(unknown));
                vec![joined.collect::<Vec<_>>().join(&Unit::Split)]
            }
            name if name.parse::<usize>().is_ok_and(|at| at > 0) => {
                let at = name.parse::<usize>().unwrap_or_default();
                self.positional.get(at - 1).cloned().unwrap_or_else(|| vec![unknown()])
            }
            name => self.variables.get(name).cloned().unwrap_or_else(|| vec![unknown()]),
        }
    }

    fn parameter(&mut self, parameter: &Parameter) -> Result<Vec<Text>, Denied> {
        if let Some(index) = &parameter.index {
            self.arithmetic(index)?;
        }
        let mut values = self.variable(&parameter.name);
        if parameter.is_indirect {
            values = values
                .iter()
                .flat_map(|name| literal(name).map_or_else(|| vec![unknown()], |name| self.variable(&name)))
                .collect();
        }
        let mut both = |extra: Vec<Text>| values.iter().cloned().chain(extra).collect();
        Ok(match &parameter.operation {
            Operation::Value | Operation::Transform(_) => values,
            Operation::Length | Operation::Names => vec![unknown()],
            Operation::Default(kind, word) => {
                let default = self.texts(word)?;
                if *kind == '=' {
                    self.variables.entry(parameter.name.clone()).or_default().extend(default.clone());
                }
                both(default)
            }
            Operation::Alternative(word) => self.texts(word)?.into_iter().chain([Vec::new()]).collect(),
            Operation::Strip { pattern: word, .. } | Operation::Slice(word) | Operation::Case(word) => {
                self.texts(word)?;
                both(vec![unknown()])
            }
            Operation::Replace { pattern, with } => {
                self.texts(pattern)?;
                self.texts(with)?;
                both(vec![unknown()])
            }
        })
    }

    fn substitution(&mut self, command: &shell::ast::Command) -> Result<Vec<Text>, Denied> {
        let output = self.apart(|eval| eval.command(command, &[unknown()]))?;
        Ok(output
            .into_iter()
            .map(|mut text| {
                while text.last() == Some(&Unit::Char('\n')) {
                    text.pop();
                }
                text
            })
            .collect())
    }

    /// An expression: what is substituted in it runs, and so does what stands in the subscripts of its values.
    pub(super) fn arithmetic(&mut self, word: &Word) -> Result<(), Denied> {
        for text in self.texts(word)? {
            let shown = super::super::text::shown(&text);
            let names: Vec<&str> = shown.split(|c: char| c != '_' && !c.is_ascii_alphanumeric()).collect();
            let values: Vec<Text> = names.iter().filter_map(|name| self.variables.get(*name)).flatten().cloned().collect();
            self.again(&shown)?;
            for value in values {
                self.again(&super::super::text::shown(&value))?;
            }
        }
        Ok(())
    }

    /// A text that Bash expands once more.
    pub(super) fn again(&mut self, text: &str) -> Result<(), Denied> {
        if text.contains("$(") || text.contains('`') {
            let word = shell::parse_text(text).map_err(|error| super::unreadable(&error))?;
            self.deeper(|eval| eval.texts(&word).map(|_| ()))?;
        }
        Ok(())
    }
}

fn pattern(text: &str) -> Text {
    let mut all = Text::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => all.push(Unit::Many),
            '?' => all.push(Unit::One),
            '[' if chars.as_str().contains(']') => {
                // A bracket may close right after it opened, as part of its set.
                let rest = chars.as_str();
                let end = rest.char_indices().skip(1).find(|(_, c)| *c == ']').map_or(0, |(at, _)| at + 1);
                all.push(Unit::One);
                chars = rest[end..].chars();
            }
            c => all.push(Unit::Char(c)),
        }
    }
    all
}

/// As an expansion that is not quoted: blanks split, and patterns count.
fn split(text: Text) -> Text {
    text.into_iter()
        .map(|unit| match unit {
            Unit::Char(' ' | '\t' | '\n') => Unit::Split,
            Unit::Char('*') => Unit::Many,
            Unit::Char('?') => Unit::One,
            unit => unit,
        })
        .collect()
}
