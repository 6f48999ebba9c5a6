//! A repository that several users write to: what git-os writes is as open as `core.sharedRepository` says.

use std::path::{Path, PathBuf};

use crate::sandbox::{Sandbox, gits};

/// Everything below a folder with its mode.
fn modes(folder: &Path) -> Vec<(PathBuf, bool, u32)> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut all = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            let Ok(found) = path.symlink_metadata() else { continue };
            if found.is_dir() {
                folders.push(path.clone());
            }
            all.push((path, found.is_dir(), found.permissions().mode() & 0o7777));
        }
    }
    all
}

/// A day's work of somebody whose umask keeps everything to themself.
const WORK: &str = "umask 077; git os init
    for n in 1 2 3; do id=$(git os new \"Ticket $n\" | cut -d' ' -f1); git os approve $id; done
    git os claim --next; git os learn 'Modes matter.'; git os list; git os fsck
    id=$(git os new Long | cut -d' ' -f1); git os edit $id --description \"$(seq 3000)\" >../edited
    git os cancel $id --reason 'Not now.'; git os doctor || :; git os sync || :";

/// A value of `git init --shared`, and the permissions that files and folders must and must not have.
const KINDS: &[(&str, u32, u32)] =
    &[("group", 0o060, 0o002), ("all", 0o064, 0o002), ("0660", 0o060, 0o007), ("0640", 0o040, 0o027)];

#[test]
fn what_is_written_is_as_open_as_the_repository() {
    for git in gits() {
        for (kind, has, lacks) in KINDS {
            println!("git {} | {kind}", git.version);
            let sandbox = Sandbox::with_git(&git);
            sandbox.sh(".", "umask 077; mkdir r").ok();
            sandbox.repo("r", &format!("--shared={kind}"));
            sandbox.registry(&["r"], "");
            // Git itself leaves some files to the umask, such as the message of the last commit.
            let before = modes(&sandbox.path("r/.git"));
            sandbox.sh("r", WORK).ok();
            let new = modes(&sandbox.path("r/.git")).into_iter().filter(|found| !before.iter().any(|known| known.0 == found.0));
            let mut count = 0;
            for (path, is_folder, mode) in new {
                count += 1;
                let is_read_only = !is_folder && mode & 0o200 == 0;
                let wanted = if is_read_only { has & !0o222 } else { *has };
                let wanted = if is_folder { wanted | (wanted & 0o444) >> 2 } else { wanted };
                let unwanted = if is_folder || mode & 0o100 != 0 { lacks & !0o111 } else { *lacks };
                let shown = format!("{kind}: {} is {mode:o}", path.display());
                assert!(mode & wanted == wanted && mode & unwanted == 0, "{shown}");
                assert!(!is_folder || mode & 0o2000 != 0, "{shown}");
            }
            assert!(count > 30, "{kind}: only {count} files");
        }
    }
}

#[test]
fn the_umask_decides_where_nothing_is_shared_and_for_what_is_no_file_of_git() {
    let sandbox = Sandbox::new();
    for (dir, shared) in [("own", "umask"), ("shared", "group")] {
        sandbox
            .sh(
                ".",
                &format!(
                    "umask 077; git init -q --shared={shared} {dir}; cd {dir}; echo a >a; git add a; git commit -qm one; {WORK}"
                ),
            )
            .ok();
    }
    assert!(modes(&sandbox.path("own/.git")).iter().all(|found| found.2 & 0o022 == 0));
    let id = sandbox.os("shared", &["list", "--json"]).ok();
    assert!(id.contains("Ticket 1"), "{id}");
    let outside = modes(&sandbox.path("shared")).into_iter().filter(|found| !found.0.starts_with(sandbox.path("shared/.git")));
    for (path, _, mode) in outside {
        assert_eq!(mode & 0o022, 0, "{} is {mode:o}", path.display());
    }
}
