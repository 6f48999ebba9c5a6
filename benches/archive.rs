//! What a hundred thousand archived tickets cost, beside the same repository without any: `cargo bench --bench archive`.
//!
//! `GIT_OS_BENCH_TICKETS` says how many there are.
#![expect(clippy::disallowed_methods, reason = "a bench starts programs and looks at the clock")]
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

mod place;

use std::fmt::Write as _;
use std::time::Instant;

use place::{Place, Table, pair, time};

fn count() -> usize {
    std::env::var("GIT_OS_BENCH_TICKETS").ok().and_then(|count| count.parse().ok()).unwrap_or(100_000)
}

/// Closed tickets, each a chain of two events, made by fast-import from a real one.
fn import(place: &Place, dir: &str, count: usize) {
    let id = place.os(dir, &["new", "Ticket 000000"]).split_whitespace().next().expect("an id").to_owned();
    place.os(dir, &["reject", &id, "--reason", "not wanted"]);
    let name = format!("refs/os/tickets/{id}");
    let show = |rev: &str, format: &str| place.run(dir, "git", &["log", "-1", &format!("--format={format}"), rev]);
    let (root, tip) = (format!("{name}~1"), name.clone());
    let (first, second) = (show(&root, "%B"), show(&tip, "%B"));
    let (tree, when) = (show(&root, "%T"), show(&root, "%ct").parse::<u64>().expect("a time"));
    let nonce = |text: &str| text.lines().find_map(|line| line.strip_prefix("Os-Nonce: ")).expect("a nonce").to_owned();
    let (first_nonce, second_nonce) = (nonce(&first), nonce(&second));
    let mut stream = String::new();
    for number in 1..=count {
        let own = |text: &str, nonce: &str, salt: usize| {
            text.replace(nonce, &format!("{:032x}", number * 2 + salt)).replace("000000", &format!("{number:06}")) + "\n"
        };
        let (first, second) = (own(&first, &first_nonce, 0), own(&second, &second_nonce, 1));
        let who = format!("committer Ann <ann@example.com> {} +0000", closed_at(when, number));
        writeln!(stream, "reset refs/import/x\ncommit refs/import/x\nmark :{}\n{who}", number * 2).expect("text");
        writeln!(stream, "data {}\n{first}\nM 040000 {tree} \"\"", first.len()).expect("text");
        writeln!(stream, "commit refs/import/x\nmark :{}\n{who}", number * 2 + 1).expect("text");
        writeln!(stream, "data {}\n{second}\nfrom :{}", second.len(), number * 2).expect("text");
    }
    std::fs::write(place.path("stream"), stream).expect("a file");
    place.sh(dir, "git -c core.hooksPath=/dev/null fast-import --quiet --export-marks=../../marks <../../stream");
    let marks = std::fs::read_to_string(place.path("marks")).expect("marks");
    let mut commits = std::collections::BTreeMap::new();
    for (mark, commit) in marks.lines().filter_map(|line| line.trim_start_matches(':').split_once(' ')) {
        commits.insert(mark.parse::<usize>().expect("a number"), commit.to_owned());
    }
    let mut taken = std::collections::BTreeSet::new();
    let mut updates = String::new();
    for number in 1..=count {
        let (root, tip) = (&commits[&(number * 2)], &commits[&(number * 2 + 1)]);
        let date = date_of(closed_at(when, number));
        let id = |digits: usize| format!("T-{date}-hub-{}", &root[..digits]);
        let digits = (4..=root.len()).find(|digits| taken.insert(id(*digits))).expect("a free id");
        writeln!(updates, "create refs/os/tickets/{} {tip}", id(digits)).expect("text");
    }
    std::fs::write(place.path("updates"), updates).expect("a file");
    place.sh(dir, "git -c core.hooksPath=/dev/null update-ref --stdin <../../updates; git update-ref -d refs/import/x");
    place.sh(dir, "git -c core.hooksPath=/dev/null pack-refs --all");
}

