//! The checks against a real repository, and the arithmetic of grades.

use std::process::Command;

use camino::Utf8PathBuf;
use tempfile::TempDir;

use super::repair::{Repair, repair_repo};
use super::setup::{Mode, Setup};
use super::*;
use crate::core::event::{Action, Role};
use crate::core::id::ObjectId;
use crate::core::id::{Brand, Kind};
use crate::core::ruling::Ruling;
use crate::core::ticket::Content;
use crate::git::process::{remove_all, write_file};
use crate::git::refs::{Moved, RefEdit};
use crate::ledger::{Draft, Entry, Ledger, Submitted, new_run};

const REGISTRY: &str = "version = 1\n[os]\nhub = \"one\"\n[[repo]]\nname = \"one\"\npath = \".\"\nbrand = \"one\"\n\
                        checks = [{ name = \"tests\", run = \"true\" }]\n";

/// A repository under git-os, with one commit.
struct Fixture {
    _dir: TempDir,
    workspace: Workspace,
    repo: Repo,
    program: Utf8PathBuf,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let top = Utf8PathBuf::from_path_buf(dir.path().canonicalize().expect("it is there")).expect("UTF-8");
        git(&top, &["init", "-q", "-b", "main", "."]);
        git(&top, &["config", "user.name", "A"]);
        git(&top, &["config", "user.email", "a@example.com"]);
        git(&top, &["commit", "-q", "--allow-empty", "-m", "one"]);
        write_file(&top.join("registry.toml"), REGISTRY.as_bytes(), 0o644).expect("written");
        let workspace = Workspace::load(&top.join("registry.toml")).expect("valid");
        let repo = Repo::open(&top).expect("a repository");
        // It stands for the program whose hooks are asked; nothing here moves a ref through git itself.
        let program = Utf8PathBuf::from("/nonexistent/git-os");
        let entry = &workspace.registry.repos[0];
        let setup = Setup { workspace: &workspace, entry, repo: &repo, program: &program, mode: Mode::Apply };
        setup::set_up(setup).expect("set up");
        // The configuration was read before it was written.
        let repo = Repo::open(&top).expect("a repository");
        Self { _dir: dir, workspace, repo, program }
    }

    fn report(&self) -> Report {
        examine_repo(Some(&self.workspace), self.workspace.registry.repos.first(), &self.repo, &self.program)
    }

    fn repair(&self) -> Vec<Repair> {
        repair_repo(Some(&self.workspace), self.workspace.registry.repos.first(), &self.repo, &self.program)
    }

    fn ticket(&self, title: &str) -> Entry {
        let ledger = Ledger::open(&self.repo).expect("under git-os");
        let content = Content {
            title: title.to_owned(),
            brand: Brand::parse("one").expect("valid"),
            kind: Kind::parse("task").expect("valid"),
            priority: 2,
            labels: Vec::new(),
            depends: Vec::new(),
            tests_may_change: false,
            scope: Vec::new(),
        };
        yes(ledger.create(content, &[crate::ledger::description_file("")], Role::Operator, None).expect("written"))
    }

    fn submit(&self, entry: &Entry, draft: &Draft) -> Entry {
        yes(Ledger::open(&self.repo).expect("under git-os").submit(&entry.id, draft).expect("written"))
    }

    /// A file under `.git`, two minutes old.
    fn old_file(&self, path: &str) -> Utf8PathBuf {
        let path = self.repo.common_dir().join(path);
        write_file(&path, b"{}", 0o644).expect("written");
        let file = std::fs::File::options().write(true).open(&path).expect("there");
        let now = file.metadata().and_then(|file| file.modified()).expect("a time");
        file.set_modified(now - std::time::Duration::from_secs(120)).expect("set");
        path
    }
}

fn yes(answer: Submitted) -> Entry {
    match answer {
        Ruling::Granted(entry) => *entry,
        Ruling::Denied(refusal) => panic!("refused: {refusal}"),
    }
}

