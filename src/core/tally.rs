//! How many tests a check ran, as its output says it: the closing lines of common test programs.
//!
//! An exit code of 0 says nothing when nothing ran. Only lines that a test program prints by itself are read; what says nothing of
//! tests has no tally.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What ran, in tests; of Go, in packages, since that is all that it says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// That ran, those that failed included.
    pub(crate) ran: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Tally {
    fn add(&mut self, ran: u64, failed: u64, skipped: u64) {
        self.ran = self.ran.saturating_add(ran);
        self.failed = self.failed.saturating_add(failed);
        self.skipped = self.skipped.saturating_add(skipped);
    }

    /// Reads the output of a check; `None` if it says nothing of tests.
    #[must_use]
    pub(crate) fn read(output: &str) -> Option<Self> {
        let plain = without_colours(output);
        let lines: Vec<&str> = plain.lines().map(str::trim).collect();
        let mut sum: Option<Self> = None;
        for read in [cargo, nextest, pytest, unittest, jest, vitest, mocha, node, go, maven] {
            if let Some(one) = read(&lines) {
                sum.get_or_insert_default().add(one.ran, one.failed, one.skipped);
            }
        }
        // Some of the programs above can print it, too.
        let sum = sum.or_else(|| tap(&lines))?;
        // Another program, which is not known here, may have run what the known one did not.
        (sum.ran > 0 || !lines.iter().any(|line| speaks_of_tests(line))).then_some(sum)
    }
}

/// For people: `12 tests, 1 failed, 2 skipped`.
impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.ran, if self.ran == 1 { "test" } else { "tests" })?;
        for (count, word) in [(self.failed, "failed"), (self.skipped, "skipped")] {
            if count > 0 {
                write!(out, ", {count} {word}")?;
            }
        }
        Ok(())
    }
}

/// Adds up what the lines say that are read; `None` if none is.
fn each(lines: &[&str], read: impl Fn(&str) -> Option<Tally>) -> Option<Tally> {
    lines.iter().filter_map(|line| read(line)).reduce(|mut sum, one| {
        sum.add(one.ran, one.failed, one.skipped);
        sum
    })
}

