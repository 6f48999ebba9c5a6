//! The command line: one file a command, `Args` (its doc comment is the help) and `run`.

mod agents;
mod archive;
mod claim;
mod complete;
mod context;
mod demo;
mod desk;
mod dispatch;
mod doctor;
mod each;
mod edit;
pub(crate) mod fsck;
mod fsm;
mod hooks;
pub(crate) mod init;
mod land;
mod learn;
mod list;
mod listen;
mod log;
mod manual;
mod meant;
mod new;
mod plan;
mod replay;
mod server;
mod session;
mod show;
mod start;
mod sync;
mod take;
mod task;
mod top;
mod transition;
mod uninstall;
mod usage;
mod which;
mod worker;

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::agent;
use crate::agent::stop::Stop;
use crate::core::event::EventKind;
use crate::core::json::TicketView;
use crate::env::Env;
use crate::error::{CliError, Code, Kind};
use crate::git::Repo;
use crate::git::process::{listen, on_interrupt, read_file};
use crate::hook;
use crate::hook::within::find_place;
use crate::ui::Ui;
use context::Context;
use transition::{Asked, Noted, Plain, Reasoned, Renewed, Resubmitted, Stepped, Worded, span};

/// An operating system for agentic software work, with all state in git
///
/// Tickets are chains of commits under refs/os/tickets, verdicts are git notes, and ref hooks enforce the rules. Plain git
/// can read and transfer all of it.
#[derive(Parser, Debug)]
#[command(name = "git os", bin_name = "git os", version, after_long_help = NAMING)]
struct Cli {
    /// Run as if started in this directory; repeatable, as with git
    #[arg(short = 'C', global = true, value_name = "DIR")]
    dirs: Vec<String>,

    /// Use this repository, by its name in the registry
    #[arg(long = "repo", global = true, value_name = "R")]
    repo: Option<String>,

    #[command(subcommand)]
    command: Command,
}

/// How tickets are named.
const NAMING: &str = "\
A ticket is named by its id, a part of its id, its title, or a part of its title. The first of these that fits any ticket of
the workspace decides, and it must fit only one. With --repo, only that repository is searched. Case does not matter in
titles. Archived tickets are searched if no live ticket fits.

A command on several tickets does all that it can, says of each what came of it, and exits with an error if one was refused.";

