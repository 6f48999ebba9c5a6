//! Which moves of which refs are legal: the one function behind the hooks and the server.

use crate::core::id::ObjectId;
use crate::core::refs::is_ours;
use crate::core::ruling::Ruling;
use crate::gate;
use crate::git::Repo;
use crate::ledger::{Ledger, LedgerError};
use crate::refs::{self, Scene};

/// Judges a move of a ref of ours or of a protected branch. Without a ledger the repository is not under git-os.
///
/// # Errors
/// When git cannot read what it takes.
pub(crate) fn judge(
    repo: &Repo,
    ledger: Option<&Ledger<'_>>,
    name: &str,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
) -> Result<Ruling<()>, LedgerError> {
    match ledger {
        _ if is_ours(name) => refs::judge(&Scene::new(repo, ledger), name, old, new),
        Some(ledger) => gate::judge(ledger, old, new),
        None => Ok(Ruling::Granted(())),
    }
}
