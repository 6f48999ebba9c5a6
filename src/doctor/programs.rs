//! Whether what a registry starts is there: programs, and scripts that are given to an interpreter.
//!
//! Only what the words say plainly is looked at. Paths in the `run` of an agent count from the folder of the registry; relative paths in
//! a check are in a worktree, which is made of a protected branch.

use std::fmt;

use camino::Utf8Path;

use crate::core::registry::{AgentEntry, RepoEntry, interpreter};
use crate::git::program::{Program, look};
use crate::git::tree::FOLDER;
use crate::git::{GitError, Repo};

/// What is not there, or not as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lack {
    Program(String),
    NotExecutable(String),
    File(String),
    /// The file is not on the branch.
    OnBranch {
        path: String,
        branch: String,
    },
    NotExecutableOnBranch {
        path: String,
        branch: String,
    },
}

impl fmt::Display for Lack {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(name) => {
                write!(out, "there is no program `{name}`{}", if name.contains('/') { "" } else { " in PATH" })
            }
            Self::NotExecutable(name) => write!(out, "`{name}` is not executable"),
            Self::File(path) => write!(out, "there is no file `{path}`"),
            Self::OnBranch { path, branch } => {
                write!(out, "there is no file `{path}` on `{branch}`, of which worktrees are made")
            }
            Self::NotExecutableOnBranch { path, branch } => write!(out, "`{path}` is not executable on `{branch}`"),
        }
    }
}

/// Why an agent cannot start. Its paths count from the folder of the registry, and never from a worktree.
#[must_use]
pub(crate) fn find_lack_of_agent(agent: &AgentEntry, registry_dir: &Utf8Path) -> Option<Lack> {
    let program = agent.words(registry_dir).into_iter().next()?;
    let script = || agent.script(registry_dir).filter(|script| !Utf8Path::new(script).is_file()).map(Lack::File);
    find_lack_of_program(&program, registry_dir).or_else(script)
}

/// Why a check cannot run: what its program is, and then what a ticket may bring about, since it is about a file on a branch.
///
/// # Errors
/// When the repository cannot be read.
pub(super) fn find_lacks_of_check(line: &str, entry: &RepoEntry, repo: &Repo) -> Result<(Option<Lack>, Option<Lack>), GitError> {
    if let Some(lack) = find_program(line).and_then(|program| find_lack_of_program(program, repo.home())) {
        return Ok((Some(lack), None));
    }
    let words = first_command(line);
    // What is not there yet may be made by the checks before this one.
    if let Some(path) = words.first().filter(|word| word.contains('/') && !word.starts_with('/'))
        && let OnBranch::NotExecutable(branch) = look_on_branch(entry, repo, path)?
    {
        return Ok((None, Some(Lack::NotExecutableOnBranch { path: (*path).to_owned(), branch })));
    }
    match find_script(&words).filter(|script| !script.starts_with('/')) {
        Some(script) => Ok((None, find_script_lack(entry, repo, script)?)),
        None => Ok((None, None)),
    }
}

/// What keeps a program from being started, counted from a folder where its name has a slash.
fn find_lack_of_program(name: &str, dir: &Utf8Path) -> Option<Lack> {
    match look(name, dir) {
        Program::There => None,
        Program::NotExecutable => Some(Lack::NotExecutable(name.to_owned())),
        Program::Missing => Some(Lack::Program(name.to_owned())),
    }
}

fn find_script_lack(entry: &RepoEntry, repo: &Repo, script: &str) -> Result<Option<Lack>, GitError> {
    Ok(match look_on_branch(entry, repo, script)? {
        OnBranch::Missing(branch) => Some(Lack::OnBranch { path: script.to_owned(), branch }),
        OnBranch::There | OnBranch::NotExecutable(_) | OnBranch::Unknown => None,
    })
}

/// What a protected branch has at a path.
enum OnBranch {
    There,
    NotExecutable(String),
    Missing(String),
    /// It cannot be told: there is no branch yet, the path leads elsewhere, or git ignores it, so that it is made or copied there.
    Unknown,
}

