"""Random campaign histories as the platform would tell them: late, corrected, moved, voided."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec

from shared.contracts import allocation, credit, registry, visits
from shared.contracts.event import Event, Received, contract_of, key_of, part_of
from shared.kernel.periods import SHANGHAI

OPENS = date(2022, 4, 1)
FIRST_KNOWN = datetime(2022, 4, 1, 8, tzinfo=SHANGHAI)
LISTED_AGAIN = date(2022, 6, 30)
MERGED_ON = OPENS + timedelta(days=100)
COUNTIES = ("320102", "320104", "320505", "320506", "320583", "320602")


def an_id(source: random.Random) -> UUID:
    """A random identifier that the seed decides."""
    return UUID(int=source.getrandbits(128), version=4)


@dataclass
class Teller:
    """Tells events one after the other: numbers them, dates them, never goes back in knowledge."""

    source: random.Random
    at: datetime = FIRST_KNOWN
    told: list[Received] = field(default_factory=list)
    _seqs: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    _offs: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))

    def tell(self, event: Event, *, hours: float | None = None) -> Received:
        """The event becomes known, some hours after the one before."""
        pause = self.source.choice((0, 0, 0.01, 1, 5, 20)) if hours is None else hours
        self.at += timedelta(hours=pause)
        topic, key = contract_of(event).topic, key_of(event)
        self._seqs[topic, key] += 1
        part = part_of(key)
        off = self._offs[topic, part]
        self._offs[topic, part] += 1
        received = Received(
            event=event,
            id=an_id(self.source),
            topic=topic,
            part=part,
            off=off,
            key=key,
            seq=self._seqs[topic, key],
            known_at=self.at,
            recorded_at=self.at - timedelta(minutes=self.source.choice((0, 1, 90, 3000))),
            actor=str(an_id(self.source)) if self.source.random() < 0.7 else "system",
            traceparent="",
        )
        self.told.append(received)
        return received


@dataclass(frozen=True)
class Outlet:
    """An outlet and the institution it belongs to."""

    institution_id: UUID
    outlet_id: UUID


@dataclass
class World:
    """Who there is, and what is still open to be corrected."""

    teller: Teller
    campaigns: list[UUID]
    outlets: list[Outlet]
    enterprises: list[UUID]
    visits: dict[UUID, list[visits.VisitLogged]] = field(default_factory=lambda: defaultdict(list))
    held: dict[UUID, list[allocation.EnterpriseAssigned]] = field(
        default_factory=lambda: defaultdict(list)
    )
    loans: dict[UUID, list[credit.LoanGranted]] = field(default_factory=lambda: defaultdict(list))
    draws: dict[UUID, list[credit.LoanDrawn]] = field(default_factory=lambda: defaultdict(list))

    @property
    def source(self) -> random.Random:
        """The one source of chance."""
        return self.teller.source

    def county(self) -> str:
        """Some county."""
        return self.source.choice(COUNTIES)

    def day(self) -> date:
        """Some business day: mostly in the campaign, sometimes before it."""
        early = self.source.random() < 0.08
        return OPENS + timedelta(
            days=self.source.randrange(-60, 0) if early else self.source.randrange(0, 290)
        )

    def outlet(self) -> Outlet:
        """Some outlet; the first ones are the busy ones, so that they meet at one enterprise."""
        return self.outlets[
            min(self.source.randrange(len(self.outlets)), self.source.randrange(len(self.outlets)))
        ]


def a_world(seed: int, *, enterprises: int = 6, institutions: int = 3) -> World:
    """A world with a few institutions of some outlets each."""
    source = random.Random(seed)
    outlets = [
        Outlet(institution, an_id(source))
        for institution in [an_id(source) for _ in range(institutions)]
        for _ in range(source.choice((1, 2, 3)))
    ]
    source.shuffle(outlets)
    return World(
        Teller(source),
        [an_id(source) for _ in range(2)],
        outlets,
        [an_id(source) for _ in range(enterprises)],
    )


def listed(
    world: World, enterprise: UUID, vintage: str = "2021-12-31"
) -> registry.EnterpriseListed:
    """The enterprise stands on a list."""
    return registry.EnterpriseListed(
        enterprise_id=enterprise, uscc="91320100MA1ABCDE1X", list_vintage=vintage,
        region_code=world.county(), longitude_e6=118_000_000, latitude_e6=32_000_000,
        precision="point", industry_code=None, has_loan=None, listed_on=OPENS,
    )  # fmt: skip


def enrolled(world: World, enterprise: UUID, campaign: UUID) -> allocation.EnterpriseEnrolled:
    """The enterprise takes part."""
    return allocation.EnterpriseEnrolled(
        enterprise_id=enterprise, campaign_id=campaign, list_vintage="2021-12-31",
        region_code=world.county(), opens_on=OPENS,
    )  # fmt: skip


def _move(w: World, e: UUID) -> Event:
    return registry.EnterpriseChanged(
        enterprise_id=e, region_code=w.county(), longitude_e6=0, latitude_e6=0, precision="point",
        industry_code=None, valid_from=w.day(),
    )  # fmt: skip


def _list_again(w: World, e: UUID) -> Event:
    return listed(w, e, LISTED_AGAIN.isoformat())


def _move_the_day_after(w: World, e: UUID) -> Event:
    moved = _move(w, e)
    assert isinstance(moved, registry.EnterpriseChanged)
    return msgspec.structs.replace(moved, valid_from=LISTED_AGAIN + timedelta(days=1))


def _dispose(w: World, e: UUID) -> Event:
    return registry.EnterpriseDisposed(
        enterprise_id=e, disposition_id=an_id(w.source),
        kind=w.source.choice(("cancelled", "no_need", "refused")), disposed_on=w.day(),
    )  # fmt: skip


def _assign(w: World, e: UUID) -> Event:
    tier = 2 if w.source.random() < 0.85 else 1
    event = allocation.EnterpriseAssigned(
        assignment_id=an_id(w.source), enterprise_id=e, campaign_id=w.source.choice(w.campaigns),
        tier=tier, bureau_code="320500" if tier == 1 else None,
        institution_id=w.outlet().institution_id if tier == 2 else None,
        region_code=w.county(), round=1, assigned_on=w.day(),
    )  # fmt: skip
    w.held[e].append(event)
    return event


def _unassign(w: World, e: UUID) -> Event | None:
    if not w.held[e]:
        return None
    held = w.held[e].pop(w.source.randrange(len(w.held[e])))
    return allocation.EnterpriseUnassigned(
        assignment_id=held.assignment_id, enterprise_id=e, campaign_id=held.campaign_id,
        tier=held.tier, institution_id=held.institution_id, reason="rotated",
        unassigned_on=held.assigned_on + timedelta(days=w.source.choice((0, 1, 30, 90))),
    )  # fmt: skip


def _name(w: World, e: UUID) -> Event | None:
    open_ones = [held for held in w.held[e] if held.institution_id]
    if not open_ones:
        return None
    held = w.source.choice(open_ones)
    assert held.institution_id
    return allocation.ContactNamed(
        assignment_id=held.assignment_id, enterprise_id=e, campaign_id=held.campaign_id,
        institution_id=held.institution_id, outlet_id=w.outlet().outlet_id,
        staff_id=an_id(w.source), named_on=w.day(),
    )  # fmt: skip


def _visit(w: World, e: UUID) -> Event:
    at, complete = w.outlet(), w.source.random() < 0.8
    event = visits.VisitLogged(
        visit_id=an_id(w.source), enterprise_id=e, campaign_id=w.source.choice(w.campaigns),
        institution_id=at.institution_id, outlet_id=at.outlet_id, staff_ids=(),
        region_code=w.county(), remote=False, complete=complete,
        missing=() if complete else ("photo",), photos=1, told_campaign=True, visited_on=w.day(),
    )  # fmt: skip
    w.visits[e].append(event)
    return event


def _void(w: World, e: UUID) -> Event | None:
    if not w.visits[e]:
        return None
    visit = w.visits[e].pop(w.source.randrange(len(w.visits[e])))
    return visits.VisitVoided(
        visit_id=visit.visit_id, enterprise_id=e, campaign_id=visit.campaign_id,
        institution_id=visit.institution_id, reason="mistake", voided_on=w.day(),
    )  # fmt: skip


def _need(w: World, e: UUID) -> Event | None:
    if not w.visits[e]:
        return None
    visit = w.source.choice(w.visits[e])
    return visits.NeedRecorded(
        need_id=an_id(w.source), visit_id=visit.visit_id, enterprise_id=e,
        campaign_id=visit.campaign_id, institution_id=visit.institution_id,
        region_code=w.county(), amount_fen=w.source.randrange(10**8), purpose="equipment",
        term_months=12, recorded_on=visit.visited_on,
    )  # fmt: skip


def _file(w: World, e: UUID) -> Event:
    at = w.outlet()
    return credit.ApplicationFiled(
        application_id=an_id(w.source), enterprise_id=e, institution_id=at.institution_id,
        outlet_id=at.outlet_id, region_code=w.county(), product_code="P1",
        amount_fen=w.source.randrange(10**8), filed_on=w.day(),
    )  # fmt: skip


def _line(w: World, e: UUID) -> Event:
    at, day = w.outlet(), w.day()
    return credit.CreditLineApproved(
        line_id=an_id(w.source), enterprise_id=e, institution_id=at.institution_id,
        outlet_id=at.outlet_id, region_code=w.county(), amount_fen=w.source.randrange(10**8),
        valid_from=day, valid_until=day + timedelta(days=365), approved_on=day,
    )  # fmt: skip


def _loan(w: World, e: UUID) -> Event:
    at, day = w.outlet(), w.day()
    event = credit.LoanGranted(
        loan_id=an_id(w.source), line_id=None, enterprise_id=e, institution_id=at.institution_id,
        outlet_id=at.outlet_id, region_code=w.county(), amount_fen=1000,
        origin=w.source.choice(("new", "new", "renewal")), securities=("unsecured",),
        annual_rate_bp=400, booked_at=FIRST_KNOWN, first_loan_claimed=None, granted_on=day,
        matures_on=day + timedelta(days=365),
    )  # fmt: skip
    w.loans[e].append(event)
    return event


def _draw(w: World, e: UUID) -> Event | None:
    if not w.loans[e]:
        return None
    loan = w.source.choice(w.loans[e])
    event = credit.LoanDrawn(
        drawdown_id=an_id(w.source), loan_id=loan.loan_id, enterprise_id=e,
        institution_id=loan.institution_id, outlet_id=loan.outlet_id, region_code=w.county(),
        amount_fen=w.source.choice((100, 250)), new_money=loan.origin == "new",
        drawn_on=loan.granted_on + timedelta(days=w.source.choice((0, 0, 1, 40))),
    )  # fmt: skip
    w.draws[e].append(event)
    return event


def _repay(w: World, e: UUID) -> Event | None:
    if not w.draws[e]:
        return None
    drawn = w.source.choice(w.draws[e])
    return credit.RepaymentBooked(
        repayment_id=an_id(w.source), loan_id=drawn.loan_id, enterprise_id=e,
        institution_id=drawn.institution_id, outlet_id=drawn.outlet_id,
        principal_fen=w.source.choice((50, 100, drawn.amount_fen)),
        repaid_on=drawn.drawn_on + timedelta(days=w.source.choice((0, 10, 100))),
    )  # fmt: skip


def _reverse(w: World, e: UUID) -> Event | None:
    if not w.draws[e]:
        return None
    drawn = w.draws[e].pop(w.source.randrange(len(w.draws[e])))
    return credit.LoanReversed(
        reversal_id=an_id(w.source), drawdown_id=drawn.drawdown_id, loan_id=drawn.loan_id,
        enterprise_id=e, institution_id=drawn.institution_id, outlet_id=drawn.outlet_id,
        amount_fen=drawn.amount_fen, new_money=drawn.new_money,
        reversed_on=drawn.drawn_on + timedelta(days=w.source.choice((0, 5, 95))),
    )  # fmt: skip


STEPS = (
    _move, _list_again, _list_again, _move_the_day_after, _dispose, _assign, _assign, _unassign, _name, _visit, _visit, _visit, _void, _need, _file, _line,
    _line, _loan, _loan, _draw, _draw, _draw, _repay, _repay, _reverse,
)  # fmt: skip


def a_history(seed: int, *, events: int = 160, enterprises: int = 6) -> World:
    """A whole history; some enterprises enrol late, in two campaigns, or never."""
    world = a_world(seed, enterprises=enterprises)
    late: list[Event] = []
    for enterprise in world.enterprises:
        if world.source.random() < 0.9:
            world.teller.tell(listed(world, enterprise))
        for campaign in world.campaigns:
            chance = world.source.random()
            if chance < 0.7:
                world.teller.tell(enrolled(world, enterprise, campaign))
            elif chance < 0.85:
                late.append(enrolled(world, enterprise, campaign))
    for _ in range(events):
        enterprise = world.source.choice(world.enterprises)
        event = world.source.choice(STEPS)(world, enterprise)
        if late and world.source.random() < 0.03:
            world.teller.tell(late.pop())
        if event:
            world.teller.tell(event)
    return world


def merge(
    world: World, survivor: UUID, merged: UUID, day: date = MERGED_ON
) -> registry.EnterprisesMerged:
    """Tell of a merger, to each of the two."""
    told = [
        registry.EnterprisesMerged(
            enterprise_id=each, merger_id=UUID(int=survivor.int ^ merged.int),
            survivor_id=survivor, merged_id=merged, merged_on=day,
        )
        for each in (survivor, merged)
    ]  # fmt: skip
    for event in told:
        world.teller.tell(event, hours=0.01)
    return told[0]


def unmerge(world: World, merger: registry.EnterprisesMerged) -> None:
    """Take it back."""
    for each in (merger.survivor_id, merger.merged_id):
        event = registry.EnterprisesUnmerged(
            enterprise_id=each, merger_id=merger.merger_id, survivor_id=merger.survivor_id,
            merged_id=merger.merged_id, unmerged_on=merger.merged_on + timedelta(days=3),
        )  # fmt: skip
        world.teller.tell(event, hours=0.01)
