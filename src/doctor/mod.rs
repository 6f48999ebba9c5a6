//! stub
use crate::core::verdict::Grade;
pub(crate) struct Report {
    pub(crate) grade: Grade,
}
pub(crate) struct C {
    pub(crate) number: u8,
    pub(crate) name: &'static str,
    pub(crate) reason: String,
    pub(crate) remedy: String,
}
impl Report {
    pub(crate) fn failed(&self) -> Vec<C> {
        Vec::new()
    }
}
pub(crate) fn examine_repo(
    _: Option<&crate::ledger::workspace::Workspace>,
    _: Option<&crate::core::registry::RepoEntry>,
    _: &crate::git::Repo,
    _: &camino::Utf8Path,
) -> Report {
    Report { grade: Grade::A }
}
pub(crate) fn examine(_: &crate::ledger::workspace::Workspace, _: &camino::Utf8Path) -> Report {
    Report { grade: Grade::A }
}
