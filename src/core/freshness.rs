//! Which phases a session runs and which it can skip, with the reason for each.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::id::{Brand, RepoName};
use super::session::{Phase, Seen};
use super::verdict::Grade;

/// The facts at the start of a session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Present {
    /// Today in UTC, `YYYY-MM-DD`.
    pub(crate) date: String,
    /// The repositories that scouts read: the brand, and the commit of the trunk, empty if the trunk has no commit.
    pub(crate) repos: BTreeMap<RepoName, (Brand, String)>,
    /// The brands with tickets that are blocked or wait for an answer.
    pub(crate) stuck: BTreeSet<Brand>,
    /// A fingerprint of everything that the doctor checks.
    pub(crate) health: String,
}

/// Whether a phase runs, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Decision {
    pub(crate) phase: Phase,
    pub(crate) runs: bool,
    pub(crate) why: String,
    /// The brands that the phase covers; empty means all.
    pub(crate) brands: Vec<Brand>,
}

/// Decides each phase, in order.
#[must_use]
pub(crate) fn decide(seen: &Seen, present: &Present) -> Vec<Decision> {
    let mut changed: Vec<Brand> = Vec::new();
    for (repo, (brand, head)) in &present.repos {
        let is_new = seen.scouted.get(repo).map(String::as_str) != Some(head);
        if is_new && !head.is_empty() && !changed.contains(brand) {
            changed.push(brand.clone());
        }
    }
    // News that an interrupted session has read but not discussed is still news.
    let mut news = changed.clone();
    news.extend(seen.news.iter().filter(|brand| !changed.contains(brand)).cloned());
    let interviewed = |brand: &Brand| seen.interviewed.get(brand) == Some(&present.date);
    let mut topical = news.clone();
    topical.extend(present.stuck.iter().filter(|brand| !news.contains(brand)).cloned());
    let engaged: Vec<Brand> = topical.iter().filter(|brand| !interviewed(brand)).cloned().collect();
    Phase::ALL
        .iter()
        .map(|phase| {
            decide_one(*phase, seen, present, &Brands { changed: &changed, news: &news, topical: &topical, engaged: &engaged })
        })
        .collect()
}

/// Brands by what has to be done for them.
struct Brands<'a> {
    /// They have commits that no scout has read.
    changed: &'a [Brand],
    /// Scouts have read, or will read, something new in them.
    news: &'a [Brand],
    /// There is something to ask about: news, or tickets that are stuck.
    topical: &'a [Brand],
    /// They will be interviewed.
    engaged: &'a [Brand],
}

