//! Repositories that several users write to: the modes that `core.sharedRepository` asks for.
//!
//! Like git, this sets the modes of files and folders once they are made. A wider umask would also reach what agents and
//! checks create, and what git writes into work trees.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use camino::{Utf8Path, Utf8PathBuf};

/// The shared repositories that this process has opened, by the git directory that all worktrees share.
///
/// Many files below it are written by their path alone, and each of them must have the right mode.
static SHARED: RwLock<Vec<(Utf8PathBuf, Sharing)>> = RwLock::new(Vec::new());

/// The bit by which a folder gives its group to what is made in it.
const SET_GROUP_ID: u32 = 0o2000;

/// Who besides its owner may use a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sharing {
    /// The permissions of a file that its owner may write.
    bits: u32,
    /// Whether they replace those of the umask; otherwise they are added.
    is_exact: bool,
}

impl Sharing {
    const GROUP: Self = Self { bits: 0o660, is_exact: false };
    const ALL: Self = Self { bits: 0o664, is_exact: false };

    /// What a value of `core.sharedRepository` asks for; `None` if the umask decides.
    pub(super) fn parse(value: &str) -> Option<Self> {
        match value.to_ascii_lowercase().as_str() {
            "group" | "true" | "yes" | "on" => return Some(Self::GROUP),
            "all" | "world" | "everybody" => return Some(Self::ALL),
            _ => {}
        }
        // `git init --shared` writes the numbers 1 and 2 for the first two.
        match u32::from_str_radix(value, 8).ok()? {
            0 => None,
            1 => Some(Self::GROUP),
            2 => Some(Self::ALL),
            // Git itself fails where the owner could not read and write.
            mode if mode & 0o600 == 0o600 => Some(Self { bits: mode & 0o666, is_exact: true }),
            _ => None,
        }
    }

    /// The permissions of a file that has these.
    fn of_file(self, mode: u32) -> u32 {
        let mut bits = self.bits;
        if mode & 0o200 == 0 {
            bits &= !0o222;
        }
        if mode & 0o100 != 0 {
            bits |= (bits & 0o444) >> 2;
        }
        if self.is_exact { mode & !0o777 | bits } else { mode | bits }
    }

    /// The permissions of a folder that has these.
    fn of_folder(self, mode: u32) -> u32 {
        let mode = self.of_file(mode);
        let mode = mode | (mode & 0o444) >> 2;
        if mode & 0o060 == 0 { mode } else { mode | SET_GROUP_ID }
    }

    fn apply(self, path: &Utf8Path) {
        let Ok(found) = path.symlink_metadata() else { return };
        let mode = found.permissions().mode() & 0o7777;
        let wanted = if found.is_dir() {
            self.of_folder(mode)
        } else if found.is_file() {
            self.of_file(mode)
        } else {
            return;
        };
        if wanted != mode {
            // Only its owner can change it, who has done so if git-os or git made it.
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(wanted)).unwrap_or_default();
        }
    }
}

/// Remembers a repository that was opened, with its present value of `core.sharedRepository`.
pub(super) fn remember(common_dir: &Utf8Path, value: Option<&str>) {
    let sharing = value.and_then(Sharing::parse);
    let is_known = |known: &[(Utf8PathBuf, Sharing)]| known.iter().find(|known| known.0 == common_dir).map(|known| known.1);
    if is_known(&SHARED.read().unwrap_or_else(PoisonError::into_inner)) == sharing {
        return;
    }
    let mut all = SHARED.write().unwrap_or_else(PoisonError::into_inner);
    all.retain(|known| known.0 != common_dir);
    all.extend(sharing.map(|sharing| (common_dir.to_owned(), sharing)));
}

/// The shared repository that a path is in.
fn find(path: &Utf8Path) -> Option<(Utf8PathBuf, Sharing)> {
    let all = SHARED.read().unwrap_or_else(PoisonError::into_inner);
    all.iter().find(|known| path.starts_with(&known.0)).cloned()
}

/// The mode for a new file at this path, instead of the mode that it has elsewhere.
#[must_use]
pub(super) fn mode(path: &Utf8Path, mode: u32) -> u32 {
    find(path).map_or(mode, |(_, sharing)| sharing.of_file(mode))
}

/// Opens what was just made at a path to the users of its repository: the file or folder, and the folders above it. Does
/// nothing outside of shared repositories.
pub(super) fn adjust(path: &Utf8Path) {
    let Some((top, sharing)) = find(path) else { return };
    // From the top, so that others can use the folders below as soon as they can see them.
    let mut made: Vec<_> = path.ancestors().take_while(|path| *path != top).collect();
    while let Some(path) = made.pop() {
        sharing.apply(path);
    }
}

