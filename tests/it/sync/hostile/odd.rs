//! Pushes that are unusual and by the rules.
