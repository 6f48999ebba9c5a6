//! Every program that git may start as the hook does the same, whatever git-os is like: one table, which is printed.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;

use crate::sandbox::{Git, Sandbox, gits};

/// What `build.rs` compiled; both are the same program on platforms that have only one.
const FREESTANDING: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/front"));
const PORTABLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/portable"));
/// git-os itself, linked under the name of the hook.
const ITSELF: &str = "git-os";
/// How the settings of an installed hook begin, and how long they are with that.
const MAGIC: &[u8] = b"\x7fgit-os hook settings 1\n";
const BLOCK: usize = 8 * 1024;
/// Where the hook stands, as git calls it.
pub(super) const HOOK: &str = ".git/hooks/reference-transaction";

/// Puts another front in the place of the installed one, with its settings.
pub(super) fn replace_front(sandbox: &Sandbox, program: &[u8]) {
    let installed = std::fs::read(sandbox.path("r").join(HOOK)).expect("an installed hook");
    let find = |image: &[u8]| image.windows(MAGIC.len()).position(|bytes| bytes == MAGIC);
    let start = find(&installed).expect("settings");
    let settings = &installed[start..start + BLOCK];
    let mut image = program.to_vec();
    match find(program) {
        Some(place) => image[place..place + BLOCK].copy_from_slice(settings),
        None => image.extend(settings),
    }
    install(sandbox, &image);
}

/// By another name first, as a program that still runs somewhere is not written to.
fn install(sandbox: &Sandbox, image: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    let (new, hook) = (sandbox.path("r/.git/new-hook"), sandbox.path("r").join(HOOK));
    std::fs::write(&new, image).expect("a file");
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    std::fs::rename(&new, &hook).expect("a hook");
}

/// The fronts of this platform with their names, and one more from the file `GIT_OS_TEST_FRONT`.
pub(super) fn fronts() -> Vec<(&'static str, Vec<u8>)> {
    let mut fronts = vec![("portable", PORTABLE.to_vec())];
    if FREESTANDING != PORTABLE {
        fronts.insert(0, ("freestanding", FREESTANDING.to_vec()));
    }
    if let Some(path) = std::env::var_os("GIT_OS_TEST_FRONT") {
        fronts.push(("given", std::fs::read(path).expect("a program")));
    }
    fronts
}

/// What git-os is like, `bin/git-os`, by a script; `bin/kept` is the real one.
const PROGRAMS: [(&str, &str); 5] = [
    // It notes what it was given.
    ("present", "#!/bin/sh\ncat >'HERE/got'\nexec 'HERE/bin/kept' hook \"$@\" <'HERE/got'\n"),
    ("older", "#!/bin/sh\ncat >/dev/null\necho 'error: unknown hook' >&2\nexit 129\n"),
    ("missing", ""),
    ("crashing", "#!/bin/sh\ncat >/dev/null\nkill -SEGV $$\n"),
    // What a full disk leaves: a shell would take it for a script that says yes.
    ("empty", ""),
];

fn set_program(sandbox: &Sandbox, (name, script): (&str, &str)) {
    sandbox.sh(".", "rm -f bin/git-os").ok();
    if name != "missing" {
        let here = sandbox.path(".").canonicalize().expect("a path").display().to_string();
        sandbox.script("bin/git-os", &script.replace("HERE", &here));
    }
}

/// The repository's policy: its gate, and whether somebody else's hook runs beside ours.
const POLICIES: [(&str, &str, bool); 4] = [
    ("off", "off", false),
    ("tickets", "tickets", false),
    ("all", "all", false),
    ("tickets, with another hook", "tickets", true),
];

/// What has to come out.
#[derive(Clone, Copy)]
enum Expected {
    /// It passes without git-os.
    Unseen,
    /// git-os checks it and says yes or no. Without git-os it is refused.
    Ours(bool),
    /// git-os checks it and says this under the gates `off`, `tickets` and `all`. Without git-os it passes with a warning, and under
    /// `all` it is refused.
    Branch([bool; 3]),
    /// git-os is told of it, and nothing can be refused any more.
    Told,
}
use Expected::{Branch, Ours, Told, Unseen};

impl Expected {
    fn cells(self, gate: &str, is_chained: bool) -> [&'static str; PROGRAMS.len()] {
        let judged = |yes| if yes { "asks: yes" } else { "asks: no" };
        let gates = ["off", "tickets", "all"];
        let gate = gates.iter().position(|known| *known == gate).expect("a gate");
        let (present, without) = match self {
            Unseen if is_chained => ("asks: yes", "passes"),
            Unseen => ("passes", "passes"),
            Ours(yes) => (judged(yes), "refused"),
            Branch(yes) => (judged(yes[gate]), if gate == 2 { "refused" } else { "warned" }),
            Told => ("asks: yes", "passes"),
        };
        [present, without, without, without, without]
    }
}

