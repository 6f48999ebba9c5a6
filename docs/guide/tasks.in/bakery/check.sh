# Every line is a day and its hours.
! grep -vE '^[A-Z][a-z]+day [0-9]+-[0-9]+$' hours.txt
