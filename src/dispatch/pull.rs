//! Verified → merged where the host of the remote lands: the work goes there as a branch and a pull request, and is followed
//! until the host has merged or closed it.
//!
//! What is in the protected branch tells first, so a host that cannot be asked keeps nobody from seeing what has landed.

use super::land::{Followed, Landing, follow, remote_of, share, short};
use super::{DispatchError, Site, prepare, take_in, write};
use crate::core::event::{Action, Role};
use crate::core::id::ObjectId;
use crate::core::progress::{Hold, LandingEvent, Stage, What};
use crate::core::registry::from_registry;
use crate::core::ruling::Ruling;
use crate::core::text;
use crate::core::trailers::{Key, plain};
use crate::gate;
use crate::git::remote::{Offer, PrePush, Pushed};
use crate::host::{Host, NewRequest, PullRequest, RequestState};
use crate::ledger::{Draft, Entry, Ledger, shared_remote};
use crate::local::{pulls, worktrees};

/// How much of a description the text of a request has, in bytes.
const MAX_DESCRIPTION: usize = 20_000;

/// Takes a verified ticket as far as the host lets it.
///
/// # Errors
/// If git or the ledger fails.
pub(super) fn run(site: &Site<'_>, ledger: &Ledger<'_>, entry: &Entry) -> Result<Landing, DispatchError> {
    let (Some(head), Some(base)) = (entry.ticket.head, entry.ticket.base) else { return Ok(Landing::Held(Hold::NoHead)) };
    let Some(remote) = shared_remote(&site.repo) else {
        return Ok(Landing::Held(Hold::HostAway { why: "this repository has no shared remote".to_owned() }));
    };
    if let Some(url) = pulls::find(&site.repo, &entry.id, head) {
        return Ok(Landing::Held(Hold::PullRequest { url }));
    }
    let trunk = ledger.policy.trunk().unwrap_or_default();
    match follow(site, ledger, &remote, &trunk)? {
        // Where it cannot be brought here, the person's branch has something of its own; what landed is seen all the same.
        Followed::Done | Followed::Apart(_) => {}
        Followed::Away(why) => return Ok(Landing::Held(Hold::RemoteAway { remote, why })),
    }
    let request = Request { site, ledger, entry, remote: &remote, trunk: &trunk, head, base };
    if request.has_landed(None)? {
        return Ok(Landing::Landed);
    }
    if ledger.find(&entry.id)?.is_none_or(|now| now.tip != entry.tip) {
        return Ok(Landing::Stale);
    }
    request.ask()
}

/// One ticket on its way through the host.
struct Request<'a> {
    site: &'a Site<'a>,
    ledger: &'a Ledger<'a>,
    entry: &'a Entry,
    remote: &'a str,
    /// The full name of the branch that it is to land on.
    trunk: &'a str,
    head: ObjectId,
    base: ObjectId,
}

