//! The rules at git's own doors: what the hooks refuse, what they let go, and what comes in past them.

mod stage;

mod allowed;
mod bypass;
mod forged;
mod modes;
mod broken;
mod managers;
mod repos;
mod routes;
