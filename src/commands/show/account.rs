//! What happened to a ticket, as `git os show` tells it: its runs, its last verdict, its comments, and what it depends on.

use serde::Serialize;

use crate::commands::context::Context;
use crate::core::event::{EventKind, State};
use crate::core::holding::{Holding, name_of};
use crate::core::id::{ObjectId, RepoName, TicketId};
use crate::core::json::TicketView;
use crate::core::outcome::Outcome;
use crate::core::proof::Mixture;
use crate::core::text::{escape, line, plural};
use crate::core::time::Timestamp;
use crate::core::verdict::{CheckResult, Verdict};
use crate::error::CliError;
use crate::git::Repo;
use crate::ledger::attempts::{Attempt, attempts, used};
use crate::ledger::replay::Link;
use crate::ledger::{Entry, Ledger, LedgerError};
use crate::operations::Place;
use crate::ui::{Tone, tone_of};
use crate::workspace::WorkspaceError;

/// The longest outcome of a run in a line, in bytes; `git os log` has all of it.
const MAX_STAGE: usize = 120;

/// What happened to a ticket.
pub(super) struct Account {
    /// When it was created, and by whom.
    pub(super) created: String,
    /// The branch of the work, if it is there.
    pub(super) branch: Option<String>,
    /// The commit of the protected branch that is the work.
    pub(super) landed: Option<ObjectId>,
    /// Attempts at the work that failed since an operator last made it ready.
    pub(super) used: u32,
    runs: Vec<Run>,
    verdict: Option<Verdict>,
    comments: Vec<Comment>,
    dependencies: Vec<Dependency>,
}

/// One attempt.
#[derive(Serialize)]
struct Run {
    number: usize,
    #[serde(rename = "holder")]
    holding: Holding,
    begun: Timestamp,
    ended: Option<Timestamp>,
    /// What came of it so far, in a few words.
    stage: String,
    /// The name of how its agent ended, if it has and the chain says so.
    outcome: Option<&'static str>,
    /// Until when its agent may not be used, where that was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    /// In US dollars.
    cost: Option<f64>,
}

#[derive(Serialize)]
struct Comment {
    time: Timestamp,
    author: String,
    agent: Option<String>,
    text: String,
}

/// What the ticket waits for; the last three are `None` if it cannot be read.
#[derive(Serialize)]
struct Dependency {
    id: TicketId,
    repo: Option<RepoName>,
    state: Option<State>,
    title: Option<String>,
}

impl Account {
    /// From the chain of a ticket, newest link first.
    pub(super) fn of(place: &Place, ledger: &Ledger<'_>, entry: &Entry, links: &[Link]) -> Result<Self, CliError> {
        let used = used(links).attempts;
        let attempts = attempts(links);
        let mut verdict = None;
        for attempt in attempts.iter().rev() {
            verdict = ledger.find_verdict(attempt)?;
            if verdict.is_some() {
                break;
            }
        }
        let comment = |link: &Link| Comment {
            time: link.commit.time(),
            author: name_of(&link.commit.author).to_owned(),
            agent: link.record.event.agent.clone(),
            text: link.record.event.text.clone(),
        };
        let comments = links.iter().rev().filter(|link| link.record.event.action.kind() == EventKind::Comment);
        let branch = entry.id.branch();
        let has_branch = ledger.repo.find_ref(&branch)?.is_some();
        let landed = if entry.ticket.state == State::Merged { entry.ticket.landed_commit() } else { None };
        let root = links.last();
        Ok(Self {
            used,
            created: root.map_or_else(String::new, |root| {
                format!("{} by {}, as {}", root.commit.time(), name_of(&root.commit.author), root.record.event.actor)
            }),
            branch: has_branch.then(|| branch.trim_start_matches("refs/heads/").to_owned()),
            landed,
            runs: attempts.into_iter().enumerate().map(|(at, attempt)| run(at + 1, attempt)).collect(),
            verdict,
            comments: comments.map(comment).collect(),
            dependencies: entry.ticket.content.depends.iter().map(|id| dependency(place, id)).collect::<Result<_, _>>()?,
        })
    }

