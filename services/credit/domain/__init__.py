"""Rules of credit: pure functions and values, no I/O and no clock."""
