//! Refs: read, listed, and moved by compare-and-swap, with gix if possible and otherwise with git itself.

pub(super) mod pack;
mod update;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::ending::step;
use super::failure::{ignored_refs, is_gone, is_locked};
use super::process::check;
use super::{GitError, RefBackend, Repo};
use crate::core::id::ObjectId;
pub(crate) use update::{Attempts, Update};

/// How long to wait for a lock of another process.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same for the lock of `packed-refs`: longer than it takes to tell that it is stale.
const PACKED_PATIENCE: Duration = Duration::from_secs(40);

/// The value that a ref must have for an update to succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Absent,
    At(ObjectId),
}

/// One update of one ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefEdit {
    pub(crate) name: String,
    pub(crate) expected: Expected,
    /// `None` deletes.
    pub(crate) new: Option<ObjectId>,
}

impl RefEdit {
    /// Deletes a ref.
    #[must_use]
    pub(crate) fn delete(name: impl Into<String>, old: ObjectId) -> Self {
        Self { name: name.into(), expected: Expected::At(old), new: None }
    }

    /// Creates a ref.
    #[must_use]
    pub(crate) fn create(name: impl Into<String>, new: ObjectId) -> Self {
        Self { name: name.into(), expected: Expected::Absent, new: Some(new) }
    }

    /// Moves an existing ref, or creates it if `old` is `None`.
    #[must_use]
    pub(crate) fn advance(name: impl Into<String>, old: Option<ObjectId>, new: ObjectId) -> Self {
        Self { name: name.into(), expected: old.map_or(Expected::Absent, Expected::At), new: Some(new) }
    }
}

/// The result of a compare-and-swap.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Moved {
    Done,
    /// Another process was faster; nothing was changed.
    Lost,
}

/// One line of a reflog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLine {
    pub(crate) new: ObjectId,
    /// Whether the line records the creation of the ref.
    pub(crate) is_birth: bool,
    pub(crate) message: String,
}

impl Repo {
    /// The reflog of a ref, oldest line first; empty if there is none.
    #[must_use]
    pub(crate) fn read_log(&self, name: &str) -> Vec<LogLine> {
        let file = super::process::read_file(&self.common_dir().join("logs").join(name)).unwrap_or_default();
        let line = |line: &str| {
            let (ids, message) = line.split_once('\t').unwrap_or((line, ""));
            let mut words = ids.split(' ');
            let (old, new) = (ObjectId::parse(words.next()?).ok()?, ObjectId::parse(words.next()?).ok()?);
            Some(LogLine { new, is_birth: old.is_zero(), message: message.to_owned() })
        };
        file.lines().filter_map(line).collect()
    }

    /// Lists refs at or below a name that are not ordinary refs to an object, and what each of them is.
    ///
    /// # Errors
    /// If git cannot list them.
    pub(crate) fn list_odd_refs(&self, name: &str) -> Result<Vec<(String, String)>, GitError> {
        let args = ["for-each-ref", "--format=%(refname) %(symref)", name];
        let out = self.git().run(args)?;
        check(&args, &out)?;
        let stdout = String::from_utf8_lossy(&out.stdout).into_owned();
        let mut all: Vec<_> =
            symbolic(&stdout).map(|(name, target)| (name.to_owned(), format!("it is a symbolic ref to `{target}`"))).collect();
        let names = stdout.lines().filter_map(|line| Some(line.split_once(' ')?.0)).filter(|name| name.contains('\u{fffd}'));
        all.extend(names.map(|name| (name.to_owned(), "its name is not UTF-8".to_owned())));
        all.extend(ignored_refs(&out).map(|(name, what)| (name.to_owned(), format!("it is a {what}"))));
        Ok(all)
    }

    /// The default branch of each remote, as it was when the remote was cloned or asked: the remote's name and the branch's.
    ///
    /// # Errors
    /// If git cannot list them.
    pub(crate) fn list_remote_heads(&self) -> Result<Vec<(String, String)>, GitError> {
        let out = self.git().output(["for-each-ref", "--format=%(refname) %(symref)", "refs/remotes/**/HEAD"])?;
        let head = |(name, target): (&str, &str)| {
            let remote = name.strip_suffix("HEAD")?;
            let branch = target.strip_prefix(remote)?;
            Some((remote.strip_prefix("refs/remotes/")?.trim_end_matches('/').to_owned(), branch.to_owned()))
        };
        Ok(symbolic(&out).filter_map(head).collect())
    }

