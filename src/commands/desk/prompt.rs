//! One question at the terminal, and the line that answers it.

use super::keys::{Decoder, Key};
use super::line::{Layout, Line};
use super::terminal::{Raw, forget_typed, has_input};
use crate::agent::stop::Stop;
use crate::session::SessionError;
use crate::ui::Ui;

/// What stands before the first row of an answer, and before the others.
const LEAD: [&str; 2] = ["   > ", "     "];
/// How long to wait before looking whether somebody interrupts, in milliseconds.
const PACE: u32 = 100;
/// How long the rest of a key takes at most, in milliseconds.
const REST_OF_A_KEY: u32 = 50;

/// What a person answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Text(String),
    /// Ctrl-D on an empty line.
    End,
}

/// Asks for a line. What was typed before the question is dropped.
///
/// # Errors
/// When somebody interrupts, or the terminal is gone.
pub(super) fn ask(ui: &Ui, stop: &Stop) -> Result<Reply, SessionError> {
    if ui.is_dumb() { ask_plainly(ui, stop) } else { edit(ui, stop) }
}

fn edit(ui: &Ui, stop: &Stop) -> Result<Reply, SessionError> {
    let raw = Raw::enter(ui).map_err(SessionError::Prompt)?;
    let (mut decoder, mut line, mut screen) = (Decoder::default(), Line::default(), Screen::default());
    screen.draw(ui, &line);
    loop {
        if stop.is_interrupted() {
            screen.end(ui, &line);
            return Err(SessionError::Interrupted);
        }
        let bytes = raw.read(if decoder.is_waiting() { REST_OF_A_KEY } else { PACE }).map_err(gone)?;
        if bytes.is_empty() {
            decoder.give_up();
            continue;
        }
        let keys = decoder.push(&bytes);
        let count = keys.len();
        for (at, key) in keys.into_iter().enumerate() {
            match key {
                Key::Interrupt => {
                    screen.end(ui, &line);
                    return Err(SessionError::Interrupted);
                }
                Key::DeleteOrEnd if line.text().is_empty() => {
                    screen.end(ui, &line);
                    return Ok(Reply::End);
                }
                // Nobody types on that fast: it was pasted, by a terminal that does not say so.
                Key::Enter if at + 1 < count || decoder.is_waiting() || has_input(0).map_err(gone)? => line.insert("\n"),
                Key::Enter => {
                    screen.end(ui, &line);
                    return Ok(Reply::Text(line.text().trim().to_owned()));
                }
                key => line.press(&key),
            }
        }
        screen.draw(ui, &line);
    }
}

/// As [`ask`], on a terminal that only shows what it is sent.
fn ask_plainly(ui: &Ui, stop: &Stop) -> Result<Reply, SessionError> {
    forget_typed().map_err(gone)?;
    ui.draw(LEAD[0]);
    while !has_input(PACE).map_err(gone)? {
        if stop.is_interrupted() {
            ui.draw("\n");
            return Err(SessionError::Interrupted);
        }
    }
    let mut text = String::new();
    if std::io::stdin().read_line(&mut text).map_err(SessionError::Prompt)? == 0 {
        ui.draw("\n");
        return Ok(Reply::End);
    }
    let mut line = Line::default();
    line.insert(&text);
    Ok(Reply::Text(line.text().trim().to_owned()))
}

fn gone(error: std::io::Error) -> SessionError {
    SessionError::Prompt(error)
}

/// What is on the screen of an answer.
#[derive(Debug, Default)]
struct Screen {
    shown: Option<Layout>,
}

impl Screen {
    fn draw(&mut self, ui: &Ui, line: &Line) {
        let (columns, rows) = Ui::size();
        let mut layout = line.layout(columns.saturating_sub(LEAD[0].len() + 1));
        // Of what is higher than the screen, the rows around the cursor.
        let height = rows.saturating_sub(1).max(1);
        if layout.rows.len() > height {
            let first = layout.cursor.0.saturating_sub(height - 1);
            layout.rows = layout.rows.drain(first..).take(height).collect();
            layout.cursor.0 -= first;
        }
        let frame = self.shown.as_ref().and_then(|shown| added(shown, &layout)).unwrap_or_else(|| self.clear() + &drawn(&layout));
        ui.draw(&frame);
        self.shown = Some(layout);
    }

    /// Goes to the beginning of what is shown, and clears it.
    fn clear(&self) -> String {
        let up = self.shown.as_ref().map_or(0, |shown| shown.cursor.0);
        if up > 0 { format!("\r\u{1b}[{up}A\u{1b}[J") } else { "\r\u{1b}[J".to_owned() }
    }

    /// The whole answer, and then a line of its own for what follows.
    fn end(&mut self, ui: &Ui, line: &Line) {
        let mut layout = line.layout(Ui::size().0.saturating_sub(LEAD[0].len() + 1));
        layout.cursor.0 = layout.rows.len() - 1;
        ui.draw(&(self.clear() + &drawn(&layout) + "\n"));
        self.shown = None;
    }
}

/// What was added at the end of the last row, if nothing else changed.
fn added(before: &Layout, after: &Layout) -> Option<String> {
    let (last, rest) = after.rows.split_last()?;
    let (old_last, old_rest) = before.rows.split_last()?;
    let is_at_end = |layout: &Layout, last: &str| layout.cursor == (layout.rows.len() - 1, crate::core::wrap::columns(last));
    let is_same = rest == old_rest && is_at_end(before, old_last) && is_at_end(after, last);
    last.strip_prefix(old_last.as_str()).filter(|_| is_same).map(str::to_owned)
}

/// The rows, and the cursor in its place.
fn drawn(layout: &Layout) -> String {
    let mut frame = String::new();
    for (at, row) in layout.rows.iter().enumerate() {
        if at > 0 {
            frame.push('\n');
        }
        frame += LEAD[usize::from(at > 0)];
        frame += row;
    }
    let up = layout.rows.len() - 1 - layout.cursor.0;
    if up > 0 {
        frame += &format!("\u{1b}[{up}A");
    }
    frame + &format!("\r\u{1b}[{}C", LEAD[0].len() + layout.cursor.1)
}
