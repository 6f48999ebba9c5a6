//! Finds secrets in a text: tokens with a known format, and private keys.

use std::ops::Range;

/// A possible secret, and its range in the text, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    /// What kind of secret it is, with an article.
    pub(crate) kind: &'static str,
    pub(crate) at: Range<usize>,
}

/// The bytes that can follow the prefix of a token.
#[derive(Debug, Clone, Copy)]
enum Bytes {
    /// Upper-case letters and digits.
    Capital,
    /// Letters and digits.
    Alphanumeric,
    /// Letters, digits and `_`.
    Word,
    /// Letters, digits, `_` and `-`.
    Dashed,
}

impl Bytes {
    const fn has(self, byte: u8) -> bool {
        match self {
            Self::Capital => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::Dashed => byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-',
        }
    }
}

/// The pattern of a token: a prefix, and what follows it.
struct Pattern {
    /// Its name, as readers see it, with an article.
    name: &'static str,
    prefix: &'static str,
    /// The minimum number of bytes after the prefix.
    least: usize,
    bytes: Bytes,
    spread: Spread,
}

/// What must occur in a token after its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spread {
    Any,
    /// A digit, a lower-case and an upper-case letter, because the prefix alone is not specific.
    Mixed,
}

const fn pattern(name: &'static str, prefix: &'static str, least: usize, bytes: Bytes, spread: Spread) -> Pattern {
    Pattern { name, prefix, least, bytes, spread }
}

/// The tokens of services. A longer prefix must come before a shorter prefix that it starts with.
const PATTERNS: &[Pattern] = &[
    pattern("an AWS access key", "AKIA", 16, Bytes::Capital, Spread::Any),
    pattern("an AWS access key", "ASIA", 16, Bytes::Capital, Spread::Any),
    pattern("a GitHub token", "ghp_", 30, Bytes::Alphanumeric, Spread::Any),
    pattern("a GitHub token", "gho_", 30, Bytes::Alphanumeric, Spread::Any),
    pattern("a GitHub token", "ghu_", 30, Bytes::Alphanumeric, Spread::Any),
    pattern("a GitHub token", "ghs_", 30, Bytes::Alphanumeric, Spread::Any),
    pattern("a GitHub token", "ghr_", 30, Bytes::Alphanumeric, Spread::Any),
    pattern("a GitHub token", "github_pat_", 22, Bytes::Word, Spread::Any),
    pattern("a GitLab token", "glpat-", 20, Bytes::Dashed, Spread::Any),
    pattern("an Anthropic key", "sk-ant-", 20, Bytes::Dashed, Spread::Any),
    pattern("an OpenAI key", "sk-", 20, Bytes::Dashed, Spread::Mixed),
    pattern("a Slack token", "xoxa-", 10, Bytes::Dashed, Spread::Any),
    pattern("a Slack token", "xoxb-", 10, Bytes::Dashed, Spread::Any),
    pattern("a Slack token", "xoxp-", 10, Bytes::Dashed, Spread::Any),
    pattern("a Google key", "AIza", 35, Bytes::Dashed, Spread::Any),
];

/// The bytes with which a pattern begins, so that most of a text is not compared with any.
const FIRST: [bool; 256] = {
    let mut first = [false; 256];
    let mut at = 0;
    while at < PATTERNS.len() {
        first[PATTERNS[at].prefix.as_bytes()[0] as usize] = true;
        at += 1;
    }
    first
};

const PRIVATE_KEY: &str = "a private key";
const KEY_BEGIN: &str = "-----BEGIN ";
const KEY_END: &str = "PRIVATE KEY-----";
/// The minimum number of different characters in a token; a placeholder such as `ghp_xxxx…` has fewer.
const VARIETY: usize = 6;