fn decide_one(phase: Phase, seen: &Seen, present: &Present, brands: &Brands<'_>) -> Decision {
    let Brands { changed, news, topical, engaged } = brands;
    let names = |brands: &[Brand]| brands.iter().map(Brand::as_str).collect::<Vec<_>>().join(", ");
    let (runs, why, brands) = match phase {
        Phase::Initialise | Phase::Outstanding | Phase::Draft | Phase::Dispatch | Phase::Close => {
            (true, "always".to_owned(), Vec::new())
        }
        Phase::Scout if changed.is_empty() => (false, "no brand has new commits".to_owned(), Vec::new()),
        Phase::Scout => (true, format!("new commits in {}", names(changed)), changed.to_vec()),
        Phase::Housekeeping => match &seen.doctor {
            Some((Grade::A, health)) if *health == present.health => {
                (false, "the last grade was A, and nothing has changed".to_owned(), Vec::new())
            }
            Some((grade, _)) if *grade != Grade::A => (true, format!("the last grade was {grade}"), Vec::new()),
            Some(_) => (true, "something changed since the last check".to_owned(), Vec::new()),
            None => (true, "never checked".to_owned(), Vec::new()),
        },
        Phase::Brief if news.is_empty() => (false, "scouts were skipped".to_owned(), Vec::new()),
        Phase::Brief => (true, "the scouts found changes".to_owned(), news.to_vec()),
        Phase::Interview if topical.is_empty() => (false, "no brand has news".to_owned(), Vec::new()),
        Phase::Interview if engaged.is_empty() => (false, format!("already held today with {}", names(topical)), Vec::new()),
        Phase::Interview => (true, format!("not yet held today with {}", names(engaged)), engaged.to_vec()),
    };
    Decision { phase, runs, why, brands }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present() -> Present {
        let brand = |name| Brand::parse(name).expect("valid");
        let repo = |name| RepoName::parse(name).expect("valid");
        Present {
            date: "2026-05-07".to_owned(),
            repos: BTreeMap::from([
                (repo("umano"), (brand("umano"), "a1".to_owned())),
                (repo("personal"), (brand("personal"), "b1".to_owned())),
                (repo("unborn"), (brand("suite52"), String::new())),
            ]),
            stuck: BTreeSet::new(),
            health: "h1".to_owned(),
        }
    }

    fn shown(seen: &Seen, present: &Present) -> String {
        decide(seen, present).iter().fold(String::new(), |all, one| {
            all + &format!("{} {:<12} {:<4} {}\n", one.phase.number(), one.phase, if one.runs { "run" } else { "skip" }, one.why)
        })
    }

    #[test]
    fn a_first_session_runs_everything() {
        snapbox::assert_data_eq!(
            shown(&Seen::default(), &present()),
            snapbox::str![[r#"
0 initialise   run  always
1 scout        run  new commits in personal, umano
2 housekeeping run  never checked
3 outstanding  run  always
4 brief        run  the scouts found changes
5 interview    run  not yet held today with personal, umano
6 draft        run  always
7 dispatch     run  always
8 close        run  always

"#]]
        );
    }

    #[test]
    fn a_second_session_skips_what_is_fresh_and_drains_the_queue() {
        let present = present();
        let seen = Seen {
            number: 1,
            scouted: present.repos.iter().map(|(repo, (_, head))| (repo.clone(), head.clone())).collect(),
            news: std::collections::BTreeSet::new(),
            interviewed: present.repos.values().map(|(brand, _)| (brand.clone(), present.date.clone())).collect(),
            distilled: Some(present.date.clone()),
            doctor: Some((Grade::A, "h1".to_owned())),
            ..Seen::default()
        };
        snapbox::assert_data_eq!(
            shown(&seen, &present),
            snapbox::str![[r#"
0 initialise   run  always
1 scout        skip no brand has new commits
2 housekeeping skip the last grade was A, and nothing has changed
3 outstanding  run  always
4 brief        skip scouts were skipped
5 interview    skip no brand has news
6 draft        run  always
7 dispatch     run  always
8 close        run  always

"#]]
        );
    }

    #[test]
    fn a_brand_with_a_stuck_ticket_is_asked_once_a_day() {
        let present = Present { repos: BTreeMap::new(), stuck: [Brand::parse("umano").expect("valid")].into(), ..present() };
        let interview = |seen: &Seen| decide(seen, &present)[Phase::Interview.number()].clone();
        assert_eq!(interview(&Seen::default()).why, "not yet held today with umano");
        let interviewed = present.stuck.iter().map(|brand| (brand.clone(), present.date.clone())).collect();
        let held = interview(&Seen { interviewed, ..Seen::default() });
        assert_eq!((held.runs, held.why.as_str()), (false, "already held today with umano"));
    }

    #[test]
    fn news_of_an_interrupted_session_are_still_talked_about() {
        let present = present();
        let news = present.repos.values().map(|(brand, _)| brand.clone()).take(1).collect();
        let scouted = present.repos.iter().map(|(repo, (_, head))| (repo.clone(), head.clone())).collect();
        let decisions = decide(&Seen { scouted, news, ..Seen::default() }, &present);
        assert!(!decisions[Phase::Scout.number()].runs);
        assert_eq!(decisions[Phase::Brief.number()].brands.len(), 1);
        assert_eq!(decisions[Phase::Interview.number()].brands.len(), 1);
    }
}
