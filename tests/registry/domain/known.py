"""Facts for tests: an enterprise that meets everything by a wide margin, and ways to change it."""

from datetime import date
from typing import Any

from services.registry.domain.facts import Facts, Sheet, Value

DAY = date(2022, 4, 8)
AS_OF = date(2022, 1, 31)
WAN = 1_000_000  # fen
GOOD: dict[str, Value] = {
    "founded_on": date(2012, 6, 1),
    "staff": 100,
    "rd_staff": 40,
    "sales": 5_000 * WAN,
    "rd": 500 * WAN,
    "cost": 4_000 * WAN,
    "assets": 8_000 * WAN,
    "resident": True,
    "barred_products": False,
    "serious_accident": False,
    "environmental_offence": False,
    "research_misconduct": False,
    "abnormal_listing": False,
    "class_one_rights": 1,
    "class_two_rights": 4,
    "high_value_patents": 5,
    "core_right_in_product": True,
    "high_tech_until": None,
    "national_award_on": None,
    "national_award_place": None,
    "provincial_institution": False,
    "led_standard_on": None,
}


def facts(*, without: tuple[str, ...] = (), as_of: date = AS_OF, **changed: Any) -> Facts:
    """The good enterprise with some facts changed or unknown."""
    values = {name: v for name, v in (GOOD | changed).items() if name not in without}
    return Facts([Sheet(as_of, "test", values)])
