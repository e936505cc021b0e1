"""Every id of the registry has its check as a test, and the page that says so is right."""

from services.embedded import ROOT
from tests.support.checks import check_page

IDS = {
    *(f"JS-{n:02}" for n in (1, 4, 5, 6, 7, 8, 12)),
    *(f"JL-{n:02}" for n in (1, 2, 3, 20, 30, 31, 37)),
    *(f"TS-{n:02}" for n in range(1, 8)),
    *(f"R{n}" for n in range(1, 10)),
}


def test_every_id_names_tests_that_are_there_and_carry_it() -> None:
    check_page(ROOT / "docs" / "registry-checks.md", IDS)
