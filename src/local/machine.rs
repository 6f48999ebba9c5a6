//! The name of this machine, as others will read it.

use crate::core::holding::claim_body;
use crate::git::Repo;

/// Where a person says another name than that of the host, or none.
pub(crate) const KEY: &str = "git-os.machine";

/// What a claim says of this machine.
#[must_use]
pub(crate) fn words(repo: &Repo) -> String {
    match repo.config(KEY) {
        Some(name) => claim_body(&name),
        None => claim_body(&rustix::system::uname().nodename().to_string_lossy()),
    }
}
