//! The shape of a script after parsing: commands, words, and the parts of words.

use std::cell::OnceCell;
use std::rc::Rc;

/// A command of any kind.
#[derive(Debug, Clone, Default)]
pub(in crate::guard) enum Command {
    #[default]
    Nothing,
    Simple(Simple),
    Pipeline(Vec<Command>),
    And(Box<Command>, Box<Command>),
    Or(Box<Command>, Box<Command>),
    Sequence(Vec<Command>),
    /// `( … )`, a job in the background, a coprocess: what it changes is gone afterwards.
    Subshell(Box<Command>),
    Redirected(Box<Command>, Vec<Redirect>),
    /// Conditions with their bodies, and what is done otherwise.
    If(Vec<(Command, Command)>, Option<Box<Command>>),
    While(Box<Command>, Box<Command>),
    /// `for` and `select`; without words it goes over the positional parameters.
    For(String, Option<Vec<Word>>, Box<Command>),
    /// `for ((…))`, with its three expressions as one text.
    Counted(Word, Box<Command>),
    Case(Word, Vec<(Vec<Word>, Command)>),
    /// `((…))`
    Arithmetic(Word),
    /// `[[ … ]]`, without the operators that only join.
    Test(Vec<Word>),
    Function(String, Rc<Command>),
}

#[derive(Debug, Clone, Default)]
pub(in crate::guard) struct Simple {
    pub(in crate::guard) assigned: Vec<Assigned>,
    pub(in crate::guard) words: Vec<Operand>,
}

/// A word of a command; those of `declare` and its like may be an array.
#[derive(Debug, Clone)]
pub(in crate::guard) enum Operand {
    Word(Word),
    Assigned(Assigned),
}

#[derive(Debug, Clone)]
pub(in crate::guard) struct Assigned {
    pub(in crate::guard) name: String,
    pub(in crate::guard) index: Option<Word>,
    pub(in crate::guard) appends: bool,
    pub(in crate::guard) value: Assignment,
}

#[derive(Debug, Clone)]
pub(in crate::guard) enum Assignment {
    Scalar(Word),
    Array(Vec<(Option<Word>, Word)>),
}

#[derive(Debug, Clone)]
pub(in crate::guard) struct Redirect {
    pub(in crate::guard) kind: RedirectKind,
    pub(in crate::guard) target: Word,
    /// Whether it is standard input that it sets.
    pub(in crate::guard) is_input: bool,
}

#[derive(Debug, Clone)]
pub(in crate::guard) enum RedirectKind {
    Read,
    Write,
    ReadWrite,
    /// `<&` and `>&` with a number or `-`.
    Duplicate,
    /// Its body is known once the line is over.
    HereDocument(Rc<OnceCell<Word>>),
    HereString,
}

#[derive(Debug, Clone, Default)]
pub(in crate::guard) struct Word {
    pub(in crate::guard) parts: Vec<Part>,
}

#[derive(Debug, Clone)]
pub(in crate::guard) enum Part {
    /// Characters that were not quoted: patterns count.
    Plain(String),
    /// Characters that were quoted.
    Quoted(String),
    Parameter {
        parameter: Box<Parameter>,
        is_quoted: bool,
    },
    /// `$(…)`, backticks, and `${ …; }`.
    Substitution {
        command: Rc<Command>,
        is_quoted: bool,
    },
    /// `$((…))` and `$[…]`
    Arithmetic(Word),
    /// `<(…)` and `>(…)`
    Process(Rc<Command>),
    /// `@(a|b)` and its like; the character says which.
    Extended(char, Vec<Word>),
    /// Quotes with nothing in them, which still are a word.
    Empty,
}

/// `${…}`
#[derive(Debug, Clone)]
pub(in crate::guard) struct Parameter {
    pub(in crate::guard) name: String,
    pub(in crate::guard) index: Option<Word>,
    /// `${!name}`
    pub(in crate::guard) is_indirect: bool,
    pub(in crate::guard) operation: Operation,
}

#[derive(Debug, Clone)]
pub(in crate::guard) enum Operation {
    Value,
    Length,
    /// `:-`, `-`, `:=`, `=`, `:?`, `?`: the character says which.
    Default(char, Word),
    Alternative(Word),
    /// `#`, `##`, `%`, `%%`: from the front or not, the longest or not, and the pattern.
    Strip {
        from_front: bool,
        pattern: Word,
    },
    Replace {
        pattern: Word,
        with: Word,
    },
    Slice(Word),
    Case(Word),
    Transform(char),
    /// `${!prefix*}`
    Names,
}
