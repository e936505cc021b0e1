"""Every id of the registry has its check as a test, and the page that says so is right."""

import re

from services.embedded import ROOT

PAGE = ROOT / "docs" / "registry-checks.md"
IDS = {
    *(f"JS-{n:02}" for n in (1, 4, 5, 6, 7, 8, 12)),
    *(f"JL-{n:02}" for n in (1, 2, 3, 20, 30, 31, 37)),
    *(f"TS-{n:02}" for n in range(1, 8)),
    *(f"R{n}" for n in range(1, 10)),
}


def test_every_id_names_tests_that_are_there_and_carry_it() -> None:
    rows = re.findall(
        r"^\| ((?:JS|JL|TS)-\d\d|R\d) \|[^|]*\|([^|]*)\|$", PAGE.read_text(), re.MULTILINE
    )
    assert {each for each, _ in rows} == IDS
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8"))
    }
    for each, cell in rows:
        named = re.findall(r"`(test_\w+)`", cell)
        assert named, each
        assert not set(named) - there, each
        assert all(each.replace("-", "_") in name for name in named), each
