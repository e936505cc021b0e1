"""The rules by which enterprises are shared out: pure functions of plain values and a seed."""
