"""Set-up: what ``make setup`` does on a machine. Python's standard library only, for nothing is there yet."""
