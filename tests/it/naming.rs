//! Which ticket is meant by a part of an id or of a title, in a workspace of several repositories.

use crate::sandbox::Sandbox;

/// Three repositories with one draft each; answers their ids.
fn workspace() -> (Sandbox, Vec<String>) {
    let sandbox = Sandbox::new();
    sandbox.workspace(&["hub", "alpha", "beta"], "");
    let tickets = [("hub", "Write the manual"), ("alpha", "Fix the login"), ("beta", "Fix the logout")];
    let ids = tickets.map(|(repo, title)| sandbox.ticket(repo, title, "draft").id).to_vec();
    (sandbox, ids)
}

fn states(sandbox: &Sandbox, ids: &[String]) -> Vec<String> {
    ["hub", "alpha", "beta"].iter().zip(ids).map(|(repo, id)| sandbox.state(repo, id)).collect()
}

#[test]
fn a_part_that_fits_in_several_repositories_is_refused_with_the_candidates() {
    let (sandbox, ids) = workspace();
    for verb in [&["approve", "T-"][..], &["reject", "T-", "--reason", "no"], &["show", "T-"], &["comment", "T-", "hm"]] {
        let said = sandbox.os("hub", verb).fails("error: `T-` matches 3 tickets:\n");
        for (repo, id, title) in
            [("hub", &ids[0], "Write the manual"), ("alpha", &ids[1], "Fix the login"), ("beta", &ids[2], "Fix the logout")]
        {
            assert!(said.contains(&format!("\n  {id} {repo} draft {title}\n")), "{said}");
        }
    }
    assert_eq!(states(&sandbox, &ids), ["draft", "draft", "draft"]);
    // It stands in one of the repositories that have just one that fits.
    sandbox.os("alpha", &["approve", "fix the log"]).fails("matches 2 tickets");
    sandbox.os("alpha", &["approve", "T-", "--repo", "beta"]).ok();
    assert_eq!(states(&sandbox, &ids), ["draft", "draft", "ready"]);
}

#[test]
fn of_many_that_fit_ten_are_named_and_the_others_counted() {
    let (sandbox, _) = workspace();
    for number in 0..10 {
        sandbox.ticket("alpha", &format!("Number {number}"), "draft");
    }
    let said = sandbox.os("hub", &["show", "T-"]).fails("`T-` matches 13 tickets");
    assert_eq!(said.lines().filter(|line| line.starts_with("  T-")).count(), 10, "{said}");
    assert!(said.contains("\n  and 3 more\n"), "{said}");
}

#[test]
fn a_ticket_is_named_by_its_title_or_a_part_of_it() {
    let (sandbox, ids) = workspace();
    let short = sandbox.ticket("alpha", "Fix", "draft").id;
    for (words, id) in [("login", &ids[1]), ("FIX THE LOGOUT", &ids[2]), ("manual", &ids[0]), ("fix", &short)] {
        let shown = sandbox.os("beta", &["show", words]).ok();
        assert!(shown.starts_with(id.as_str()), "{words}: {shown}");
    }
    // A part of an id comes before a title.
    let named = sandbox.ticket("hub", &ids[1][2..], "draft").id;
    assert!(sandbox.os("hub", &["show", &ids[1][2..]]).ok().starts_with(&ids[1]), "{named}");
    sandbox.os("hub", &["show", "fix the log"]).fails("matches 2 tickets");
    sandbox.os("hub", &["show", "log", "--repo", "hub"]).fails("ticket `log` not found");
    sandbox.os("hub", &["show", ""]).fails("ticket `` not found");
}

#[test]
fn an_archived_ticket_is_named_by_its_title_if_no_live_one_fits() {
    let (sandbox, ids) = workspace();
    sandbox.os("alpha", &["reject", &ids[1], "--reason", "no"]).ok();
    sandbox.os("alpha", &["archive", "--after", "0s"]).ok();
    assert_eq!(sandbox.state("alpha", &ids[1]), "");
    assert!(sandbox.os("hub", &["show", "login"]).ok().starts_with(&ids[1]));
    let again = sandbox.ticket("beta", "Fix the login", "draft").id;
    assert!(sandbox.os("hub", &["show", "login"]).ok().starts_with(&again));
}

#[test]
fn a_dependency_may_be_in_another_repository_than_the_one_that_is_named() {
    let (sandbox, ids) = workspace();
    sandbox.os("hub", &["edit", "manual", "--repo", "hub", "--depends", "login"]).ok();
    assert!(sandbox.os("hub", &["show", "manual"]).ok().contains(&ids[1]));
}

#[test]
fn a_whole_id_is_found_here_without_a_look_at_other_repositories() {
    let (sandbox, ids) = workspace();
    let program = sandbox.path("bin/git-os");
    let mut command = sandbox.command("alpha", "strace");
    command.args(["-f", "-e", "trace=openat", "-o", "../calls"]).arg(program).args(["show", &ids[1]]);
    if !command.output().is_ok_and(|output| output.status.success()) {
        println!("skipped: system calls cannot be watched here with `strace`");
        return;
    }
    let calls = sandbox.read("calls");
    assert!(calls.contains("/alpha/.git/"), "{calls}");
    assert!(!calls.contains("/beta/.git"), "{calls}");
}
