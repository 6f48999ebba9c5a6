//! Events that nobody could have written by the rules.
