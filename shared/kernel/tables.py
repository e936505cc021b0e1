"""Read the CSV tables packaged with the kernel; `#` lines say where a table comes from."""

import csv
from importlib.resources import files


def lines(name: str) -> list[str]:
    """Return the text lines of a packaged table, notes included."""
    return (files("shared.kernel") / "data" / name).read_text(encoding="utf-8").splitlines()


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a packaged table by column name, notes left out."""
    return list(csv.DictReader(line for line in lines(name) if not line.startswith("#")))
