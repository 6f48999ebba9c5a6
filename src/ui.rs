//! The only file that prints: results on stdout, talk on stderr, tables, colours, progress, JSON.

mod lanes;

use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressDrawTarget};
use serde::Serialize;

pub(crate) use self::lanes::{Count, Lane};
use crate::core::event::State;
use crate::core::text::{escape, escape_lines, shown};
use crate::core::wrap::{columns as width, cut, wrapped};
use crate::env::Env;
use crate::error::{CliError, Code, Kind};

/// The least that is shown of the last cell of a row, in columns.
const MIN_LAST: usize = 12;

/// Where to print, and how.
pub(crate) struct Ui {
    out: Mutex<Vec<u8>>,
    /// For more lines than the terminal has; none where nobody reads.
    pager: Option<String>,
    has_colour: bool,
    /// Whether people watch the talk, so that it may move.
    is_live: bool,
    /// Whether the terminal knows no cursor.
    is_dumb: bool,
    lanes: MultiProgress,
}

/// Asks a terminal to say where a pasted text begins and ends.
pub(crate) const PASTE_MARKED: &str = "\u{1b}[?2004h";
/// Takes that back.
pub(crate) const PASTE_UNMARKED: &str = "\u{1b}[?2004l";
/// The columns and rows of a terminal that does not say its size.
const USUAL_SIZE: (usize, usize) = (80, 24);

/// A colour by what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Busy,
    Quiet,
    Strong,
}

impl Ui {
    /// For these surroundings.
    #[must_use]
    pub(crate) fn new(env: &Env) -> Self {
        Self {
            out: Mutex::default(),
            pager: env.stdout_is_terminal.then(|| env.pager.clone().unwrap_or_else(|| "less".to_owned())),
            has_colour: env.stdout_is_terminal && !env.no_color,
            is_live: env.stderr_is_terminal && !env.no_color,
            is_dumb: env.is_dumb,
            lanes: MultiProgress::new(),
        }
    }

    /// The same for whoever asked for JSON: nothing moves.
    #[must_use]
    pub(crate) fn for_programs(mut self) -> Self {
        self.is_live = false;
        self
    }

