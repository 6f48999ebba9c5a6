//! What a script could do: every branch is taken, and each word is all that it could be.

mod expand;
mod simple;

use std::collections::BTreeMap;
use std::rc::Rc;

use super::shell::ast::{Assigned, Assignment, Command, Redirect, RedirectKind};
use super::shell::{self, SyntaxError};
use super::text::{Text, Unit, known, literal, unknown};
use super::{Denied, World, rules};

/// How many things one word may be.
const MAX_CHOICES: usize = 256;
/// How much is evaluated of one call.
const MAX_STEPS: usize = 20_000;
const MAX_DEPTH: usize = 64;

fn too_much() -> Denied {
    Denied("this command is too complex to be checked; split it into simpler commands".to_owned())
}

fn unreadable(error: &SyntaxError) -> Denied {
    Denied(format!("this command cannot be checked: {error}; write it in a simpler way"))
}

fn opaque() -> Denied {
    Denied(
        "this runs code that only the command itself would produce; write the code out, or put it into a script file".to_owned(),
    )
}

pub(super) struct Eval<'a> {
    world: &'a World,
    cwds: Vec<Text>,
    variables: BTreeMap<String, Vec<Text>>,
    functions: BTreeMap<String, Rc<Command>>,
    positional: Vec<Vec<Text>>,
    /// What stands in the files of process substitutions.
    processes: Vec<Vec<Text>>,
    steps: usize,
    depth: usize,
}

/// Whether a command may run from this directory.
pub(super) fn judge(world: &World, cwd: &str, command: &str) -> Result<(), Denied> {
    let cwds = vec![known(cwd)];
    rules::may_read(world, &cwds, &known(cwd))?;
    let mut variables = BTreeMap::new();
    variables.insert("HOME".to_owned(), vec![known(&world.home)]);
    variables.insert("OLDPWD".to_owned(), vec![unknown()]);
    let (functions, positional, processes) = (BTreeMap::new(), Vec::new(), Vec::new());
    let mut eval = Eval { world, cwds, variables, functions, positional, processes, steps: 0, depth: 0 };
    eval.code(command, &[unknown()]).map(|_| ())
}

type Output = Result<Vec<Text>, Denied>;

