//! Settings that would change what a git of ours does or says, and do not.

use crate::crew::Crew;
use crate::world::with_remote;

/// An agent that commits one file, leaves two changes to be taken in, and works while the branch goes on, so that its work is rebased. It
/// knows how to work in spite of all settings.
const WORKS: &str = "cat >/dev/null; git() { /usr/bin/env git -c commit.cleanup=verbatim -c commit.verbose=false -c commit.gpgSign=false -c diff.orderFile=/dev/null \"$@\"; }
    echo two >>two.txt; git add -f two.txt; git commit -qm \"$GIT_OS_TICKET\"; echo changed >>a; echo new >u
    on=$(git commit-tree -m 'A person goes on' -p main 'main^{tree}'); git -C ../../.. -c core.hooksPath=/dev/null update-ref refs/heads/main $on\n";

/// Settings of people by what they are about, as hostile as they come. `<bad>` is a program that says something and fails, `<template>` has
/// hooks that fail, `<all>` is a file that says `*`.
const SETTINGS: [(&str, &[&str]); 10] = [
    (
        "words of commands",
        &[
            "alias.push=!false",
            "alias.fetch=!false",
            "alias.merge=!false",
            "alias.rebase=!false",
            "alias.config=!false",
            "alias.update-ref=!false",
            "help.autocorrect=immediate",
        ],
    ),
    (
        "programs",
        &[
            "core.pager=<bad>",
            "pager.branch=<bad>",
            "pager.config=<bad>",
            "pager.diff=<bad>",
            "pager.for-each-ref=true",
            "pager.stash=true",
            "pager.status=<bad>",
            "core.editor=<bad>",
            "sequence.editor=<bad>",
            "core.fsmonitor=<bad>",
            "core.alternateRefsCommand=<bad>",
            "diff.external=<bad>",
            "interactive.diffFilter=<bad>",
            "merge.tool=bad",
            "diff.tool=bad",
        ],
    ),
    (
        "messages",
        &[
            "commit.template=<all>",
            "commit.cleanup=scissors",
            "commit.verbose=true",
            "commit.status=false",
            "core.commentChar=W",
            "format.pretty=raw",
            "format.signOff=true",
            "i18n.commitEncoding=ISO-8859-1",
            "i18n.logOutputEncoding=UTF-16",
            "merge.log=true",
            "merge.suppressDest=main",
            "revert.reference=true",
            "rebase.instructionFormat=%an",
        ],
    ),
    (
        "output",
        &[
            "color.ui=always",
            "color.status=always",
            "color.diff=always",
            "color.branch=always",
            "color.push=always",
            "color.transport=always",
            "color.remote=always",
            "color.advice=always",
            "column.ui=always",
            "core.quotePath=true",
            "core.abbrev=4",
            "log.showSignature=true",
            "log.decorate=full",
            "log.abbrevCommit=true",
            "log.date=iso",
            "log.follow=true",
            "log.showRoot=false",
            "log.excludeDecoration=*",
            "branch.sort=-committerdate",
            "grep.lineNumber=true",
            "grep.fullName=true",
            "notes.displayRef=*",
            "core.notesRef=refs/notes/other",
            "fetch.output=compact",
            "fetch.showForcedUpdates=false",
            "advice.detachedHead=true",
            "advice.skippedCherryPicks=true",
            "trace2.normalTarget=2",
            "trace2.perfTarget=2",
        ],
    ),
    (
        "status and differences",
        &[
            "status.showUntrackedFiles=no",
            "status.short=true",
            "status.branch=true",
            "status.relativePaths=true",
            "status.displayCommentPrefix=true",
            "status.submoduleSummary=true",
            "status.showStash=true",
            "diff.noprefix=true",
            "diff.mnemonicPrefix=true",
            "diff.renames=copies",
            "diff.renameLimit=1",
            "diff.orderFile=/nonexistent",
            "diff.ignoreSubmodules=all",
            "diff.submodule=log",
            "diff.relative=true",
            "diff.context=0",
            "diff.autoRefreshIndex=false",
            "diff.wordRegex=.",
            "diff.colorMoved=zebra",
        ],
    ),
    (
        "merges and rebases",
        &[
            "merge.ff=false",
            "merge.default=union",
            "merge.conflictStyle=zdiff3",
            "merge.renames=false",
            "merge.directoryRenames=true",
            "merge.stat=true",
            "merge.verbosity=5",
            "merge.autoStash=true",
            "merge.verifySignatures=true",
            "branch.main.mergeOptions=--squash",
            "branch.main.rebase=true",
            "pull.rebase=true",
            "pull.ff=only",
            "pull.twohead=ours",
            "rebase.backend=apply",
            "rebase.stat=true",
            "rebase.autoSquash=true",
            "rebase.autoStash=true",
            "rebase.updateRefs=true",
            "rebase.forkPoint=true",
            "rebase.rebaseMerges=true",
            "rebase.missingCommitsCheck=error",
            "rebase.abbreviateCommands=true",
            "rebase.rescheduleFailedExec=true",
            "rerere.enabled=true",
            "rerere.autoUpdate=true",
            "commit.gpgSign=true",
            "gpg.program=<bad>",
            "apply.whitespace=error",
            "core.whitespace=tab-in-indent",
        ],
    ),
    (
        "pushes",
        &[
            "push.default=nothing",
            "push.followTags=true",
            "push.autoSetupRemote=true",
            "push.pushOption=ci.skip",
            "push.recurseSubmodules=only",
            "push.useForceIfIncludes=true",
            "push.negotiate=true",
            "remote.pushDefault=nowhere",
            "branch.main.pushRemote=nowhere",
            "branch.main.remote=nowhere",
            "remote.origin.mirror=true",
            "remote.origin.push=refs/heads/*:refs/heads/x/*",
            "remote.origin.tagOpt=--tags",
        ],
    ),
    (
        "fetches",
        &[
            "fetch.prune=true",
            "fetch.pruneTags=true",
            "fetch.all=true",
            "fetch.writeCommitGraph=true",
            "fetch.recurseSubmodules=true",
            "fetch.fsckObjects=true",
            "transfer.fsckObjects=true",
            "transfer.unpackLimit=1",
            "fetch.unpackLimit=1",
            "fetch.negotiationAlgorithm=skipping",
            "remote.origin.prune=true",
            "remote.origin.skipFetchAll=true",
            "remote.origin.followRemoteHEAD=always",
            "protocol.version=0",
            "receive.fsckObjects=true",
        ],
    ),
    (
        "files and worktrees",
        &[
            "core.untrackedCache=true",
            "core.splitIndex=true",
            "core.preloadIndex=false",
            "core.trustctime=false",
            "core.checkStat=minimal",
            "core.ignoreStat=true",
            "core.safecrlf=warn",
            "core.bigFileThreshold=1",
            "core.looseCompression=9",
            "index.version=4",
            "submodule.recurse=true",
            "worktree.guessRemote=true",
            "checkout.defaultRemote=nowhere",
            "checkout.guess=false",
            "checkout.workers=2",
            "branch.autoSetupMerge=always",
            "branch.autoSetupRebase=always",
            "clean.requireForce=true",
            "add.ignoreErrors=true",
            "stash.showPatch=true",
        ],
    ),
    (
        "the repository",
        &[
            // With a split index, these make git itself lose files.
            "feature.manyFiles=true",
            "core.logAllRefUpdates=always",
            "core.preferSymlinkRefs=true",
            "core.filesRefLockTimeout=0",
            "core.packedRefsTimeout=0",
            "core.multiPackIndex=false",
            "core.useReplaceRefs=true",
            "extensions.worktreeConfig=true",
            "init.defaultBranch=trunk",
            "init.defaultObjectFormat=sha256",
            "init.templateDir=<template>",
            "gc.auto=1",
            "gc.autoPackLimit=1",
            "gc.pruneExpire=now",
            "maintenance.auto=true",
            "receive.autogc=true",
            "safe.bareRepository=explicit",
        ],
    ),
];

