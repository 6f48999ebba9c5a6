# The brief is on standard input. The current folder is the worktree.
case "$(cat)" in
*"Mend the price"*)
  echo 'echo $(($1 * 3))' >price.sh
  # The first attempt has no test that shows what it mends.
  test "$GIT_OS_ATTEMPT" = 1 || echo 'is "two loaves" "$(sh price.sh 2)" 6' >>tests/price.t
  ;;
*"Print the currency"*)
  echo 'echo "$(($1 * 3)) crowns"' >price.sh
  echo 'is "two loaves" "$(sh price.sh 2)" "6 crowns"' >tests/price.t
  ;;
esac