fn look_on_branch(entry: &RepoEntry, repo: &Repo, path: &str) -> Result<OnBranch, GitError> {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let Some(branch) = entry.protected.first().filter(|_| !parts.contains(&"..")) else { return Ok(OnBranch::Unknown) };
    let Some(tip) = repo.find_ref(&format!("refs/heads/{branch}"))? else { return Ok(OnBranch::Unknown) };
    let mut tree_id = repo.read_commit(tip)?.tree_id;
    for (at, part) in parts.iter().enumerate() {
        let is_last = at + 1 == parts.len();
        match repo.find_entry(tree_id, part)? {
            Some(found) if found.mode == FOLDER && !is_last => tree_id = found.id,
            Some(found) if is_last => {
                let is_plain = found.mode & 0o170_000 == 0o100_000 && found.mode & 0o111 == 0;
                return Ok(if is_plain { OnBranch::NotExecutable(branch.clone()) } else { OnBranch::There });
            }
            // A link or another repository may lead to it.
            Some(_) => return Ok(OnBranch::Unknown),
            None => break,
        }
    }
    let is_ignored = repo.git().run(["check-ignore", "--quiet", "--", &parts.join("/")])?.code == 0;
    Ok(if is_ignored { OnBranch::Unknown } else { OnBranch::Missing(branch.clone()) })
}

/// The endings of scripts.
const ENDINGS: [&str; 11] = ["sh", "bash", "zsh", "py", "js", "mjs", "cjs", "rb", "pl", "php", "lua"];

/// The script that these words give to an interpreter, if its place in a worktree is plain.
fn find_script<'w>(words: &[&'w str]) -> Option<&'w str> {
    let script = words[interpreter::find_script(words)?];
    let is_script = Utf8Path::new(script).extension().is_some_and(|ending| ENDINGS.contains(&ending));
    let is_path = script.starts_with("./") || script.starts_with("../") || script.contains('/') && is_script;
    is_path.then_some(script)
}

/// What a shell has by itself.
const BUILT_IN: [&str; 28] = [
    ":", ".", "[", "test", "true", "false", "cd", "echo", "printf", "exit", "export", "set", "unset", "exec", "eval", "command",
    "if", "for", "while", "until", "case", "umask", "ulimit", "trap", "read", "shift", "type", "wait",
];

/// The program that a line of shell begins with, if that can be told, and is to be found in `PATH`. What has a slash may be
/// made by the checks before it.
fn find_program(line: &str) -> Option<&str> {
    let is_plain = |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte));
    let word = line.split_whitespace().next().filter(is_plain)?;
    (!BUILT_IN.contains(&word)).then_some(word)
}

/// The words of the first command of a line of shell, as far as they are nothing but words.
fn first_command(line: &str) -> Vec<&str> {
    let first = line.trim_start().split([';', '&', '|', '\n']).next().unwrap_or_default();
    let is_plain = |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.+-/".contains(&byte));
    first.split_whitespace().take_while(is_plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_named_only_where_a_line_says_it_plainly() {
        for (line, program) in [
            ("make test", Some("make")),
            ("  pytest -q", Some("pytest")),
            ("clang-format-15 --check", Some("clang-format-15")),
            ("test -e done", None),
            ("A=1 make", None),
            ("./run.sh", None),
            ("node_modules/.bin/jest", None),
            ("$TOOL x", None),
            ("(cd a; make)", None),
            ("", None),
        ] {
            assert_eq!(find_program(line), program, "{line}");
        }
    }

    #[test]
    fn a_script_is_named_only_where_a_line_says_it_plainly() {
        for (line, script) in [
            ("sh tests/run.sh", Some("tests/run.sh")),
            ("sh ./run", Some("./run")),
            ("bash -eu tests/run.sh --fast", Some("tests/run.sh")),
            ("/usr/bin/python3.11 -u tools/check.py && make", Some("tools/check.py")),
            ("node ../check.mjs;", Some("../check.mjs")),
            ("  ruby test/all.rb | tee log", Some("test/all.rb")),
            ("sh run.sh", None),
            ("sh tests/run", None),
            ("sh -c ./run.sh", None),
            ("bash -o pipefail tests/run.sh", None),
            ("python3 -m tests/run.py", None),
            ("node --test test/all.js", None),
            ("perl -Ilib t/all.pl", None),
            ("cat tests/run.sh", None),
            ("make && sh tests/run.sh", None),
            ("cd tests && sh ./run.sh", None),
            ("A=1 sh tests/run.sh", None),
            ("sh $DIR/run.sh", None),
            ("sh 'tests/run.sh'", None),
            ("sh tests/*.sh", None),
            ("sh <tests/run.sh", None),
            ("sh", None),
            ("", None),
        ] {
            assert_eq!(find_script(&first_command(line)), script, "{line}");
        }
    }
}