/// A name, a state, the lines with words in capitals that stand for values, and what has to come out. `Z` is zeros, `M` is
/// where `main` is, `H` a person's commit on top of it, `T` where the ticket `refs/os/tickets/T` is, and `N` is a new ticket that
/// is valid. With `lock`, git holds the lock of `packed-refs`, as it does when it deletes; with `landing`, git-os
/// has left word that a ticket may land.
const TRANSACTIONS: &[(&str, &str, &str, Expected)] = &[
    ("a new branch", "prepared", "Z M refs/heads/side", Unseen),
    ("a new tag", "prepared", "Z M refs/tags/v1", Unseen),
    ("HEAD", "prepared", "M H HEAD", Unseen),
    ("HEAD to a ticket", "prepared", "Z ref:refs/os/tickets/T HEAD", Unseen),
    (
        "names like ours",
        "prepared",
        "Z M refs/os-remote/origin/meta\nZ M refs/osx\nZ M refs/notes/osx\nZ M refs/heads/refs/os/x",
        Unseen,
    ),
    ("names like main", "prepared", "Z M refs/heads/mainx\nZ M refs/heads/main2/x\nZ M refs/tags/refs/heads/main", Unseen),
    ("no line", "prepared", "", Unseen),
    ("300 KB of branches", "prepared", "MANY", Unseen),
    ("main: a person's commit", "prepared", "M H refs/heads/main", Branch([true, true, false])),
    ("main: not said what it was", "prepared", "Z H refs/heads/main", Branch([true, true, false])),
    ("main: where it is", "prepared", "Z M refs/heads/main", Unseen),
    ("main: pruned", "prepared", "M Z refs/heads/main", Unseen),
    ("main: deleted", "prepared lock", "M Z refs/heads/main", Branch([true, false, false])),
    ("main: symbolic", "prepared", "M ref:refs/heads/side refs/heads/main", Branch([false, false, false])),
    ("main: an alias of it", "prepared", "Z ref:refs/heads/main refs/heads/alias", Branch([true, true, true])),
    ("main: after a branch", "prepared", "Z M refs/heads/a\nM H refs/heads/main", Branch([true, true, false])),
    ("main: has moved", "committed", "M H refs/heads/main", Unseen),
    ("main: has moved, and a ticket may land", "committed landing", "M H refs/heads/main", Told),
    ("main: has not moved", "aborted", "M H refs/heads/main", Unseen),
    ("ours: a new ticket", "prepared", "Z N refs/os/tickets/NEW", Ours(true)),
    ("ours: code in a ticket", "prepared", "T M refs/os/tickets/T", Ours(false)),
    ("ours: a ticket where it is", "prepared", "Z T refs/os/tickets/T", Unseen),
    ("ours: a ticket pruned", "prepared", "T Z refs/os/tickets/T", Unseen),
    ("ours: a ticket deleted", "prepared lock", "T Z refs/os/tickets/T", Ours(false)),
    ("ours: a ticket symbolic", "prepared", "T ref:refs/heads/main refs/os/tickets/T", Ours(false)),
    ("ours: an alias of a ticket", "prepared", "Z ref:refs/os/tickets/T refs/heads/alias", Ours(true)),
    ("ours: an alias removed", "prepared", "ref:refs/os/tickets/T Z refs/heads/alias", Ours(true)),
    ("ours: no such ref", "prepared", "Z M refs/os/x", Ours(false)),
    ("ours: the folder", "prepared", "Z M refs/os", Ours(false)),
    ("ours: in other case", "prepared", "Z M refs/OS/Meta", Ours(false)),
    ("ours: notes", "prepared", "Z M refs/notes/os/x", Ours(false)),
    ("ours: the folder of notes", "prepared", "Z M refs/Notes/os", Ours(false)),
    ("ours: no UTF-8", "prepared", "Z M refs/os/\u{fffd}", Ours(false)),
    ("ours: after main", "prepared", "M H refs/heads/main\nT M refs/os/tickets/T", Ours(false)),
    ("ours: before 300 KB", "prepared", "T M refs/os/tickets/T\nMANY", Ours(false)),
    ("ours: after 300 KB", "prepared", "MANY\nT M refs/os/tickets/T", Ours(false)),
    ("ours: a name of 300 KB", "prepared", "Z M refs/os/LONG", Ours(false)),
    ("ours: has moved", "committed", "T M refs/os/tickets/T", Unseen),
    ("ours: a state to come", "preparing", "T M refs/os/tickets/T", Unseen),
    ("ours: no state", "", "T M refs/os/tickets/T", Unseen),
    ("strange: no values", "prepared", "refs/os/x", Ours(false)),
    ("strange: no ids", "prepared", "0 1 refs/os/x", Ours(false)),
    ("strange: two names", "prepared", "Z M refs/heads/a refs/os/x", Ours(false)),
    ("strange: of nobody", "prepared", "what\nZ M\n  \nrefs/heads/a", Unseen),
];

