//! The `reference-transaction` hook as an ordinary program, for platforms that `front.rs` does not support.
//!
//! It does the same with nothing but std. `build.rs` links it statically if it can. The settings are at the end of the installed
//! file, after the program, because macOS does not start a program whose own bytes were changed.

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
    let mut common = Common(own.parent().unwrap_or(Path::new("")).join(".."));
    if !settings.always && !rule::listens(state, settings.watches(), &mut common) {
        return ExitCode::SUCCESS;
    }
    let mut input = Vec::new();
    // Without input there is nothing to check; git itself fails if it could not send the input.
    drop(std::io::stdin().lock().read_to_end(&mut input));
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
    // git-os did not answer. Updates of refs that are not watched pass.
    let Some(missing) = found.missing.filter(|_| state == State::Prepared) else { return ExitCode::SUCCESS };
    // Ignore a closed stderr.
    drop(std::io::stderr().lock().write_all(&found.message(missing, end, settings.program).concat()));
    ExitCode::from(u8::from(missing == Missing::Refuse))
}

/// Reads the settings at the end of the installed file.
fn read_end(own: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(own)?;
    let mut end = vec![0; CAPACITY];
    file.seek(SeekFrom::End(-i64::try_from(CAPACITY).unwrap_or(0)))?;
    file.read_exact(&mut end)?;
    Ok(end)
}

/// Runs git-os as a child, so that this program can answer if git-os crashes: git refuses the transaction if its hook crashes.
fn run(program: &[u8], args: &[OsString], input: &[u8]) -> End {
    let program = Path::new(OsStr::from_bytes(program));
    if is_text(program) {
        return End::NotStarted;
    }
    let mut command = Command::new(program);
    command.arg0(OsStr::from_bytes(NAME.to_bytes())).arg(OsStr::from_bytes(HOOK.to_bytes())).args(args);
    let Ok(mut child) = command.stdin(Stdio::piped()).spawn() else { return End::NotStarted };
    // git-os may answer without reading all of its input.
    drop(child.stdin.take().map(|mut stdin| stdin.write_all(input)));
    child.wait().map_or(End::Failed, |status| End::of(status.code()))
}

/// Whether this is a text file without `#!`. The C library of some platforms runs such a file with a shell, and an empty file
/// would then be a script that exits with 0.
fn is_text(program: &Path) -> bool {
    let mut start = [0; 2];
    let Ok(mut file) = File::open(program) else { return false };
    match file.read(&mut start) {
        Ok(0) => true,
        Ok(_) => &start != b"#!" && matches!(start[0], b'\t' | b'\n' | b' '..=b'~'),
        Err(_) => false,
    }
}

/// The common directory of the repository, which contains the folder of the hook.
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
