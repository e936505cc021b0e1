"""The rules of a visit: pure functions over values, without I/O and without a clock."""
