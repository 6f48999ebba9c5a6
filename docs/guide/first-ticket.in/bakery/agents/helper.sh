# The brief comes on standard input, the worktree is this folder.
case "$(cat)" in
*"Open on Sundays"*) echo "Sunday 9-13" >>hours.txt ;;
*"Announce it"*) echo "<p>Now open on Sundays.</p>" >>index.html ;;
*) echo "I know nothing of this" >&2 && exit 1 ;;
esac
git commit --quiet --all --message "Open on Sundays"
git os learn "Sundays are short: five hours at most"