#[expect(clippy::disallowed_methods, reason = "a test looks at the repository as its user would make it")]
fn git(dir: &Utf8Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    for (key, _) in std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("GIT_")) {
        command.env_remove(key);
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C");
    let output = command.args(args).current_dir(dir).output().expect("git starts");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn failing(report: &Report) -> Vec<usize> {
    report.failed().map(|check| check.number).collect()
}

#[test]
fn a_fresh_repository_has_grade_a_and_stays_so() {
    let fixture = Fixture::new();
    for _ in 0..2 {
        let report = fixture.report();
        assert_eq!(failing(&report), [0; 0], "{report:#?}");
        let absent: Vec<_> = report.checks.iter().filter(|check| check.outcome == Outcome::NotApplicable).collect();
        // No remote, verdict, wiki or silo is here yet, and three checks are of what this version does not have.
        assert_eq!(absent.iter().map(|check| check.number).collect::<Vec<_>>(), [5, 10, 13, 14, 15, 17, 18], "{absent:#?}");
        let all = COUNT - absent.len();
        assert_eq!((report.grade, report.counts()), (Grade::A, Counts { passed: all, made: all, applicable: all }));
        assert!(report.checks.iter().all(|check| !check.reason.is_empty() && !check.reason.contains('\n')));
    }
    assert_eq!(fixture.repair(), []);
}

#[test]
fn what_is_not_under_git_os_fails_what_cannot_be_checked() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let top = Utf8PathBuf::from_path_buf(dir.path().to_owned()).expect("UTF-8");
    git(&top, &["init", "-q", "."]);
    let report = examine_repo(None, None, &Repo::open(&top).expect("a repository"), "/nonexistent".into());
    assert_eq!(report.grade, Grade::F);
    let causes: Vec<_> = report.causes().map(|check| (check.number, check.remedy.as_str())).collect();
    assert_eq!(causes, [(1, "git os init")], "{report:#?}");
    assert!(report.failed().skip(1).all(|check| check.follows == Some(1) && check.remedy.is_empty()), "{report:#?}");
    let counts = report.counts();
    assert!(counts.passed < counts.made && counts.made < counts.applicable && counts.applicable < COUNT, "{counts:?}");
}

#[test]
fn hooks_that_are_gone_or_shadowed_fail_and_are_put_back() {
    let fixture = Fixture::new();
    let top = fixture.workspace.root().to_owned();
    remove_all(&fixture.repo.common_dir().join("hooks")).expect("removed");
    assert_eq!(failing(&fixture.report()), [3]);
    git(&top, &["config", "core.hooksPath", ".husky"]);
    let fixture = Fixture { repo: Repo::open(&top).expect("a repository"), ..fixture };
    assert_eq!(failing(&fixture.report()), [3, 4]);
    assert_eq!(fixture.repair(), [Repair::Done("hooks installed".to_owned())]);
    let fixture = Fixture { repo: Repo::open(&top).expect("a repository"), ..fixture };
    assert_eq!(failing(&fixture.report()), [0; 0]);
}

#[test]
fn forged_tickets_foreign_refs_and_broken_ones_are_named() {
    let fixture = Fixture::new();
    let top = fixture.repo.home();
    let id = fixture.ticket("one").id;
    let head = git(top, &["rev-parse", "HEAD"]);
    for (name, check, line) in [
        (format!("refs/os/tickets/{}", id.as_str().replace("-one-", "-two-")), 7, format!("{head}\n")),
        ("refs/os/secret-stash".to_owned(), 8, format!("{head}\n")),
        ("refs/os/wiki".to_owned(), 8, "ref: refs/heads/main\n".to_owned()),
    ] {
        let path = fixture.repo.common_dir().join(&name);
        write_file(&path, line.as_bytes(), 0o644).expect("written");
        let report = fixture.report();
        assert_eq!(failing(&report), [check], "{report:#?}");
        assert!(report.failed().all(|check| check.reason.contains(&name)), "{report:#?}");
        remove_all(&path).expect("removed");
    }
}

#[test]
fn a_changed_registry_is_noticed_and_published() {
    let fixture = Fixture::new();
    let text = REGISTRY.to_owned() + "gate = \"all\"\n";
    write_file(&fixture.workspace.file, text.as_bytes(), 0o644).expect("written");
    let fixture = Fixture { workspace: Workspace::load(&fixture.workspace.file).expect("valid"), ..fixture };
    assert_eq!(failing(&fixture.report()), [1]);
    assert!(fixture.repair().contains(&Repair::Done("policy updated".to_owned())));
    assert_eq!(failing(&fixture.report()), [0; 0]);
}

