//! Installs the git-os hooks next to existing hooks, and removes them.

pub(crate) mod run;
mod setting;

use camino::{Utf8Path, Utf8PathBuf};

use super::front::{self, FrontConfig, FrontError, Watch};
use super::{Reply, say};
use crate::core::meta::{Gate, Policy};
use crate::core::rule::Missing;
use crate::git::config::{COMMAND, Scope};
use crate::git::process::{read_bytes, read_file, remove_file, rename_file, write_file};
use crate::git::{GitError, Repo};

/// The hooks for a repository in which people and agents work.
pub(crate) const OURS: [&str; 3] = [REFS, EARLY[0].0, EARLY[1].0];
/// The hook for a server.
pub(crate) const SERVER: &str = "pre-receive";
/// All git-os hooks.
pub(crate) const ALL: [&str; 4] = [REFS, EARLY[0].0, EARLY[1].0, SERVER];
/// The hook that checks every update.
const REFS: &str = "reference-transaction";
/// The hooks that refuse before git has done half of its work, each with the condition of the shell for starting git-os.
const EARLY: [(&str, &str); 2] =
    [("pre-merge-commit", "true"), ("update", "case $1 in refs/heads/* | refs/os/* | refs/notes/os*) true ;; *) false ;; esac")];

/// The role of a repository, which decides the hooks that it needs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side<'a> {
    /// A repository with work, under this policy.
    Clone(&'a Policy),
    /// A server; its policy comes with the first push.
    Server,
}
/// The suffix of an existing hook while the git-os hook has its name.
const ASIDE: &str = ".git-os-previous";
/// The suffix of an earlier hook, if another program has replaced the git-os hook.
const OLDER: &str = ".git-os-older";
/// The hooks folder for a repository whose `core.hooksPath` points to another folder.
const FOLDER: &str = "git-os-hooks";
/// Hooks that are passed on even if no such hook exists yet.
const USUAL: [&str; 12] = [
    "applypatch-msg",
    "pre-applypatch",
    "post-applypatch",
    "pre-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "pre-rebase",
    "post-checkout",
    "post-merge",
    "pre-push",
    "post-rewrite",
];

/// Why the hooks could not be installed.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "kebab-case", prefix = "hook-")]
pub(crate) enum InstallError {
    #[error(transparent)]
    Front(#[from] FrontErrorOpaque),
    #[error("cannot put the hooks in force: {scope} configuration sets `core.hooksPath` to `{value}` ({origin})")]
    Shadowed { value: String, scope: String, origin: String },
    #[error(transparent)]
    Git(#[from] GitError),
}

/// An error in the settings for the hook program.
#[derive(Debug, thiserror::Error)]
#[error("the hook cannot be built: {0}")]
pub(crate) struct FrontErrorOpaque(String);

impl From<FrontError> for InstallError {
    fn from(error: FrontError) -> Self {
        Self::Front(FrontErrorOpaque(error.to_string()))
    }
}

/// The folder in which git looks for hooks, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HookPlace {
    /// The folder with the git-os hooks.
    pub(crate) dir: Utf8PathBuf,
    /// The former value of `core.hooksPath`; git resolves relative paths from where it runs a hook. An empty one means that
    /// no hooks of others run.
    pub(crate) former: Option<Utf8PathBuf>,
    /// Why git does not look in this folder now, or does not run the hooks of others.
    pub(crate) fault: Option<String>,
}

impl HookPlace {
    /// The folder with the hooks of others, if `core.hooksPath` named one.
    pub(crate) fn others(&self) -> Option<&Utf8Path> {
        self.former.as_deref().filter(|former| *former != "")
    }

