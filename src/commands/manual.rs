//! Man page and completions, made from the command line's own description and put where the system looks.

use camino::{Utf8Path, Utf8PathBuf};
use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Cli;
use crate::env::Env;
use crate::error::CliError;
use crate::git::process::{read_file, remove_file, write_file};

/// What `git os <TAB>` needs beside what completes `git-os`.
const BASH_BRIDGE: &str = "
_git_os() {
    COMP_WORDS=(git-os \"${COMP_WORDS[@]:2}\")
    COMP_CWORD=$((COMP_CWORD - 1))
    _git-os git-os \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"
}
";

/// The man page.
///
/// # Errors
/// When it cannot be rendered.
pub(super) fn page() -> Result<String, CliError> {
    let command = Cli::command().name("git-os").display_name("git-os");
    let mut out = Vec::new();
    let man = clap_mangen::Man::new(command.clone()).date("").source(concat!("git-os ", env!("CARGO_PKG_VERSION")));
    man.render(&mut out)?;
    let mut page = String::from_utf8_lossy(&out).into_owned();
    page += ".SH \"THE COMMANDS\"\n";
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let help = sub.clone().render_long_help().to_string();
        let help = help.replace('\\', "\\e").replace("\n.", "\n\\&.").replace("\n'", "\n\\&'");
        page += &format!(".SS \"git os {}\"\n.nf\n{}\n.fi\n", sub.get_name(), help.trim_end());
    }
    Ok(page)
}

fn completions(shell: Shell) -> String {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "git-os", &mut out);
    let mut text = String::from_utf8_lossy(&out).into_owned();
    if shell == Shell::Bash {
        text += BASH_BRIDGE;
    }
    text
}

/// Where each file goes: man looks beside the folder of the program, shells look among the user's shared data.
fn files(env: &Env) -> Result<Vec<(Utf8PathBuf, String)>, CliError> {
    let mut files = Vec::new();
    if let Some(prefix) = env.program.parent().and_then(camino::Utf8Path::parent) {
        files.push((prefix.join("share/man/man1/git-os.1"), page()?));
    }
    if let Some(data) = &env.data_home {
        files.push((data.join("man/man1/git-os.1"), page()?));
        files.push((data.join("bash-completion/completions/git-os"), completions(Shell::Bash)));
        files.push((data.join("zsh/site-functions/_git-os"), completions(Shell::Zsh)));
        files.push((data.join("fish/vendor_completions.d/git-os.fish"), completions(Shell::Fish)));
    }
    Ok(files)
}

/// Writes what is not there or not current. Answers what was written; a place that cannot be written is left out.
pub(super) fn install(env: &Env) -> Result<Vec<Utf8PathBuf>, CliError> {
    let mut written = Vec::new();
    for (path, text) in files(env)? {
        if read_file(&path).ok().as_deref() != Some(&text) && write_file(&path, text.as_bytes(), 0o644).is_ok() {
            written.push(path);
        }
    }
    Ok(written)
}

/// Removes what `install` wrote.
pub(super) fn uninstall(env: &Env) -> Result<Vec<Utf8PathBuf>, CliError> {
    let mut removed = Vec::new();
    for (path, _) in files(env)? {
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
