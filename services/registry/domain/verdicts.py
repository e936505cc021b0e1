"""Answers with reasons: met, not met or unknown, with the facts that decided (JL-16's manner).

Unknown is not "no": it stays unknown through every combination that it could still change.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal

import msgspec

from services.registry.domain.facts import Stated

Verdict = Literal["met", "not_met", "unknown"]


class Criterion(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One criterion judged: its key in the standard, the verdict, the facts it rests on.

    `points` are the fewest and the most it can give while something is unknown; `note` names, by a
    code of `NOTES`, why facts that are there do not suffice; `asked` are the facts to ask for.
    """

    key: str
    verdict: Verdict
    facts: tuple[Stated, ...] = ()
    points: tuple[int, int] | None = None
    note: str = ""
    asked: tuple[str, ...] = ()


class Judgement(msgspec.Struct, frozen=True, gc=False):
    """An enterprise judged by one version of a standard on a day."""

    standard: str
    version: str
    judged_on: date
    verdict: Verdict
    criteria: tuple[Criterion, ...]
    points: tuple[int, int] | None = None
    phase: str | None = None
    stage: str | None = None


NOTES = {
    "other_days": "所需数据不是同一天的,无法计算比例",
    "too_old": "数据日期过早,须补充近期数据",
    "no_denominator": "分母为零,比例无法计算,按不符合处理",
    "industry_unknown": "所属行业未知,无法确定适用的比例",
    "rights_open": "部分知识产权的有效期、用途或价值类别未知",
}


def verdict_of(truth: bool | None) -> Verdict:
    """Return the verdict a truth value stands for; None is unknown."""
    return "unknown" if truth is None else "met" if truth else "not_met"


def all_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Return whether all are met: one that is not decides, else one unknown leaves it open.

    Units:   none.
    Raises:  nothing.
    Source:  JL-16.
    """
    seen = set(verdicts)
    return "not_met" if "not_met" in seen else "unknown" if "unknown" in seen else "met"


def any_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Return whether any is met: one that is decides, else one unknown leaves it open.

    Units:   none.
    Raises:  nothing.
    Source:  JL-16.
    """
    seen = set(verdicts)
    return "met" if "met" in seen else "unknown" if "unknown" in seen else "not_met"


def ratio_points(part: int, whole: int, bands: Sequence[Sequence[int]]) -> int:
    """Return the points of part ÷ whole by bands of [per cent, points], the highest first.

    Compared by whole numbers (part × 100 against per cent × whole), so that 6 % is 6 %.

    Units:   any, the same for both; per cent in the bands.
    Raises:  nothing; 0 where `whole` is 0.
    Source:  TS-04.
    """
    if whole == 0:
        return 0
    return next((points for percent, points in bands if part * 100 >= percent * whole), 0)


def count_points(count: int, bands: Sequence[Sequence[int]]) -> int:
    """Return the points of a count by bands of [least, points], the highest first.

    Units:   a count.
    Raises:  nothing.
    Source:  TS-04.
    """
    return next((points for least, points in bands if count >= least), 0)


def years_before(day: date, years: int) -> date:
    """Return the same day some years before; 28 February for a 29 February that is not there.

    Units:   calendar years.
    Raises:  nothing.
    Source:  TS-06, JL-02.
    """
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def whole_years(since: date, day: date) -> int:
    """Return the whole years from a day to another.

    Units:   calendar years; the anniversary completes one.
    Raises:  nothing.
    Source:  JL-03.
    """
    return day.year - since.year - ((day.month, day.day) < (since.month, since.day))
