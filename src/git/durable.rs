//! What has to be on the disk before anything builds on it: `core.fsync`, as git reads it.
//!
//! gix never waits for the disk. Whatever `core.fsyncMethod` says, a file is written out in full here.

use std::fs::File;
use std::path::Path;

/// The names in `core.fsync` of what git-os writes itself: loose objects and refs.
const LOOSE_OBJECTS: &[&str] = &["loose-object", "objects", "committed", "added", "all"];
const REFS: &[&str] = &["reference", "committed", "added", "all"];

/// What is written out at once. Unless something else is set, git does so with neither of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Durable {
    pub(super) loose_objects: bool,
    pub(super) refs: bool,
}

impl Durable {
    /// What the configuration of a repository asks for.
    pub(super) fn of(git: &gix::Repository) -> Self {
        let config = git.config_snapshot();
        let parts = parse(&config.string("core.fsync").map(|value| value.to_string()).unwrap_or_default());
        // The older setting, which git still heeds.
        let objects = config.boolean("core.fsyncObjectFiles").unwrap_or(false);
        Self { loose_objects: parts.loose_objects || objects, ..parts }
    }
}

/// What a value asks for. A part that is taken away with `-` is one that would be written out by default, which none of ours is. The
/// beginning of a name is enough, and stands for every name that begins so.
fn parse(value: &str) -> Durable {
    let words: Vec<&str> = value.split(',').map(str::trim_start).filter(|word| !word.is_empty()).collect();
    let has = |names: &[&str]| words.iter().any(|word| names.iter().any(|name| name.starts_with(word)));
    Durable { loose_objects: has(LOOSE_OBJECTS), refs: has(REFS) }
}

/// Waits until a file is on the disk.
///
/// # Errors
/// If it is not there, or the disk fails.
pub(super) fn sync(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_means_what_git_makes_of_it() {
        // Looked at with git 2.47, by its system calls.
        for (value, loose_objects, refs) in [
            ("", false, false),
            ("none", false, false),
            ("loose-object", true, false),
            ("objects", true, false),
            ("pack,index", false, false),
            ("committed", true, true),
            ("committed,-loose-object", true, true),
            ("added", true, true),
            ("all,-reference", true, true),
            ("-all,c", true, true),
            ("reference, index", false, true),
            ("none,reference", false, true),
            ("reference,none", false, true),
            ("ref", false, true),
            ("bogus,reference", false, true),
        ] {
            assert_eq!(parse(value), Durable { loose_objects, refs }, "{value}");
        }
    }
}
