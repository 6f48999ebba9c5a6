//! `refs/os/meta`: the policy, as `git os init` publishes it. Each publication is judged by the policy before it.

use super::fold::Meeting;
use super::{Audit, Joined, Kind, Order, Rank, Scene, is_commit, rejected};
use crate::core::denial::{Cause, Denial};
use crate::core::event::Role;
use crate::core::id::{Brand, META, ObjectId, RepoName, TICKETS};
use crate::core::meta::{self, FILE, Policy};
use crate::core::registry::{self, Registry, RepoEntry};
use crate::core::ruling::{Ruling, granted};
use crate::core::signer::{self, Actor, is_asked};
use crate::core::text::MAX_FILE;
use crate::core::trailers::{Key, Message};
use crate::git::Repo;
use crate::git::object::Commit;
use crate::git::refs::Update;
use crate::git::signature::NewCommit;
use crate::ledger::policy::{find_registry, read, read_file, root_at, root_of};
use crate::ledger::{Ledger, LedgerError, random_hex, signed};

pub(crate) struct Policies;

impl Kind for Policies {
    fn owns(&self, name: &str) -> bool {
        name == META
    }

    fn rank(&self) -> Rank {
        Rank::Policy
    }

    fn needs_policy(&self) -> bool {
        false
    }

    fn judge(&self, scene: &Scene<'_>, _name: &str, old: Option<ObjectId>, new: ObjectId) -> Result<Ruling<()>, LedgerError> {
        judge(scene.repo, old, new)
    }

    fn judge_deletion(&self, _scene: &Scene<'_>, _name: &str, _old: ObjectId) -> Result<Ruling<()>, LedgerError> {
        Ok(Ruling::Denied(Denial::PolicyDeleted))
    }

    fn accept(&self, scene: &Scene<'_>, _name: &str, meeting: &Meeting) -> Result<Ruling<()>, LedgerError> {
        let Meeting { theirs, is_forward, .. } = *meeting;
        granted!(judge(scene.repo, meeting.base(), theirs)?);
        // A clone that was initialised apart gives way as long as nothing stands on its policy.
        let is_separate = !is_forward && is_of_another(scene.repo, theirs)? && !scene.repo.list_refs(TICKETS)?.is_empty();
        Ok(if is_separate { Ruling::Denied(Denial::SeparateClone) } else { Ruling::Granted(()) })
    }

    fn join(
        &self,
        scene: &Scene<'_>,
        _name: &str,
        (ours, theirs): (ObjectId, ObjectId),
        order: Order,
    ) -> Result<Ruling<Joined>, LedgerError> {
        let repo = scene.repo;
        // Nothing is signed anew that was not right before.
        if !judge(repo, None, ours)?.is_granted() {
            return Ok(Ruling::Denied(Denial::LocalIllegal));
        }
        Ok(match put_together(repo, ours, theirs, order)? {
            Some(Ok(tip)) => Ruling::Granted(Joined::Both { tip, conflicts: 0 }),
            // What this machine alone published comes from its registry, from which an operator may publish it again.
            Some(Err(_)) if order == Order::Theirs => {
                rejected::keep(repo, ours)?;
                Ruling::Granted(Joined::Theirs)
            }
            Some(Err(why)) => Ruling::Denied(Denial::OperatorNeeded(why)),
            // Published here before it was known that there is one, and nothing stands on it yet.
            None => Ruling::Granted(Joined::Theirs),
        })
    }

    fn audit(&self, scene: &Scene<'_>, name: &str, tip: ObjectId, report: &mut Audit) -> Result<(), LedgerError> {
        let ruling = match is_commit(scene.repo, tip)? {
            Ruling::Granted(()) => judge(scene.repo, None, tip)?,
            denied @ Ruling::Denied(_) => denied,
        };
        if let Ruling::Denied(why) = ruling {
            report.add(name, Some(tip), &why);
        }
        Ok(())
    }
}

/// What a publication is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Published {
    /// What was published is in force already.
    Nothing,
    Policy,
    /// The registry alone.
    Registry,
}

