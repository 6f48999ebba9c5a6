//! What a git of ours sees of the person's environment and settings: who acts and how remotes are reached, and nothing that changes what
//! a command means. Design 0019 has the table.

use std::ffi::OsString;
use std::sync::OnceLock;

use super::Git;
use camino::Utf8Path;

/// The variables that every git of ours may see: where its programs and its settings are.
const PASSED: &[&str] =
    &["PATH", "HOME", "XDG_CONFIG_HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "LANG", "EMAIL", "SSH_AUTH_SOCK", "SSH_ASKPASS"];

/// The variables of git that a git of ours may see: settings, identity, and how to reach remotes. The others say what a command works on
/// and how it speaks, which is for us to say.
const PASSED_OF_GIT: &[&str] = &[
    "GIT_ALLOW_PROTOCOL",
    "GIT_ASKPASS",
    "GIT_AUTHOR_DATE",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_NAME",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMITTER_DATE",
    "GIT_COMMITTER_EMAIL",
    "GIT_COMMITTER_NAME",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_SYSTEM",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_EXEC_PATH",
    "GIT_PROTOCOL_FROM_USER",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
];

/// The beginnings of further ones: the settings that `GIT_CONFIG_COUNT` counts, http, and git-lfs.
const PASSED_BEGINNINGS: &[&str] =
    &["GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_CURL_", "GIT_HTTP_", "GIT_LFS_", "GIT_PROXY_", "GIT_SSL_"];

/// Settings that a caller gives and that an agent does not get: what opens remotes, and what takes our hooks out of force.
const NOT_FOR_AGENTS: &[&str] = &["core.askpass", "core.gitproxy", "core.hookspath", "core.sshcommand"];
/// The same for sections.
const SECTIONS_NOT_FOR_AGENTS: &[&str] = &["credential.", "http.", "remote.", "url."];
/// What an agent's git does not do in any worktree: it would record how the agent resolves a conflict, and the person's git would resolve
/// the same one in the same way.
const CLOSED_FOR_AGENTS: (&str, &str) = ("rerere.enabled", "false");

/// The settings of people that would change what a command of ours means; design 0019 has the table. What has a flag as well is closed
/// where the command is given.
pub(super) const CLOSED: &[&str] = &[
    "core.fsmonitor=false",
    "core.ignoreStat=false",
    "core.preferSymlinkRefs=false",
    "core.quotePath=false",
    "commit.cleanup=verbatim",
    "diff.orderFile=/dev/null",
    "fetch.writeCommitGraph=false",
    "gc.auto=0",
    "i18n.logOutputEncoding=UTF-8",
    "log.showSignature=false",
    "maintenance.auto=false",
    "merge.conflictStyle=merge",
    "merge.default=text",
    "merge.directoryRenames=conflict",
    "merge.renames=true",
    "notes.rewrite.amend=false",
    "notes.rewrite.rebase=false",
    "pull.twohead=ort",
    "rebase.backend=merge",
    "rebase.instructionFormat=%s",
    "rebase.missingCommitsCheck=ignore",
    "rebase.rebaseMerges=false",
    "rerere.enabled=false",
    "submodule.recurse=false",
];

/// Whose git it is that is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// It may ask the person's programs, such as hooks, filters, and those that know passwords, which see the person's environment as they
    /// do when the person starts git.
    Wide,
    /// It runs where an agent could write, and sees no more than it needs.
    Narrow,
}

/// The environment variables of this process that are passed to git.
pub(super) fn passed_environment(reach: Reach) -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(move |(key, _)| {
        let Some(key) = key.to_str() else { return false };
        let is_of_git = PASSED_OF_GIT.contains(&key) || PASSED_BEGINNINGS.iter().any(|beginning| key.starts_with(beginning));
        is_of_git || PASSED.contains(&key) || reach == Reach::Wide && !key.starts_with("GIT_")
    })
}

