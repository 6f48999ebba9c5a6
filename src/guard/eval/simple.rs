//! Simple commands: what a program would do with its arguments.

use super::super::shell::ast::{Operand, Simple};
use super::super::text::{Text, Unit, known, literal, shown, unknown};
use super::super::{Denied, rules};
use super::{Eval, Output};

/// Programs that run the rest of their arguments: their options that take a value, and how many arguments stand before the command.
const WRAPPERS: &[(&str, &str, usize)] = &[
    ("env", "uCS", 0),
    ("timeout", "sk", 1),
    ("nice", "n", 0),
    ("nohup", "", 0),
    ("setsid", "", 0),
    ("stdbuf", "ioe", 0),
    ("ionice", "cn", 0),
    ("command", "", 0),
    ("builtin", "", 0),
    ("exec", "a", 0),
    ("xargs", "aIEdLnPs", 0),
    ("time", "fo", 0),
    ("watch", "n", 0),
    ("flock", "wE", 1),
    ("chronic", "", 0),
    ("busybox", "", 0),
    ("taskset", "c", 1),
    ("parallel", "j", 0),
    ("fakeroot", "", 0),
];
const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ksh", "ash", "mksh", "fish"];
const INTERPRETERS: &[&str] =
    &["python", "perl", "ruby", "node", "php", "lua", "deno", "bun", "tclsh", "awk", "gawk", "mawk", "nawk"];
/// Their arguments may be expanded once more, as subscripts.
const EXPANDING: &[&str] =
    &["let", "test", "[", "printf", "read", "unset", "declare", "typeset", "local", "export", "readonly", "mapfile", "wait"];

