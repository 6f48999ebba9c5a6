//! The end of this process when a signal asks for it: with all that it started, and with nothing half written.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use camino::Utf8Path;
use signal_hook::consts::{SIGHUP, SIGINT, SIGKILL, SIGTERM};
use signal_hook::iterator::Signals;
use tempfile::TempDir;

use super::family::{Asked, Family, MERCY, see_off};
use super::process::{read_file, remove_all};

/// The signals that ask for an end.
const SIGNALS: [i32; 3] = [SIGHUP, SIGINT, SIGTERM];

/// A signal that somebody may heed; the others end the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wish {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// What becomes of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heed {
    /// This process ends, with all that it started.
    End,
    /// It goes on, and what git is doing just now ends, as if a terminal had interrupted both.
    EndGit,
    /// All goes on.
    GoOn,
}

type Listener = Box<dyn Fn() -> Heed + Send>;

/// What is said to whoever interrupts.
type Farewell = Box<dyn Fn() + Send>;

/// What has to be known at the end.
struct State {
    is_ending: bool,
    families: BTreeMap<u32, Family>,
    /// Those that end with this process, and not when git alone is to end.
    charges: BTreeMap<u32, Family>,
    listeners: BTreeMap<i32, Listener>,
    farewell: Option<Farewell>,
    /// How many steps are under way that are not to be left half done.
    steps: usize,
    /// The temporary folders that are in use.
    folders: BTreeSet<PathBuf>,
    /// What is done before the process ends by a signal.
    leave: Option<fn()>,
    /// Somebody wanted git to end, and this process with it as soon as it can.
    has_ended_git: bool,
}

static STATE: Mutex<State> = Mutex::new(State {
    is_ending: false,
    families: BTreeMap::new(),
    charges: BTreeMap::new(),
    listeners: BTreeMap::new(),
    farewell: None,
    steps: 0,
    folders: BTreeSet::new(),
    leave: None,
    has_ended_git: false,
});
static STEP_OVER: Condvar = Condvar::new();
/// A signal was acted on.
static ACTED: Condvar = Condvar::new();
/// How long it takes at most until a signal that came is acted on.
const SOON: Duration = Duration::from_millis(500);

thread_local! {
    /// How many steps of this thread are under way, one within the other.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The state, unless the process ends: then this thread does nothing more.
fn state_until_the_end() -> MutexGuard<'static, State> {
    let state = state();
    if state.is_ending {
        drop(state);
        // The thread that ends the process waits for a bounded time.
        loop {
            std::thread::park();
        }
    }
    state
}

/// From now on this process ends as a whole when SIGHUP, SIGINT or SIGTERM asks for it.
pub(crate) fn listen() {
    static LISTENS: OnceLock<()> = OnceLock::new();
    LISTENS.get_or_init(|| {
        let ignored = ignored_signals();
        // Whoever starts it with `nohup` wants it to go on. Where the system does not tell, a SIGHUP is left to it.
        let heeded = SIGNALS.iter().filter(|signal| ignored.map_or(**signal != SIGHUP, |mask| mask >> (**signal - 1) & 1 == 0));
        // Without a listener a signal ends the process at once, as it does by default.
        let Ok(mut signals) = Signals::new(heeded) else { return };
        std::thread::spawn(move || signals.forever().for_each(act));
    });
}

/// From now on this says what becomes of a signal.
pub(crate) fn heed(wish: Wish, listener: impl Fn() -> Heed + Send + 'static) {
    let signal = match wish {
        Wish::Interrupt => SIGINT,
        Wish::Terminate => SIGTERM,
    };
    state().listeners.insert(signal, Box::new(listener));
    listen();
}

/// From now on this is done before a signal ends the process.
pub(crate) fn at_end(leave: fn()) {
    state().leave = Some(leave);
}

/// From now on this is said when an interrupt ends the process.
pub(crate) fn on_interrupt(say: impl Fn() + Send + 'static) {
    state().farewell = Some(Box::new(say));
}

/// Whether git was ended since somebody interrupts, so that what it has not done is not tried again.
#[must_use]
pub(crate) fn has_ended_git() -> bool {
    state().has_ended_git
}

