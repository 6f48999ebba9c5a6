//! Pushes by somebody who means harm, made with raw plumbing: the server refuses each, and where the same refs were forced
//! in underneath it they are found.

mod events;

mod forms;

mod gate;

mod odd;

mod refs;

mod stores;

mod trees;

use std::sync::Mutex;

use super::fleet::{BARE, Fleet, Plan};
use crate::sandbox::{Out, RUN};

/// Where forced refs show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// `git os fsck` in the repository itself has a finding on it.
    Fsck,
    /// What a ref lost leaves no trace in the repository that lost it. A clone that knows better says so when it syncs, and
    /// brings it back.
    Sync,
    /// A clone that knows better says so when it syncs, and keeps what it has.
    Kept,
    /// It is refused for what would come of it, and there is nothing wrong with the refs as they then are.
    Never,
}

/// A name; lines of shell that move refs in a copy of the server without hooks; what the refusal says; where it shows.
/// Where the lines print refspecs, those are pushed instead of what moved.
type Case = (&'static str, &'static str, &'static str, Seen);

/// What the lines of shell have at hand. `next` makes the message of a next event out of the one before it.
const TOOLS: &str = include_str!("tools.sh");

/// A server that judges, and `forced`, a bare copy of it without hooks; tickets in every state, and a ref of every kind.
struct Place {
    fleet: Fleet,
}

impl Place {
    fn new() -> Self {
        let settings = "checks = []\nprotected = [\"main\", \"stable\"]";
        let mut fleet = Fleet::new(1, Plan { is_judged: true, settings, ..Plan::default() });
        let here = &mut fleet.sandbox;
        let landed = here.ticket("m0", "Landed", "merged");
        let kept = here.os("m0", &["new", "Kept"]).ok();
        let kept = kept.split_whitespace().next().expect("an id").to_owned();
        here.os("m0", &["reject", &kept, "--reason", "no"]).ok();
        here.os("m0", &["sync"]).ok();
        here.sh("m0", "git push -q origin main main:stable").ok();
        here.os("m0", &["archive", "--after", "0m"]).ok();
        let relanded = here.ticket("m0", "Merged", "merged");
        // What is handed in goes to the server with its ticket when it sits on what the server has.
        here.sh("m0", "git-os sync && git push -q origin main && git-os sync").ok();
        let open = here.ticket("m0", "Open", "verifying");
        let verified = here.ticket("m0", "Verified", "verified");
        let mut ids = vec![("ARCHIVED", kept), ("OLD", landed.id), ("MERGED", relanded.id.clone())];
        for (key, state) in [("DRAFT", "draft"), ("READY", "ready"), ("CLAIMED", "claimed"), ("RUNNING", "running")] {
            ids.push((key, here.ticket("m0", key, state).id));
        }
        let closed = here.ticket("m0", "Closed", "draft").id;
        here.os("m0", &["reject", &closed, "--reason", "no"]).ok();
        ids.extend([("CLOSED", closed), ("OPEN", open.id.clone()), ("VERIFIED", verified.id.clone())]);
        let (root, main) = (here.id("m0", "refs/os/meta"), here.id("m0", "main"));
        ids.extend([("WORK", open.head.clone()), ("GOOD", verified.head.clone()), ("MAIN", main), ("POLICY", root)]);
        ids.extend([
            ("LANDED", relanded.head),
            ("VERDICT", here.verdict("m0", &open)),
            ("JUDGE", crate::sandbox::JUDGE.to_owned()),
        ]);
        ids.push(("R1", RUN.to_owned()));
        for (key, value) in &ids {
            here.set(key, value);
        }
        here.write("tools.sh", TOOLS);
        let grown = "
            for commit in $GOOD $LANDED; do
                id=$(test $commit = $GOOD && echo $VERIFIED || echo $MERGED)
                git cat-file blob refs/os/tickets/$id:verdicts/6.json >verdict
                git -c core.hooksPath=/dev/null notes --ref=os/verdicts add -F verdict $commit
            done; rm verdict
            put refs/os/meta $(policy 's/\"max_attempts\": 3/\"max_attempts\": 4/' -p refs/os/meta); git push -q origin refs/os/meta
            lesson=$(commit $(git mktree </dev/null)); more=$(commit $(git mktree </dev/null) -p $lesson)
            page=$(file $(echo page | blob) page.md | git mktree)
            put refs/os/learnings/0f3c $more; put refs/os/wiki $(commit $page -p $(commit $page))
            put refs/os/sessions/2026-05-07-91c2 $more; put refs/os/rescue/$DRAFT/1 $lesson
            put refs/notes/os/provenance $more
            git push -q origin refs/os/learnings/0f3c refs/os/wiki refs/os/sessions/2026-05-07-91c2 refs/os/rescue/$DRAFT/1 \
                refs/notes/os/provenance";
        here.os("m0", &["sync"]).ok();
        here.sh("m0", "git push -q origin main").ok();
        here.sh("m0", &format!(". ../tools.sh\n{grown}")).ok();
        here.os("m0", &["sync"]).ok();
        here.sh(".", &format!("git clone -q --mirror {BARE} forced && git -C forced config remote.origin.mirror false")).ok();
        here.sh("forced", "git repack -qad && git pack-refs --all && git remote set-url origin \"$PWD/../shared.git\"").ok();
        here.os("forced", &["fsck"]).ok();
        Self { fleet }
    }

    /// All refs of a repository that is here.
    fn refs(&self, dir: &str) -> Vec<String> {
        self.fleet.sandbox.refs(dir, &[]).lines().map(|line| line.trim().to_owned()).collect()
    }

    /// A copy of `forced` in which the lines were run, and what they moved as refspecs of a push.
    fn forge(&self, dir: &str, script: &str) -> Result<Vec<String>, Out> {
        let here = &self.fleet.sandbox;
        here.sh(".", &format!("cp -a forced {dir}")).ok();
        let out = here.sh(dir, &format!(". ../tools.sh\n{script}"));
        if out.code != Some(0) {
            return Err(out);
        }
        let given: Vec<String> = out.stdout.split_whitespace().map(str::to_owned).collect();
        if !given.is_empty() {
            return Ok(given);
        }
        let (old, new) = (self.refs("forced"), self.refs(dir));
        let word = |line: &str, at: usize| line.split(' ').nth(at).unwrap_or_default().to_owned();
        let moved = new.iter().filter(|line| !old.contains(line)).map(|line| format!("{}:{}", word(line, 1), word(line, 0)));
        let is_gone = |line: &&String| !new.iter().any(|other| word(other, 0) == word(line, 0));
        let gone = old.iter().filter(is_gone).map(|line| format!(":{}", word(line, 0)));
        Ok(moved.chain(gone).collect())
    }

    /// What is wrong with how a case ended, if anything is.
    fn try_case(&self, dir: &str, case: &Case) -> Result<(), String> {
        let (name, script, words, seen) = case;
        let here = &self.fleet.sandbox;
        let count = || here.sh(BARE, "git count-objects -v | grep -E '^(count|in-pack)'").ok();
        let (refs, objects) = (here.refs(BARE, &[]), count());
        let specs = self.forge(dir, script).map_err(|out| format!("{name}: it is not made: {out}"))?;
        if specs.is_empty() {
            return Err(format!("{name}: it moves nothing"));
        }
        let args: Vec<&str> = ["push", "--force", "origin"].into_iter().chain(specs.iter().map(String::as_str)).collect();
        let push = here.git(dir, &args);
        if push.code == Some(0) || here.refs(BARE, &[]) != refs || count() != objects {
            return Err(format!("{name}: the server took it: {push}"));
        }
        if !push.stderr.contains(words) {
            return Err(format!("{name}: `{words}` is not said: {push}"));
        }
        let said: Vec<&str> = push.stderr.lines().filter_map(|line| Some(line.strip_prefix("remote: ")?.trim_end())).collect();
        let is_clear = |line: &&&str| line.starts_with("error: refusing to update `refs/") && line.contains("`: ");
        let clear = said.iter().filter(is_clear).count();
        if clear == 0 || clear > specs.len() || said.iter().any(|line| !is_clear(&line) && !line.starts_with("hint: ")) {
            return Err(format!("{name}: it is not one clear line for a ref: {push}"));
        }
        let names: Vec<&str> = specs.iter().filter_map(|spec| spec.rsplit(':').next()).collect();
        match seen {
            Seen::Fsck => {
                let fsck = here.os(dir, &["fsck"]);
                let is_named = |name: &&str| fsck.said().contains(*name) || fsck.said().contains(&escaped(name));
                // Under another policy all tickets are those of another repository, and a merged one tells what its branch lost.
                let of_tickets = ["created in another repository", "cannot merge without its work in a protected branch"];
                let is_found = names.iter().any(is_named) || of_tickets.iter().any(|what| fsck.said().contains(what));
                if fsck.code == Some(0) || !is_found || fsck.said().contains("panicked") {
                    return Err(format!("{name}: forced in underneath it is not found: {fsck}"));
                }
            }
            Seen::Sync | Seen::Kept => {
                let clone = format!("{dir}-clone");
                here.sh(".", &format!("cp -a m0 {clone} && git -C {clone} remote set-url origin \"$PWD/{dir}\"")).ok();
                let sync = here.os(&clone, &["sync"]);
                let has = |spec: &String| {
                    let (forced, name) = spec.split_once(':').unwrap_or_default();
                    let now = here.id(dir, name);
                    !now.is_empty() && now != forced
                };
                let is_kept = || names.iter().any(|name| sync.stderr.contains(&format!("cannot update `{name}`: ")));
                let says = |words: &str| names.iter().any(|name| sync.stderr.contains(&format!("`{name}` {words}")));
                let is_right = match seen {
                    Seen::Kept => is_kept() && names.iter().all(|name| here.id(&clone, name) == here.id("forced", name)),
                    _ => says("was rewound on `origin`") && specs.iter().any(has),
                };
                if !is_right {
                    return Err(format!("{name}: a clone does not set it right: {sync}"));
                }
            }
            Seen::Never => {}
        }
        here.sh(".", &format!("rm -rf {dir} {dir}-clone")).ok();
        Ok(())
    }

    /// What is wrong with how a push went that is by the rules.
    fn try_odd(&self, dir: &str, (name, script): &(&str, &str)) -> Result<(), String> {
        let here = &self.fleet.sandbox;
        here.sh(".", &format!("cp -a {BARE} {dir}.git")).ok();
        let script = format!("git remote set-url origin \"$PWD/../{dir}.git\"; SERVER=../{dir}.git\n{script}");
        let specs = self.forge(dir, &script).map_err(|out| format!("{name}: {out}"))?;
        let args: Vec<&str> =
            ["push", "--force", "--atomic", "origin"].into_iter().chain(specs.iter().map(String::as_str)).collect();
        let push = here.git(dir, if specs.is_empty() { &["push", "origin", "main"] } else { &args });
        if push.code != Some(0) {
            return Err(format!("{name}: the server refuses it: {push}"));
        }
        let fsck = here.os(&format!("{dir}.git"), &["fsck"]);
        if fsck.code != Some(0) {
            return Err(format!("{name}: it leaves something behind: {fsck}"));
        }
        here.sh(".", &format!("rm -rf {dir} {dir}.git")).ok();
        Ok(())
    }

    /// Tries all of them; afterwards nothing has changed.
    #[track_caller]
    fn try_all(&self, cases: &[Case]) {
        side_by_side(cases, |dir, case| self.try_case(dir, case));
        self.fleet.sandbox.os("forced", &["fsck"]).ok();
    }
}

/// Tries all of them, two at a time, and fails with all that went wrong.
#[track_caller]
fn side_by_side<T: Sync>(cases: &[T], try_one: impl Fn(&str, &T) -> Result<(), String> + Sync) {
    let wrong = Mutex::new(Vec::new());
    let next = Mutex::new(cases.iter().enumerate());
    let work = || loop {
        let taken = next.lock().expect("a case").next();
        let Some((at, case)) = taken else { return };
        if let Err(what) = try_one(&format!("case{at}"), case) {
            wrong.lock().expect("a list").push(what);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let wrong = wrong.into_inner().expect("a list");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// A name as it is shown.
fn escaped(name: &str) -> String {
    name.chars()
        .flat_map(|character| if character.is_ascii_graphic() { vec![character] } else { character.escape_default().collect() })
        .collect()
}