/// Returns all possible secrets, in the order of the text.
#[must_use]
pub(crate) fn scan(text: &str) -> Vec<Secret> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        // Match only at the start of a word: `task-…` does not contain `sk-…`.
        let is_start = at == 0 || !Bytes::Dashed.has(bytes[at - 1]);
        let secret = match bytes[at] {
            b'-' => private_key(text, at),
            first if is_start && FIRST[usize::from(first)] => token(bytes, at),
            _ => None,
        };
        at = secret.as_ref().map_or(at + 1, |secret| secret.at.end);
        found.extend(secret);
    }
    found
}

/// Replaces every secret in the text with its kind; called before anything is written to a ref.
#[must_use]
pub(crate) fn redact(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut from = 0;
    for secret in scan(text) {
        clean += &text[from..secret.at.start];
        clean += &format!("[{} was here]", secret.kind);
        from = secret.at.end;
        if secret.kind == PRIVATE_KEY {
            // The key itself is between its first and its last line.
            let rest = &text[from..];
            from = rest
                .find("-----END ")
                .map_or(text.len(), |end| from + rest[end..].find('\n').map_or(rest.len(), |line| end + line));
        }
    }
    clean + text.get(from..).unwrap_or_default()
}

fn private_key(text: &str, at: usize) -> Option<Secret> {
    let rest = text.get(at..)?.strip_prefix(KEY_BEGIN)?;
    let line = rest.lines().next()?;
    let is_key = line.find(KEY_END).is_some_and(|end| line[..end].bytes().all(|byte| Bytes::Capital.has(byte) || byte == b' '));
    is_key.then(|| Secret { kind: PRIVATE_KEY, at: at..at + KEY_BEGIN.len() + line.len() })
}

