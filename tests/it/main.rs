//! The whole program against real git, in reading order: the sandbox, then each of its doors.
#![expect(clippy::disallowed_methods, reason = "tests start programs and write files of their own")]
#![expect(clippy::print_stdout, reason = "`--nocapture` shows the tables of routes and verdicts")]

mod sandbox;

mod crew;

mod hooks;

mod race;

mod sync;

mod crash;
mod outcomes;
mod prompts;

mod heal;
mod older;
mod proof;

mod ledger;
mod session;

mod take_in;

mod answers;
mod budget;
mod by_hand;
mod clients;
mod criteria;
mod help;
mod naming;
mod plans;
mod reading;
mod refusals;

mod depends;
mod former;
mod include;
mod lfs;
mod mistakes;
mod pulls;
mod rebase;
mod registry;
mod replay;
mod revert;
mod rights;
mod runaway;
mod settings;
mod setup;
mod shared;
mod tasks;
mod texts;
mod watching;
mod which;

mod parallel;
mod planted;
mod progress;
mod start_terminal;

mod guide;

mod tidy;
mod world;

mod bounds;
mod ending;
mod faults;
mod soak;

use std::collections::BTreeSet;
use std::path::Path;

/// Every file and folder beside this one is a module above; a file that is forgotten is not run.
#[test]
fn every_file_is_in_a_list_of_modules() {
    fn check(list: &Path, folder: &Path) {
        let source = std::fs::read_to_string(list).expect("a source file");
        let words = source.lines().map(|line| line.trim_start_matches("pub(crate) "));
        let named = words.filter_map(|line| line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')));
        let mut named: BTreeSet<String> = named.map(str::to_owned).collect();
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let is_source = path.is_dir() || path.extension().is_some_and(|extension| extension == "rs");
            if path == list || name == "mod" || !is_source {
                continue;
            }
            assert!(named.remove(&name), "{} is in no list of modules", path.display());
            if path.is_dir() {
                check(&path.join("mod.rs"), &path);
            }
        }
        assert!(named.is_empty(), "{} lists {named:?}, which are not there", list.display());
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    check(&here.join("main.rs"), &here);
}