/// A ticket is worked on, rebased, landed, pushed and taken back with these settings, by the person's own file or by that of the repository.
fn work_is_not_disturbed(about: &str, settings: &[&str]) {
    let crew = with_remote(WORKS);
    crew.sandbox.script("bad", "#!/bin/sh\necho bad; exit 3\n");
    crew.sandbox.write("all", "*\n");
    for hook in [
        "pre-commit",
        "commit-msg",
        "post-checkout",
        "post-merge",
        "post-rewrite",
        "pre-rebase",
        "reference-transaction",
        "pre-push",
    ] {
        crew.sandbox.script(&format!("template/hooks/{hook}"), "#!/bin/sh\nexit 1\n");
    }
    let id = crew.ready("Work");
    let path = |name: &str| crew.sandbox.path(name).display().to_string();
    let configured = path("ws/hub/.git/config");
    let before = crew.sandbox.read("ws/hub/.git/config");
    for setting in settings {
        let setting =
            setting.replace("<bad>", &path("bad")).replace("<all>", &path("all")).replace("<template>", &path("template"));
        let (key, value) = setting.split_once('=').expect("a setting");
        // What some settings make of it is not for the command that adds the next one.
        crew.sandbox.git(".", &["config", "--file", &configured, "--add", key, value]).ok();
    }
    for command in [&["start", "--yes"][..], &["revert", &id], &["sync"], &["fsck"], &["doctor"]] {
        let out = crew.os(command);
        assert_eq!(out.code, Some(0), "{about}: {out}{}", crew.log(&id));
    }
    crew.sandbox.write("ws/hub/.git/config", before);
    assert_eq!(crew.state(&id), "merged", "{about}: {}", crew.log(&id));
    let subjects = crew.sandbox.git("ws/hub", &["log", "--format=%s", "main", "-4"]).ok();
    let wanted = format!("Revert \"Work\"\nWork\n{id}\nA person goes on");
    assert_eq!(subjects, wanted, "{about}");
    let files = crew
        .sandbox
        .sh("ws/hub", "git show main~1:two.txt; git show main~1:u; git show main~1:a; git status --porcelain -uno")
        .ok();
    assert_eq!(files, "two\nnew\none\nchanged", "{about}");
    crew.all_is_well();
}