/// Three years of them, evenly spread.
fn closed_at(now: u64, number: usize) -> u64 {
    now - (number as u64 % 1095) * 24 * 3600
}

/// The day of a time, `YYYY-MM-DD`.
fn date_of(seconds: u64) -> String {
    // Days since the first of March of the year 0, in eras of 400 years.
    let days = seconds / 86400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (date, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    format!("{:04}-{month:02}-{date:02}", era * 400 + year + u64::from(month <= 2))
}

fn seconds(what: &str, work: impl FnOnce()) {
    let began = Instant::now();
    work();
    println!("{what}: {:.1} s", began.elapsed().as_secs_f64());
}

fn main() {
    // `cargo test --all-targets` starts benches too, without this word.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let place = Place::new();
    let mut table = Table::default();
    let count = count();
    // Two repositories that differ in their past alone.
    let mut dirs = Vec::new();
    for (name, tickets) in [("old", count), ("new", 0)] {
        place.sh("", &format!("git init -q --bare {name}.git"));
        let dir = place.workspace(name, "remote = \"origin\"\n");
        place.sh(&dir, &format!("git remote add origin ../../{name}.git && git push -q origin main"));
        place.os(&dir, &["init"]);
        if tickets > 0 {
            seconds(&format!("{tickets} closed tickets imported"), || import(&place, &dir, tickets));
            seconds("git os archive", || println!("{}", place.os(&dir, &["archive", "--after", "0m"])));
            seconds("git repack", || {
                drop(place.sh(
                    &dir,
                    "git -c core.hooksPath=/dev/null repack -adq; git -c core.hooksPath=/dev/null pack-refs --all --prune",
                ));
            });
        }
        for number in 0..10 {
            place.os(&dir, &["new", &format!("Open {number}")]);
        }
        seconds("git os sync, the first", || println!("{}", place.os(&dir, &["sync"])));
        place.sh(&dir, "git add -A; git commit -qm registry; git push -q origin main");
        dirs.push(dir);
    }
    let (old, new) = (dirs[0].clone(), dirs[1].clone());
    println!("refs in the old repository: {}", place.sh(&old, "git for-each-ref refs/os refs/notes/os | wc -l"));
    println!(
        "objects in the old remote: {}",
        place.sh("old.git", "git count-objects -vH | grep -E 'in-pack|size-pack' | tr '\\n' ' '")
    );
    Table::head(&place);
    let program = place.path("bin/git-os").display().to_string();
    let git = |dir: &str, args: &[&str]| time(place.command(dir, "git", args));
    let os = |dir: &str, args: &[&str]| time(place.command(dir, &program, args));
    table.row("git fetch, nothing new", pair(25, |_| git(&old, &["fetch", "-q"]), |_| git(&new, &["fetch", "-q"])), 1.05);
    table.row("git os list", pair(25, |_| os(&old, &["list"]), |_| os(&new, &["list"])), 1.05);
    table.row("git os sync, nothing new", pair(15, |_| os(&old, &["sync"]), |_| os(&new, &["sync"])), 1.5);
    let id = |dir: &str, script: &str| place.sh(dir, script);
    let archived = id(&old, "git ls-tree -r --name-only refs/os/archive tickets | sed -n '1000p;$p' | head -1 | sed 's,.*/,,'");
    let live = id(&new, "git for-each-ref --count=1 --format='%(refname:lstrip=3)' refs/os/tickets");
    table.row(
        "show an archived ticket / an open one",
        pair(25, |_| os(&old, &["show", &archived]), |_| os(&new, &["show", &live])),
        2.0,
    );
    let clone = |name: &str, round: usize| {
        let to = format!("clone-{name}-{round}");
        let script = format!("git clone -q file://$PWD/{name}.git {to}/hub && cd {to}/hub && git-os init >/dev/null");
        let took = time(place.command("", "/bin/sh", &["-ec", &script]));
        std::fs::remove_dir_all(place.path(&to)).expect("a folder");
        took
    };
    table.row("clone and git os init", pair(3, |round| clone("old", round), |round| clone("new", round)), 100.0);
    table.end();
}
