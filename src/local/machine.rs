//! The name of this machine, as others will read it.

use crate::core::holding::claim_body;
use crate::git::Repo;

/// Where a person says another name than that of the host, or none.
pub(crate) const KEY: &str = "git-os.machine";

/// Its name, in one short line.
#[must_use]
pub(crate) fn name(repo: &Repo) -> String {
    let name = repo.config(KEY).unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned());
    crate::core::text::line(name.split('.').next().unwrap_or_default(), 60)
}

/// What a claim says of this machine.
#[must_use]
pub(crate) fn words(repo: &Repo) -> String {
    match repo.config(KEY) {
        Some(name) => claim_body(&name),
        None => claim_body(&rustix::system::uname().nodename().to_string_lossy()),
    }
}
