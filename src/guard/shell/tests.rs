use super::*;

#[test]
fn bash_is_read_as_bash_reads_it() {
    for script in [
        "a=$((1<<2)); cat x",
        "( ( cat x ) )",
        "((i = 1 << 2)); echo \"$i\"",
        "select f in a b; do cat $f; break; done <<< 1",
        "for ((i=0;i<3;i++)); do echo $i; done",
        "case x in a|b) echo;; (*) ls;& esac",
        "cat <<EOF | sh\n$(date)\nEOF\n",
        "cat <<'A' <<-B\n$(\nA\n\tx\n\tB\nls",
        "x=<(ls); arr=(a [2]=b $(ls)); arr[1]=2",
        "f() { ls; }; function g [[ -n $x ]]",
        "[[ $x =~ ^(a|b)$ && -f y ]]",
        "echo ${x:-$(ls)} ${x//a/b} ${#x} ${!x} ${x[@]:1} ${x^^} ${ ls; }",
        "ls #\rcat x\ncat y",
        "if a; then b; elif c; then d; else e; fi > f",
        "echo @(a|b) !(c) $'\\x41' $\"x\" `ls \\`pwd\\``",
        "a && b || c & d",
        "{ date; } &> x; exec 9<y; cat <&9",
        "while read -r f; do :; done < <(git ls-files)",
    ] {
        assert!(parse(script).is_ok(), "{script}: {:?}", parse(script));
    }
}

#[test]
fn what_is_not_bash_is_an_error_in_little_time() {
    for script in ["echo 'a", "ls )", "if a; then b", "cat $(ls", "a\0b"] {
        assert!(parse(script).is_err(), "{script}");
    }
    for open in ["(", "((", "$(", "{ ", "\"$(", "${x:-", "[[ ", "if ", "`", "<("] {
        assert!(parse(&open.repeat(2_000)).is_err(), "{open}");
    }
}
