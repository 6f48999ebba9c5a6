//! `git os server`

use std::io::Read as _;

use clap::{Args as ClapArgs, Subcommand};

use super::context::Context;
use crate::core::text::escape;
use crate::error::{CliError, Kind};
use crate::git::Repo;
use crate::hook::install::{self, Side};
use crate::hook::pre_receive::{judge_push, parse_line};
use crate::ledger::policy;

/// Let a server refuse what is not by the rules
///
/// A server needs no registry and no settings: its `pre-receive` hook judges each push as a whole, by the policy that the
/// repository itself carries in refs/os/meta. The first push brings it.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Put the hook into a bare repository, beside those of others
    Install {
        /// The bare repository
        bare: String,
    },
    /// Take the hook out again, and put back what was there before
    Uninstall {
        /// The bare repository
        bare: String,
    },
    /// Judge moves of refs as the hook would, for hosts that run no hooks of yours
    ///
    /// Reads lines of `old new ref` from standard input, as `pre-receive` gets them, and judges them in this repository,
    /// which has to have the objects, and the branches where they were before. Exits with 1 when one of them would be refused.
    Check,
}

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    match &args.what {
        What::Install { bare } => {
            let repo = open_bare(ctx, bare)?;
            let done = install::install(&repo, Side::Server, &ctx.env.program)?;
            ctx.ui.line(format!("{}: {}", escape(bare), if done { "pushes are judged from now on" } else { "in place" }))?;
            if policy::read(&repo).ok().flatten().is_none() {
                ctx.ui.say("note: there is no policy in refs/os/meta yet; the first `git os sync` of a clone brings it");
            }
            Ok(())
        }
        What::Uninstall { bare } => {
            install::uninstall(&open_bare(ctx, bare)?)?;
            ctx.ui.line(format!("{}: pushes are not judged any more; the refs stay", escape(bare)))
        }
        What::Check => check(ctx),
    }
}

fn open_bare(ctx: &Context, path: &str) -> Result<Repo, CliError> {
    let repo = Repo::open(&ctx.env.path(path))?;
    if repo.work_dir().is_some() {
        return Err(CliError::new(Kind::No, format!("`{}` is not bare: people work there", escape(path))).hint("git os init"));
    }
    Ok(repo)
}

fn check(ctx: &Context) -> Result<(), CliError> {
    let mut input = Vec::new();
    std::io::stdin().lock().read_to_end(&mut input)?;
    let lines = input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let moves = lines.map(parse_line).collect::<Option<Vec<_>>>();
    let moves = moves.ok_or_else(|| CliError::new(Kind::Usage, "a line is not `old new ref`"))?;
    let open = || Repo::discover(&ctx.env.dir);
    let refused = judge_push(open()?, &open()?, &moves);
    for (name, why) in &refused {
        ctx.ui.line(format!("would refuse to update `{}`: {}", escape(name), escape(&why.full())))?;
    }
    match refused.len() {
        0 => Ok(()),
        count => Err(CliError::no(format!("{count} of {} would be refused", moves.len()))),
    }
}
