"""What each figure means, as data, and the arithmetic from grouped sums to cells.

A metric names the kinds it reads, the column it sums and its window. The grammar is closed: a flow
never reads the rows that move stocks between counties, a stock always does (ST-07, ST-11).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from services.reporting.domain import kinds as k

Column = Literal["n", "fen"]
#: `stock`: as of the cut-off day. `quarter`: in the quarter. `campaign`: from the opening to the
#: cut-off day, each event in the county of its own day.
Window = Literal["stock", "quarter", "campaign"]

NOTE_DISTINCT: Final = (
    "户数按企业去重统计,同一企业与多家机构有业务时在各机构行分别计一户、在合计中只计一户,"
    "各行之和不一定等于合计。"
)
NOTE_ROUNDING: Final = (
    "金额以分为单位累计,折算万元时四舍六入五成双,各行舍入后之和可能与合计有差异。"
)
NOTE_CANCELLED: Final = (
    "名单企业数、已分配企业数含经复核已注销的企业;走访覆盖率另按扣除注销企业后的户数列示。"
)
NOTE_REGION: Final = "存量按企业截止日所在地区统计,流量按业务发生日所在地区统计。"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One column of the bulletin and of the board."""

    code: str
    name_zh: str
    column: Column
    kind: int
    window: Window
    st: tuple[str, ...]

    @property
    def distinct(self) -> bool:
        """True for counts of enterprises, whose rows need not add up (ST-01)."""
        return self.column == "n" and self.kind in k.STOCKS

    @property
    def kinds(self) -> tuple[int, ...]:
        """The kinds of rows it sums."""
        if self.kind in k.STOCKS and self.window == "stock":
            return (self.kind, self.kind + k.MOVED)
        return (self.kind,)


def _metric(code: str, name_zh: str, column: Column, kind: int, window: Window, *st: str) -> Metric:
    return Metric(code=code, name_zh=name_zh, column=column, kind=kind, window=window, st=st)


METRICS: Final = (
    _metric("listed", "名单企业数", "n", k.ON_LIST, "stock", "JS-11", "ST-07"),
    _metric("assigned", "已分配企业数", "n", k.HELD, "stock", "JS-07", "ST-01"),
    _metric("contacts", "已落实对接人企业数", "n", k.CONTACT, "stock", "JS-08", "ST-01"),
    _metric("visited", "已走访企业数", "n", k.SEEN, "stock", "JS-11", "ST-01"),
    _metric("covered", "承办机构已走访企业数", "n", k.COVERED, "stock", "JS-11", "ST-01"),
    _metric("cancelled", "已注销企业数", "n", k.GONE, "stock", "JS-11", "ST-07"),
    _metric("cancelled_visited", "注销企业中已走访数", "n", k.GONE_SEEN, "stock", "JS-11", "ST-01"),
    _metric("cancelled_assigned", "已分配企业中注销数", "n", k.GONE_HELD, "stock", "JS-11"),
    _metric("cancelled_covered", "注销企业中承办机构走访数", "n", k.GONE_COVERED, "stock", "JS-11"),
    _metric("visits", "本季走访次数", "n", k.VISIT, "quarter", "JS-10", "ST-07"),
    _metric("visits_total", "累计走访次数", "n", k.VISIT, "campaign", "JS-10", "ST-07"),
    _metric("needs_n", "本季融资需求笔数", "n", k.NEED, "quarter", "JS-20", "ST-07"),
    _metric("needs_fen", "本季融资需求金额", "fen", k.NEED, "quarter", "JS-20", "ST-07"),
    _metric("applied_n", "本季申请笔数", "n", k.APPLIED, "quarter", "JS-22", "ST-07"),
    _metric("applied_fen", "本季申请金额", "fen", k.APPLIED, "quarter", "JS-22", "ST-07"),
    _metric("matched", "本季对接成功企业数", "n", k.MATCHED, "quarter", "JS-19", "JS-22", "ST-11"),
    _metric("matched_total", "累计对接成功企业数", "n", k.MATCHED, "stock", "JS-19", "ST-01"),
    _metric("lines_n", "本季授信笔数", "n", k.LINE, "quarter", "JS-22", "ST-04"),
    _metric("lines_fen", "本季授信金额", "fen", k.LINE, "quarter", "JS-22", "ST-04"),
    _metric("lines_n_total", "累计授信笔数", "n", k.LINE, "campaign", "JS-22", "ST-04"),
    _metric("lines_fen_total", "累计授信金额", "fen", k.LINE, "campaign", "JS-22", "ST-04"),
    _metric("granted_n", "本季放款笔数", "n", k.GRANTED, "quarter", "JS-22", "ST-04", "ST-10"),
    _metric("granted_fen", "本季放款金额", "fen", k.GRANTED, "quarter", "JS-22", "ST-04", "ST-10"),
    _metric("granted_n_total", "累计放款笔数", "n", k.GRANTED, "campaign", "JS-22", "ST-04"),
    _metric("granted_fen_total", "累计放款金额", "fen", k.GRANTED, "campaign", "JS-22", "ST-04"),
    _metric("balance_fen", "贷款余额", "fen", k.BALANCE, "stock", "ST-04", "ST-07"),
    _metric("borrowers", "有贷款余额企业数", "n", k.BORROWER, "stock", "ST-01", "ST-04"),
)  # fmt: skip