/// A repository of one policy, and what stands for what in the lines.
struct Place {
    sandbox: Sandbox,
    words: Vec<(&'static str, String)>,
}

impl Place {
    fn new(git: &Git, gate: &str, is_chained: bool) -> Self {
        let sandbox = Sandbox::with_git(git);
        sandbox.repo("r", "");
        if is_chained {
            sandbox.script(&format!("r/{HOOK}"), "#!/bin/sh\ncat >/dev/null\n");
        }
        sandbox.registry(&["r"], &format!("gate = \"{gate}\"\n"));
        sandbox.os("r", &["init"]).ok();
        let ticket = sandbox.ticket("r", "There", "draft").id;
        let new = sandbox.ticket("r", "To come", "draft").id;
        let tip = |id: &str| sandbox.id("r", &format!("refs/os/tickets/{id}"));
        let person = sandbox.sh("r", "git commit-tree -p main -m mine main^{tree}").ok();
        let many: Vec<String> = (0..3000).map(|at| format!("Z M refs/heads/b/{at}")).collect();
        let words = vec![
            ("MANY", many.join("\n")),
            ("LONG", "x".repeat(300 * 1024)),
            ("NEW", new.clone()),
            ("refs/os/tickets/T", format!("refs/os/tickets/{ticket}")),
            ("Z", "0".repeat(40)),
            ("M", sandbox.id("r", "main")),
            ("H", person),
            ("T", tip(&ticket)),
            ("N", tip(&new)),
        ];
        sandbox.sh("r", &format!("git -c core.hooksPath=/dev/null update-ref -d refs/os/tickets/{new}; git branch side")).ok();
        sandbox.sh(".", "cp -l bin/git-os bin/kept").ok();
        Self { sandbox, words }
    }

    /// What git gives to the hook.
    fn input(&self, lines: &str) -> Vec<u8> {
        let value = |word: &str| {
            let known = self.words.iter().find(|known| known.0 == word);
            known.map_or_else(|| word.to_owned(), |known| known.1.clone())
        };
        let mut text = lines.replace("MANY", &value("MANY")).replace("LONG", &value("LONG")).replace("NEW", &value("NEW"));
        text = text.replace("refs/os/tickets/T ", &format!("{} ", value("refs/os/tickets/T")));
        text = text.lines().map(|line| line.split(' ').map(value).collect::<Vec<_>>().join(" ") + "\n").collect();
        // The text of a program is UTF-8; the name shall not be.
        let mut bytes = Vec::new();
        for (at, part) in text.split('\u{fffd}').enumerate() {
            bytes.extend(if at > 0 { &b"\xff"[..] } else { b"" });
            bytes.extend(part.as_bytes());
        }
        bytes
    }

