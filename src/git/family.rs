//! A process and all that it started: who belongs to it, whether it gets on, and its end.

use std::collections::BTreeSet;
use std::time::Duration;

use camino::Utf8Path;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::process::read_file;
use super::refs::wait;

/// How long what was told to end may take, before it is killed. Git removes its locks meanwhile.
pub(super) const MERCY: Duration = Duration::from_secs(3);
/// How often it is looked whether all are gone.
const STEP: Duration = Duration::from_millis(20);
/// How often what is killed is looked for again: it may have started others meanwhile.
const ROUNDS: usize = 50;
/// From how much work on a process gets on: a share of one processor, and bytes a second. One that looks again and again whether something
/// has happened does less.
const CPU_SHARE: f64 = 0.01;
const BYTES_A_SECOND: f64 = 16_384.0;
/// How often a second the system counts the time that a process runs; it is so on all that have `/proc`.
const TICKS_A_SECOND: f64 = 100.0;

/// A process by its number, and those that came from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    pub(super) id: u32,
    /// Whether it leads a group of its own, where also those are found whose parents are gone.
    pub(super) leads: bool,
}

/// What a family has done so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Work {
    cpu_seconds: f64,
    bytes: f64,
}

impl Work {
    /// Whether it got on since it had done that, so long ago.
    pub(super) fn is_more_than(self, before: Self, time: Duration) -> bool {
        // What those did who are gone by now may not be counted any more.
        let more = |now: f64, before: f64| (now - before).abs() / time.as_secs_f64().max(f64::MIN_POSITIVE);
        more(self.cpu_seconds, before.cpu_seconds) >= CPU_SHARE || more(self.bytes, before.bytes) >= BYTES_A_SECOND
    }
}

/// One process as the system shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    id: u32,
    /// When it was started: numbers are used again.
    start: u64,
    parent: u32,
    group: u32,
    ticks: u64,
    is_over: bool,
}

impl Member {
    /// Reads `/proc/ID/stat`: `pid (name) state parent group …`, and a name may hold anything.
    fn read(id: u32) -> Option<Self> {
        let line = read_file(Utf8Path::new(&format!("/proc/{id}/stat"))).ok()?;
        let fields: Vec<&str> = line.rsplit_once(") ")?.1.split(' ').collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            id,
            start: number(19)?,
            parent: u32::try_from(number(1)?).ok()?,
            group: fields.get(2)?.parse().unwrap_or(0),
            // Its own, and those of its children that it has waited for.
            ticks: (11..=14).filter_map(number).sum(),
            is_over: matches!(fields.first(), Some(&("Z" | "X"))),
        })
    }

    /// What it has read and written, where the system tells us.
    fn bytes(&self) -> f64 {
        let counts = read_file(Utf8Path::new(&format!("/proc/{}/io", self.id))).unwrap_or_default();
        let all = counts.lines().filter_map(|line| line.strip_prefix("rchar: ").or_else(|| line.strip_prefix("wchar: ")));
        all.filter_map(|count| count.parse::<f64>().ok()).sum()
    }

    fn tell(&self, signal: Signal) {
        if let Some(pid) = pid(self.id) {
            // It may have ended meanwhile.
            kill_process(pid, signal).unwrap_or_default();
        }
    }
}

/// The process that started a process, where the system shows it in `/proc`.
pub(crate) fn find_parent(id: u32) -> Option<u32> {
    Member::read(id).map(|member| member.parent)
}

/// Whether the system shows what its processes do.
pub(super) fn is_visible() -> bool {
    Utf8Path::new("/proc/self/stat").exists()
}

impl Family {
    /// All that live, parents before their children; those that were known before belong to it even if their parents are gone.
    fn members(self, known: &[Member]) -> Vec<Member> {
        let Ok(folders) = std::fs::read_dir("/proc") else { return Vec::new() };
        let ids = folders.flatten().filter_map(|folder| folder.file_name().to_str()?.parse::<u32>().ok());
        let all: Vec<Member> = ids.filter_map(Member::read).collect();
        let is_known = |one: &Member| known.iter().any(|before| (before.id, before.start) == (one.id, one.start));
        let is_first = |one: &Member| one.id == self.id || self.leads && one.group == self.id || is_known(one);
        let mut found: Vec<Member> = all.iter().filter(|one| is_first(one)).copied().collect();
        found.sort_by_key(|one| (one.id != self.id, one.start));
        let mut seen: BTreeSet<u32> = found.iter().map(|one| one.id).collect();
        let mut at = 0;
        while let Some(parent) = found.get(at).map(|one| one.id) {
            found.extend(all.iter().filter(|one| one.parent == parent && seen.insert(one.id)));
            at += 1;
        }
        found.retain(|one| !one.is_over);
        found
    }

    /// What all have done; `None` where the system does not show it.
    pub(super) fn work(self) -> Option<Work> {
        let members = self.members(&[]);
        let ticks: u64 = members.iter().map(|one| one.ticks).sum();
        let bytes = members.iter().map(Member::bytes).sum();
        #[expect(clippy::cast_precision_loss, reason = "it is compared with a share of a second")]
        is_visible().then_some(Work { cpu_seconds: ticks as f64 / TICKS_A_SECOND, bytes })
    }

    /// Tells all to end, as a person would.
    #[must_use]
    pub(super) fn ask(self) -> Asked {
        let members = self.members(&[]);
        self.tell_group(Signal::TERM);
        for signal in [Signal::TERM, Signal::CONT] {
            // The group has heard it already, but a second time does no harm. What is stopped hears nothing until it goes on.
            for one in &members {
                one.tell(signal);
            }
        }
        Asked { family: self, members }
    }

    fn tell_group(self, signal: Signal) {
        match pid(self.id) {
            Some(pid) if self.leads => kill_process_group(pid, signal).unwrap_or_default(),
            Some(pid) if !is_visible() => kill_process(pid, signal).unwrap_or_default(),
            _ => {}
        }
    }
}

/// A family that was told to end.
pub(super) struct Asked {
    family: Family,
    members: Vec<Member>,
}

/// Waits for an end of all of these, and kills what has not ended in time.
pub(super) fn see_off(mut asked: Vec<Asked>) {
    let mut left = MERCY;
    while asked.iter_mut().any(Asked::is_there) && !left.is_zero() {
        wait(STEP);
        left = left.saturating_sub(STEP);
    }
    for one in &mut asked {
        one.family.tell_group(Signal::KILL);
        for _ in 0..ROUNDS {
            if !one.is_there() {
                break;
            }
            for member in &one.members {
                member.tell(Signal::KILL);
            }
            wait(STEP);
        }
    }
}

impl Asked {
    fn is_there(&mut self) -> bool {
        self.members = self.family.members(&self.members);
        !self.members.is_empty()
    }
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}
