//! Where a path of which not everything is known could lead: links are followed as the kernel does, patterns towards what is closed.

use super::text::{Text, Unit, could_be, literal};
use super::{Ward, World};

/// How many links and branches are followed.
const MAX_LINKS: usize = 40;
const MAX_BRANCHES: usize = 2_000;
/// How many entries of a folder a pattern is tried on.
const MAX_ENTRIES: usize = 512;

/// What a path could reach.
#[derive(Debug, Default)]
pub(super) struct Reach<'a> {
    /// Closed places that it could be in.
    pub(super) inside: Vec<&'a Ward>,
    /// Closed places that it surely stands above.
    pub(super) above: Vec<&'a Ward>,
    /// Places that are known whole.
    pub(super) places: Vec<String>,
    /// Folders that something below is meant of which is not known.
    pub(super) below: Vec<String>,
}

struct Walk<'a> {
    world: &'a World,
    cwds: &'a [Text],
    reach: Reach<'a>,
    branches: usize,
}

/// Where the text leads from these directories.
pub(super) fn reach<'a>(world: &'a World, cwds: &'a [Text], text: &[Unit]) -> Reach<'a> {
    let mut walk = Walk { world, cwds, reach: Reach::default(), branches: 0 };
    let is_absolute = matches!(text.first(), Some(Unit::Char('/')));
    let rest = components(text);
    match text.first() {
        None => {}
        Some(_) if is_absolute => walk.go(&mut Vec::new(), &rest, MAX_LINKS),
        Some(Unit::Unknown | Unit::Split) => walk.suffix(&rest),
        Some(_) => {
            for cwd in cwds {
                let mut all = components(cwd);
                all.extend(rest.iter().cloned());
                if matches!(cwd.first(), Some(Unit::Char('/'))) {
                    walk.go(&mut Vec::new(), &all, MAX_LINKS);
                } else {
                    walk.suffix(&all);
                }
            }
        }
    }
    walk.reach
}

fn components(text: &[Unit]) -> Vec<Text> {
    text.split(|unit| *unit == Unit::Char('/')).filter(|part| !part.is_empty()).map(<[Unit]>::to_vec).collect()
}

impl<'a> Walk<'a> {
    /// A path whose beginning is not known: whether the rest is the end of a silo's path, or of one in it.
    fn suffix(&mut self, all: &[Text]) {
        let rest = all.get(1..).unwrap_or_default();
        for ward in self.world.wards.iter().filter(|ward| ward.is_silo) {
            let fits = |from: usize| {
                let tail = &ward.components[from..];
                rest.len() >= tail.len()
                    && rest.iter().zip(tail).all(|(part, name)| could_be(part, &chars(name)) && literal(part).is_some())
            };
            if !rest.is_empty() && (0..ward.components.len()).any(fits) {
                self.reach.inside.push(ward);
            }
        }
    }

    fn go(&mut self, place: &mut Vec<String>, rest: &[Text], links: usize) {
        self.branches += 1;
        if self.branches > MAX_BRANCHES {
            return;
        }
        if let Some(ward) = self.world.wards.iter().find(|ward| place.starts_with(&ward.components) || ward.is_same(place)) {
            if !ward.leaves_out(place) {
                self.reach.inside.push(ward);
            }
            return;
        }
        let Some((first, rest)) = rest.split_first() else {
            self.reach.above.extend(self.world.wards.iter().filter(|ward| ward.components.starts_with(place)));
            self.reach.places.push(format!("/{}", place.join("/")));
            return;
        };
        // The root and the directory of a process are those of whoever asks.
        if place.first().is_some_and(|top| top == "proc") && place.len() >= 2 {
            match literal(first).as_deref() {
                Some("root") => return self.go(&mut Vec::new(), rest, links),
                Some("cwd") => {
                    for cwd in self.cwds {
                        let mut all = components(cwd);
                        all.extend(rest.iter().cloned());
                        self.go(&mut Vec::new(), &all, links.saturating_sub(1));
                    }
                    return;
                }
                _ => {}
            }
        }
        match literal(first).as_deref() {
            Some(".") => self.go(place, rest, links),
            Some("..") => self.go(&mut place[..place.len().saturating_sub(1)].to_vec(), rest, links),
            Some(name) => self.step(place, name, rest, links),
            None => self.pattern(place, first, rest, links),
        }
    }

    fn step(&mut self, place: &[String], name: &str, rest: &[Text], links: usize) {
        let mut next = place.to_vec();
        next.push(name.to_owned());
        let Ok(target) = std::fs::read_link(format!("/{}", next.join("/"))) else { return self.go(&mut next, rest, links) };
        let Some(target) = target.to_str().filter(|_| links > 0 && place.first().is_none_or(|top| top != "proc")) else {
            return self.go(&mut next, rest, links);
        };
        let mut all = components(&super::text::known(target));
        all.extend(rest.iter().cloned());
        let mut from = if target.starts_with('/') { Vec::new() } else { place.to_vec() };
        self.go(&mut from, &all, links - 1);
    }

    fn pattern(&mut self, place: &[String], pattern: &Text, rest: &[Text], links: usize) {
        self.reach.below.push(format!("/{}", place.join("/")));
        let hides = |name: &str| name.starts_with('.') && matches!(pattern.first(), Some(Unit::Many | Unit::One));
        let mut names: Vec<&str> = Vec::new();
        for ward in
            self.world.wards.iter().filter(|ward| ward.components.len() > place.len() && ward.components.starts_with(place))
        {
            let name = ward.components[place.len()].as_str();
            let is_any = matches!(pattern.as_slice(), [Unit::Unknown]);
            // Anything at all below a folder is meant seldom for what lies in one of many: only where it stands right there.
            if is_any && (!ward.is_silo || (rest.is_empty() && ward.components.len() > place.len() + 1)) {
                continue;
            }
            if !hides(name) && could_be(pattern, &chars(name)) && !names.contains(&name) {
                names.push(name);
            }
        }
        for name in &names {
            self.step(place, name, rest, links);
        }
        if place.first().is_some_and(|top| top == "proc") {
            let mut next = place.to_vec();
            next.push("self".to_owned());
            return self.go(&mut next, rest, links);
        }
        if matches!(pattern.as_slice(), [Unit::Unknown]) {
            return;
        }
        let Ok(entries) = std::fs::read_dir(format!("/{}", place.join("/"))) else { return };
        for entry in entries.flatten().take(MAX_ENTRIES) {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_worth = !rest.is_empty() || entry.file_type().is_ok_and(|kind| kind.is_symlink());
            if is_worth && !names.contains(&name.as_str()) && !hides(&name) && could_be(pattern, &chars(&name)) {
                self.step(place, &name, rest, links);
            }
        }
    }
}

fn chars(name: &str) -> Vec<char> {
    name.chars().collect()
}
