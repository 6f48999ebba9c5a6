# Every day says from when to when.
! grep -LE '^[0-9]+-[0-9]+$' *day.txt | grep .
