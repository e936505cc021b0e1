"""Enterprises that were merged: folded together, from the merger's day and instant on (R3).

While a merger holds, days before it stay as they were: the merged one's stocks end on that day,
and the survivor's go on as those of the two together. The correction is booked as a move, so that
it is nobody's new match or new loan. A merger that was taken back never held, known from then on.

A merger is said twice, once to each of the two; it counts from the later of the two instants.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from services.reporting.domain import facts as f
from services.reporting.domain import kinds as k
from services.reporting.domain.facts import Fact
from services.reporting.domain.fold import contribution, differences
from services.reporting.domain.rows import Cells, Row

_PLACES: Final = (f.LISTED, f.CHANGED)
#: What is said of a registration alone: that of the merged one ends, the survivor's does not.
_ITS_OWN: Final = (f.DISPOSED,)
MERGERS: Final = (f.MERGED, f.UNMERGED)


class _Merger:
    """What was said of one merger, and by whom it was heard."""

    __slots__ = ("day", "heard", "merged", "survivor", "undone")

    def __init__(self, day: int, survivor: bytes, merged: bytes) -> None:
        self.day, self.survivor, self.merged = day, survivor, merged
        self.heard: set[bytes] = set()
        self.undone: set[bytes] = set()

    @property
    def holds(self) -> bool:
        """Heard by both, and not yet taken back by both."""
        return len(self.heard) == 2 and len(self.undone) < 2


def fold_family(facts: Mapping[bytes, Sequence[Fact]], campaign: bytes) -> dict[bytes, list[Row]]:
    """The signed rows of enterprises that were ever merged with each other, in one campaign.

    `facts`: of each of them, as `fold` takes them. Before the first merger holds, the rows are
    those of `fold`.

    Units:   microseconds, ordinal days, fen.
    Raises:  nothing.
    Source:  ST-05, ST-07, R3.
    """
    told = [(fact, enterprise) for enterprise, some in facts.items() for fact in some]
    told.sort(key=lambda each: (*_known(each[0]), each[1]))
    heard: dict[bytes, list[Fact]] = {enterprise: [] for enterprise in facts}
    mergers: dict[bytes, _Merger] = {}
    shown: dict[bytes, Cells] = {enterprise: {} for enterprise in facts}
    rows: dict[bytes, list[Row]] = {enterprise: [] for enterprise in facts}
    for fact, enterprise in told:
        if fact.campaign is not None and fact.campaign != campaign:
            continue
        if fact.type in MERGERS:
            _hear(mergers, fact, enterprise)
        else:
            heard[enterprise].append(fact)
        for one, after in _together(heard, mergers).items():
            differences(rows[one], fact, shown[one], after)
            shown[one] = after
    return rows


def _hear(mergers: dict[bytes, _Merger], fact: Fact, enterprise: bytes) -> None:
    other = fact.parent or enterprise
    both = (enterprise, other) if fact.flags & f.SURVIVES else (other, enterprise)
    merger = mergers.setdefault(fact.ref or b"", _Merger(fact.day, *both))
    if fact.type == f.MERGED:
        merger.day = fact.day
        merger.heard.add(enterprise)
    else:
        merger.undone.add(enterprise)


def _together(
    heard: Mapping[bytes, Sequence[Fact]], mergers: Mapping[bytes, _Merger]
) -> dict[bytes, Cells]:
    """The contribution of each enterprise, given what was heard so far."""
    cells = {one: contribution(facts) for one, facts in heard.items()}
    holding: dict[bytes, list[_Merger]] = defaultdict(list)
    for merger in mergers.values():
        if merger.holds and merger.merged in heard and merger.survivor in heard:
            holding[merger.survivor].append(merger)
    for survivor, ended in holding.items():
        union = list(heard[survivor])
        for merger in sorted(ended, key=lambda one: (one.day, one.merged)):
            union += _carried(heard[survivor], heard[merger.merged])
            union.sort(key=_known)
            cells[survivor] = splice(cells[survivor], contribution(union), merger.day)
            cells[merger.merged] = splice(cells[merger.merged], {}, merger.day)
    return cells


def _known(fact: Fact) -> tuple[int, int]:
    return fact.known_us, fact.cause


def _carried(own: Sequence[Fact], others: Sequence[Fact]) -> list[Fact]:
    """What the survivor takes over: not the end, nor place and enrolment where it has its own."""
    placed = any(fact.type in _PLACES for fact in own)
    enrolled = any(fact.type == f.ENROLLED for fact in own)
    return [
        fact
        for fact in others
        if fact.type not in _ITS_OWN
        and not (placed and fact.type in _PLACES)
        and not (enrolled and fact.type == f.ENROLLED)
    ]


def splice(before: Cells, after: Cells, day: int) -> Cells:
    """`before` up to a day, `after` from it on, with what stocks change by booked on the day.

    Units:   ordinal days; counts and fen.
    Raises:  nothing.
    Source:  ST-07.
    """
    cells: Cells = {key: value for key, value in before.items() if key[4] < day}
    cells |= {key: value for key, value in after.items() if key[4] >= day}
    carry: dict[tuple[int, bytes | None, bytes | None, int], list[int]] = defaultdict(
        lambda: [0, 0]
    )
    for some, sign in ((after, 1), (before, -1)):
        for (kind, institution, outlet, county, on), (n, fen) in some.items():
            stock = kind - k.MOVED if kind > k.MOVED else kind
            if on < day and stock in k.STOCKS:
                carried = carry[stock, institution, outlet, county]
                carried[0] += sign * n
                carried[1] += sign * fen
    for (stock, institution, outlet, county), (n, fen) in carry.items():
        if n or fen:
            key = (stock + k.MOVED, institution, outlet, county, day)
            had = cells.get(key, (0, 0))
            cells[key] = (had[0] + n, had[1] + fen)
    return cells


def merged_with(facts: Iterable[Fact]) -> set[bytes]:
    """The enterprises with which an enterprise heard that it was merged, from its facts.

    Units:   none.
    Raises:  nothing.
    Source:  R3.
    """
    return {fact.parent for fact in facts if fact.type in MERGERS and fact.parent}


def kin_of(heard: AbstractSet[tuple[bytes, bytes]]) -> dict[bytes, frozenset[bytes]]:
    """Enterprise → all that were ever merged with it, directly or through others; itself too.

    `heard`: who heard of a merger with whom; it takes both. Who heard alone is its own family.

    Units:   none.
    Raises:  nothing.
    Source:  R3.
    """
    kin: dict[bytes, set[bytes]] = {}
    for one, other in heard:
        together = kin.get(one, {one})
        if (other, one) in heard:
            together |= kin.get(other, {other})
        for each in together:
            kin[each] = together
    return {one: frozenset(together) for one, together in kin.items()}
