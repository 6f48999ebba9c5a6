//! The settings of people: which are heeded, which do not disturb, and which are refused. Design 0019 has the table, and names the test of
//! each row.

mod durable;
mod environment;
mod identity;
mod overridden;
mod refused;
mod remotes;
mod server;

use crate::sandbox::{Out, Sandbox};

/// One way to give git a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// In the repository's own file.
    File,
    /// With `git -c`.
    CommandLine,
    /// With `GIT_CONFIG_COUNT`.
    Variables,
}

impl Way {
    const ALL: [Self; 3] = [Self::File, Self::CommandLine, Self::Variables];

    /// Runs git with these settings, `key=value`, given in this way.
    fn git(self, sandbox: &Sandbox, dir: &str, settings: &[String], args: &[&str]) -> Out {
        let split = |setting: &'_ String| setting.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
        let git = sandbox.path("bin/git").display().to_string();
        let mut command = sandbox.command(dir, &git);
        for (number, (key, value)) in settings.iter().filter_map(split).enumerate() {
            match self {
                Self::File => drop(sandbox.git(dir, &["config", "--add", &key, &value]).ok()),
                Self::CommandLine => drop(command.args(["-c", &format!("{key}={value}")])),
                Self::Variables => {
                    command.env("GIT_CONFIG_COUNT", (number + 1).to_string());
                    command.env(format!("GIT_CONFIG_KEY_{number}"), key).env(format!("GIT_CONFIG_VALUE_{number}"), value);
                }
            }
        }
        Out::of(&format!("git by {self:?} with {settings:?}"), args, command.args(args))
    }
}
