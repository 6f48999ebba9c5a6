//! Rules of the source and of the documents beside it, as ordinary tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// How long a source file may be, its tests apart.
const MAX_LINES: usize = 400;
/// What `core` has nothing to do with.
const NOT_IN_CORE: &[&str] =
    &["std::fs", "std::env", "std::process", "std::net", "std::thread", "SystemTime", "Instant", "println!", "async fn"];
/// All that may stand at the top of the repository; what is built or made there is in `.gitignore`.
const ROOT: &[&str] = &[
    ".ci",
    ".git",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "benches",
    "build.rs",
    "clippy.toml",
    "deny.toml",
    "docs",
    "fixtures",
    "fuzz",
    "git-os-demo",
    "hooks",
    "registry.toml",
    "rustfmt.toml",
    "src",
    "target",
    "tests",
];

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files below a folder that end so, as paths from the top, in order.
fn files(folder: &str, end: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![top().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path.strip_prefix(top()).expect("below the top").to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<String> {
    let found = files("src", ".rs");
    assert!(found.len() > 50, "the source is elsewhere: {found:?}");
    found
}

/// A file's lines with their numbers, up to its tests.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| (at + 1, line)).take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
}

#[track_caller]
fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The names after `crate::` in a line; those of `crate::{a, b::c}` each.
fn used(line: &str) -> Vec<&str> {
    let word = |text: &'_ str| text.find(|c: char| c != ':' && c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let mut found = Vec::new();
    for rest in line.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(list) => found.extend(list.split(['}', ';']).next().unwrap_or_default().split(',').map(str::trim)),
            None => found.push(&rest[..word(rest)]),
        }
    }
    found
}

/// The rows of the table in `docs/architecture.md`: a module, and what it may use.
fn layers() -> Vec<(String, Vec<String>)> {
    let page = read("docs/architecture.md");
    let section = page.split("\n## ").find(|section| section.starts_with("Module dependencies")).expect("the section");
    let rows = section.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|');
        let name = cells.next()?.trim().trim_end_matches('`').to_owned();
        Some((name, quoted(cells.next()?).into_iter().map(str::to_owned).collect()))
    });
    rows.collect()
}

/// `error` for `src/error.rs`, `core` for `src/core/id.rs`.
fn module(path: &str) -> &str {
    let path = path.strip_prefix("src/").expect("a source");
    path.split('/').next().expect("a name").trim_end_matches(".rs")
}

#[test]
fn no_module_uses_what_stands_above_it() {
    let rows = layers();
    let table: BTreeMap<&str, &[String]> = rows.iter().map(|(name, may)| (name.as_str(), may.as_slice())).collect();
    let mut faults = Vec::new();
    for path in sources() {
        let own = module(&path);
        if own == "lib" || own == "main" {
            continue;
        }
        let Some(may) = table.get(own) else {
            faults.push(format!("{path}: `{own}` has no row in the table of docs/architecture.md"));
            continue;
        };
        for (number, line) in code(&read(&path)).filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for used in used(line) {
                let name = used.split("::").next().unwrap_or_default();
                let is_exact = |allowed: &String| used == allowed || used.starts_with(&format!("{allowed}::"));
                if name != own && !may.iter().any(is_exact) {
                    faults.push(format!("{path}:{number}: `{own}` may not use `{used}`"));
                }
            }
            let is_top = path == format!("src/{own}.rs") || path == format!("src/{own}/mod.rs");
            if line.contains("super::super") || (is_top && line.contains("super::") && !line.contains("pub(super)")) {
                faults.push(format!("{path}:{number}: what is outside of the module is called `crate::`"));
            }
        }
    }
    none(&faults);
}

#[test]
fn the_table_of_layers_has_no_cycle_and_no_strangers() {
    let mut above: BTreeSet<&str> = BTreeSet::new();
    let rows = layers();
    let present: BTreeSet<String> = sources().iter().map(|path| module(path).to_owned()).collect();
    let mut faults = Vec::new();
    for (name, may) in &rows {
        if !present.contains(name) {
            faults.push(format!("there is no module `{name}`"));
        }
        for used in may {
            if !above.contains(used.split("::").next().unwrap_or_default()) {
                faults.push(format!("`{name}` may use `{used}`, which does not stand above it"));
            }
        }
        above.insert(name);
    }
    assert!(above.contains("core") && above.contains("commands"), "{above:?}");
    none(&faults);
}

#[test]
fn the_core_is_pure() {
    let mut faults = Vec::new();
    for path in sources().iter().filter(|path| module(path) == "core") {
        for (number, line) in code(&read(path)).filter(|(_, line)| !line.trim_start().starts_with("//")) {
            faults.extend(
                NOT_IN_CORE
                    .iter()
                    .filter(|word| line.contains(**word))
                    .map(|word| format!("{path}:{number}: `core` may not contain `{word}`")),
            );
        }
    }
    none(&faults);
}

/// Whether a source file is compiled for tests alone.
fn is_test(path: &str) -> bool {
    ["tests.rs", "laws.rs", "builder.rs", "sample.rs"].iter().any(|end| path.ends_with(end))
}

#[test]
fn trailers_are_written_and_read_in_one_place() {
    let mut faults = Vec::new();
    for path in sources().iter().filter(|path| *path != "src/core/trailers.rs" && !is_test(path)) {
        for (number, line) in code(&read(path)).filter(|(_, line)| !line.trim_start().starts_with("//")) {
            if line.contains("Os-") {
                faults.push(format!("{path}:{number}: a trailer is named by `Key` and written by `Message`"));
            }
        }
    }
    none(&faults);
}