    /// The former hook of this name.
    fn previous(&self, hook: &str) -> Option<Utf8PathBuf> {
        match &self.former {
            Some(_) => self.others().map(|former| former.join(hook)),
            None => Some(self.dir.join(format!("{hook}{ASIDE}"))),
        }
    }
}

/// Finds the folder for the git-os hooks, as git sees the configuration now.
///
/// # Errors
/// If git cannot be started.
pub(crate) fn place(repo: &Repo) -> Result<HookPlace, GitError> {
    let mut listed = repo.list_path_settings(setting::HOOKS_PATH)?;
    let winner = listed.last().cloned();
    listed.retain(|setting| !setting::is_own(repo, &setting.path) && setting.scope != COMMAND);
    let own = folder(repo);
    let others = listed.pop().map(|setting| setting.path);
    let handed_on_to = || repo.list_settings(Scope::Local, setting::FORMER);
    let fault = match (&others, &winner) {
        (_, Some(winner)) if winner.path != own => {
            Some(format!("`core.hooksPath` is `{}`, so git-os hooks do not run", winner.path))
        }
        (_, Some(winner)) if setting::is_in_place_of_others(winner) => {
            Some("an earlier git-os replaced the value of `core.hooksPath`".to_owned())
        }
        (None, Some(_)) => Some("`core.hooksPath` is not set any more, so the hooks in `.git/hooks` do not run".to_owned()),
        (Some(others), _) if handed_on_to()? != [others.as_str()] => {
            Some(format!("`core.hooksPath` was set to `{others}`, and the hooks in it do not run"))
        }
        (None, None) | (Some(_), _) => None,
    };
    Ok(match others {
        None => HookPlace { dir: repo.common_dir().join("hooks"), former: None, fault },
        Some(path) => HookPlace { dir: own, former: Some(path.into()), fault },
    })
}

/// The folder for the hooks where `core.hooksPath` names another one.
pub(crate) fn folder(repo: &Repo) -> Utf8PathBuf {
    repo.common_dir().join(FOLDER)
}

/// One file to install.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    name: String,
    contents: Vec<u8>,
}

/// Lists the files that must be in the folder.
fn wanted(repo: &Repo, place: &HookPlace, side: Side<'_>, program: &Utf8Path) -> Result<Vec<Wanted>, InstallError> {
    let mut all = match side {
        Side::Clone(policy) => wanted_in_clone(repo, place, policy, program)?,
        Side::Server => {
            let script = include_str!("../../hooks/pre-receive").replace("@PROGRAM@", &quote(program.as_str()));
            vec![Wanted { name: SERVER.to_owned(), contents: script.into_bytes() }]
        }
    };
    if let Some(former) = place.others() {
        let there = repo.home().join(former);
        let found = there.read_dir_utf8().into_iter().flatten().flatten().map(|entry| entry.file_name().to_owned());
        let is_hook = |name: &String| !name.contains('.') && name.contains('-');
        let mut names: Vec<String> = USUAL.iter().map(|name| (*name).to_owned()).chain(found.filter(is_hook)).collect();
        names.sort();
        names.dedup();
        names.retain(|name| !all.iter().any(|wanted| wanted.name == *name));
        for name in names {
            let script = include_str!("../../hooks/hand-on").replace("@PREVIOUS@", &quote(former.join(&name).as_str()));
            all.push(Wanted { name, contents: script.into_bytes() });
        }
    }
    Ok(all)
}

fn wanted_in_clone(repo: &Repo, place: &HookPlace, policy: &Policy, program: &Utf8Path) -> Result<Vec<Wanted>, InstallError> {
    let mut all = Vec::new();
    let is_there = |path: &Utf8PathBuf| place.former.is_some() || path.as_std_path().exists();
    let previous = |hook: &str| place.previous(hook).filter(is_there);
    let chained = previous(REFS).is_some_and(|path| repo.home().join(path).as_std_path().exists());
    let config = FrontConfig { program: program.to_owned(), watched: watched(policy), always: chained };
    all.push(Wanted { name: REFS.to_owned(), contents: front::image(&config)? });
    for (hook, when) in EARLY {
        let previous = previous(hook).map(|path| quote(path.as_str())).unwrap_or_default();
        let script = include_str!("../../hooks/early")
            .replace("@HOOK@", hook)
            .replace("@WHEN@", when)
            .replace("@PROGRAM@", &quote(program.as_str()))
            .replace("@PREVIOUS@", &previous);
        all.push(Wanted { name: hook.to_owned(), contents: script.into_bytes() });
    }
    Ok(all)
}

/// Quotes a text for use between single quotes in a shell.
pub(crate) fn quote(text: &str) -> String {
    text.replace('\'', r"'\''")
}

