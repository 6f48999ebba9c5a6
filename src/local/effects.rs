//! What an agent does, as its worktree shows it: whether files change, and how much they take.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};

/// How many files are looked at.
const MAX_FILES: usize = 500_000;

/// What is in some folders at one time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Another number once a file came, went, or was written.
    pub(crate) mark: u64,
    /// How much the files take on the disk.
    pub(crate) bytes: u64,
}

/// Looks at all files below these folders. What cannot be looked at counts as nothing.
#[must_use]
pub(crate) fn look(folders: &[&Utf8Path]) -> Look {
    let mut look = Look::default();
    let mut waiting: Vec<Utf8PathBuf> = folders.iter().map(|folder| (*folder).to_owned()).collect();
    let mut count = 0;
    while let Some(folder) = waiting.pop() {
        for entry in folder.read_dir_utf8().into_iter().flatten().flatten() {
            let Ok(meta) = entry.path().as_std_path().symlink_metadata() else { continue };
            count += 1;
            if count > MAX_FILES {
                return look;
            }
            if meta.is_dir() {
                waiting.push(entry.into_path());
                continue;
            }
            let mut hasher = DefaultHasher::new();
            (entry.path().as_str(), meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec(), meta.len())
                .hash(&mut hasher);
            // Folders are read in no order.
            look.mark = look.mark.wrapping_add(hasher.finish());
            look.bytes = look.bytes.saturating_add(meta.blocks().saturating_mul(512));
        }
    }
    look
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_seen_and_what_is_read_is_not() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = Utf8Path::from_path(dir.path()).expect("UTF-8");
        let write = |name: &str, text: &[u8]| crate::git::process::write_file(&path.join(name), text, 0o644).expect("written");
        write("a/b", b"1");
        let first = look(&[path]);
        assert_eq!(look(&[path]), first);
        write("a/c", &vec![b'x'; 1 << 20]);
        let second = look(&[path]);
        assert!(second.mark != first.mark && second.bytes >= first.bytes + (1 << 20), "{first:?} {second:?}");
        crate::git::process::remove_file(&path.join("a/c")).expect("removed");
        assert_eq!(look(&[path]).bytes, first.bytes);
    }
}
