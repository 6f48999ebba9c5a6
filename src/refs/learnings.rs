//! `refs/os/learnings/<id>`: one learning each. It grows, and of two sides the newer text counts.

use super::Kind;
use crate::core::id::{LEARNINGS, is_ref_component};

pub(crate) struct Learnings;

impl Kind for Learnings {
    fn owns(&self, name: &str) -> bool {
        name.strip_prefix(LEARNINGS).is_some_and(is_ref_component)
    }
}
