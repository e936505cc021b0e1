"""The standards written down a second time, otherwise: fractions, plain conditions, no ranges.

Works on plain values where every fact is known; unknown facts are tried out by `completions`.
"""

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from itertools import product
from typing import Any

WAN = 1_000_000
CHOICES: dict[str, tuple[Any, ...]] = {
    "staff": (0, 1, 499, 500, 501, 2_000),
    "rd_staff": (0, 1, 100, 450),
    "sales": (0, 1, 20_000 * WAN, 20_000 * WAN + 1, 10**15),
    "rd": (0, 1, 100 * WAN, 10**14),
    "cost": (0, 1, 100 * WAN, 10**15),
    "assets": (0, 20_000 * WAN, 20_000 * WAN + 1),
    "resident": (True, False),
    "barred_products": (True, False),
    "serious_accident": (True, False),
    "class_one_rights": (0, 1),
    "class_two_rights": (0, 1, 2, 3, 4),
    "provincial_institution": (True, False),
    "high_value_patents": (0, 4, 5),
    "core_right_in_product": (True, False),
}


def completions(values: dict[str, Any], lost: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Every way the lost facts might be, as far as it can matter."""
    for found in product(*(CHOICES[name] for name in lost)):
        yield values | dict(zip(lost, found, strict=True))


def steps(ratio: Fraction | None, width: Fraction, first: Fraction, each: int) -> int:
    """Points by equal steps: the same as the table of bands, counted instead of looked up."""
    if ratio is None or ratio < first:
        return 0
    return min(int((ratio - first) / width) + 1, 5) * each


def ratio(part: int, whole: int) -> Fraction | None:
    return Fraction(part, whole) if whole else None


def staff_points(v: dict[str, Any]) -> int:
    return steps(ratio(v["rd_staff"], v["staff"]), Fraction(5, 100), Fraction(10, 100), 4)


def rd_points(v: dict[str, Any]) -> int:
    by_sales = steps(ratio(v["rd"], v["sales"]), Fraction(1, 100), Fraction(2, 100), 10)
    by_cost = steps(ratio(v["rd"], v["cost"]), Fraction(5, 100), Fraction(10, 100), 10)
    return max(by_sales, by_cost)


def result_points(v: dict[str, Any]) -> int:
    return 30 if v["class_one_rights"] else 6 * min(v["class_two_rights"], 4)


def is_tech_sme(v: dict[str, Any], day: date) -> bool:
    small = v["staff"] <= 500 and v["sales"] <= 2 * 10**10 and v["assets"] <= 2 * 10**10
    clean = not (
        v["barred_products"] or v["serious_accident"] or v["environmental_offence"]
        or v["research_misconduct"] or v["abnormal_listing"]
    )  # fmt: skip
    points = staff_points(v) + rd_points(v) + result_points(v)
    scored = points >= 60 and staff_points(v) != 0
    until = v["high_tech_until"]
    direct = v["provincial_institution"] or (until is not None and until >= day)
    return bool(v["resident"] and small and clean and (scored or direct))


def is_four_tech(v: dict[str, Any], *, manufacturing: bool) -> bool:
    share, intensity = ratio(v["rd_staff"], v["staff"]), ratio(v["rd"], v["sales"])
    least = Fraction(3, 10) if manufacturing else Fraction(6, 10)
    return (
        v["core_right_in_product"]
        and share is not None
        and share >= least
        and v["high_value_patents"] >= 5
        and intensity is not None
        and intensity >= Fraction(6, 100)
    )
