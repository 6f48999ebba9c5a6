//! `refs/os/transcripts/<id>`: what was said in a run. It stays on the machine where the run was.

use super::Kind;
use crate::core::id::{TRANSCRIPTS, is_ref_component};

pub(crate) struct Transcripts;

impl Kind for Transcripts {
    fn owns(&self, name: &str) -> bool {
        name.strip_prefix(TRANSCRIPTS).is_some_and(is_ref_component)
    }

    fn is_shared(&self) -> bool {
        false
    }
}
