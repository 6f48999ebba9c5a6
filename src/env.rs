//! What a process is told by its surroundings: read once at the start, passed down.

use std::io::IsTerminal as _;

use camino::{Utf8Path, Utf8PathBuf};

/// Directory, variables, program and terminal.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing of the terminal")]
#[derive(Debug, Clone)]
pub(crate) struct Env {
    /// Where the command was given, after `-C`.
    pub(crate) dir: Utf8PathBuf,
    /// This program.
    pub(crate) program: Utf8PathBuf,
    /// Where shared data of a user goes: `XDG_DATA_HOME` or `~/.local/share`.
    pub(crate) data_home: Option<Utf8PathBuf>,
    /// The run in whose name an agent speaks.
    pub(crate) run: Option<String>,
    /// The ticket it works on.
    pub(crate) ticket: Option<String>,
    /// The step of the plan that it works on alone.
    pub(crate) step: Option<String>,
    /// Where it leaves messages for its orchestrator.
    pub(crate) outbox: Option<Utf8PathBuf>,
    pub(crate) pager: Option<String>,
    pub(crate) no_color: bool,
    /// The terminal only shows what it is sent: it knows no cursor.
    pub(crate) is_dumb: bool,
    pub(crate) stdin_is_terminal: bool,
    pub(crate) stdout_is_terminal: bool,
    pub(crate) stderr_is_terminal: bool,
    /// After which step to end without a word, as `kill -9` would; for tests of debug builds.
    pub(crate) kill_after: Option<String>,
}

impl Env {
    /// Reads them.
    ///
    /// # Errors
    /// When there is no current directory, or a path is not UTF-8.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub(crate) fn read() -> std::io::Result<Self> {
        let utf8 = |path| Utf8PathBuf::from_path_buf(path).map_err(|_| std::io::Error::other("a path is not UTF-8"));
        let var = |key: &str| std::env::var(key).ok().filter(|value| !value.is_empty());
        let home = var("HOME").map(Utf8PathBuf::from);
        Ok(Self {
            dir: utf8(std::env::current_dir()?)?,
            program: utf8(std::env::current_exe()?)?,
            data_home: var("XDG_DATA_HOME")
                .map(Utf8PathBuf::from)
                .or_else(|| home.as_ref().map(|home| home.join(".local/share"))),
            run: var("GIT_OS_RUN"),
            ticket: var("GIT_OS_TICKET"),
            step: var("GIT_OS_STEP"),
            outbox: var("GIT_OS_OUTBOX").map(Utf8PathBuf::from),
            pager: var("GIT_PAGER").or_else(|| var("PAGER")),
            no_color: var("NO_COLOR").is_some() || var("TERM").as_deref() == Some("dumb"),
            is_dumb: var("TERM").is_none_or(|kind| kind == "dumb"),
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            kill_after: cfg!(debug_assertions).then(|| var("GIT_OS_KILL_AFTER")).flatten(),
        })
    }

    /// The folder in which git-os started the agent or check that this process is, or that started it without hiding it.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a hook needs nothing else of the environment")]
    pub(crate) fn place() -> Option<Utf8PathBuf> {
        std::env::var(PLACE).ok().filter(|value| !value.is_empty()).map(Utf8PathBuf::from)
    }

    /// Goes where `-C` says, as git does; where there is no such folder, whoever looks for a repository in it says so.
    pub(crate) fn enter(&mut self, dirs: &[String]) {
        for dir in dirs {
            self.dir = self.dir.join(dir);
        }
        // What is started from here must not stand in a folder that a command removes.
        if !dirs.is_empty() {
            std::env::set_current_dir(&self.dir).unwrap_or_default();
        }
    }

    /// A path as the caller meant it.
    #[must_use]
    pub(crate) fn path(&self, path: &str) -> Utf8PathBuf {
        self.dir.join(Utf8Path::new(path))
    }

    /// Where a test says so, the process ends here.
    pub(crate) fn end_after(&self, name: &str) {
        if self.kill_after.as_deref() == Some(name) {
            let me = rustix::process::getpid();
            // There is nobody left to tell if this fails.
            rustix::process::kill_process(me, rustix::process::Signal::KILL).unwrap_or_default();
        }
    }
}

/// The variable by which a process knows in which folder git-os started the agent or check that it belongs to.
pub(crate) const PLACE: &str = "GIT_OS_PLACE";
