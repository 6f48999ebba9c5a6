//! Yes with what follows from it, or no with the reason: a "no" is an answer, not an error.

/// A ruling on something that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Ruling<T, D = super::denial::Denial> {
    Granted(T),
    Denied(D),
}

impl<T, D> Ruling<T, D> {
    /// Whether the answer is yes.
    #[must_use]
    pub(crate) fn is_granted(&self) -> bool {
        matches!(self, Self::Granted(_))
    }

    /// What was granted, if it was.
    #[must_use]
    pub(crate) fn granted(self) -> Option<T> {
        match self {
            Self::Granted(value) => Some(value),
            Self::Denied(_) => None,
        }
    }

    /// Why not, if the answer is no.
    #[must_use]
    pub(crate) fn denied(self) -> Option<D> {
        match self {
            Self::Granted(_) => None,
            Self::Denied(why) => Some(why),
        }
    }

    /// The same ruling with another value.
    pub(crate) fn map<U>(self, with: impl FnOnce(T) -> U) -> Ruling<U, D> {
        match self {
            Self::Granted(value) => Ruling::Granted(with(value)),
            Self::Denied(why) => Ruling::Denied(why),
        }
    }

    /// The same ruling with a reason that says more.
    pub(crate) fn map_denied<E>(self, with: impl FnOnce(D) -> E) -> Ruling<T, E> {
        match self {
            Self::Granted(value) => Ruling::Granted(value),
            Self::Denied(why) => Ruling::Denied(with(why)),
        }
    }
}

impl<T, D> From<Result<T, D>> for Ruling<T, D> {
    fn from(result: Result<T, D>) -> Self {
        match result {
            Ok(value) => Self::Granted(value),
            Err(why) => Self::Denied(why),
        }
    }
}

/// What a ruling grants; a denial is the answer of the function around it, as `?` is for an error.
macro_rules! granted {
    ($ruling:expr) => {
        match $ruling {
            $crate::core::ruling::Ruling::Granted(value) => value,
            $crate::core::ruling::Ruling::Denied(why) => return Ok($crate::core::ruling::Ruling::Denied(why.into())),
        }
    };
}

pub(crate) use granted;
