//! The one rule of the `reference-transaction` hook: how a line is read, and which moves of refs are for git-os to check.
//!
//! Compiled three times: into the two programs that git starts as the hook (`front.rs`, `portable.rs`), and into git-os itself as
//! `core::rule`. So there is neither std nor allocation here, and nothing that could panic: `front.rs` does not link otherwise.

/// What git calls the moment of a transaction, the hook's first argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// The refs are locked and have not moved; the hook may still say no.
    Prepared,
    /// The refs have moved.
    Committed,
    /// One that is of no interest, or of a later git.
    Other,
}

impl State {
    pub(crate) fn of(argument: &[u8]) -> Self {
        match argument {
            b"prepared" => Self::Prepared,
            b"committed" => Self::Committed,
            _ => Self::Other,
        }
    }
}

/// One line of a transaction: `<old> SP <new> SP <ref>`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Line<'a> {
    /// Zeros also when whoever moves the ref did not say what it was.
    pub(crate) old: Value<'a>,
    pub(crate) new: Value<'a>,
    pub(crate) name: &'a [u8],
}

/// What a ref holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Value<'a> {
    /// Zeros. As a new value that is a deletion, or what looks like one (see [`stays`]).
    Nothing,
    /// An object id in hex.
    Object(&'a [u8]),
    /// `ref:<target>`, which git writes since 2.46.
    Symbolic(&'a [u8]),
}

impl<'a> Line<'a> {
    /// `None` for what git does not write.
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        let mut words = words(line);
        let (old, new, name) = (Value::parse(words.next()?)?, Value::parse(words.next()?)?, words.next()?);
        (!name.is_empty() && words.next().is_none()).then_some(Self { old, new, name })
    }
}

impl<'a> Value<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        if let Some(target) = text.strip_prefix(b"ref:") {
            return Some(Self::Symbolic(target));
        }
        let is_id = matches!(text.len(), 40 | 64) && text.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let is_zero = text.iter().all(|digit| *digit == b'0');
        is_id.then_some(if is_zero { Self::Nothing } else { Self::Object(text) })
    }
}

/// Whether only refs of git-os may have this name.
///
/// Where file names match in any case, `refs/OS/meta` is `refs/os/meta`.
pub(crate) fn is_ours(name: &[u8]) -> bool {
    let is_below = |root: &[u8]| match name.split_at_checked(root.len()) {
        Some((start, rest)) => start.eq_ignore_ascii_case(root) && matches!(rest.first(), None | Some(b'/')),
        None => false,
    };
    is_below(b"refs/os") || is_below(b"refs/notes/os")
}

/// A ref of others that git-os wants to check: a protected branch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Watch<'a> {
    /// Whether git-os also wants to know when it has moved.
    pub(crate) committed: bool,
    pub(crate) missing: Missing,
    pub(crate) name: &'a [u8],
}

/// What happens to a move that git-os should check when there is no git-os that answers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Missing {
    /// It passes, with a warning.
    Pass,
    Refuse,
}

/// The files of a repository's common directory.
pub(crate) trait Files {
    /// Whether there is a file or folder of this name.
    fn has(&mut self, name: &[u8]) -> bool;
    /// Reads the beginning of a file and returns how many bytes that is; 0 when it cannot be read.
    fn read(&mut self, name: &[u8], into: &mut [u8]) -> usize;
}

/// Whether a ref of this name is for git-os to check, and what happens without an answer; `None` when it passes unseen.
///
/// In `committed` nothing can be refused any more, and git-os only wants to know of some.
pub(crate) fn watched<'w>(name: &[u8], state: State, watches: impl Iterator<Item = Watch<'w>>) -> Option<Missing> {
    let is_prepared = state == State::Prepared;
    let ours = (is_prepared && is_ours(name)).then_some(Missing::Refuse);
    let others = watches.filter(|watch| (is_prepared || watch.committed) && watch.name == name);
    ours.max(others.map(|watch| watch.missing).max())
}