/// Whether a line counts tests that ran, in whatever words; a plan or what was only found counts none.
fn speaks_of_tests(line: &str) -> bool {
    const RAN: &[&str] = &["passed", "passing", "examples", "example", "assertions", "specs", "scenarios", "tests", "test"];
    let words: Vec<&str> = line.split(|character: char| !character.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let is_count = |pair: &[&str]| pair[0].parse::<u64>().is_ok_and(|count| count > 0) && RAN.contains(&pair[1]);
    // These say how many there are, with those that were skipped.
    let is_total = line.starts_with("Ran ") || line.starts_with("# tests") || line.starts_with("ℹ tests");
    !is_total && words.windows(2).any(is_count)
}

/// `Summary [   0.003s] 500 tests run: 499 passed, 1 failed, 3 skipped`
fn nextest(lines: &[&str]) -> Option<Tally> {
    each(lines, |line| {
        let (_, rest) = line.strip_prefix("Summary [")?.split_once(" run: ")?;
        let failed = before(rest, "failed");
        Some(Tally { ran: before(rest, "passed") + failed, failed, skipped: before(rest, "skipped") })
    })
}

/// The number before a word, such as `3 passed`, among parts of a line.
fn before(line: &str, word: &str) -> u64 {
    let words: Vec<&str> = line.split(|character: char| !character.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`
fn cargo(lines: &[&str]) -> Option<Tally> {
    each(lines, |line| {
        let rest = line.strip_prefix("test result: ")?;
        let failed = before(rest, "failed");
        Some(Tally { ran: before(rest, "passed") + failed, failed, skipped: before(rest, "ignored") })
    })
}

/// `=== 1 failed, 3 passed, 2 skipped in 0.12s ===`, or `no tests ran in 0.01s`
fn pytest(lines: &[&str]) -> Option<Tally> {
    each(lines, |line| {
        let line = line.trim_matches(['=', ' ']);
        let (counts, time) = line.rsplit_once(" in ")?;
        if !time.starts_with(|first: char| first.is_ascii_digit()) || !time.split_whitespace().next()?.ends_with('s') {
            return None;
        }
        if counts == "no tests ran" {
            return Some(Tally::default());
        }
        let is_count = |part: &str| {
            let (number, word) = part.trim().split_once(' ')?;
            let known =
                ["passed", "failed", "skipped", "error", "errors", "xfailed", "xpassed", "deselected", "warning", "warnings"];
            (number.parse::<u64>().is_ok() && known.contains(&word)).then_some(())
        };
        counts.split(',').all(|part| is_count(part).is_some()).then(|| {
            let failed = before(counts, "failed") + before(counts, "error") + before(counts, "errors");
            let ran = before(counts, "passed") + before(counts, "xfailed") + before(counts, "xpassed") + failed;
            Tally { ran, failed, skipped: before(counts, "skipped") }
        })
    })
}

/// `Ran 3 tests in 0.001s`, then `OK (skipped=1)` or `FAILED (failures=1, errors=1)`
fn unittest(lines: &[&str]) -> Option<Tally> {
    let is_ran = |line: &&str| line.starts_with("Ran ") && (line.contains(" tests in ") || line.contains(" test in "));
    let all: u64 = {
        let mut found = lines.iter().filter(|line| is_ran(line)).peekable();
        found.peek()?;
        found.filter_map(|line| line.split(' ').nth(1)?.parse::<u64>().ok()).sum()
    };
    let ends = lines.iter().filter(|line| line.starts_with("OK (") || line.starts_with("FAILED ("));
    let counts: Vec<&str> = ends.flat_map(|line| line.split(['(', ')', ',', ' '])).collect();
    let count =
        |key: &str| counts.iter().filter_map(|part| part.strip_prefix(key)?.strip_prefix('=')?.parse::<u64>().ok()).sum::<u64>();
    let skipped = count("skipped");
    Some(Tally { ran: all.saturating_sub(skipped), failed: count("failures") + count("errors"), skipped })
}

/// `Tests:       1 failed, 2 skipped, 3 passed, 6 total`
fn jest(lines: &[&str]) -> Option<Tally> {
    each(lines, |line| {
        let rest = line.strip_prefix("Tests:").filter(|rest| rest.trim_end().ends_with(" total"))?;
        let failed = before(rest, "failed");
        Some(Tally { ran: before(rest, "passed") + failed, failed, skipped: before(rest, "skipped") + before(rest, "todo") })
    })
}

/// `Tests  1 failed | 3 passed | 2 skipped (6)`, or `No test files found`
fn vitest(lines: &[&str]) -> Option<Tally> {
    each(lines, |line| {
        if line.starts_with("No test files found") {
            return Some(Tally::default());
        }
        let rest = line.strip_prefix("Tests ").filter(|rest| rest.ends_with(')') && rest.contains(" ("))?;
        let failed = before(rest, "failed");
        Some(Tally { ran: before(rest, "passed") + failed, failed, skipped: before(rest, "skipped") + before(rest, "todo") })
    })
}

/// `3 passing (5ms)`, then `1 pending` and `2 failing`
fn mocha(lines: &[&str]) -> Option<Tally> {
    let is_passing = |line: &&&str| {
        let mut words = line.split(' ');
        words.next().is_some_and(|word| word.parse::<u64>().is_ok()) && words.next() == Some("passing")
    };
    lines.iter().find(is_passing)?;
    let passed: u64 = lines.iter().filter(is_passing).map(|line| before(line, "passing")).sum();
    let count = |word: &str| -> u64 {
        let is_it =
            |line: &&&str| line.split_once(' ').is_some_and(|(number, rest)| number.parse::<u64>().is_ok() && rest == word);
        lines.iter().filter(is_it).map(|line| before(line, word)).sum()
    };
    Some(Tally { ran: passed + count("failing"), failed: count("failing"), skipped: count("pending") })
}

/// `# tests 3`, `# pass 2`, `# fail 0`, `# skipped 1`; another reporter has `ℹ` for `#`
fn node(lines: &[&str]) -> Option<Tally> {
    let find = |key: &str| {
        let value = |line: &&str| {
            let rest = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ "))?;
            rest.strip_prefix(key)?.strip_prefix(' ')?.parse::<u64>().ok()
        };
        let mut found = lines.iter().filter_map(value).peekable();
        found.peek()?;
        Some(found.sum::<u64>())
    };
    let (passed, failed) = (find("pass")?, find("fail")?);
    find("tests")?;
    Some(Tally { ran: passed + failed, failed, skipped: find("skipped").unwrap_or(0) + find("todo").unwrap_or(0) })
}

/// `ok  pkg 0.01s`, `FAIL pkg 0.01s`, `? pkg [no test files]`, `ok pkg 0.01s [no tests to run]`
fn go(lines: &[&str]) -> Option<Tally> {
    each(lines, |line| {
        let parts: Vec<&str> = line.split('\t').map(str::trim).collect();
        let is_time = |part: &&str| part.ends_with('s') && part.starts_with(|first: char| first.is_ascii_digit());
        match (parts.as_slice(), line) {
            (["?", _, "[no test files]"], _) => Some(Tally::default()),
            (["ok", _, ..], line) if line.ends_with("[no tests to run]") => Some(Tally::default()),
            (["ok", _, time, ..], _) if is_time(time) || time.starts_with("(cached)") => {
                Some(Tally { ran: 1, failed: 0, skipped: 0 })
            }
            (["FAIL", _, ..], _) => Some(Tally { ran: 1, failed: 1, skipped: 0 }),
            _ => None,
        }
    })
}

/// `Tests run: 5, Failures: 1, Errors: 0, Skipped: 1`: a line for each class, with its time, and then one for each module
fn maven(lines: &[&str]) -> Option<Tally> {
    let read = |line: &str| {
        if line.contains("Time elapsed") {
            return None;
        }
        let (_, rest) = line.split_once("Tests run: ")?;
        let number = |key: &str| -> Option<u64> {
            let (_, after) = rest.split_once(key)?;
            after.trim_start().split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
        };
        let all: u64 = rest.split(',').next()?.trim().parse().ok()?;
        let (failed, skipped) = (number("Failures:")? + number("Errors:")?, number("Skipped:")?);
        Some(Tally { ran: all.saturating_sub(skipped), failed, skipped })
    };
    each(lines, read)
}

/// A plan, `1..3`, and lines that begin with `ok` or `not ok`
fn tap(lines: &[&str]) -> Option<Tally> {
    let is_plan = |line: &&str| {
        let rest = line.strip_prefix("1..").map(|rest| rest.split_once(" #").map_or(rest, |(number, _)| number).trim());
        rest.is_some_and(|number| number.parse::<u64>().is_ok())
    };
    lines.iter().find(|line| is_plan(line))?;
    let is_empty = lines.iter().any(|line| line.starts_with("1..0"));
    let mut tally = Tally::default();
    for line in lines {
        let is_skipped = line.to_lowercase().contains("# skip");
        match (line.strip_prefix("not ok"), line.strip_prefix("ok")) {
            (Some(rest), _) if rest.is_empty() || rest.starts_with(' ') => tally.add(1, 1, 0),
            (None, Some(rest)) if rest.is_empty() || rest.starts_with(' ') => {
                tally.add(u64::from(!is_skipped), 0, u64::from(is_skipped));
            }
            _ => {}
        }
    }
    // A plan of which nothing is told was no plan.
    (is_empty || tally != Tally::default()).then_some(tally)
}

/// A text without the sequences by which terminals colour.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        plain += &rest[..at];
        rest = &rest[at + 2..];
        let end = rest.find(|character: char| character.is_ascii_alphabetic()).map_or(rest.len(), |end| end + 1);
        rest = &rest[end..];
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_test_programs_are_read() {
        for (output, expected) in [
            (
                "running 2 tests\ntest result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
              test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
                Some((4, 1, 1)),
            ),
            ("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.00s", Some((0, 0, 0))),
            ("\u{1b}[32m===== \u{1b}[1m3 passed\u{1b}[0m, 1 skipped, 2 warnings in 0.12s =====", Some((3, 0, 1))),
            ("== 1 failed, 2 passed, 1 error in 61.10s (0:01:01) ==", Some((4, 2, 0))),
            ("=== no tests ran in 0.01s ===", Some((0, 0, 0))),
            ("2 skipped in 0.05s", Some((0, 0, 2))),
            ("Ran 3 tests in 0.001s\n\nOK (skipped=1)", Some((2, 0, 1))),
            ("Ran 1 test in 0.001s\n\nFAILED (failures=1)", Some((1, 1, 0))),
            ("Ran 0 tests in 0.000s\n\nOK", Some((0, 0, 0))),
            ("Test Suites: 1 failed, 1 total\nTests:       1 failed, 2 skipped, 3 passed, 6 total", Some((4, 1, 2))),
            (" Test Files  1 passed (1)\n      Tests  3 passed | 2 skipped (5)", Some((3, 0, 2))),
            ("No test files found, exiting with code 0", Some((0, 0, 0))),
            ("  3 passing (5ms)\n  1 pending\n  2 failing", Some((5, 2, 1))),
            ("# tests 3\n# suites 0\n# pass 2\n# fail 0\n# cancelled 0\n# skipped 1\n# todo 0", Some((2, 0, 1))),
            ("ℹ tests 0\nℹ pass 0\nℹ fail 0\nℹ skipped 0", Some((0, 0, 0))),
            ("ok  \texample.com/a\t0.012s\n?   \texample.com/b\t[no test files]\nok  \texample.com/c\t(cached)", Some((2, 0, 0))),
            ("?   \texample.com/b\t[no test files]", Some((0, 0, 0))),
            ("ok  \texample.com/a\t0.01s [no tests to run]\nFAIL\texample.com/b\t0.1s", Some((1, 1, 0))),
            (
                "[INFO] Tests run: 2, Failures: 0, Errors: 0, Skipped: 1, Time elapsed: 0.1 s -- in A\n\
              [INFO] Tests run: 5, Failures: 1, Errors: 0, Skipped: 1",
                Some((4, 1, 1)),
            ),
            ("TAP version 13\n1..3\nok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP no net", Some((2, 1, 1))),
            ("1..0 # skipped: nothing to do", Some((0, 0, 0))),
            (
                "Summary [   0.003s] 500 tests run: 500 passed, 0 skipped\ntest result: ok. 0 passed; 0 failed; 0 ignored",
                Some((500, 0, 0)),
            ),
            ("0 passing (1ms)\n  12 passing (3ms)", Some((12, 0, 0))),
            (
                "[INFO] Tests run: 120, Failures: 0, Errors: 0, Skipped: 0\n[INFO] Tests run: 2, Failures: 0, Errors: 0, Skipped: 2",
                Some((120, 0, 2)),
            ),
            // Another program ran what the known one did not.
            ("12 examples, 0 failures\ntest result: ok. 0 passed; 0 failed; 0 ignored", None),
            ("100% tests passed, 0 tests failed out of 7\n=== no tests ran in 0.01s ===", None),
            ("OK (7 tests, 12 assertions)\nNo test files found, exiting with code 0", None),
            ("1..3 files are fine", None),
            ("1..3", None),
            ("all is well\nok\nnothing failed in 3 ms", None),
            ("compiled 3 files in 2s\nTests: see the log", None),
            ("", None),
        ] {
            let tally = Tally::read(output).map(|tally| (tally.ran, tally.failed, tally.skipped));
            assert_eq!(tally, expected, "{output}");
        }
    }
}
