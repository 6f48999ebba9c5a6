//! What a brief says of tests: what an executor has to show by them, and what a judge is told of what they showed.

use super::in_code;
use crate::core::id::ObjectId;
use crate::core::meta::Check;
use crate::core::proof::{FIX, Mixture};
use crate::core::ticket::Content;
use crate::core::verdict::CheckResult;

/// What has to be true of the tests; empty if no check is marked as tests.
pub(super) fn criteria(checks: &[Check], content: &Content) -> String {
    let mut text = String::new();
    for check in checks.iter().filter(|check| check.is_marked()) {
        let files = in_code(&check.tests);
        text += &format!("- the tests of the check `{}` are the files that match {files}", check.name);
        text += if content.tests_may_change {
            "; this ticket allows them to change\n"
        } else {
            ": none of them is removed or renamed, none of their tests is left out or skipped, and your code also passes them as they \
             are before your change\n"
        };
    }
    if !text.is_empty() && content.kind.as_str() == FIX {
        text += "- this is a fix: with it comes a test that fails on the code as it is before your change\n";
    }
    text
}

/// What a check said of base and work put together; empty if it is not marked as tests.
pub(super) fn results(check: &CheckResult, head: Option<ObjectId>) -> String {
    let (Some(proof), Some(head)) = (&check.proof, head) else { return String::new() };
    let line = |mixture: &Mixture| {
        let seen = proof.seen(*mixture, head, check)?;
        let tests = seen.tests.map(|tests| format!(", {tests}")).unwrap_or_default();
        Some(format!("  - {}: exit {}{tests}\n", mixture.words(), seen.exit))
    };
    Mixture::ALL.iter().filter_map(line).collect()
}
