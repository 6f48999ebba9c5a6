# Each file must have a line of opening hours, such as 7-18.
! grep -LE '^[0-9]+-[0-9]+$' *day.txt | grep .
