//! Repositories with tickets for the laws of the rooms: any steps on a chain, of which the rules let through what they let.

use crate::core::ruling::Ruling;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;

use super::{Draft, Ledger, description_file};
use crate::core::event::{Action, Role, State};
use crate::core::id::{Brand, Kind, META, ObjectId, RepoName, RunId, TicketId};
use crate::core::meta::{FILE, Gate, OfflineClaims, Policy, VERSION};
use crate::core::ticket::Content;
use crate::core::verdict::{Grade, Judge, Judgement, Verdict};
use crate::git::Repo;
use crate::git::refs::{Moved, RefEdit};
use crate::ledger::replay::system_clock;

/// The protected branch.
pub(crate) const MAIN: &str = "refs/heads/main";

/// What a store keeps its data in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    InGit,
    InMemory,
}

/// A repository under git-os, and a clone of it; they have all objects in common, and each has refs of its own.
pub(crate) struct Pair {
    pub(crate) here: Repo,
    pub(crate) there: Repo,
    _dirs: Vec<TempDir>,
}

impl Pair {
    /// Two clones, before the first ticket.
    pub(crate) fn new(kept: Kept) -> Self {
        match kept {
            Kept::InMemory => {
                let here = Repo::in_memory("ann", system_clock());
                found(&here);
                let there = here.clone_in_memory("bob");
                Self { here, there, _dirs: Vec::new() }
            }
            Kept::InGit => {
                let (first, here) = crate::git::tests::repo_of("ann");
                let (second, there) = crate::git::tests::repo_beside(&here, "bob");
                found(&here);
                let pair = Self { here, there, _dirs: vec![first, second] };
                pair.share();
                pair
            }
        }
    }

    /// Gives the clone the protected branch as it is here.
    pub(crate) fn share_main(&self) {
        let (here, known) = (self.here.find_ref(MAIN).expect("read"), self.there.find_ref(MAIN).expect("read"));
        if let Some(tip) = here.filter(|_| here != known) {
            assert_eq!(self.there.move_refs(&[RefEdit::advance(MAIN, known, tip)]).expect("moved"), Moved::Done);
        }
    }

    /// Gives the clone all refs as they are here.
    pub(crate) fn share(&self) {
        for (name, tip) in self.here.list_refs("refs/").expect("listed") {
            let known = self.there.find_ref(&name).expect("read");
            if known != Some(tip) {
                assert_eq!(self.there.move_refs(&[RefEdit::advance(name, known, tip)]).expect("moved"), Moved::Done);
            }
        }
    }
}

/// Puts a repository under git-os, with one commit on its protected branch.
fn found(repo: &Repo) {
    let who = repo.identity().expect("an identity");
    let empty = repo.write_tree(&mut []).expect("written");
    let main = repo.write_commit(empty, &[], &who, "one\n").expect("written");
    let brand = Brand::parse("one").expect("valid");
    let policy = Policy {
        version: VERSION,
        repo: RepoName::parse("one").expect("valid"),
        brands: vec![brand.clone()],
        brand,
        protected: vec!["main".to_owned()],
        gate: Gate::Tickets,
        auto_commit: Vec::new(),
        checks: Vec::new(),
        grade: Grade::B,
        judged: false,
        judges: None,
        max_attempts: 3,
        silo: false,
        offline_claims: OfflineClaims::Refuse,
        land: crate::core::meta::Land::Merge,
        epoch: [("main".to_owned(), main)].into(),
        actors: Vec::new(),
    };
    let file = repo.write_blob(policy.to_json().as_bytes()).expect("written");
    let tree_id = repo.edit_tree(None, FILE, Some(file)).expect("written");
    let message = format!("[policy] one\n\nOs-Schema: {VERSION}\nOs-Nonce: {:032x}\n", 1);
    let meta = repo.write_commit(tree_id, &[], &who, &message).expect("written");
    let edits = [RefEdit::create(MAIN, main), RefEdit::create(META, meta)];
    assert_eq!(repo.move_refs(&edits).expect("moved"), Moved::Done);
}

/// Something that somebody tries on a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Edit(u8),
    Approve,
    Reject,
    Claim(u8),
    Start,
    Ask,
    Answer,
    Submit(u8),
    Pass,
    Fail,
    Land,
    Block,
    Unblock,
    Release,
    Cancel,
    Comment(u8),
}

/// Steps that often lead somewhere.
pub(crate) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => any::<u8>().prop_map(Step::Edit),
        6 => Just(Step::Approve),
        1 => Just(Step::Reject),
        6 => (0..3_u8).prop_map(Step::Claim),
        6 => Just(Step::Start),
        1 => Just(Step::Ask),
        1 => Just(Step::Answer),
        6 => (0..4_u8).prop_map(Step::Submit),
        6 => Just(Step::Pass),
        1 => Just(Step::Fail),
        4 => Just(Step::Land),
        1 => Just(Step::Block),
        1 => Just(Step::Unblock),
        1 => Just(Step::Release),
        1 => Just(Step::Cancel),
        3 => any::<u8>().prop_map(Step::Comment),
    ];
    prop::collection::vec(step, 0..most)
}

/// How many cases each kind of store is given: in git's files each costs some milliseconds.
const CASES: [(Kept, u32); 2] = [(Kept::InMemory, 512), (Kept::InGit, 8)];

