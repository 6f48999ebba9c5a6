//! Several machines around one remote, or around none.

mod fleet;

mod carry;

mod claims;

mod diverge;

mod archive;

mod hostile;

mod pushes;

mod worker;
