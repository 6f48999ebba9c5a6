//! What completes a command line in real shells, and where the manual is.

use std::process::Command;

use crate::sandbox::{Out, Sandbox};

/// What bash would offer for `$1`, by the functions that it would call. `$2` is `COMP_TYPE`: 9 for TAB, 63 for the list.
const BASH: &str = r#"
for file in /usr/share/bash-completion/bash_completion /usr/share/bash-completion/completions/git; do
    if [ -e "$file" ]; then . "$file"; else echo "no $file"; exit 3; fi
done
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=$2
# As readline does: `=` is a word of its own.
line=${1//=/ = }
read -r -a COMP_WORDS <<<"$line"
[[ $line == *' ' ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
case ${COMP_WORDS[0]} in
git) __git_wrap__git_main git "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" ;;
*) _completion_loader git-os; __git_os_direct git-os "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" ;;
esac
for one in "${COMPREPLY[@]}"; do echo "[$one]"; done
"#;

/// What an interactive zsh makes of `$1` and a TAB.
const ZSH: &str = r#"
zmodload zsh/zpty || exit 3
zpty shell zsh -f -i
zpty -w shell 'PROMPT="> "; fpath=($HOME/.local/share/zsh/site-functions $fpath); autoload -U compinit; compinit -u -D'
zpty -w shell 'show() { print -r -- "[$BUFFER]" ENDED; }; zle -N show; bindkey "^X" show; LISTMAX=1000; echo READ""Y'
zpty -r shell out '*READY*'
zpty -w -n shell "$1"$'\t\C-x'
zpty -r shell out '*ENDED*'
print -r -- "$out"
zpty -d shell
"#;

/// Repositories with two drafts, and one ready ticket; answers the sandbox and their ids.
fn workspace() -> (Sandbox, [String; 3]) {
    let mut sandbox = Sandbox::new();
    let data = sandbox.path("home/.local/share").display().to_string();
    sandbox.set("XDG_DATA_HOME", &data);
    sandbox.workspace(&["hub", "alpha", "beta"], "");
    let ids = [("hub", "Write the manual", "draft"), ("alpha", HOSTILE, "draft"), ("beta", "Fix the logout", "ready")]
        .map(|(repo, title, state)| sandbox.ticket(repo, title, state).id);
    sandbox.os("beta", &["edit", &ids[2], "--label", "ui"]).ok();
    (sandbox, ids)
}

/// A title that every shell has something to expand in.
const HOSTILE: &str = "Fix $(touch ../owned) `touch ../owned` \"'*;";

/// Whether this shell is here; if not, the test says that it did not look.
fn has(sandbox: &Sandbox, shell: &str) -> bool {
    let is_here =
        sandbox.command("home", shell).arg("--version").output().map(|output| output.status).is_ok_and(|status| status.success());
    if !is_here {
        println!("skipped: there is no {shell} here");
    }
    is_here
}

fn run(sandbox: &Sandbox, dir: &str, shell: &str, args: &[&str]) -> Out {
    let mut command: Command = sandbox.command(dir, shell);
    Out::of(shell, args, command.args(args))
}

#[test]
fn bash_completes_git_os_through_gits_own_completion() {
    let (sandbox, [manual, login, logout]) = workspace();
    if !has(&sandbox, "bash") {
        return;
    }
    let complete = |dir: &str, line: &str, kind: &str| run(&sandbox, dir, "bash", &["-c", BASH, "bash", line, kind]);
    let first = complete("hub", "git os appr", "9");
    if first.code == Some(3) {
        println!("skipped: {}", first.said());
        return;
    }
    assert_eq!(first.ok(), "[approve ]");
    let both = [format!("[{login}]"), format!("[{manual}]")].join("\n");
    for (dir, line, offered) in [
        ("hub", "git os approve ", both.as_str()),
        ("hub", "git-os approve ", &both),
        ("hub", "git os claim ", &format!("[{logout} ]")),
        ("hub", &format!("git os approve {manual} "), &format!("[{login} ]")),
        ("hub", "git os answer ", ""),
        ("hub", "git os show manua", &format!("[{manual} ]")),
        ("alpha", "git -C ../hub os --repo hub approve ", &format!("[{manual} ]")),
        ("hub", "git os list --state rea", "[ready ]"),
        ("hub", "git os list --state=rea", "[ready ]"),
        ("hub", "git-os list --state=rea", "[ready ]"),
        ("hub", "git os list --label ", "[ui ]"),
        ("hub", "git os --repo ", "[hub]\n[alpha]\n[beta]"),
        ("hub", "git os new x --brand b", "[beta ]"),
        ("home", "git os show ", ""),
    ] {
        assert_eq!(complete(dir, line, "9").ok(), offered, "{line}");
    }
    let listed = complete("hub", "git os approve ", "63").ok();
    assert_eq!(listed, format!("[{login}  (draft, alpha: {HOSTILE})]\n[{manual}  (draft, hub: Write the manual)]"));
    assert!(!sandbox.path("owned").exists());
}

#[test]
fn zsh_completes_git_os_through_its_completion_of_git() {
    let (mut sandbox, [manual, login, logout]) = workspace();
    sandbox.set("TERM", "vt100");
    if !has(&sandbox, "zsh") {
        return;
    }
    for (line, becomes) in [
        ("git os appr", "git os approve "),
        ("git os claim ", &format!("git os claim {logout} ")),
        (&format!("git-os approve {}", &login[..login.len() - 3]), &format!("git-os approve {login} ")),
        ("git -C ../alpha os show manua", &format!("git -C ../alpha os show {manual} ")),
        ("git os list --state=rea", "git os list --state=ready "),
        ("git os answer ", "git os answer "),
    ] {
        let out = run(&sandbox, "hub", "zsh", &["-f", "-c", ZSH, "zsh", line]);
        if out.code == Some(3) {
            println!("skipped: zsh has no module zpty here");
            return;
        }
        let said = out.ok();
        assert!(said.contains(&format!("[{becomes}] ENDED")), "{line}: {said:?}");
    }
    assert!(!sandbox.path("owned").exists());
}

#[test]
fn fish_completes_git_os_beside_its_completion_of_git() {
    let (sandbox, [manual, login, logout]) = workspace();
    if !has(&sandbox, "fish") {
        return;
    }
    let [manual_line, login_line, logout_line] = [
        format!("{manual}\tdraft, hub: Write the manual"),
        format!("{login}\tdraft, alpha: {HOSTILE}"),
        format!("{logout}\tready, beta: Fix the logout"),
    ];
    for (line, offered) in [
        ("git os appr", "approve\tApprove drafts"),
        ("git os approve ", &format!("{login_line}\n{manual_line}")),
        ("git-os claim ", &logout_line),
        ("git -C ../alpha os show manua", &manual_line),
        ("git os list --state=rea", "--state=ready"),
        ("git os answer ", ""),
    ] {
        let said = run(&sandbox, "hub", "fish", &["-c", "complete -C $argv[1]", "--", line]).ok();
        assert_eq!(said, offered, "{line}");
    }
    assert!(!sandbox.path("owned").exists());
}

#[test]
fn what_cannot_be_completed_is_completed_in_silence() {
    let (sandbox, _) = workspace();
    sandbox.write("hub/registry.toml", "not a registry");
    for words in [&["git-os", "approve", ""][..], &["git-os", "--repo", ""], &["git-os", "nonsense", ""], &["git-os"], &[]] {
        let out = sandbox.os("hub", &[&["complete", "--"], words].concat());
        assert_eq!((out.code, out.stderr.as_str()), (Some(0), ""), "{out}");
    }
}

#[test]
fn a_completion_changes_no_ref() {
    let (sandbox, _) = workspace();
    let before = sandbox.refs("hub", &[]);
    sandbox.os("hub", &["complete", "--", "git-os", "approve", ""]).says("Write the manual").ok();
    assert_eq!(sandbox.refs("hub", &[]), before);
}

#[test]
fn every_command_has_a_manual_page_and_the_main_page_points_to_them() {
    let (sandbox, _) = workspace();
    let folder = sandbox.path("home/.local/share/man/man1");
    let main = sandbox.read("home/.local/share/man/man1/git-os.1");
    let mut pages = 0;
    for line in main.lines().filter(|line| line.contains("git\\-os\\-") && line.contains("(1)")) {
        let name = line.replace("\\-", "-");
        let name = name.split('(').next().expect("a name").trim_start_matches("\\fB");
        assert!(folder.join(format!("{name}.1")).is_file(), "{name}: {line}");
        pages += 1;
    }
    let files = std::fs::read_dir(&folder).expect("a folder").count();
    assert_eq!((pages + 1, files), (files, files), "{main}");
    let list = sandbox.read("home/.local/share/man/man1/git-os-list.1");
    assert!(list.contains("git\\-os\\-list") && list.contains("\\-\\-state"), "{list}");
    let removed = sandbox.os("hub", &["uninstall", "--pages"]).ok();
    assert!(removed.contains(&format!("removed {}", folder.display())), "{removed}");
    assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), 0);
}