/// What there is to publish.
struct News<'a> {
    known: Option<Ledger<'a>>,
    /// The registry to publish: the one that is wanted, or else the one in force.
    registry: Option<String>,
    /// Whether the policy here leaves out what the shared remote let in.
    is_overtaken: bool,
    what: Published,
}

fn news<'a>(repo: &'a Repo, policy: &Policy, registry: Option<&str>) -> Result<News<'a>, LedgerError> {
    let known = if repo.find_ref(META)?.is_some() { Some(Ledger::open(repo)?) } else { None };
    let in_force = find_registry(repo)?.map(|known| known.text);
    let is_same = known.as_ref().is_some_and(|known| known.policy == *policy);
    let is_overtaken = match &known {
        Some(known) if is_same => signed::is_overtaken(known)?,
        Some(_) | None => false,
    };
    let what = match registry {
        _ if !is_same || is_overtaken => Published::Policy,
        Some(registry) if Some(registry) != in_force.as_deref() => Published::Registry,
        Some(_) | None => Published::Nothing,
    };
    Ok(News { known, registry: registry.map(str::to_owned).or(in_force), is_overtaken, what })
}

/// What [`publish`] would publish.
///
/// # Errors
/// When git cannot read.
pub(crate) fn foresee(repo: &Repo, policy: &Policy, registry: Option<&str>) -> Result<Published, LedgerError> {
    Ok(news(repo, policy, registry)?.what)
}

/// Publishes a policy, and in the hub the registry, unless they are the ones in force. Without a registry the one that was
/// published stays.
///
/// # Errors
/// When git cannot write.
pub(crate) fn publish(repo: &Repo, policy: &Policy, registry: Option<&str>) -> Result<Published, LedgerError> {
    repo.update_ref(META, |old| {
        let News { known, registry, is_overtaken, what } = news(repo, policy, registry)?;
        if what == Published::Nothing {
            return Ok(Update::Stop(what));
        }
        let file = repo.write_blob(policy.to_json().as_bytes())?;
        let mut tree_id = repo.edit_tree(None, FILE, Some(file))?;
        if let Some(text) = registry {
            tree_id = repo.edit_tree(Some(tree_id), registry::FILE, Some(repo.write_blob(text.as_bytes())?))?;
        }
        let mut actors = &[][..];
        if let Some(known) = &known {
            actors = &known.policy.actors;
            if known.policy.actors != policy.actors || is_overtaken {
                let tips = repo.write_blob(signed::tips(known)?.as_bytes())?;
                tree_id = repo.edit_tree(Some(tree_id), signed::TIPS, Some(tips))?;
            }
        }
        let message = message(&policy.repo, policy.version, known.as_ref().map(|known| known.repo_id), &random_hex()?);
        let parents: Vec<_> = old.into_iter().collect();
        let to = write(repo, actors, &NewCommit::by(&repo.identity()?, tree_id, &parents, message))?;
        Ok(Update::Move { to, then: what })
    })
}

/// The message of a publication; the first of a chain names no root.
fn message(repo: &RepoName, version: u32, root: Option<ObjectId>, nonce: &str) -> String {
    let message = Message::new(format_args!("[policy] {repo}"), "", version);
    message.with_some(Key::Root, root).with(Key::Nonce, nonce).into()
}

/// Writes a publication, signed by an operator where the policy before it has one.
fn write(repo: &Repo, actors: &[Actor], commit: &NewCommit) -> Result<ObjectId, LedgerError> {
    if !is_asked(actors, Role::Operator) {
        return Ok(repo.write_new(commit)?);
    }
    Ok(repo.write_commit_bytes(&signed::sign(repo, actors, Role::Operator, commit)?)?)
}

