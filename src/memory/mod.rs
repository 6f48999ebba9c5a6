//! Memory: learnings with their source, and the day's ledger in the wiki.

pub(crate) mod learnings;
pub(crate) mod ledger_page;
