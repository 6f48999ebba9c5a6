//! The git command that started a hook, as far as the machine shows it.
//!
//! git does not say for which command it makes a transaction. On Linux the arguments of its process do; elsewhere the command is unknown.

use camino::Utf8Path;

use crate::core::refs::is_ours;
use crate::core::text::escape;
use crate::git::process::{find_parent, read_bytes};

/// How far up to look for git: another hook may have started this one.
const GENERATIONS: usize = 4;
/// Options of git itself that are followed by a value.
const WITH_VALUE: [&str; 8] =
    ["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--super-prefix", "--config-env"];

/// A git command, such as `branch -M main`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// `branch`.
    pub(super) name: String,
    /// The rest.
    pub(super) args: Vec<String>,
}

/// What `git branch -m` was asked to do, in full names; the old one is unknown if it is HEAD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rename {
    pub(super) old: Option<String>,
    pub(super) new: String,
}

impl Caller {
    /// The next git among the processes above.
    pub(super) fn find() -> Option<Self> {
        let mut id = std::os::unix::process::parent_id();
        for _ in 0..GENERATIONS {
            let words = read_bytes(Utf8Path::new(&format!("/proc/{id}/cmdline"))).ok()?;
            let words: Vec<_> = words.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
            if let Some(caller) = Self::parse(&words) {
                return Some(caller);
            }
            id = find_parent(id)?;
        }
        None
    }

    fn parse(words: &[String]) -> Option<Self> {
        let (program, mut rest) = words.split_first()?;
        if Utf8Path::new(program).file_name() != Some("git") {
            return None;
        }
        while let [option, next @ ..] = rest
            && option.starts_with('-')
        {
            rest = if WITH_VALUE.contains(&option.as_str()) { next.get(1..)? } else { next };
        }
        let (name, args) = rest.split_first()?;
        let end = args.iter().rposition(|arg| !arg.is_empty()).map_or(0, |last| last + 1);
        Some(Self { name: name.clone(), args: args[..end].to_vec() })
    }

    /// How to have this command leave a ref alone that cannot be deleted.
    pub(super) fn hint_on_deletion(&self, name: &str) -> Option<String> {
        let shown = if is_ours(name) { "refs/os/*" } else { &escape(name) };
        match self.name.as_str() {
            "fetch" | "pull" | "remote" => {
                Some(format!("git config --add remote.NAME.fetch '^{shown}'   # keep fetches from that remote from deleting it"))
            }
            "update-ref" | "fast-import" if is_ours(name) => Some(
                "pass `--exclude='refs/os/*'` to `git for-each-ref` or `git fast-export` to leave the refs of git-os alone"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// What this command renames, if it is `git branch` with `-m`.
    pub(super) fn rename(&self) -> Option<Rename> {
        let moves = |arg: &&String| match arg.strip_prefix("--") {
            Some(long) => long.len() > 1 && "move".starts_with(long),
            None => arg.starts_with('-') && arg.contains(['m', 'M']),
        };
        if self.name != "branch" || !self.args.iter().any(|arg| moves(&arg)) {
            return None;
        }
        let full = |name: &String| format!("refs/heads/{name}");
        match self.args.iter().filter(|arg| !arg.starts_with('-')).collect::<Vec<_>>()[..] {
            [new] => Some(Rename { old: None, new: full(new) }),
            [old, new] => Some(Rename { old: Some(full(old)), new: full(new) }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Caller> {
        Caller::parse(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_command_comes_after_the_options_of_git() {
        let fetch = Caller { name: "fetch".to_owned(), args: vec!["--prune".to_owned(), "origin".to_owned()] };
        for line in ["git fetch --prune origin", "/usr/bin/git -C /tmp -c a=b --no-pager --git-dir=x fetch --prune origin "] {
            assert_eq!(parse(line).as_ref(), Some(&fetch), "{line}");
        }
        for line in ["", "git", "git -C", "git --version", "sh -c git", "git-os hook"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_rename_is_seen_in_all_its_spellings() {
        let rename = |line: &str| {
            let rename = parse(line)?.rename()?;
            Some(format!("{} {}", rename.old.unwrap_or_default(), rename.new))
        };
        for line in [
            "git branch -m a b",
            "git branch -fm a b",
            "git branch a b -M",
            "git branch --move a b",
            "git branch --mov -f -- a b",
        ] {
            assert_eq!(rename(line).as_deref(), Some("refs/heads/a refs/heads/b"), "{line}");
        }
        assert_eq!(rename("git branch -M main").as_deref(), Some(" refs/heads/main"));
        for line in ["git branch -D a", "git branch -C a b", "git branch --merged a", "git branch -m", "git tag -m a b"] {
            assert_eq!(rename(line), None, "{line}");
        }
    }
}
