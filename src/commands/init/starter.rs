//! The registry that `git os init` writes where there is none.

use camino::Utf8Path;

use crate::core::id::{MAX_NAME, META};
use crate::core::meta::{DEFAULT_ATTEMPTS, Gate, Land, OfflineClaims, Policy};
use crate::core::refs::tracking;
use crate::core::verdict::Grade;
use crate::error::{CliError, Code};
use crate::git::Repo;
use crate::git::remote::Fetched;
use crate::ledger::policy::{self, PublishedRegistry};

/// The remote that a new registry names, where there is one of this name.
const ORIGIN: &str = "origin";

const BRANCHES: &str = "refs/heads/";

/// The text of a registry of one repository. What others agreed on for it stays as it is.
///
/// # Errors
/// When git fails, or the repository is part of a workspace that this registry would not have.
pub(super) fn write(top: &Utf8Path, repo: &Repo, known: Option<Policy>) -> Result<String, CliError> {
    let remote = if has_origin(repo) {
        format!("remote = \"{ORIGIN}\"\n")
    } else {
        format!("# remote = \"{ORIGIN}\"   # the remote that all machines share\n")
    };
    let (name, entry) = match &known {
        Some(known) if !known.is_of_hub() => {
            let why = format!("`{}` belongs to a workspace that has its registry in another repository", known.repo);
            return Err(CliError::no(Code::RegistryElsewhere, format!("cannot write a registry: {why}"))
                .hint("git os init --registry FILE"));
        }
        Some(known) => (known.repo.to_string(), as_agreed(known)),
        None => (name_of(top), suggested(top, repo)?),
    };
    let judge = known.is_some_and(|known| known.judged);
    let agents = if judge {
        "verifier = \"claude\"\n\n[agents.claude]\nkind = \"claude\"\n"
    } else {
        "\n# [agents.claude]\n# kind = \"claude\"\n"
    };
    Ok(format!(
        "version = 1\n\n[os]\nhub = {hub}\njobs = 4\n\n[[repo]]\nname = {hub}\npath = \".\"\n{entry}{remote}\
         # agent = \"claude\"   # the agent that works on tickets here; see [agents.claude] below\n{agents}",
        hub = quoted(&name),
    ))
}

fn has_origin(repo: &Repo) -> bool {
    repo.config(&format!("remote.{ORIGIN}.url")).is_some()
}

/// What was agreed on for a repository.
#[derive(Default)]
pub(super) struct Known {
    pub(super) policy: Option<Policy>,
    pub(super) registry: Option<PublishedRegistry>,
}

/// What is published, here or at the remote.
///
/// # Errors
/// When git fails, or the remote cannot be reached.
pub(super) fn find_known(repo: &Repo) -> Result<Known, CliError> {
    if let Some((_, known)) = policy::read(repo)? {
        return Ok(Known { policy: Some(known), registry: policy::find_registry(repo)? });
    }
    if !has_origin(repo) {
        return Ok(Known::default());
    }
    let there = tracking(ORIGIN, META);
    // As a pattern, so that it is no fault when there is none.
    match repo.fetch(ORIGIN, &[format!("+{META}*:{there}*")], &[])? {
        Fetched::Done => Ok(Known {
            policy: policy::read_at(repo, &there)?.map(|known| known.1),
            registry: policy::find_registry_at(repo, &there)?,
        }),
        Fetched::Failed(why) => {
            let what = format!("cannot get the policy of this repository from `{ORIGIN}`: {why}");
            Err(CliError::no(Code::RemoteUnreachable, what)
                .hint("git os init   # again, when the remote is reachable")
                .hint("git os init --registry FILE   # with a registry of your own"))
        }
    }
}

/// What is known of a repository that nobody has put under git-os: its branch, and the check that its files suggest.
fn suggested(top: &Utf8Path, repo: &Repo) -> Result<String, CliError> {
    let branch = default_branch(repo)?;
    let known = [
        ("Cargo.toml", "cargo test"),
        ("package.json", "npm test"),
        ("pyproject.toml", "pytest -q"),
        ("go.mod", "go test ./..."),
        ("Makefile", "make test"),
        ("tests/run.sh", "sh tests/run.sh"),
    ];
    let check = known.iter().find(|(file, _)| top.join(file).as_std_path().exists());
    let checks = check.map_or_else(
        || {
            "# checks = [{ name = \"tests\", run = \"make test\" }]   # commands that must exit with 0 before work lands\n"
                .to_owned()
        },
        |(_, run)| format!("checks = [{{ name = \"tests\", run = \"{run}\" }}]\n"),
    );
    Ok(format!("brand = {}\nprotected = [{}]\n{checks}", quoted(&name_of(top)), quoted(&branch)))
}