#[test]
fn a_dead_lease_fails_and_a_run_of_this_machine_excuses_it() {
    let fixture = Fixture::new();
    let entry = fixture.ticket("one");
    fixture.submit(&entry, &Draft::new(Action::Approve, Role::Operator));
    let run = new_run().expect("random");
    let lease = crate::ledger::replay::system_clock().plus(2);
    fixture.submit(&entry, &Draft::new(Action::Claim { run: run.clone(), lease }, Role::Executor).by(&run));
    assert_eq!(failing(&fixture.report()), [0; 0]);
    let subject = Subject::new(None, None, &fixture.repo, &fixture.program);
    assert_eq!(work::leases_at(&subject, lease.plus(4000)).expect("checked").outcome, Outcome::Fail);
    fixture.old_file(&format!("os/runs/{run}"));
    assert_eq!(work::leases_at(&subject, lease.plus(4000)).expect("checked").outcome, Outcome::Pass);
}

#[test]
fn what_dead_processes_left_is_removed_and_what_is_alive_stays() {
    let fixture = Fixture::new();
    let lock = fixture.old_file("refs/os/tickets/T-2026-05-07-one-91c2.lock");
    let dead = fixture.old_file(&format!("os/runs/{}", new_run().expect("random")));
    let alive = fixture.old_file(&format!("os/runs/{}", new_run().expect("random")));
    let fresh = fixture.repo.common_dir().join("refs/os/wiki.lock");
    write_file(&fresh, b"", 0o644).expect("written");
    let held = std::fs::File::open(&alive).expect("there");
    held.lock().expect("locked");
    assert_eq!(failing(&fixture.report()), [11, 19]);
    // While another thread starts a process, that process has all locks of this one for a moment.
    let repairs: Vec<_> = (0..20).flat_map(|_| fixture.repair()).collect();
    assert!(repairs.len() == 2 && repairs.iter().all(|one| matches!(one, Repair::Done(_))), "{repairs:?}");
    assert!(!lock.exists() && !dead.exists() && alive.exists() && fresh.exists());
    assert_eq!(failing(&fixture.report()), [0; 0]);
}

#[test]
fn a_secret_that_was_not_redacted_is_found_until_the_ticket_is_closed() {
    let fixture = Fixture::new();
    let secret = ["rotate AKIA", "Q3EGRTQ5P7WZLM2K"].concat();
    let entry = fixture.ticket(&secret);
    assert_eq!(entry.ticket.content.title, "rotate [an AWS access key was here]");
    let past_us = Draft { text: secret, ..Draft::new(Action::Comment, Role::Operator) };
    fixture.submit(&entry, &past_us);
    let report = fixture.report();
    assert_eq!(failing(&report), [16]);
    assert!(report.failed().all(|check| !check.reason.contains("Q3EG")), "the secret itself is not repeated");
    fixture.submit(&entry, &Draft::new(Action::Cancel, Role::Operator).saying("revoked"));
    assert_eq!(failing(&fixture.report()), [0; 0]);
}

#[test]
fn closed_tickets_may_wait_for_the_archive_as_long_as_no_fetch_feels_it() {
    use crate::refs::archive::DUE;
    assert_eq!(refs::too_many(9_000, DUE), None);
    assert!(refs::too_many(9_000, 10 * DUE + 1).is_some_and(|why| why.contains("not archived")));
    assert!(refs::too_many(10_001, 0).is_some_and(|why| why.contains("10001 live")));
}

#[test]
fn grades_count_what_fails() {
    let report = |failing: usize| {
        let checks = CHECKS
            .iter()
            .map(|check| Examined {
                follows: None,
                number: check.number,
                name: check.name,
                outcome: if check.number <= failing { Outcome::Fail } else { Outcome::Pass },
                reason: "r".to_owned(),
                remedy: String::new(),
                is_made: check.number != 2,
            })
            .collect();
        Report::new(checks)
    };
    let grades: Vec<_> = [0, 1, 2, 3, 5, 6, 19].map(|failing| report(failing).grade).into();
    assert_eq!(grades, [Grade::A, Grade::B, Grade::B, Grade::C, Grade::C, Grade::F, Grade::F]);
    assert!(CHECKS.iter().enumerate().all(|(at, check)| check.number == at + 1));

    let names = ["a", "b"].map(|name| RepoName::parse(name).expect("valid"));
    let folded = fold(&[(&names[0], report(0)), (&names[1], report(1))]);
    assert_eq!((failing(&folded), folded.checks[0].reason.as_str()), (vec![1], "b: r"));
    assert_eq!(folded.counts(), Counts { passed: COUNT - 1, made: COUNT - 1, applicable: COUNT });
    let nothing = fold(&[]);
    assert_eq!((nothing.grade, nothing.counts()), (Grade::F, Counts { passed: 0, made: 0, applicable: COUNT }));
}

