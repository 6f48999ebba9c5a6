# What the cases have at hand: raw plumbing, and words for what they make with it.
R3=33333333333333333333333333333333
DAY=$(date -u +%Y-%m-%d)
LATER=$(date -u -d '+2 hours' +%Y-%m-%dT%H:%M:%SZ)
WHO="Eve <eve@example.com> $(date +%s) +0000"
tip() { git rev-parse refs/os/tickets/$1; }
body() { git cat-file commit refs/os/tickets/$1 | sed '1,/^$/d'; }
put() { git update-ref --no-deref $1 $2; }
gone() { git update-ref --no-deref -d $1; }
next() { # ID EVENT STATE [SED]…
    id=$1 event=$2 state=$3; shift 3
    seq=$(body $id | sed -n 's/^Os-Seq: //p')
    body $id | sed -e "1s/^\[[a-z-]*\]/[$state]/" -e "s/^Os-Event: .*/Os-Event: $event/" -e "s/^Os-State: .*/Os-State: $state/" \
        -e "s/^Os-Seq: .*/Os-Seq: $((seq + 1))/" -e "s/^Os-Nonce: .*/Os-Nonce: $(nonce)/" -e "/^Os-Repo: /d" "$@"
}
nonce() { head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
object() { # TREE [PARENT]…, message on stdin; bytes as they come
    tree=$1; shift
    { echo "tree $tree"; for parent; do echo "parent $parent"; done; printf 'author %s\ncommitter %s\n\n' "$WHO" "$WHO"; cat; } |
        git hash-object --literally -t commit -w --stdin
}
on() { # ID, message on stdin
    object $(git rev-parse $(tip $1)^{tree}) $(tip $1)
}
forge() { put refs/os/tickets/$1 $(next "$@" | on $1); } # ID EVENT STATE [SED]…
EXECUTOR='s/^Os-Actor.*/Os-Actor: ticket-executor/'
REVIEWER='s/^Os-Actor.*/Os-Actor: reviewer/'
GATE='s/^Os-Actor.*/Os-Actor: gate/'
SAYS='1s/$/\n\nhello/'
blob() { git hash-object -w --stdin; }
file() { printf '100644 blob %s\t%s\n' $1 $2; } # BLOB NAME
folder() { printf '040000 tree %s\t%s\n' $1 $2; } # TREE NAME
commit() { # TREE [ARGS]…
    tree=$1; shift
    git -c user.name=Eve -c user.email=eve@example.com commit-tree -m "${WORD:-words}" "$@" $tree
}
judged() { # ID VERDICT, message on stdin
    id=$1
    verdicts=$(file $(echo "$2" | blob) 6.json | git mktree)
    tree=$( (git ls-tree $(tip $id); folder $verdicts verdicts) | git mktree)
    object $tree $(tip $id)
}
pass() { put refs/os/tickets/$OPEN $(next $OPEN pass verified -e "$REVIEWER" -e "s/^Os-By.*/Os-By: ${BY:-$JUDGE}/" | judged $OPEN "$1"); }
title() { # TITLE [SED]…: a first event; prints its commit
    words=$1; shift
    body $DRAFT | sed -e "1s/.*/[draft] $words/" -e "s/^Os-Nonce.*/Os-Nonce: $(nonce)/" "$@" | object ${TREE:-$(git mktree </dev/null)}
}
opened() { # COMMIT: the ref of a ticket that begins with it
    echo refs/os/tickets/T-${ON:-$DAY}-${BRAND:-repo}-$(echo $1 | cut -c1-4)
}
policy() { # SED, [ARGS]…: a policy on top of the one in force
    edit=$1; shift
    file $(git cat-file blob refs/os/meta:policy.json | sed "$edit" | blob) policy.json | git mktree |
        while read -r tree; do
            git -c user.name=Eve -c user.email=eve@example.com commit-tree "$@" -m "[policy] repo

Os-Schema: 1
Os-Root: ${ROOT:-$POLICY}
Os-Nonce: $(nonce)" $tree
        done
}
note() { # COMMIT LINE: notes with one more line
    n=$(echo $1 | cut -c3-); top=$(echo $1 | cut -c1-2); all=refs/notes/os/verdicts
    known=$(git cat-file blob $all:$top/$n 2>/dev/null || git cat-file blob $all:$1 2>/dev/null || :)
    line=$( (test -z "$known" || echo "$known"; echo "$2") | blob)
    below=$( (git ls-tree $all:$top 2>/dev/null | grep -v $n || :; file $line $n) | git mktree)
    commit $( (git ls-tree $all | grep -v -e "	$top$" -e $1 || :; folder $below $top) | git mktree) -p $all
}
archive_of() { # ENTRIES [ARGS]…: a commit of the archive that names these tickets of a month
    entries=$1 month=${MONTH:-$(date -u +%Y-%m)}; shift
    tree=$(folder $(folder $(printf '%s' "$entries" | git mktree) $month | git mktree) tickets | git mktree)
    WORD='[archive] x' commit $tree "$@"
}
now() { git ls-tree -r refs/os/archive | sed 's,	.*/,	,'; } # the tickets it names
fold() { # ID TIP [none]: the archive with one more ticket, and the bundle that keeps it
    entries=$(now; printf '%s %s\t%s\n' "${MODE:-160000 commit}" $2 $1)
    if [ -n "$3" ]; then archive_of "$entries
" -p refs/os/archive; else
        bundle=$(WORD='[bundle] 1' commit $(git mktree </dev/null) -p $2)
        archive_of "$entries
" -p refs/os/archive -p $bundle
    fi
}
swap() { # TIP: the archive with its ticket at another commit
    bundle=$(WORD='[bundle] 1' commit $(git mktree </dev/null) -p $1)
    archive_of "$(now | grep -v $ARCHIVED || :; printf '160000 commit %s\t%s\n' $1 $ARCHIVED)
" -p refs/os/archive -p $bundle
}
strange() { # ENTRY: the archive with something else at its top
    WORD='[archive] x' commit $( (git ls-tree refs/os/archive; echo "$1") | git mktree) -p refs/os/archive
}
like() { # TREE SED: the bytes of a tree, edited
    git cat-file tree $1 | LC_ALL=C sed "$2" | git hash-object --literally -t tree -w --stdin
}
