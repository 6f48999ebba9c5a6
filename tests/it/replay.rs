//! A landed ticket, worked on again by another agent: both results side by side, and no trace of it afterwards.

use serde_json::Value;

use crate::crew::Crew;
use crate::sandbox::Out;

/// Keeps its brief, and does what `../do` says.
const AGENT: &str = "cat >\"$(dirname \"$0\")/brief\"; . \"$(dirname \"$0\")/do\"\n";
/// The other agent, which reads its brief in the same way. Its folder is deeper.
const OTHER: &str =
    "cat >\"$(dirname \"$0\")/brief-of-other\"; pwd >\"$(dirname \"$0\")/where\"; . \"$(dirname \"$0\")/do-other\"\n";

/// A workspace with two agents, and a ticket that the first of them landed at its second attempt.
fn landed(settings: &str) -> (Crew, String) {
    let usual = if settings.contains("checks") { "" } else { "checks = [{ name = \"sound\", run = \"! grep -rq BAD src\" }]" };
    let agents = "\n[agents.other]\nkind = \"command\"\nrun = [\"sh\", \"../other.sh\"]\n";
    let crew = Crew::with(&["hub"], &format!("agent = \"crew\"\nmax_attempts = 2\n{settings}\n{usual}\n{agents}"));
    crew.agent(AGENT);
    crew.sandbox.write("ws/other.sh", OTHER);
    crew.sandbox.write("ws/do", "mkdir -p src; test $GIT_OS_ATTEMPT = 1 && echo BAD >src/a || echo good >src/a\n");
    crew.sandbox.write("ws/do-other", "mkdir -p src; echo better >src/a; echo more >src/b\n");
    let id = crew.ready("Do it");
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    (crew, id)
}

/// All refs, and all files below the folders of git-os and of the worktrees.
fn all(crew: &Crew) -> (String, String) {
    let files = "git status --porcelain; git worktree list | sed 's/ .*//'; find .git/os .claude -type f ! -path '*/board*' ! -path '*/replaying/*' 2>/dev/null | sort";
    (crew.sandbox.refs("ws/hub", &[]), crew.sandbox.sh("ws/hub", files).ok())
}

fn replay(crew: &Crew, id: &str) -> Out {
    crew.os(&["replay", id, "--agent", "other", "--json"])
}

fn json(out: Out) -> Value {
    serde_json::from_str(&out.ok()).expect("JSON")
}