/// A second clone, and a bare repository between the two.
fn shared_with(here: &Fixture) -> (TempDir, Repo, Repo) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let top = Utf8PathBuf::from_path_buf(dir.path().canonicalize().expect("it is there")).expect("UTF-8");
    git(&top, &["init", "-q", "--bare", "-b", "main", "shared.git"]);
    let shared = top.join("shared.git");
    git(here.repo.home(), &["remote", "add", "origin", shared.as_str()]);
    git(&top, &["clone", "-q", shared.as_str(), "there"]);
    for (key, value) in [("user.name", "B"), ("user.email", "b@example.com"), ("git-os.remote", "origin")] {
        git(&top.join("there"), &["config", key, value]);
    }
    (dir, Repo::open(&shared).expect("a repository"), Repo::open(&top.join("there")).expect("a repository"))
}

#[test]
fn a_kind_of_ref_is_one_file_and_every_door_knows_it() {
    use crate::core::denial::Denial;
    use crate::hook::judge::judge;
    use crate::hook::pre_receive::{Move, judge_push};
    use crate::refs::sample::{BAD, SAMPLES};
    use crate::{audit, sync};

    let here = Fixture::new();
    let open = || Repo::open(here.repo.home()).expect("a repository");
    let (repo, name) = (open(), format!("{SAMPLES}one"));
    let who = repo.identity().expect("an identity");
    let tree_id = repo.write_tree(&mut []).expect("written");
    let commit = |parents: &[ObjectId], subject: &str| repo.write_commit(tree_id, parents, &who, subject).expect("written");
    let good = commit(&[], "good");
    let (better, bad) = (commit(&[good], "better"), commit(&[good], BAD));

    // The hook, and a server.
    let ledger = Ledger::open(&repo).expect("under git-os");
    let ask = |old, new| judge(&repo, Some(&ledger), &name, old, new).expect("judged");
    assert_eq!(ask(None, Some(good)), Ruling::Granted(()));
    assert_eq!(ask(Some(good), Some(bad)), Ruling::Denied(Denial::WrittenOnce));
    assert_eq!(ask(Some(better), Some(good)), Ruling::Denied(Denial::LosesCommits));
    assert_eq!(ask(Some(good), None), Ruling::Denied(Denial::NeverDeleted));
    let push = |new| judge_push(open(), &open(), &[Move { name: name.clone(), old: None, new: Some(new) }]);
    assert_eq!(push(good), []);
    assert_eq!(push(bad), [(name.clone(), Denial::WrittenOnce)]);

    // It travels: offered, fetched, folded in; and what is illegal is left outside.
    let (_dir, shared, there) = shared_with(&here);
    let put = |repo: &Repo, old, new| repo.move_refs(&[RefEdit::advance(&name, old, new)]).expect("moved");
    assert_eq!(put(&repo, None, better), Moved::Done);
    let synced = sync::sync(&open(), "origin").expect("synced");
    assert_eq!((synced.refused, synced.offline), (Vec::new(), None));
    assert_eq!(shared.find_ref(&name).expect("read"), Some(better));
    assert_eq!(sync::pull(&there, "origin").expect("fetched").folded.refused, []);
    assert_eq!(there.find_ref(&name).expect("read"), Some(better));
    git(here.repo.home(), &["push", "-q", "--force", "origin", &format!("{bad}:{name}")]);
    let folded = sync::pull(&there, "origin").expect("fetched").folded;
    assert_eq!(folded.refused, [(name.clone(), Denial::WrittenOnce)]);
    assert_eq!(there.find_ref(&name).expect("read"), Some(better));
    let ledger_there = Ledger::open(&there).expect("under git-os");
    let standing = sync::standing(&ledger_there, "origin").expect("compared");
    assert_eq!(standing.outside, [(name.clone(), Denial::WrittenOnce)]);

    // fsck, and the doctor.
    assert_eq!(audit::audit(&ledger).expect("audited").findings, []);
    assert_eq!(put(&repo, Some(better), bad), Moved::Done);
    let found = audit::audit(&ledger).expect("audited").findings;
    assert_eq!(found.iter().map(|one| (one.ref_name.as_str(), one.code)).collect::<Vec<_>>(), [(name.as_str(), "written-once")]);
    let subject = Subject::new(Some(&here.workspace), here.workspace.registry.repos.first(), &repo, &here.program);
    assert_eq!(refs::foreign(&subject).expect("checked").outcome, Outcome::Pass);
}
