//! Verifying → verified, running or blocked: runs the checks, then asks a judge, in a clean worktree of exactly that commit.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use super::{DispatchError, Site, brief, write};
use crate::core::event::{Action, Role, State};
use crate::core::id::{ObjectId, RunId, TicketId, VERDICT_NOTES};
use crate::core::meta::Check;
use crate::core::secrets;
use crate::core::text;
use crate::core::verdict::{self, CheckResult, Judge, Judgement, Verdict};
use crate::doctor;
use crate::git::process::remove_all;
use crate::git::remote::Fetched;
use crate::ledger::{Draft, Entry, Ledger, new_run, shared_remote};
use crate::local::worktrees::of_verification;
use crate::runner::process::{self, Ended, Finished, Spec};
use crate::runner::{self, Brief, Duty, Surroundings};
use crate::sync;

/// The exit code of a check that timed out, the same as that of `timeout`.
const TIMED_OUT: i32 = 124;
/// How much of a check's output goes into a reason, in bytes.
const MAX_REASON: usize = 4000;

/// Verifies submitted work. Returns a reason if it cannot be verified now. That is not a fault of the work, so no event is
/// written and no attempt is used up.
///
/// # Errors
/// If git, the ledger or a process fails, or if the user interrupts.
pub(crate) fn run(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry) -> Result<Option<String>, DispatchError> {
    let ticket = &entry.ticket;
    let (Some(head), Some(base), Some(holder)) = (ticket.head, ticket.base, ticket.run.clone()) else { return Ok(None) };
    let examine = || doctor::examine_repo(Some(site.workspace), Some(site.entry), &site.repo, &site.env.program);
    let mut health = examine();
    if health.grade_for_work() > ledger.policy.grade
        && let Some(remote) = shared_remote(&site.repo)
        && sync::fetch(&site.repo, &remote)? == Fetched::Done
    {
        // A fetch during a push may see some of its refs updated and others not.
        sync::fold(&site.repo, &remote)?;
        health = examine();
    }
    if health.grade_for_work() > ledger.policy.grade {
        let failing = health.checks.iter().filter(|check| check.outcome == doctor::Outcome::Fail);
        let failing: Vec<_> = failing.map(|check| format!("{}: {}", check.name, check.reason)).collect();
        return Ok(Some(format!(
            "the doctor's grade is {}, and the policy requires {} ({})",
            health.grade_for_work(),
            ledger.policy.grade,
            failing.join("; ")
        )));
    }
    let run = new_run()?;
    let place = Place::add(site, &entry.id, head)?;
    let (checks, mut reasons) = checks(site, ledger, &place, head, &run)?;
    site.env.step("checked");
    let mut judge = Judge { agent: "checks".to_owned(), reasons: Vec::new() };
    if reasons.is_empty()
        && let Some(name) = &site.entry.verifier
    {
        place.restore(site, head)?;
        let (agent, judgement) = ask(site, ledger, entry, name, &run, &place.path, &checks)?;
        judge = Judge { agent, reasons: judgement.reasons.clone() };
        if judgement.verdict == Judgement::Fail {
            reasons = judgement.reasons;
        }
        site.env.step("judged");
    }
    if let Err(error) = place.remove(site) {
        (site.tell)(&text::chain(&error));
    }
    let judgement = if reasons.is_empty() { Judgement::Pass } else { Judgement::Fail };
    let verdict = Verdict {
        version: verdict::VERSION,
        ticket: entry.id.clone(),
        verdict: judgement,
        run: run.clone(),
        holder,
        commit: head,
        tree: ledger.repo.read_commit(head)?.tree_id,
        base,
        checks,
        judge,
        grade: health.grade_for_work(),
    };
    record(site, ledger, entry, &verdict, &reasons)?;
    Ok(None)
}

/// Writes the verdict to the chain, and then as a note.
fn record(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    verdict: &Verdict,
    reasons: &[String],
) -> Result<(), DispatchError> {
    let is_used_up = entry.ticket.attempt >= ledger.policy.max_attempts;
    let (action, words) = match verdict.verdict {
        Judgement::Pass => (Action::Pass, verdict.judge.reasons.join("\n")),
        Judgement::Fail => (Action::Fail { then: if is_used_up { State::Blocked } else { State::Running } }, reasons.join("\n")),
    };
    (site.tell)(&match verdict.verdict {
        Judgement::Pass => "verified".to_owned(),
        Judgement::Fail => format!("not verified: {}", text::headline(&words)),
    });
    let mut draft = Draft::new(action, Role::Verifier).by(&verdict.run).agent(&verdict.judge.agent).saying(&words);
    draft.verdict = Some(verdict.clone());
    write(ledger, &entry.id, &draft)?;
    site.env.step("verdict");
    ledger.repo.add_note_line(VERDICT_NOTES, verdict.commit, &verdict.to_json(), &ledger.repo.identity()?)?;
    site.env.step("noted");
    Ok(())
}

/// A clean worktree of one commit, for one verification.
pub(super) struct Place {
    pub(super) path: Utf8PathBuf,
}

impl Place {
    pub(super) fn add(site: &Site<'_>, id: &TicketId, head: ObjectId) -> Result<Self, DispatchError> {
        let place = Self { path: of_verification(&site.repo, id) };
        if place.path.as_std_path().exists() {
            process::sweep_place(&place.path);
        }
        site.repo.add_detached_worktree(&place.path, head)?;
        Ok(place)
    }