    /// Starts the hook as git does, and says in a word what it did.
    fn outcome(&self, program: &str, state: &str, input: &[u8]) -> String {
        let got = self.sandbox.path("got");
        drop(std::fs::remove_file(&got));
        let mut command = self.sandbox.command("r", self.sandbox.path("r").join(HOOK).to_str().expect("UTF-8"));
        command.arg0(HOOK).args(state.split(' ').next().filter(|state| !state.is_empty())).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a hook that starts");
        // A hook need not read what is not for it.
        drop(child.stdin.take().expect("a pipe").write_all(input));
        let output = child.wait_with_output().expect("an end");
        let said = String::from_utf8_lossy(&output.stderr);
        let is_asked = got.exists();
        if is_asked && std::fs::read(&got).expect("a file") != input {
            return "asks, with other lines".to_owned();
        }
        let word = match (output.status.code(), is_asked) {
            (Some(0), true) => "asks: yes",
            (Some(1), true) => "asks: no",
            (Some(0), false) if said.contains("warning: not checking the update of `") => "warned",
            // Whoever is git-os has nobody to ask.
            (Some(1), false) if program == ITSELF => "asks: no",
            (Some(1), false) if said.contains("error: refusing to update `") => "refused",
            (Some(0), false) if program == "older" || said.is_empty() => "passes",
            _ => return format!("{}: {}", output.status, said.trim_end()),
        };
        word.to_owned()
    }
}

/// The rows of one policy: what came out, and by whom it came out otherwise.
fn rows(git: &Git, (policy, gate, is_chained): (&str, &str, bool)) -> (Vec<String>, Vec<String>) {
    let place = Place::new(git, gate, is_chained);
    let mut found: Vec<Vec<(&str, [String; PROGRAMS.len()])>> = vec![Vec::new(); TRANSACTIONS.len()];
    for (front, image) in fronts() {
        replace_front(&place.sandbox, &image);
        let mut columns = vec![<[String; PROGRAMS.len()]>::default(); TRANSACTIONS.len()];
        for (column, program) in PROGRAMS.into_iter().enumerate() {
            set_program(&place.sandbox, program);
            for ((_, state, lines, _), cells) in TRANSACTIONS.iter().zip(&mut columns) {
                cells[column] = with_files(&place, state, || place.outcome(program.0, state, &place.input(lines)));
            }
        }
        found.iter_mut().zip(columns).for_each(|(found, cells)| found.push((front, cells)));
    }
    let mut faults = Vec::new();
    let mut rows = Vec::new();
    install_itself(&place.sandbox);
    for ((name, state, lines, expected), found) in TRANSACTIONS.iter().zip(&found) {
        let expected = expected.cells(gate, is_chained);
        let own = with_files(&place, state, || place.outcome(ITSELF, state, &place.input(lines)));
        // It need not be started: it is what is asked.
        let is_same = own == expected[0].replace("asks: yes", "passes");
        let mut same: BTreeSet<&str> = is_same.then_some(ITSELF).into_iter().collect();
        if !is_same {
            faults.push(format!("{policy}: {name}: {ITSELF}: {own}, and expected is {}", expected[0]));
        }
        for (front, cells) in found {
            if *cells == expected {
                same.insert(front);
            } else {
                faults.push(format!("{policy}: {name}: {front}: {cells:?}, and expected is {expected:?}"));
            }
        }
        rows.push(row(name, policy, expected, &same.into_iter().collect::<Vec<_>>().join(", ")));
    }
    (rows, faults)
}

fn row(transaction: &str, policy: &str, cells: [&str; PROGRAMS.len()], same: &str) -> String {
    let [present, older, missing, crashing, empty] = cells;
    format!("{transaction:<28} {policy:<27} {present:<10}{older:<10}{missing:<10}{crashing:<10}{empty:<10} {same}")
}

/// git-os itself as the hook, which then has nobody to answer in its place.
fn install_itself(sandbox: &Sandbox) {
    set_program(sandbox, PROGRAMS[0]);
    let hook = sandbox.path("r").join(HOOK);
    std::fs::remove_file(&hook).expect("a hook");
    std::fs::hard_link(sandbox.path("bin/kept"), &hook).expect("a link");
}

fn with_files<T>(place: &Place, state: &str, then: impl FnOnce() -> T) -> T {
    let files = [(" lock", "r/.git/packed-refs.lock"), (" landing", "r/.git/os/landing")];
    let files = files.map(|(word, file)| (state.ends_with(word), place.sandbox.path(file)));
    for (_, file) in files.iter().filter(|(is_there, _)| *is_there) {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, "").expect("a file");
    }
    let done = then();
    for (_, file) in files {
        drop(std::fs::remove_file(&file));
    }
    done
}

#[test]
fn every_front_does_the_same_whatever_git_os_is_like() {
    let git = &gits()[0];
    let tables: Vec<_> = std::thread::scope(|scope| {
        let threads = POLICIES.map(|policy| scope.spawn(move || rows(git, policy)));
        threads.into_iter().map(|thread| thread.join().expect("a table")).collect()
    });
    println!("{}", row("transaction", "gate", PROGRAMS.map(|program| program.0), "the same by"));
    for at in 0..TRANSACTIONS.len() {
        for (rows, _) in &tables {
            println!("{}", rows[at]);
        }
    }
    let faults: Vec<&String> = tables.iter().flat_map(|table| &table.1).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// A program that nobody wrote settings into knows of no branch and no git-os.
#[test]
fn a_front_without_settings_still_refuses_refs_of_ours() {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["r"], "");
    for (front, image) in fronts() {
        install(&sandbox, &image);
        println!("{front}");
        sandbox.sh("r", "git commit -q --allow-empty -m x; git branch b; git branch -q -D b").ok();
        let _said = sandbox.sh("r", "git update-ref refs/os/x HEAD").fails("refusing to update `refs/os/x`");
    }
}