/// The branch that work lands on, which need not be the one that is checked out now: the remote's default branch, else the
/// one by the name of `init.defaultBranch` or of a usual name, else the only branch, else the one checked out.
fn default_branch(repo: &Repo) -> Result<String, CliError> {
    let heads = repo.list_remote_heads()?;
    // With several remotes none of which is the usual one, none of them decides.
    let head = heads.iter().find(|head| head.0 == ORIGIN).or(if heads.len() == 1 { heads.first() } else { None });
    if let Some((_, branch)) = head {
        return Ok(branch.clone());
    }
    let branches: Vec<String> =
        repo.list_refs(BRANCHES)?.into_iter().map(|(name, _)| name[BRANCHES.len()..].to_owned()).collect();
    let configured = repo.config("init.defaultBranch");
    let usual = configured.as_deref().into_iter().chain(["main", "master", "trunk"]);
    if let Some(name) = usual.into_iter().find(|name| branches.iter().any(|branch| branch == name)) {
        return Ok(name.to_owned());
    }
    if let [only] = branches.as_slice() {
        return Ok(only.clone());
    }
    let here = repo.head_branch().unwrap_or_default();
    Ok(here.strip_prefix(BRANCHES).unwrap_or("main").to_owned())
}

/// What a policy says of its repository.
fn as_agreed(known: &Policy) -> String {
    let list = |items: &[String]| format!("[{}]", items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", "));
    let check = |check: &crate::core::meta::Check| format!("{{ name = {}, run = {} }}", quoted(&check.name), quoted(&check.run));
    let checks = known.checks.iter().map(check).collect::<Vec<_>>().join(", ");
    let lines = [
        (true, format!("brand = {}", quoted(known.brand.as_str()))),
        (true, format!("protected = {}", list(&known.protected))),
        (!known.checks.is_empty(), format!("checks = [{checks}]")),
        (known.gate != Gate::Tickets, format!("gate = \"{}\"", known.gate)),
        (!known.auto_commit.is_empty(), format!("auto_commit = {}", list(&known.auto_commit))),
        (known.grade != Grade::A, format!("grade = \"{}\"", known.grade)),
        (known.silo, "silo = true".to_owned()),
        (known.max_attempts != DEFAULT_ATTEMPTS, format!("max_attempts = {}", known.max_attempts)),
        (known.land != Land::Merge, format!("land = \"{}\"", known.land)),
        (known.offline_claims != OfflineClaims::Refuse, format!("offline_claims = \"{}\"", known.offline_claims)),
    ];
    lines.into_iter().filter(|line| line.0).fold(String::new(), |all, (_, line)| all + &line + "\n")
}

/// A name for a repository, made of that of its folder.
fn name_of(top: &Utf8Path) -> String {
    let name = deunicode::deunicode(top.file_name().unwrap_or_default()).to_lowercase();
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name = words.collect::<Vec<_>>().join("-");
    name.truncate(MAX_NAME);
    let name = name.trim_end_matches('-');
    if name.is_empty() { "repo".to_owned() } else { name.to_owned() }
}

/// A string as TOML has it; as JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::RepoName;

    #[test]
    fn a_folder_of_any_name_has_a_repository_name_that_can_be_read() {
        let long = "word ".repeat(20);
        for (folder, name) in [
            ("naïve app", "naive-app"),
            ("Größe_2", "grosse-2"),
            ("Łódź", "lodz"),
            ("--", "repo"),
            ("a -- b", "a-b"),
            (long.as_str(), "word-word-word-word-word-word-word-word"),
        ] {
            assert_eq!(name_of(&Utf8Path::new("/home/ann").join(folder)), name);
            assert!(RepoName::parse(name).is_ok(), "{name}");
        }
    }
}