impl Request<'_> {
    /// Whether the protected branch, here or at the remote, has the work: itself, or as the host rewrote it. Then the ticket
    /// says so.
    fn has_landed(&self, merged_as: Option<ObjectId>) -> Result<bool, DispatchError> {
        let (repo, id) = (&self.site.repo, &self.entry.id);
        let landed = crate::ledger::replay::Landed::new(repo, &self.ledger.policy);
        let action = if landed.has(self.head) {
            Some(Action::Merge { copy: None })
        } else {
            self.find_copy(merged_as.filter(|commit_id| landed.has(*commit_id)))?.map(|copy| Action::Merge { copy: Some(copy) })
        };
        let Some(action) = action else { return Ok(false) };
        // Nothing else keeps work of which the branch has only a copy.
        self.ledger.keep_work(id, self.head)?;
        if let Ruling::Denied(_) = self.ledger.submit(id, &Draft::new(action, Role::Gate))? {
            return Ok(false);
        }
        pulls::forget(repo, id)?;
        self.site.reached(Stage::Merged);
        self.site.tell(What::Landing(LandingEvent::Landed { branch: short(self.trunk) }));
        Ok(true)
    }

    /// What the branch has in place of the work: the same changes, one by one or as one, or what names the ticket.
    fn find_copy(&self, merged_as: Option<ObjectId>) -> Result<Option<ObjectId>, DispatchError> {
        let repo = &self.site.repo;
        let there = format!("refs/remotes/{}/{}", self.remote, short(self.trunk));
        for tip in [repo.find_ref(&there)?, self.ledger.find_trunk_tip()?].into_iter().flatten() {
            if !repo.is_ancestor(self.base, tip)? {
                continue;
            }
            if let Some(copy) = repo.find_copy(self.base, self.head, tip)? {
                return Ok(Some(copy));
            }
            if let Some(squash) = repo.find_squash(self.base, self.head, tip)? {
                return Ok(Some(squash));
            }
            let id = self.entry.id.as_str();
            for commit_id in repo.difference(Some(self.base), tip)?.added {
                let message = repo.read_commit(commit_id)?.message;
                if plain::values(&message, Key::Ticket.as_str()).last() == Some(&id) {
                    return Ok(Some(commit_id));
                }
            }
        }
        Ok(merged_as)
    }

    /// Asks the host how the request stands, and does what that asks for.
    fn ask(&self) -> Result<Landing, DispatchError> {
        let program = self.site.entry.host.as_ref().map(|host| from_registry(host, &self.site.registry_dir()));
        let away = |why: String| Ok(Landing::Held(Hold::HostAway { why }));
        let host = match Host::of(&self.site.repo, self.remote, program.as_deref()) {
            Ok(host) => host,
            Err(error) => return away(error.to_string()),
        };
        let branch = self.entry.id.branch();
        let branch_name = short(&branch);
        let known = match host.find(&branch_name) {
            Ok(known) => known.filter(|known| self.is_about_this(known)),
            Err(error) => return away(text::in_one_line(&error)),
        };
        let there = match self.site.repo.bring_branch(self.remote, &branch)? {
            Ok(there) => there,
            Err(why) => return Ok(Landing::Held(Hold::RemoteAway { remote: self.remote.to_owned(), why: why.to_string() })),
        };
        let request = match known {
            Some(PullRequest { state: RequestState::Merged, url, merged_as, .. }) => return self.merged(&url, merged_as),
            Some(PullRequest { state: RequestState::Closed, url, .. }) => {
                let reason = format!("the pull request {url} was closed without being merged");
                write(self.ledger, &self.entry.id, &Draft::new(Action::Block, Role::Gate).saying(&reason))?;
                pulls::forget(&self.site.repo, &self.entry.id)?;
                return Ok(Landing::Waited);
            }
            Some(known) => {
                if let Some(theirs) = there.filter(|there| *there != self.head)
                    && !self.is_ours(theirs)?
                {
                    return self.take_over(theirs);
                }
                if let Some(why) = self.offer(&branch, there)? {
                    return Ok(Landing::Held(why));
                }
                known
            }
            None => {
                if let Some(why) = self.offer(&branch, there)? {
                    return Ok(Landing::Held(why));
                }
                let title = self.entry.ticket.content.title.clone();
                let body = self.text()?;
                let base = short(self.trunk);
                match host.open(&NewRequest { branch: &branch_name, base: &base, title: &title, body: &body }) {
                    Ok(opened) => {
                        let said = format!("opened the pull request {} with `{}`", opened.url, host.tool());
                        write(self.ledger, &self.entry.id, &Draft::new(Action::Comment, Role::Gate).saying(&said))?;
                        opened
                    }
                    Err(error) => return away(text::in_one_line(&error)),
                }
            }
        };
        pulls::keep(&self.site.repo, &self.entry.id, self.head, &request.url)?;
        if let Some(remote) = remote_of(self.site) {
            share(self.site, self.ledger, &remote)?;
        }
        Ok(Landing::Held(Hold::PullRequest { url: request.url }))
    }

    /// Whether a request that is over is about the work as it is now, and not about an earlier attempt.
    fn is_about_this(&self, known: &PullRequest) -> bool {
        known.state == RequestState::Open || known.head.is_none_or(|head| head == self.head)
    }

    /// The host has merged it; where it is in the branch has to be seen.
    fn merged(&self, url: &str, merged_as: Option<ObjectId>) -> Result<Landing, DispatchError> {
        // It may have been merged since the branch was fetched.
        if let Followed::Away(why) = follow(self.site, self.ledger, self.remote, self.trunk)? {
            return Ok(Landing::Held(Hold::RemoteAway { remote: self.remote.to_owned(), why }));
        }
        if self.has_landed(merged_as)? {
            return Ok(Landing::Landed);
        }
        let branch = short(self.trunk);
        let reason = format!(
            "the pull request {url} was merged, but no commit of `{branch}` makes the changes that were verified or names this ticket"
        );
        write(self.ledger, &self.entry.id, &Draft::new(Action::Block, Role::Gate).saying(&reason))?;
        Ok(Landing::Waited)
    }

    /// Whether a commit was handed in for this ticket, or is a part of the work.
    fn is_ours(&self, there: ObjectId) -> Result<bool, DispatchError> {
        if self.ledger.repo.is_ancestor(there, self.head)? {
            return Ok(true);
        }
        let links = crate::ledger::replay::links(self.ledger.repo, self.entry.tip, None)?.granted().unwrap_or_default();
        Ok(links.iter().any(|link| match link.record.event.action {
            Action::Submit { head, .. } | Action::Stale { head, .. } => head == there,
            _ => false,
        }))
    }

    /// Puts the branch at the remote to the verified commit. Returns why that cannot be.
    fn offer(&self, branch: &str, there: Option<ObjectId>) -> Result<Option<Hold>, DispatchError> {
        if there == Some(self.head) {
            return Ok(None);
        }
        let offer = Offer { name: branch.to_owned(), expected: there, new: Some(self.head) };
        let remote = self.remote.to_owned();
        Ok(match self.site.repo.push(self.remote, &[offer], PrePush::Runs)? {
            Pushed::Done => None,
            Pushed::Refused(why) => Some(Hold::RemoteRefuses { remote, why }),
            Pushed::NotTaken(why) | Pushed::Unclear(why) => Some(Hold::RemoteAway { remote, why: why.to_string() }),
            Pushed::Lost => Some(Hold::RemoteAway { remote, why: "the branch was moved meanwhile".to_owned() }),
        })
    }

    /// People changed the branch at the host: what they made of it is verified anew.
    fn take_over(&self, theirs: ObjectId) -> Result<Landing, DispatchError> {
        let (repo, branch) = (&self.site.repo, self.entry.id.branch());
        let trunk = format!("refs/remotes/{}/{}", self.remote, short(self.trunk));
        let base = repo.git().line(["merge-base", &trunk, &theirs.to_string()])?;
        let base = base.and_then(|base| ObjectId::parse(&base).ok()).unwrap_or(self.base);
        let worktree = self.site.worktree(&self.entry.id);
        if worktree.as_std_path().exists() {
            worktrees::rescue(repo, &self.entry.id, &worktree, self.head)?;
        }
        prepare::set_branch(repo, &branch, theirs)?;
        if let Some(git) = repo.pinned(&worktree) {
            take_in::sit_on(&git, &branch)?;
        }
        let said = format!("people changed the branch at the host: {} in place of {}", theirs.short(12), self.head.short(12));
        write(self.ledger, &self.entry.id, &Draft::new(Action::Stale { head: theirs, base }, Role::Gate).saying(&said))?;
        pulls::forget(repo, &self.entry.id)?;
        Ok(Landing::Stale)
    }

    /// The text of the request: what was asked for, and what was shown.
    fn text(&self) -> Result<String, DispatchError> {
        let description = self.ledger.description(self.entry)?;
        let description = text::excerpt(description.trim(), MAX_DESCRIPTION);
        let mut lines = vec![description, String::new(), format!("Verified at {}:", self.head.short(12))];
        if let Some(verdict) = gate::find_pass(&self.site.repo, self.entry.tip)? {
            for check in &verdict.checks {
                lines.push(format!(
                    "- check `{}`: passed in {:.1} s",
                    check.name,
                    std::time::Duration::from_millis(check.millis).as_secs_f32()
                ));
            }
            if verdict.judge.agent != "checks" {
                lines.push(format!("- judge `{}`: passed", verdict.judge.agent));
            }
            lines.extend(verdict.judge.reasons.iter().map(|reason| format!("  - {}", text::line(reason, 500))));
        }
        let run = self.entry.ticket.run.as_ref().map(|run| format!("\n{}: {run}", Key::Run)).unwrap_or_default();
        lines.push(format!("\n{}: {}{run}", Key::Ticket, self.entry.id));
        Ok(lines.join("\n").trim_start().to_owned() + "\n")
    }
}

/// Follows the pull requests of a repository, whoever opened them.
///
/// # Errors
/// If git or the ledger fails.
pub(super) fn follow_all(site: &Site<'_>, ledger: &Ledger<'_>) -> Result<(), DispatchError> {
    if ledger.policy.land != crate::core::meta::Land::PullRequest || !ledger.may_act(Role::Gate) {
        return Ok(());
    }
    for row in ledger.rows()?.tickets {
        if row.ticket.state != crate::core::event::State::Verified {
            continue;
        }
        let Some(entry) = ledger.find(&row.id)? else { continue };
        match run(site, ledger, &entry)? {
            Landing::Held(hold @ (Hold::HostAway { .. } | Hold::RemoteAway { .. })) => {
                site.tell(What::Landing(LandingEvent::WaitsForHost(hold)));
                return Ok(());
            }
            Landing::Held(_) | Landing::Landed | Landing::Stale | Landing::Waited => {}
        }
    }
    Ok(())
}
