//! Asks the judges of submitted work: the only one, or several until enough agree or no longer can.

use super::judge::{self, Answer, Judged};
use super::scratch::{Ignored, Scratch};
use super::{DispatchError, Site, brief, ended};
use crate::core::ballot::{Ballot, Judges, Party, Vote};
use crate::core::criteria::{self, Answered, Criteria, Rule};
use crate::core::event::Action;
use crate::core::id::{ObjectId, RunId};
use crate::core::progress::{Hold, Stage};
use crate::core::ruling::Ruling;
use crate::core::text;
use crate::core::usage::Usage;
use crate::core::verdict::{CheckResult, Judge, Judgement};
use crate::ledger::tree::read_criteria;
use crate::ledger::{Entry, Ledger, new_run, replay};

/// The largest file in which a criterion is looked for, in bytes.
const MAX_JUDGED: usize = 8 << 20;

/// What is judged.
#[derive(Clone, Copy)]
pub(super) struct Matter<'a> {
    pub(super) entry: &'a Entry,
    pub(super) head: ObjectId,
    pub(super) checks: &'a [CheckResult],
    /// The end of what each check printed.
    pub(super) printed: &'a [String],
    pub(super) criteria: &'a Criteria,
    pub(super) answered: Option<&'a Answered>,
}

impl Matter<'_> {
    fn by_rule(&self) -> &[criteria::Answer] {
        self.answered.map_or(&[], |answered| &answered.by_rule)
    }

    /// What a judgement has against the work: its reasons, or the criteria that it leaves open.
    fn against(&self, agent: &str, judged: &Judged) -> Vec<String> {
        let open = self.criteria.find_unmet(self.by_rule(), Some(&judged.criteria));
        let mut against = if judged.verdict == Judgement::Fail { judged.reasons.clone() } else { Vec::new() };
        // One that is met needs no words; one reason is enough where the judge gave others.
        if let (Some(number), true) = (open, against.is_empty()) {
            let answer = judged.criteria.iter().find(|answer| answer.number == number);
            let words = self.criteria.numbered().find(|one| one.0 == number).map(|one| one.1).unwrap_or_default();
            let found = match answer {
                None => format!("{agent} did not answer it"),
                Some(answer) if answer.met => format!("{agent} did not say where it looked"),
                Some(answer) if answer.place.is_empty() => format!("{agent} says that it is not met"),
                Some(answer) => format!("{agent} says that it is not met: {}", answer.place),
            };
            against.push(format!("criterion {number}, \"{words}\": {found}"));
        }
        against
    }
}

/// The criteria of a ticket, and of those that are worded by a rule whether they are met, with reasons for those that are not.
///
/// # Errors
/// When git cannot read the ticket or the work.
pub(super) fn answer_by_rule(
    ledger: &Ledger<'_>,
    entry: &Entry,
    checks: &[CheckResult],
    head: ObjectId,
) -> Result<(Criteria, Option<Answered>, Vec<String>), DispatchError> {
    let Some((criteria, file)) = read_criteria(ledger.repo, entry.tree_id)? else {
        return Ok((Criteria::default(), None, Vec::new()));
    };
    let tree_id = ledger.repo.read_commit(head)?.tree_id;
    let (mut by_rule, mut unmet) = (Vec::new(), Vec::new());
    for (number, words) in criteria.numbered() {
        let Some(rule) = Rule::parse(words) else { continue };
        let read = |path: &str| ledger.repo.find_file(tree_id, path, MAX_JUDGED);
        // What cannot be looked at is not met.
        let (met, place) = rule.judge(checks, read).unwrap_or_else(|error| (false, text::in_one_line(&error)));
        if !met {
            unmet.push(format!("criterion {number}, \"{words}\": {place}"));
        }
        by_rule.push(criteria::Answer { number, met, place });
    }
    Ok((criteria, Some(Answered { file, by_rule }), unmet))
}