    /// Lists all symbolic refs below `refs/`, each with its target.
    ///
    /// # Errors
    /// If git cannot list them.
    pub(crate) fn list_symbolic_refs(&self) -> Result<Vec<(String, String)>, GitError> {
        let out = self.git().output(["for-each-ref", "--format=%(refname) %(symref)"])?;
        Ok(symbolic(&out).map(|(name, target)| (name.to_owned(), target.to_owned())).collect())
    }

    /// The object that a ref points to; symbolic refs are not followed and count as missing.
    ///
    /// # Errors
    /// If the refs cannot be read.
    pub(crate) fn find_ref(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        if let Some(supposed) = self.supposed.get(name) {
            return Ok(*supposed);
        }
        self.find_present_ref(name)
    }

    /// Like [`Repo::find_ref`], but ignores hypothetical values.
    ///
    /// # Errors
    /// If the refs cannot be read.
    pub(crate) fn find_present_ref(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        if self.backend == RefBackend::Cli {
            return self.find_ref_by_git(name);
        }
        let refs_error = |source| GitError::Refs { source };
        self.read_refs(|| self.store.find_ref(name).map(Some).map_err(refs_error), || self.find_ref_by_git(name))
    }

    fn find_ref_by_git(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        Ok(self.list_refs_by_git(name)?.into_iter().find(|found| found.0 == name).map(|found| found.1))
    }

    /// The ref that keeps another one from being created: its name is the beginning of that one's, or the other way round.
    ///
    /// # Errors
    /// If the refs cannot be read.
    pub(crate) fn find_ref_in_the_way(&self, name: &str) -> Result<Option<String>, GitError> {
        for (at, _) in name.match_indices('/').skip(2) {
            if self.find_present_ref(&name[..at])?.is_some() {
                return Ok(Some(name[..at].to_owned()));
            }
        }
        Ok(self.list_refs(&format!("{name}/"))?.into_iter().map(|(name, _)| name).next())
    }

    /// The full name of the branch that HEAD points to, even if the branch does not exist yet.
    #[must_use]
    pub(crate) fn head_branch(&self) -> Option<String> {
        let text = super::process::read_file(&self.git_dir.join("HEAD")).ok()?;
        if self.backend == RefBackend::Cli {
            return self.git().line(["symbolic-ref", "-q", "HEAD"]).ok().flatten();
        }
        text.trim().strip_prefix("ref: ").map(str::to_owned)
    }

    /// All refs below a prefix that ends in a slash, sorted by name, without symbolic refs.
    ///
    /// # Errors
    /// If the refs cannot be read.
    pub(crate) fn list_refs(&self, prefix: &str) -> Result<Vec<(String, ObjectId)>, GitError> {
        let mut all = self.list_present_refs(prefix)?;
        if !self.supposed.is_empty() {
            all.retain(|(name, _)| !self.supposed.contains_key(name));
            let supposed = self.supposed.iter().filter(|(name, _)| name.starts_with(prefix));
            all.extend(supposed.filter_map(|(name, id)| id.map(|id| (name.clone(), id))));
            all.sort();
        }
        Ok(all)
    }

    fn list_present_refs(&self, prefix: &str) -> Result<Vec<(String, ObjectId)>, GitError> {
        if self.backend == RefBackend::Cli {
            return self.list_refs_by_git(prefix);
        }
        let refs_error = |source| GitError::Refs { source };
        self.read_refs(|| self.store.list_refs(prefix).map_err(refs_error), || self.list_refs_by_git(prefix))
    }

    fn list_refs_by_git(&self, prefix: &str) -> Result<Vec<(String, ObjectId)>, GitError> {
        let out = self.git().output(["for-each-ref", "--format=%(objectname) %(refname) %(symref)", prefix])?;
        let line = |line: &str| {
            let mut words = line.split(' ');
            let (id, name, symref) = (words.next()?, words.next()?, words.next().unwrap_or_default());
            symref.is_empty().then(|| ObjectId::parse(id).ok().map(|id| (name.to_owned(), id))).flatten()
        };
        Ok(out.lines().filter_map(line).collect())
    }

