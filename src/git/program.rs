//! Whether a program can be found, as a process that is started would find it.

use std::path::Path;

use camino::Utf8Path;

/// What is where a program should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    There,
    /// A file that may not be executed.
    NotExecutable,
    Missing,
}

/// Looks for a program: at this path, counted from a folder, or else in `PATH`.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a program is found by the path that its process will have")]
pub(crate) fn look(name: &str, dir: &Utf8Path) -> Program {
    if name.contains('/') {
        return look_at(dir.join(name).as_std_path());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).filter(|_| !name.is_empty());
    let found: Vec<Program> = places.map(|folder| look_at(&folder.join(name))).collect();
    let order = [Program::There, Program::NotExecutable];
    order.into_iter().find(|one| found.contains(one)).unwrap_or(Program::Missing)
}

fn look_at(path: &Path) -> Program {
    match (path.is_file(), rustix::fs::access(path, rustix::fs::Access::EXEC_OK)) {
        (true, Ok(())) => Program::There,
        (true, Err(_)) => Program::NotExecutable,
        (false, _) => Program::Missing,
    }
}
