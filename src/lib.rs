//! git-os: tickets, verdicts and learnings as commits, and the rules that hold them, in reading order.

// The rules, as values and total functions.
mod core;

// Git's plumbing, and the ledger kept in it.
mod git;

mod ledger;

// The refs that are ours: who may move them, and how two sides meet.
mod refs;

// Between machines: fetch, fold, offer; and all repositories of one registry.
mod sync;
mod workspace;

// What concerns this machine alone.
mod local;

// May this commit land; may this ref move.
mod gate;

mod audit;

mod guard;
mod hook;
mod host;

// One session of one agent.
mod agent;

// What was learned, and whether all is well.
mod memory;

mod doctor;

// From a ready ticket to landed work, and the session around it.
mod dispatch;

// What can be done to tickets, one function a verb.
mod operations;

mod session;

// The edges, and the doors.
mod env;
mod error;
mod ui;

mod commands;

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzz;

pub use commands::main;
