//! What a run of an agent used: tokens, turns, time and money, as far as its client says.

use serde::Serialize;

/// The usage of one run; what a client does not tell is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Usage {
    /// The model, or the first of several.
    pub(crate) model: Option<String>,
    pub(crate) input_tokens: Option<u64>,
    pub(crate) output_tokens: Option<u64>,
    pub(crate) cache_read_tokens: Option<u64>,
    pub(crate) cache_write_tokens: Option<u64>,
    pub(crate) turns: Option<u64>,
    pub(crate) millis: Option<u64>,
    /// In millionths of a US dollar.
    pub(crate) micro_dollars: Option<u64>,
}

impl Usage {
    /// Whether nothing is known.
    #[must_use]
    pub(crate) fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}
