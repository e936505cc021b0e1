"""The allocation engine beside others that solve the same problem."""
