"""What the figures should be, counted straight from the events, the slow and plain way.

Shares no code with the fold: per enterprise and cut-off it asks each definition of rules.md as a
question about the events known by then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from shared.contracts import allocation, credit, registry, visits
from shared.contracts.event import Received

TOPIC_ORDER = ("registry.events", "allocation.events", "visits.events", "credit.events")
#: (institution or None, outlet or None, county, metric) → value; (None, None) is the total.
Figures = dict[tuple[UUID | None, UUID | None, str, str], int]


@dataclass(frozen=True)
class Question:
    """Which campaign, which quarter, known by when."""

    campaign: UUID
    first_on: date
    last_on: date
    known_at: datetime


def figures(events: Iterable[Received], question: Question) -> Figures:
    """Every cell that is not zero."""
    by_enterprise: dict[UUID, list[Received]] = defaultdict(list)
    for received in events:
        enterprise = getattr(received.event, "enterprise_id", None)
        if enterprise and received.known_at <= question.known_at:
            by_enterprise[enterprise].append(received)
    found: Figures = defaultdict(int)
    for known in by_enterprise.values():
        known.sort(key=lambda r: (r.known_at, TOPIC_ORDER.index(r.topic), r.seq))
        _Count([r.event for r in known], question, found).all()
    return {key: value for key, value in found.items() if value}


class _Count:
    def __init__(self, events: list[Any], question: Question, found: Figures) -> None:
        self.events, self.q, self.found = events, question, found
        mine = [
            e for e in self.of(allocation.EnterpriseEnrolled) if e.campaign_id == question.campaign
        ]
        self.enrolment = mine[-1] if mine else None

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def county(self, day: date) -> str:
        said: dict[date, str] = {}
        for event in self.events:
            if isinstance(event, registry.EnterpriseListed):
                after = date.fromisoformat(event.list_vintage) + timedelta(days=1)
                said.setdefault(after, event.region_code)
            elif isinstance(event, registry.EnterpriseChanged):
                said[event.valid_from] = event.region_code
        if not said:
            return self.enrolment.region_code
        before = [at for at in said if at <= day]
        return said[max(before) if before else min(said)]

    def add(self, where: tuple[Any, Any], day: date, metric: str, value: int) -> None:
        self.found[(*where, self.county(day), metric)] += value

    def all(self) -> None:
        if self.enrolment is None:
            return
        self.opens, last = self.enrolment.opens_on, self.q.last_on
        if self.opens <= last:
            self.add((None, None), last, "listed", 1)
        self.count_visits()
        self.count_assignments()
        self.count_matches()
        self.count_flows()
        self.count_money()

    # -- small questions

    def in_quarter(self, day: date) -> bool:
        return self.q.first_on <= day <= self.q.last_on

    @staticmethod
    def nodes(thing: Any) -> list[tuple[Any, Any]]:
        outlet = getattr(thing, "outlet_id", None)
        places = [(None, None), (thing.institution_id, None)]
        return [*places, (thing.institution_id, outlet)] if outlet else places

    def live_visits(self) -> list[Any]:
        gone = {event.visit_id for event in self.of(visits.VisitVoided)}
        return [
            v
            for v in self.of(visits.VisitLogged)
            if v.complete and v.visit_id not in gone and v.campaign_id == self.q.campaign
        ]

    def flow(self, things: list[Any], day_of: str, names: dict[str, str], amount: str = "") -> None:
        for thing in things:
            day = getattr(thing, day_of)
            worth = {"n": 1, "fen": getattr(thing, amount) if amount else 0}
            for metric, column in names.items():
                whole = metric.endswith("_total")
                if (day <= self.q.last_on) if whole else self.in_quarter(day):
                    for node in self.nodes(thing):
                        self.add(node, day, metric, worth[column])

    # -- the metrics

    def count_visits(self) -> None:
        live = self.live_visits()
        self.flow(live, "visited_on", {"visits": "n", "visits_total": "n"})
        for node in {
            node for v in live if v.visited_on <= self.q.last_on for node in self.nodes(v)
        }:
            self.add(node, self.q.last_on, "visited", 1)
        needs = self.of(visits.NeedRecorded)
        gone = {event.visit_id for event in self.of(visits.VisitVoided)}
        mine = [n for n in needs if n.campaign_id == self.q.campaign and n.visit_id not in gone]
        self.flow(mine, "recorded_on", {"needs_n": "n", "needs_fen": "fen"}, "amount_fen")

    def count_assignments(self) -> None:
        last = self.q.last_on
        ended = {e.assignment_id: e.unassigned_on for e in self.of(allocation.EnterpriseUnassigned)}
        current = [
            a
            for a in self.of(allocation.EnterpriseAssigned)
            if a.campaign_id == self.q.campaign
            and a.tier == 2
            and a.assigned_on <= last
            and not (a.assignment_id in ended and ended[a.assignment_id] <= last)
        ]
        named: dict[UUID, date] = {}
        for event in self.of(allocation.ContactNamed):
            named.setdefault(event.assignment_id, event.named_on)
        seen = {v.institution_id for v in self.live_visits() if v.visited_on <= last}
        groups = {
            "assigned": current,
            "contacts": [a for a in current if named.get(a.assignment_id, date.max) <= last],
            "covered": [a for a in current if a.institution_id in seen],
        }
        gone = [
            e.disposed_on for e in self.of(registry.EnterpriseDisposed) if e.kind == "cancelled"
        ]
        if gone and min(gone) <= last:
            groups["cancelled_assigned"] = groups["assigned"]
            groups["cancelled_covered"] = groups["covered"]
            if self.opens <= last:
                self.add((None, None), last, "cancelled", 1)
            if seen:
                self.add((None, None), last, "cancelled_visited", 1)
        for metric, held in groups.items():
            for node in {node for a in held for node in [(None, None), (a.institution_id, None)]}:
                self.add(node, last, metric, 1)

    def count_matches(self) -> None:
        won = [(e.approved_on, e) for e in self.of(credit.CreditLineApproved)]
        won += [(e.granted_on, e) for e in self.of(credit.LoanGranted)]
        first: dict[tuple[Any, Any], date] = {}
        for day, event in won:
            if day >= self.opens:
                for node in self.nodes(event):
                    first[node] = min(day, first.get(node, day))
        for node, day in first.items():
            if self.in_quarter(day):
                self.add(node, day, "matched", 1)
            if day <= self.q.last_on:
                self.add(node, self.q.last_on, "matched_total", 1)

    def count_flows(self) -> None:
        filed = [e for e in self.of(credit.ApplicationFiled) if e.filed_on >= self.opens]
        self.flow(filed, "filed_on", {"applied_n": "n", "applied_fen": "fen"}, "amount_fen")
        lines = [e for e in self.of(credit.CreditLineApproved) if e.approved_on >= self.opens]
        names = {"lines_n": "n", "lines_fen": "fen", "lines_n_total": "n", "lines_fen_total": "fen"}
        self.flow(lines, "approved_on", names, "amount_fen")

    def count_money(self) -> None:
        draws, reversals = self.of(credit.LoanDrawn), self.of(credit.LoanReversed)
        drawn_on = {e.drawdown_id: e.drawn_on for e in draws}
        paid = [(e.drawn_on, e.amount_fen, e) for e in draws if e.new_money]
        paid += [
            (e.reversed_on, -e.amount_fen, e)
            for e in reversals
            if e.new_money and drawn_on[e.drawdown_id] >= self.opens
        ]
        paid = [movement for movement in paid if movement[0] >= self.opens]
        for day, fen, event in paid:
            for node in self.nodes(event):
                self.granted(node, day, "fen", fen)
        for loan in {event.loan_id for _, _, event in paid}:
            self.count_loan([movement for movement in paid if movement[2].loan_id == loan])
        moves = [(e.drawn_on, e.amount_fen, e) for e in draws]
        moves += [(e.reversed_on, -e.amount_fen, e) for e in reversals]
        moves += [(e.repaid_on, -e.principal_fen, e) for e in self.of(credit.RepaymentBooked)]
        self.count_balances([move for move in moves if move[0] <= self.q.last_on])

    def count_loan(self, paid: list[tuple[date, int, Any]]) -> None:
        """A loan counts on the evening it is first above nothing, and is taken back when below."""
        day, last = min(p[0] for p in paid), max(p[0] for p in paid)
        counts = False
        while day <= last:
            worth = sum(fen for at, fen, _ in paid if at <= day) > 0
            if worth != counts:
                counts = worth
                for node in self.nodes(paid[0][2]):
                    self.granted(node, day, "n", 1 if worth else -1)
            day += timedelta(days=1)

    def granted(self, node: tuple[Any, Any], day: date, column: str, value: int) -> None:
        if day <= self.q.last_on:
            self.add(node, day, f"granted_{column}_total", value)
        if self.in_quarter(day):
            self.add(node, day, f"granted_{column}", value)

    def count_balances(self, moves: list[tuple[date, int, Any]]) -> None:
        outlets: dict[tuple[Any, Any], int] = defaultdict(int)
        for _, fen, event in moves:
            outlets[event.institution_id, event.outlet_id] += fen
            for node in self.nodes(event):
                self.add(node, self.q.last_on, "balance_fen", fen)
        owing = [place for place, fen in outlets.items() if fen > 0]
        nodes = {*owing, *((institution, None) for institution, _ in owing)}
        for node in nodes | ({(None, None)} if owing else set()):
            self.add(node, self.q.last_on, "borrowers", 1)
