//! Verifying → verified, running or blocked: runs the checks, then asks a judge, in a clean worktree of exactly that commit.

use camino::Utf8Path;

use super::panel::{self, Matter};
use super::scratch::{Ignored, Scratch};
use super::watch::Tips;
use super::{DispatchError, Site, complete, counterfactual, write};
use crate::agent::process::{self, Ended, Finished, Spec};
use crate::core::ballot::Ballot;
use crate::core::criteria::Answered;
use crate::core::denial::Denial;
use crate::core::event::{Action, Role, State};
use crate::core::id::{ObjectId, RunId, TicketId, VERDICT_NOTES};
use crate::core::meta::Check;
use crate::core::plan::{BACKSTOP, Plan};
use crate::core::progress::{CareEvent, CheckEvent, Hold, Stage, Trouble, What};
use crate::core::report;
use crate::core::ruling::Ruling;
use crate::core::secrets;
use crate::core::tally::Tally;
use crate::core::text::comma;
use crate::core::ticket::Content;
use crate::core::verdict::{self, CheckResult, Grade, Judge, Judgement, Verdict};
use crate::doctor;
use crate::git::remote::Fetched;
use crate::hook::install;
use crate::ledger::{Draft, Entry, Ledger, new_run, shared_remote};
use crate::local::locks::take_verification;
use crate::local::output::Printer;
use crate::sync;

/// The exit code of a check that timed out, the same as that of `timeout`.
const TIMED_OUT: i32 = 124;
/// How much of a check's output goes into a reason, in bytes.
const MAX_REASON: usize = 4000;

/// Who judges work that passed its checks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Judging<'a> {
    /// The verifier of the registry, if it names one.
    Registry,
    /// A person, with this reason.
    Person { reason: &'a str },
}

/// What a verification found.
pub(crate) struct Examined {
    pub(crate) verdict: Verdict,
    /// The reasons against the work; without any it passes.
    pub(crate) reasons: Vec<String>,
    /// What each failed check printed at the end.
    pub(crate) last_words: Vec<(String, String)>,
    /// What the judge says of itself; null if nothing.
    judge_record: serde_json::Value,
}

/// Verifies submitted work, and writes the verdict. Returns a reason if it cannot be verified now. That is not a fault of the work,
/// so no event is written and no attempt is used up.
///
/// # Errors
/// When git, the ledger or a process fails, or somebody interrupts.
pub(crate) fn run(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry) -> Result<Option<Hold>, DispatchError> {
    match examine(site, ledger, entry, &new_run()?, Judging::Registry)? {
        Ruling::Granted(Some(examined)) => record(site, ledger, entry, &examined, Role::Verifier).map(|()| None),
        Ruling::Granted(None) => Ok(None),
        Ruling::Denied(why) => Ok(Some(why)),
    }
}

/// Runs the checks on submitted work, and has it judged. `None` if nothing was submitted.
///
/// # Errors
/// As for [`run`].
pub(crate) fn examine(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    run: &RunId,
    judging: Judging<'_>,
) -> Result<Ruling<Option<Examined>, Hold>, DispatchError> {
    let ticket = &entry.ticket;
    let (Some(head), Some(base), Some(holder)) = (ticket.head, ticket.base, ticket.run.clone()) else {
        return Ok(Ruling::Granted(None));
    };
    let grade = match grade(site, ledger)? {
        Ruling::Granted(grade) => grade,
        Ruling::Denied(hold) => return Ok(Ruling::Denied(hold)),
    };
    if matches!(judging, Judging::Registry)
        && let Some(hold) = panel::find_hold(site, entry)?
    {
        return Ok(Ruling::Denied(hold));
    }
    let tips = Tips::take(site);
    let allowed = match complete::judge_files(site, base, head)? {
        Ruling::Granted(()) => {
            ledger.judge_scope(&ticket.content, base, head)?.map_denied(|why| with_scope(&why, &ticket.content))
        }
        Ruling::Denied(why) => Ruling::Denied(why.to_string()),
    };
    let found = match allowed {
        Ruling::Granted(()) => examine_work(site, ledger, entry, head, run, judging)?,
        Ruling::Denied(why) => Ruling::Granted(Found { reasons: vec![why], ..Found::default() }),
    };
    let found = match found {
        Ruling::Granted(found) => found,
        Ruling::Denied(hold) => return Ok(Ruling::Denied(hold)),
    };
    tips.compare(site, &entry.id, run, &found.judge.agent);
    let judgement = if found.reasons.is_empty() { Judgement::Pass } else { Judgement::Fail };
    let verdict = Verdict {
        version: verdict::VERSION,
        ticket: entry.id.clone(),
        verdict: judgement,
        run: run.clone(),
        holder,
        commit: head,
        tree: ledger.repo.read_commit(head)?.tree_id,
        base,
        checks: found.checks,
        judge: found.judge,
        acceptance: found.acceptance,
        ballot: found.ballot,
        grade,
    };
    let Found { reasons, last_words, judge_record, .. } = found;
    Ok(Ruling::Granted(Some(Examined { verdict, reasons, last_words, judge_record })))
}

