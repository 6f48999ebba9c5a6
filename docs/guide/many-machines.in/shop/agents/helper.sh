# The brief is on standard input. The current folder is the worktree.
case "$(cat)" in
*"Close on Mondays"*) git rm --quiet monday.txt ;;
*"Open on Sundays"*) echo "9-13" >sunday.txt && git add sunday.txt ;;
*) echo "unknown task" >&2 && exit 1 ;;
esac
git commit --quiet --message "Change the opening hours"
