//! `git os demo`

use camino::Utf8Path;
use clap::Args as ClapArgs;

use super::context::{Context, submit};
use super::desk::{Given, Operator};
use super::listen::Terminal;
use crate::core::event::{Action, Role};
use crate::core::interview;
use crate::core::progress::FateKind;
use crate::doctor::setup;
use crate::error::{CliError, Kind};
use crate::git::process::write_file;
use crate::git::{Git, Repo};
use crate::ledger::Draft;
use crate::session;
use crate::workspace::Workspace;

/// Make nine small repositories and run a whole session on them
///
/// Real repositories with failing tests and TODO comments, a scripted crew that really edits, commits and is really
/// verified, and at the end somebody who tries to push past the gate. Nothing outside of DIR is touched.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// A folder that is new or empty
    #[arg(default_value = "git-os-demo")]
    dir: String,

    /// Only make the repositories, and put them under git-os
    #[arg(long)]
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
    let dir = ctx.env.path(&args.dir);
    if dir.read_dir_utf8().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CliError::no(format!("`{dir}` is not empty")).hint("git os demo another-folder"));
    }
    ctx.ui.say(format!("making nine repositories in {dir}"));
    let workspace = make(ctx, &dir)?;
    if args.bare_setup {
        return ctx.ui.line(format!("{}", workspace.root()));
    }
    let answers = interview::parse(FILES[1].1).map_err(|_| CliError::new(Kind::Fatal, "the demo's answers are not valid"))?;
    let desk = Operator::new(&ctx.ui, Given { answers: Some(answers), approves_all: true, is_interactive: false });
    let jobs = workspace.registry.jobs;
    let summary = ctx.at_work(&workspace, &Terminal::new(&ctx.ui), |at| session::run(at, &desk, jobs))?;
    super::start::print(ctx, &summary)?;
    past_the_gate(ctx, &workspace)?;
    look_around(ctx, &dir, &summary)
}

/// Imports the repositories and puts them under git-os.
fn make(ctx: &Context, dir: &Utf8Path) -> Result<Workspace, CliError> {
    for (path, text) in FILES {
        write_file(&dir.join(path), text.as_bytes(), if path.starts_with("agents/") { 0o755 } else { 0o644 })?;
    }
    let dir = dir.canonicalize_utf8()?;
    for (name, stream) in REPOS {
        let path = dir.join(name);
        Git::at(&dir).output(["init", "--quiet", "--initial-branch=main", path.as_str()])?;
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
        setup::set_up(&workspace, entry, &workspace.open(entry)?, &ctx.env.program)?;
    }
    Ok(workspace)
}

/// Somebody pushes work of a ticket that is not verified, and is refused.
fn past_the_gate(ctx: &Context, workspace: &Workspace) -> Result<(), CliError> {
    let umano = workspace.open(workspace.entry("umano")?)?;
    let ledger = crate::ledger::Ledger::open(&umano)?;
    let content = crate::core::ticket::Content {
        title: "Ship it without asking anybody".to_owned(),
        brand: ledger.policy.brand.clone(),
        kind: crate::core::id::Kind::parse("task").map_err(CliError::no)?,
        priority: 4,
        labels: Vec::new(),
        depends: Vec::new(),
    };
    let crate::ledger::Answer::Yes(ticket) = ledger.create(content, "Somebody is in a hurry.", super::context::OPERATOR, None)?
    else {
        return Err(CliError::no("the demo's last ticket could not be opened"));
    };
    let branch = format!("claude/{}", ticket.id);
    let git = umano.git();
    let tip = ledger.find_trunk_tip()?.ok_or_else(|| CliError::no("umano has no main"))?;
    let tree = umano.read_commit(tip)?.tree_id;
    let tree = umano.edit_tree(Some(tree), "hurry.txt", Some(umano.write_blob(b"not verified\n")?))?;
    let commit = umano.write_commit(tree, &[tip], &umano.identity()?, "Ship it\n")?;
    git.output(["branch", &branch, &commit.to_string()])?;
    ctx.ui.say("\nsomebody tries to go past the gate:");
    let hex = commit.to_string();
    let tries: [&[&str]; 2] = [&["update-ref", "refs/heads/main", &hex], &["merge", "--no-ff", "--no-edit", &branch]];
    for words in tries {
        ctx.ui.say(format!("$ git {}", words.join(" ")));
        let output = git.run(words)?;
        for line in output.stderr.lines() {
            ctx.ui.say(format!("  {line}"));
        }
        if output.code == 0 || ledger.find_trunk_tip()? != Some(tip) {
            return Err(CliError::new(Kind::Fatal, "the gate let unverified work through"));
        }
    }
    git.output(["merge", "--abort"])?;
    let reject = Draft::new(Action::Reject, Role::Operator).saying("Nobody asked for it.");
    submit(&ledger, &ticket.id, &reject)?;
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