    /// Who holds the ticket now.
    pub(super) fn holder(&self, entry: &Entry) -> Option<Holding> {
        let last = self.runs.last().map(|run| run.holding.clone());
        last.filter(|_| entry.ticket.state.is_held())
    }

    /// What all runs cost that say it.
    pub(super) fn cost(&self) -> Option<String> {
        let known: Vec<f64> = self.runs.iter().filter_map(|run| run.cost).collect();
        let runs = plural(known.len(), "run", "runs");
        (!known.is_empty()).then(|| format!("${:.2} (as {runs} of {} said)", known.iter().sum::<f64>(), self.runs.len()))
    }

    /// Adds it to the ticket as other programs see it.
    pub(super) fn beside(&self, mut ticket: serde_json::Value) -> serde_json::Value {
        let more = serde_json::json!({
            "branch": self.branch,
            "landed": self.landed,
            "dependencies": self.dependencies,
            "runs": self.runs,
            "verdict": self.verdict,
            "comments": self.comments,
        });
        if let (Some(ticket), serde_json::Value::Object(more)) = (ticket.as_object_mut(), more) {
            ticket.extend(more);
        }
        ticket
    }

    pub(super) fn print(&self, ctx: &Context, view: &TicketView, now: Timestamp) -> Result<(), CliError> {
        let heading = |text: &str| ctx.ui.line("").and_then(|()| ctx.ui.heading(text));
        if !self.dependencies.is_empty() {
            heading("depends on")?;
            ctx.ui.table(&self.dependencies.iter().map(|one| one.cells(view)).collect::<Vec<_>>())?;
        }
        if !self.runs.is_empty() {
            // Who works by hand prints nothing that is kept.
            let has_output = self.runs.iter().any(|run| run.holding.agent.is_some());
            let output = if has_output { format!(" (output: `git os log {} --run N`)", view.id) } else { String::new() };
            heading(&format!("runs{output}"))?;
            ctx.ui.table(&self.runs.iter().map(|run| run.cells(now)).collect::<Vec<_>>())?;
        }
        if let Some(verdict) = &self.verdict {
            let Verdict { verdict: judgement, run, commit, checks, judge, grade, .. } = verdict;
            heading(&format!("verdict: {judgement} on {}, grade {grade}, by run {run}", commit.short(12)))?;
            let row = |check: &CheckResult| {
                let tone = if check.has_passed() { Tone::Good } else { Tone::Bad };
                let tests = check.tests.map(|tests| format!(", {tests}")).unwrap_or_default();
                let exit = (tone, format!("exit {}{tests}", check.exit));
                vec![(Tone::Strong, format!("  check {}", check.name)), exit, (Tone::Quiet, format!("{} ms", check.millis))]
            };
            let proof = |check: &CheckResult| proof_of(verdict, check);
            let rows = checks.iter().flat_map(|check| std::iter::once(row(check)).chain(proof(check)));
            ctx.ui.table(&rows.collect::<Vec<_>>())?;
            ctx.ui.line(format!("  judged by {}", if judge.agent == "checks" { "the checks alone" } else { &judge.agent }))?;
            for reason in &judge.reasons {
                ctx.ui.line(format!("    {}", escape(reason)))?;
            }
        }
        if !self.comments.is_empty() {
            heading("comments")?;
        }
        for Comment { time, author, agent, text } in &self.comments {
            let agent = agent.as_ref().map(|agent| format!(", agent {agent}")).unwrap_or_default();
            ctx.ui.line(format!("  {time} {author}{agent}"))?;
            for line in text.lines() {
                ctx.ui.line(format!("    {line}"))?;
            }
        }
        Ok(())
    }
}

