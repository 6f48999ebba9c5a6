# The price of $1 loaves at 3 each.
echo $(($1 + 3))