    /// One line of result, with what is unsafe escaped.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn line(&self, text: impl AsRef<str>) -> Result<(), CliError> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(out, "{}", escape_lines(text.as_ref())).map_err(CliError::from)
    }

    /// A line whose colours are ours; its texts were escaped by `paint` or `escape`.
    fn raw(&self, text: &str) -> Result<(), CliError> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(out, "{text}").map_err(CliError::from)
    }

    /// One JSON object.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string(value).map_err(|error| CliError::from(io::Error::from(error)))?;
        self.raw(&text)
    }

    /// Gives out what was kept back.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn flush(&self) -> Result<(), CliError> {
        let text = std::mem::take(&mut *self.out.lock().unwrap_or_else(PoisonError::into_inner));
        let mut out = io::stdout().lock();
        out.write_all(&text).and_then(|()| out.flush()).map_err(CliError::from)
    }

    /// Gives out what was kept back, through the pager if it is more than the terminal shows.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn finish(&self) -> Result<(), CliError> {
        let Some(pager) = self.pager.as_ref().filter(|pager| *pager != "cat") else { return self.flush() };
        let rows = size_of(io::stdout()).1;
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = out.split(|byte| *byte == b'\n').count();
        if lines > rows && crate::git::screen::page(pager, &out) {
            out.clear();
            return Ok(());
        }
        drop(out);
        self.flush()
    }

    /// One line of talk.
    pub(crate) fn say(&self, text: impl AsRef<str>) {
        let text = format!("{}\n", escape_lines(text.as_ref()));
        // What was said before on the other stream comes first.
        drop(self.flush());
        // A closed stderr is not worth failing for.
        self.lanes.suspend(|| drop(io::stderr().lock().write_all(text.as_bytes())));
    }

    /// Talk in rows that are broken at words, all of them indented by so many columns.
    pub(crate) fn say_indented(&self, indent: usize, text: &str) {
        let width = Self::size().0.saturating_sub(indent + 1);
        for row in wrapped(&escape_lines(text).replace('\t', "    "), width) {
            self.say(format!("{:indent$}{row}", "").trim_end());
        }
    }

    /// The columns and rows of the terminal that the talk goes to.
    #[must_use]
    pub(crate) fn size() -> (usize, usize) {
        size_of(io::stderr())
    }

    /// Whether the terminal knows no cursor.
    #[must_use]
    pub(crate) fn is_dumb(&self) -> bool {
        self.is_dumb
    }

    /// Puts a frame of a prompt on the terminal; what is unsafe was left out by who made it.
    pub(crate) fn draw(&self, frame: &str) {
        drop(self.flush());
        // A terminal that is gone is noticed where it is read.
        let mut terminal = io::stderr().lock();
        drop(terminal.write_all(frame.as_bytes()).and_then(|()| terminal.flush()));
    }

    /// Whether progress moves on the screen, so that nothing needs to be said line by line.
    #[must_use]
    pub(crate) fn is_live(&self) -> bool {
        self.is_live
    }

    /// An error with its hints; with `--json` one object.
    pub(crate) fn error(&self, error: &CliError, as_json: bool) {
        if error.is_broken_pipe {
            return;
        }
        if as_json {
            // JSON escapes what it must by itself.
            drop(self.flush());
            drop(io::stderr().lock().write_all(object(error).as_bytes()));
            return;
        }
        // What a person asked for is no error. The terminal has shown the key on the line where it was pressed.
        let is_asked_for = error.kind == Kind::Interrupted;
        if is_asked_for && self.is_live {
            self.draw("\r\u{1b}[K");
        }
        self.say(format!("{}{}", if is_asked_for { "" } else { "error: " }, error.message));
        for hint in &error.hints {
            self.say(format!("hint: {hint}"));
        }
    }

    /// Text in a colour, escaped.
    #[must_use]
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        let text = escape(text);
        if !self.has_colour || text.is_empty() {
            return text;
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Busy => "33",
            Tone::Quiet => "2",
            Tone::Strong => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Rows of cells, each column as wide as its widest cell; the last one is free. A tone colours a whole cell.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn table<T: AsRef<str>>(&self, rows: &[Vec<(Tone, T)>]) -> Result<(), CliError> {
        self.table_within(rows, None)
    }

    /// The same with the last cell of each row cut so that no line is longer than the terminal is wide.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn table_to_width<T: AsRef<str>>(&self, rows: &[Vec<(Tone, T)>]) -> Result<(), CliError> {
        let columns = self.pager.is_some().then(|| size_of(io::stdout()).0);
        self.table_within(rows, columns)
    }

    fn table_within<T: AsRef<str>>(&self, rows: &[Vec<(Tone, T)>], columns: Option<usize>) -> Result<(), CliError> {
        let mut widths: Vec<usize> = Vec::new();
        for row in rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (widest, (_, text)) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(&shown(text.as_ref())));
            }
        }
        let mut out = String::new();
        for row in rows {
            for (at, (tone, text)) in row.iter().enumerate() {
                let mut cell = shown(text.as_ref());
                let is_last = at + 1 == row.len();
                let pad = if is_last { 0 } else { widths[at] - width(&cell) + 2 };
                if let Some(columns) = columns.filter(|_| is_last) {
                    let before: usize = widths[..at].iter().map(|width| width + 2).sum();
                    cell = cut(&cell, columns.saturating_sub(before).max(MIN_LAST)).into();
                }
                if self.has_colour {
                    out.push_str(&self.paint(*tone, &cell));
                } else {
                    out.push_str(&cell);
                }
                out.extend(std::iter::repeat_n(' ', pad));
            }
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
        }
        self.out.lock().unwrap_or_else(PoisonError::into_inner).write_all(out.as_bytes()).map_err(CliError::from)
    }

    /// A heading over what follows.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn heading(&self, text: &str) -> Result<(), CliError> {
        self.raw(&self.paint(Tone::Strong, text))
    }

    /// What is said when somebody interrupts a command that does not end by itself.
    pub(crate) fn farewell(&self, as_json: bool) -> impl Fn() + Send + 'static {
        let (lanes, is_live) = (self.lanes.clone(), self.is_live);
        move || {
            // Nothing moves any more, and a failure to say so changes nothing.
            drop(lanes.clear());
            lanes.set_draw_target(ProgressDrawTarget::hidden());
            let error = CliError::new(Kind::Interrupted, Code::Interrupted, "interrupted");
            // After what the terminal shows of the keys.
            let begin = if is_live { "\n" } else { "" };
            let text = if as_json { object(&error) } else { format!("{begin}{}\n", error.message) };
            drop(io::stderr().lock().write_all(text.as_bytes()));
        }
    }

    /// One line of talk that is said when something happens.
    pub(crate) fn notice(&self, text: &'static str) -> impl Fn() + Send + 'static {
        let lanes = self.lanes.clone();
        move || lanes.suspend(|| drop(io::stderr().lock().write_all(format!("{text}\n").as_bytes())))
    }
}

/// An error for programs.
fn object(error: &CliError) -> String {
    let exit = error.kind as u8;
    let (message, hint, hints) = (&error.message, error.hints.first(), &error.hints);
    let what = serde_json::json!({ "code": error.code, "exit": exit, "message": message, "hint": hint, "hints": hints });
    format!("{}\n", serde_json::json!({ "version": 1, "error": what }))
}

/// Ends what was drawn when the process ends in the midst of it.
pub(crate) fn abandon(ending: &str) {
    // There is nobody left to tell if this fails.
    drop(io::stderr().lock().write_all(format!("{ending}\n").as_bytes()));
}

/// The columns and rows of a terminal.
fn size_of(terminal: impl AsFd) -> (usize, usize) {
    let or_usual = |said: u16, usual| if said == 0 { usual } else { usize::from(said) };
    rustix::termios::tcgetwinsize(terminal)
        .map_or(USUAL_SIZE, |size| (or_usual(size.ws_col, USUAL_SIZE.0), or_usual(size.ws_row, USUAL_SIZE.1)))
}

impl Drop for Ui {
    fn drop(&mut self) {
        // Whoever wanted to know of a closed pipe has called `flush`.
        drop(self.flush());
    }
}

/// The colour of a state.
#[must_use]
pub(crate) fn tone_of(state: State) -> Tone {
    match state {
        State::Merged | State::Verified => Tone::Good,
        State::Blocked | State::Rejected | State::Canceled => Tone::Bad,
        State::Claimed | State::Running | State::Verifying | State::AwaitingInput => Tone::Busy,
        State::Ready => Tone::Strong,
        State::Draft => Tone::Quiet,
    }
}
