//! The rules at git's own doors: what the hooks refuse, what they let go, and what comes in past them.

mod stage;

mod forged;
mod routes;
mod allowed;
