//! The operator's desk: questions at a terminal, or answers given beforehand.

mod keys;
mod line;
mod prompt;
mod terminal;

use std::cell::Cell;
use std::collections::BTreeMap;

use self::prompt::Reply;
use crate::agent::stop::Stop;
use crate::core::id::Brand;
use crate::core::interview::Answers;
use crate::core::sheet::Sheet;
use crate::core::text::{chain, comma, plural};
use crate::git::{Repo, editor};
use crate::session::{Approval, Asked, Desk, Proposal, Put, Said, SessionError};
use crate::ui::Ui;

/// The columns before a question, and before what belongs to it.
const AT: usize = 3;
const BELOW: usize = 6;
/// What is said of the keys at the questions of the interview.
const INTERVIEW_KEYS: &str = "Enter skips a question, `-` the rest of a brand, `q` the rest of the interview; what was answered is kept. `?` shows this again.";
/// The same at the question of an agent.
const ANSWER_KEYS: &str = "Enter leaves it for later, `q` leaves all questions for later.";
/// The same where a reason is asked for.
const WHY_NOT: &str = "Why not? A rejection needs a reason; Ctrl-D goes back to the draft.";
/// How many rows of a description are shown before it is decided about.
const MAX_ROWS: usize = 20;

/// How questions are answered.
pub(super) struct Given<'a> {
    /// Answers by brand, read from a file.
    pub(super) answers: Option<BTreeMap<Brand, Answers>>,
    /// Every draft is approved.
    pub(super) approves_all: bool,
    /// Somebody sits at the terminal.
    pub(super) is_interactive: bool,
    /// The repository whose settings name the editor.
    pub(super) hub: &'a Repo,
}

/// The desk of this command line.
pub(super) struct Operator<'a> {
    ui: &'a Ui,
    stop: &'a Stop,
    given: Given<'a>,
    has_said_how: Cell<bool>,
}

/// Asks a question that is answered by a yes or a no, and by nothing else.
///
/// # Errors
/// When somebody interrupts, or the terminal is gone.
pub(super) fn confirm(ui: &Ui, stop: &Stop, indent: usize, question: &str) -> Result<bool, SessionError> {
    loop {
        ui.say_indented(indent, &format!("{question} [y]es [n]o (Enter asks again)"));
        match prompt::ask(ui, stop)? {
            Reply::Text(word) if ["y", "yes"].contains(&word.as_str()) => return Ok(true),
            Reply::Text(word) if ["n", "no"].contains(&word.as_str()) => return Ok(false),
            Reply::End => return Ok(false),
            Reply::Text(_) => {}
        }
    }
}

impl<'a> Operator<'a> {
    pub(super) fn new(ui: &'a Ui, stop: &'a Stop, given: Given<'a>) -> Self {
        Self { ui, stop, given, has_said_how: Cell::new(false) }
    }

    /// Asks a question that is answered by a text.
    fn ask_for(&self, question: &str) -> Result<Reply, SessionError> {
        self.ui.say_indented(AT, question);
        prompt::ask(self.ui, self.stop)
    }

    /// Reads a text; `?` shows which keys mean what, and is no text.
    fn ask_helping(&self, keys: &str) -> Result<Reply, SessionError> {
        loop {
            match prompt::ask(self.ui, self.stop)? {
                Reply::Text(text) if text == "?" => self.ui.say_indented(AT, keys),
                reply => return Ok(reply),
            }
        }
    }

    fn show(&self, draft: &Proposal) {
        let Sheet { title, kind, priority, tests_may_change, scope, description, .. } = &draft.sheet;
        self.ui.say("");
        self.ui.say_indented(AT, &format!("{}: {title}", draft.brand));
        let tests = if *tests_may_change { ", tests may change" } else { "" };
        let scope = if scope.is_empty() { String::new() } else { format!(", only {}", comma(scope)) };
        self.ui.say_indented(AT, &format!("({}, {}, {kind}, priority {priority}{tests}{scope})", draft.repo, draft.id));
        let width = Ui::size().0.saturating_sub(BELOW + 1);
        let rows = crate::core::wrap::wrapped(description, width);
        if !description.is_empty() {
            self.ui.say_indented(BELOW, &rows.iter().take(MAX_ROWS).map(String::as_str).collect::<Vec<_>>().join("\n"));
        }
        if rows.len() > MAX_ROWS {
            self.ui.say_indented(BELOW, &format!("({} more; `e` shows all)", plural(rows.len() - MAX_ROWS, "line", "lines")));
        }
    }

    /// Asks why not; `None` if the draft is not to be rejected after all.
    fn ask_why_not(&self) -> Result<Option<String>, SessionError> {
        let mut question = "Why not?";
        loop {
            match self.ask_for(question)? {
                Reply::End => return Ok(None),
                Reply::Text(reason) if reason == "?" => question = WHY_NOT,
                Reply::Text(reason) if !reason.is_empty() => return Ok(Some(reason)),
                Reply::Text(_) => question = WHY_NOT,
            }
        }
    }

