//! Several machines around one remote, or around none.

mod fleet;

mod carry;

mod claims;

mod diverge;

mod archive;

mod pushes;

mod worker;

mod host;

mod standing;