BY_CODE: Final = {metric.code: metric for metric in METRICS}
#: Every kind that some metric reads.
KINDS: Final = tuple(sorted({kind for metric in METRICS for kind in metric.kinds}))

Cell = dict[str, int]


class Sums(NamedTuple):
    """The sums of a group of signed rows of one kind: up to the cut-off day, and in the quarter."""

    n: int
    fen: int
    n_quarter: int
    fen_quarter: int


def value(metric: Metric, sums: Mapping[int, Sums]) -> int:
    """The value of one metric from the sums by kind of its cell.

    Units:   enterprises, events or fen, as the metric says.
    Raises:  nothing.
    Source:  ST-01, ST-04, ST-07, ST-11.
    """
    at = _place(metric)
    return sum(sums[kind][at] for kind in metric.kinds if kind in sums)


def _place(metric: Metric) -> int:
    """Which of the four sums a metric reads."""
    return (0 if metric.column == "n" else 1) + (2 if metric.window == "quarter" else 0)


#: kind → (metric code, which sum) of every metric that reads it: a wide table is made of these.
_READ_BY: Final = {
    kind: tuple((metric.code, _place(metric)) for metric in METRICS if kind in metric.kinds)
    for kind in KINDS
}
_NOTHING: Final = dict.fromkeys(BY_CODE, 0)


def cell(sums: Mapping[int, Sums]) -> Cell:
    """All metrics of a cell, integers.

    Units:   enterprises, events or fen.
    Raises:  nothing.
    Source:  JS-22, ST-08.
    """
    found = _NOTHING.copy()
    for kind, of_kind in sums.items():
        for code, at in _READ_BY[kind]:
            found[code] += of_kind[at]
    return found


class Group(NamedTuple):
    """One line of the grouped query: where it stands, its kind, its sums.

    `region` and `institution` are None where the question does not break down by them, and
    `institution` is None, too, for what belongs to no institution.
    """

    region: int | None
    institution: bytes | None
    kind: int
    sums: Sums


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the answer."""

    region: int | None
    institution: bytes | None
    metrics: Cell


def lines(groups: Iterable[Group], *, by_institution: bool) -> list[Line]:
    """The rows of an answer that are not all zero, in order of region and institution.

    What belongs to no institution (the list itself, overlap between institutions) is part of totals
    and region rows but of no institution's row.

    Units:   none.
    Raises:  nothing.
    Source:  JS-22, ST-01.
    """
    found: dict[tuple[int | None, bytes | None], dict[int, Sums]] = {}
    for group in groups:
        if by_institution and group.institution is None:
            continue
        place = (group.region, group.institution if by_institution else None)
        _merge(found.setdefault(place, {}), group)
    ordered = sorted(found.items(), key=lambda item: (item[0][0] or 0, item[0][1] or b""))
    all_lines = (Line(*place, cell(sums)) for place, sums in ordered)
    return [line for line in all_lines if any(line.metrics.values())]


def total(groups: Iterable[Group]) -> Cell:
    """The total of an answer: every row, overlap included, so each enterprise counts once.

    Units:   enterprises, events or fen.
    Raises:  nothing.
    Source:  ST-01.
    """
    sums: dict[int, Sums] = {}
    for group in groups:
        _merge(sums, group)
    return cell(sums)


def _merge(sums: dict[int, Sums], group: Group) -> None:
    had, new = sums.get(group.kind), group.sums
    if had is None:
        sums[group.kind] = new
    else:
        sums[group.kind] = Sums(had[0] + new[0], had[1] + new[1], had[2] + new[2], had[3] + new[3])


def notes() -> tuple[str, ...]:
    """What stands below every table that shows these figures.

    Units:   none.
    Raises:  nothing.
    Source:  ST-01, ST-07, ST-08, R9.
    """
    return (NOTE_DISTINCT, NOTE_CANCELLED, NOTE_REGION, NOTE_ROUNDING)
