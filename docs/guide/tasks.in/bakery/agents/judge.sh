# The last line is the judgement; each criterion is answered by its number.
cat >/dev/null
grep -q "^Sunday 9-13$" hours.txt && grep -q "Sundays" news.txt || exit 1
cat <<'VERDICT' | tr -d '\n'
{"verdict":"pass","reasons":["Both files say what the goal asks for."],"criteria":[
{"number":1,"met":true,"where":"hours.txt:3"},{"number":2,"met":true,"where":"news.txt:1"}]}
VERDICT
