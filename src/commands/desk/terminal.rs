//! The terminal while it is asked: every key at once, nothing echoed, and as it was before whatever happens.

use std::sync::{Mutex, Once, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcsetattr};

use crate::git::process::at_end;
use crate::ui::{PASTE_MARKED, PASTE_UNMARKED, Ui};

/// How the terminal was before the prompt that is on the screen now.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// A terminal that gives every key at once. It is as before once this is dropped, and also when a signal or a panic ends the process.
pub(super) struct Raw<'a> {
    ui: &'a Ui,
}

impl<'a> Raw<'a> {
    /// Drops what was typed before anything was asked, and from now on reads key by key.
    ///
    /// # Errors
    /// When standard input is no terminal.
    pub(super) fn enter(ui: &'a Ui) -> std::io::Result<Self> {
        static READY: Once = Once::new();
        READY.call_once(|| {
            at_end(leave);
            let usual = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                leave();
                usual(panic);
            }));
        });
        let before = tcgetattr(std::io::stdin())?;
        let mut raw = before.clone();
        raw.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
        raw.input_modes -= InputModes::ICRNL | InputModes::INLCR | InputModes::IGNCR | InputModes::ISTRIP | InputModes::IXON;
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        let raw = tcsetattr(std::io::stdin(), OptionalActions::Flush, &raw).map(|()| Self { ui });
        ui.draw(PASTE_MARKED);
        Ok(raw?)
    }

    /// The bytes that came within so many milliseconds; none if none did.
    ///
    /// # Errors
    /// When the terminal is gone.
    #[expect(clippy::unused_self, reason = "only a terminal that gives every key is read")]
    pub(super) fn read(&self, millis: u32) -> std::io::Result<Vec<u8>> {
        if !has_input(millis)? {
            return Ok(Vec::new());
        }
        let mut bytes = vec![0; 4096];
        match rustix::io::read(std::io::stdin(), &mut bytes) {
            Ok(0) => Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                bytes.truncate(count);
                Ok(bytes)
            }
            Err(Errno::INTR | Errno::AGAIN) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        self.ui.draw(PASTE_UNMARKED);
        restore();
    }
}

/// Whether something can be read within so many milliseconds.
///
/// # Errors
/// When the terminal cannot be asked.
pub(super) fn has_input(millis: u32) -> std::io::Result<bool> {
    let stdin = std::io::stdin();
    let mut asked = [PollFd::new(&stdin, PollFlags::IN)];
    let time = Timespec { tv_sec: i64::from(millis / 1000), tv_nsec: i64::from(millis % 1000) * 1_000_000 };
    match poll(&mut asked, Some(&time)) {
        Ok(count) => Ok(count > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Drops what was typed and not read.
///
/// # Errors
/// When standard input is no terminal.
pub(super) fn forget_typed() -> std::io::Result<()> {
    Ok(tcflush(std::io::stdin(), rustix::termios::QueueSelector::IFlush)?)
}

fn restore() -> bool {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    // A terminal that is gone needs nothing more.
    before.is_some_and(|before| tcsetattr(std::io::stdin(), OptionalActions::Now, &before).is_ok())
}

/// Leaves the terminal to whoever comes next, on a line of its own.
fn leave() {
    if restore() {
        crate::ui::abandon(PASTE_UNMARKED);
    }
}