/// What the judges came to; without reasons against it the work passes.
pub(super) struct Found {
    pub(super) judge: Judge,
    pub(super) ballot: Option<Ballot>,
    pub(super) reasons: Vec<String>,
    /// What the judges say of themselves; null if nothing.
    pub(super) record: serde_json::Value,
}

/// Asks the judges that the registry names. `None` if it names none.
///
/// # Errors
/// When a judge cannot be started, git or the ledger fails, or somebody interrupts.
pub(super) fn ask(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    matter: Matter<'_>,
    run: &RunId,
    place: &Scratch,
) -> Result<Ruling<Option<Found>, Hold>, DispatchError> {
    let text = || -> Result<String, DispatchError> { Ok(brief::verifier(site, ledger, &matter)?.whole()) };
    let found = match (&site.entry.judges, site.entry.verifiers.first()) {
        (Some(judges), _) => poll(site, ledger, matter, run, place, (judges, text()?))?,
        (None, Some(name)) => {
            place.restore(site, matter.head, Ignored::Kept)?;
            judge::ask(site, &matter, name, run, &place.path, text()?)?.map(|Answer { agent, judged, record }| {
                let reasons = matter.against(&agent, &judged);
                let judge = Judge { agent, reasons: judged.reasons, criteria: judged.criteria };
                Found { judge, ballot: None, reasons, record }
            })
        }
        (None, None) => return Ok(Ruling::Granted(None)),
    };
    if found.is_granted() {
        site.reached(Stage::Judged);
    }
    Ok(found.map(Some))
}

/// Whether all judges that are needed can be asked now, before the checks are run for them.
///
/// # Errors
/// If git does not say who and when it is.
pub(super) fn find_hold(site: &Site<'_>, entry: &Entry) -> Result<Option<Hold>, DispatchError> {
    let needed = site.entry.judges.as_ref().map_or(1, |judges| judges.quorum as usize);
    let mut resting = Vec::new();
    for name in &site.entry.verifiers {
        resting.extend(ended::find_rest_from(site, name, entry)?);
    }
    let is_short = site.entry.verifiers.len() - resting.len() < needed.min(site.entry.verifiers.len());
    Ok(if is_short { resting.into_iter().next() } else { None })
}

/// Asks several judges, one after another.
fn poll(
    site: &Site<'_>,
    ledger: &Ledger<'_>,
    matter: Matter<'_>,
    run: &RunId,
    place: &Scratch,
    (judges, text): (&Judges, String),
) -> Result<Ruling<Found, Hold>, DispatchError> {
    let worker = worker(site, ledger, matter.entry)?;
    let mut found = Polled { agreed: 0, votes: Vec::new(), against: Vec::new(), usage: Usage::default() };
    let (mut hold, mut alike) = (None, Vec::new());
    for (at, name) in judges.verifiers.iter().enumerate() {
        let left = judges.verifiers.len() - at;
        if found.agreed >= judges.quorum || (found.agreed as usize + left) < judges.quorum as usize {
            break;
        }
        let party = site.workspace.registry.agents.get(name).map(|entry| entry.party(name));
        let is_alike = |party: &Party| judges.decorrelated && worker.as_ref().is_some_and(|worker| worker.is_like(party));
        if party.as_ref().is_some_and(is_alike) {
            alike.push(name.clone());
            continue;
        }
        if let Some(rest) = ended::find_rest_from(site, name, matter.entry)? {
            hold.get_or_insert(rest);
            continue;
        }
        place.restore(site, matter.head, Ignored::Kept)?;
        let own = if at == 0 { run.clone() } else { new_run()? };
        match judge::ask(site, &matter, name, &own, &place.path, text.clone())? {
            Ruling::Granted(answer) => {
                let party = named(site, name, &answer.agent);
                if is_alike(&party) {
                    alike.push(name.clone());
                }
                let counts = !is_alike(&party);
                found.add(&matter, own, party, answer, counts);
            }
            Ruling::Denied(rest) => drop(hold.get_or_insert(rest)),
        }
    }
    if found.agreed < judges.quorum && found.against.is_empty() {
        let why = format!(
            "{} the same model or client as the agent that did the work, and `decorrelated` asks for another",
            if alike.len() == 1 { "it has" } else { "they have" }
        );
        let alike = Hold::Agent { agent: alike.join(", "), why };
        return Ok(Ruling::Denied(hold.unwrap_or(alike)));
    }
    // Those who could not be asked may have agreed.
    let open = judges.verifiers.len() - found.votes.len() - alike.len();
    if let (Some(hold), true) = (hold, found.agreed < judges.quorum && found.agreed as usize + open >= judges.quorum as usize) {
        return Ok(Ruling::Denied(hold));
    }
    Ok(Ruling::Granted(found.close(judges, worker)))
}

