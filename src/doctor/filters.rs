//! The filters that `.gitattributes` names, and whether they are set up: without its filter a file is checked out and committed as it is.

use std::collections::BTreeSet;

use super::Trouble;
use super::subject::Subject;
use crate::core::id::ObjectId;
use crate::core::text::escape;
use crate::git::lfs;
use crate::ledger::Ledger;

/// The filters without which nobody sees what a file contains, and the command that sets each up.
const NEEDED: [(&str, &str); 2] = [(lfs::FILTER, "git lfs install"), ("git-crypt", "git-crypt unlock")];

/// What is wrong with the filters of a repository.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filters {
    /// What keeps git from working with files of the repository.
    pub(super) faults: Vec<String>,
    /// What to do about the first of them.
    pub(super) remedy: String,
    /// What a repository may do without.
    pub(super) remarks: Vec<String>,
}

pub(super) fn look(subject: &Subject<'_>) -> Result<Filters, Trouble> {
    let (repo, mut found) = (subject.repo, Filters::default());
    let trunk = subject.ledger().ok().map(Ledger::find_trunk_tip).transpose()?.flatten();
    let Some(tip) = trunk.map_or_else(|| repo.git().find_commit("HEAD"), |tip| Ok(Some(tip)))? else { return Ok(found) };
    for name in named(subject, tip)? {
        let shown = escape(&name);
        let of = |key: &str| repo.config(&format!("filter.{name}.{key}"));
        let commands: Vec<String> = ["process", "clean", "smudge"].iter().filter_map(|key| of(key)).collect();
        let needed =
            NEEDED.iter().find(|(known, _)| name == *known || name.strip_prefix(known).is_some_and(|rest| rest.starts_with('-')));
        // Whoever says that it is not required does without.
        let is_required = of("required").map_or(needed.is_some(), |value| !["false", "no", "off", "0"].contains(&value.as_str()));
        let missing = match commands.first() {
            None => format!("the filter `{shown}`, which is not set up here"),
            Some(_) => match commands.iter().find_map(|command| missing_program(subject, command)) {
                Some(program) => format!("the filter `{shown}`, whose program `{}` is not installed", escape(&program)),
                None => continue,
            },
        };
        // Asked last, since it looks at every file.
        let Some(path) = find_file(subject, tip, &name)? else { continue };
        let what = format!("`.gitattributes` gives `{}` {missing}", escape(&path));
        if !is_required {
            found.remarks.push(what);
            continue;
        }
        if found.faults.is_empty() {
            let plain = || format!("git -C '{}' config --get-regexp '^filter[.]'", repo.home());
            found.remedy = needed.map_or_else(plain, |(_, command)| (*command).to_owned());
        }
        found.faults.push(what);
    }
    Ok(found)
}

/// The filters that the attributes of a commit name, whatever they are given to.
fn named(subject: &Subject<'_>, tip: ObjectId) -> Result<BTreeSet<String>, Trouble> {
    let files = ["--", ".gitattributes", "**/.gitattributes"];
    let plain = ["grep", "-h", "-I", "--no-color", "--no-line-number", "--no-column", "--fixed-strings", "-e", "filter="];
    let text = subject.repo.git().find(plain.into_iter().chain([tip.to_string().as_str()]).chain(files))?.unwrap_or_default();
    let words = text.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(str::split_ascii_whitespace);
    Ok(words.filter_map(|word| word.strip_prefix("filter=")).filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// A file of a commit that has this filter.
fn find_file(subject: &Subject<'_>, tip: ObjectId, filter: &str) -> Result<Option<String>, Trouble> {
    let listed = subject.repo.git().output(["ls-tree", "-r", "-z", "--name-only", "--full-tree", &tip.to_string()])?;
    let paths: Vec<String> = listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    Ok(subject.repo.list_filters(tip, &paths)?.into_iter().find(|(_, name)| name == filter).map(|(path, _)| path))
}

/// The program that a command starts, if git would not find it.
fn missing_program(subject: &Subject<'_>, command: &str) -> Option<String> {
    let program = command.split_ascii_whitespace().next()?;
    // What is no plain name is for the shell to say.
    let is_plain = program.chars().all(|c| c.is_ascii_alphanumeric() || "-_./+".contains(c)) && !program.starts_with('-');
    // An alias is looked for where a filter is: in the folder of git's own programs, too.
    let alias = format!("alias.os-find=!command -v {program}");
    let is_found = || subject.repo.git().config(&alias).run(["os-find"]).is_ok_and(|output| output.code == 0);
    (is_plain && !is_found()).then(|| program.to_owned())
}
