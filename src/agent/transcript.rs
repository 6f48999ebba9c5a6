//! What a process printed: all of it up to a bound, then the beginning and the end, and how much is missing between them.

use crate::core::text;

/// How much of the beginning of a stream is kept, in bytes.
pub(crate) const MAX_HEAD: usize = 256 * 1024;
/// How much of the end of a stream is kept beyond that, in bytes.
pub(crate) const MAX_TAIL: usize = 768 * 1024;
/// How many lines of the end a reason has.
const LAST_WORDS: usize = 30;
/// How much of a line a short reason has, in bytes.
const MAX_USEFUL: usize = 300;

/// Which of its streams a process printed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Stdout,
    Stderr,
}

/// One stream, whole unless it is longer than [`MAX_HEAD`] and [`MAX_TAIL`] together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Printed {
    head: Vec<u8>,
    tail: Vec<u8>,
    cut: u64,
}

impl Printed {
    fn add(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(MAX_HEAD - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend_from_slice(rest);
        if self.tail.len() > 2 * MAX_TAIL {
            let over = self.tail.len() - MAX_TAIL;
            self.tail.drain(..over);
            self.cut += over as u64;
        }
    }

    /// How much is missing, and the end.
    fn end(&self) -> (u64, &[u8]) {
        let over = self.tail.len().saturating_sub(MAX_TAIL);
        (self.cut + over as u64, &self.tail[over..])
    }

    /// How many bytes are missing from the middle.
    #[must_use]
    pub(crate) fn cut(&self) -> u64 {
        self.end().0
    }

    /// All that is kept; where bytes are missing a line says how many.
    #[must_use]
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (cut, tail) = self.end();
        let note = if cut > 0 { format!("\n[{cut} bytes are left out here]\n") } else { String::new() };
        [self.head.as_slice(), note.as_bytes(), tail].concat()
    }

    /// The same as text, lossily.
    #[must_use]
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

/// Both streams of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Transcript {
    pub(crate) stdout: Printed,
    pub(crate) stderr: Printed,
}

impl Transcript {
    pub(in crate::agent) fn add(&mut self, channel: Channel, bytes: &[u8]) {
        match channel {
            Channel::Stdout => self.stdout.add(bytes),
            Channel::Stderr => self.stderr.add(bytes),
        }
    }

    /// How many bytes are missing.
    #[must_use]
    pub(crate) fn cut(&self) -> u64 {
        self.stdout.cut() + self.stderr.cut()
    }

    /// What is kept of standard output, then of standard error.
    #[must_use]
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.stdout.bytes(), self.stderr.bytes()].concat()
    }

    /// The last line of standard output that is not blank.
    #[must_use]
    pub(crate) fn last_line(&self) -> String {
        self.stdout.text().lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned()
    }

    /// The last line that tells a person something: from standard error if there is any, without stack traces and what only
    /// programs read.
    #[must_use]
    pub(crate) fn last_useful_line(&self) -> String {
        let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
        let find = |text: &str| text.lines().rev().find(|line| is_useful(line)).map(|line| text::line(line, MAX_USEFUL));
        find(&stderr).or_else(|| find(&stdout)).unwrap_or_default()
    }

    /// The end of what it said, for a reason: from standard error if there is any.
    #[must_use]
    pub(crate) fn last_words(&self) -> String {
        let stderr = self.stderr.text();
        let said = if stderr.trim().is_empty() { self.stdout.text() } else { stderr };
        let lines: Vec<_> = said.trim_end().lines().collect();
        text::body(&lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n"))
    }
}

/// Whether a line says something to a person: not blank, not of a stack trace, and no JSON.
fn is_useful(line: &str) -> bool {
    let line = line.trim();
    let is_trace = line.starts_with("at ") || line.starts_with("Node.js v");
    line.chars().any(char::is_alphanumeric) && !is_trace && !line.starts_with(['{', '['])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_a_person_reads_is_found() {
        let said = |stdout: &str, stderr: &str| {
            let mut transcript = Transcript::default();
            transcript.add(Channel::Stdout, stdout.as_bytes());
            transcript.add(Channel::Stderr, stderr.as_bytes());
            transcript.last_useful_line()
        };
        assert_eq!(said("out\n{\"type\":\"result\"}\n", ""), "out");
        assert_eq!(said("out", "Error: no  key\n    at main (x.js:1)\n\n}\nNode.js v20.1.0\n"), "Error: no key");
        assert_eq!(said("{\"type\":\"result\"}\n", "\n"), "");
    }

    #[test]
    fn up_to_the_bound_all_is_kept() {
        let mut transcript = Transcript::default();
        let all = vec![b'x'; MAX_HEAD + MAX_TAIL];
        for part in all.chunks(1000) {
            transcript.add(Channel::Stdout, part);
        }
        assert_eq!((transcript.cut(), transcript.bytes()), (0, all));
    }

    #[test]
    fn beyond_the_bound_it_says_how_much_is_missing() {
        let mut transcript = Transcript::default();
        for number in 0..400_000 {
            transcript.add(Channel::Stdout, format!("{number:09}\n").as_bytes());
        }
        let text = transcript.stdout.text();
        let cut = 4_000_000 - (MAX_HEAD + MAX_TAIL) as u64;
        assert_eq!(transcript.cut(), cut);
        assert!(text.starts_with("000000000\n000000001\n") && text.ends_with("000399999\n"));
        assert_eq!(text.matches(&format!("\n[{cut} bytes are left out here]\n")).count(), 1);
        assert_eq!(transcript.last_line(), "000399999");
    }
}
