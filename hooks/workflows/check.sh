#!/bin/sh
# Checks what was pushed to a host that cannot run your hooks. It runs after the push: it detects, and does not prevent.
#
#   check.sh [OLD NEW REF]
#
# Run it in a clone, with git-os in PATH. OLD and NEW are the commits of REF before and after the push, as the host reports
# them. Without them, it only replays the histories. The remote is `origin` unless GIT_OS_REMOTE is set.
# Exits with 0 if everything is valid, with 1 if something is not, and with a higher code if it cannot tell.
set -eu

remote=${GIT_OS_REMOTE:-origin}
case $# in
0 | 3) ;;
*) echo "usage: check.sh [OLD NEW REF]" >&2 && exit 129 ;;
esac

# If OLD is all zeros, the host knows no earlier commit: the branch is new, or this is the first run.
moved=
if [ $# = 3 ] && [ "$1" != "$2" ] && [ -n "$(printf %s "$1" | tr -d 0)" ]; then moved=yes; fi

# Fetch everything, and prune refs that the remote no longer has: a runner may reuse a clone.
whole=
if [ "$(git rev-parse --is-shallow-repository)" = true ]; then whole=--unshallow; fi
git fetch --quiet --no-tags --prune $whole "$remote" \
    '+refs/heads/*:refs/git-os-check/heads/*' \
    '+refs/os/*:refs/git-os-check/os/*' \
    '+refs/notes/os/*:refs/git-os-check/notes/os/*'
if [ "$moved" ] && ! git cat-file -e "$1^{commit}" 2>/dev/null; then
    # After a forced push, no branch has the old commit; some hosts still serve it.
    git fetch --quiet --no-tags "$remote" "$1" || echo "warning: cannot fetch the old commit $1" >&2
fi

# Check in a bare copy that borrows the objects, so that the clone does not change.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git init --quiet --bare --object-format="$(git rev-parse --show-object-format)" "$copy"
git --git-dir="$copy" config core.logAllRefUpdates always
objects=$(git rev-parse --git-path objects)
(cd "$objects" && pwd) >"$copy/objects/info/alternates"
as_it_is() {
    git for-each-ref --format='update refs/%(refname:lstrip=2) %(objectname)' refs/git-os-check |
        git --git-dir="$copy" update-ref --stdin
}
as_it_is

status=0
if [ "$moved" ]; then
    # Put the branch back to its old commit first: commits that are already in a branch count as landed.
    for id in "$2" "$1"; do
        git --git-dir="$copy" update-ref "$3" "$id" || echo "warning: cannot check $3 at $id" >&2
    done
    printf '%s %s %s\n' "$1" "$2" "$3" | git-os -C "$copy" server check || status=$?
    git --git-dir="$copy" update-ref -d "$3"
    as_it_is
fi
code=0
git-os -C "$copy" fsck || code=$?
if [ "$code" -gt "$status" ]; then status=$code; fi
exit "$status"
