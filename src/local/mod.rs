//! What concerns this machine alone: its runs, its worktrees, locks, and what was claimed by hand.

pub(crate) mod effects;
mod gone;
pub(crate) mod held;
pub(crate) mod include;
pub(crate) mod journal;
pub(crate) mod locks;
pub(crate) mod machine;
pub(crate) mod output;
pub(crate) mod proofs;
pub(crate) mod pulls;
pub(crate) mod resting;
pub(crate) mod runs;
pub(crate) mod settings;
pub(crate) mod stash;
pub(crate) mod worktrees;