/// The refs that git-os checks under this policy, besides its own.
pub(super) fn watched(policy: &Policy) -> Vec<Watch> {
    let missing = match policy.gate {
        Gate::All => Missing::Refuse,
        Gate::Tickets | Gate::Off => Missing::Pass,
    };
    // Even with the gate off, git-os must notice landings.
    policy.protected_refs().map(|name| Watch { name, committed: true, missing }).collect()
}

/// Returns the problems with the installed hooks; empty if there are none.
///
/// # Errors
/// If the hook program cannot be built.
pub(crate) fn faults(repo: &Repo, side: Side<'_>, program: &Utf8Path) -> Result<Vec<String>, InstallError> {
    let place = place(repo)?;
    let mut faults: Vec<String> = place.fault.iter().cloned().collect();
    for wanted in wanted(repo, &place, side, program)? {
        let path = place.dir.join(&wanted.name);
        match read_bytes(&path) {
            Err(_) => faults.push(format!("hook `{}` is missing", wanted.name)),
            Ok(found) if found != wanted.contents => faults.push(format!("hook `{}` is out of date", wanted.name)),
            Ok(_) if !is_executable(&path) => faults.push(format!("hook `{}` is not executable", wanted.name)),
            Ok(_) => {}
        }
    }
    Ok(faults)
}

fn is_executable(path: &Utf8Path) -> bool {
    rustix::fs::access(path.as_std_path(), rustix::fs::Access::EXEC_OK).is_ok()
}

/// Installs the hooks. Returns whether anything was written.
///
/// # Errors
/// If a file or git's configuration cannot be written.
pub(crate) fn install(repo: &Repo, side: Side<'_>, program: &Utf8Path) -> Result<bool, InstallError> {
    if faults(repo, side, program)?.is_empty() {
        return Ok(false);
    }
    let winner = repo.find_path_setting(setting::HOOKS_PATH)?;
    if winner.is_some_and(|winner| setting::is_own(repo, &winner.path) && setting::is_in_place_of_others(&winner)) {
        setting::take_back(repo)?;
    }
    let place = place(repo)?;
    if place.former.is_none() {
        let hooks = match side {
            Side::Clone(_) => &OURS[..],
            Side::Server => &[SERVER][..],
        };
        for hook in hooks {
            set_aside(&place.dir.join(hook))?;
        }
    }
    for wanted in wanted(repo, &place, side, program)? {
        write_file(&place.dir.join(&wanted.name), &wanted.contents, 0o755)?;
    }
    match &place.former {
        _ if place.fault.is_none() => {}
        Some(former) => setting::put_in_force(repo, &place.dir, former)?,
        None => {
            setting::take_back(repo)?;
            setting::wins_nothing_else(repo, None)?;
        }
    }
    Ok(true)
}

/// Renames an existing hook, which may be a file or a link.
fn set_aside(path: &Utf8Path) -> Result<(), GitError> {
    if !path.is_symlink() && !path.as_std_path().exists() || read_bytes(path).is_ok_and(|found| is_ours(&found)) {
        return Ok(());
    }
    let aside = Utf8PathBuf::from(format!("{path}{ASIDE}"));
    if aside.is_symlink() || aside.as_std_path().exists() {
        // Another program has replaced the git-os hook, which ran the earlier one. Its hook is the current one; keep both.
        rename_file(&aside, &Utf8PathBuf::from(format!("{path}{OLDER}")))?;
    }
    rename_file(path, &aside)
}

fn is_ours(contents: &[u8]) -> bool {
    front::read_config(contents).is_some() || contents.starts_with(b"#!/bin/sh\n# git-os:")
}

