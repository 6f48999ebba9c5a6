//! The rule of the `reference-transaction` hook: how to read a line, and which updates of refs git-os has to check.
//!
//! This file is compiled three times: into the two programs that git starts as the hook (`front.rs` and `portable.rs`), and into
//! git-os itself as `core::rule`. It therefore uses no std and no allocation, and cannot panic; otherwise `front.rs` does not link.

/// The state of a transaction, which git passes as the hook's first argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// The refs are locked but not updated. Only in this state can the hook refuse.
    Prepared,
    /// The refs are updated.
    Committed,
    /// Any other state, also of a later git.
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
    /// Zeros also if the caller did not give one.
    pub(crate) old: Value<'a>,
    pub(crate) new: Value<'a>,
    pub(crate) name: &'a [u8],
}

/// The value of a ref.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Value<'a> {
    /// Zeros. A new value of zeros is a deletion, or looks like one (see [`stays`]).
    Nothing,
    /// An object id in hex.
    Object(&'a [u8]),
    /// `ref:<target>`, which git writes since 2.46.
    Symbolic(&'a [u8]),
}

impl<'a> Line<'a> {
    /// `None` if git writes no such line.
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

/// Whether a ref name is reserved for git-os.
///
/// On a file system that ignores case, `refs/OS/meta` is `refs/os/meta`.
pub(crate) fn is_ours(name: &[u8]) -> bool {
    let is_below = |root: &[u8]| match name.split_at_checked(root.len()) {
        Some((start, rest)) => start.eq_ignore_ascii_case(root) && matches!(rest.first(), None | Some(b'/')),
        None => false,
    };
    is_below(b"refs/os") || is_below(b"refs/notes/os")
}

/// A ref that git-os checks besides its own: a protected branch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Watch<'a> {
    /// Whether git-os is also started in `committed`, when [`LANDING`] is there.
    pub(crate) committed: bool,
    pub(crate) missing: Missing,
    pub(crate) name: &'a [u8],
}

/// What happens to an update that git-os has to check if git-os does not answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Missing {
    /// It passes, with a warning.
    Pass,
    Refuse,
}

/// Access to the files in a repository's common directory.
pub(crate) trait Files {
    /// Whether there is a file or folder of this name.
    fn has(&mut self, name: &[u8]) -> bool;
    /// Reads the beginning of a file and returns the number of bytes; 0 if it cannot be read.
    fn read(&mut self, name: &[u8], into: &mut [u8]) -> usize;
}

/// Returns what happens to an update of this ref without git-os, or `None` if git-os does not check such a ref.
///
/// In `committed` it is too late to refuse, and git-os is only told of some refs.
pub(crate) fn watched<'w>(name: &[u8], state: State, watches: impl Iterator<Item = Watch<'w>>) -> Option<Missing> {
    let is_prepared = state == State::Prepared;
    let ours = (is_prepared && is_ours(name)).then_some(Missing::Refuse);
    let others = watches.filter(|watch| (is_prepared || watch.committed) && watch.name == name);
    ours.max(others.map(|watch| watch.missing).max())
}

/// Why git-os has to check a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Concern<'a> {
    /// It updates a watched ref.
    Moves(Line<'a>),
    /// It makes a symbolic ref point to a watched ref, or away from it. A write to the symbolic ref is a write to its target.
    Aliases(Line<'a>),
    /// git writes no such line, and this word of it is the name of a watched ref.
    Strange(&'a [u8]),
}

impl<'a> Concern<'a> {
    /// The ref to name in a message.
    pub(crate) fn name(&self) -> &'a [u8] {
        match self {
            Self::Moves(line) | Self::Aliases(line) => line.name,
            Self::Strange(name) => name,
        }
    }
}

/// Decides whether git-os has to check a line: calls `note` with the reason and with what happens without git-os, or not at all.
///
/// To be called only in states in which the hook [`listens`]. `is_watched` is [`watched`], or that and more.
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
    // `HEAD` and similar refs change their target with every checkout.
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

/// The words of a line. In a line that git would not write, any of them may be a name.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b' ')
}

/// The file in the common directory that says that a ticket may land with a move of a watched ref. git-os writes it in `prepared`, so
/// that most commits start git-os only once.
pub(crate) const LANDING: &[u8] = b"os/landing";

/// Whether the hook has to read the lines in this state.
pub(crate) fn listens<'w>(state: State, mut watches: impl Iterator<Item = Watch<'w>>, files: &mut impl Files) -> bool {
    match state {
        State::Prepared => true,
        State::Committed => watches.any(|watch| watch.committed) && files.has(LANDING),
        State::Other => false,
    }
}

/// Whether a line of a `prepared` transaction leaves its ref unchanged, as far as the files show.
///
/// `pack-refs` and `gc` write the present value and then remove the loose file, which looks like a deletion; but only a real
/// deletion holds the lock of `packed-refs`. If refs are not files, the answer is no.
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

/// The settings in an installed hook: [`CAPACITY`] bytes after [`MAGIC`].
///
/// Each field ends in NUL, and an empty field is the end. The first field is `a` if the hook starts git-os for every transaction in
/// every state, or `-`; the second is the path of git-os; each of the others is a [`Watch`]: `c` for `committed` or `-`, `r` for
/// [`Missing::Refuse`] or `-`, and the name.
///
/// The default is for a program without settings: it refuses updates of git-os refs, and everything else passes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settings<'a> {
    pub(crate) always: bool,
    /// Without the NUL that follows it.
    pub(crate) program: &'a [u8],
    watches: &'a [u8],
}

/// The bytes before the settings in an installed file.
pub(crate) const MAGIC: [u8; 24] = *b"\x7fgit-os hook settings 1\n";
/// The size of the settings. The last byte stays NUL.
pub(crate) const CAPACITY: usize = 8 * 1024 - MAGIC.len();

impl<'a> Settings<'a> {
    /// `None` when these are no settings.
    pub(crate) fn read(fields: &'a [u8]) -> Option<Self> {
        // Without the last byte, so that every field ends in NUL.
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
