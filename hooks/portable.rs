//! The `reference-transaction` hook as an ordinary program, for platforms that `front.rs` does not know: it does the same.
//!
//! `build.rs` compiles it with nothing but std, statically where that works. The settings stand at the end of the installed file,
//! behind the program, since macOS starts no program whose own bytes have changed.

mod answer;
mod rule;

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use answer::{End, Found, HOOK, NAME};
use rule::{CAPACITY, Files, Missing, Settings, State};

fn main() -> ExitCode {
    let mut args = env::args_os();
    let own = PathBuf::from(args.next().unwrap_or_default());
    let args: Vec<OsString> = args.collect();
    let fields = read_end(&own).unwrap_or_default();
    let settings = Settings::read(&fields).unwrap_or_default();
    let state = State::of(args.first().map(|state| state.as_bytes()).unwrap_or_default());
    if !settings.always && !rule::listens(state, settings.watches()) {
        return ExitCode::SUCCESS;
    }
    let mut input = Vec::new();
    // Nothing read is nothing checked; git itself refuses what it could not tell.
    drop(std::io::stdin().lock().read_to_end(&mut input));
    let mut common = Common(own.parent().unwrap_or(Path::new("")).join(".."));
    let mut room = [0; answer::ROOM];
    let mut found = Found::none(&mut room);
    for line in input.split(|byte| *byte == b'\n') {
        let is_watched = |name: &[u8]| rule::watched(name, state, settings.watches());
        rule::judge(line, state, &mut common, is_watched, |concern, missing| found.note(concern.name(), missing));
    }
    if found.missing.is_none() && !settings.always {
        return ExitCode::SUCCESS;
    }
    let end = run(settings.program, &args, &input);
    if let End::Answer(may_go_on) = end {
        return ExitCode::from(u8::from(!may_go_on));
    }
    // What git-os did not answer is answered here, and for refs that are not watched that is yes.
    let Some(missing) = found.missing.filter(|_| state == State::Prepared) else { return ExitCode::SUCCESS };
    // Nobody to tell is no reason to answer otherwise.
    drop(std::io::stderr().lock().write_all(&found.message(missing, end, settings.program).concat()));
    ExitCode::from(u8::from(missing == Missing::Refuse))
}

/// Where the settings are in an installed file.
fn read_end(own: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(own)?;
    let mut end = vec![0; CAPACITY];
    file.seek(SeekFrom::End(-i64::try_from(CAPACITY).unwrap_or(0)))?;
    file.read_exact(&mut end)?;
    Ok(end)
}

/// Runs git-os beside this program, which stays to answer in its place: a hook that crashes would stop the user's work.
fn run(program: &[u8], args: &[OsString], input: &[u8]) -> End {
    let program = Path::new(OsStr::from_bytes(program));
    if is_text(program) {
        return End::NotStarted;
    }
    let mut command = Command::new(program);
    command.arg0(OsStr::from_bytes(NAME.to_bytes())).arg(OsStr::from_bytes(HOOK.to_bytes())).args(args);
    let Ok(mut child) = command.stdin(Stdio::piped()).spawn() else { return End::NotStarted };
    // A git-os that does not read to the end has its reasons, and answers all the same.
    drop(child.stdin.take().map(|mut stdin| stdin.write_all(input)));
    child.wait().map_or(End::Failed, |status| End::of(status.code()))
}

/// Whether this is a file that the C library would give to a shell where the kernel does not take it: an empty one is a script
/// that says yes.
fn is_text(program: &Path) -> bool {
    let mut start = [0; 2];
    let Ok(mut file) = File::open(program) else { return false };
    match file.read(&mut start) {
        Ok(0) => true,
        Ok(_) => &start != b"#!" && matches!(start[0], b'\t' | b'\n' | b' '..=b'~'),
        Err(_) => false,
    }
}

/// The common directory of the repository, found from where the hook stands.
struct Common(PathBuf);

impl Common {
    fn path(&self, name: &[u8]) -> PathBuf {
        self.0.join(OsStr::from_bytes(name))
    }
}

impl Files for Common {
    fn has(&mut self, name: &[u8]) -> bool {
        self.path(name).exists()
    }

    fn read(&mut self, name: &[u8], into: &mut [u8]) -> usize {
        File::open(self.path(name)).and_then(|mut file| file.read(into)).unwrap_or(0)
    }
}
