//! The hooks: ours in place and in force, and those of others still run.

use camino::Utf8Path;

use super::subject::Subject;
use super::{Finding, Trouble};
use crate::core::text::plural;
use crate::git::process::read_file;
use crate::hook::install::{self, OURS, Side};

pub(super) fn present(subject: &Subject<'_>) -> Result<Finding, Trouble> {
    let faults = install::faults(subject.repo, Side::Clone(&subject.ledger()?.policy), subject.program)?;
    Ok(Finding::of(&faults, format!("`{}` are installed", OURS.join("`, `")), "git os init"))
}

pub(super) fn not_shadowed(subject: &Subject<'_>) -> Result<Finding, Trouble> {
    subject.ledger()?;
    let place = install::place(subject.repo)?;
    if let Some(reason) = place.fault {
        return Ok(Finding::fail(reason, "git os init"));
    }
    if let Some(file) = worktree_settings(subject) {
        let reason = format!("`{file}` sets `core.hooksPath` for one worktree, so git-os hooks do not run there");
        return Ok(Finding::fail(reason, format!("git config --file '{file}' --get core.hooksPath")));
    }
    let others = match place.others() {
        Some(former) => {
            let there = subject.repo.home().join(former);
            if there.as_std_path().is_dir() {
                format!("git-os hooks run, and then the hooks in `{former}`")
            } else {
                format!("git-os hooks run; the former hooks folder `{former}` does not exist")
            }
        }
        None if place.former.is_some() => "git-os hooks run; `core.hooksPath` was empty, so there are no other hooks".to_owned(),
        None => match count_others(&place.dir) {
            0 => "git-os hooks run; there are no other hooks".to_owned(),
            others => format!("git-os hooks run; {} as well", plural(others, "other hook", "other hooks")),
        },
    };
    Ok(Finding::pass(others))
}

/// A worktree's own configuration that leads git away from our hooks there.
fn worktree_settings(subject: &Subject<'_>) -> Option<String> {
    let repo = subject.repo;
    repo.config("extensions.worktreeConfig").filter(|value| value != "false")?;
    let common = repo.common_dir();
    let main = std::iter::once(common.to_owned());
    let linked = common.join("worktrees").read_dir_utf8().into_iter().flatten().flatten().map(|entry| entry.path().to_owned());
    let mut files = main.chain(linked).map(|dir| dir.join("config.worktree"));
    let own = install::folder(repo);
    // The last line wins, and it may be ours.
    let sets = |text: &str| {
        let is_about_hooks =
            |line: &&str| line.trim_start().to_ascii_lowercase().starts_with("hookspath") || line.contains(own.as_str());
        let mut lines = text.lines().filter(is_about_hooks);
        lines.next_back().is_some_and(|line| !line.contains(own.as_str()))
    };
    files.find(|file| read_file(file).is_ok_and(|text| sets(&text))).map(|file| file.to_string())
}

/// How many hooks of others would run: each is executable and no sample.
fn count_others(dir: &Utf8Path) -> usize {
    let runs = |path: &Utf8Path| rustix::fs::access(path.as_std_path(), rustix::fs::Access::EXEC_OK).is_ok();
    let is_other = |name: &str| !name.ends_with(".sample") && !OURS.contains(&name);
    let entries = dir.read_dir_utf8().into_iter().flatten().flatten();
    entries.filter(|entry| is_other(entry.file_name()) && runs(entry.path())).count()
}
