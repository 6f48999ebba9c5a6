//! Whether a program can be found, as a process that is started would find it.

use camino::Utf8Path;

/// Whether there is such a program that may be executed: at this path, counted from a folder, or else in `PATH`.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a program is found by the path that its process will have")]
pub(crate) fn is_program(name: &str, dir: &Utf8Path) -> bool {
    let is_executable = |path: &std::path::Path| path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    if name.contains('/') {
        return is_executable(dir.join(name).as_std_path());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    !name.is_empty() && std::env::split_paths(&path).any(|folder| is_executable(&folder.join(name)))
}
