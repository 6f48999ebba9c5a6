//! The operator's desk: prompts at a terminal, or answers given beforehand.

use std::collections::BTreeMap;

use dialoguer::theme::Theme;
use dialoguer::{Input, Select};

use crate::core::id::Brand;
use crate::core::interview::{Answers, QUESTIONS, Wish};
use crate::core::text;
use crate::session::{Approval, Desk, Proposal, SessionError};
use crate::ui::Ui;

/// How questions are answered.
pub(super) struct Given {
    /// Answers by brand, read from a file.
    pub(super) answers: Option<BTreeMap<Brand, Answers>>,
    /// Every draft is approved.
    pub(super) approves_all: bool,
    /// Somebody sits at the terminal.
    pub(super) is_interactive: bool,
}

/// The desk of this command line.
pub(super) struct Operator<'a> {
    ui: &'a Ui,
    given: Given,
}

impl<'a> Operator<'a> {
    pub(super) fn new(ui: &'a Ui, given: Given) -> Self {
        Self { ui, given }
    }
}

/// Questions as they are written, indented under their phase.
struct Plain;

impl Theme for Plain {
    fn format_input_prompt(&self, out: &mut dyn std::fmt::Write, prompt: &str, _default: Option<&str>) -> std::fmt::Result {
        write!(out, "   {prompt} ")
    }

    fn format_input_prompt_selection(&self, out: &mut dyn std::fmt::Write, prompt: &str, answer: &str) -> std::fmt::Result {
        write!(out, "   {prompt} {answer}")
    }

    fn format_select_prompt(&self, out: &mut dyn std::fmt::Write, prompt: &str) -> std::fmt::Result {
        write!(out, "   {prompt}")
    }

    fn format_select_prompt_selection(&self, out: &mut dyn std::fmt::Write, prompt: &str, answer: &str) -> std::fmt::Result {
        write!(out, "   {prompt}: {answer}")
    }

    fn format_select_prompt_item(&self, out: &mut dyn std::fmt::Write, item: &str, is_active: bool) -> std::fmt::Result {
        write!(out, "   {} {item}", if is_active { ">" } else { " " })
    }
}

fn prompt_error(error: dialoguer::Error) -> SessionError {
    let dialoguer::Error::IO(error) = error;
    if error.kind() == std::io::ErrorKind::Interrupted { SessionError::Interrupted } else { SessionError::Prompt(error) }
}

fn ask(question: &str) -> Result<String, SessionError> {
    let input = Input::<String>::with_theme(&Plain).with_prompt(question).allow_empty(true);
    input.interact_text().map_err(prompt_error)
}

impl Desk for Operator<'_> {
    fn interview(&self, brand: &Brand, _brief: &str) -> Result<Option<Answers>, SessionError> {
        if let Some(answers) = &self.given.answers {
            return Ok(answers.get(brand).cloned());
        }
        if !self.given.is_interactive {
            return Ok(None);
        }
        self.ui.say(format!("   {brand}"));
        let mut answers = Answers::default();
        for (key, question) in QUESTIONS {
            match key {
                "next" => loop {
                    let title = ask(question)?;
                    if title.trim().is_empty() {
                        break;
                    }
                    if let Err(too_long) = text::whole_line(&title, text::MAX_TITLE) {
                        self.ui.say(format!("   {too_long}"));
                        continue;
                    }
                    answers.next.push(Wish { title, ..Wish::default() });
                },
                "matters" => answers.matters = ask(question)?,
                "avoid" => answers.avoid = ask(question)?,
                "waiting" => answers.waiting = ask(question)?,
                _ => answers.learned = ask(question)?,
            }
        }
        Ok(Some(answers))
    }

    fn approve(&self, draft: &Proposal) -> Result<Approval, SessionError> {
        if self.given.approves_all {
            return Ok(Approval::Approve);
        }
        if !self.given.is_interactive {
            return Ok(Approval::Later);
        }
        self.ui.say(format!("   {}: {}", draft.brand, draft.title));
        for line in draft.description.lines().take(12) {
            self.ui.say(format!("      {line}"));
        }
        let choices = ["approve", "reject", "later"];
        let select = Select::with_theme(&Plain)
            .with_prompt(format!("Approve this ticket? ({}, {})", draft.repo, draft.id))
            .items(choices)
            .default(0);
        match select.interact_opt().map_err(prompt_error)? {
            Some(0) => Ok(Approval::Approve),
            Some(1) => {
                let reason = ask("Reason:")?;
                Ok(Approval::Reject(if reason.trim().is_empty() { "not wanted".to_owned() } else { reason }))
            }
            Some(_) => Ok(Approval::Later),
            None => Err(SessionError::Interrupted),
        }
    }
}
