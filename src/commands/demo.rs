//! `git os demo`

mod guide;

use camino::Utf8Path;
use clap::Args as ClapArgs;

use super::context::Context;
use super::desk::{Given, Operator};
use super::listen::Terminal;
use crate::core::event::Role;
use crate::core::id::Kind as WorkKind;
use crate::core::interview;
use crate::core::progress::FateKind;
use crate::doctor::setup::{self, Mode, Setup};
use crate::error::{CliError, Code, Kind};
use crate::git::process::write_file;
use crate::git::{Git, Repo};
use crate::ledger::Ledger;
use crate::operations::ticket::{self, New};
use crate::operations::{transition, trunk_tip};
use crate::session::{self, Interviewed};
use crate::workspace::Workspace;

/// Create nine small repositories and run a session on them
///
/// Creates repositories with failing tests and TODO comments. Scripted agents edit and commit, and their work is verified.
/// At the end, an attempt to put unverified work on main is refused. Writes only inside DIR. With --guide, writes the files that
/// a page of the guide starts from instead.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Folder for the repositories; must be new or empty [default: git-os-demo, or the name of the page]
    dir: Option<String>,

    /// Write the files that this page of the guide starts from, and nothing else
    #[arg(long, value_name = "PAGE", value_parser = guide::NAMES)]
    guide: Option<String>,

    /// Only create the repositories and set up git-os in them
    #[arg(long, conflicts_with = "guide")]
    bare_setup: bool,
}

macro_rules! fixtures {
    ($($name:literal),+) => { [$(($name, include_bytes!(concat!("../../fixtures/repos/", $name, ".fi")) as &[u8])),+] };
}

const REPOS: [(&str, &[u8]); 9] = fixtures![
    "sandbox",
    "curriculum",
    "umano",
    "umano-label",
    "violetstudios",
    "suite52",
    "aiquantify",
    "maxproduct",
    "personal"
];

const FILES: [(&str, &str); 4] = [
    ("registry.toml", include_str!("../../fixtures/registry.toml")),
    ("answers.toml", include_str!("../../fixtures/answers.toml")),
    ("agents/agent.sh", include_str!("../../fixtures/agents/agent.sh")),
    ("agents/judge.sh", include_str!("../../fixtures/agents/judge.sh")),
];

pub(super) fn run(ctx: &Context, args: &Args) -> Result<(), CliError> {
    let usual = args.guide.as_deref().unwrap_or("git-os-demo");
    let dir = ctx.env.path(args.dir.as_deref().unwrap_or(usual));
    if dir.read_dir_utf8().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CliError::no(Code::NotEmpty, format!("cannot create the demo in `{dir}`: the folder is not empty"))
            .hint("git os demo another-folder"));
    }
    if let Some(page) = &args.guide {
        guide::write(page, &dir)?;
        return ctx.ui.line(dir);
    }
    ctx.ui.say(format!("creating nine repositories in {dir}"));
    let workspace = make(ctx, &dir)?;
    if args.bare_setup {
        return ctx.ui.line(format!("{}", workspace.root()));
    }
    let answers = interview::parse(FILES[1].1, &workspace.registry)
        .map_err(|_| CliError::new(Kind::Fatal, Code::DemoFailed, "cannot read the answers of the demo"))?;
    let hub = workspace.open(workspace.hub()?)?;
    let desk =
        Operator::new(&ctx.ui, &ctx.stop, Given { answers: Some(answers), approves_all: true, is_interactive: false, hub: &hub });
    let plan = session::Plan { jobs: workspace.registry.jobs, interviewed: Interviewed::Answered };
    let summary = ctx.at_work(&workspace, &Terminal::new(&ctx.ui), |at| session::run(at, &desk, &plan))?;
    super::start::print(ctx, &summary)?;
    past_the_gate(ctx, &workspace)?;
    look_around(ctx, &dir, &summary)
}

