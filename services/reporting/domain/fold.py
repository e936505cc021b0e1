"""The fold: the facts of one enterprise in one campaign become signed rows.

Whatever an event does (a late fact, a void, a reversal, a move), its rows are the contribution of
the enterprise after it minus the contribution before it, stamped with the instant the event became
known. Rows are only ever added, so an old cut-off keeps its figures (ST-05), and the rows are a
function of the set of facts: the order of arrival is no part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from services.reporting.domain import facts as f
from services.reporting.domain.aspects import (
    GONE,
    VISITS,
    Aspect,
    Enterprise,
    count_applications,
    count_balances,
    count_contacts,
    count_granted,
    count_lines,
    count_matched,
    count_needs,
)
from services.reporting.domain.facts import Fact
from services.reporting.domain.rows import Booked, Cells, Row, row_of


def fold(facts: Iterable[Fact], campaign: bytes) -> list[Row]:
    """The signed rows of one enterprise in one campaign, in the order they became known.

    `facts` are all facts of the enterprise ordered by (known_us, cause); those of other campaigns
    are left out here. An enterprise that is not enrolled has no rows.

    Units:   microseconds, ordinal days, fen.
    Raises:  nothing.
    Source:  ST-01, ST-05, ST-07, ST-10, JS-19, JS-22.
    """
    enterprise = Enterprise()
    shown: dict[Aspect, Cells] = {}
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
                differences(rows, fact, before, after)
                shown[aspect] = after
    return rows


def contribution(facts: Iterable[Fact]) -> Cells:
    """All that these facts of an enterprise count for; nothing where it is not enrolled."""
    enterprise = Enterprise()
    cells: Cells = {}
    for fact in facts:
        _LEARN[fact.type](enterprise, fact)
    if enterprise.opens is not None:
        for aspect in enterprise.aspects():
            cells |= aspect(enterprise)
    return cells


def differences(rows: list[Row], fact: Fact, before: Cells, after: Cells) -> None:
    """Add the rows that lead from one contribution to the next, known with a fact."""
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


def _learn_list(e: Enterprise, fact: Fact) -> tuple[Aspect, ...]:
    # A list is of the end of its day: the year it closes keeps its counties (R4). What was said of
    # the day after on purpose goes before it.
    e.slices.add(fact.day + 1, fact.county, unless_said=True)
    return e.aspects()


def _learn_place(e: Enterprise, fact: Fact) -> tuple[Aspect, ...]:
    e.slices.add(fact.day, fact.county)
    return e.aspects()


def _learn_disposition(e: Enterprise, fact: Fact) -> tuple[Aspect, ...]:
    if not fact.flags & f.CANCELLED:
        return ()
    e.cancelled = min(fact.day, e.cancelled or fact.day)
    return GONE


def _learn_enrolment(e: Enterprise, fact: Fact) -> tuple[Aspect, ...]:
    e.opens = fact.day
    e.slices.fallback = fact.county
    return e.aspects()


def _learn_assignment(e: Enterprise, fact: Fact) -> tuple[Aspect, ...]:
    if not fact.flags & f.TIER_2 or fact.institution is None:
        return ()
    e.holdings[fact.ref] = (fact.institution, fact.day)
    return e.held(fact.ref)


def _learn_unassignment(e: Enterprise, fact: Fact) -> tuple[Aspect, ...]:
    e.ends[fact.ref] = fact.day
    return e.held(fact.ref) if fact.ref in e.holdings else ()


def _learn_contact(e: Enterprise, fact: Fact) -> tuple[Aspect, ...]:
    e.contacts.setdefault(fact.ref, fact.day)
    return (count_contacts,) if fact.ref in e.holdings else ()


def _learn_visit(e: Enterprise, fact: Fact) -> tuple[Aspect, ...]:
    if not fact.flags & f.COMPLETE or fact.ref in e.voided:
        return ()
    e.visits[fact.ref] = Booked(fact.day, fact.institution, fact.outlet, 0, None)
    return (*(VISITS if e.holdings else VISITS[:2]), *e.gone())


def _learn_void(e: Enterprise, fact: Fact) -> tuple[Aspect, ...]:
    e.voided.add(fact.ref)
    if e.visits.pop(fact.ref, None) is None:
        return (count_needs,) if e.needs else ()
    return (*VISITS, count_needs, *e.gone())


def _learn_need(e: Enterprise, fact: Fact) -> tuple[Aspect, ...]:
    e.needs.append(Booked(fact.day, fact.institution, None, fact.fen, fact.parent))
    return (count_needs,)


def _learn_application(e: Enterprise, fact: Fact) -> tuple[Aspect, ...]:
    e.applications.append(Booked(fact.day, fact.institution, fact.outlet, fact.fen, None))
    return (count_applications,)


def _learn_decision(e: Enterprise, fact: Fact) -> tuple[Aspect, ...]:
    del e, fact  # kept as a fact, counted by no figure yet
    return ()


def _learn_merger(e: Enterprise, fact: Fact) -> tuple[Aspect, ...]:
    del e, fact  # families.py folds the two together
    return ()


def _learn_line(e: Enterprise, fact: Fact) -> tuple[Aspect, ...]:
    e.lines.append(Booked(fact.day, fact.institution, fact.outlet, fact.fen, None))
    return (count_lines, count_matched)


def _learn_grant(e: Enterprise, fact: Fact) -> tuple[Aspect, ...]:
    e.grants.append(Booked(fact.day, fact.institution, fact.outlet, 0, None))
    return (count_matched,)


def _learn_drawdown(e: Enterprise, fact: Fact) -> tuple[Aspect, ...]:
    drawn = Booked(fact.day, fact.institution, fact.outlet, fact.fen, fact.parent)
    e.draws[fact.ref] = fact.day
    e.money.append(drawn)
    if fact.flags & f.NEW_MONEY:
        e.counted.append(drawn)
        return (count_granted, count_balances)
    return (count_balances,)


def _learn_repayment(e: Enterprise, fact: Fact) -> tuple[Aspect, ...]:
    e.money.append(Booked(fact.day, fact.institution, fact.outlet, -fact.fen, fact.parent))
    return (count_balances,)


def _learn_reversal(e: Enterprise, fact: Fact) -> tuple[Aspect, ...]:
    back = Booked(fact.day, fact.institution, fact.outlet, -fact.fen, fact.parent)
    e.money.append(back)
    drawn_on = e.draws.get(fact.ref)
    # What was drawn before the campaign never counted as granted in it, so it cannot be taken away.
    if fact.flags & f.NEW_MONEY and (drawn_on is None or drawn_on >= (e.opens or 0)):
        e.counted.append(back)
        return (count_granted, count_balances)
    return (count_balances,)


_LEARN: Final[dict[int, Callable[[Enterprise, Fact], tuple[Aspect, ...]]]] = {
    f.LISTED: _learn_list,
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
    f.MERGED: _learn_merger,
    f.UNMERGED: _learn_merger,
    f.DISPOSED: _learn_disposition,
}
