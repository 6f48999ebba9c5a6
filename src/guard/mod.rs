//! May an agent's tool be used like this? A call as JSON in, a decision out; nothing is run and nothing is changed.

mod eval;
mod path;
mod protocol;
mod rules;
mod shell;
mod text;

use std::os::unix::fs::MetadataExt as _;

pub(crate) use protocol::judge;

/// Why a call is denied, as a sentence that an agent can act on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Denied(pub(crate) String);

/// A place that is closed.
#[derive(Debug, Clone)]
pub(crate) struct Ward {
    /// What it is, as in "this reads …".
    pub(crate) name: String,
    components: Vec<String>,
    is_silo: bool,
    identity: Option<(u64, u64)>,
}

impl Ward {
    fn new(name: String, path: &str, is_silo: bool) -> Self {
        let real = std::fs::canonicalize(path).ok().and_then(|path| path.into_os_string().into_string().ok());
        let path = real.unwrap_or_else(|| path.to_owned());
        let components = path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let identity = std::fs::metadata(&path).ok().filter(|_| is_silo).map(|data| (data.dev(), data.ino()));
        Self { name, components, is_silo, identity }
    }

    /// Whether this is the same folder by another name, as with a bind mount or where case does not count.
    fn is_same(&self, place: &[String]) -> bool {
        let Some(identity) = self.identity.filter(|_| !place.is_empty()) else { return false };
        std::fs::metadata(format!("/{}", place.join("/"))).is_ok_and(|data| (data.dev(), data.ino()) == identity)
    }

    fn leaves_out(&self, place: &[String]) -> bool {
        !self.is_silo && place.last().is_some_and(|name| name == "known_hosts" || name.ends_with(".pub"))
    }
}

/// What a decision depends on, beside the call.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    /// The top of the worktree that may be written.
    worktree: String,
    home: String,
    wards: Vec<Ward>,
    /// Branches that only move by a landing.
    protected: Vec<String>,
}

/// Where people keep what proves who they are, from their home.
const SECRETS: &[&str] = &[
    ".ssh",
    ".aws",
    ".netrc",
    ".git-credentials",
    ".config/git/credentials",
    ".gnupg",
    ".kube/config",
    ".docker/config.json",
    ".npmrc",
    ".pypirc",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".config/gcloud",
    ".config/gh",
    ".azure",
    ".local/share/keyrings",
    ".password-store",
    ".mozilla",
    ".config/google-chrome",
    ".config/chromium",
    ".config/BraveSoftware",
    ".config/op",
    ".pgpass",
    ".vault-token",
    ".claude/.credentials.json",
    ".codex/auth.json",
    ".gemini/oauth_creds.json",
    ".local/share/opencode/auth.json",
    "Library/Keychains",
    "Library/Application Support/Google/Chrome",
    "Library/Application Support/Firefox",
];

impl World {
    /// The worktree at or above this directory, and what is closed to it.
    pub(crate) fn new(worktree: &str, home: &str, silos: &[(String, String)], protected: Vec<String>) -> Self {
        let mut wards: Vec<Ward> = silos.iter().map(|(name, path)| Ward::new(format!("the silo `{name}`"), path, true)).collect();
        if !home.is_empty() {
            wards.extend(
                SECRETS.iter().map(|path| Ward::new(format!("credentials in `~/{path}`"), &format!("{home}/{path}"), false)),
            );
        }
        wards.push(Ward::new("the passwords of this machine".to_owned(), "/etc/shadow", false));
        let worktree = std::fs::canonicalize(worktree).ok().and_then(|path| path.into_os_string().into_string().ok());
        Self { worktree: worktree.unwrap_or_default(), home: home.to_owned(), wards, protected }
    }

    fn has_silo(&self) -> bool {
        self.wards.iter().any(|ward| ward.is_silo)
    }
}

#[cfg(test)]
mod tests;
