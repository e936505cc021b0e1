"""What an enterprise counts for in a campaign, aspect by aspect, from all that is known of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from operator import attrgetter
from typing import Final

from services.reporting.domain import kinds as k
from services.reporting.domain.presence import ROOT, Leaf, Steps, distinct, union
from services.reporting.domain.rows import Booked, Cells
from services.reporting.domain.slices import Slices


class Enterprise:
    """What is known of an enterprise so far, in one campaign."""

    __slots__ = (
        "applications", "cancelled", "contacts", "counted", "draws", "ends", "grants", "holdings",
        "lines", "money", "needs", "opens", "slices", "visits", "voided",
    )  # fmt: skip

    def __init__(self) -> None:
        self.opens: int | None = None
        self.cancelled: int | None = None
        self.slices = Slices()
        self.visits: dict[bytes | None, Booked] = {}
        self.voided: set[bytes | None] = set()
        self.needs: list[Booked] = []
        self.holdings: dict[bytes | None, tuple[bytes | None, int]] = {}
        self.ends: dict[bytes | None, int] = {}
        self.contacts: dict[bytes | None, int] = {}
        self.applications: list[Booked] = []
        self.lines: list[Booked] = []
        self.grants: list[Booked] = []
        self.draws: dict[bytes | None, int] = {}
        #: Every movement of principal, signed; `counted` is the part of it that is new money.
        self.money: list[Booked] = []
        self.counted: list[Booked] = []

    def aspects(self) -> tuple[Aspect, ...]:
        """All aspects in which there is something."""
        return (
            count_listing,
            *(HOLDINGS if self.holdings else ()),
            *(VISITS if self.visits else ()),
            *((count_needs,) if self.needs else ()),
            *((count_applications,) if self.applications else ()),
            *((count_lines,) if self.lines else ()),
            *((count_matched,) if self.lines or self.grants else ()),
            *((count_granted,) if self.counted else ()),
            *((count_balances,) if self.money else ()),
            *self.gone(),
        )

    def gone(self) -> tuple[Aspect, ...]:
        """What is told of it apart, where it is cancelled."""
        return GONE if self.cancelled is not None else ()

    def held(self, ref: bytes | None) -> tuple[Aspect, ...]:
        """The aspects of its institutions that a change of one assignment may touch."""
        contacts = (count_contacts,) if ref in self.contacts else ()
        return (count_holding, *contacts, *((count_covered,) if self.visits else ()), *self.gone())

    def since_opening(self, booked: Iterable[Booked]) -> list[Booked]:
        """Those dated in the campaign."""
        opens = self.opens or 0
        return [b for b in booked if b.day >= opens]


Aspect = Callable[[Enterprise], Cells]


def count_listing(e: Enterprise) -> Cells:
    """On the list."""
    cells: Cells = {}
    e.slices.book_stock(cells, k.ON_LIST, ROOT, [(e.opens or 0, 1)])
    return cells


def _distinct(e: Enterprise, kind: int, leaves: dict[Leaf, Steps]) -> Cells:
    cells: Cells = {}
    for node, steps in distinct(leaves):
        e.slices.book_stock(cells, kind, node, steps)
    return cells


def _flow(e: Enterprise, kind: int, booked: Iterable[Booked]) -> Cells:
    cells: Cells = {}
    county_on = e.slices.county_on
    for b in booked:
        key = (kind, b.institution, b.outlet, county_on(b.day), b.day)
        n, fen = cells.get(key, (0, 0))
        cells[key] = (n + 1, fen + b.fen)
    return cells


def _first(booked: Iterable[Booked]) -> dict[Leaf, Steps]:
    """Presence at each outlet from the first thing booked there, for good."""
    days: dict[Leaf, int] = {}
    for b in booked:
        leaf = (b.institution, b.outlet)
        if b.day < days.get(leaf, b.day + 1):
            days[leaf] = b.day
    return {leaf: [(day, 1)] for leaf, day in days.items()}


def _spans(
    e: Enterprise, not_before: Callable[[bytes | None, bytes | None], int | None]
) -> dict[Leaf, Steps]:
    """Presence at institutions while they hold the enterprise, from `not_before` on."""
    if len(e.holdings) == 1:
        ((ref, (institution, day)),) = e.holdings.items()
        start, end = not_before(ref, institution), e.ends.get(ref)
        if start is None or (end is not None and end <= max(day, start)):
            return {}
        return {(institution, None): union([(max(day, start), end)])}
    spans: dict[bytes | None, list[tuple[int, int | None]]] = {}
    for ref, (institution, day) in e.holdings.items():
        start = not_before(ref, institution)
        if start is not None:
            spans.setdefault(institution, []).append((max(day, start), e.ends.get(ref)))
    leaves = {(institution, None): union(found) for institution, found in spans.items()}
    return {leaf: steps for leaf, steps in leaves.items() if steps}


def count_holding(e: Enterprise) -> Cells:
    """Assigned to institutions."""
    return _distinct(e, k.HELD, _spans(e, lambda _ref, _institution: 0))


def count_contacts(e: Enterprise) -> Cells:
    """Assigned, with a contact person (JS-08)."""
    return _distinct(e, k.CONTACT, _spans(e, lambda ref, _: e.contacts.get(ref)))


def _first_visits(e: Enterprise) -> dict[bytes | None, int]:
    seen: dict[bytes | None, int] = {}
    for visit in e.visits.values():
        seen[visit.institution] = min(visit.day, seen.get(visit.institution, visit.day))
    return seen


def count_covered(e: Enterprise) -> Cells:
    """Assigned to an institution that has paid a visit (JS-11)."""
    seen = _first_visits(e)
    return _distinct(e, k.COVERED, _spans(e, lambda _, institution: seen.get(institution)))


def count_gone(e: Enterprise) -> Cells:
    """On the list, and cancelled (R9)."""
    cells: Cells = {}
    if e.cancelled is not None:
        e.slices.book_stock(cells, k.GONE, ROOT, [(max(e.cancelled, e.opens or 0), 1)])
    return cells


def count_gone_seen(e: Enterprise) -> Cells:
    """Visited, and cancelled."""
    cells: Cells = {}
    if e.cancelled is not None and e.visits:
        first = min(visit.day for visit in e.visits.values())
        e.slices.book_stock(cells, k.GONE_SEEN, ROOT, [(max(e.cancelled, first), 1)])
    return cells


def count_gone_held(e: Enterprise) -> Cells:
    """Assigned, and cancelled."""
    return _distinct(e, k.GONE_HELD, _spans(e, lambda _ref, _institution: e.cancelled))


def count_gone_covered(e: Enterprise) -> Cells:
    """Assigned to an institution that has paid a visit, and cancelled."""
    seen = _first_visits(e)

    def both(_ref: bytes | None, institution: bytes | None) -> int | None:
        first = seen.get(institution)
        return None if first is None or e.cancelled is None else max(first, e.cancelled)

    return _distinct(e, k.GONE_COVERED, _spans(e, both))


def count_visits(e: Enterprise) -> Cells:
    """Complete visits."""
    return _flow(e, k.VISIT, e.visits.values())


def count_seen(e: Enterprise) -> Cells:
    """Enterprises with a complete visit."""
    return _distinct(e, k.SEEN, _first(e.visits.values()))


def count_needs(e: Enterprise) -> Cells:
    """Needs stated at visits that stand."""
    return _flow(e, k.NEED, (need for need in e.needs if need.parent not in e.voided))


def count_applications(e: Enterprise) -> Cells:
    """Applications since the opening."""
    return _flow(e, k.APPLIED, e.since_opening(e.applications))


def count_lines(e: Enterprise) -> Cells:
    """Lines since the opening."""
    return _flow(e, k.LINE, e.since_opening(e.lines))


def count_matched(e: Enterprise) -> Cells:
    """First approved line or granted loan (JS-19)."""
    return _distinct(e, k.MATCHED, _first(e.since_opening(e.lines + e.grants)))


def count_granted(e: Enterprise) -> Cells:
    """New money paid out. A loan counts as one while more of it was paid out than booked back."""
    loans: dict[bytes | None, list[Booked]] = {}
    for b in e.since_opening(e.counted):
        loans.setdefault(b.parent, []).append(b)
    cells: Cells = {}
    for moves in loans.values():
        moves.sort(key=_BY_DAY)
        paid, counts = 0, False
        for _, group in groupby(moves, key=_BY_DAY):
            today = list(group)
            for b in today:
                _add(e, cells, b, 0)
            paid += sum(b.fen for b in today)
            if counts != (paid > 0):
                counts = not counts
                _add(e, cells, today[-1]._replace(fen=0), 1 if counts else -1)
    return cells


def _add(e: Enterprise, cells: Cells, b: Booked, n: int) -> None:
    key = (k.GRANTED, b.institution, b.outlet, e.slices.county_on(b.day), b.day)
    had_n, had_fen = cells.get(key, (0, 0))
    cells[key] = (had_n + n, had_fen + b.fen)


def count_balances(e: Enterprise) -> Cells:
    """Principal outstanding at each outlet, whenever it was drawn, and who has any (ST-04).

    End-of-day balances decide: drawn and repaid on one day is no borrower that day.
    """
    outlets: dict[Leaf, dict[int, int]] = {}
    for b in e.money:
        days = outlets.setdefault((b.institution, b.outlet), {})
        days[b.day] = days.get(b.day, 0) + b.fen
    cells: Cells = {}
    owing: dict[Leaf, Steps] = {}
    for leaf, days in outlets.items():
        steps = sorted(days.items())
        e.slices.book_money(cells, k.BALANCE, leaf, steps)
        toggles: Steps = []
        balance = 0
        for day, fen in steps:
            was, balance = balance, balance + fen
            if (was > 0) != (balance > 0):
                toggles.append((day, 1 if balance > 0 else -1))
        if toggles:
            owing[leaf] = toggles
    for node, steps in distinct(owing):
        e.slices.book_stock(cells, k.BORROWER, node, steps)
    return cells


_BY_DAY = attrgetter("day")
HOLDINGS: Final = (count_holding, count_contacts, count_covered)
VISITS: Final = (count_visits, count_seen, count_covered)
GONE: Final = (count_gone, count_gone_seen, count_gone_held, count_gone_covered)