/// The policy that the registry means for a repository; where a branch came under the gate is kept.
///
/// # Errors
/// When a branch cannot be read.
pub(crate) fn of_registry(
    registry: &Registry,
    entry: &RepoEntry,
    repo: &Repo,
    known: Option<&Policy>,
) -> Result<Policy, LedgerError> {
    let mut epoch = known.map(|known| known.epoch.clone()).unwrap_or_default();
    epoch.retain(|branch, _| entry.protected.contains(branch));
    for branch in &entry.protected {
        if let (false, Some(tip)) = (epoch.contains_key(branch), repo.find_ref(&format!("refs/heads/{branch}"))?) {
            epoch.insert(branch.clone(), tip);
        }
    }
    let in_force = known.map(|known| known.actors.clone());
    let actors = registry.actors.clone().or(in_force).unwrap_or_default();
    let mut brands = vec![entry.brand.clone()];
    if entry.name == registry.hub {
        brands.extend(Brand::parse(Brand::GLOBAL).ok());
    }
    let mut policy = Policy {
        version: meta::VERSION,
        repo: entry.name.clone(),
        brand: entry.brand.clone(),
        brands,
        protected: entry.protected.clone(),
        gate: entry.gate,
        auto_commit: entry.auto_commit.clone(),
        checks: entry.checks.clone(),
        grade: entry.grade,
        judged: !entry.verifiers.is_empty(),
        judges: entry.judges.clone(),
        max_attempts: entry.max_attempts,
        silo: entry.silo,
        offline_claims: entry.offline_claims,
        land: entry.land,
        epoch,
        actors,
    };
    policy.version = policy.needed_version();
    Ok(policy)
}

/// The publications of two sides, those of the second on top of the first; `None` when they have not the same root.
fn put_together(
    repo: &Repo,
    ours: ObjectId,
    theirs: ObjectId,
    order: Order,
) -> Result<Option<Result<ObjectId, Cause>>, LedgerError> {
    let chain = |tip| -> Result<Vec<(ObjectId, Commit)>, LedgerError> {
        let mut all = Vec::new();
        let mut next = Some(tip);
        while let Some(id) = next {
            let commit = repo.read_commit(id)?;
            next = commit.parents.first().copied();
            all.push((id, commit));
        }
        all.reverse();
        Ok(all)
    };
    let (ours, theirs) = (chain(ours)?, chain(theirs)?);
    let shared = ours.iter().zip(&theirs).take_while(|(left, right)| left.0 == right.0).count();
    if shared == 0 {
        return Ok(None);
    }
    let age = |side: &[(ObjectId, Commit)]| side.get(shared).map(|one| (one.1.time().0, one.0));
    let is_ours_first = match order {
        Order::Theirs => false,
        Order::Ours => true,
        Order::Older => age(&ours) < age(&theirs),
    };
    let (first, second) = if is_ours_first { (ours, theirs) } else { (theirs, ours) };
    let Some((mut tip, last)) = first.last().map(|one| (one.0, &one.1)) else { return Ok(None) };
    let mut actors = read_file(repo, last.tree_id)?.actors;
    for (_, commit) in &second[shared..] {
        // Its nonce tells a publication from all others.
        if first.iter().any(|known| known.1.message == commit.message) {
            continue;
        }
        let message = String::from_utf8_lossy(&commit.message).into_owned();
        tip = match write(repo, &actors, &NewCommit::like(commit, commit.tree_id, &[tip], message)) {
            Ok(tip) => tip,
            Err(error @ (LedgerError::Unsigned { .. } | LedgerError::NotYours { .. })) => {
                return Ok(Some(Err(Cause::new(error))));
            }
            Err(error) => return Err(error),
        };
        actors = read_file(repo, commit.tree_id)?.actors;
    }
    Ok(Some(Ok(tip)))
}

/// Whether a policy's chain has another root than the one in force here.
///
/// # Errors
/// When git cannot read.
fn is_of_another(repo: &Repo, theirs: ObjectId) -> Result<bool, LedgerError> {
    let root = root_at(theirs, &repo.read_commit(theirs)?);
    Ok(read(repo)?.is_some_and(|known| known.0 != root))
}