/// Why work leaves its scope, and what is to be done about it.
fn with_scope(why: &Denial, content: &Content) -> String {
    let scope = comma(&content.scope);
    format!("{}\nUndo what you changed outside of the scope of the ticket, which is: {scope}", why.full())
}

/// The grade of the repository, if work may be verified with it.
fn grade(site: &Site<'_>, ledger: &Ledger<'_>) -> Result<Ruling<Grade, Hold>, DispatchError> {
    let examine = || doctor::examine_repo(Some(site.workspace), Some(site.entry), &site.repo, &site.env.program);
    let mut health = examine();
    if health.grade_for_work() > ledger.policy.grade && restore_hooks(site, ledger) {
        health = examine();
    }
    if health.grade_for_work() > ledger.policy.grade
        && let Some(remote) = shared_remote(&site.repo)
        && sync::fetch(&site.repo, &remote)? == Fetched::Done
    {
        // A fetch during a push may see some of its refs updated and others not.
        sync::fold(&site.repo, &remote)?;
        health = examine();
    }
    let grade = health.grade_for_work();
    if grade > ledger.policy.grade {
        let failing = health.checks.iter().filter(|check| check.outcome == doctor::Outcome::Fail);
        let failing = failing.map(|check| format!("{}: {}", check.name, check.reason)).collect();
        return Ok(Ruling::Denied(Hold::Grade { grade, wanted: ledger.policy.grade, failing }));
    }
    Ok(Ruling::Granted(grade))
}

/// Puts the hooks in force again, which a tool of the agent may have changed: `npm install` sets `core.hooksPath` with some hook managers.
fn restore_hooks(site: &Site<'_>, ledger: &Ledger<'_>) -> bool {
    match install::install(&site.repo, install::Side::Clone(&ledger.policy), &site.env.program) {
        Ok(true) => site.tell(What::Care(CareEvent::HooksRestored)),
        Ok(false) => return false,
        Err(error) => site.tell(What::Care(CareEvent::HooksMissing { why: error.to_string() })),
    }
    true
}

/// What checks and judge found; work without reasons against it passes.
pub(super) struct Found {
    pub(super) checks: Vec<CheckResult>,
    pub(super) reasons: Vec<String>,
    last_words: Vec<(String, String)>,
    /// The end of what each check printed.
    printed: Vec<String>,
    judge: Judge,
    acceptance: Option<Answered>,
    ballot: Option<Ballot>,
    judge_record: serde_json::Value,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            checks: Vec::new(),
            reasons: Vec::new(),
            last_words: Vec::new(),
            printed: Vec::new(),
            judge: Judge::checks(),
            acceptance: None,
            ballot: None,
            judge_record: serde_json::Value::Null,
        }
    }
}

/// Runs the checks on submitted work, and asks the judge if they pass.
pub(super) fn examine_work(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    head: ObjectId,
    run: &RunId,
    judging: Judging<'_>,
) -> Result<Ruling<Found, Hold>, DispatchError> {
    let Some(_lock) = take_verification(&site.repo, &entry.id)? else { return Ok(Ruling::Denied(Hold::BeingVerified)) };
    let place = Scratch::add(site, &entry.id, head)?;
    let examined = examine_in(site, ledger, entry, head, run, judging, &place);
    // However it ended: nobody else knows of this place.
    if let Err(error) = place.remove(site) {
        site.tell(What::Trouble(Trouble::of(&error)));
    }
    examined
}

/// As [`examine_work`], in this place.
fn examine_in(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    head: ObjectId,
    run: &RunId,
    judging: Judging<'_>,
    place: &Scratch,
) -> Result<Ruling<Found, Hold>, DispatchError> {
    let mut found = checks(site, ledger, &entry.id, place, head, run)?;
    if found.reasons.is_empty() {
        counterfactual::prove(site, ledger, entry, place, run, &mut found)?;
    }
    if found.reasons.is_empty()
        && let Some(Ruling::Granted(Plan { backstop: Some(line), .. })) = ledger.plan(entry.tree_id)?
    {
        let backstop = Check { name: BACKSTOP.to_owned(), run: line, tests: Vec::new() };
        check(site, ledger, &entry.id, place, &backstop, (head, run), &mut found)?;
    }
    site.reached(Stage::Checked);
    let (criteria, answered, unmet) = panel::answer_by_rule(ledger, entry, &found.checks, head)?;
    found.acceptance = answered;
    found.reasons.extend(unmet);
    if !found.reasons.is_empty() {
        return Ok(Ruling::Granted(found));
    }
    match judging {
        Judging::Person { reason } => found.judge = Judge::person(secrets::redact(reason)),
        Judging::Registry => {
            let Found { checks, printed, acceptance, .. } = &found;
            let matter = Matter { entry, head, checks, printed, criteria: &criteria, answered: acceptance.as_ref() };
            match panel::ask(site, ledger, matter, run, place)? {
                Ruling::Granted(Some(panel::Found { judge, ballot, reasons, record })) => {
                    (found.judge, found.ballot, found.reasons, found.judge_record) = (judge, ballot, reasons, record);
                }
                Ruling::Granted(None) => {}
                Ruling::Denied(why) => return Ok(Ruling::Denied(why)),
            }
        }
    }
    Ok(Ruling::Granted(found))
}

