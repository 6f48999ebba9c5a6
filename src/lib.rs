//! git-os: tickets, verdicts and learnings as commits, and the rules that hold them, in reading order.

mod commands;
mod core;
mod dispatch;
mod doctor;
mod env;
mod error;
mod gate;
mod git;
mod hook;
mod ledger;
mod session;
mod ui;

pub use commands::main;