    /// Updates git-os refs, all or none as far as the backend can do that.
    ///
    /// # Errors
    /// If git's files cannot be written, or if a lock is not released in time.
    pub(crate) fn move_refs(&self, edits: &[RefEdit]) -> Result<Moved, GitError> {
        let started = clock();
        loop {
            let error = match self.try_move(edits) {
                Ok(()) => {
                    self.pack_own_refs();
                    return Ok(Moved::Done);
                }
                Err(error) => error,
            };
            // gix reports a lost race, a lock and a full disk in the same way. The current values of the refs tell them apart.
            for edit in edits {
                let now = self.find_ref(&edit.name)?;
                if now
                    != (match edit.expected {
                        Expected::Absent => None,
                        Expected::At(id) => Some(id),
                    })
                {
                    return Ok(Moved::Lost);
                }
            }
            // A killed process may have left the lock of `packed-refs`, which is only known to be stale after a while.
            let patience = if self.is_packed_locked() { PACKED_PATIENCE } else { PATIENCE };
            if !is_in_the_way(&error) || started.elapsed() > patience {
                return Err(error);
            }
            let names: Vec<&str> = edits.iter().map(|edit| edit.name.as_str()).collect();
            self.clear_left_lock_of(&names)?;
            pause(0);
        }
    }

    fn try_move(&self, edits: &[RefEdit]) -> Result<(), GitError> {
        let in_process = || {
            let _whole = step();
            // Without an identity, only updates that must be logged fail.
            self.store.move_refs(self.common_dir(), edits, self.identity().ok().as_ref())
        };
        match self.backend {
            // gix reads `packed-refs` before it locks it to take a ref out, and writes back what it has read: whatever another process
            // has packed meanwhile would be lost.
            RefBackend::Files if self.store.is_git() && edits.iter().any(|edit| edit.new.is_none()) => self.move_by_git(edits),
            RefBackend::Files => in_process(),
            RefBackend::Cli => self.move_by_git(edits),
        }
    }

    /// Updates refs with git itself, without hooks, because the caller has already checked the update.
    ///
    /// To create a ref, git does not need the lock of `packed-refs`, for which gix would wait.
    ///
    /// # Errors
    /// If git refuses, also for another value than the expected one.
    pub(crate) fn move_by_git(&self, edits: &[RefEdit]) -> Result<(), GitError> {
        let zero = self.zero();
        let mut input = String::from("start\n");
        for edit in edits {
            let old = match edit.expected {
                Expected::Absent => zero,
                Expected::At(id) => id,
            };
            let line = match edit.new {
                Some(new) => writeln!(input, "update {} {new} {old}", edit.name),
                None => writeln!(input, "delete {} {old}", edit.name),
            };
            line.expect("a string takes all text");
        }
        input += "prepare\ncommit\n";
        self.git().config("core.hooksPath=/dev/null").input(["update-ref", "--no-deref", "--stdin"], input.as_bytes()).map(drop)
    }
}

/// Whether a move failed only because somebody else was at it: they hold a lock, or took away a folder that was empty.
fn is_in_the_way(error: &GitError) -> bool {
    match error {
        GitError::Move { source, .. } => is_locked(source.as_ref()) || is_gone(source.as_ref()),
        GitError::Command { source, .. } => is_locked(source),
        _ => false,
    }
}

/// Of lines with a ref and what it stands for, those that stand for one.
fn symbolic(lines: &str) -> impl Iterator<Item = (&str, &str)> {
    lines.lines().filter_map(|line| line.split_once(' ').filter(|(_, target)| !target.is_empty()))
}

#[expect(clippy::disallowed_methods, reason = "how long to wait for a lock is a matter of real time")]
fn clock() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a clock of the file system can only be waited for")]
pub(super) fn wait(time: Duration) {
    std::thread::sleep(time);
}

/// Sleeps for some milliseconds, longer after more attempts, with random jitter.
#[expect(clippy::disallowed_methods, reason = "a lock of another process can only be waited for")]
pub(crate) fn pause(tries: u32) {
    let mut random = [0; 1];
    // Without random numbers there is no jitter.
    getrandom::fill(&mut random).unwrap_or_default();
    std::thread::sleep(Duration::from_millis(2 + u64::from(random[0] % 16) * u64::from(1 + tries.min(20))));
}