#[derive(Subcommand, Debug)]
enum Command {
    Init(init::Args),
    Uninstall(uninstall::Args),
    Start(start::Args),
    Session(session::Args),
    Dispatch(dispatch::Args),
    Worker(worker::Args),
    Context(dispatch::ContextArgs),
    New(new::Args),
    List(list::Args),
    Ready(list::ReadyArgs),
    Show(show::Args),
    Log(log::Args),
    Which(which::Args),
    Edit(edit::Args),
    Plan(plan::Args),
    Approve(transition::ApproveArgs),
    Reject(transition::RejectArgs),
    Resume(plan::ResumeArgs),
    Rollback(plan::RollbackArgs),
    Take(take::TakeArgs),
    Drop(take::DropArgs),
    Claim(claim::Args),
    /// Extend the lease on a claimed ticket
    Renew(Renewed),
    /// Set the state of a plan step
    Step(Stepped),
    /// Add a remark to a ticket
    Note(Noted),
    /// Ask the operator a question
    Ask(Asked),
    /// Answer a question and resume the ticket
    Answer(Worded),
    Submit(take::SubmitArgs),
    Pass(take::PassArgs),
    /// Fail submitted work
    Fail(Reasoned),
    Verify(land::VerifyArgs),
    Merge(land::MergeArgs),
    Revert(land::RevertArgs),
    Learn(learn::Args),
    Sync(sync::Args),
    Archive(archive::Args),
    Server(server::Args),
    Demo(demo::Args),
    /// Resubmit verified work after the protected branch moved
    Stale(Resubmitted),
    /// Block tickets until an operator unblocks them
    Block(Reasoned),
    /// Make blocked tickets ready again
    Unblock(Plain),
    /// Release claimed tickets
    Release(Plain),
    /// Make tickets with an expired lease ready again
    Expire(Plain),
    /// Cancel tickets
    Cancel(Reasoned),
    /// Add a comment
    Comment(Worded),
    /// Record an event that could not be replayed
    Conflict(Worded),
    Fsm(fsm::Args),
    Fsck(fsck::Args),
    /// Become an agent, tied to the life of the orchestrator
    #[command(hide = true)]
    Enter {
        parent: i32,
        #[arg(last = true)]
        words: Vec<String>,
    },
    #[command(hide = true)]
    Complete(complete::Args),
    Doctor(doctor::Args),
    Task(task::Args),
    Agents(agents::Args),
    Top(top::Args),
    Usage(usage::Args),
    Replay(replay::Args),
    Hooks(hooks::Args),
    Gc(hooks::GcArgs),
    /// Answer a git hook
    #[command(hide = true)]
    Hook {
        hook: String,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

/// Runs the program: a hook when git calls it as one, a command otherwise.
#[must_use]
pub fn main(args: &[String]) -> ExitCode {
    let name = args.first().and_then(|name| name.rsplit('/').next()).unwrap_or_default();
    if name == "git-os-hook" {
        return answer(args.get(1).map(String::as_str).unwrap_or_default(), args.get(2..).unwrap_or_default());
    }
    if hook::install::ALL.contains(&name) {
        return answer(name, args.get(1..).unwrap_or_default());
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody to tell is no reason to fail.
            drop(error.print());
            if let Ok(env) = Env::read() {
                manual::refresh(&env);
            }
            return if error.use_stderr() { ExitCode::from(Kind::Usage as u8) } else { ExitCode::SUCCESS };
        }
    };
    if let Command::Hook { hook, args } = &cli.command {
        return answer(hook, args);
    }
    if let Command::Enter { parent, words } = &cli.command {
        drop(std::io::stderr().lock().write_all(format!("error: {}\n", agent::enter::enter(words, Some(*parent))).as_bytes()));
        return u8::try_from(agent::enter::EXIT).map_or(ExitCode::FAILURE, ExitCode::from);
    }
    let stop = Stop::default();
    if let Command::Worker(_) = &cli.command {
        // Whoever supervises it may tell it to end before it has begun.
        stop.heed_termination(|| {});
    }
    listen();
    let mut env = match Env::read() {
        Ok(env) => env,
        Err(error) => {
            drop(std::io::stderr().lock().write_all(format!("error: cannot read the environment: {error}\n").as_bytes()));
            return ExitCode::from(Kind::Fatal as u8);
        }
    };
    env.enter(&cli.dirs);
    if !matches!(cli.command, Command::Init(_) | Command::Uninstall(_) | Command::Complete(_)) {
        manual::refresh(&env);
    }
    let as_json = args.iter().any(|arg| arg == "--json");
    let ui = if as_json { Ui::new(&env).for_programs() } else { Ui::new(&env) };
    on_interrupt(ui.farewell(as_json));
    let ctx = Context { ui, env, stop, repo_name: cli.repo, warned: std::sync::OnceLock::new() };
    match refuse_in_run(&ctx, &cli.command)
        .and_then(|()| refuse_one_repo(&ctx, &cli.command))
        .and_then(|()| run(&ctx, &cli.command))
        .and_then(|()| ctx.ui.finish())
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(ctx.ui.flush());
            // Whatever went wrong by then, it was ended.
            let error = match error.kind {
                Kind::No | Kind::Fatal if ctx.stop.is_interrupted() => {
                    CliError::new(Kind::Interrupted, Code::Interrupted, "interrupted")
                }
                Kind::No | Kind::Fatal | Kind::Usage | Kind::Interrupted => error,
            };
            ctx.ui.error(&error, as_json);
            ExitCode::from(if error.is_broken_pipe { 0 } else { error.kind as u8 })
        }
    }
}

fn answer(hook: &str, args: &[String]) -> ExitCode {
    listen();
    match hook::run(hook, args) {
        hook::Reply::Go => ExitCode::SUCCESS,
        hook::Reply::Stop => ExitCode::FAILURE,
    }
}

/// What an agent or a check may do: read, speak, and hand in. The rest is for whoever started it, in all repositories of the workspace.
fn refuse_in_run(ctx: &Context, command: &Command) -> Result<(), CliError> {
    let is_allowed = match command {
        Command::List(_)
        | Command::Ready(_)
        | Command::Show(_)
        | Command::Log(_)
        | Command::Which(_)
        | Command::Context(_)
        | Command::Usage(_)
        | Command::Top(_)
        | Command::Ask(_)
        | Command::Comment(_)
        | Command::Learn(_)
        | Command::Step(_)
        | Command::Note(_)
        | Command::Renew(_)
        | Command::Submit(_)
        | Command::Fsm(_)
        | Command::Complete(_)
        | Command::Demo(_) => true,
        Command::Fsck(args) => !args.is_repair(),
        _ => false,
    };
    if is_allowed {
        return Ok(());
    }
    let Some(worktree) = find_place() else { return Ok(()) };
    // What it does in a workspace of its own, such as that of a test, is its own business.
    let Ok(place) = ctx.place() else { return Ok(()) };
    let is_theirs = |repo: &Repo| repo.find_worktree_git_dir(&worktree).is_some();
    let others = || {
        let workspace = place.workspace.as_ref()?;
        workspace.registry.repos.iter().find(|entry| workspace.open(entry).is_ok_and(|repo| is_theirs(&repo)))
    };
    if !is_theirs(&place.repo) && others().is_none() {
        return Ok(());
    }
    let message = "an agent or a check cannot do this; it can read, ask, comment, learn, set its steps and submit";
    Err(CliError::no(Code::NotForAgents, message).hint("git os ask TEXT   # ask the operator"))
}

