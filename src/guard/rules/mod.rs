//! What is denied.

pub(super) mod files;
pub(super) mod git;

use super::path::reach;
use super::text::{Text, Unit, known, literal, shown};
use super::{Denied, World};

/// Folders of everybody, where scratch files go.
const SCRATCH: &[&str] = &[
    "/tmp",
    "/var/tmp",
    "/dev/shm",
    "/dev/null",
    "/dev/stdout",
    "/dev/stderr",
    "/dev/stdin",
    "/dev/tty",
    "/dev/fd",
    "/dev/full",
];
/// Settings of agents' clients, from the top of a worktree.
const SETTINGS: &[&str] =
    &[".git", ".claude/settings", ".claude/hooks", ".codex", ".gemini/settings.json", ".opencode", "opencode.json", ".mcp.json"];
/// Programs that act outside of the processes of a run, or become somebody else.
const OUTSIDE: &[&str] = &[
    "docker",
    "podman",
    "nerdctl",
    "sudo",
    "su",
    "doas",
    "pkexec",
    "runuser",
    "chroot",
    "nsenter",
    "unshare",
    "mount",
    "umount",
    "systemctl",
    "systemd-run",
    "at",
    "batch",
    "crontab",
    "tmux",
    "screen",
    "gdb",
    "lldb",
    "strace",
    "ltrace",
    "dbus-send",
    "busctl",
    "gdbus",
    "osascript",
    "launchctl",
    "machinectl",
    "flatpak-spawn",
    "ssh",
    "debugfs",
    "losetup",
];

fn denied(what: &str) -> Denied {
    Denied(format!("{what}; work within your worktree, or ask with `git os ask`"))
}

pub(super) fn may_read(world: &World, cwds: &[Text], text: &[Unit]) -> Result<(), Denied> {
    match reach(world, cwds, text).inside.first() {
        Some(ward) => Err(denied(&format!("`{}` could be in {}, which is closed to you", short(text), ward.name))),
        None => Ok(()),
    }
}

/// Whether all that lies below may be read or moved.
pub(super) fn may_walk(world: &World, cwds: &[Text], text: &[Unit]) -> Result<(), Denied> {
    match reach(world, cwds, text).above.iter().find(|ward| ward.is_silo) {
        Some(ward) => Err(denied(&format!("`{}` contains {}, which is closed to you", short(text), ward.name))),
        None => Ok(()),
    }
}

pub(super) fn may_write(world: &World, cwds: &[Text], text: &[Unit]) -> Result<(), Denied> {
    let reached = reach(world, cwds, text);
    let below = |path: &str, top: &str| path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    for place in &reached.places {
        if let Some(rest) = place.strip_prefix(&world.worktree).filter(|_| below(place, &world.worktree)) {
            let rest = rest.trim_start_matches('/');
            if let Some(settings) = SETTINGS.iter().find(|settings| {
                rest == **settings
                    || rest.starts_with(**settings)
                        && !rest.starts_with(".gitignore")
                        && !rest.starts_with(".github")
                        && !rest.starts_with(".gitattributes")
                        && !rest.starts_with(".gitmodules")
                        && !rest.starts_with(".gitkeep")
                        && !rest.starts_with(".gitlab")
            }) {
                return Err(denied(&format!("`{}` would change `{settings}`, which is for the operator", short(text))));
            }
        } else if !SCRATCH.iter().any(|top| below(place, top)) {
            return Err(denied(&format!("`{}` is outside of your worktree", short(text))));
        }
    }
    Ok(())
}

/// A text of code or of a command, which may name a silo.
pub(super) fn may_mention(world: &World, cwds: &[Text], text: &[Unit]) -> Result<(), Denied> {
    let is_end = |unit: &Unit| {
        matches!(unit, Unit::Split) || matches!(unit, Unit::Char(c) if c.is_whitespace() || "'\"`()[]{};,=<>|&:".contains(*c))
    };
    for part in text.split(is_end).filter(|part| part.contains(&Unit::Char('/')) || part.first() == Some(&Unit::Char('~'))) {
        let home = |part: &[Unit]| [known(&world.home), part.to_vec()].concat();
        let part = match literal(part).as_deref() {
            Some(text) if text.starts_with('~') => home(&known(&text[1..])),
            Some(text) if text.starts_with("$HOME") => home(&known(&text[5..])),
            _ => part.to_vec(),
        };
        may_read(world, cwds, &part)?;
    }
    Ok(())
}

pub(super) fn may_start(name: &str, arguments: &[Vec<Text>]) -> Result<(), Denied> {
    let only_asks = |choices: &Vec<Text>| {
        choices.iter().all(|text| literal(text).is_some_and(|text| matches!(text.as_str(), "--version" | "--help" | "-V")))
    };
    if OUTSIDE.contains(&name) && (arguments.is_empty() || !arguments.iter().all(only_asks)) {
        return Err(denied(&format!("`{name}` acts outside of this run")));
    }
    Ok(())
}

pub(super) fn may_set(name: &str, values: &[Text]) -> Result<(), Denied> {
    let is_off = || values.iter().all(|value| *value == known("/dev/null"));
    let is_around = name.starts_with("GIT_CONFIG_COUNT")
        || name.starts_with("GIT_CONFIG_KEY")
        || name == "GIT_CONFIG_PARAMETERS"
        || (matches!(name, "GIT_CONFIG_GLOBAL" | "GIT_CONFIG_SYSTEM" | "GIT_CONFIG") && !is_off())
        || name.starts_with("GIT_OS_");
    if is_around { Err(denied(&format!("`{name}` changes what git and git-os go by"))) } else { Ok(()) }
}

pub(super) fn is_file_test(text: &str) -> bool {
    text.len() == 2
        && text.starts_with('-')
        && text[1..]
            .contains(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'k', 'p', 'r', 's', 'u', 'w', 'x', 'L', 'O', 'G', 'N', 'S'])
}

pub(super) fn short(text: &[Unit]) -> String {
    shown(text).chars().filter(|c| !c.is_control()).take(120).collect()
}