impl Eval<'_> {
    pub(super) fn simple(&mut self, simple: &Simple, input: &[Text]) -> Output {
        let before = self.variables.clone();
        for assigned in &simple.assigned {
            self.assign(assigned)?;
        }
        if simple.words.is_empty() {
            return Ok(vec![Vec::new()]);
        }
        for assigned in &simple.assigned {
            self.exported(&assigned.name)?;
        }
        let mut all = Vec::new();
        for operand in &simple.words {
            match operand {
                Operand::Word(word) => all.extend(self.arguments(word)?),
                Operand::Assigned(assigned) => {
                    self.assign(assigned)?;
                    self.exported(&assigned.name)?;
                }
            }
        }
        let output = self.run(&all, input)?;
        if !simple.assigned.is_empty() {
            self.variables = before;
        }
        Ok(output)
    }

    /// A variable that programs will see.
    fn exported(&mut self, name: &str) -> Result<(), Denied> {
        let values = self.variable(name);
        rules::may_set(name, &values)?;
        for value in &values {
            for part in value.split(|unit| *unit == Unit::Char(':')) {
                rules::may_read(self.world, &self.cwds, part)?;
            }
        }
        if matches!(
            name,
            "GIT_EDITOR" | "GIT_SEQUENCE_EDITOR" | "GIT_PAGER" | "GIT_SSH_COMMAND" | "PROMPT_COMMAND" | "BASH_ENV" | "ENV"
        ) {
            self.apart(|eval| eval.codes(&values, &[unknown()]))?;
        }
        Ok(())
    }

    /// Runs a command by its words.
    fn run(&mut self, all: &[Vec<Text>], input: &[Text]) -> Output {
        self.step()?;
        let Some((names, arguments)) = all.split_first() else { return Ok(vec![Vec::new()]) };
        let mut output = Vec::new();
        for name in names {
            self.read(std::slice::from_ref(name))?;
            let name = literal(name).unwrap_or_default();
            output.extend(self.deeper(|eval| eval.one(&name, arguments, input))?);
        }
        Ok(output)
    }

    fn one(&mut self, name: &str, arguments: &[Vec<Text>], input: &[Text]) -> Output {
        if let Some(body) = self.functions.get(name).cloned() {
            let positional = std::mem::replace(&mut self.positional, arguments.to_vec());
            let hidden = self.functions.remove(name);
            let output = self.command(&body, input);
            self.functions.extend(hidden.map(|body| (name.to_owned(), body)));
            self.positional = positional;
            return output;
        }
        let base = name.rsplit('/').next().unwrap_or_default();
        rules::may_start(base, arguments)?;
        if EXPANDING.contains(&base) {
            for text in arguments.iter().flatten() {
                self.again(&shown(text))?;
            }
        }
        let first = arguments.first().cloned().unwrap_or_default();
        let numberless = base.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        match base {
            "echo" | "printf" => self.print(base, arguments),
            ":" | "true" | "false" | "exit" | "return" | "break" | "continue" | "shopt" | "sleep" | "kill" | "umask" => {
                Ok(vec![Vec::new()])
            }
            "set" => {
                if let Some(at) = arguments.iter().position(|argument| argument.contains(&known("--"))) {
                    self.positional = arguments[at + 1..].to_vec();
                }
                Ok(vec![Vec::new()])
            }
            "cd" | "pushd" => self.change_directory(arguments),
            "popd" => Ok(vec![Vec::new()]),
            "pwd" => Ok(self.cwds.clone()),
            "eval" => {
                let words: Vec<Text> = arguments.iter().map(|choices| choices.first().cloned().unwrap_or_default()).collect();
                self.codes(&[words.join(&Unit::Char(' '))], input)
            }
            "trap" => self.apart(|eval| eval.codes(&first, &[unknown()])),
            "alias" => {
                for text in arguments.iter().flatten() {
                    let value: Text = text.iter().skip_while(|unit| **unit != Unit::Char('=')).skip(1).cloned().collect();
                    self.apart(|eval| eval.codes(&[value], &[unknown()]))?;
                }
                Ok(vec![Vec::new()])
            }
            "source" | "." => {
                self.read(&first)?;
                let is_made_here = first.iter().any(|path| literal(path).is_some_and(|path| path.starts_with("/dev/")));
                let code = if first.contains(&known("/dev/stdin")) { input.to_vec() } else { self.contents(&first) };
                if is_made_here { self.codes(&code, input) } else { Ok(vec![unknown()]) }
            }
            "read" | "mapfile" | "readarray" => {
                for name in arguments.iter().flatten().filter_map(|name| literal(name)) {
                    let values = input
                        .iter()
                        .flat_map(|text| text.split(|unit| matches!(unit, Unit::Char(' ' | '\n' | '\t'))).map(<[Unit]>::to_vec));
                    let values: Vec<Text> = values.filter(|value| !value.is_empty()).take(super::MAX_CHOICES).collect();
                    self.variables.insert(name, values);
                }
                Ok(vec![Vec::new()])
            }
            "git" => self.git(arguments),
            "find" => self.find(arguments),
            _ if SHELLS.contains(&base) => self.shell(arguments, input),
            _ if INTERPRETERS.contains(&numberless) => {
                for text in arguments.iter().flatten().chain(input) {
                    rules::may_mention(self.world, &self.cwds, text)?;
                }
                self.plainly(base, arguments)
            }
            _ => {
                if let Some((_, options, skipped)) = WRAPPERS.iter().find(|wrapper| wrapper.0 == base) {
                    return self.wrapped(base, options, *skipped, arguments, input);
                }
                let output = self.plainly(base, arguments)?;
                let passes = matches!(base, "cat" | "tee" | "head" | "tail" | "sort" | "uniq" | "grep");
                Ok(if passes { [input.to_vec(), output].concat() } else { output })
            }
        }
    }

    fn print(&mut self, base: &str, arguments: &[Vec<Text>]) -> Output {
        let words: Vec<Text> = arguments.iter().map(|choices| choices.first().cloned().unwrap_or_default()).collect();
        let words = match words.as_slice() {
            [option, name, rest @ ..] if base == "printf" && *option == known("-v") => {
                // Whatever the format is, it puts the arguments together in some way.
                let mut joined = rest.get(1..).unwrap_or_default().join(&Unit::Char('/'));
                joined.extend([]);
                if let Some(name) = literal(name) {
                    self.variables.insert(name, vec![joined, rest.concat()]);
                }
                return Ok(vec![Vec::new()]);
            }
            [option, rest @ ..]
                if base == "echo" && literal(option).is_some_and(|text| matches!(text.as_str(), "-n" | "-e" | "-ne" | "-en")) =>
            {
                rest
            }
            words => words,
        };
        let mut output =
            if base == "printf" && words.len() > 1 { words[1..].join(&Unit::Char(' ')) } else { words.join(&Unit::Char(' ')) };
        output.push(Unit::Char('\n'));
        Ok(vec![output])
    }

    fn change_directory(&mut self, arguments: &[Vec<Text>]) -> Output {
        let target =
            arguments.iter().flatten().find(|text| !literal(text).is_some_and(|text| text.starts_with('-') && text.len() > 1));
        let targets = match target {
            None => self.variable("HOME"),
            Some(text) if *text == known("-") => self.variable("OLDPWD"),
            Some(_) => arguments.last().cloned().unwrap_or_default(),
        };
        let mut next = Vec::new();
        let bases = [self.cwds.clone(), if self.variables.contains_key("CDPATH") { self.variable("CDPATH") } else { Vec::new() }]
            .concat();
        for target in targets {
            if target.first() == Some(&Unit::Char('/')) || target.first() == Some(&Unit::Unknown) {
                next.push(target);
            } else {
                next.extend(bases.iter().map(|base| [base.as_slice(), &known("/"), &target].concat()));
            }
        }
        self.read(&next)?;
        self.variables.insert("OLDPWD".to_owned(), self.cwds.clone());
        // It may fail, and what follows runs where it was.
        let is_there = |text: &Text| literal(text).is_some_and(|path| std::fs::metadata(path).is_ok_and(|data| data.is_dir()));
        let before = if next.iter().all(is_there) { Vec::new() } else { self.cwds.clone() };
        self.cwds = next;
        self.add_cwds(before);
        Ok(vec![Vec::new()])
    }

    fn shell(&mut self, arguments: &[Vec<Text>], input: &[Text]) -> Output {
        let mut at = 0;
        while let Some(option) =
            arguments.get(at).and_then(|choices| literal(choices.first()?)).filter(|word| word.starts_with(['-', '+']))
        {
            at += 1;
            if option.starts_with('-') && !option.starts_with("--") && option.contains('c') {
                let code = arguments.get(at).cloned().unwrap_or_default();
                let rest = arguments.get(at + 2..).unwrap_or_default().to_vec();
                return self.apart(|eval| {
                    eval.positional = rest;
                    eval.codes(&code, input)
                });
            }
            if matches!(option.as_str(), "-o" | "-O" | "--rcfile" | "--init-file") {
                self.read(arguments.get(at).map_or(&[][..], Vec::as_slice))?;
                at += 1;
            }
            if option == "-s" || option == "-" {
                break;
            }
        }
        match arguments.get(at) {
            Some(script) if script.iter().any(|path| literal(path).is_some_and(|path| path.starts_with("/dev/fd/"))) => {
                let code = self.contents(script);
                self.apart(|eval| eval.codes(&code, input))
            }
            Some(_) => self.plainly("sh", arguments),
            None => self.apart(|eval| eval.codes(input, &[unknown()])),
        }
    }

    fn wrapped(&mut self, base: &str, options: &str, skipped: usize, arguments: &[Vec<Text>], input: &[Text]) -> Output {
        let mut at = 0;
        let mut left = skipped;
        let kept = self.cwds.clone();
        while let Some(word) = arguments.get(at).map(|choices| choices.first().and_then(|text| literal(text)).unwrap_or_default())
        {
            if let Some(flags) = word.strip_prefix('-').filter(|flags| !flags.starts_with('-') && !flags.is_empty()) {
                let takes = flags.len() == 1 && options.contains(flags);
                let value = if takes {
                    arguments.get(at + 1).cloned().unwrap_or_default()
                } else {
                    vec![known(flags.get(1..).unwrap_or_default())]
                };
                if base == "env" && flags.starts_with('C') {
                    self.change_directory(&[value.clone()])?;
                }
                if base == "env" && flags.starts_with('S') {
                    self.codes(&value, input)?;
                }
                self.read(&value)?;
                at += 1 + usize::from(takes);
            } else if word.starts_with("--") {
                at += 1;
                if let Some((option, value)) = word.split_once('=') {
                    self.read(&[known(value)])?;
                    if option == "--chdir" {
                        self.change_directory(&[vec![known(value)]])?;
                    }
                }
            } else if base == "env" && word.contains('=') {
                if let Some((name, value)) = word.split_once('=') {
                    self.variables.insert(name.to_owned(), vec![known(value)]);
                    self.exported(name)?;
                }
                at += 1;
            } else if left > 0 {
                left -= 1;
                at += 1;
            } else {
                break;
            }
        }
        let mut rest = arguments.get(at..).unwrap_or_default().to_vec();
        if base == "xargs" {
            let words = input
                .iter()
                .flat_map(|text| text.split(|unit| matches!(unit, Unit::Char(' ' | '\n' | '\t'))).map(<[Unit]>::to_vec));
            rest.push(words.filter(|word| !word.is_empty()).take(super::MAX_CHOICES).collect());
        }
        let output = self.run(&rest, input);
        self.cwds = kept;
        output
    }

    fn find(&mut self, arguments: &[Vec<Text>]) -> Output {
        let is_option =
            |choices: &&Vec<Text>| choices.first().is_some_and(|text| matches!(text.first(), Some(Unit::Char('-' | '(' | '!'))));
        let mut roots: Vec<Text> = arguments.iter().take_while(|choices| !is_option(choices)).flatten().cloned().collect();
        if roots.is_empty() {
            roots.push(known("."));
        }
        for root in &roots {
            rules::may_read(self.world, &self.cwds, root)?;
            rules::may_walk(self.world, &self.cwds, root)?;
        }
        for (at, choices) in arguments.iter().enumerate() {
            match choices.first().and_then(|text| literal(text)).as_deref() {
                Some("-exec" | "-execdir" | "-ok" | "-okdir") => {
                    self.run(&arguments[at + 1..], &[unknown()])?;
                }
                Some("-delete") => self.write(&roots)?,
                _ => {}
            }
        }
        Ok(vec![unknown()])
    }

    fn git(&mut self, arguments: &[Vec<Text>]) -> Output {
        let plan = rules::git::judge(self.world, &self.cwds, arguments)?;
        for code in plan {
            self.apart(|eval| eval.codes(&[code], &[unknown()]))?;
        }
        Ok(vec![unknown()])
    }

    fn plainly(&mut self, base: &str, arguments: &[Vec<Text>]) -> Output {
        rules::files::judge(self.world, &self.cwds, base, arguments)?;
        Ok(vec![unknown()])
    }
}
