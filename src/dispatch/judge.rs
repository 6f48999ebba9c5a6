//! Asks the judge of submitted work.

use std::time::Duration;

use camino::Utf8Path;
use serde::Deserialize;

use super::panel::Matter;
use super::{DispatchError, Site, converse, ended};
use crate::agent::{Brief, Duty};
use crate::core::criteria;
use crate::core::id::RunId;
use crate::core::outcome::Outcome;
use crate::core::progress::{Activity, Hold, What};
use crate::core::ruling::Ruling;
use crate::core::secrets;
use crate::core::text;
use crate::core::verdict::Judgement;
use crate::local::output::Printer;

/// The shape of a verifier's answer. What it does not name would be refused when the answer is read.
const JUDGEMENT: &str = r#"{"type":"object","properties":{"verdict":{"type":"string","enum":["pass","fail"]},"reasons":{"type":"array","items":{"type":"string"}}},"required":["verdict","reasons"],"additionalProperties":false}"#;
/// The same, with an answer to each acceptance criterion.
const JUDGEMENT_BY_NUMBER: &str = r#"{"type":"object","properties":{"verdict":{"type":"string","enum":["pass","fail"]},"reasons":{"type":"array","items":{"type":"string"}},"criteria":{"type":"array","items":{"type":"object","properties":{"number":{"type":"integer"},"met":{"type":"boolean"},"where":{"type":"string"}},"required":["number","met","where"],"additionalProperties":false}}},"required":["verdict","reasons","criteria"],"additionalProperties":false}"#;

/// How long to wait before a judge that broke down is asked again, each time; then it is left alone.
const JUDGE_PAUSES: &[Option<Duration>] = &[Some(Duration::from_secs(2)), Some(Duration::from_secs(10)), None];
/// How much of an answer says where a judge looked, in bytes.
const MAX_PLACE: usize = 1000;

/// A judge's answer: the last line it prints.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Judged {
    pub(super) verdict: Judgement,
    pub(super) reasons: Vec<String>,
    /// The answers to the acceptance criteria.
    #[serde(default)]
    pub(super) criteria: Vec<criteria::Answer>,
}

/// What a judge came to.
pub(super) struct Answer {
    pub(super) agent: String,
    pub(super) judged: Judged,
    /// What it says of itself; null if nothing.
    pub(super) record: serde_json::Value,
}

/// Asks the judge; any unclear answer is a fail. A judge that cannot be used, or does not come to an end, says nothing about the
/// work: it is asked again, and then another time.
pub(super) fn ask(
    site: &Site<'_>,
    matter: &Matter<'_>,
    name: &str,
    run: &RunId,
    path: &Utf8Path,
    text: String,
) -> Result<Ruling<Answer, Hold>, DispatchError> {
    let entry = matter.entry;
    let brief = Brief {
        text,
        schema: Some(if matter.criteria.is_empty() { JUDGEMENT } else { JUDGEMENT_BY_NUMBER }),
        step: None,
        duty: Duty::Verifier,
        ticket: entry.id.clone(),
        run: run.clone(),
        attempt: entry.ticket.attempt,
        worktree: path.to_owned(),
        outbox: path.join(".git-os-none"),
        timeout: site.entry.timeout,
        limits: crate::core::budget::Amounts::default(),
    };
    for pause in JUDGE_PAUSES {
        site.tell(What::Begun(Activity::Judging { agent: name.to_owned() }));
        let conclusion = match converse::run(site, name, &brief, Printer::Judge)? {
            Ruling::Granted(conclusion) => conclusion,
            Ruling::Denied(refused) => return Ok(Ruling::Denied(refused.hold)),
        };
        let (outcome, failure) = (conclusion.end(), conclusion.failure().map(ToString::to_string));
        let why = failure.unwrap_or_default();
        match outcome {
            Outcome::Crashed => {
                site.tell(What::RunEnded { outcome, why: why.clone() });
                let Some(pause) = pause else { return ended::rest_from(site, name, entry, outcome, &why).map(Ruling::Denied) };
                site.stop.pause(*pause);
                if site.stop.is_interrupted() {
                    return Err(DispatchError::Interrupted);
                }
            }
            // It may be this work with which it does not come to an end.
            Outcome::TimedOut => return ended::rest_from(site, name, entry, outcome, &why).map(Ruling::Denied),
            outcome if outcome.is_of_agent() => {
                return ended::send_to_rest(site, name, outcome, &why).map(Ruling::Denied);
            }
            _ => {
                let judged = match why.as_str() {
                    "" => read_answer(&conclusion.answer).unwrap_or_else(|| {
                        let said = text::line(&conclusion.answer, 200);
                        fail(format!("{name} gave no clear verdict; its last line was `{said}`"))
                    }),
                    why => fail(why.to_owned()),
                };
                site.resting.wake(site.account(name), site.repo.identity()?.time)?;
                return Ok(Ruling::Granted(Answer { agent: conclusion.agent, judged, record: conclusion.record }));
            }
        }
    }
    Ok(Ruling::Denied(Hold::Agent { agent: name.to_owned(), why: "it does not come to an end".to_owned() }))
}

fn fail(why: String) -> Judged {
    Judged { verdict: Judgement::Fail, reasons: vec![why], criteria: Vec::new() }
}

fn read_answer(line: &str) -> Option<Judged> {
    let mut answer: Judged = serde_json::from_str(line.trim()).ok()?;
    answer.reasons = answer
        .reasons
        .iter()
        .map(|reason| text::line(&secrets::redact(reason), 2000))
        .filter(|reason| !reason.is_empty())
        .collect();
    answer.criteria.truncate(criteria::MAX);
    for one in &mut answer.criteria {
        one.place = text::line(&secrets::redact(&one.place), MAX_PLACE);
    }
    // A fail must give a reason.
    (answer.verdict == Judgement::Pass || !answer.reasons.is_empty()).then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_unclear_is_no_answer() {
        assert!(read_answer(r#"{"verdict":"pass","reasons":[]}"#).is_some());
        assert!(read_answer(r#"{"verdict":"fail","reasons":["no"],"confidence":0.9}"#).is_some());
        let numbered = read_answer(r#"{"verdict":"pass","reasons":[],"criteria":[{"number":1,"met":true,"where":"a.rs:3"}]}"#);
        assert_eq!(numbered.map(|answer| answer.criteria[0].place.clone()), Some("a.rs:3".to_owned()));
        for line in [
            "",
            "pass",
            r#"{"verdict":"maybe","reasons":[]}"#,
            r#"{"verdict":"pass"}"#,
            r#"{"verdict":"fail","reasons":[]}"#,
            r#"{"verdict":"pass","reasons":[],"criteria":[{"number":"one","met":true}]}"#,
            r#"{"verdict":"pass","reasons":[]} trailing"#,
        ] {
            assert!(read_answer(line).is_none(), "{line}");
        }
    }
}
