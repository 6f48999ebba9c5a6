//! Manual pages and completions, made from the command line's own description and put where the system looks.

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use super::{Cli, complete};
use crate::env::Env;
use crate::error::CliError;
use crate::git::process::{read_file, remove_file, write_file};

/// The page that is written last: where it is, all the others are.
const MAIN: &str = "git-os.1";
/// How the first line of each page begins; the version follows, and the time of the program in seconds.
const MARK: &str = ".\\\" git-os ";

/// All manual pages by the names of their files, the main one last.
///
/// # Errors
/// When one cannot be rendered.
pub(super) fn pages() -> Result<Vec<(String, String)>, CliError> {
    let mut command = Cli::command();
    command.build();
    let subs: Vec<Command> =
        command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help").cloned().collect();
    let mut pages = Vec::new();
    for sub in subs {
        let name = format!("git-os-{}", sub.get_name());
        let spoken = format!("git os {}", sub.get_name());
        let mut page = render(sub.display_name(name.clone()).bin_name(spoken))?;
        page += ".SH \"SEE ALSO\"\n\\fBgit\\-os\\fR(1)\n";
        pages.push((format!("{name}.1"), page));
    }
    // The built-in `help` has no page of its own.
    let command = command.mut_subcommand("help", |help| help.hide(true));
    pages.push((MAIN.to_owned(), render(command.display_name("git-os").bin_name("git os"))?));
    Ok(pages)
}

fn render(command: Command) -> Result<String, CliError> {
    let mut out = Vec::new();
    let man = Man::new(command.disable_help_flag(true).disable_version_flag(true));
    man.date("").manual("git-os").source(concat!("git-os ", env!("CARGO_PKG_VERSION"))).render(&mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// The folders for manual pages: beside that of the program, which is where man looks, and among the user's shared data.
fn page_folders(env: &Env) -> Vec<Utf8PathBuf> {
    let beside = env.program.parent().and_then(Utf8Path::parent).map(|prefix| prefix.join("share/man/man1"));
    beside.into_iter().chain(env.data_home.as_ref().map(|data| data.join("man/man1"))).collect()
}

fn scripts(env: &Env) -> Vec<(Utf8PathBuf, &'static str)> {
    let Some(data) = &env.data_home else { return Vec::new() };
    vec![
        (data.join("bash-completion/completions/git-os"), complete::BASH),
        (data.join("zsh/site-functions/_git-os"), complete::ZSH),
        (data.join("fish/vendor_conf.d/git-os.fish"), complete::FISH),
    ]
}

/// The version of this program and the time of its file.
fn mark(env: &Env) -> String {
    let modified = std::fs::metadata(&env.program).and_then(|metadata| metadata.modified()).ok();
    let seconds = modified.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok()).map_or(0, |since| since.as_secs());
    format!("{MARK}{} {seconds}", env!("CARGO_PKG_VERSION"))
}

/// Whether the pages in a folder are of this program, or of a newer build of the same version.
fn is_current(folder: &Utf8Path, mark: &str) -> bool {
    let Ok(page) = read_file(&folder.join(MAIN)) else { return false };
    let split = |line: &str| {
        let (version, seconds) = line.strip_prefix(MARK)?.rsplit_once(' ')?;
        Some((version.to_owned(), seconds.parse::<u64>().ok()?))
    };
    match (page.lines().next().and_then(split), split(mark)) {
        (Some((there, built)), Some((here, own))) => there == here && built >= own,
        _ => false,
    }
}

/// Whether files can be written in a folder, or in the nearest one above that exists.
fn is_writable(folder: &Utf8Path) -> bool {
    let nearest = folder.ancestors().find(|folder| folder.as_std_path().exists());
    nearest.is_some_and(|folder| rustix::fs::access(folder.as_std_path(), rustix::fs::Access::WRITE_OK).is_ok())
}

/// Installs what is missing or older than this program, where a person has just started it. It is quiet, and it never fails.
pub(super) fn refresh(env: &Env) {
    let is_person = env.stderr_is_terminal && env.run.is_none() && Env::place().is_none();
    if is_person && env.data_home.is_some() && !page_folders(env).iter().any(|folder| is_current(folder, &mark(env))) {
        drop(install(env));
    }
}

/// Writes what is not there or not current. Answers the folders and files that were written; a place that cannot be written is
/// left out.
pub(super) fn install(env: &Env) -> Result<Vec<Utf8PathBuf>, CliError> {
    let mark = mark(env);
    let mut written = Vec::new();
    let folders: Vec<_> =
        page_folders(env).into_iter().filter(|folder| !is_current(folder, &mark) && is_writable(folder)).collect();
    let pages = if folders.is_empty() { Vec::new() } else { pages()? };
    for folder in folders {
        let write = |(name, page): &(String, String)| write_file(&folder.join(name), format!("{mark}\n{page}").as_bytes(), 0o644);
        if pages.iter().try_for_each(write).is_ok() {
            written.push(folder);
        }
    }
    for (path, text) in scripts(env) {
        if read_file(&path).ok().as_deref() != Some(text) && write_file(&path, text.as_bytes(), 0o644).is_ok() {
            written.push(path);
        }
    }
    Ok(written)
}

/// Removes what `install` wrote.
pub(super) fn uninstall(env: &Env) -> Result<Vec<Utf8PathBuf>, CliError> {
    let mut removed = Vec::new();
    for folder in page_folders(env) {
        let mut is_removed = false;
        for (name, _) in pages()? {
            let path = folder.join(name);
            if has_mark(&path) {
                remove_file(&path)?;
                is_removed = true;
            }
        }
        removed.extend(is_removed.then_some(folder));
    }
    for (path, _) in scripts(env) {
        if has_mark(&path) {
            remove_file(&path)?;
            removed.push(path);
        }
    }
    Ok(removed)
}

/// Whether a file was written by git-os.
fn has_mark(path: &Utf8Path) -> bool {
    read_file(path).is_ok_and(|text| text.contains("git-os"))
}