#[test]
fn the_first_command_at_a_terminal_installs_the_manual_and_no_other_does() {
    let mut sandbox = Sandbox::new();
    if !has(&sandbox, "script") {
        return;
    }
    let page = "share/man/man1/git-os.1";
    sandbox.os("home", &["--version"]).ok();
    sandbox.os("home", &["help"]).ok();
    assert_eq!(sandbox.read(page), "");
    let at_terminal = |sandbox: &Sandbox| {
        let program = sandbox.path("bin/git-os").display().to_string();
        let args = ["-qec", &format!("{program} --version"), "/dev/null"];
        run(sandbox, "home", "script", &args)
    };
    let data = sandbox.path("home/.local/share").display().to_string();
    sandbox.set("XDG_DATA_HOME", &data);
    sandbox.set("GIT_OS_RUN", crate::sandbox::RUN);
    at_terminal(&sandbox).ok();
    assert_eq!(sandbox.read(page), "", "an agent installs nothing");
    sandbox.unset("GIT_OS_RUN");
    at_terminal(&sandbox).ok();
    assert!(sandbox.read(page).contains("SUBCOMMANDS"));
    assert!(sandbox.path("home/.local/share/man/man1/git-os-list.1").is_file());
    // One of an older version is replaced; a current one is left alone.
    sandbox.write(page, ".\\\" git-os 0.0.1 99999999999\n");
    sandbox.write("home/.local/share/man/man1/git-os.1", ".\\\" git-os 0.0.1 99999999999\n");
    at_terminal(&sandbox).ok();
    assert!(sandbox.read(page).contains("SUBCOMMANDS"));
    let newer = format!(".\\\" git-os {} 99999999999\n", env!("CARGO_PKG_VERSION"));
    sandbox.write(page, &newer);
    at_terminal(&sandbox).ok();
    assert_eq!(sandbox.read(page), newer);
}

#[test]
fn help_is_there_for_the_program_and_for_each_command() {
    let (sandbox, _) = workspace();
    let all = sandbox.os("home", &["help"]).ok();
    assert_eq!(all, sandbox.os("home", &["--help"]).ok());
    assert!(all.contains("A ticket is named by its id") && all.contains("approve"), "{all}");
    let list = sandbox.os("home", &["help", "list"]).ok();
    assert_eq!(list, sandbox.os("home", &["list", "--help"]).ok());
    assert!(list.contains("Usage: git os list"), "{list}");
    let short = sandbox.os("home", &["-h"]).ok();
    assert!(short.len() < all.len() && !short.contains("A ticket is named by"), "{short}");
    sandbox.os("home", &["help", "nope"]).fails("unrecognized subcommand 'nope'");
}

#[test]
fn git_shows_the_manual_page() {
    let (sandbox, _) = workspace();
    if !has(&sandbox, "man") {
        println!("skipped: there is no man here");
        return;
    }
    for args in [&["os", "--help"][..], &["help", "os"]] {
        let said = sandbox.git("home", args).ok();
        assert!(said.contains("git-os-list(1)"), "{said}");
    }
}
