is "a price is a number" "$(sh price.sh 2 | tr -d 0-9)" ""