/// What a check said of base and work put together, a row for each mixture that was tried.
fn proof_of(verdict: &Verdict, check: &CheckResult) -> Vec<Vec<(Tone, String)>> {
    let Some(proof) = &check.proof else { return Vec::new() };
    let row = |mixture: &Mixture| {
        let seen = proof.seen(*mixture, verdict.tree, check)?;
        let tests = seen.tests.map(|tests| format!(", {tests}")).unwrap_or_default();
        let (tone, colour) = if seen.has_passed() { (Tone::Good, "green") } else { (Tone::Busy, "red") };
        let source = match &proof.tried(*mixture).result {
            Some(trial) if trial.known => "known from an earlier verdict".to_owned(),
            Some(trial) => format!("{} ms", trial.millis),
            None => "the same files".to_owned(),
        };
        let name = (Tone::Quiet, format!("    {}", mixture.words()));
        Some(vec![name, (tone, format!("{colour}, exit {}{tests}", seen.exit)), (Tone::Quiet, source)])
    };
    let mut rows: Vec<_> = Mixture::ALL.iter().filter_map(row).collect();
    if proof.lost > 0 {
        let gone = format!("{} gone: {}", plural(proof.lost, "test file", "test files"), proof.gone.join(" "));
        rows.push(vec![(Tone::Quiet, "    test files".to_owned()), (Tone::Busy, gone), (Tone::Quiet, String::new())]);
    }
    rows
}

fn run(number: usize, attempt: Attempt) -> Run {
    let cost = attempt.dollars();
    let Attempt { holding, begun, ended, stage, outcome, .. } = attempt;
    let until = if let Some(Outcome::Limited { until }) = outcome { until } else { None };
    Run { number, holding, begun, ended, stage, outcome: outcome.map(Outcome::name), until, cost }
}

impl Run {
    fn cells(&self, now: Timestamp) -> Vec<(Tone, String)> {
        let cost = self.cost.map(|cost| format!(", ${cost:.2}")).unwrap_or_default();
        vec![
            (Tone::Strong, format!("  {}", self.number)),
            (Tone::Quiet, self.begun.to_string()),
            (Tone::Quiet, self.ended.unwrap_or(now).lasted(self.begun)),
            (Tone::Busy, self.holding.to_string()),
            (Tone::Strong, format!("{}{cost}", line(&self.stage, MAX_STAGE))),
        ]
    }
}

/// Looks for a ticket on which another one depends.
fn dependency(place: &Place, id: &TicketId) -> Result<Dependency, CliError> {
    let unknown = Dependency { id: id.clone(), repo: None, state: None, title: None };
    let Some(workspace) = &place.workspace else { return in_repo(&place.repo, id).map(|found| found.unwrap_or(unknown)) };
    let here = place.name.as_ref().map(|name| (name, &place.repo));
    let found = match workspace.resolve(id.as_str(), here) {
        Ok(found) if Some(&found.repo) == place.name.as_ref() => in_repo(&place.repo, id)?,
        Ok(found) => in_repo(&workspace.open(workspace.entry(found.repo.as_str())?)?, id)?,
        Err(WorkspaceError::Ledger(LedgerError::NotFound(_))) => None,
        Err(WorkspaceError::Former { home, .. }) => in_repo(&Repo::open(&home)?, id)?,
        Err(error) => return Err(error.into()),
    };
    Ok(found.unwrap_or(unknown))
}

/// The same in one repository; `None` if it is not there, or none of it is legal.
fn in_repo(repo: &Repo, id: &TicketId) -> Result<Option<Dependency>, CliError> {
    let ledger = Ledger::open(repo)?;
    match ledger.read_legal(id) {
        Ok((entry, _)) => Ok(Some(Dependency {
            id: id.clone(),
            repo: Some(ledger.policy.repo.clone()),
            state: Some(entry.ticket.state),
            title: Some(entry.ticket.content.title),
        })),
        Err(LedgerError::Quarantined { .. } | LedgerError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Dependency {
    fn cells(&self, view: &TicketView) -> Vec<(Tone, String)> {
        let vain = view.waits_in_vain.iter().find(|vain| vain.depends == self.id);
        let vain = vain.map(|vain| format!(" (will never land: {})", vain.reason)).unwrap_or_default();
        let state = self.state.map_or("unknown", State::as_str).to_owned();
        vec![
            (Tone::Strong, format!("  {}", self.id)),
            (self.state.map_or(Tone::Bad, tone_of), state),
            (Tone::Quiet, self.repo.as_ref().map(ToString::to_string).unwrap_or_default()),
            (Tone::Strong, format!("{}{vain}", self.title.as_deref().unwrap_or_default())),
        ]
    }
}
