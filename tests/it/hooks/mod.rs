//! The rules at git's own doors: what the hooks refuse, what they let go, and what comes in past them.

mod stage;

mod allowed;
mod broken;
mod bypass;
mod cost;
pub(crate) mod forged;
mod fronts;
mod managers;
mod midst;
mod modes;
mod quarantine;
mod repos;
mod routes;
mod runs;
