//! The manual is true: the pages of `docs/guide` are run, `docs/reference` is what the program says, the demo lands tickets.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use snapbox::Data;

/// Names the page that a second start of this very test shall run.
const PAGE: &str = "GIT_OS_GUIDE_PAGE";
/// When everything in the guide happens.
const NOW: &str = "2026-05-07T12:00:00Z";
/// The person who does it.
const GIT_CONFIG: &str = "\
[user]
\tname = Ada
\temail = ada@example.com
[git-os]
	machine = desk
[init]
\tdefaultBranch = main
[advice]
\tdetachedHead = false
\tdefaultBranchName = false
";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A home with a program folder, and an environment that owes nothing to whoever runs the tests.
struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        // On the file system of the program, which is linked into it.
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let bin = dir.path().join("bin");
        std::fs::create_dir(&bin).expect("a folder");
        std::fs::hard_link(env!("CARGO_BIN_EXE_git-os"), bin.join("git-os")).expect("a link");
        std::fs::write(dir.path().join("gitconfig"), GIT_CONFIG).expect("a file");
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command that knows of this home alone.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let outside = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(self.path("bin")).chain(std::env::split_paths(&outside)));
        command.env_clear().env("PATH", path.expect("folders")).env("HOME", self.dir.path());
        command.env("GIT_CONFIG_GLOBAL", self.path("gitconfig")).env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("GIT_AUTHOR_DATE", NOW).env("GIT_COMMITTER_DATE", NOW).env("TZ", "UTC").env("LC_ALL", "C");
        command
    }

    fn git_os(&self, args: &[&str]) -> Output {
        self.command(self.path("bin/git-os")).args(args).current_dir(self.dir.path()).output().expect("git-os runs")
    }
}

/// The pages in the order of their names.
fn pages() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(repository().join("docs/guide")).expect("a folder");
    let mut pages: Vec<_> = folder
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect();
    pages.sort();
    pages
}

