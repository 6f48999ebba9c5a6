# The brief is on standard input. The last line is the plan, as one JSON object.
cat >/dev/null
cat <<'PLAN' | tr -d '\n'
{"version":1,"goal":"Open on Sundays","steps":[
{"id":"S1","title":"Add the hours","type":"agent","prompt":"Add Sunday, 9 to 13, to hours.txt.","depends_on":[]},
{"id":"S2","title":"Announce them","type":"agent","prompt":"Write a line about Sunday to news.txt.","depends_on":["S1"]}],
"success_criteria":["Sunday is in hours.txt, from 9 to 13.","news.txt says that Sunday is new."]}
PLAN