impl Eval<'_> {
    fn step(&mut self) -> Result<(), Denied> {
        self.steps += 1;
        if self.steps > MAX_STEPS { Err(too_much()) } else { Ok(()) }
    }

    fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, Denied>) -> Result<T, Denied> {
        if self.depth >= MAX_DEPTH {
            return Err(too_much());
        }
        self.depth += 1;
        let result = run(self);
        self.depth -= 1;
        result
    }

    /// Runs something whose changes to the shell are gone afterwards.
    fn apart<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, Denied>) -> Result<T, Denied> {
        let kept = (self.cwds.clone(), self.variables.clone(), self.functions.clone(), self.positional.clone());
        let result = self.deeper(run);
        (self.cwds, self.variables, self.functions, self.positional) = kept;
        result
    }

    /// Runs a text.
    fn code(&mut self, text: &str, input: &[Text]) -> Output {
        let command = shell::parse(text).map_err(|error| unreadable(&error))?;
        self.deeper(|eval| eval.command(&command, input))
    }

    /// Runs texts of which something may not be known.
    fn codes(&mut self, texts: &[Text], input: &[Text]) -> Output {
        let mut output = Vec::new();
        for text in texts {
            let text: Text = text.iter().map(|unit| if *unit == Unit::Split { Unit::Char(' ') } else { unit.clone() }).collect();
            if text.iter().all(|unit| *unit == Unit::Unknown) && !text.is_empty() {
                return Err(opaque());
            }
            let shown = literal(&text).unwrap_or_else(|| super::text::shown(&text).replace('…', "$__unknown"));
            output.extend(self.code(&shown, input)?);
        }
        Ok(output)
    }

    fn command(&mut self, command: &Command, input: &[Text]) -> Output {
        self.step()?;
        self.deeper(|eval| eval.dispatch(command, input))
    }

    fn dispatch(&mut self, command: &Command, input: &[Text]) -> Output {
        match command {
            Command::Nothing => Ok(vec![Vec::new()]),
            Command::Simple(simple) => self.simple(simple, input),
            Command::Pipeline(all) => {
                let mut input = input.to_vec();
                for command in all {
                    input = self.apart(|eval| eval.command(command, &input))?;
                }
                Ok(input)
            }
            Command::And(first, second) => self.sequence(&[&**first, &**second], input),
            Command::Or(first, second) => {
                let cwds = self.cwds.clone();
                let first = self.command(first, input)?;
                self.add_cwds(cwds);
                let second = self.command(second, input)?;
                Ok([first, second].concat())
            }
            Command::Sequence(all) => self.sequence(&all.iter().collect::<Vec<_>>(), input),
            Command::Subshell(inner) => self.apart(|eval| eval.command(inner, input)),
            Command::Redirected(inner, redirects) => self.redirected(inner, redirects, input),
            Command::If(arms, otherwise) => {
                let cwds = self.cwds.clone();
                let mut output = Vec::new();
                for (condition, body) in arms {
                    self.command(condition, input)?;
                    output.extend(self.command(body, input)?);
                }
                if let Some(otherwise) = otherwise {
                    output.extend(self.command(otherwise, input)?);
                }
                self.add_cwds(cwds);
                Ok(output)
            }
            Command::While(condition, body) => self.repeated(&[condition, body], input),
            Command::For(name, words, body) => {
                let mut values = Vec::new();
                for word in words.iter().flatten() {
                    values.extend(self.arguments(word)?.into_iter().flatten());
                }
                if words.is_none() {
                    values = self.positional.iter().flatten().cloned().collect();
                }
                if values.len() > MAX_CHOICES {
                    return Err(too_much());
                }
                self.variables.insert(name.clone(), values);
                self.repeated(&[body], input)
            }
            Command::Counted(text, body) => {
                self.arithmetic(text)?;
                self.repeated(&[body], input)
            }
            Command::Case(subject, arms) => {
                self.texts(subject)?;
                let cwds = self.cwds.clone();
                let mut output = vec![Vec::new()];
                for (patterns, body) in arms {
                    for pattern in patterns {
                        self.texts(pattern)?;
                    }
                    output.extend(self.command(body, input)?);
                }
                self.add_cwds(cwds);
                Ok(output)
            }
            Command::Arithmetic(text) => self.arithmetic(text).map(|()| vec![Vec::new()]),
            Command::Test(words) => {
                let mut looks = false;
                for word in words {
                    self.arithmetic(word)?;
                    let texts = self.texts(word)?;
                    if std::mem::take(&mut looks) {
                        self.read(&texts)?;
                    }
                    looks = texts.iter().any(|text| literal(text).is_some_and(|text| rules::is_file_test(&text)));
                }
                Ok(vec![Vec::new()])
            }
            Command::Function(name, body) => {
                self.functions.insert(name.clone(), body.clone());
                let body = body.clone();
                self.apart(|eval| {
                    // Called from nowhere that can be seen, or from anywhere: its own calls of itself end here.
                    eval.functions.clear();
                    eval.command(&body, &[unknown()])
                })?;
                Ok(vec![Vec::new()])
            }
        }
    }

    fn sequence(&mut self, all: &[&Command], input: &[Text]) -> Output {
        let mut output: Vec<Text> = vec![Vec::new()];
        for command in all {
            let next = self.command(command, input)?;
            if output.len() * next.len() > MAX_CHOICES {
                output = vec![unknown()];
                continue;
            }
            output = output.iter().flat_map(|head| next.iter().map(move |tail| [head.as_slice(), tail].concat())).collect();
        }
        Ok(output)
    }

    /// Bodies of loops run twice, so that what they change counts at their beginning, too.
    fn repeated(&mut self, all: &[&Command], input: &[Text]) -> Output {
        let cwds = self.cwds.clone();
        for _ in 0..2 {
            for command in all {
                self.command(command, input)?;
            }
        }
        self.add_cwds(cwds);
        Ok(vec![unknown()])
    }

    fn add_cwds(&mut self, cwds: Vec<Text>) {
        for cwd in cwds {
            if !self.cwds.contains(&cwd) && self.cwds.len() < 16 {
                self.cwds.push(cwd);
            }
        }
    }

    fn redirected(&mut self, inner: &Command, redirects: &[Redirect], input: &[Text]) -> Output {
        let mut input = input.to_vec();
        for redirect in redirects {
            let texts = match &redirect.kind {
                RedirectKind::HereDocument(body) => match body.get() {
                    Some(body) => self.texts(body)?,
                    None => Vec::new(),
                },
                RedirectKind::HereString => {
                    self.texts(&redirect.target)?.into_iter().map(|text| [text, known("\n")].concat()).collect()
                }
                RedirectKind::Duplicate => continue,
                RedirectKind::Read => {
                    let texts = self.texts(&redirect.target)?;
                    self.read(&texts)?;
                    self.contents(&texts)
                }
                RedirectKind::Write | RedirectKind::ReadWrite => {
                    let texts = self.texts(&redirect.target)?;
                    self.read(&texts)?;
                    self.write(&texts)?;
                    continue;
                }
            };
            if redirect.is_input {
                input = texts;
            }
        }
        // `$(< file)` prints it.
        if matches!(inner, Command::Simple(simple) if simple.words.is_empty() && simple.assigned.is_empty()) {
            return Ok(input);
        }
        self.command(inner, &input)
    }

    /// What is known of what stands in files: of those that this script makes itself.
    fn contents(&self, paths: &[Text]) -> Vec<Text> {
        let one = |path: &Text| {
            let number = literal(path)?.strip_prefix("/dev/fd/")?.parse::<usize>().ok()?.checked_sub(1000)?;
            self.processes.get(number).cloned()
        };
        paths.iter().flat_map(|path| one(path).unwrap_or_else(|| vec![unknown()])).collect()
    }

    fn read(&self, texts: &[Text]) -> Result<(), Denied> {
        texts.iter().try_for_each(|text| rules::may_read(self.world, &self.cwds, text))
    }

    fn write(&self, texts: &[Text]) -> Result<(), Denied> {
        texts.iter().try_for_each(|text| rules::may_write(self.world, &self.cwds, text))
    }

    fn assign(&mut self, assigned: &Assigned) -> Result<(), Denied> {
        if let Some(index) = &assigned.index {
            self.arithmetic(index)?;
        }
        let mut values = match &assigned.value {
            Assignment::Scalar(word) => self.texts(word)?,
            Assignment::Array(words) => {
                let mut all: Vec<Text> = Vec::new();
                for (index, word) in words {
                    if let Some(index) = index {
                        self.arithmetic(index)?;
                    }
                    all.extend(self.arguments(word)?.into_iter().flatten());
                }
                // An array may be joined in any way.
                let joined = all.join(&Unit::Char('/'));
                all.push(joined);
                all
            }
        };
        if assigned.appends {
            let old = self.variable(&assigned.name);
            values = old.iter().flat_map(|old| values.iter().map(move |new| [old.as_slice(), new].concat())).collect();
        }
        if assigned.index.is_some() || self.depth > 0 && assigned.appends {
            values.extend(self.variable(&assigned.name));
        }
        if values.len() > MAX_CHOICES {
            return Err(too_much());
        }
        self.variables.insert(assigned.name.clone(), values);
        Ok(())
    }
}
