//! What programs do with the files that they are given.

use super::super::text::{Text, Unit, known, literal};
use super::super::{Denied, World};
use super::{is_file_test, may_mention, may_read, may_walk, may_write};

/// All that they are given is changed.
const CHANGERS: &[&str] = &[
    "rm", "rmdir", "unlink", "shred", "touch", "mkdir", "truncate", "tee", "mkfifo", "mknod", "mv", "chmod", "chown", "chgrp",
    "setfacl",
];
/// The last of what they are given is changed.
const COPIERS: &[&str] = &["cp", "install", "ln", "rsync"];
/// They go down into folders, always or with one of these letters.
const WALKERS: &[(&str, &str)] = &[
    ("rg", ""),
    ("ag", ""),
    ("fd", ""),
    ("ack", ""),
    ("tree", ""),
    ("du", ""),
    ("rsync", ""),
    ("mv", ""),
    ("ln", ""),
    ("tar", ""),
    ("zip", ""),
    ("grep", "rR"),
    ("ls", "R"),
    ("cp", "raR"),
    ("rm", "rR"),
    ("chmod", "R"),
    ("chown", "R"),
    ("chgrp", "R"),
    ("diff", "r"),
    ("scp", "r"),
];
/// The first of what they are given is a pattern.
const SEARCHERS: &[&str] = &["grep", "egrep", "fgrep", "rg", "ag", "sed", "jq", "awk", "gawk", "mawk"];
/// Options whose value is a text.
const TEXTS: &[&str] =
    &["-m", "--message", "--body", "--title", "-e", "--regexp", "--grep", "--expression", "--notes", "--description"];

pub(in crate::guard) fn judge(world: &World, cwds: &[Text], name: &str, arguments: &[Vec<Text>]) -> Result<(), Denied> {
    let plain = |choices: &Vec<Text>| choices.first().and_then(|text| literal(text));
    let letters: String =
        arguments.iter().filter_map(plain).filter(|word| word.starts_with('-') && !word.starts_with("--")).collect();
    let is_long = |wanted: &str| arguments.iter().filter_map(plain).any(|word| word == wanted);
    let walks = WALKERS.iter().any(|(walker, options)| {
        *walker == name
            && (options.is_empty() || letters.contains(|c| options.contains(c)) || is_long("--recursive") || is_long("--archive"))
    });
    let mut operands: Vec<&Vec<Text>> = Vec::new();
    let mut has_pattern = !SEARCHERS.contains(&name);
    let mut is_text = false;
    let is_test = matches!(name, "test" | "[");
    let mut looks = false;
    for choices in arguments {
        let word = plain(choices).unwrap_or_default();
        if std::mem::take(&mut is_text) {
            continue;
        }
        if TEXTS.contains(&word.as_str()) {
            is_text = true;
            has_pattern = true;
            continue;
        }
        if TEXTS
            .iter()
            .any(|option| option.starts_with("--") && word.strip_prefix(option).is_some_and(|rest| rest.starts_with('=')))
        {
            continue;
        }
        if is_test {
            if std::mem::take(&mut looks) {
                choices.iter().try_for_each(|text| may_read(world, cwds, text))?;
            }
            looks = is_file_test(&word);
            continue;
        }
        if word.starts_with('-') && word.len() > 1 {
            for value in values(&word) {
                may_read(world, cwds, &known(&value))?;
            }
            continue;
        }
        if !has_pattern {
            has_pattern = true;
            continue;
        }
        operands.push(choices);
    }
    for text in operands.iter().copied().flatten() {
        may_read(world, cwds, text)?;
        // `name=path`, `a:b`, `@path`, `file://path`
        for part in text
            .split(|unit| matches!(unit, Unit::Char('=' | ':' | '@' | ',')))
            .filter(|part| part.first() == Some(&Unit::Char('/')))
        {
            may_read(world, cwds, part)?;
        }
        if text.iter().any(|unit| matches!(unit, Unit::Char(c) if c.is_whitespace() || matches!(c, '\'' | '"'))) {
            may_mention(world, cwds, text)?;
        }
        if walks {
            may_walk(world, cwds, text)?;
        }
    }
    if walks && operands.is_empty() {
        may_walk(world, cwds, &known("."))?;
    }
    let changes_in_place = matches!(name, "sed" | "perl") && (letters.contains('i') || is_long("--in-place"));
    let skipped = usize::from(matches!(name, "chmod" | "chown" | "chgrp" | "setfacl"));
    let changed: Vec<&Vec<Text>> = match name {
        _ if CHANGERS.contains(&name) => operands.iter().skip(skipped).copied().collect(),
        _ if COPIERS.contains(&name) => operands.last().copied().into_iter().collect(),
        _ if changes_in_place => operands.clone(),
        _ => Vec::new(),
    };
    changed.into_iter().flatten().try_for_each(|text| may_write(world, cwds, text))?;
    if name == "dd" {
        let outputs = arguments.iter().filter_map(plain).filter_map(|word| word.strip_prefix("of=").map(known));
        outputs.into_iter().try_for_each(|text| may_write(world, cwds, &text))?;
    }
    Ok(())
}

/// What an option could name: after `=`, or right after its letter.
fn values(word: &str) -> Vec<String> {
    let after = word.split_once('=').map(|(_, value)| value.to_owned());
    let glued = word.get(2..).filter(|_| !word.starts_with("--")).map(str::to_owned);
    let slash = word.find('/').map(|at| word[at..].to_owned());
    after.into_iter().chain(glued).chain(slash).filter(|value| !value.is_empty()).collect()
}