#[test]
fn every_file_says_first_what_it_is() {
    let all = sources().into_iter().chain(files("tests", ".rs")).chain(files("hooks", ".rs")).chain(["build.rs".to_owned()]);
    let is_bare =
        |path: &String| !read(path).lines().next().is_some_and(|line| line.starts_with("//! ") && line.len() > "//! ".len());
    none(&all.filter(is_bare).map(|path| format!("{path}: its first line is not `//! ` and a sentence")).collect::<Vec<_>>());
}

#[test]
fn no_file_is_too_long() {
    let mut faults = Vec::new();
    for path in sources() {
        let lines = code(&read(&path)).count();
        if lines > MAX_LINES && !path.ends_with("tests.rs") {
            faults.push(format!("{path}: {lines} lines are more than {MAX_LINES}"));
        }
    }
    none(&faults);
}

#[test]
fn nothing_is_left_lying_about() {
    let mut faults = Vec::new();
    for path in sources().into_iter().chain(files("hooks", ".rs")).chain(files("tests", ".rs")) {
        for (number, line) in code(&read(&path)) {
            let comment = line.trim_start().strip_prefix("//").map(|text| text.trim_start_matches(['/', '!']).trim());
            let is_note = comment.is_some_and(|text| ["TODO", "FIXME", "XXX", "HACK"].iter().any(|word| text.starts_with(word)));
            let is_banner = comment.is_some_and(|text| text.len() > 3 && text.chars().take(4).all(|c| "=-*#~_+".contains(c)));
            let is_debug =
                !path.starts_with("tests") && ["dbg!(", "todo!(", "unimplemented!("].iter().any(|call| line.contains(call));
            let is_chatty = !path.starts_with("tests") && line.contains("successfully");
            for (is_so, what) in [
                (is_note, "a note to oneself"),
                (is_banner, "a banner"),
                (is_debug, "a debugging aid"),
                (is_chatty, "`successfully`"),
            ] {
                if is_so {
                    faults.push(format!("{path}:{number}: {what}"));
                }
            }
        }
    }
    none(&faults);
}

#[test]
fn the_top_holds_only_what_belongs_there() {
    let entries = std::fs::read_dir(top())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    none(
        &entries
            .filter(|name| !ROOT.contains(&name.as_str()))
            .map(|name| format!("`{name}` is not expected at the top"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn the_changelog_has_what_is_unreleased() {
    assert!(read("CHANGELOG.md").lines().any(|line| line == "## Unreleased"));
}

#[test]
fn ci_runs_the_tests_as_the_readme_says() {
    let readme = read("README.md");
    let command = readme.lines().find(|line| line.starts_with("cargo test")).expect("the README says how to test");
    assert!(read(".ci/run").lines().any(|line| line == command), "`{command}` is not a line of .ci/run");
}

/// A heading as a link names it.
fn slug(heading: &str) -> String {
    let kept = heading.trim().to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn every_link_in_the_documents_leads_somewhere() {
    let top_level = files("", ".md").into_iter().filter(|path| !path.contains('/'));
    let pages: Vec<_> = top_level.chain(["docs", "hooks", "fixtures"].iter().flat_map(|folder| files(folder, ".md"))).collect();
    assert!(pages.len() > 10, "{pages:?}");
    let mut faults = Vec::new();
    for page in &pages {
        let text = read(page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target: PathBuf =
                if file.is_empty() { page.into() } else { Path::new(page).parent().expect("a folder").join(file) };
            if !top().join(&target).exists() {
                faults.push(format!("{page}: `{link}` is not there"));
            } else if !anchor.is_empty() {
                let there = std::fs::read_to_string(top().join(&target)).unwrap_or_default();
                let mut headings =
                    there.lines().filter(|line| line.starts_with('#')).map(|line| slug(line.trim_start_matches('#')));
                if !headings.any(|heading| heading == anchor) {
                    faults.push(format!("{page}: `{link}` names no heading"));
                }
            }
        }
    }
    none(&faults);
}

/// Paths of the source that a document names, and the functions that hold its invariants, are there.
#[test]
fn what_the_documents_say_of_the_source_is_there() {
    let sources: Vec<(String, String)> = sources()
        .into_iter()
        .chain(files("tests", ".rs"))
        .chain(files("hooks", ".rs"))
        .map(|path| (path.clone(), read(&path)))
        .collect();
    let is_a_test = |name: &str| {
        let begins = format!("fn {name}(");
        sources.iter().any(|(_, text)| text.split("#[test]").skip(1).any(|test| test.find("fn ") == test.find(&begins)))
    };
    let mut faults = Vec::new();
    for page in files("docs", ".md") {
        let text = read(&page);
        let is_path =
            |word: &&str| ["src/", "tests/", "hooks/", "docs/", "fixtures/"].iter().any(|start| word.starts_with(start));
        for path in quoted(&text).into_iter().filter(is_path).filter(|word| !word.contains(['*', '<', ' ', '{'])) {
            if !page.starts_with("docs/guide") && !top().join(path).exists() {
                faults.push(format!("{page}: `{path}` is not there"));
            }
        }
        for paragraph in text.split("\n\n").filter(|paragraph| paragraph.contains("**Invariant:**")) {
            let is_claim =
                |word: &&str| word.matches('_').count() > 1 && word.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
            let claims: Vec<_> = quoted(paragraph).into_iter().filter(is_claim).collect();
            faults.extend(claims.iter().filter(|name| !is_a_test(name)).map(|name| format!("{page}: there is no test `{name}`")));
            if claims.is_empty() {
                faults.push(format!("{page}: no test holds: {}", paragraph.lines().next().unwrap_or_default()));
            }
        }
    }
    assert!(read("docs/architecture.md").matches("**Invariant:**").count() > 5);
    none(&faults);
}
