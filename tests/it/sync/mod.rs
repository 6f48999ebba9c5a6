//! Several machines around one remote, or around none.

mod fleet;

mod carry;

mod claims;

mod diverge;

mod archive;

mod pushes;

mod signed;

mod worker;
