//! `git os learn`

use clap::Args as ClapArgs;

use super::context::Context;
use crate::agent::outbox::{self, Message};
use crate::core::id::Brand;
use crate::core::ruling::Ruling;
use crate::core::{secrets, text};
use crate::error::{CliError, Code};
use crate::memory::learnings::{self, Confidence};
use crate::operations::{self, OperationError};

/// Record a learning, or list learnings
///
/// Writes the learning to this clone's ref under refs/os/learnings, with the ticket and the run it comes from. Without a
/// text, lists the learnings of this repository, newest first.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Text of the learning; - reads standard input
    text: Option<String>,

    /// Brand that the learning is for [default: the brand of the repository]
    #[arg(long)]
    brand: Option<String>,

    /// How reliable it is: high, medium or low
    #[arg(long, default_value_t = Confidence::Medium)]
    confidence: Confidence,

    /// Print the learnings as JSON
    #[arg(long, conflicts_with = "text")]
    json: bool,
}

/// Leaves a message for the orchestrator if an agent runs the command. Returns whether one does.
///
/// # Errors
/// When it is too long or the run has said too much, so that the agent learns of it while it can still say it in fewer words.
pub(super) fn leave(ctx: &Context, message: &Message) -> Result<bool, CliError> {
    let Some(folder) = &ctx.env.outbox else { return Ok(false) };
    text::whole(&secrets::redact(message.text()), text::MAX_BODY).map_err(OperationError::from)?;
    let order = std::time::Duration::from_nanos(u64::from(std::process::id())).as_nanos() + now_nanos();
    match outbox::leave(folder, message, order)? {
        Ruling::Granted(()) => Ok(true),
        Ruling::Denied(full) => Err(CliError::no(Code::OutboxFull, full)),
    }
}

#[expect(clippy::disallowed_methods, reason = "messages of one run are read in the order in which they were left")]
fn now_nanos() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos()
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let Some(text) = &args.text else { return list(ctx, args.json) };
    let text = super::read_text(ctx, (text != "-").then_some(text.as_str()), (text == "-").then_some("-"))?.unwrap_or_default();
    operations::learn::whole(&text)?;
    if leave(ctx, &Message::Learn { text: text.clone() })? {
        return ctx.ui.line("recorded");
    }
    let brand = args.brand.as_deref().map(Brand::parse).transpose()?;
    operations::learn::learn(&ctx.place()?, &ctx.env, &text, brand, args.confidence)?;
    ctx.ui.line("recorded")
}

fn list(ctx: &Context, as_json: bool) -> Result<(), CliError> {
    let lessons = learnings::list(&ctx.place()?.repo)?;
    if as_json {
        return ctx.ui.json(&serde_json::json!({ "version": 1, "learnings": lessons }));
    }
    for lesson in lessons {
        let from = lesson.ticket.map(|id| format!(" ({id})")).unwrap_or_default();
        ctx.ui.line(format!("{} {}{from}", lesson.time.date(), text::first_line(&lesson.text)))?;
    }
    Ok(())
}