#[test]
fn settings_of_commands_and_messages_do_not_change_what_becomes_of_work() {
    SETTINGS[..3].iter().for_each(|(about, settings)| work_is_not_disturbed(about, settings));
}

#[test]
fn settings_of_output_do_not_change_what_becomes_of_work() {
    SETTINGS[3..5].iter().for_each(|(about, settings)| work_is_not_disturbed(about, settings));
}

#[test]
fn settings_of_merges_pushes_and_fetches_do_not_change_what_becomes_of_work() {
    SETTINGS[5..8].iter().for_each(|(about, settings)| work_is_not_disturbed(about, settings));
}

#[test]
fn settings_of_files_and_repositories_do_not_change_what_becomes_of_work() {
    SETTINGS[8..].iter().for_each(|(about, settings)| work_is_not_disturbed(about, settings));
}

/// Each of these by itself takes away work, or makes a merge of it, where it is heeded.
#[test]
fn a_way_to_merge_that_drops_one_side_drops_no_work() {
    for setting in [
        "pull.twohead=ours",
        "branch.main.mergeOptions=--strategy=ours",
        "branch.main.mergeOptions=--no-ff",
        "branch.main.mergeOptions=--no-commit",
        "branch.main.mergeOptions=--squash",
        "merge.default=binary",
    ] {
        work_is_not_disturbed(setting, &[setting]);
    }
}

#[test]
fn what_a_person_ignores_everywhere_is_not_taken_in_and_a_person_s_attributes_count() {
    let crew = Crew::alone("cat >/dev/null; echo x >x.bak; echo x >x; printf 'a\\r\\nb\\r\\n' >x.cfg\n", "");
    crew.sandbox.write("home/ignore", "*.bak\n");
    crew.sandbox.write("home/attributes", "*.cfg text\n");
    crew.sandbox
        .sh("ws/hub", "git config --global core.excludesFile '~/ignore'; git config --global core.attributesFile '~/attributes'")
        .ok();
    let id = crew.ready("Work");
    crew.start().ok();
    assert_eq!(crew.state(&id), "merged", "{}", crew.log(&id));
    assert_eq!(crew.sandbox.git("ws/hub", &["diff", "--name-only", "main~1", "main"]).ok(), "x\nx.cfg");
    assert_eq!(crew.sandbox.git("ws/hub", &["show", "main:x.cfg"]).ok(), "a\nb");
}
