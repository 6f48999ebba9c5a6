//! Reading the language of Bash: text in, a tree out.
//!
//! It reads more than Bash does, never less: what several versions of Bash understand differently is read the most dangerous way, and
//! what nobody can read is an error.

pub(in crate::guard) mod ast;
mod brace;
mod compound;
mod parameter;
mod parse;
mod word;

pub(in crate::guard) use brace::expand as expand_braces;

use ast::{Command, Word};

/// How long a script may be, in bytes.
pub(in crate::guard) const MAX_SCRIPT: usize = 64 << 10;
/// How deep constructs may stand in one another. Scripts by hand or by a model stay below a dozen.
const MAX_DEPTH: usize = 48;

/// Why a script cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::guard) enum SyntaxError {
    #[error("it is longer than 64 KiB")]
    TooLong,
    #[error("it is nested too deeply")]
    TooDeep,
    #[error("it contains a NUL byte")]
    Nul,
    #[error("it is not valid Bash: {0}")]
    Invalid(&'static str),
}

/// Reads a script.
///
/// # Errors
/// Where it is not Bash, or past the bounds.
pub(in crate::guard) fn parse(text: &str) -> Result<Command, SyntaxError> {
    parse::Parser::new(text, 0)?.script()
}

/// Reads a text as what stands between double quotes, for places where Bash expands a text again.
///
/// # Errors
/// As [`parse`].
pub(in crate::guard) fn parse_text(text: &str) -> Result<Word, SyntaxError> {
    parse::Parser::new(text, 0)?.text()
}

#[cfg(test)]
mod tests;
