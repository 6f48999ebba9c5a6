//! The rules of git-os as values and total functions: no files, no git, no clock, no printing.
//!
//! [`fsm`] defines what git-os permits, and [`wire`] defines how it is stored.

pub(crate) mod ballot;
pub(crate) mod budget;
pub(crate) mod criteria;
pub(crate) mod denial;
pub(crate) mod event;
pub(crate) mod freshness;
pub(crate) mod fsm;
pub(crate) mod holding;
pub(crate) mod id;
pub(crate) mod interview;
pub(crate) mod json;
pub(crate) mod merge;
pub(crate) mod meta;
pub(crate) mod naming;
pub(crate) mod outcome;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod proof;
pub(crate) mod prospect;
pub(crate) mod refs;
pub(crate) mod registry;
pub(crate) mod report;
// The hook programs are compiled from this file too.
#[path = "../../hooks/rule.rs"]
pub(crate) mod rule;
pub(crate) mod ruling;
pub(crate) mod scope;
pub(crate) mod secrets;
pub(crate) mod session;
pub(crate) mod sheet;
pub(crate) mod signer;
pub(crate) mod tally;
pub(crate) mod text;
pub(crate) mod ticket;
pub(crate) mod time;
pub(crate) mod trailers;
pub(crate) mod usage;
pub(crate) mod verdict;
pub(crate) mod wire;
pub(crate) mod wrap;