/// Runs a law on both kinds of store, and says how many cases it held for.
pub(crate) fn law<S: Strategy>(name: &str, strategy: &S, holds: impl Fn(Kept, S::Value) -> Result<(), TestCaseError>) {
    for (kept, cases) in CASES {
        let started = system_clock();
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        if let Err(error) = TestRunner::new(config).run(strategy, |value| holds(kept, value)) {
            panic!("{name}, {kept:?}: {error}");
        }
        let seconds = system_clock().0 - started.0;
        #[expect(clippy::print_stdout, reason = "a test says how much it looked at")]
        {
            println!("law: {name} | {kept:?} | {cases} cases | {seconds} s");
        }
    }
}

/// The run with this number.
pub(crate) fn run(number: u8) -> RunId {
    RunId::parse(&format!("{number:032x}")).expect("valid")
}

/// A new ticket.
pub(crate) fn ticket(repo: &Repo, title: &str) -> TicketId {
    let ledger = Ledger::open(repo).expect("under git-os");
    match ledger.create(content(title), &[description_file("")], Role::Operator, None).expect("written") {
        Ruling::Granted(entry) => entry.id,
        Ruling::Denied(refusal) => panic!("refused: {refusal}"),
    }
}

fn content(title: &str) -> Content {
    Content {
        title: title.to_owned(),
        brand: Brand::parse("one").expect("valid"),
        kind: Kind::parse("task").expect("valid"),
        priority: 2,
        labels: Vec::new(),
        depends: Vec::new(),
        tests_may_change: false,
        scope: Vec::new(),
    }
}

/// A commit with a file of its own on top of the protected branch.
pub(crate) fn work(repo: &Repo, of: &str, salt: u8) -> (ObjectId, ObjectId) {
    let base = repo.find_ref(MAIN).expect("read").expect("a branch");
    let tree_id = repo.read_commit(base).expect("a commit").tree_id;
    let blob = repo.write_blob(&[salt]).expect("written");
    let tree_id = repo.edit_tree(Some(tree_id), &format!("{of}-{salt}"), Some(blob)).expect("written");
    let head = repo.write_commit(tree_id, &[base], &repo.identity().expect("an identity"), "work\n").expect("written");
    (head, base)
}

/// Tries a step. Returns whether the rules let it through.
pub(crate) fn take(repo: &Repo, id: &TicketId, step: Step) -> bool {
    let ledger = Ledger::open(repo).expect("under git-os");
    let Some(entry) = ledger.find(id).expect("read") else { return false };
    let ticket = entry.ticket;
    let holder = ticket.run.clone().unwrap_or_else(|| run(0));
    let by_holder = |action| Draft::new(action, Role::Executor).by(&holder);
    let operator = |action| Draft::new(action, Role::Operator);
    let draft = match step {
        Step::Edit(salt) => operator(Action::Edit { content: content(&format!("Title {salt}")) }),
        Step::Approve => operator(Action::Approve),
        Step::Reject => operator(Action::Reject),
        Step::Claim(number) => {
            let lease = repo.identity().expect("an identity").time.plus(3600);
            Draft::new(Action::Claim { run: run(number), lease }, Role::Executor).by(&run(number))
        }
        Step::Start => by_holder(Action::Start { attempt: ticket.attempt + 1 }),
        Step::Ask => by_holder(Action::Ask).saying("what?"),
        Step::Answer => operator(Action::Answer).saying("that"),
        Step::Submit(salt) => {
            let (head, base) = work(repo, id.as_str(), salt);
            by_holder(Action::Submit { head, base })
        }
        Step::Pass => {
            let (Some(commit), Some(base)) = (ticket.head, ticket.base) else { return false };
            let Ok(found) = repo.read_commit(commit) else { return false };
            let mut draft = Draft::new(Action::Pass, Role::Verifier).by(&run(99));
            draft.verdict = Some(Verdict {
                version: crate::core::verdict::VERSION,
                ticket: id.clone(),
                verdict: Judgement::Pass,
                run: run(99),
                holder,
                commit,
                tree: found.tree_id,
                base,
                checks: Vec::new(),
                judge: Judge::checks(),
                acceptance: None,
                ballot: None,
                grade: Grade::A,
            });
            draft
        }
        Step::Fail => Draft::new(Action::Fail { then: State::Running }, Role::Verifier).by(&run(99)).saying("no"),
        Step::Land => return land(&ledger, id, ticket.state, ticket.head),
        Step::Block => operator(Action::Block).saying("wait"),
        Step::Unblock => operator(Action::Unblock),
        Step::Release => by_holder(Action::Release),
        Step::Cancel => operator(Action::Cancel),
        Step::Comment(salt) => operator(Action::Comment).saying(&format!("note {salt}")),
    };
    matches!(ledger.submit(id, &draft), Ok(Ruling::Granted(_)))
}

/// Moves the branch to verified work that is based on its tip, and says so.
fn land(ledger: &Ledger<'_>, id: &TicketId, state: State, head: Option<ObjectId>) -> bool {
    let repo = ledger.repo;
    let (State::Verified, Some(head)) = (state, head) else { return false };
    let tip = repo.find_ref(MAIN).expect("read").expect("a branch");
    if !repo.is_ancestor(tip, head).expect("read") {
        return false;
    }
    assert_eq!(repo.move_refs(&[RefEdit::advance(MAIN, Some(tip), head)]).expect("moved"), Moved::Done);
    matches!(ledger.submit(id, &Draft::new(Action::Merge { copy: None }, Role::Gate)), Ok(Ruling::Granted(_)))
}
