//! Whether the agents of the registry can be used on this machine: looked at without their models, or asked for one turn.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use tempfile::TempDir;

use super::{Done, OperationError};
use crate::agent::session::{Conclusion, Decision, Event, Session};
use crate::agent::stop::Stop;
use crate::agent::{Brief, Duty, Surroundings, probe};
use crate::core::id::{RunId, TicketId};
use crate::core::outcome::Outcome;
use crate::core::registry::{AgentEntry, AgentKind};
use crate::core::time::Timestamp;
use crate::core::usage::Usage;
use crate::dispatch::DispatchError;
use crate::doctor::programs::find_lack_of_agent;
use crate::git::GitError;
use crate::ledger::{LedgerError, new_run};
use crate::workspace::Workspace;

/// What an agent is asked in a test.
const QUESTION: &str = "# Say that you are there\n\nAnswer with the one word `ready`. Use no tools, and change nothing.\n";
/// A ticket that is none, since an agent is always given one.
const NO_TICKET: &str = "T-2026-01-01-test-0000";

/// What is known of an agent.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AgentView {
    pub(crate) name: String,
    pub(crate) kind: AgentKind,
    pub(crate) program: String,
    /// As the program itself says it; `None` where it is not asked or says nothing.
    pub(crate) version: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) is_usable: bool,
    /// How a run would end, if it cannot be used.
    pub(crate) outcome: Option<String>,
    /// Why it cannot be used.
    pub(crate) reason: Option<String>,
}

/// Looks at all agents of the registry, each in its own thread.
///
/// # Errors
/// When no names for runs can be made.
pub(crate) fn list(workspace: &Workspace, program: &Utf8Path, stop: &Stop) -> Done<Vec<AgentView>> {
    let root = registry_dir(workspace);
    let agents = &workspace.registry.agents;
    let runs = agents.iter().map(|_| new_run()).collect::<Result<Vec<_>, LedgerError>>()?;
    let look = |((name, agent), run): ((&String, &AgentEntry), &RunId)| look(name, agent, &root, program, run, stop);
    let views = std::thread::scope(|scope| {
        let looks: Vec<_> = agents.iter().zip(&runs).map(|one| scope.spawn(move || look(one))).collect();
        // A thread that panicked has said so.
        looks.into_iter().filter_map(|look| look.join().ok()).collect()
    });
    if stop.is_interrupted() { Err(OperationError::Dispatch(DispatchError::Interrupted)) } else { Ok(views) }
}

fn look(name: &str, agent: &AgentEntry, root: &Utf8Path, git_os: &Utf8Path, run: &RunId, stop: &Stop) -> AgentView {
    let words = agent.words(root);
    let program = words.first().cloned().unwrap_or_default();
    let found = match find_lack_of_agent(agent, root) {
        Some(lack) => Err(probe::Unusable { outcome: Outcome::MissingClient, why: lack.to_string() }),
        // What another program does when it is asked for its version is not known.
        None if agent.kind.program().is_none() => Ok(None),
        None => probe::version(&words, git_os, run, stop).and_then(|version| probe::is_new_enough(agent.kind, version)),
    };
    let (version, unusable) = match found {
        Ok(version) => (version, None),
        Err(unusable) => (None, Some(unusable)),
    };
    AgentView {
        name: name.to_owned(),
        kind: agent.kind,
        program,
        version,
        model: agent.model.clone(),
        is_usable: unusable.is_none(),
        outcome: unusable.as_ref().map(|unusable| unusable.outcome.to_string()),
        reason: unusable.map(|unusable| unusable.why),
    }
}

/// Lets an agent do one turn in an empty folder, at its model's price, within so many seconds.
///
/// # Errors
/// When the registry has no such agent, it does not answer in order, or somebody interrupts.
pub(crate) fn test(
    workspace: &Workspace,
    name: &str,
    timeout: u64,
    now: Timestamp,
    program: &Utf8Path,
    stop: &Stop,
) -> Done<Usage> {
    let agent = workspace.registry.agents.get(name).ok_or_else(|| OperationError::NoSuchAgent {
        agent: name.to_owned(),
        known: workspace.registry.agents.keys().cloned().collect(),
    })?;
    let (worktree, outbox) = (folder()?, folder()?);
    let brief = Brief {
        text: QUESTION.to_owned(),
        duty: Duty::Executor,
        ticket: TicketId::parse(NO_TICKET)?,
        run: new_run()?,
        attempt: 1,
        schema: None,
        step: None,
        worktree: utf8(&worktree),
        outbox: utf8(&outbox),
        timeout,
        limits: agent.limits(),
    };
    let around = Surroundings { program, registry_dir: &registry_dir(workspace), settings: &[], now };
    let conclusion = converse(name, agent, &brief, around, stop)?;
    match (conclusion.end(), conclusion.failure()) {
        (_, None) => Ok(conclusion.usage),
        (Outcome::Interrupted, _) => Err(OperationError::Dispatch(DispatchError::Interrupted)),
        (outcome, Some(why)) => Err(OperationError::Unusable { agent: name.to_owned(), outcome, why: why.to_string() }),
    }
}

/// A folder that is empty, and goes when the test is over.
fn folder() -> Done<TempDir> {
    let builder = || tempfile::Builder::new().prefix("git-os-agent-test-").tempdir();
    Ok(builder().map_err(|source| GitError::File { path: "the folder for temporary files".into(), source })?)
}

fn utf8(folder: &TempDir) -> Utf8PathBuf {
    Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap_or_default()
}

fn converse(name: &str, agent: &AgentEntry, brief: &Brief, around: Surroundings<'_>, stop: &Stop) -> Done<Conclusion> {
    let mut session = Session::start(name, agent, brief, around, stop).map_err(DispatchError::from)?;
    while let Some(event) = session.next().map_err(DispatchError::from)? {
        if let Event::Permission(asked) = event {
            session.answer(&asked, Decision::Deny);
        }
    }
    Ok(session.conclude())
}

fn registry_dir(workspace: &Workspace) -> Utf8PathBuf {
    let root = workspace.root();
    root.canonicalize_utf8().unwrap_or_else(|_| root.to_owned())
}