/// As [`adjust`], for a path as gix has it, which may lead through symbolic links.
pub(super) fn adjust_native(path: &Path) {
    if SHARED.read().unwrap_or_else(PoisonError::into_inner).is_empty() {
        return;
    }
    // A path that is not UTF-8 is in no repository that git-os opens.
    if let Ok(path) = path.canonicalize()
        && let Some(path) = Utf8Path::from_path(&path)
    {
        adjust(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Repo;
    use crate::git::process::write_file;
    use crate::git::refs::RefEdit;
    use crate::git::tests::{commit, repo};

    #[test]
    fn a_value_means_what_git_makes_of_it() {
        let (dir, repo) = repo();
        let file = repo.common_dir().join("objects/probe");
        for (number, value) in [
            "umask",
            "false",
            "0",
            "",
            "group",
            "true",
            "1",
            "0660",
            "all",
            "world",
            "everybody",
            "2",
            "0640",
            "0664",
            "0600",
            "0644",
        ]
        .into_iter()
        .enumerate()
        {
            let git = repo.git();
            git.output(["config", "core.sharedRepository", value]).expect("configured");
            let id = git.input(["hash-object", "-w", "--stdin"], format!("by git {number}").as_bytes()).expect("written");
            let mode = |path: &Utf8Path| path.symlink_metadata().expect("there").permissions().mode() & 0o7777;
            let object = repo.common_dir().join("objects").join(&id[..2]).join(id[2..].trim());
            let sharing = Sharing::parse(value);
            let file_mode = |plain: u32| sharing.map_or(plain, |sharing| sharing.of_file(plain));
            let folder_mode = |plain: u32| sharing.map_or(plain, |sharing| sharing.of_folder(plain));
            // What the umask of this process leaves.
            write_file(&file, b"", 0o644).expect("written");
            std::fs::create_dir(dir.path().join(number.to_string())).expect("a folder");
            let plain = dir.path().join(number.to_string()).metadata().expect("there").permissions().mode() & 0o7777;
            assert_eq!(mode(&object), file_mode(0o444 & plain), "{value}");
            let folder = object.parent().expect("a folder");
            assert_eq!(mode(folder) & 0o777, folder_mode(plain) & 0o777, "{value}");
        }
    }

    #[test]
    fn everything_that_is_written_can_be_written_by_the_group() {
        let (_dir, repo) = repo();
        repo.git().output(["config", "core.sharedRepository", "group"]).expect("configured");
        repo.git().output(["config", "core.logAllRefUpdates", "always"]).expect("configured");
        let repo = Repo::open(repo.home()).expect("a repository");
        let small = repo.write_blob(b"small").expect("written");
        let large = repo.write_blob(&vec![0; 70_000]).expect("written");
        let tip = commit(&repo, &[], 1, 0);
        let name = "refs/os/a/b/c";
        assert_eq!(repo.move_refs(&[RefEdit::create(name, tip)]).expect("moved"), crate::git::refs::Moved::Done);
        write_file(&repo.os_dir().join("one/two/file"), b"x", 0o600).expect("written");
        let object = |id: &str| format!("objects/{}/{}", &id[..2], &id[2..]);
        let files = [
            object(&small.to_string()),
            object(&large.to_string()),
            name.to_owned(),
            format!("logs/{name}"),
            "os/one/two/file".to_owned(),
        ];
        for file in files {
            let is_object = file.starts_with("objects/");
            for path in repo.common_dir().join(&file).ancestors().take_while(|path| *path != repo.common_dir()) {
                let mode = path.symlink_metadata().expect("there").permissions().mode() & 0o7777;
                let wanted = match (path.is_dir(), is_object) {
                    (true, _) => 0o2070,
                    (false, true) => 0o040,
                    (false, false) => 0o060,
                };
                assert_eq!(mode & wanted, wanted, "{path}: {mode:o}");
                assert!(path.is_dir() || !is_object || mode & 0o222 == 0, "{path}: {mode:o}");
            }
        }
    }

    #[test]
    fn refs_that_are_packed_stay_open() {
        let (_dir, repo) = repo();
        repo.git().output(["config", "core.sharedRepository", "0664"]).expect("configured");
        let repo = Repo::open(repo.home()).expect("a repository");
        let tip = commit(&repo, &[], 1, 0);
        let file = repo.common_dir().join("packed-refs");
        let mode = || file.metadata().expect("there").permissions().mode() & 0o7777;
        for number in 0..200 {
            let edit = RefEdit::create(format!("refs/os/tickets/T-{number}"), tip);
            assert_eq!(repo.move_refs(&[edit]).expect("moved"), crate::git::refs::Moved::Done);
        }
        assert_eq!(mode(), 0o664);
        // One that is packed goes from the file.
        let edit = RefEdit::delete("refs/os/tickets/T-0", tip);
        assert_eq!(repo.move_refs(&[edit]).expect("moved"), crate::git::refs::Moved::Done);
        assert_eq!(mode(), 0o664);
    }

    #[test]
    fn the_folders_that_git_keeps_for_a_worktree_are_open() {
        let (dir, repo) = repo();
        repo.git().output(["config", "core.sharedRepository", "group"]).expect("configured");
        let repo = Repo::open(repo.home()).expect("a repository");
        let branch = RefEdit::create("refs/heads/x", commit(&repo, &[], 1, 0));
        assert_eq!(repo.move_refs(&[branch]).expect("moved"), crate::git::refs::Moved::Done);
        let path = Utf8PathBuf::from_path_buf(dir.path().join("w")).expect("UTF-8");
        repo.add_worktree(&path, "refs/heads/x").expect("added");
        for folder in ["worktrees", "worktrees/w"] {
            let mode = repo.common_dir().join(folder).metadata().expect("there").permissions().mode();
            assert_eq!(mode & 0o2070, 0o2070, "{folder}: {mode:o}");
        }
    }

    #[test]
    fn a_repository_of_one_user_keeps_its_modes() {
        let (_dir, repo) = repo();
        let file = repo.os_dir().join("one/file");
        write_file(&file, b"x", 0o600).expect("written");
        assert_eq!(file.metadata().expect("there").permissions().mode() & 0o7777, 0o600);
        assert_eq!(mode(&file, 0o644), 0o644);
    }
}
