"""Every id and property of the allocation has its check as a test, and the page is right."""

from services.embedded import ROOT
from tests.support.checks import check_page

IDS = {
    *(f"A{n}" for n in range(1, 10)),
    *("U8", "U9", "M4"),
    *(f"JS-{n:02}" for n in (6, 7, 8, 19, 21)),
    *("JL-30", "JL-31"),
}
PROPERTIES = {str(n) for n in range(1, 16)}


def test_every_id_names_tests_that_carry_it_and_every_property_names_tests() -> None:
    check_page(ROOT / "docs" / "allocation-checks.md", IDS | PROPERTIES)
