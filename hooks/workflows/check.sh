#!/bin/sh
# Judges what was pushed to a host that runs no hooks of yours: afterwards, so it finds and does not prevent.
#
#   check.sh [OLD NEW REF]
#
# Run it in a clone, with git-os in PATH. OLD and NEW are where the push moved REF from and to, as the host tells it; without
# them all that is there is replayed and no more. The remote is `origin` unless GIT_OS_REMOTE says otherwise.
# Exits with 0 when all is by the rules, with 1 when something is not, and with more when it could not be judged.
set -eu

remote=${GIT_OS_REMOTE:-origin}
case $# in
0 | 3) ;;
*) echo "usage: check.sh [OLD NEW REF]" >&2 && exit 129 ;;
esac

# Zeros for OLD say that the host knows of nothing before, which may be a new branch or just the first run.
moved=
if [ $# = 3 ] && [ "$1" != "$2" ] && [ -n "$(printf %s "$1" | tr -d 0)" ]; then moved=yes; fi

# All of it, and what is gone over there is forgotten here: a runner may come with a clone it used before.
whole=
if [ "$(git rev-parse --is-shallow-repository)" = true ]; then whole=--unshallow; fi
git fetch --quiet --no-tags --prune $whole "$remote" \
    '+refs/heads/*:refs/git-os-check/heads/*' \
    '+refs/os/*:refs/git-os-check/os/*' \
    '+refs/notes/os/*:refs/git-os-check/notes/os/*'
if [ "$moved" ] && ! git cat-file -e "$1^{commit}" 2>/dev/null; then
    # A forced push leaves what was there behind; some hosts still give it out.
    git fetch --quiet --no-tags "$remote" "$1" || echo "$1 is not to be had any more" >&2
fi

# It is judged in a bare copy that borrows the objects, so that the clone stays as it is.
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
    # With the branch where it was before, since what is in it already would excuse itself.
    for id in "$2" "$1"; do
        git --git-dir="$copy" update-ref "$3" "$id" || echo "$3 cannot be looked at as it was at $id" >&2
    done
    printf '%s %s %s\n' "$1" "$2" "$3" | git-os -C "$copy" server check || status=$?
    git --git-dir="$copy" update-ref -d "$3"
    as_it_is
fi
code=0
git-os -C "$copy" fsck || code=$?
if [ "$code" -gt "$status" ]; then status=$code; fi
exit "$status"
