# The brief is on standard input. The current folder is the worktree.
cat >/dev/null
case "$GIT_OS_STEP:$GIT_OS_ATTEMPT" in
prices:1)
  echo "there is no price for rye" >&2
  exit 1
  ;;
prices:*)
  printf 'rye 4\nwheat 3\n' >prices.txt
  git os learn "Rye is sold by the half loaf" >/dev/null
  ;;
sign:*) echo "Rye is 4, wheat is 3" >sign.txt ;;
esac