/// The settings that the caller of this process gave, with `git -c` or `GIT_CONFIG_COUNT`, each `key=value` or a key alone. Git itself reads
/// them, with what they include; the reads in process are told.
#[expect(clippy::disallowed_methods, reason = "git tells the programs that it starts by these variables what `-c` said")]
pub(super) fn given_settings() -> &'static [String] {
    static GIVEN: OnceLock<Vec<String>> = OnceLock::new();
    GIVEN.get_or_init(|| {
        let is_given = |key: &str| std::env::var_os(key).is_some_and(|value| !value.is_empty());
        if !is_given("GIT_CONFIG_PARAMETERS") && !is_given("GIT_CONFIG_COUNT") {
            return Vec::new();
        }
        // Where git cannot read them it says so at its next command.
        let listed = Git::unsettled(Utf8Path::new("/")).output(["config", "--list", "--null", "--show-scope", "--includes"]);
        of_command(&listed.unwrap_or_default())
    })
}

/// Of a list of scopes and settings, those of the command line.
fn of_command(listed: &str) -> Vec<String> {
    let fields: Vec<&str> = listed.split('\0').collect();
    let pairs = fields.chunks_exact(2).filter(|pair| pair[0] == "command");
    let setting = |pair: &[&str]| {
        let (key, value) = pair[1].split_once('\n').map_or((pair[1], None), |(key, value)| (key, Some(value)));
        // What an `=` in the key belongs to could not be told afterwards; no such key is read in process.
        let is_plain = !key.contains('=') && !key.starts_with("include.") && !key.starts_with("includeif.");
        is_plain.then(|| value.map_or_else(|| key.to_owned(), |value| format!("{key}={value}")))
    };
    pairs.filter_map(setting).collect()
}

/// The variables by which an agent's own git has the settings that the caller of this process gave, but for those that are not for agents,
/// and then these.
#[must_use]
pub(crate) fn settings_for_agents(own: &[(String, String)]) -> Vec<(String, String)> {
    for_agents(given_settings(), own)
}

fn for_agents(given: &[String], own: &[(String, String)]) -> Vec<(String, String)> {
    let is_for_agents = |key: &str| {
        let key = key.to_ascii_lowercase();
        !NOT_FOR_AGENTS.contains(&key.as_str()) && !SECTIONS_NOT_FOR_AGENTS.iter().any(|section| key.starts_with(section))
    };
    let settings = given.iter().map(|setting| setting.split_once('=').unwrap_or((setting, "true")));
    let own = own.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let settings: Vec<_> = settings.filter(|(key, _)| is_for_agents(key)).chain(own).chain([CLOSED_FOR_AGENTS]).collect();
    let mut all = vec![("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string())];
    for (number, (key, value)) in settings.into_iter().enumerate() {
        all.push((format!("GIT_CONFIG_KEY_{number}"), key.to_owned()));
        all.push((format!("GIT_CONFIG_VALUE_{number}"), value.to_owned()));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_command_line_sets_is_told_from_what_files_set() {
        let listed =
            "global\0user.name\nAnn\0command\0user.name\nBo\nb\0command\0a.b\0command\0include.path\n/x\0command\0url.a=b.c\nd\0";
        assert_eq!(of_command(listed), ["user.name=Bo\nb", "a.b"]);
        assert_eq!(of_command(""), [""; 0]);
    }

    #[test]
    fn an_agent_gets_what_does_not_open_remotes() {
        let given = ["user.name=Bo", "http.https://x/.extraHeader=secret", "core.hooksPath=/dev/null", "a.b"].map(str::to_owned);
        let own = [("includeIf.gitdir:/x.path".to_owned(), "/y".to_owned())];
        let told = for_agents(&given, &own).into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>();
        let wanted = [
            "COUNT=4",
            "KEY_0=user.name",
            "VALUE_0=Bo",
            "KEY_1=a.b",
            "VALUE_1=true",
            "KEY_2=includeIf.gitdir:/x.path",
            "VALUE_2=/y",
            "KEY_3=rerere.enabled",
            "VALUE_3=false",
        ];
        assert_eq!(told, wanted.map(|text| format!("GIT_CONFIG_{text}")));
        assert_eq!(for_agents(&[], &[]).len(), 3);
    }
}
