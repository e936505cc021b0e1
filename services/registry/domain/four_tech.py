"""Is it a four-tech enterprise? All four criteria, each with its facts (JL-01, JL-02)."""

from datetime import date
from typing import cast

from services.registry.domain.facts import Facts, Right, Stated
from services.registry.domain.rights import high_value, high_value_in_product
from services.registry.domain.standards import Version
from services.registry.domain.verdicts import Criterion, Judgement, all_of, verdict_of
from shared.kernel.industry import industry


def judge_four_tech(
    facts: Facts, version: Version, day: date, industry_code: str | None
) -> Judgement:
    """Return whether an enterprise meets the four-tech standard on a day.

    Units:   none.
    Raises:  nothing.
    Source:  JL-01.
    """
    criteria = (
        _core(facts, version, day),
        _staff(facts, version, day, industry_code),
        _patents(facts, version, day),
        _rd(facts, version, day),
    )
    verdict = all_of(each.verdict for each in criteria)
    return Judgement("four_tech", version.id, day, verdict, criteria)


def _core(facts: Facts, version: Version, day: date) -> Criterion:
    rights = facts.get("rights")
    if rights is not None:
        truth = high_value_in_product(cast("tuple[Right, ...]", rights.value), version, day)
        note = "rights_open" if truth is None else ""
        asked = ("rights",) if truth is None else ()
        return Criterion("JL-01.core", verdict_of(truth), (rights,), note=note, asked=asked)
    stated = facts.get("core_right_in_product")
    if stated is None:
        return Criterion("JL-01.core", "unknown", asked=("rights",))
    return Criterion("JL-01.core", verdict_of(cast("bool", stated.value)), (stated,))


def _pair(facts: Facts, part: str, whole: str, day: date) -> tuple[Stated, ...] | str:
    """Both facts of one day, or why not: a note's code, empty where they are simply unknown."""
    pair = facts.together(part, whole)
    if pair is None:
        return "other_days" if facts.get(part) and facts.get(whole) else ""
    return pair if pair[0].as_of.year >= day.year - 1 else "too_old"


def _reaches(pair: tuple[Stated, ...], percent: int) -> bool:
    part, whole = cast("tuple[int, int]", (pair[0].value, pair[1].value))
    return whole > 0 and part * 100 >= percent * whole


def _staff(facts: Facts, version: Version, day: date, industry_code: str | None) -> Criterion:
    key, pair = "JL-01.staff", _pair(facts, "rd_staff", "staff", day)
    if isinstance(pair, str):
        return Criterion(key, "unknown", note=pair, asked=("rd_staff", "staff"))
    note = "no_denominator" if pair[1].value == 0 else ""
    if industry_code is not None:
        made = industry(industry_code).section == version["manufacturing_section"]
        percent = version["manufacturing_percent"] if made else version["staff_percent"]
        return Criterion(key, verdict_of(_reaches(pair, percent)), pair, note=note)
    # Without the industry only what holds for both kinds, or for neither, is certain.
    if _reaches(pair, version["staff_percent"]):
        return Criterion(key, "met", pair)
    if not _reaches(pair, version["manufacturing_percent"]):
        return Criterion(key, "not_met", pair, note=note)
    return Criterion(key, "unknown", pair, note="industry_unknown", asked=("industry",))


def _patents(facts: Facts, version: Version, day: date) -> Criterion:
    key, least = "JL-01.patents", version["patents_least"]
    rights = facts.get("rights")
    if rights is not None:
        low, high = high_value(cast("tuple[Right, ...]", rights.value), version, day)
        truth = True if low >= least else False if high < least else None
        note = "rights_open" if truth is None else ""
        asked = ("rights",) if truth is None else ()
        return Criterion(key, verdict_of(truth), (rights,), (low, high), note, asked)
    stated = facts.get("high_value_patents")
    if stated is None:
        return Criterion(key, "unknown", asked=("rights",))
    count = cast("int", stated.value)
    return Criterion(key, verdict_of(count >= least), (stated,), (count, count))


def _rd(facts: Facts, version: Version, day: date) -> Criterion:
    key, pair = "JL-01.rd", _pair(facts, "rd", "sales", day)
    if isinstance(pair, str):
        return Criterion(key, "unknown", note=pair, asked=("rd", "sales"))
    note = "no_denominator" if pair[1].value == 0 else ""
    return Criterion(key, verdict_of(_reaches(pair, version["rd_percent"])), pair, note=note)
