"""Is it a technology SME? Size, exclusions, points or direct entry, each with its facts (TS)."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any, Final, cast

from services.registry.domain.facts import CLASS_ONE, CLASS_TWO, Facts, Right, Stated
from services.registry.domain.rights import counted
from services.registry.domain.standards import Version
from services.registry.domain.verdicts import (
    Criterion,
    Judgement,
    all_of,
    any_of,
    count_points,
    ratio_points,
    verdict_of,
    years_before,
)

_EXCLUSIONS: Final = (
    ("TS-03.accident", "serious_accident"),
    ("TS-03.environment", "environmental_offence"),
    ("TS-03.misconduct", "research_misconduct"),
    ("TS-03.listed", "abnormal_listing"),
)


def judge_tech_sme(facts: Facts, version: Version, day: date) -> Judgement:
    """Return whether an enterprise is a technology SME on a day, criterion by criterion.

    Points are given as a range while facts are unknown; the verdict is unknown only as long as the
    unknown facts can still change it.

    Units:   points of 100.
    Raises:  nothing.
    Source:  TS-01 to TS-06.
    """
    sizes = _sizes(facts, version, day)
    exclusions = (_products(facts, day), *(_excluded(k, n, facts, day) for k, n in _EXCLUSIONS))
    scored = (_staff(facts, version, day), _rd(facts, version, day), _results(facts, version, day))
    total = _total(scored, version)
    direct = _direct(facts, version, day)
    entry = Criterion("TS-06", any_of(each.verdict for each in direct))
    verdict = all_of(
        (
            *(each.verdict for each in (*sizes, *exclusions)),
            any_of((total.verdict, entry.verdict)),
        )
    )
    criteria = (*sizes, *exclusions, *scored, total, *direct, entry)
    return Judgement("tech_sme", version.id, day, verdict, criteria, points=total.points)


def _fresh(stated: Stated | None, day: date, years: int = 1) -> bool:
    """Tell whether a statement is of the year judged or one of the `years` before."""
    return stated is not None and stated.as_of.year >= day.year - years


@cache
def _never_said(key: str, *asked: str) -> Criterion:
    return Criterion(key, "unknown", asked=asked)


def _open(key: str, stated: Stated | None, *asked: str) -> Criterion:
    """Unknown: never stated, or too long ago."""
    if stated is None:
        return _never_said(key, *asked)
    return Criterion(key, "unknown", (stated,), note="too_old", asked=asked)


def _at_most(key: str, name: str, most: int, facts: Facts, day: date) -> Criterion:
    stated = facts.get(name)
    if stated is None or not _fresh(stated, day):
        return _open(key, stated, name)
    return Criterion(key, verdict_of(cast("int", stated.value) <= most), (stated,))


def _sizes(facts: Facts, version: Version, day: date) -> tuple[Criterion, ...]:
    resident = facts.get("resident")
    return (
        Criterion("TS-01.resident", verdict_of(cast("bool", resident.value)), (resident,))
        if resident
        else _open("TS-01.resident", None, "resident"),
        _at_most("TS-01.staff", "staff", version["staff_most"], facts, day),
        _at_most("TS-01.sales", "sales", version["sales_most_yuan"] * 100, facts, day),
        _at_most("TS-01.assets", "assets", version["assets_most_yuan"] * 100, facts, day),
    )


def _products(facts: Facts, day: date) -> Criterion:
    stated = facts.get("barred_products")
    if stated is None or not _fresh(stated, day):
        return _open("TS-02", stated, "barred_products")
    return Criterion("TS-02", verdict_of(not stated.value), (stated,))


def _excluded(key: str, name: str, facts: Facts, day: date) -> Criterion:
    """A "yes" of this year or last excludes; only a "no" of this year covers both years."""
    stated = facts.get(name)
    if stated is None or not _fresh(stated, day, 1 if stated.value else 0):
        return _open(key, stated, name)
    return Criterion(key, verdict_of(not stated.value), (stated,))


def _ratio(
    key: str, names: tuple[str, str], bands: Sequence[Sequence[int]], facts: Facts, day: date
) -> Criterion:
    """The points of the first fact over the second."""
    most = bands[0][1]  # the highest comes first
    part, whole = names
    pair = facts.together(part, whole)
    if pair is None:
        both = facts.get(part) and facts.get(whole)
        note = "other_days" if both else ""
        return Criterion(key, "unknown", points=(0, most), note=note, asked=names)
    if not _fresh(pair[0], day):
        return Criterion(key, "unknown", pair, points=(0, most), note="too_old", asked=names)
    counts = cast("tuple[int, int]", (pair[0].value, pair[1].value))
    points = ratio_points(*counts, bands)
    note = "no_denominator" if counts[1] == 0 else ""
    return Criterion(key, verdict_of(points > 0), pair, points=(points, points), note=note)


def _staff(facts: Facts, version: Version, day: date) -> Criterion:
    return _ratio("TS-04.staff", ("rd_staff", "staff"), version["staff"], facts, day)


def _rd(facts: Facts, version: Version, day: date) -> Criterion:
    """The better of the two routes; one known route is a floor under the other."""
    routes = (
        _ratio("", ("rd", "sales"), version["rd_to_sales"], facts, day),
        _ratio("", ("rd", "cost"), version["rd_to_cost"], facts, day),
    )
    low = max(_points(each)[0] for each in routes)
    high = max(_points(each)[1] for each in routes)
    better = max(routes, key=_points)
    stated = (
        better.facts if low == high else tuple(dict.fromkeys(routes[0].facts + routes[1].facts))
    )
    asked = tuple(dict.fromkeys(routes[0].asked + routes[1].asked)) if low < high else ()
    verdict = "met" if low > 0 else "unknown" if high > 0 else "not_met"
    note = "" if low == high > 0 else better.note or routes[0].note
    return Criterion("TS-04.rd", verdict, stated, (low, high), note, asked)


def _points(criterion: Criterion) -> tuple[int, int]:
    return criterion.points or (0, 0)


def _results(facts: Facts, version: Version, day: date) -> Criterion:
    """Class-I rights give all points; else those of class II count."""
    rights = facts.get("rights")
    if rights is not None:
        held = cast("tuple[Right, ...]", rights.value)
        one, two = counted(held, CLASS_ONE, day), counted(held, CLASS_TWO, day)
        stated, asked = (rights,), ("rights",)
    else:
        first, second = facts.get("class_one_rights"), facts.get("class_two_rights")
        one, two = _count_range(first, day), _count_range(second, day)
        stated = tuple(each for each in (first, second) if each)
        asked = ("class_one_rights", "class_two_rights")
    low, high = (
        max(
            count_points(one[n], version["class_one"]),
            count_points(two[n], version["class_two"]),
        )
        for n in (0, 1)
    )
    verdict = "met" if low > 0 else "unknown" if high > 0 else "not_met"
    note = "rights_open" if rights is not None and low < high else ""
    return Criterion("TS-05", verdict, stated, (low, high), note, asked if low < high else ())


_MANY: Final = 1_000_000


def _count_range(stated: Stated | None, day: date) -> tuple[int, int]:
    if stated is None or not _fresh(stated, day):
        return 0, _MANY
    count = cast("int", stated.value)
    return count, count


def _total(scored: tuple[Criterion, ...], version: Version) -> Criterion:
    low = sum(_points(each)[0] for each in scored)
    high = sum(_points(each)[1] for each in scored)
    staff = _points(scored[0])
    least = version["pass_points"]
    if low >= least and staff[0] > 0:
        verdict = "met"
    elif high < least or staff[1] == 0:
        verdict = "not_met"
    else:
        verdict = "unknown"
    return Criterion("TS-04", verdict, points=(low, high))


def _direct(facts: Facts, version: Version, day: date) -> tuple[Criterion, ...]:
    return (
        _certificate(facts, day),
        _award(facts, version, day),
        _institution(facts),
        _since(facts, "TS-06.standard", "led_standard_on", version["standard_years"], day),
    )


def _certificate(facts: Facts, day: date) -> Criterion:
    stated = facts.get("high_tech_until")
    if stated is None:
        return _open("TS-06.certificate", None, "high_tech_until")
    valid = stated.value is not None and cast("date", stated.value) >= day
    return Criterion("TS-06.certificate", verdict_of(valid), (stated,))


def _institution(facts: Facts) -> Criterion:
    stated = facts.get("provincial_institution")
    if stated is None:
        return _open("TS-06.institution", None, "provincial_institution")
    return Criterion("TS-06.institution", verdict_of(cast("bool", stated.value)), (stated,))


def _since(facts: Facts, key: str, name: str, years: int, day: date) -> Criterion:
    """Within the last years: the same day that many years ago still counts."""
    stated = facts.get(name)
    if stated is None:
        return _open(key, None, name)
    on: Any = stated.value
    if on is None and not _fresh(stated, day):  # "none" said long ago says nothing of today
        return _open(key, stated, name)
    recent = on is not None and years_before(day, years) <= on <= day
    return Criterion(key, verdict_of(recent), (stated,))


def _award(facts: Facts, version: Version, day: date) -> Criterion:
    when = _since(facts, "TS-06.award", "national_award_on", version["award_years"], day)
    if when.verdict != "met":
        return when
    place = facts.get("national_award_place")
    if place is None or place.value is None:
        return Criterion(when.key, "unknown", when.facts, asked=("national_award_place",))
    first = 1 <= cast("int", place.value) <= version["award_places"]
    return Criterion(when.key, verdict_of(first), (*when.facts, place))
