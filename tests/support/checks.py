"""Pages that say which test proves which id, held against the tests that are there."""

import re
from collections.abc import Collection
from pathlib import Path

from services.embedded import ROOT


def check_page(page: Path, ids: Collection[str]) -> None:
    """Each id has a row whose tests are there and carry it; a number's need not carry it."""
    rows = re.findall(r"^\| ([A-Z]*-?\d+) \|[^|]*\|([^|]*)\|$", page.read_text(), re.MULTILINE)
    assert sorted(each for each, _ in rows) == sorted(ids)
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8"))
    }
    for each, cell in rows:
        named = re.findall(r"`(test_\w+)`", cell)
        assert named, each
        assert not set(named) - there, each
        if not each.isdigit():
            carried = re.compile(rf"_{each.replace('-', '_')}_")
            assert all(carried.search(name) for name in named), each
