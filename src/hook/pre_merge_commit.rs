//! `pre-merge-commit`: reports early what the `reference-transaction` hook would reject after the merge.

use super::{Reply, here, say};
use crate::core::id::ObjectId;
use crate::core::meta::Gate;
use crate::gate;
use crate::git::Repo;
use crate::git::process::read_file;
use crate::ledger::Ledger;

pub(super) fn run() -> Reply {
    let Ok(repo) = here() else { return Reply::Go };
    let Ok(ledger) = Ledger::open(&repo) else { return Reply::Go };
    let Some(branch) = repo.head_branch().filter(|branch| ledger.policy.is_protected(branch)) else { return Reply::Go };
    let heads = merge_heads(&repo);
    let refused = match ledger.policy.gate {
        Gate::Off => None,
        Gate::All => Some("the merge commit would belong to no verified ticket".to_owned()),
        Gate::Tickets => {
            let old = repo.find_ref(&branch).ok().flatten();
            heads.iter().find_map(|head| {
                let added = repo.difference(old, *head).ok()?.added;
                let (commit_id, ticket, _) = gate::involved(&ledger, old, &added).ok()??;
                Some(format!(
                    "commit {} belongs to ticket {ticket}, and the merge commit would not be verified",
                    commit_id.short(12)
                ))
            })
        }
    };
    match refused {
        Some(why) => {
            let short = branch.trim_start_matches("refs/heads/");
            say(&format!("error: refusing to merge into `{short}`: {why}"));
            say("hint: git merge --abort   # undo this merge");
            say("hint: git os merge TICKET   # land a verified ticket");
            Reply::Stop
        }
        None => Reply::Go,
    }
}

/// The commits being merged: git names each in a variable, and in `MERGE_HEAD` after a merge that stopped.
fn merge_heads(repo: &Repo) -> Vec<ObjectId> {
    let named = std::env::vars().filter_map(|(key, _)| ObjectId::parse(key.strip_prefix("GITHEAD_")?).ok());
    let file = read_file(&repo.git_dir().join("MERGE_HEAD")).unwrap_or_default();
    named.chain(file.lines().filter_map(|line| ObjectId::parse(line).ok())).collect()
}
