"""The county of an enterprise, day by day, and how stocks follow it (ST-07).

A county is single-valued per enterprise and day, so it never counts anything twice. A stock is
booked in the county of its own day; on the day of a move a pair of rows under a separate kind
takes it along. Flows have no such rows: old loans stay with the old county.
"""

from __future__ import annotations

from bisect import bisect_right, insort

from services.reporting.domain.kinds import MOVED
from services.reporting.domain.presence import Leaf, Steps
from services.reporting.domain.rows import Cells


class Slices:
    """The counties an enterprise was in, each from a day on; the first reaches back for ever.

    `fallback` is the county its enrolment names, used until the registry has said anything.
    """

    __slots__ = ("_counties", "_days", "_one", "fallback")

    def __init__(self) -> None:
        self._days: list[int] = []
        self._counties: dict[int, int] = {}
        self._one: int | None = None
        self.fallback = 0

    def add(self, day: int, county: int, *, unless_said: bool = False) -> None:
        """It is in `county` from `day` on; the latest word about a day counts."""
        if unless_said and day in self._counties:
            return
        if day not in self._counties:
            insort(self._days, day)
        self._counties[day] = county
        self._one = county if len(self._days) == 1 else None

    def county_on(self, day: int) -> int:
        """The county on a day.

        Units:   ordinal day in, six-digit county code out.
        Raises:  nothing.
        Source:  ST-07.
        """
        if self._one is not None:
            return self._one
        if not self._days:
            return self.fallback
        at = bisect_right(self._days, day)
        return self._counties[self._days[max(at - 1, 0)]]

    def moves(self) -> list[tuple[int, int, int]]:
        """Each day on which the county changed, with the old and the new one."""
        if len(self._days) < 2:
            return []
        counties = [self._counties[day] for day in self._days]
        pairs = zip(self._days[1:], counties, counties[1:], strict=False)
        return [(day, old, new) for day, old, new in pairs if old != new]

    def book_stock(self, cells: Cells, kind: int, node: Leaf, steps: Steps) -> None:
        """Book a count at a node and let it move along."""
        self._book(cells, kind, node, [(day, n, 0) for day, n in steps])

    def book_money(self, cells: Cells, kind: int, node: Leaf, steps: Steps) -> None:
        """Book an amount at a node and let it move along."""
        self._book(cells, kind, node, [(day, 0, fen) for day, fen in steps if fen])

    def _book(self, cells: Cells, kind: int, node: Leaf, steps: list[tuple[int, int, int]]) -> None:
        institution, outlet = node
        for day, n, fen in steps:
            cells[kind, institution, outlet, self.county_on(day), day] = (n, fen)
        if self._one is not None:
            return
        for day, old, new in self.moves():
            n = sum(step[1] for step in steps if step[0] < day)
            fen = sum(step[2] for step in steps if step[0] < day)
            if n or fen:
                cells[kind + MOVED, institution, outlet, old, day] = (-n, -fen)
                cells[kind + MOVED, institution, outlet, new, day] = (n, fen)
