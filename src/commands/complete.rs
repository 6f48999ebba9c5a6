//! `git os complete`: what can follow the words on a command line. Shells ask; errors answer nothing.

mod values;

use std::ffi::OsString;
use std::sync::Arc;

use clap::builder::StyledStr;
use clap::{Args as ClapArgs, Command, CommandFactory as _};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};

use self::values::{Line, Values};
use super::Cli;
use super::context::Context;
use crate::core::text::escape;
use crate::core::wrap::cut;
use crate::error::CliError;

/// The widest description, in columns: with an id it fits into a usual terminal.
const MAX_ABOUT: usize = 60;

/// Print what can complete a command line; for shells
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// The words up to the cursor, the program first
    #[arg(last = true)]
    words: Vec<String>,
}

/// What the shells source.
pub(super) const BASH: &str = include_str!("complete/git-os.bash");
pub(super) const ZSH: &str = include_str!("complete/_git-os");
pub(super) const FISH: &str = include_str!("complete/git-os.fish");

/// The first line says what follows: `files`, or `words` with one candidate and its description a line.
pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let Some(last) = args.words.last() else { return Ok(()) };
    let line = Arc::new(Line::new(&ctx.env.dir, &args.words));
    let mut command = with_values(Cli::command(), &line);
    let words: Vec<OsString> = args.words.iter().map(OsString::from).collect();
    let candidates = complete(&mut command, words, args.words.len() - 1, None).unwrap_or_default();
    if line.wants_files() {
        return ctx.ui.line("files");
    }
    ctx.ui.line("words")?;
    let is_option = |candidate: &CompletionCandidate| candidate.get_value().as_encoded_bytes().starts_with(b"-");
    for candidate in candidates.iter().filter(|one| !one.is_hide_set() && (last.starts_with('-') || !is_option(one))) {
        // A backslash of `escape` would be one for the shell too, and nothing that we complete has any.
        let value = candidate.get_value().to_string_lossy();
        if escape(&value) == value {
            let about = candidate.get_help().map(StyledStr::to_string).unwrap_or_default();
            let about = cut(&escape(about.lines().next().unwrap_or_default()), MAX_ABOUT);
            ctx.ui.line(if about.is_empty() { value.into_owned() } else { format!("{value}\t{about}") })?;
        }
    }
    Ok(())
}

/// The command line, with what its arguments can be.
fn with_values(command: Command, line: &Arc<Line>) -> Command {
    let name = command.get_name().to_owned();
    let command = command.mut_args(|arg| match Values::of(&name, arg.get_id().as_str()) {
        Some(values) => {
            let line = Arc::clone(line);
            arg.add(ArgValueCompleter::new(move |current: &std::ffi::OsStr| {
                current.to_str().map(|current| line.complete(values, current)).unwrap_or_default()
            }))
        }
        None => arg,
    });
    command.mut_subcommands(|sub| with_values(sub, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_that_is_not_free_text_can_be_completed() {
        let free = [
            "goal",
            "title",
            "acceptance",
            "scope",
            "text",
            "reason",
            "description",
            "run",
            "lease",
            "after",
            "poll",
            "since",
            "jobs",
            "head",
            "commit",
            "step",
            "to",
            "hook",
            "args",
            "parent",
            "words",
            "priority",
        ];
        let command = Cli::command();
        let mut left = Vec::new();
        for sub in command.get_subcommands().chain([&command]) {
            for arg in sub.get_arguments().filter(|arg| arg.get_action().takes_values()) {
                let is_known =
                    !arg.get_possible_values().is_empty() || Values::of(sub.get_name(), arg.get_id().as_str()).is_some();
                if !is_known && !free.contains(&arg.get_id().as_str()) {
                    left.push(format!("{} {}", sub.get_name(), arg.get_id()));
                }
            }
        }
        assert_eq!(left, Vec::<String>::new());
    }
}
