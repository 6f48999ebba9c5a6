//! `git os session`

use clap::Args as ClapArgs;

use super::context::Context;
use crate::core::holding::name_of;
use crate::core::id::{SESSIONS, SessionId};
use crate::core::text::plural;
use crate::error::{CliError, Code};
use crate::ledger::archive;
use crate::session::is_closed;
use crate::ui::Tone;

/// Show the log of a session, or list sessions
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Session id, or any unique part of it [default: list all sessions]
    id: Option<String>,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Listed {
    commit: String,
    time: crate::core::time::Timestamp,
    author: String,
    subject: String,
    body: String,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let place = ctx.place_in_workspace()?;
    let workspace = place.workspace()?;
    let hub = workspace.open(workspace.hub()?)?;
    ctx.fold(&hub)?;
    let live = hub.list_refs(SESSIONS)?.into_iter().map(|(name, tip)| (name[SESSIONS.len()..].to_owned(), tip));
    let archived = archive::list_sessions(&hub)?.into_iter().map(|(id, tip)| (id.to_string(), tip));
    let mut sessions: Vec<_> = archived.chain(live).collect();
    sessions.retain(|(id, _)| SessionId::parse(id).is_ok() && args.id.as_ref().is_none_or(|part| id.contains(part.as_str())));
    let mut dated = Vec::new();
    for (id, tip) in sessions {
        dated.push((hub.read_commit(tip)?.time(), id, tip));
    }
    // In the order in which they were last written.
    dated.sort();
    let sessions: Vec<_> = dated.into_iter().map(|(_, id, tip)| (id, tip)).collect();
    let Some(part) = &args.id else {
        if args.json {
            let ids: Vec<_> = sessions.iter().map(|(id, _)| id).collect();
            return ctx.ui.json(&serde_json::json!({ "version": 1, "sessions": ids }));
        }
        let row = |(id, tip): &(String, _)| {
            let last = hub.read_commit(*tip)?;
            let (time, author) = (last.time().to_string(), name_of(&last.author).to_owned());
            let (tone, state) = match last.subject() {
                _ if is_closed(&last.message) => (Tone::Quiet, "closed".to_owned()),
                subject => (Tone::Busy, format!("unfinished: {subject}")),
            };
            Ok(vec![(Tone::Strong, id.clone()), (Tone::Quiet, time), (Tone::Quiet, author), (tone, state)])
        };
        return ctx.ui.table(&sessions.iter().map(row).collect::<Result<Vec<_>, CliError>>()?);
    };
    let [(id, tip)] = sessions.as_slice() else {
        let shown = crate::core::text::escape(part);
        return Err(CliError::no(
            Code::AmbiguousSession,
            format!("`{shown}` matches {}", plural(sessions.len(), "session", "sessions")),
        )
        .hint("git os session"));
    };
    let mut entries = Vec::new();
    for commit_id in hub.list_history(*tip)? {
        let commit = hub.read_commit(commit_id)?;
        let message = String::from_utf8_lossy(&commit.message).into_owned();
        let (subject, rest) = message.split_once("\n\n").unwrap_or((message.as_str(), ""));
        let body = rest.trim_end().rsplit_once("\n\n").map_or("", |(body, _)| body);
        entries.push(Listed {
            commit: commit_id.to_string(),
            time: commit.time(),
            author: name_of(&commit.author).to_owned(),
            subject: subject.to_owned(),
            body: body.to_owned(),
        });
    }
    entries.reverse();
    if args.json {
        return ctx.ui.json(&serde_json::json!({ "version": 1, "id": id, "entries": entries }));
    }
    for entry in &entries {
        ctx.ui.heading(&format!("{} {}", entry.time, entry.subject))?;
        ctx.ui.line(format!("  {}", entry.author))?;
        for line in entry.body.lines() {
            ctx.ui.line(format!("  {line}"))?;
        }
    }
    Ok(())
}