#[test]
fn a_replay_shows_both_sides_and_leaves_no_trace() {
    let (crew, id) = landed("");
    let before = all(&crew);
    let main = crew.sandbox.id("ws/hub", "main");
    let shown = json(replay(&crew, &id));
    assert_eq!((&shown["version"], &shown["ticket"]), (&1.into(), &id.as_str().into()));
    let (landed, again) = (&shown["landed"], &shown["replay"]);
    assert_eq!((&landed["agent"], &landed["verdict"], &landed["attempts"]), (&"crew".into(), &"pass".into(), &2.into()));
    assert_eq!(landed["diff"], serde_json::json!({ "files": 1, "added": 1, "removed": 0 }));
    assert_eq!((&again["agent"], &again["verdict"], &again["outcome"]), (&"other".into(), &"pass".into(), &"handed-in".into()));
    assert_eq!(again["diff"], serde_json::json!({ "files": 2, "added": 2, "removed": 0 }));
    assert_eq!(all(&crew), before, "no ref moves, and no file stays");
    assert_eq!(crew.sandbox.id("ws/hub", "main"), main);
    assert!(crew.sandbox.read("ws/where").contains(&format!("{id}.replay/")));
    let text = crew.os(&["replay", &id, "--agent", "other"]).ok();
    for line in ["landed", "+1 -0", "+2 -0", "handed-in", "pass"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    crew.os(&["fsck"]).ok();
}

#[test]
fn the_brief_is_that_of_the_first_attempt_whatever_came_since() {
    let (mut crew, id) = landed("");
    crew.sandbox.write("ws/do", "echo later >later\n");
    let first = json(replay(&crew, &id));
    let brief = crew.sandbox.read("ws/brief-of-other");
    assert!(
        brief.contains("# Do it") && brief.contains("Attempt 1 of 2") && !brief.contains("Why the last attempt failed"),
        "{brief}"
    );
    // The branch, the instructions, the learnings and the policy go on.
    crew.sandbox.set("GIT_COMMITTER_DATE", "2026-05-09T12:00:00Z");
    crew.os(&["learn", "Do it with care: it is done more often than one thinks"]).ok();
    crew.sandbox.sh("ws/hub", "echo 'New rules.' >CLAUDE.md; git add -A; git commit -qm Rules").ok();
    let registry = crew.sandbox.read("ws/hub/registry.toml");
    crew.sandbox.write("ws/hub/registry.toml", registry.replace("! grep -rq BAD src", "false"));
    crew.os(&["init", "--yes"]).ok();
    let second = json(replay(&crew, &id));
    assert_eq!(crew.sandbox.read("ws/brief-of-other"), brief, "byte for byte");
    assert_eq!((&first["brief"], &first["base"]), (&second["brief"], &second["base"]));
    assert_eq!(second["replay"]["verdict"], "pass", "by the policy of then: {second}");
}

#[test]
fn bad_work_of_a_replay_is_judged_as_any_other() {
    let (crew, id) = landed("");
    let main = crew.sandbox.id("ws/hub", "main");
    for (script, outcome, verdict, reason) in [
        ("mkdir -p src; echo BAD >src/a", "handed-in", "fail".into(), "check `sound` exited with 1"),
        (":", "nothing-changed", Value::Null, "the agent changed nothing"),
        ("exit 3", "failed", Value::Null, "exit"),
    ] {
        crew.sandbox.write("ws/do-other", format!("{script}\n"));
        let shown = json(replay(&crew, &id));
        let again = &shown["replay"];
        assert_eq!((&again["outcome"], &again["verdict"]), (&outcome.into(), &verdict), "{script}: {shown}");
        assert!(again["reasons"].to_string().contains(reason), "{script}: {shown}");
    }
    // What it does to refs and branches it does to a repository that is thrown away.
    let before = all(&crew);
    crew.sandbox.write(
        "ws/do-other",
        "echo x >y; git add y; git commit -qm y; git branch -f main; git update-ref -d refs/os/meta; git push -q origin main; :\n",
    );
    replay(&crew, &id).ok();
    assert_eq!((crew.sandbox.id("ws/hub", "main"), all(&crew)), (main, before));
    crew.os(&["fsck"]).ok();
}

#[test]
fn a_killed_replay_leaves_nothing_that_the_next_one_does_not_clear() {
    let (crew, id) = landed("");
    let before = all(&crew);
    let left = || crew.sandbox.path(&format!("ws/hub/.claude/worktrees/{id}.replay")).exists();
    let killed = || {
        crew.sandbox.write("ws/do-other", ": >\"$(dirname \"$0\")/began\"; sleep 60\n");
        let mut child = crew.spawn(&["replay", &id, "--agent", "other"]);
        crew.wait_for("ws/began");
        child.kill().expect("killed");
        child.wait().expect("ended");
        crew.sandbox.sh("ws", "rm began").ok();
        crew.sandbox.write("ws/do-other", "mkdir -p src; echo better >src/a\n");
        assert!(left());
        assert_eq!(crew.sandbox.refs("ws/hub", &[]), before.0);
    };
    killed();
    assert_eq!(json(replay(&crew, &id))["replay"]["verdict"], "pass");
    assert!(!left());
    killed();
    crew.os(&["gc"]).ok();
    assert!(!left());
    assert_eq!(all(&crew), before);
    assert_eq!(crew.processes(), Vec::<String>::new());
    crew.os(&["fsck"]).ok();
}

#[test]
fn only_what_has_landed_is_replayed_and_only_by_an_agent_of_the_registry() {
    let (crew, id) = landed("");
    crew.os(&["replay", &id, "--agent", "nobody"]).fails("nobody");
    let open = crew.ready("Open");
    crew.os(&["replay", &open, "--agent", "other"]).fails("it is `ready`, not `merged`");
}

#[test]
fn the_steps_of_a_plan_are_done_again_one_by_one() {
    let (crew, _) = landed("");
    crew.sandbox.write("ws/do", "echo $GIT_OS_STEP >>steps\n");
    crew.sandbox.write("ws/do-other", "echo $GIT_OS_STEP >>steps; echo other >>steps\n");
    crew.sandbox.write(
        "ws/plan.yaml",
        "goal: Count\nsteps:\n  - id: one\n    title: One\n  - id: two\n    title: Two\n    depends_on: [one]\n",
    );
    let made = json(crew.os(&["plan", "import", "../plan.yaml", "--json"]));
    let id = made["id"].as_str().expect("an id");
    crew.os(&["approve", id]).ok();
    crew.os(&["dispatch"]).ok();
    assert_eq!(crew.state(id), "merged", "{}", crew.log(id));
    let shown = json(replay(&crew, id));
    assert_eq!((&shown["replay"]["verdict"], &shown["replay"]["outcome"]), (&"pass".into(), &"handed-in".into()), "{shown}");
    assert_eq!(shown["landed"]["diff"], serde_json::json!({ "files": 1, "added": 2, "removed": 0 }));
    assert_eq!(shown["replay"]["diff"], serde_json::json!({ "files": 1, "added": 4, "removed": 0 }));
}
