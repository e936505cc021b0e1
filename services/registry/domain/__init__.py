"""What rows of a sheet mean, as pure rules: no I/O, no clock."""
