"""One enterprise's year: moves, visits, needs, a rotation, loans, repayments and corrections."""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from uuid import UUID

from benchmarks.history.world import CAMPAIGN, COUNTIES, Told, World, moment
from shared.contracts.allocation import EnterpriseUnassigned
from shared.contracts.credit import (
    ApplicationDecided,
    ApplicationFiled,
    CreditLineApproved,
    LoanDrawn,
    LoanGranted,
    LoanReversed,
    RepaymentBooked,
)
from shared.contracts.registry import EnterpriseChanged
from shared.contracts.visits import NeedRecorded, VisitLogged, VisitVoided

WAN_FEN = 1_000_000


class Life:
    """One enterprise's year."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._number = number
        self._dice = random.Random(f"{world.seed} {number}")
        self._place = world.place_of(number)
        self._who = world.enterprises[number]
        self._county = world.county_of(number)

    def _id(self) -> UUID:
        return UUID(int=self._dice.getrandbits(128), version=4)

    def _day(self, first: date, days: int) -> date:
        return first + timedelta(days=self._dice.randrange(days))

    def _known(self, day: date) -> datetime:
        """Most is entered within a day; one in ten within a month."""
        late = self._dice.uniform(0, 1) if self._dice.random() < 0.9 else self._dice.uniform(1, 30)
        return moment(day, self._number) + timedelta(days=late)

    def told(self) -> Iterator[Told]:
        """Everything after it was given to its first outlet."""
        dice = self._dice
        if dice.random() < 0.05:
            yield from self._moves()
        for _ in range(1 + (dice.random() < 0.4) + (dice.random() < 0.1)):
            yield from self._visit(self._day(date(2022, 5, 1), 120))
        if dice.random() < 0.1:
            yield from self._rotated()
        if dice.random() < 0.9:
            yield from self._borrows()

    def _moves(self) -> Iterator[Told]:
        day = self._day(date(2022, 5, 1), 200)
        yield (
            self._known(day),
            EnterpriseChanged(
                enterprise_id=self._who,
                region_code=self._dice.choice(COUNTIES),
                longitude_e6=120_000_000,
                latitude_e6=31_000_000,
                precision="county",
                industry_code="C39",
                valid_from=day,
            ),
        )

    def _visit(self, day: date) -> Iterator[Told]:
        visit_id, known, complete = self._id(), self._known(day), self._dice.random() < 0.93
        yield (
            known,
            VisitLogged(
                visit_id=visit_id,
                enterprise_id=self._who,
                campaign_id=CAMPAIGN,
                institution_id=self._place.institution_id,
                outlet_id=self._place.outlet_id,
                staff_ids=(self._place.staff_id,),
                region_code=self._county,
                remote=False,
                complete=complete,
                missing=() if complete else ("photo",),
                photos=1 if complete else 0,
                told_campaign=True,
                visited_on=day,
            ),
        )
        if self._dice.random() < 0.45:
            yield (
                known + timedelta(microseconds=1),
                NeedRecorded(
                    need_id=self._id(),
                    visit_id=visit_id,
                    enterprise_id=self._who,
                    campaign_id=CAMPAIGN,
                    institution_id=self._place.institution_id,
                    region_code=self._county,
                    amount_fen=self._dice.randrange(10, 500) * WAN_FEN,
                    purpose="working_capital",
                    term_months=12,
                    recorded_on=day,
                ),
            )
        if self._dice.random() < 0.05:
            later = known + timedelta(days=self._dice.uniform(1, 40))
            yield (
                later,
                VisitVoided(
                    visit_id=visit_id,
                    enterprise_id=self._who,
                    campaign_id=CAMPAIGN,
                    institution_id=self._place.institution_id,
                    reason="entered_twice",
                    voided_on=later.date(),
                ),
            )

    def _rotated(self) -> Iterator[Told]:
        day = date(2022, 9, 5)
        yield (
            moment(day, self._number),
            EnterpriseUnassigned(
                assignment_id=self._world.assignment_id(self._number),
                enterprise_id=self._who,
                campaign_id=CAMPAIGN,
                tier=2,
                institution_id=self._place.institution_id,
                reason="rotated",
                unassigned_on=day,
            ),
        )
        self._place = self._dice.choice(self._world.places)
        for at, event in self._world.care(self._number, self._place, 2, day):
            yield at + timedelta(microseconds=1), event

    def _borrows(self) -> Iterator[Told]:
        filed_on = self._day(date(2022, 5, 10), 150)
        application_id, amount = self._id(), self._dice.randrange(10, 1000) * WAN_FEN
        where = {
            "enterprise_id": self._who,
            "institution_id": self._place.institution_id,
            "outlet_id": self._place.outlet_id,
        }
        known = self._known(filed_on)
        yield (
            known,
            ApplicationFiled(
                application_id=application_id,
                region_code=self._county,
                product_code="sci-tech-loan",
                amount_fen=amount,
                filed_on=filed_on,
                **where,
            ),
        )
        approved, decided_on = self._dice.random() < 0.75, filed_on + timedelta(days=7)
        yield (
            known + timedelta(days=7),
            ApplicationDecided(
                application_id=application_id,
                region_code=self._county,
                approved=approved,
                amount_fen=amount if approved else 0,
                reason_code=None if approved else "cash_flow",
                decided_on=decided_on,
                **where,
            ),
        )
        if approved:
            yield from self._lent(where, amount, decided_on, known + timedelta(days=8))

    def _lent(
        self, where: dict[str, UUID], amount: int, day: date, known: datetime
    ) -> Iterator[Told]:
        line_id, loan_id = self._id(), self._id()
        yield (
            known,
            CreditLineApproved(
                line_id=line_id,
                region_code=self._county,
                amount_fen=amount,
                valid_from=day,
                valid_until=day + timedelta(days=365),
                approved_on=day,
                **where,
            ),
        )
        yield (
            known + timedelta(hours=1),
            LoanGranted(
                loan_id=loan_id,
                line_id=line_id,
                region_code=self._county,
                amount_fen=amount,
                origin="new" if self._dice.random() < 0.9 else "renewal",
                securities=("unsecured",),
                annual_rate_bp=410,
                booked_at=moment(day, self._number),
                first_loan_claimed=None,
                granted_on=day,
                matures_on=day + timedelta(days=365),
                **where,
            ),
        )
        draws = self._dice.choice((1, 1, 2, 3))
        for turn in range(draws):
            drawn_on = day + timedelta(days=1 + 30 * turn)
            at = known + timedelta(hours=2, days=30 * turn)
            yield from self._drawn(where, loan_id, amount // draws, drawn_on, at)

    def _drawn(
        self, where: dict[str, UUID], loan_id: UUID, amount: int, day: date, known: datetime
    ) -> Iterator[Told]:
        drawdown_id = self._id()
        yield (
            known,
            LoanDrawn(
                drawdown_id=drawdown_id,
                loan_id=loan_id,
                region_code=self._county,
                amount_fen=amount,
                new_money=True,
                drawn_on=day,
                **where,
            ),
        )
        if self._dice.random() < 0.05:
            later = known + timedelta(days=3)
            yield (
                later,
                LoanReversed(
                    reversal_id=self._id(),
                    drawdown_id=drawdown_id,
                    loan_id=loan_id,
                    amount_fen=amount,
                    new_money=True,
                    reversed_on=later.date(),
                    **where,
                ),
            )
            return
        for turn in range(1, 1 + self._dice.choice((0, 1, 1, 3))):
            repaid_on = day + timedelta(days=30 * turn)
            yield (
                known + timedelta(days=30 * turn),
                RepaymentBooked(
                    repayment_id=self._id(),
                    loan_id=loan_id,
                    principal_fen=amount // 4,
                    repaid_on=repaid_on,
                    **where,
                ),
            )