/// Why a line is for git-os to check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Concern<'a> {
    /// It moves a ref that is watched.
    Moves(Line<'a>),
    /// It makes a symbolic ref point to one that is watched, or away from it. Whoever writes to the one writes to the other.
    Aliases(Line<'a>),
    /// git writes no such line, and this word of it is the name of a ref that is watched.
    Strange(&'a [u8]),
}

impl<'a> Concern<'a> {
    /// The ref to speak of.
    pub(crate) fn name(&self) -> &'a [u8] {
        match self {
            Self::Moves(line) | Self::Aliases(line) => line.name,
            Self::Strange(name) => name,
        }
    }
}

/// Notes why a line is for git-os to check, and what happens without an answer; a line of which nothing is noted passes unseen.
///
/// The caller asks only in states in which the hook [listens](listens); `is_watched` is [`watched`] and what else the caller knows.
pub(crate) fn judge<'a>(
    line: &'a [u8],
    state: State,
    files: &mut impl Files,
    is_watched: impl Fn(&[u8]) -> Option<Missing>,
    mut note: impl FnMut(Concern<'a>, Missing),
) {
    let Some(line) = Line::parse(line) else {
        for word in words(line) {
            if let Some(missing) = is_watched(word) {
                note(Concern::Strange(word), missing);
            }
        }
        return;
    };
    let is_prepared = state == State::Prepared;
    // Only `HEAD` and its like change their target with every checkout.
    let is_alias = is_prepared && line.name.starts_with(b"refs/");
    let target = |value: Value<'_>| match value {
        Value::Symbolic(target) if is_alias => is_watched(target),
        Value::Symbolic(_) | Value::Object(_) | Value::Nothing => None,
    };
    let moved = is_watched(line.name).filter(|_| !(is_prepared && stays(files, &line)));
    let aliased = target(line.old).max(target(line.new));
    match moved.max(aliased) {
        None => {}
        Some(missing) if moved.is_some() => note(Concern::Moves(line), missing),
        Some(missing) => note(Concern::Aliases(line), missing),
    }
}

/// Of a line that is not formed like one each word may be a name.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b' ')
}

/// Whether the hook has to read the lines at all in this state.
pub(crate) fn listens<'w>(state: State, mut watches: impl Iterator<Item = Watch<'w>>) -> bool {
    match state {
        State::Prepared => true,
        State::Committed => watches.any(|watch| watch.committed),
        State::Other => false,
    }
}

/// Whether a line of a `prepared` transaction leaves its ref as it is, as far as a look at the files can tell.
///
/// `pack-refs` and `gc` write what is there and then remove the loose file, which looks like a deletion; but only a
/// deletion holds the lock of `packed-refs`. Where refs are not files nothing is known.
fn stays(files: &mut impl Files, line: &Line<'_>) -> bool {
    if !files.has(b"HEAD") || files.has(b"reftable") {
        return false;
    }
    match line.new {
        Value::Nothing => !files.has(b"packed-refs.lock"),
        Value::Object(id) => {
            // The longest id and the end of its line.
            let mut start = [0; 65];
            let len = files.read(line.name, &mut start);
            let value = start.get(..len).unwrap_or_default();
            value.strip_suffix(b"\n").unwrap_or(value) == id
        }
        Value::Symbolic(_) => false,
    }
}

/// What a hook knows of its repository; [`MAGIC`] and then [`CAPACITY`] bytes of the installed file.
///
/// Fields end in NUL, and an empty one ends them. The first is `a` when git-os is to be started for every transaction in every
/// state, or `-`; the second is the path of git-os; each of the others is a [`Watch`]: `c` for `committed` or `-`, `r` for
/// [`Missing::Refuse`] or `-`, and the name.
///
/// The default is for a file that nobody wrote settings into: refs of git-os are refused, and everything else passes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settings<'a> {
    pub(crate) always: bool,
    /// Without its NUL, which follows.
    pub(crate) program: &'a [u8],
    watches: &'a [u8],
}

/// How the settings begin in an installed file.
pub(crate) const MAGIC: [u8; 24] = *b"\x7fgit-os hook settings 1\n";
/// The room behind [`MAGIC`]. The last byte stays NUL.
pub(crate) const CAPACITY: usize = 8 * 1024 - MAGIC.len();

impl<'a> Settings<'a> {
    /// `None` when these are no settings.
    pub(crate) fn read(fields: &'a [u8]) -> Option<Self> {
        // The last byte is not for use, so every field ends in NUL.
        let (_, fields) = fields.split_last()?;
        let (always, program) = match fields {
            [b'a', 0, program @ ..] => (true, program),
            [b'-', 0, program @ ..] => (false, program),
            _ => return None,
        };
        let end = program.iter().position(|byte| *byte == 0)?;
        let (program, watches) = program.split_at_checked(end)?;
        program.starts_with(b"/").then_some(Self { always, program, watches: watches.get(1..)? })
    }

    pub(crate) fn watches(&self) -> impl Iterator<Item = Watch<'a>> + Clone + use<'a> {
        self.watches.split(|byte| *byte == 0).map_while(|field| {
            let [committed, refuse, name @ ..] = field else { return None };
            let missing = if *refuse == b'r' { Missing::Refuse } else { Missing::Pass };
            Some(Watch { committed: *committed == b'c', missing, name })
        })
    }
}
