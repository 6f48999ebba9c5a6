//! Several machines around one remote, or around none.

pub(crate) mod fleet;

mod carriers;

mod carry;

mod claims;

mod diverge;

mod archive;

mod hostile;

mod leases;

mod pushes;

mod signed;

mod storm;

pub(crate) mod worker;

mod host;

mod standing;
