//! What git may be asked to do.

use super::super::text::{Text, known, literal};
use super::super::{Denied, World};
use super::{denied, may_read, may_walk};

/// Settings that change what runs, or whether hooks do.
const CLOSED: &[&str] = &[
    "core.hookspath",
    "core.fsmonitor",
    "alias.",
    "include",
    "core.worktree",
    "core.sshcommand",
    "filter.",
    "credential.",
    "url.",
    "diff.external",
];
/// They send to others, move refs past the rules, or destroy history.
const REFUSED: &[(&str, &str)] = &[
    ("push", "pushes are for whoever lands the work"),
    ("send-pack", "pushes are for whoever lands the work"),
    ("filter-branch", "it destroys history"),
    ("filter-repo", "it destroys history"),
    ("prune", "it destroys history"),
    ("fast-import", "it moves refs"),
    ("receive-pack", "it moves refs"),
    ("replace", "it changes what commits are"),
    ("credential", "credentials are not for you"),
];

/// Whether it may run; what it would run itself as code.
pub(in crate::guard) fn judge(world: &World, cwds: &[Text], arguments: &[Vec<Text>]) -> Result<Vec<Text>, Denied> {
    let words: Vec<Option<String>> = arguments.iter().map(|choices| choices.first().and_then(|text| literal(text))).collect();
    let mut code = Vec::new();
    let mut cwds = cwds.to_vec();
    let mut at = 0;
    while let Some(Some(word)) = words.get(at).filter(|word| word.as_ref().is_some_and(|word| word.starts_with('-'))) {
        at += 1;
        match word.as_str() {
            "-C" | "--git-dir" | "--work-tree" | "--exec-path" => {
                let values = arguments.get(at).cloned().unwrap_or_default();
                values.iter().try_for_each(|text| may_read(world, &cwds, text))?;
                if word == "-C" {
                    let under =
                        |text: &Text| cwds.iter().map(|cwd| [cwd.as_slice(), &known("/"), text].concat()).collect::<Vec<_>>();
                    cwds = values
                        .iter()
                        .flat_map(|text| if text.first() == known("/").first() { vec![text.clone()] } else { under(text) })
                        .collect();
                }
                at += 1;
            }
            "-c" | "--config-env" => {
                let setting = words.get(at).cloned().flatten().unwrap_or_default();
                let key = setting.split('=').next().unwrap_or_default().to_ascii_lowercase();
                if word == "--config-env" || CLOSED.iter().any(|closed| key.starts_with(closed)) || setting.is_empty() {
                    return Err(denied(&format!("`git -c {key}` changes what git runs")));
                }
                at += 1;
            }
            word if word.starts_with("--config-env") => return Err(denied("`--config-env` changes what git runs")),
            word => {
                if let Some((_, value)) = word.split_once('=') {
                    may_read(world, &cwds, &known(value))?;
                }
            }
        }
    }
    let Some(verb) = words.get(at) else { return Ok(code) };
    let verb = verb.clone().unwrap_or_default();
    let rest = &arguments[at + 1..];
    let words: Vec<String> = words[at + 1..].iter().map(|word| word.clone().unwrap_or_default()).collect();
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    if let Some((_, why)) = REFUSED.iter().find(|refused| refused.0 == verb) {
        return Err(denied(&format!("`git {verb}` is refused: {why}")));
    }
    if has(&["--no-verify"]) || (verb == "commit" && words.iter().any(|word| word == "-n")) {
        return Err(denied("`--no-verify` goes around the hooks"));
    }
    let positional: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let is_closed = |name: &str| {
        let name = name.trim_start_matches('+').rsplit(':').next().unwrap_or_default();
        let is_ours = name.starts_with("refs/os") || name.starts_with("refs/notes/os");
        is_ours || world.protected.iter().any(|branch| name == branch || name == format!("refs/heads/{branch}"))
    };
    match verb.as_str() {
        "config"
            if !(has(&["--get", "--get-all", "--get-regexp", "--list", "-l", "get", "list"])
                || positional.len() == 1 && !has(&["--unset", "--unset-all", "-e", "--edit"])) =>
        {
            return Err(denied("git's settings are for the operator"));
        }
        "remote" if has(&["add", "set-url", "remove", "rm", "rename", "set-head"]) => {
            return Err(denied("git's settings are for the operator"));
        }
        "update-ref" | "symbolic-ref" if words.iter().any(|word| is_closed(word)) || has(&["--stdin"]) => {
            return Err(denied(&format!("`git {verb}` would move a ref that only moves by the rules")));
        }
        "branch"
            if words.iter().any(|word| {
                matches!(word.as_str(), "-f" | "--force" | "-D" | "-d" | "-M" | "-m" | "-C" | "--delete" | "--move")
            }) && words.iter().any(|word| is_closed(word)) =>
        {
            return Err(denied("a protected branch only moves by a landing"));
        }
        "fetch" | "pull" if words.iter().any(|word| word.contains(':') && !word.contains("://") && is_closed(word)) => {
            return Err(denied("a protected branch only moves by a landing"));
        }
        "checkout" | "switch" if has(&["--ignore-other-worktrees"]) => {
            return Err(denied("a protected branch only moves by a landing"));
        }
        "worktree" if has(&["remove", "move", "prune", "repair"]) => return Err(denied("other worktrees are not yours")),
        "reflog" if has(&["expire", "delete"]) => return Err(denied("`git reflog` would destroy history")),
        "gc" if words.iter().any(|word| word.starts_with("--prune")) => {
            return Err(denied("`git gc --prune` would destroy history"));
        }
        "rebase" | "submodule" | "bisect" => {
            let after = |wanted: &str| words.iter().position(|word| word == wanted).map(|at| words[at + 1..].to_vec());
            let run = after("--exec").or_else(|| after("-x")).map(|words| words.into_iter().take(1).collect::<Vec<_>>());
            code.extend(run.or_else(|| after("foreach")).or_else(|| after("run")).map(|words| known(&words.join(" "))));
        }
        "grep" if has(&["--no-index"]) => may_walk(world, &cwds, &known("."))?,
        _ => {}
    }
    super::files::judge(world, &cwds, if verb == "grep" { "grep" } else { "git" }, rest)?;
    Ok(code)
}