    fn confirm(&self, question: &str) -> Result<bool, SessionError> {
        confirm(self.ui, self.stop, AT, question)
    }

    /// Lets the person edit a draft; `None` if it stays as it is.
    fn edit(&self, sheet: &Sheet) -> Result<Option<Sheet>, SessionError> {
        let mut text = sheet.to_text();
        loop {
            let edited = match editor::edit(self.given.hub, "DRAFT.md", &text) {
                Ok(Some(edited)) => edited,
                Ok(None) => {
                    self.ui.say_indented(AT, "the editor did not exit with 0; the draft is unchanged");
                    return Ok(None);
                }
                Err(error) => {
                    self.ui.say_indented(AT, &chain(&error));
                    return Ok(None);
                }
            };
            match Sheet::parse(&edited) {
                Ok(new) => return Ok((new != *sheet).then_some(new)),
                Err(why) => {
                    self.ui.say_indented(AT, &format!("cannot use the edited draft: {why}"));
                    if !self.confirm("Edit it again?")? {
                        return Ok(None);
                    }
                    text = edited;
                }
            }
        }
    }
}

fn all(count: usize) -> String {
    if count == 1 { "this draft".to_owned() } else { format!("all {count} drafts") }
}

impl Desk for Operator<'_> {
    fn is_attended(&self) -> bool {
        self.given.is_interactive
    }

    fn given(&self) -> Option<&BTreeMap<Brand, Answers>> {
        self.given.answers.as_ref()
    }

    fn ask(&self, put: &Put<'_>) -> Result<Said, SessionError> {
        if !self.given.is_interactive {
            return Ok(Said::Quit);
        }
        if !self.has_said_how.replace(true) {
            self.ui.say_indented(AT, INTERVIEW_KEYS);
        }
        if let Some(reason) = put.reason {
            self.ui.say("");
            self.ui.say_indented(AT, &reason.lines(&put.question.brand).join("\n"));
        }
        if let Some(complaint) = &put.complaint {
            self.ui.say_indented(AT, complaint);
        }
        if !put.is_more {
            self.ui.say_indented(AT, put.question.text);
        }
        Ok(match self.ask_helping(INTERVIEW_KEYS)? {
            Reply::Text(text) if text == "-" => Said::NothingMore,
            Reply::Text(text) if text == "q" => Said::Quit,
            Reply::Text(text) if !text.is_empty() => Said::Text(text),
            Reply::Text(_) | Reply::End => Said::Nothing,
        })
    }

    fn approve(&self, drafts: &[Proposal]) -> Result<Approval, SessionError> {
        let Some(draft) = drafts.first() else { return Ok(Approval::Quit) };
        if self.given.approves_all {
            return Ok(Approval::Approve);
        }
        if !self.given.is_interactive {
            return Ok(Approval::Later);
        }
        self.show(draft);
        loop {
            let keys = "[a]pprove [r]eject [e]dit [l]ater [A]ll [q]uit [Enter] help";
            let Reply::Text(key) = self.ask_for(&format!("Approve it? {keys}"))? else { return Ok(Approval::Later) };
            match key.as_str() {
                "a" | "approve" => return Ok(Approval::Approve),
                "r" | "reject" => {
                    if let Some(reason) = self.ask_why_not()? {
                        return Ok(Approval::Reject(reason));
                    }
                }
                "e" | "edit" => {
                    if let Some(sheet) = self.edit(&draft.sheet)? {
                        return Ok(Approval::Edit(sheet));
                    }
                }
                "l" | "later" => return Ok(Approval::Later),
                "A" | "All" => {
                    drafts.iter().skip(1).for_each(|draft| self.show(draft));
                    if self.confirm(&format!("Approve {}?", all(drafts.len())))? {
                        return Ok(Approval::ApproveRest);
                    }
                    self.show(draft);
                }
                "q" | "quit" => return Ok(Approval::Quit),
                _ => self.ui.say_indented(
                    AT,
                    "a - approve this ticket\nr - reject it, with a reason\ne - edit it\nl - decide later (as Ctrl-D)\n\
                     A - show all that follow, and approve them together\nq - decide later about this and all that follow",
                ),
            }
        }
    }

    fn reply(&self, asked: &Asked) -> Result<Said, SessionError> {
        if !self.given.is_interactive {
            return Ok(Said::Quit);
        }
        self.ui.say("");
        self.ui.say_indented(AT, &format!("An agent asks about {} ({}): {}", asked.id, asked.repo, asked.title));
        self.ui.say_indented(BELOW, &asked.doing.join("\n"));
        self.ui.say_indented(AT, &asked.question);
        self.ui.say_indented(AT, &format!("Your answer? {ANSWER_KEYS}"));
        Ok(match self.ask_helping(ANSWER_KEYS)? {
            Reply::Text(text) if text == "q" => Said::Quit,
            Reply::Text(text) if !text.is_empty() => Said::Text(text),
            Reply::Text(_) | Reply::End => Said::Nothing,
        })
    }
}