/// Each page has a process of its own, since trycmd hands on the environment it finds, `GIT_DIR` of a hook included.
#[test]
fn every_page_of_the_guide_is_true() {
    if let Some(page) = std::env::var_os(PAGE) {
        let cases = trycmd::TestCases::new();
        for program in ["git", "cat"] {
            cases.register_bin(program, which(program));
        }
        cases.case(PathBuf::from(page)).run();
        return;
    }
    let pages = pages();
    assert!(pages.len() >= 3, "trycmd is content with no pages at all; these are here: {pages:?}");
    let this = std::env::current_exe().expect("a test binary");
    let mut faults = String::new();
    for page in pages {
        assert!(page.with_extension("out").is_dir(), "{} would run in the source tree without its `.out/.keep`", page.display());
        let home = Home::new();
        let mut command = home.command(&this);
        command.args(["--exact", "guide::every_page_of_the_guide_is_true", "--nocapture"]).env(PAGE, &page);
        if let Some(mode) = std::env::var_os("TRYCMD") {
            command.env("TRYCMD", mode);
        }
        let output = command.env("NO_COLOR", "1").output().expect("the test binary runs");
        if !output.status.success() {
            faults += &String::from_utf8_lossy(&output.stderr);
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

fn which(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.is_file()).expect("it is in PATH")
}

/// The names of the commands, as the help lists them; `help` itself has no help.
fn commands(help: &str) -> Vec<&str> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    list.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect()
}

#[test]
fn the_reference_is_what_the_program_says() {
    let home = Home::new();
    let help = |args: &[&str]| {
        let output = home.git_os(args);
        assert!(output.status.success(), "{args:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let top = help(&["--help"]);
    let mut page = format!(
        "# Command line\n\nWritten by a test from the program's own help; `SNAPSHOTS=overwrite cargo test` renews it.\n\n```text\n{top}```\n"
    );
    let names = commands(&top);
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        write!(page, "\n## git os {name}\n\n```text\n{}```\n", help(&[name, "--help"])).expect("a string takes all text");
    }
    let stored = Data::read_from(&repository().join("docs/reference/cli.md"), None);
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(Data::text(page), stored.raw());
}

#[test]
fn the_example_registry_is_valid_and_has_seven_domains_and_a_silo() {
    let home = Home::new();
    let text = std::fs::read_to_string(repository().join("registry.toml")).expect("a file");
    let document = toml_edit::Document::parse(text.as_str()).expect("TOML");
    let repos = document.get("repo").and_then(|repos| repos.as_array_of_tables()).expect("repositories");
    let word = |key: &str| repos.iter().filter_map(|repo| repo.get(key)?.as_str().map(str::to_owned)).collect::<Vec<_>>();
    let paths = word("path");
    assert_eq!(paths.len(), 9);
    let brands: std::collections::BTreeSet<_> = word("brand").into_iter().collect();
    assert_eq!(brands.len(), 7, "{brands:?}");
    assert_eq!(repos.iter().filter(|repo| repo.get("silo").is_some_and(|silo| silo.as_bool() == Some(true))).count(), 1);
    let hub = home.path("work/hub");
    std::fs::create_dir_all(&hub).expect("a folder");
    for path in paths {
        let made = home.command("git").args(["init", "--quiet"]).arg(hub.join(path)).status().expect("git runs");
        assert!(made.success());
    }
    std::fs::write(hub.join("registry.toml"), text).expect("a file");
    let output = home.command(home.path("bin/git-os")).arg("init").current_dir(&hub).output().expect("git-os runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("policy published").count(), 9, "{said}");
}

#[test]
fn the_demo_of_the_readme_lands_tickets_and_is_refused_at_the_gate() {
    let home = Home::new();
    let mut command = home.command(home.path("bin/git-os"));
    // The session looks at leases by the clock, and its agents at what they see change.
    command.env_remove("GIT_AUTHOR_DATE").env_remove("GIT_COMMITTER_DATE").env("DEMO_THINK", "0");
    let output = command.arg("demo").current_dir(home.dir.path()).output().expect("git-os runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(stdout.contains("16 tickets landed in 7 brands, 1 blocked"), "{stdout}");
    assert!(stderr.contains("refused, as it should be"), "{stderr}");
    assert!(home.path("git-os-demo/sandbox/.git").is_dir());
}

/// The commands of a page, each with the exit code that the page says.
fn steps(page: &str) -> Vec<(String, i32)> {
    let mut all: Vec<(String, i32)> = Vec::new();
    for block in page.split("```console\n").skip(1) {
        for line in block.split("\n```").next().unwrap_or_default().lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                all.push((command.to_owned(), 0));
            } else if let (Some(more), Some(last)) = (line.strip_prefix("> "), all.last_mut()) {
                last.0 += &format!("\n{more}");
            } else if let (Some(code), Some(last)) = (line.strip_prefix("? "), all.last_mut()) {
                last.1 = code.trim().parse().unwrap_or(1);
            }
        }
    }
    all
}

/// As a person would who has the program and the page, and nothing else.
#[test]
fn every_page_of_the_guide_can_be_followed_from_an_empty_folder() {
    let pages = repository().join("docs/guide").read_dir().expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut followed = 0;
    for page in pages.filter(|path| path.extension().is_some_and(|ending| ending == "md")) {
        let name = page.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let text = std::fs::read_to_string(&page).expect("a page");
        let first = format!("git os demo --guide {name}");
        assert!(text.contains(&format!("`{first}`")), "{name}");
        let home = Home::new();
        let here = home.path("here");
        std::fs::create_dir(&here).expect("a folder");
        let run = |dir: &Path, command: &str| -> Output {
            home.command("bash").args(["-c", command]).current_dir(dir).output().expect("bash")
        };
        let made = run(&here, &first);
        assert!(made.status.success(), "{made:?}");
        let folder = here.join(&name);
        for (command, code) in steps(&text) {
            let output = run(&folder, &command);
            assert_eq!(output.status.code(), Some(code), "{name}: {command}\n{output:?}");
            followed += 1;
        }
    }
    assert!(followed > 60, "{followed} commands");
}

#[test]
fn the_program_has_all_files_of_the_guide() {
    let home = Home::new();
    for page in ["by-hand", "first-ticket", "many-machines", "refused", "sessions"] {
        let made = home.command("git-os").args(["demo", "--guide", page]).current_dir(home.path("bin")).output().expect("git-os");
        assert!(made.status.success(), "{made:?}");
        let source = repository().join(format!("docs/guide/{page}.in"));
        let same = Command::new("diff").arg("-r").arg(&source).arg(home.path("bin").join(page)).output().expect("diff");
        assert!(same.status.success(), "{same:?}");
    }
}
