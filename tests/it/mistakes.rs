//! What the words of a registry start is looked for where it will be looked for: in the folder of the registry, or on the branch.

use crate::sandbox::Sandbox;

/// A workspace whose registry gives `hub` these settings and the agent `crew` this command; answers what `init` says of it.
fn told(sandbox: &Sandbox, settings: &str, run: &str) -> String {
    let agent = if run.is_empty() { String::new() } else { format!("[agents.crew]\nkind = \"command\"\nrun = {run}\n") };
    sandbox.registry(&["hub"], settings);
    let text = sandbox.read("hub/registry.toml") + &agent;
    sandbox.write("hub/registry.toml", text);
    let out = sandbox.os("hub", &["init", "--yes"]);
    let said = out.stderr.clone();
    out.ok();
    said
}

/// The settings of a repository with this check.
fn checked(run: &str) -> String {
    format!("checks = [{{ name = \"tests\", run = \"{run}\" }}]")
}

/// A repository with scripts on `main`, one of them not executable.
fn scripts() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub"], "");
    sandbox.script("hub/agents/good.sh", "#!/bin/sh\n");
    sandbox.write("hub/agents/plain.sh", "#!/bin/sh\n");
    sandbox.write("hub/.gitignore", "/made/\n");
    sandbox.sh("hub", "ln -s agents tools; git add agents tools .gitignore; git commit -qm scripts").ok();
    // These are here, and on no branch.
    sandbox.script("hub/agents/later.sh", "#!/bin/sh\n");
    sandbox
}

#[test]
fn a_script_that_an_agent_cannot_start_is_named_with_its_line() {
    let sandbox = scripts();
    for (run, said) in [
        (r#"["sh", "./agents/none.sh"]"#, "there is no file `ROOT/hub/agents/none.sh`"),
        (r#"["bash", "-eu", "./agents/none"]"#, "there is no file `ROOT/hub/agents/none`"),
        (r#"["sh", "./agents/later.sh"]"#, ""),
        (r#"["sh", "./agents/plain.sh"]"#, ""),
        (r#"["./agents/none.sh"]"#, "there is no program `ROOT/hub/agents/none.sh`"),
        (r#"["./agents/plain.sh"]"#, "`ROOT/hub/agents/plain.sh` is not executable"),
        (r#"["./agents/later.sh"]"#, ""),
        // The folder of the registry counts without `./` too: nothing of a worktree is run as the agent.
        (r#"["sh", "agents/none.sh"]"#, "there is no file `ROOT/hub/agents/none.sh`"),
        (r#"["sh", "agents/later.sh"]"#, ""),
        (r#"["sh", "agents/plain.sh"]"#, ""),
        (r#"["agents/plain.sh"]"#, "`ROOT/hub/agents/plain.sh` is not executable"),
        (r#"["agents/later.sh"]"#, ""),
        (r#"["sh", "none.sh"]"#, "there is no file `ROOT/hub/none.sh`"),
        (r#"["sh", "-c", "exit 0", "./agents/none.sh"]"#, ""),
        (r#"["cat", "./agents/none.sh"]"#, ""),
    ] {
        for (key, is_fault) in [("agent", false), ("verifier", true)] {
            let settings = format!("{key} = \"crew\"\n{}", checked("true"));
            let warnings = told(&sandbox, &settings, run);
            let root = sandbox.path("");
            let said = said.replace("ROOT/", &root.display().to_string());
            if said.is_empty() {
                assert_eq!(warnings, "", "{run}");
                continue;
            }
            let line = sandbox.read("hub/registry.toml").lines().position(|line| line.starts_with("run = ")).expect("a line") + 1;
            let whole = format!("hub/registry.toml:{line}: {key} `crew` cannot start: {said}\n");
            assert!(warnings.ends_with(&whole), "{run}: {warnings}");
            let doctor = sandbox.os("hub", &["doctor"]);
            assert_eq!(doctor.code, Some(i32::from(is_fault)), "{doctor}");
            let _said = doctor.says(&format!("registry line {line}: {key} `crew` cannot start: {said}"));
        }
    }
}

#[test]
fn a_script_that_a_check_does_not_have_yet_is_a_warning() {
    let sandbox = scripts();
    for (run, said) in [
        ("sh agents/none.sh", "there is no file `agents/none.sh` on `main`, of which worktrees are made"),
        ("sh ./agents/later.sh && true", "there is no file `./agents/later.sh` on `main`, of which worktrees are made"),
        ("./agents/plain.sh", "`./agents/plain.sh` is not executable on `main`"),
        ("sh agents/good.sh", ""),
        ("sh agents/plain.sh", ""),
        ("./agents/good.sh", ""),
        // What cannot be told is not guessed.
        ("sh made/run.sh", ""),
        ("sh tools/none.sh", ""),
        ("sh ../none.sh", ""),
        ("./agents/none.sh", ""),
        ("cd agents && sh ./none.sh", ""),
        ("sh $DIR/none.sh", ""),
        ("sh -c agents/none.sh", ""),
    ] {
        let warnings = told(&sandbox, &checked(run), "");
        if said.is_empty() {
            assert_eq!(warnings, "", "{run}");
            continue;
        }
        assert!(warnings.ends_with(&format!("hub/registry.toml:11: check `tests` of `hub` cannot run: {said}\n")), "{warnings}");
        sandbox.os("hub", &["doctor"]).says("registry line 11: check `tests`").says(" warn ").says("grade B").ok();
    }
}

#[test]
fn what_no_branch_has_yet_is_not_missed() {
    let sandbox = Sandbox::new();
    sandbox.sh(".", "git init -q hub").ok();
    sandbox.registry(&["hub"], &checked("sh tests/none.sh"));
    let out = sandbox.os("hub", &["init"]);
    assert!(!out.stderr.contains("none.sh"), "{out}");
    out.ok();
}
