"""Builds git in a copy of its source tree, and makes the templates of each variant."""

import hashlib, os, shutil, subprocess, sys
from pathlib import Path

HOOKS = ["reference-transaction", "pre-merge-commit", "update"]
VARIANTS = ["base", "noop", "hooks", "polnoop", "policy"]
# The variant without git-os, which shows what git-os does not cause.
REFERENCE = {"hooks": "noop", "policy": "polnoop"}
BRANCHES = ["main", "master"]
# What is left out needs a web server, a display or translations.
MAKE = ["make", "NO_CURL=1", "NO_EXPAT=1", "NO_GETTEXT=1", "NO_TCLTK=1"]
REGISTRY = """\
version = 1
[os]
hub = "repo"
[[repo]]
name = "repo"
path = "repo"
brand = "suite"
gate = "tickets"
protected = ["{branch}"]
checks = [{{ name = "none", run = "true" }}]
"""


def die(message):
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def environment(work, **more):
    """A closed environment: no settings of git or git-os from outside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT", "XDG_"))}
    return {**kept, "HOME": str(work / "home"), "TERM": "dumb", **more}


def run_logged(command, log, **more):
    more = {"stdin": subprocess.DEVNULL, **more}
    with open(log, "ab") as out:
        if subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, **more).returncode:
            die(f"`{' '.join(map(str, command))}` failed; see {log}")


def build(tree, work, jobs):
    """Returns the version of the git that is built in `work/git`."""
    (work / "home").mkdir(parents=True, exist_ok=True)
    git, source, log = work / "git", work / "source", work / "build.log"
    is_repository = (tree / ".git").exists()
    now = output(["git", "-C", tree, "rev-parse", "HEAD"]) if is_repository else str(tree.resolve())
    if git.exists() and source.read_text() != now:
        die(f"{work} is the work folder of another source tree; name another one with --work")
    if not git.exists():
        copy = work / "git.part"
        shutil.rmtree(copy, ignore_errors=True)
        if is_repository:
            copy.mkdir()
            archive = subprocess.Popen(["git", "-C", tree, "archive", "HEAD"], stdout=subprocess.PIPE)
            run_logged(["tar", "-x", "-C", copy], log, stdin=archive.stdout)
            archive.wait()
        else:
            shutil.copytree(tree, copy, symlinks=True)
        change_tests(copy / "t")
        source.write_text(now)
        copy.rename(git)
    run_logged([*MAKE, f"-j{jobs}"], log, cwd=git, env=environment(work))
    return output([git / "git", "version"]).split()[2]


def output(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        die(f"`{' '.join(map(str, command))}` failed")
    return done.stdout.strip()


def change_tests(tests):
    """Lets the tests take their templates from us."""
    library, push = tests / "test-lib.sh", tests / "t5516-fetch-push.sh"
    for path, old, new in [
        (library, 'GIT_TEMPLATE_DIR="$GIT_BUILD_DIR"/templates/blt', 'GIT_TEMPLATE_DIR="$SUITE_TEMPLATE"'),
        # What wants no template gets the hooks and nothing else.
        (library, "_NO_TEMPLATE:+--template=}", '_NO_TEMPLATE:+--template="$SUITE_PLAIN"}'),
        (push, "--template= ", '--template="$SUITE_PLAIN" '),
        (push, 'mkdir "$repo_name"/.git/hooks', 'mkdir -p "$repo_name"/.git/hooks'),
    ]:
        text = path.read_text()
        if old not in text:
            die(f"{path} has no `{old}`, so this version of git needs another change")
        path.write_text(text.replace(old, new))


class Templates:
    """The templates for one kind of repository, such as `files-sha1`."""

    def __init__(self, work, program, ref_format, object_format):
        self.work, self.git, self.program = work, work / "git", program
        self.ref_format, self.object_format = ref_format, object_format
        self.form = f"{ref_format}-{object_format}"
        self.top = work / "templates" / self.form

    def path(self, variant, branch, plain=False):
        return self.top / f"{variant}.{branch}{'.plain' if plain else ''}"

    def make(self):
        if not self.program.exists():
            die(f"`{self.program}` does not exist; name the program to test with --git-os")
        program = hashlib.sha256(self.program.read_bytes()).hexdigest()
        stamp = self.top / "program"
        if stamp.exists() and stamp.read_text() == program:
            return
        # The results of another program are no longer true.
        for variant in REFERENCE:
            for folder in (variant, f"{variant}-again"):
                shutil.rmtree(self.work / "results" / self.form / folder, ignore_errors=True)
        shutil.rmtree(self.top, ignore_errors=True)
        self.top.mkdir(parents=True)
        noop = self.work / "noop"
        noop.with_suffix(".c").write_text("int main(void) { return 0; }\n")
        run_logged(["cc", "-O1", "-static", "-o", noop, noop.with_suffix(".c")], self.work / "build.log")
        for branch in BRANCHES:
            repo = self.workspace(branch)
            for variant in VARIANTS:
                self.template(variant, branch, repo, plain=False)
                self.template(variant, branch, repo, plain=True)
        stamp.write_text(program)

    def workspace(self, branch):
        """Puts a new repository under git-os, and returns its git directory."""
        top, log = self.top / f"workspace.{branch}", self.work / "build.log"
        top.mkdir()
        (top / "registry.toml").write_text(REGISTRY.format(branch=branch))
        person = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in (("NAME", "A"), ("EMAIL", "a@b"))}
        env = environment(self.work, PATH=f"{self.git}/bin-wrappers:{os.environ['PATH']}", **person,
                          GIT_DEFAULT_HASH=self.object_format, GIT_DEFAULT_REF_FORMAT=self.ref_format)
        run_logged(["git", "init", "-b", branch, "repo"], log, cwd=top, env=env)
        run_logged([self.program, "init", "--registry", "registry.toml"], log, cwd=top, env=env)
        return top / "repo/.git"

    def template(self, variant, branch, repo, plain):
        target = self.path(variant, branch, plain)
        if plain:
            target.mkdir()
        else:
            shutil.copytree(self.git / "templates/blt", target)
        if variant == "base":
            return
        (target / "hooks").mkdir(exist_ok=True)
        for hook in HOOKS:
            shutil.copy2(self.work / "noop" if "noop" in variant else repo / "hooks" / hook, target / "hooks" / hook)
        if variant in ("polnoop", "policy"):
            shutil.copytree(repo / "objects", target / "objects")
            if self.ref_format == "reftable":
                shutil.copytree(repo / "reftable", target / "reftable")
            else:
                (target / "refs/os").mkdir(parents=True)
                shutil.copy2(repo / "refs/os/meta", target / "refs/os/meta")
