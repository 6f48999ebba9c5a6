//! `git os server`

use std::io::Read as _;

use clap::{Args as ClapArgs, Subcommand};

use super::context::Context;
use crate::core::text::{escape, plural};
use crate::error::{CliError, Code, Kind};
use crate::git::Repo;
use crate::hook::install::{self, Side};
use crate::hook::pre_receive::{judge_push, parse_line};
use crate::ledger::policy;

/// Enforce the rules on a server
///
/// The `pre-receive` hook needs no registry and no settings: it checks each push as a whole, by the policy in the
/// repository's refs/os/meta. The first push delivers that policy.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Install the hook in a bare repository; existing hooks still run
    Install {
        /// The bare repository
        bare: String,
    },
    /// Remove the hook and restore the previous one
    Uninstall {
        /// The bare repository
        bare: String,
    },
    /// Check ref updates as the hook would, for hosts that cannot run it
    ///
    /// Reads lines of `old new ref` from standard input, as `pre-receive` gets them, and checks them in this repository. The
    /// repository must have the objects, and its branches must be where they were before the push. Exits with 1 if an update
    /// would be refused.
    Check,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    match &args.what {
        What::Install { bare } => {
            let repo = open_bare(ctx, bare)?;
            let done = install::install(&repo, Side::Server, &ctx.env.program)?;
            ctx.ui.line(format!(
                "{}: {}",
                escape(bare),
                if done { "hook installed; pushes are checked from now on" } else { "hook is up to date" }
            ))?;
            if policy::read(&repo).ok().flatten().is_none() {
                ctx.ui.say("note: refs/os/meta has no policy yet; the first `git os sync` of a clone pushes it");
            }
            Ok(())
        }
        What::Uninstall { bare } => {
            install::uninstall(&open_bare(ctx, bare)?)?;
            ctx.ui.line(format!("{}: hook removed; pushes are no longer checked, and the refs stay", escape(bare)))
        }
        What::Check => check(ctx),
    }
}

fn open_bare(ctx: &Context, path: &str) -> Result<Repo, CliError> {
    let repo = Repo::open(&ctx.env.path(path))?;
    if repo.work_dir().is_some() {
        return Err(CliError::no(Code::NotBare, format!("`{}` is not a bare repository", escape(path)))
            .hint("git os init   # in a repository with a working tree"));
    }
    Ok(repo)
}

fn check(ctx: &Context) -> Result<(), CliError> {
    let mut input = Vec::new();
    std::io::stdin().lock().read_to_end(&mut input)?;
    let lines = input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let moves = lines.map(parse_line).collect::<Option<Vec<_>>>();
    let moves = moves.ok_or_else(|| {
        CliError::new(Kind::Usage, Code::InvalidInput, "cannot read a line of the input: expected `old new ref`")
    })?;
    let open = || Repo::discover(&ctx.env.dir);
    let refused = judge_push(open()?, &open()?, &moves);
    for (name, why) in &refused {
        ctx.ui.line(format!("would refuse to update `{}`: {}", escape(name), escape(&why.full())))?;
    }
    match refused.len() {
        0 => Ok(()),
        count => Err(CliError::no(
            Code::WouldBeRejected,
            format!("{count} of {} would be refused", plural(moves.len(), "update", "updates")),
        )),
    }
}
