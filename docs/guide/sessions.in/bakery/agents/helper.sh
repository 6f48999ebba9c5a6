# The brief is on standard input. The current folder is the worktree.
case "$(cat)" in
*"Open on Sundays"*)
  echo "Sunday 9-13" >>hours.txt
  git commit --quiet --all --message "Open on Sundays"
  git os learn "Sundays are short: five hours at most"
  ;;
*"Announce it"*)
  echo "<p>Now open on Sundays.</p>" >>index.html
  git commit --quiet --all --message "Announce the new hours"
  ;;
*) echo "unknown task" >&2 && exit 1 ;;
esac