/// Whether a move of `refs/os/meta` publishes policies, each by whom the one before it asks for.
fn judge(repo: &Repo, old: Option<ObjectId>, new: ObjectId) -> Result<Ruling<()>, LedgerError> {
    let mut next = Some(new);
    let mut first = new;
    let mut root_named = Vec::new();
    let mut later = None;
    while let Some(id) = next.filter(|id| Some(*id) != old) {
        let commit = repo.read_commit(id)?;
        let policy = match read_file(repo, commit.tree_id) {
            Ok(policy) => policy,
            Err(error) => return Ok(Ruling::Denied(Denial::NotAPolicy { commit_id: id, source: Cause::new(error) })),
        };
        if let Some(later) = later.replace(id) {
            granted!(judge_hand(repo, &policy.actors, later)?);
        }
        root_named.push(root_of(&commit.message));
        first = id;
        next = match commit.parents.as_slice() {
            [] => None,
            [parent] => Some(*parent),
            _ => return Ok(Ruling::Denied(Denial::PolicyParents)),
        };
    }
    let root = match old {
        Some(_) if next.is_none() => return Ok(Ruling::Denied(Denial::PolicyRewound)),
        Some(old) => {
            let commit = repo.read_commit(old)?;
            if let (Some(later), Some(actors)) = (later, actors_in_force(repo, commit.tree_id)?) {
                granted!(judge_hand(repo, &actors, later)?);
            } else if later.is_some() {
                return Ok(Ruling::Denied(Denial::PolicyNewer));
            }
            Some(root_at(old, &commit))
        }
        None => {
            root_named.pop();
            Some(first)
        }
    };
    if root_named.iter().any(|named| *named != root) {
        return Ok(Ruling::Denied(Denial::PolicyOfAnother));
    }
    Ok(Ruling::Granted(()))
}

/// Whether a publication is by whom the policy before it asks for.
fn judge_hand(repo: &Repo, actors: &[Actor], commit_id: ObjectId) -> Result<Ruling<()>, LedgerError> {
    if !is_asked(actors, Role::Operator) {
        return Ok(Ruling::Granted(()));
    }
    let hand = signed::read_hand(repo, commit_id)?;
    let judged = signer::permit(actors, Role::Operator, &hand);
    Ok(judged.map_err(|why| Denial::NotByAnOperator { commit_id, why: Box::new(why) }).into())
}

/// The actors of a policy that is to be followed by another; `None` when they are not known. A file that is no policy at all
/// has none, so that another one can mend it.
fn actors_in_force(repo: &Repo, tree_id: ObjectId) -> Result<Option<Vec<Actor>>, LedgerError> {
    let text = repo.find_file(tree_id, FILE, MAX_FILE)?.unwrap_or_default();
    if let Ok(policy) = Policy::from_json(&text) {
        return Ok(Some(policy.actors));
    }
    let is_newer = serde_json::from_slice::<serde_json::Value>(&text).is_ok_and(|json| {
        json.get("actors").is_some() || json.get("version").is_some_and(|version| *version != serde_json::json!(meta::VERSION))
    });
    Ok((!is_newer).then(Vec::new))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::policy::root_of;

    #[test]
    fn the_stored_bytes_of_a_publication_stay_as_they_are() {
        let repo = RepoName::parse("umano").expect("a name");
        let root = ObjectId::parse(&"1".repeat(40)).expect("hex");
        let stored = format!("[policy] umano\n\nOs-Schema: 2\nOs-Root: {root}\nOs-Nonce: ab\n");
        assert_eq!(message(&repo, 2, Some(root), "ab"), stored);
        assert_eq!(root_of(stored.as_bytes()), Some(root));
        assert_eq!(message(&repo, 2, None, "ab"), "[policy] umano\n\nOs-Schema: 2\nOs-Nonce: ab\n");
    }

    #[test]
    fn a_root_is_named_by_a_trailer_and_not_by_text() {
        let root = "1".repeat(40);
        assert_eq!(root_of(format!("Os-Root: {root}\n\nOs-Schema: 1\nOs-Nonce: ab\n").as_bytes()), None);
        assert_eq!(root_of(format!("Os-Root: {root}\n").as_bytes()), None);
    }
}