/// Imports the repositories and sets up git-os in them.
fn make(ctx: &Context, dir: &Utf8Path) -> Result<Workspace, CliError> {
    for (path, text) in FILES {
        write_file(&dir.join(path), text.as_bytes(), if path.starts_with("agents/") { 0o755 } else { 0o644 })?;
    }
    let dir = dir.canonicalize_utf8()?;
    for (name, stream) in REPOS {
        let path = dir.join(name);
        Git::at(&dir).output(["init", "--quiet", "--template=", "--initial-branch=main", path.as_str()])?;
        let git = Git::at(&path);
        git.input(["fast-import", "--quiet"], stream)?;
        git.output(["reset", "--quiet", "--hard"])?;
        if Repo::open(&path)?.identity().is_err() {
            // Only where there is nobody: a machine that has never committed.
            git.output(["config", "user.name", "Demo Operator"])?;
            git.output(["config", "user.email", "operator@example.com"])?;
        }
    }
    let workspace = Workspace::load(&dir.join("registry.toml"))?;
    for entry in &workspace.registry.repos {
        let (repo, program) = (&workspace.open(entry)?, &ctx.env.program);
        setup::set_up(Setup { workspace: &workspace, entry, repo, program, mode: Mode::Apply })?;
    }
    Ok(workspace)
}

/// Tries to put unverified work of a ticket on main, which is refused.
fn past_the_gate(ctx: &Context, workspace: &Workspace) -> Result<(), CliError> {
    let umano = workspace.open(workspace.entry("umano")?)?;
    let ledger = Ledger::open(&umano)?;
    let new = New {
        title: "Ship it without asking anybody".to_owned(),
        brand: None,
        kind: WorkKind::parse("task")?,
        priority: 4,
        labels: Vec::new(),
        depends: Vec::new(),
        tests_may_change: false,
        scope: Vec::new(),
        description: "Somebody is in a hurry.".to_owned(),
        acceptance: Vec::new(),
        plan: None,
    };
    let ticket = ticket::create(&ledger, new, Role::Operator)?;
    let branch = format!("claude/{}", ticket.id);
    let git = umano.git();
    let tip = trunk_tip(&ledger)?;
    let tree = umano.read_commit(tip)?.tree_id;
    let tree = umano.edit_tree(Some(tree), "hurry.txt", Some(umano.write_blob(b"not verified\n")?))?;
    let commit = umano.write_commit(tree, &[tip], &umano.identity()?, "Ship it\n")?;
    git.output(["branch", &branch, &commit.to_string()])?;
    ctx.ui.say("\ntrying to put unverified work on main:");
    let hex = commit.to_string();
    let tries: [&[&str]; 2] = [&["update-ref", "refs/heads/main", &hex], &["merge", "--no-ff", "--no-edit", &branch]];
    for words in tries {
        ctx.ui.say(format!("$ git {}", words.join(" ")));
        let output = git.run(words)?;
        for line in output.stderr.lines() {
            ctx.ui.say(format!("  {line}"));
        }
        if output.code == 0 || ledger.find_trunk_tip()? != Some(tip) {
            return Err(CliError::new(Kind::Fatal, Code::DemoFailed, "the gate let unverified work through"));
        }
    }
    git.output(["merge", "--abort"])?;
    transition::reject(&ledger, &ticket.id, "Nobody asked for it.")?;
    ctx.ui.say("refused, as it should be; main has not moved");
    Ok(())
}

fn look_around(ctx: &Context, dir: &Utf8Path, summary: &session::Summary) -> Result<(), CliError> {
    let landed = summary.tickets.iter().find(|end| end.fate == FateKind::Landed);
    let mut lines = vec![
        format!("look around with plain git, for example in {dir}/umano:"),
        "  git log --oneline --notes=os/verdicts main".to_owned(),
        "  git for-each-ref refs/os/tickets --format='%(refname:lstrip=3) %(contents:subject)'".to_owned(),
    ];
    lines.extend(landed.map(|end| format!("  git -C {dir}/{} log refs/os/tickets/{}", end.repo, end.id)));
    lines.extend(summary.session.iter().map(|id| format!("  git -C {dir}/sandbox log --oneline refs/os/sessions/{id}")));
    lines.push(format!(
        "  git -C {dir}/sandbox show refs/os/wiki:ledger/{}.md",
        summary.session.as_ref().map_or("", |id| &id.as_str()[..10])
    ));
    lines
        .push("or with git-os, from any of the nine: git os list, git os show ID, git os log ID, git os start --plan".to_owned());
    ctx.ui.say("");
    for line in lines {
        ctx.ui.line(line)?;
    }
    Ok(())
}
