//! What a git of ours sees of the person's environment and settings: who acts and how remotes are reached, and nothing that changes what
//! a command means. Design 0019 has the table.

/// The environment variables that git may see: identity, configuration, and how to reach remotes.
const PASSED: &[&str] = &[
    "PATH",
    "HOME",
    "XDG_CONFIG_HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "TZ",
    "LANG",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_DATE",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
    "GIT_COMMITTER_DATE",
    "EMAIL",
    "GIT_EXEC_PATH",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "SSH_AUTH_SOCK",
    "SSH_ASKPASS",
    "GIT_ASKPASS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
];

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

/// The environment variables of this process that are passed to git.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is where git's environment is built")]
pub(crate) fn passed_environment() -> Vec<(&'static str, std::ffi::OsString)> {
    PASSED.iter().filter_map(|key| std::env::var_os(key).map(|value| (*key, value))).collect()
}