/// The signals that whoever started this process wants ignored, as a set of bits.
fn ignored_signals() -> Option<u64> {
    let status = read_file(Utf8Path::new("/proc/self/status")).ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

fn act(signal: i32) {
    let mut now = state();
    match now.listeners.get(&signal).map_or(Heed::End, |listener| listener()) {
        Heed::GoOn => {}
        Heed::EndGit => {
            now.has_ended_git = true;
            ACTED.notify_all();
            end(now, Vec::new());
        }
        Heed::End => {
            now.is_ending = true;
            ACTED.notify_all();
            if let Some(leave) = now.leave {
                leave();
            }
            let charges = now.charges.values().copied().collect();
            end(now, charges);
            let waited = STEP_OVER.wait_timeout_while(state(), MERCY, |state| state.steps > 0);
            for folder in &waited.unwrap_or_else(PoisonError::into_inner).0.folders {
                // What cannot be removed is for whoever clears the folder of temporary files.
                drop(Utf8Path::from_path(folder).map(remove_all));
            }
            let farewell = state().farewell.take().filter(|_| signal == SIGINT);
            if let Some(say) = farewell {
                say();
            }
            signal_hook::low_level::emulate_default_handler(signal).unwrap_or_default();
            #[expect(clippy::exit, reason = "the signal did not end it")]
            std::process::exit(128 + signal);
        }
    }
}

/// Ends git, and others. They are asked while nobody can collect one of them, and another process get its number.
fn end(state: MutexGuard<'_, State>, others: Vec<Family>) {
    let asked: Vec<Asked> = state.families.values().copied().chain(others).map(Family::ask).collect();
    drop(state);
    see_off(asked);
}

/// A child that does not outlive this process.
pub(super) struct Ward {
    pub(super) child: Child,
    family: Family,
}

/// Whether a child leads a process group of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// If nobody loses by it. One that asks at the terminal has to be in the group that the terminal serves, and what an agent starts ends with
    /// the group of the agent.
    OwnIfPossible,
    /// That of this process.
    Ours,
}

impl Ward {
    /// Starts a process.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(super) fn start(command: &mut Command, group: Group) -> std::io::Result<Self> {
        let leads = group == Group::OwnIfPossible && has_own_groups();
        if leads {
            command.process_group(0);
        }
        let mut state = state_until_the_end();
        let child = command.spawn()?;
        let family = Family { id: child.id(), leads };
        state.families.insert(child.id(), family);
        Ok(Self { child, family })
    }

    pub(super) fn family(&self) -> Family {
        self.family
    }

    /// Tells it, and all that it started, to end, and sees to it.
    pub(super) fn end(&self) {
        see_off(vec![self.family.ask()]);
    }

    /// How it ended.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub(super) fn collect(mut self, how: Collect) -> std::io::Result<ExitStatus> {
        state_until_the_end().families.remove(&self.family.id);
        match how {
            Collect::AfterItsEnd => {
                let status = self.child.wait()?;
                // A terminal interrupts both. What it means for this process is settled first, and then how git ended.
                if status.signal() == Some(SIGINT) {
                    drop(ACTED.wait_timeout_while(state(), SOON, |state| !state.has_ended_git && !state.is_ending));
                }
                Ok(status)
            }
            Collect::AfterOurs => Ok(self.child.try_wait()?.unwrap_or_else(|| ExitStatus::from_raw(SIGKILL))),
        }
    }
}

/// Who ended a process that is collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Collect {
    /// It ended by itself.
    AfterItsEnd,
    /// It was killed. One that hangs in the system itself ends nobody knows when.
    AfterOurs,
}

impl Drop for Ward {
    fn drop(&mut self) {
        state().families.remove(&self.family.id);
    }
}

#[expect(clippy::disallowed_methods, reason = "whether an agent started this process decides whose group its children are in")]
fn has_own_groups() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| std::env::var_os("GIT_OS_RUN").is_none() && std::fs::File::open("/dev/tty").is_err())
}

/// A process of somebody else's that ends with this one.
#[derive(Debug)]
pub(crate) struct Charge(u32);

/// From now on a process, which leads a group of its own, ends with this one. To drop this is to let go of it.
pub(crate) fn take_charge(id: u32) -> Charge {
    state().charges.insert(id, Family { id, leads: true });
    Charge(id)
}

impl Drop for Charge {
    fn drop(&mut self) {
        state().charges.remove(&self.0);
    }
}

/// Something short that is not left half done: it ends before the process does. Nothing is started meanwhile.
#[must_use]
pub(super) struct Step(());

/// Begins one.
pub(super) fn step() -> Step {
    // One within another belongs to it.
    let mut state = if DEPTH.get() == 0 { state_until_the_end() } else { state() };
    state.steps += 1;
    DEPTH.set(DEPTH.get() + 1);
    Step(())
}

impl Drop for Step {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        state().steps -= 1;
        STEP_OVER.notify_all();
    }
}

/// A temporary folder that does not outlive this process.
pub(super) struct TemporaryFolder(TempDir);

impl TemporaryFolder {
    /// Makes one.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(super) fn new() -> std::io::Result<Self> {
        let mut state = state_until_the_end();
        let folder = tempfile::tempdir()?;
        state.folders.insert(folder.path().to_owned());
        Ok(Self(folder))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        state().folders.remove(self.path());
    }
}
