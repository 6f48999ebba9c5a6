//! Programs that run a script, and where in their words it stands.

/// The interpreters, and those of their options that take no value and still let a script follow.
const INTERPRETERS: [(&str, &str); 14] = [
    ("sh", SHELL),
    ("bash", SHELL),
    ("dash", SHELL),
    ("ksh", SHELL),
    ("zsh", SHELL),
    ("fish", ""),
    ("python", "uBEsSIOqvb"),
    ("node", ""),
    ("deno", ""),
    ("bun", ""),
    ("ruby", "w"),
    ("perl", "wT"),
    ("php", ""),
    ("lua", ""),
];
const SHELL: &str = "aefuvx";

/// The place of the script that these words give to an interpreter, where they say so plainly.
#[must_use]
pub(crate) fn find_script(words: &[&str]) -> Option<usize> {
    let (program, rest) = words.split_first()?;
    let name = program.rsplit('/').next()?.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let (_, options) = INTERPRETERS.iter().find(|known| known.0 == name)?;
    let is_harmless = |word: &str| word.strip_prefix('-').is_some_and(|flags| flags.chars().all(|flag| options.contains(flag)));
    let at = rest.iter().position(|word| !is_harmless(word))?;
    (!rest[at].starts_with('-')).then_some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_found_only_where_the_words_say_it_plainly() {
        for (line, at) in [
            ("sh run", Some(1)),
            ("bash -eu tests/run.sh --fast", Some(2)),
            ("/usr/bin/python3.11 -u tools/check.py", Some(2)),
            ("sh -c ./run.sh", None),
            ("bash -o pipefail run.sh", None),
            ("python3 -m run", None),
            ("node --test all.js", None),
            ("make run", None),
            ("sh", None),
            ("", None),
        ] {
            let words: Vec<_> = line.split_whitespace().collect();
            assert_eq!(find_script(&words), at, "{line}");
        }
    }
}
