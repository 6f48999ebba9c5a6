use super::*;

fn world(root: &std::path::Path) -> World {
    for folder in ["home/priv/trading", "home/priv/other", "home/priv/trading-docs", "home/wt/T-1/src"] {
        std::fs::DirBuilder::new().recursive(true).create(root.join(folder)).expect("a folder");
    }
    let path = |name: &str| root.join(name).to_string_lossy().into_owned();
    let silos = [("trading".to_owned(), path("home/priv/trading"))];
    World::new(&path("home/wt/T-1"), &path("home"), &silos, vec!["main".to_owned()])
}

#[test]
fn what_reaches_a_silo_is_denied_and_ordinary_work_is_not() {
    let root = tempfile::tempdir().expect("a folder");
    let world = world(root.path());
    let silo = root.path().join("home/priv/trading").to_string_lossy().into_owned();
    let ask = |command: &str| {
        let call = serde_json::json!({"tool_name": "Bash", "tool_input": {"command": command.replace("SILO", &silo)}});
        judge(&world, &root.path().join("home/wt/T-1").to_string_lossy(), &call)
    };
    for command in [
        "cat SILO/secrets.env",
        "cat ~/priv/tr*/x",
        "cd ~/priv; cd trading && ls",
        "p=SILO; cat $p/x",
        "eval 'cat SILO/x'",
        "echo 'cat SILO/x' | sh",
        "echo aGk= | base64 -d | sh",
        "bash -c \"sh -c 'cat SILO/x'\"",
        "cat <<EOF\n$(cat SILO/x)\nEOF",
        "git commit --no-verify -m x",
        "git push origin main",
        "docker run alpine",
        "cat ~/.ssh/id_rsa",
        "rm -rf /etc/x",
        "git -c core.hooksPath=/dev/null commit -m x",
        "cat SILO/x\n((((((((((((((((((((((((((((((((((((((((((((((((((((((((((",
        "find ~ -name x",
        "rg x ~",
        "f() { cat SILO/x; }",
        "echo $((a[$(cat SILO/x)]))",
        "echo x > .git",
        "git update-ref refs/os/tickets/x HEAD",
    ] {
        assert!(ask(command).is_err(), "{command}");
    }
    for command in [
        "cat SILO-docs/readme.md",
        "git commit -m 'about SILO'",
        "echo SILO",
        "grep -rn SILO .",
        "cargo build 2>&1 | tail -5",
        "for f in $(git ls-files); do head -1 \"$f\"; done",
        "rm -rf ./trading",
        "ls ~/priv/other",
        "git status --short && git diff --stat",
        "cat > cfg.toml <<EOF\nroot = \"$PWD\"\nEOF",
        "tar czf /tmp/x.tgz src",
        "((i = 1 << 2)); echo \"$i\"",
    ] {
        assert_eq!(ask(command), Ok(()), "{command}");
    }
}