    /// Resets the files to the commit, whatever ran before; files that git ignores, such as caches, may stay.
    fn restore(&self, site: &Site<'_>, head: ObjectId) -> Result<(), DispatchError> {
        let (Some(git), Some(git_dir)) = (site.repo.pinned(&self.path), site.repo.find_worktree_git_dir(&self.path)) else {
            return Err(DispatchError::Vanished(self.path.clone()));
        };
        // An index that a check has manipulated could hide changes.
        remove_all(&git_dir.join("index"))?;
        remove_all(&git_dir.join("index.lock"))?;
        git.output(["update-ref", "--no-deref", "HEAD", &head.to_string()])?;
        git.output(["reset", "--quiet", "--hard"])?;
        git.output(["clean", "--quiet", "-d", "--force", "--force"])?;
        Ok(())
    }

    pub(super) fn remove(&self, site: &Site<'_>) -> Result<(), DispatchError> {
        Ok(site.repo.clear_worktree(&self.path)?)
    }
}

/// Runs every check. Returns the results, and the reasons against the work.
fn checks(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    place: &Place,
    head: ObjectId,
    run: &RunId,
) -> Result<(Vec<CheckResult>, Vec<String>), DispatchError> {
    let (mut results, mut reasons) = (Vec::new(), Vec::new());
    for (number, check) in ledger.policy.checks.iter().enumerate() {
        (site.tell)(&format!("check {}", check.name));
        if number > 0 {
            place.restore(site, head)?;
        }
        let (result, finished) = run_check(site, ledger, check, &place.path, run)?;
        if result.exit != 0 {
            let said = finished.last_words();
            let from = said.len().saturating_sub(MAX_REASON);
            let said = said.get(from..).unwrap_or(&said);
            reasons.push(format!("check `{}` exited with {}:\n{said}", check.name, result.exit));
        }
        results.push(result);
    }
    Ok((results, reasons))
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
    let finished = process::run(&Spec {
        words: ["sh", "-c", &check.run].map(str::to_owned).to_vec(),
        dir: path.to_owned(),
        variables: vec![("GIT_OS_RUN".to_owned(), run.to_string())],
        passed: &[],
        input: Vec::new(),
        timeout: site.entry.timeout,
        program: site.env.program.clone(),
        run: run.clone(),
    })?;
    let exit = match finished.ended {
        Ended::Exit(code) => code,
        Ended::TimedOut => TIMED_OUT,
        Ended::Interrupted => return Err(DispatchError::Interrupted),
    };
    let output = ledger.repo.blob_id(&[finished.stdout.as_slice(), finished.stderr.as_slice()].concat());
    let millis = u64::try_from(finished.took.as_millis()).unwrap_or(u64::MAX);
    Ok((CheckResult { name: check.name.clone(), run: check.run.clone(), exit, output, millis }, finished))
}

/// A judge's answer: the last line it prints.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    verdict: Judgement,
    reasons: Vec<String>,
}

/// Asks the judge; any unclear answer is a fail.
fn ask(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    entry: &Entry,
    name: &str,
    run: &RunId,
    path: &Utf8Path,
    checks: &[CheckResult],
) -> Result<(String, Answer), DispatchError> {
    (site.tell)(&format!("{name} is judging"));
    let brief = Brief {
        text: brief::verifier(ledger, entry, path, checks)?,
        duty: Duty::Verifier,
        ticket: entry.id.clone(),
        run: run.clone(),
        attempt: entry.ticket.attempt,
        worktree: path.to_owned(),
        outbox: path.join(".git-os-none"),
        timeout: site.entry.timeout,
    };
    let around = Surroundings { program: &site.env.program, registry_dir: &site.registry_dir() };
    let outcome = runner::run(name, &site.workspace.registry.agents[name], &brief, around)?;
    if outcome.finished.ended == Ended::Interrupted {
        return Err(DispatchError::Interrupted);
    }
    let answer = match outcome.failure() {
        Some(why) => fail(why),
        None => read_answer(&outcome.answer).unwrap_or_else(|| {
            fail(format!("{name} gave no clear verdict; its last line was `{}`", text::line(&outcome.answer, 200)))
        }),
    };
    Ok((outcome.agent, answer))
}

fn fail(why: String) -> Answer {
    Answer { verdict: Judgement::Fail, reasons: vec![why] }
}

fn read_answer(line: &str) -> Option<Answer> {
    let mut answer: Answer = serde_json::from_str(line.trim()).ok()?;
    answer.reasons = answer
        .reasons
        .iter()
        .map(|reason| text::line(&secrets::redact(reason), 2000))
        .filter(|reason| !reason.is_empty())
        .collect();
    // A fail must give a reason.
    (answer.verdict == Judgement::Pass || !answer.reasons.is_empty()).then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_unclear_is_no_answer() {
        assert!(read_answer(r#"{"verdict":"pass","reasons":[]}"#).is_some());
        for line in [
            "",
            "pass",
            r#"{"verdict":"maybe","reasons":[]}"#,
            r#"{"verdict":"pass"}"#,
            r#"{"verdict":"fail","reasons":[]}"#,
            r#"{"verdict":"pass","reasons":[],"but":1}"#,
            r#"{"verdict":"pass","reasons":[]} trailing"#,
        ] {
            assert!(read_answer(line).is_none(), "{line}");
        }
    }
}