/// The votes so far.
struct Polled {
    /// How many count.
    agreed: u32,
    votes: Vec<Vote>,
    against: Vec<String>,
    usage: Usage,
}

impl Polled {
    fn add(&mut self, matter: &Matter<'_>, run: RunId, party: Party, answer: Answer, counts: bool) {
        let Answer { agent, judged, record } = answer;
        self.usage.add(&Usage::of_record(&record));
        let against = matter.against(&agent, &judged);
        self.agreed += u32::from(counts && against.is_empty());
        self.against.extend(against.into_iter().map(|reason| format!("{}: {reason}", party.agent)));
        let Judged { verdict, reasons, criteria } = judged;
        self.votes.push(Vote { run, verdict, party, reasons, criteria });
    }

    /// What came of it: the first judge who decided stands for all.
    fn close(self, judges: &Judges, worker: Option<Party>) -> Found {
        let passed = self.agreed >= judges.quorum;
        let decided = if passed { Judgement::Pass } else { Judgement::Fail };
        let of = |vote: &Vote| Judge {
            agent: vote.party.agent.clone(),
            reasons: vote.reasons.clone(),
            criteria: vote.criteria.clone(),
        };
        let first = self.votes.iter().find(|vote| vote.verdict == decided).or(self.votes.first());
        let judge = first.map_or_else(Judge::checks, of);
        let record = self.usage.record();
        Found {
            judge,
            ballot: Some(Ballot { worker, votes: self.votes }),
            reasons: if passed { Vec::new() } else { self.against },
            record: if record.is_empty() { serde_json::Value::Null } else { serde_json::Value::Object(record) },
        }
    }
}

/// An agent of the registry with what it said in a run to be called: its name and, where it says so, its model.
fn named(site: &Site<'_>, name: &str, called: &str) -> Party {
    let said = called.strip_prefix(name).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned);
    match site.workspace.registry.agents.get(name).map(|entry| entry.party(name)) {
        Some(party) => Party { model: said.or(party.model), ..party },
        None => Party { agent: name.to_owned(), client: None, model: said },
    }
}

/// Who did the work that was submitted last, if that was an agent.
///
/// # Errors
/// When git cannot read the chain.
fn worker(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry) -> Result<Option<Party>, DispatchError> {
    let Ruling::Granted(links) = replay::links(ledger.repo, entry.tip, None)? else { return Ok(None) };
    let submits = |link: &&replay::Link| matches!(link.record.event.action, Action::Submit { .. });
    let agent = links.iter().find(submits).and_then(|link| link.record.event.agent.clone());
    let known = |called: &str| {
        let is_it = |name: &&String| {
            called == name.as_str() || called.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        let name = site.workspace.registry.agents.keys().filter(is_it).max_by_key(|name| name.len());
        let name = name.map_or_else(|| called.split('/').next().unwrap_or(called), String::as_str);
        named(site, name, called)
    };
    Ok(agent.map(|called| known(&called)))
}