fn token(bytes: &[u8], at: usize) -> Option<Secret> {
    let pattern = PATTERNS.iter().find(|pattern| bytes[at..].starts_with(pattern.prefix.as_bytes()))?;
    let start = at + pattern.prefix.len();
    let len = bytes[start..].iter().take_while(|byte| pattern.bytes.has(**byte)).count();
    let body = &bytes[start..start + len];
    let has = |is: fn(&u8) -> bool| body.iter().any(is);
    let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let variety = (0..=u8::MAX).filter(|byte| body.contains(byte)).count();
    // Vendors' manuals show keys that contain this word.
    let is_example = body.to_ascii_lowercase().windows(7).any(|part| part == b"example");
    let is_spread = is_mixed || pattern.spread == Spread::Any;
    let is_secret = len >= pattern.least && variety >= VARIETY && !is_example && is_spread;
    is_secret.then(|| Secret { kind: pattern.name, at: at..start + len })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Joins two parts, so that secret scanners do not report this file.
    fn joined(parts: [&str; 2]) -> String {
        parts.concat()
    }

    #[test]
    fn tokens_of_known_shape_are_found() {
        for (parts, kind) in [
            (["AKIA", "Q3EGRTQ5P7WZLM2K"], "an AWS access key"),
            (["ghp_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"], "a GitHub token"),
            (["github_pat_", "11ABCDEFG0abcdefghij_klmnop"], "a GitHub token"),
            (["sk-ant-", "api03-abcdefghijklmnopqrst"], "an Anthropic key"),
            (["sk-", "proj-Ab1Cd2Ef3Gh4Ij5Kl6Mn"], "an OpenAI key"),
            (["xoxb-", "123456789012-abcdef"], "a Slack token"),
            (["-----BEGIN ", "OPENSSH PRIVATE KEY-----"], "a private key"),
            (["-----BEGIN ", "PRIVATE KEY-----"], "a private key"),
        ] {
            let secret = joined(parts);
            let text = format!("it says `{secret}` here");
            let found = scan(&text);
            assert_eq!(found.iter().map(|one| one.kind).collect::<Vec<_>>(), [kind], "{secret}");
            assert!(text[found[0].at.clone()].starts_with(&secret));
        }
    }

    /// For each pattern, in the order of the table, what follows the prefix in a token, and in a text that is no token.
    const SAMPLES: &[(&str, &str, &str)] = &[
        ("AKIA", "Q3EGRTQ5P7WZLM2K", "Q3EGRTQ5P7WZLM2"),
        ("ASIA", "Y34FZKBOKMUTVV7A", "IOSFODNN7EXAMPLE"),
        ("ghp_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        ("gho_", "b1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8", "b1B2c3D4e5F6g7H8i9J0k1L2m3N4o"),
        ("ghu_", "c1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8", "c1B2c3D4e5F6_7H8i9J0k1L2m3N4o5P6q7R8"),
        ("ghs_", "d1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8", "ababababababababababababababababab"),
        ("ghr_", "e1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8", "exampleTokenOfTheManualA1B2c3D4e5F6"),
        ("github_pat_", "11ABCDEFG0abcdefghij_klmnop", "11ABCDEFG0-abcdefghij_klmnop"),
        ("glpat-", "Ab1Cd2Ef3Gh4Ij5Kl6Mn", "Ab1Cd2Ef3Gh4Ij5Kl6M"),
        ("sk-ant-", "api03-abcdefghijklmnopqrst", "api03-abcdefghijkl"),
        ("sk-", "proj-Ab1Cd2Ef3Gh4Ij5Kl6Mn", "a-very-long-kebab-case-name-of-a-branch"),
        ("xoxa-", "223456789012-abcdef", "223456789"),
        ("xoxb-", "123456789012-abcdef", "your.token.in.here"),
        ("xoxp-", "323456789012-abcdef", "xxxxxxxxxxxx"),
        ("AIza", "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7", "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5"),
    ];

    #[test]
    fn every_pattern_finds_its_token_and_nothing_like_it() {
        assert_eq!(PATTERNS.len(), SAMPLES.len(), "each pattern has one line of samples");
        for (pattern, (prefix, token, other)) in PATTERNS.iter().zip(SAMPLES) {
            assert_eq!(pattern.prefix, *prefix);
            let secret = joined([prefix, token]);
            let found = scan(&format!("({secret})"));
            assert_eq!(found, [Secret { kind: pattern.name, at: 1..1 + secret.len() }], "{secret}");
            assert_eq!(scan(&format!("({})", joined([prefix, other]))), [], "{prefix}{other}");
            // In the middle of a word it is none.
            assert_eq!(scan(&format!("task_{secret}")), [], "{secret}");
        }
    }

    #[test]
    fn no_pattern_hides_behind_a_shorter_one() {
        for (at, pattern) in PATTERNS.iter().enumerate() {
            let hidden = PATTERNS[at + 1..].iter().find(|later| later.prefix.starts_with(pattern.prefix));
            assert!(hidden.is_none(), "`{}` is never reached", hidden.map_or("", |later| later.prefix));
        }
    }

    #[test]
    fn what_is_redacted_is_no_secret_any_more() {
        let token = joined(["ghp_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"]);
        let key = joined(["-----BEGIN OPENSSH PRIV", "ATE KEY-----\nb3BlbnNzaA\n-----END OPENSSH PRIVATE KEY-----\nafter"]);
        assert_eq!(redact(&format!("use {token} now")), "use [a GitHub token was here] now");
        assert_eq!(redact(&format!("x\n{key}")), "x\n[a private key was here]\nafter");
        assert_eq!(redact(&joined(["-----BEGIN PRIV", "ATE KEY-----\nb3Blb"])), "[a private key was here]");
        assert_eq!(redact("nothing to see"), "nothing to see");
    }

    #[test]
    fn ordinary_words_are_not_secrets() {
        for text in [
            "",
            "task-with-a-very-long-kebab-name-2026-Q3",
            "sk-a-very-long-kebab-case-name-of-a-branch",
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "AKIA",
            "-----BEGIN PUBLIC KEY-----",
            "-----BEGIN ",
            "-",
            "ä-----BEGINÄ",
        ] {
            assert_eq!(scan(text), [], "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_scanned_without_a_panic(text in any::<String>()) {
            for one in scan(&text) {
                prop_assert!(text.get(one.at).is_some());
            }
        }
    }
}
