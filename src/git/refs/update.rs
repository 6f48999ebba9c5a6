//! The one loop that moves a ref by compare-and-swap: read it, decide, move it, and begin again when somebody was faster.

use super::{Moved, RefEdit, pause};
use crate::core::id::ObjectId;
use crate::git::{GitError, Repo};

/// How many times a ref that others keep moving is tried before giving up.
pub(crate) const MAX_ATTEMPTS: u32 = 100;

/// What one attempt at a ref comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Update<T> {
    /// The ref moves to this object; `then` is the result once it has.
    Move { to: ObjectId, then: T },
    /// The ref stays as it is, with this result.
    Stop(T),
}

/// Counts the turns of a loop over refs that others move too, up to [`MAX_ATTEMPTS`].
///
/// Most loops want [`Repo::update_ref`]; this is for those that do more in a turn: a push, or several refs.
#[derive(Debug)]
pub(crate) struct Attempts {
    name: String,
    made: u32,
    most: u32,
    wait: fn(u32),
}

impl Attempts {
    /// None made yet; the name is what keeps changing, for the error.
    #[must_use]
    pub(crate) fn at(name: impl Into<String>) -> Self {
        Self { name: name.into(), made: 0, most: most(), wait: pause }
    }

    /// Begins the next attempt, after a short random wait unless it is the first.
    ///
    /// # Errors
    /// With [`GitError::Busy`] when all attempts are used up.
    pub(crate) fn begin(&mut self) -> Result<(), GitError> {
        if self.made >= self.most {
            return Err(GitError::Busy { name: self.name.clone(), attempts: self.made });
        }
        if self.made > 0 {
            (self.wait)(self.made);
        }
        self.made += 1;
        Ok(())
    }
}

/// How many attempts are made: fewer where a test of a debug build does not want to wait for them.
#[expect(clippy::disallowed_methods, reason = "a test says it to the program that it starts")]
fn most() -> u32 {
    let told = cfg!(debug_assertions).then(|| std::env::var("GIT_OS_MAX_ATTEMPTS").ok()?.parse().ok()).flatten();
    told.unwrap_or(MAX_ATTEMPTS)
}

impl Repo {
    /// Moves a ref by compare-and-swap to what `attempt` makes of its present value. When somebody else moves the ref in
    /// between, `attempt` is asked again with the new value.
    ///
    /// # Errors
    /// What `attempt` fails with, what git fails with, or [`GitError::Busy`] after [`MAX_ATTEMPTS`].
    pub(crate) fn update_ref<T, E: From<GitError>>(
        &self,
        name: &str,
        attempt: impl FnMut(Option<ObjectId>) -> Result<Update<T>, E>,
    ) -> Result<T, E> {
        self.update_ref_within(Attempts::at(name), attempt)
    }

    fn update_ref_within<T, E: From<GitError>>(
        &self,
        mut attempts: Attempts,
        mut attempt: impl FnMut(Option<ObjectId>) -> Result<Update<T>, E>,
    ) -> Result<T, E> {
        loop {
            attempts.begin()?;
            let old = self.find_ref(&attempts.name)?;
            match attempt(old)? {
                Update::Stop(result) => return Ok(result),
                Update::Move { to, then } => {
                    if self.move_refs(&[RefEdit::advance(&attempts.name, old, to)])? == Moved::Done {
                        return Ok(then);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::{commit, repo};

    const NAME: &str = "refs/os/x";

    /// Attempts that do not wait.
    fn at_once() -> Attempts {
        Attempts { wait: |_| {}, ..Attempts::at(NAME) }
    }

    /// Moves the ref as somebody else would, whatever it is.
    fn interfere(repo: &Repo, salt: usize) -> ObjectId {
        let (old, new) = (repo.find_ref(NAME).expect("readable"), commit(repo, &[], 1, salt));
        assert_eq!(repo.move_refs(&[RefEdit::advance(NAME, old, new)]).expect("moved"), Moved::Done);
        new
    }

    #[test]
    fn a_lost_race_is_read_again() {
        let (_dir, repo) = repo();
        let ours = commit(&repo, &[], 1, 0);
        let mut seen = Vec::new();
        let mut theirs = Vec::new();
        let told = repo.update_ref(NAME, |old| {
            seen.push(old);
            if theirs.len() < 2 {
                theirs.push(interfere(&repo, 1 + theirs.len()));
            }
            Ok::<_, GitError>(Update::Move { to: ours, then: seen.len() })
        });
        assert_eq!(told.expect("moved"), 3);
        assert_eq!(seen, [None, Some(theirs[0]), Some(theirs[1])]);
        assert_eq!(repo.find_ref(NAME).expect("readable"), Some(ours));
    }

    #[test]
    fn a_ref_that_never_rests_is_given_up() {
        let (_dir, repo) = repo();
        let ours = commit(&repo, &[], 1, 0);
        let mut asked = 0;
        let result = repo.update_ref_within(at_once(), |_| {
            asked += 1;
            interfere(&repo, asked);
            Ok::<_, GitError>(Update::Move { to: ours, then: () })
        });
        let error = result.expect_err("nobody rests");
        assert!(matches!(&error, GitError::Busy { attempts: MAX_ATTEMPTS, .. }), "{error:?}");
        assert_eq!(error.to_string(), "`refs/os/x` kept changing; gave up after 100 attempts");
        assert_eq!(asked, 100);
    }

    #[test]
    fn who_stops_or_fails_moves_nothing() {
        let (_dir, repo) = repo();
        assert_eq!(repo.update_ref(NAME, |old| Ok::<_, GitError>(Update::Stop(old))).expect("stopped"), None);
        let failed: Result<(), GitError> = repo.update_ref(NAME, |_| Err(GitError::NoIdentity));
        assert!(matches!(failed, Err(GitError::NoIdentity)));
        assert_eq!(repo.find_ref(NAME).expect("readable"), None);
    }

    #[test]
    fn eight_threads_lose_nothing() {
        let (_dir, repo) = repo();
        let path = repo.home().to_owned();
        std::thread::scope(|scope| {
            for salt in 0..8 {
                let path = path.clone();
                scope.spawn(move || {
                    let repo = Repo::open(&path).expect("a repository");
                    for turn in 0..5 {
                        let moved = repo.update_ref(NAME, |old| {
                            let parents: Vec<_> = old.into_iter().collect();
                            Ok::<_, GitError>(Update::Move { to: commit(&repo, &parents, 1, 10 * salt + turn), then: () })
                        });
                        moved.expect("moved");
                    }
                });
            }
        });
        let tip = repo.find_ref(NAME).expect("readable").expect("it is there");
        assert_eq!(repo.difference(None, tip).expect("readable").added.len(), 40);
    }
}
