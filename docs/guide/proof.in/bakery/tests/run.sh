# Prints a line for each test, and how many there are, as TAP has it.
n=0 bad=0
is() {
  n=$((n + 1))
  if [ "$2" = "$3" ]; then echo "ok $n - $1"; else echo "not ok $n - $1" && bad=1; fi
}
. ./tests/price.t
echo "1..$n"
exit $bad
