# The brief comes on standard input, the worktree is this folder.
case "$(cat)" in
*"Close on Mondays"*) git rm --quiet monday.txt ;;
*"Open on Sundays"*) echo "9-13" >sunday.txt && git add sunday.txt ;;
*) echo "I know nothing of this" >&2 && exit 1 ;;
esac
git commit --quiet --message "Change the opening hours"
