//! An error of another module, as the reason for a denial.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::core::text;

/// An error of another module that led to a denial; kept whole, and shared since a denial is a value.
#[derive(Debug, Clone)]
pub(crate) struct Cause(Arc<dyn Error + Send + Sync>);

impl Cause {
    pub(crate) fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        text::in_one_line(self) == text::in_one_line(other)
    }
}

impl Eq for Cause {}

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