/// Writes the verdict to the chain, and then as a note.
///
/// # Errors
/// When the rules refuse it, or git cannot write.
pub(crate) fn record(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    Examined { verdict, reasons, judge_record, .. }: &Examined,
    role: Role,
) -> Result<(), DispatchError> {
    let is_used_up = ledger.used(entry)?.attempts + 1 >= ledger.policy.max_attempts;
    let (action, words) = match verdict.verdict {
        Judgement::Pass => (Action::Pass, verdict.judge.reasons.join("\n")),
        Judgement::Fail => (Action::Fail { then: if is_used_up { State::Blocked } else { State::Running } }, reasons.join("\n")),
    };
    site.tell(What::Verdict { judgement: verdict.verdict, why: words.clone() });
    let words = report::body(&words, None, judge_record);
    let mut draft = Draft::new(action, role).by(&verdict.run).agent(&verdict.judge.agent).saying(&words);
    draft.verdict = Some(verdict.clone());
    let written = write(ledger, &entry.id, &draft)?;
    site.reached(Stage::Verdict);
    counterfactual::remember(site, ledger, &written, verdict);
    ledger.repo.add_note_line(VERDICT_NOTES, verdict.commit, &verdict.to_json(), &ledger.repo.identity()?)?;
    site.reached(Stage::Noted);
    Ok(())
}

/// As much of the end of what a check printed as goes into a reason.
pub(super) fn ending(said: &str) -> &str {
    said.get(said.len().saturating_sub(MAX_REASON)..).unwrap_or(said)
}

/// Runs every check.
fn checks(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    id: &TicketId,
    place: &Scratch,
    head: ObjectId,
    run: &RunId,
) -> Result<Found, DispatchError> {
    let mut found = Found::default();
    for one in &ledger.policy.checks {
        check(site, ledger, id, place, one, (head, run), &mut found)?;
    }
    Ok(found)
}

/// Runs one more check, after those that ran.
fn check(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    id: &TicketId,
    place: &Scratch,
    check: &Check,
    (head, run): (ObjectId, &RunId),
    found: &mut Found,
) -> Result<(), DispatchError> {
    let number = found.checks.len();
    site.tell(What::Check(CheckEvent::Begun { name: check.name.clone() }));
    if number > 0 {
        place.restore(site, head, Ignored::Kept)?;
    }
    let (result, finished) = run_check(site, ledger, check, &place.path, run)?;
    site.keep(id, run, Printer::Check { place: number }, &finished.transcript);
    let CheckResult { name, exit, millis, .. } = &result;
    site.tell(What::Check(CheckEvent::Ended { name: name.clone(), exit: *exit, millis: *millis }));
    if !result.has_passed() {
        // Whoever wants to know why reads all of it there, until git collects it.
        site.repo.write_blob(&finished.transcript.bytes())?;
        let said = finished.transcript.last_words();
        let said = ending(&said);
        let why = match result.exit {
            0 => "ran no tests".to_owned(),
            exit => format!("exited with {exit}"),
        };
        found.reasons.push(format!("check `{}` {why}:\n{said}", check.name));
        found.last_words.push((check.name.clone(), said.to_owned()));
    }
    found.printed.push(secrets::redact(&finished.transcript.last_words()));
    found.checks.push(result);
    Ok(())
}

/// Runs one check in a worktree.
///
/// # Errors
/// If no shell can be started, or if the user interrupts.
pub(crate) fn run_check(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    check: &Check,
    path: &Utf8Path,
    run: &RunId,
) -> Result<(CheckResult, Finished), DispatchError> {
    let spec = Spec {
        words: ["sh", "-c", &check.run].map(str::to_owned).to_vec(),
        dir: path.to_owned(),
        variables: vec![("GIT_OS_RUN".to_owned(), run.to_string())],
        settings: site.settings_for_runs()?,
        passed: &[],
        input: Vec::new(),
        is_input_open: false,
        timeout: site.entry.timeout,
        program: site.env.program.clone(),
        run: run.clone(),
    };
    let finished = process::run(&spec, site.stop)?;
    site.tell_cut(&format!("the check {}", check.name), &finished.transcript);
    let exit = match finished.ended {
        Ended::Exit(code) => code,
        Ended::TimedOut => TIMED_OUT,
        Ended::Interrupted | Ended::Canceled => return Err(DispatchError::Interrupted),
    };
    let output = ledger.repo.blob_id(&finished.transcript.bytes());
    let millis = u64::try_from(finished.took.as_millis()).unwrap_or(u64::MAX);
    // Of what is only kept in part, the part that says more may be missing.
    let whole = (finished.transcript.cut() == 0).then(|| finished.transcript.bytes());
    let tests = whole.and_then(|bytes| Tally::read(&String::from_utf8_lossy(&bytes)));
    let (name, run) = (check.name.clone(), check.run.clone());
    Ok((CheckResult { name, run, exit, output, millis, tests, proof: None }, finished))
}
