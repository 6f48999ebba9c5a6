//! `git os learn`

use clap::Args as ClapArgs;

use super::context::Context;
use crate::agent::outbox::{self, Message};
use crate::core::id::{Brand, RunId, TicketId};
use crate::error::CliError;
use crate::memory::learnings::{self, Confidence, Learning};

/// Leave a lesson for others
///
/// It goes to this clone's stream under refs/os/learnings, with the ticket and run that taught it. Without a text the
/// lessons of this repository are listed, the newest first.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// The lesson; - is standard input
    text: Option<String>,

    /// The brand it is for; by default the one of the repository
    #[arg(long)]
    brand: Option<String>,

    /// high, medium or low
    #[arg(long, default_value_t = Confidence::Medium)]
    confidence: Confidence,

    /// Print the lessons as JSON
    #[arg(long, conflicts_with = "text")]
    json: bool,
}

/// Leaves a message for the orchestrator, when an agent speaks. Answers whether one does.
pub(super) fn leave(ctx: &Context, message: &Message) -> Result<bool, CliError> {
    let Some(folder) = &ctx.env.outbox else { return Ok(false) };
    let order = std::time::Duration::from_nanos(u64::from(std::process::id())).as_nanos() + now_nanos();
    outbox::leave(folder, message, order)?;
    Ok(true)
}

#[expect(clippy::disallowed_methods, reason = "messages of one run are read in the order in which they were left")]
fn now_nanos() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos()
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let Some(text) = &args.text else { return list(ctx, args.json) };
    let text = super::read_text(ctx, (text != "-").then_some(text.as_str()), (text == "-").then_some("-"))?.unwrap_or_default();
    if leave(ctx, &Message::Learn { text: text.clone() })? {
        return ctx.ui.line("noted");
    }
    let place = ctx.place()?;
    let ledger = place.ledger()?;
    let brand = args.brand.as_ref().map_or(Ok(ledger.policy.brand.clone()), |brand| Brand::parse(brand)).map_err(CliError::no)?;
    let learning = Learning {
        text,
        brand,
        ticket: ctx.env.ticket.as_deref().and_then(|id| TicketId::parse(id).ok()),
        run: ctx.env.run.as_deref().and_then(|run| RunId::parse(run).ok()),
        confidence: args.confidence,
    };
    if learnings::append_once(&place.repo, &learning)? {
        return ctx.ui.line("noted");
    }
    Err(CliError::no("there is nothing new in it"))
}

fn list(ctx: &Context, as_json: bool) -> Result<(), CliError> {
    let lessons = learnings::list(&ctx.place()?.repo)?;
    if as_json {
        return ctx.ui.json(&serde_json::json!({ "version": 1, "learnings": lessons }));
    }
    for lesson in lessons {
        let from = lesson.ticket.map(|id| format!(" ({id})")).unwrap_or_default();
        ctx.ui.line(format!("{} {}{from}", lesson.time.date(), crate::core::text::first_line(&lesson.text)))?;
    }
    Ok(())
}