/// What works on the whole workspace cannot be told to keep to one repository, and would go past it in silence.
fn refuse_one_repo(ctx: &Context, command: &Command) -> Result<(), CliError> {
    if ctx.repo_name.is_none() || !matches!(command, Command::Start(_) | Command::Dispatch(_) | Command::Worker(_)) {
        return Ok(());
    }
    let message = "`--repo` does not apply: a session or worker works on all repositories of the registry";
    Err(CliError::no(Code::InvalidInput, message).hint("git os ready   # what would be worked on"))
}

fn run(ctx: &Context, command: &Command) -> Result<(), CliError> {
    match command {
        Command::Init(args) => init::run(ctx, args),
        Command::Uninstall(args) => uninstall::run(ctx, args),
        Command::New(args) => new::run(ctx, args),
        Command::List(args) => list::run(ctx, args),
        Command::Ready(args) => list::run_ready(ctx, args),
        Command::Show(args) => show::run(ctx, args),
        Command::Log(args) => log::run(ctx, args),
        Command::Which(args) => which::run(ctx, args),
        Command::Edit(args) => edit::run(ctx, args),
        Command::Claim(args) => claim::run(ctx, args),
        Command::Plan(args) => plan::run(ctx, args),
        Command::Resume(args) => plan::run_resume(ctx, args),
        Command::Rollback(args) => plan::run_rollback(ctx, args),
        Command::Approve(args) => transition::run_approve(ctx, args),
        Command::Unblock(args) => transition::run_plain(ctx, EventKind::Unblock, args),
        Command::Release(args) => transition::run_plain(ctx, EventKind::Release, args),
        Command::Expire(args) => transition::run_plain(ctx, EventKind::Expire, args),
        Command::Reject(args) => transition::run_reject(ctx, args),
        Command::Fail(args) => transition::run_reasoned(ctx, EventKind::Fail, args),
        Command::Block(args) => transition::run_reasoned(ctx, EventKind::Block, args),
        Command::Cancel(args) => transition::run_reasoned(ctx, EventKind::Cancel, args),
        Command::Ask(args) => transition::run_asked(ctx, args),
        Command::Answer(args) => transition::run_worded(ctx, EventKind::Answer, args),
        Command::Comment(args) => transition::run_worded(ctx, EventKind::Comment, args),
        Command::Conflict(args) => transition::run_worded(ctx, EventKind::Conflict, args),
        Command::Renew(args) => transition::run_renewed(ctx, args),
        Command::Step(args) => transition::run_stepped(ctx, args),
        Command::Note(args) => transition::run_noted(ctx, args),
        Command::Take(args) => take::run_take(ctx, args),
        Command::Drop(args) => take::run_drop(ctx, args),
        Command::Submit(args) => take::run_submit(ctx, args),
        Command::Pass(args) => take::run_pass(ctx, args),
        Command::Stale(args) => transition::run_resubmitted(ctx, args),
        Command::Fsm(args) => fsm::run(ctx, args),
        Command::Fsck(args) => fsck::run(ctx, args),
        Command::Start(args) => start::run(ctx, args),
        Command::Session(args) => session::run(ctx, args),
        Command::Dispatch(args) => dispatch::run(ctx, args),
        Command::Worker(args) => worker::run(ctx, args),
        Command::Context(args) => dispatch::run_context(ctx, args),
        Command::Verify(args) => land::run_verify(ctx, args),
        Command::Merge(args) => land::run_merge(ctx, args),
        Command::Revert(args) => land::run_revert(ctx, args),
        Command::Learn(args) => learn::run(ctx, args),
        Command::Sync(args) => sync::run(ctx, args),
        Command::Server(args) => server::run(ctx, args),
        Command::Archive(args) => archive::run(ctx, args),
        Command::Demo(args) => demo::run(ctx, args),
        Command::Complete(args) => complete::run(ctx, args),
        Command::Doctor(args) => doctor::run(ctx, args),
        Command::Task(args) => task::run(ctx, args),
        Command::Agents(args) => agents::run(ctx, args),
        Command::Top(args) => top::run(ctx, args),
        Command::Usage(args) => usage::run(ctx, args),
        Command::Replay(args) => replay::run(ctx, args),
        Command::Hooks(args) => hooks::run(ctx, args),
        Command::Gc(args) => hooks::run_gc(ctx, args),
        Command::Hook { .. } | Command::Enter { .. } => Ok(()),
    }
}

/// Text that was given, or that is in a file; `-` is standard input.
fn read_text(ctx: &Context, text: Option<&str>, file: Option<&str>) -> Result<Option<String>, CliError> {
    match (text, file) {
        (Some(text), _) => Ok(Some(text.to_owned())),
        (None, Some("-")) => {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text)?;
            Ok(Some(text))
        }
        (None, Some(file)) => Ok(Some(read_file(&ctx.env.path(file))?)),
        (None, None) => Ok(None),
    }
}

/// One ticket as an answer of its own.
fn with_version(view: &TicketView) -> serde_json::Value {
    let mut value = serde_json::to_value(view).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("version".to_owned(), crate::core::json::VERSION.into());
    }
    value
}