/// Removes the hooks and restores the previous ones.
///
/// # Errors
/// If a file or git's configuration cannot be written.
pub(crate) fn uninstall(repo: &Repo) -> Result<(), InstallError> {
    setting::take_back(repo)?;
    run::remove(repo)?;
    let own = folder(repo);
    for entry in own.read_dir_utf8().into_iter().flatten().flatten() {
        remove_file(entry.path())?;
    }
    // `rmdir` removes only an empty folder, so other files are safe.
    rustix::fs::rmdir(own.as_std_path()).unwrap_or_default();
    for hook in ALL {
        let path = repo.common_dir().join("hooks").join(hook);
        let aside = Utf8PathBuf::from(format!("{path}{ASIDE}"));
        if read_bytes(&path).is_ok_and(|found| is_ours(&found)) {
            remove_file(&path)?;
        }
        // A hook that has replaced the git-os hook stays, and so does the renamed hook next to it.
        let is_free = !path.is_symlink() && !path.as_std_path().exists();
        if is_free && (aside.is_symlink() || aside.as_std_path().exists()) {
            rename_file(&aside, &path)?;
        }
    }
    Ok(())
}

/// Runs the previous hook of this name with the same arguments and input.
pub(super) fn run_previous(repo: &Repo, hook: &str, args: &[&str], input: &[u8]) -> Reply {
    // Git runs this hook, so the setting is as it was when git read it.
    let place = match repo.config(setting::HOOKS_PATH) {
        Some(_) => HookPlace { dir: folder(repo), former: repo.config(setting::FORMER).map(Into::into), fault: None },
        None => HookPlace { dir: repo.common_dir().join("hooks"), former: None, fault: None },
    };
    let Some(previous) = place.previous(hook) else { return Reply::Go };
    let path = repo.home().join(previous);
    if !is_executable(&path) {
        return Reply::Go;
    }
    match crate::git::process::run_hook(&path, args, input) {
        Ok(true) => Reply::Go,
        Ok(false) => Reply::Stop,
        Err(error) => {
            say(&format!("warning: cannot run the hook `{path}`: {error}"));
            Reply::Go
        }
    }
}

/// The marks around the git-os lines in a file of git.
const MARK_BEGIN: &str = "# git-os begin";
const MARK_END: &str = "# git-os end";

/// The paths that are hidden from `git status`: the worktrees of tickets.
pub(crate) const EXCLUDED: [&str; 1] = ["/.claude/worktrees/"];

/// Hides the worktrees of tickets and agents from `git status`. Returns whether anything was written.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn exclude(repo: &Repo, patterns: &[&str]) -> Result<bool, GitError> {
    let Some(text) = excluding(repo, patterns) else { return Ok(false) };
    write_file(&exclude_file(repo), text.as_bytes(), 0o644)?;
    Ok(true)
}

fn exclude_file(repo: &Repo) -> Utf8PathBuf {
    repo.common_dir().join("info/exclude")
}

/// The file of a repository that hides these patterns for git-os and no others; `None` if it does so already.
pub(crate) fn excluding(repo: &Repo, patterns: &[&str]) -> Option<String> {
    let before = read_file(&exclude_file(repo)).unwrap_or_default();
    let mut after = without_marked(&before);
    if !patterns.is_empty() {
        if !after.is_empty() && !after.ends_with('\n') {
            after.push('\n');
        }
        after += &format!("{MARK_BEGIN}\n{}\n{MARK_END}\n", patterns.join("\n"));
    }
    (after != before).then_some(after)
}

fn without_marked(text: &str) -> String {
    let mut kept = String::new();
    let mut is_marked = false;
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    for (at, line) in lines.iter().enumerate() {
        match line.trim_end() {
            MARK_BEGIN => is_marked = true,
            MARK_END if is_marked => is_marked = false,
            // Without an end mark, remove only lines that are certainly from git-os.
            known if is_marked && (EXCLUDED.contains(&known) || is_closed(&lines[at..])) => {}
            _ => {
                is_marked &= is_closed(&lines[at..]);
                kept += line;
            }
        }
    }
    kept
}

/// Whether the end mark comes before another begin mark.
fn is_closed(lines: &[&str]) -> bool {
    lines.iter().map(|line| line.trim_end()).find(|line| [MARK_BEGIN, MARK_END].contains(line)) == Some(MARK_END)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marked_lines_go() {
        let text = "a\n# git-os begin\nb\n# git-os end\nc";
        assert_eq!(without_marked(text), "a\nc");
        assert_eq!(without_marked("# git-os end\n"), "# git-os end\n");
        assert_eq!(without_marked("a\n# git-os begin\n/.claude/worktrees/\nmine\n"), "a\nmine\n");
    }
}
