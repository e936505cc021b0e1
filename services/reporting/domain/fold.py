"""The fold: the facts of one enterprise in one campaign become signed rows.

Whatever an event does (a late fact, a void, a reversal, a move), its rows are the contribution of
the enterprise after it minus the contribution before it, stamped with the instant the event became
known. Rows are only ever added, so an old cut-off keeps its figures (ST-05), and the rows are a
function of the set of facts: the order of arrival is no part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from operator import attrgetter
from typing import Final

from services.reporting.domain import facts as f
from services.reporting.domain import kinds as k
from services.reporting.domain.facts import Fact
from services.reporting.domain.presence import ROOT, Leaf, Steps, distinct, union
from services.reporting.domain.rows import Booked, Cells, Row, row_of
from services.reporting.domain.slices import Slices


class _Enterprise:
    """What is known of an enterprise so far, in one campaign."""

    __slots__ = (
        "applications", "contacts", "counted", "draws", "ends", "grants", "holdings", "lines",
        "money", "needs", "opens", "slices", "visits", "voided",
    )  # fmt: skip

    def __init__(self) -> None:
        self.opens: int | None = None
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

    def aspects(self) -> tuple[_Aspect, ...]:
        """All aspects in which there is something."""
        return (
            _listing,
            *(_HOLDINGS if self.holdings else ()),
            *(_VISITS if self.visits else ()),
            *((_needs,) if self.needs else ()),
            *((_applications,) if self.applications else ()),
            *((_lines,) if self.lines else ()),
            *((_matched,) if self.lines or self.grants else ()),
            *((_granted,) if self.counted else ()),
            *((_balances,) if self.money else ()),
        )

    def held(self, ref: bytes | None) -> tuple[_Aspect, ...]:
        """The aspects of its institutions that a change of one assignment may touch."""
        contacts = (_contacts,) if ref in self.contacts else ()
        return (_holding, *contacts, _covered) if self.visits else (_holding, *contacts)

    def since_opening(self, booked: Iterable[Booked]) -> list[Booked]:
        """Those dated in the campaign."""
        opens = self.opens or 0
        return [b for b in booked if b.day >= opens]


_Aspect = Callable[[_Enterprise], Cells]


def fold(facts: Iterable[Fact], campaign: bytes) -> list[Row]:
    """The signed rows of one enterprise in one campaign, in the order they became known.

    `facts` are all facts of the enterprise ordered by (known_us, cause); those of other campaigns
    are left out here. An enterprise that is not enrolled has no rows.

    Units:   microseconds, ordinal days, fen.
    Raises:  nothing.
    Source:  ST-01, ST-05, ST-07, ST-10, JS-19, JS-22.
    """
    enterprise = _Enterprise()
    shown: dict[_Aspect, Cells] = {}
    rows: list[Row] = []
    for fact in facts:
        own = fact.campaign
        if own is not None and own != campaign:
            continue
        aspects = _LEARN[fact.type](enterprise, fact)
        if enterprise.opens is None:
            continue
        for aspect in aspects:
            after = aspect(enterprise)
            before = shown.get(aspect)
            if before is None:
                if not after:
                    continue
                before = {}
            if after != before:
                _differences(rows, fact, before, after)
                shown[aspect] = after
    return rows


def _differences(rows: list[Row], fact: Fact, before: Cells, after: Cells) -> None:
    known, cause = fact.known_us, fact.cause
    for key, (n, fen) in after.items():
        was = before.get(key)
        if was is not None:
            n, fen = n - was[0], fen - was[1]  # noqa: PLW2901 - the difference takes the place
        if n or fen:
            rows.append(row_of((known, *key, n, fen, cause)))
    for key, (n, fen) in before.items():
        if key not in after and (n or fen):
            rows.append(row_of((known, *key, -n, -fen, cause)))


# -- what a fact changes: taken in, and which aspects may differ now (empty ones stay so) ----------


def _learn_place(e: _Enterprise, fact: Fact) -> tuple[_Aspect, ...]:
    e.slices.add(fact.day, fact.county)
    return e.aspects()


def _learn_enrolment(e: _Enterprise, fact: Fact) -> tuple[_Aspect, ...]:
    e.opens = fact.day
    e.slices.fallback = fact.county
    return e.aspects()


def _learn_assignment(e: _Enterprise, fact: Fact) -> tuple[_Aspect, ...]:
    if not fact.flags & f.TIER_2 or fact.institution is None:
        return ()
    e.holdings[fact.ref] = (fact.institution, fact.day)
    return e.held(fact.ref)


def _learn_unassignment(e: _Enterprise, fact: Fact) -> tuple[_Aspect, ...]:
    e.ends[fact.ref] = fact.day
    return e.held(fact.ref) if fact.ref in e.holdings else ()


def _learn_contact(e: _Enterprise, fact: Fact) -> tuple[_Aspect, ...]:
    e.contacts.setdefault(fact.ref, fact.day)
    return (_contacts,) if fact.ref in e.holdings else ()


def _learn_visit(e: _Enterprise, fact: Fact) -> tuple[_Aspect, ...]:
    if not fact.flags & f.COMPLETE or fact.ref in e.voided:
        return ()
    e.visits[fact.ref] = Booked(fact.day, fact.institution, fact.outlet, 0, None)
    return _VISITS if e.holdings else _VISITS[:2]


def _learn_void(e: _Enterprise, fact: Fact) -> tuple[_Aspect, ...]:
    e.voided.add(fact.ref)
    if e.visits.pop(fact.ref, None) is None:
        return (_needs,) if e.needs else ()
    return (*_VISITS, _needs)


def _learn_need(e: _Enterprise, fact: Fact) -> tuple[_Aspect, ...]:
    e.needs.append(Booked(fact.day, fact.institution, None, fact.fen, fact.parent))
    return (_needs,)


def _learn_application(e: _Enterprise, fact: Fact) -> tuple[_Aspect, ...]:
    e.applications.append(Booked(fact.day, fact.institution, fact.outlet, fact.fen, None))
    return (_applications,)


def _learn_decision(e: _Enterprise, fact: Fact) -> tuple[_Aspect, ...]:
    del e, fact  # kept as a fact, counted by no figure yet
    return ()


def _learn_line(e: _Enterprise, fact: Fact) -> tuple[_Aspect, ...]:
    e.lines.append(Booked(fact.day, fact.institution, fact.outlet, fact.fen, None))
    return (_lines, _matched)


def _learn_grant(e: _Enterprise, fact: Fact) -> tuple[_Aspect, ...]:
    e.grants.append(Booked(fact.day, fact.institution, fact.outlet, 0, None))
    return (_matched,)


def _learn_drawdown(e: _Enterprise, fact: Fact) -> tuple[_Aspect, ...]:
    drawn = Booked(fact.day, fact.institution, fact.outlet, fact.fen, fact.parent)
    e.draws[fact.ref] = fact.day
    e.money.append(drawn)
    if fact.flags & f.NEW_MONEY:
        e.counted.append(drawn)
        return (_granted, _balances)
    return (_balances,)


def _learn_repayment(e: _Enterprise, fact: Fact) -> tuple[_Aspect, ...]:
    e.money.append(Booked(fact.day, fact.institution, fact.outlet, -fact.fen, fact.parent))
    return (_balances,)


def _learn_reversal(e: _Enterprise, fact: Fact) -> tuple[_Aspect, ...]:
    back = Booked(fact.day, fact.institution, fact.outlet, -fact.fen, fact.parent)
    e.money.append(back)
    drawn_on = e.draws.get(fact.ref)
    # What was drawn before the campaign never counted as granted in it, so it cannot be taken away.
    if fact.flags & f.NEW_MONEY and (drawn_on is None or drawn_on >= (e.opens or 0)):
        e.counted.append(back)
        return (_granted, _balances)
    return (_balances,)


# -- the contribution, aspect by aspect ------------------------------------------------------------


def _listing(e: _Enterprise) -> Cells:
    cells: Cells = {}
    e.slices.book_stock(cells, k.ON_LIST, ROOT, [(e.opens or 0, 1)])
    return cells


def _distinct(e: _Enterprise, kind: int, leaves: dict[Leaf, Steps]) -> Cells:
    cells: Cells = {}
    for node, steps in distinct(leaves):
        e.slices.book_stock(cells, kind, node, steps)
    return cells


def _flow(e: _Enterprise, kind: int, booked: Iterable[Booked]) -> Cells:
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
    e: _Enterprise, not_before: Callable[[bytes | None, bytes | None], int | None]
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


def _holding(e: _Enterprise) -> Cells:
    return _distinct(e, k.HELD, _spans(e, lambda _ref, _institution: 0))


def _contacts(e: _Enterprise) -> Cells:
    return _distinct(e, k.CONTACT, _spans(e, lambda ref, _: e.contacts.get(ref)))


def _covered(e: _Enterprise) -> Cells:
    seen: dict[bytes | None, int] = {}
    for visit in e.visits.values():
        seen[visit.institution] = min(visit.day, seen.get(visit.institution, visit.day))
    return _distinct(e, k.COVERED, _spans(e, lambda _, institution: seen.get(institution)))


def _visits(e: _Enterprise) -> Cells:
    return _flow(e, k.VISIT, e.visits.values())


def _seen(e: _Enterprise) -> Cells:
    return _distinct(e, k.SEEN, _first(e.visits.values()))


def _needs(e: _Enterprise) -> Cells:
    return _flow(e, k.NEED, (need for need in e.needs if need.parent not in e.voided))


def _applications(e: _Enterprise) -> Cells:
    return _flow(e, k.APPLIED, e.since_opening(e.applications))


def _lines(e: _Enterprise) -> Cells:
    return _flow(e, k.LINE, e.since_opening(e.lines))


def _matched(e: _Enterprise) -> Cells:
    return _distinct(e, k.MATCHED, _first(e.since_opening(e.lines + e.grants)))


def _granted(e: _Enterprise) -> Cells:
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


def _add(e: _Enterprise, cells: Cells, b: Booked, n: int) -> None:
    key = (k.GRANTED, b.institution, b.outlet, e.slices.county_on(b.day), b.day)
    had_n, had_fen = cells.get(key, (0, 0))
    cells[key] = (had_n + n, had_fen + b.fen)


def _balances(e: _Enterprise) -> Cells:
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
_HOLDINGS: Final = (_holding, _contacts, _covered)
_VISITS: Final = (_visits, _seen, _covered)
_LEARN: Final[dict[int, Callable[[_Enterprise, Fact], tuple[_Aspect, ...]]]] = {
    f.LISTED: _learn_place,
    f.CHANGED: _learn_place,
    f.ENROLLED: _learn_enrolment,
    f.ASSIGNED: _learn_assignment,
    f.UNASSIGNED: _learn_unassignment,
    f.NAMED: _learn_contact,
    f.VISITED: _learn_visit,
    f.VOIDED: _learn_void,
    f.NEEDED: _learn_need,
    f.FILED: _learn_application,
    f.DECIDED: _learn_decision,
    f.LINE: _learn_line,
    f.GRANTED: _learn_grant,
    f.DRAWN: _learn_drawdown,
    f.REPAID: _learn_repayment,
    f.REVERSED: _learn_reversal,
}
