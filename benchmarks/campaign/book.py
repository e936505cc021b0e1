"""What a bank's core system will push for a financing: lines, loans, money, day by day."""

from dataclasses import dataclass
from datetime import date, timedelta

from benchmarks.campaign.dice import Dice
from benchmarks.campaign.world import WAN_FEN, YEAR_END, Bank, Firm, Need
from shared.kernel.money import yuan

LINE, LOAN, DRAWDOWN, REPAYMENT, REVERSAL = (
    "lines", "loans", "drawdowns", "repayments", "reversals",
)  # fmt: skip
KINDS = (LINE, LOAN, DRAWDOWN, REPAYMENT, REVERSAL)
#: A core that sends some of its book late: known after the quarter in which it happened.
LATE_SHARE, LATE_DAYS = 0.06, 33
SECURITIES = (["unsecured"], ["guarantee"], ["ip_pledge"], ["mortgage"], ["ip_pledge", "guarantee"])
#: A year later these come to their end, after the campaign has begun.
EARLY_FROM, EARLY_UNTIL = date(2021, 5, 15), date(2022, 3, 20)


@dataclass(slots=True, kw_only=True)
class Deed:
    """One row of a push: what happened on `on`, and the day from which the core sends it."""

    kind: str
    on: date
    send_on: date
    institution_id: str
    enterprise_id: str
    outlet_id: str
    row: dict[str, object]
    fen: int
    new_money: bool = True

    @property
    def external_id(self) -> str:
        """The bank's own number."""
        return str(self.row["external_id"])


def _later(day: date, days: int) -> date:
    return day + timedelta(days=days)


class Story:
    """Writes the deeds of one financing of one enterprise at one bank."""

    def __init__(self, dice: Dice, firm: Firm, bank: Bank, outlet_id: str, name: str) -> None:
        self._dice, self._firm, self._bank = dice, firm, bank
        self._outlet_id, self._name = outlet_id, name
        self.deeds: list[Deed] = []

    def _number(self, what: str) -> str:
        return f"{what}-{self._firm.uscc}-{self._name}"

    def _add(
        self,
        kind: str,
        on: date,
        row: dict[str, object],
        *,
        fen: int,
        late: bool = False,
        new_money: bool = True,
    ) -> None:
        if on <= YEAR_END:
            self.deeds.append(
                Deed(
                    kind=kind,
                    on=on,
                    send_on=_later(on, LATE_DAYS) if late else on,
                    institution_id=self._bank.institution_id,
                    enterprise_id=self._firm.enterprise_id,
                    outlet_id=self._outlet_id,
                    row=row,
                    fen=fen,
                    new_money=new_money,
                )
            )

    def financing(self, need: Need, approved_on: date) -> None:
        """A line and, where money is drawn, a loan under it with what follows."""
        dice, key = self._dice, (self._firm.uscc, self._name)
        late = dice.chance(LATE_SHARE, "late", *key)
        until = _later(approved_on, 365)
        line = {
            "external_id": self._number("SX"),
            "uscc": self._firm.uscc,
            "outlet_id": self._outlet_id,
            "amount": yuan(need.approved_fen),
            "approved_on": approved_on.isoformat(),
            "valid_from": approved_on.isoformat(),
            "valid_until": until.isoformat(),
        }
        self._add(LINE, approved_on, line, fen=need.approved_fen, late=late)
        if need.drawn_fen:
            granted_on = _later(approved_on, 1 + dice.below(15, "granted", *key))
            self._loan(need, granted_on, late=late)

    def _loan(self, need: Need, granted_on: date, *, late: bool) -> None:
        self.loan(
            "DK",
            need.drawn_fen,
            granted_on,
            months=need.term_months,
            line=self._number("SX"),
            late=late,
        )
        dice, key = self._dice, (self._firm.uscc, self._name)
        pieces = 2 if dice.chance(0.3, "pieces", *key) else 1
        part = need.drawn_fen // pieces
        first_on = _later(granted_on, dice.below(5, "drawn", *key))
        for number in range(pieces):
            fen = need.drawn_fen - part if pieces == 2 and number else part
            drawn_on = _later(first_on, 25 * number)
            self.draw("DK", number, fen, drawn_on, late=late)
        self._afterwards(need.drawn_fen, part, _later(first_on, 30), late=late)

    def _afterwards(self, drawn_fen: int, first_fen: int, day: date, *, late: bool) -> None:
        """Some of it is booked back, some repaid, most stays."""
        dice, key = self._dice, (self._firm.uscc, self._name)
        fate = dice.unit("fate", *key)
        if fate < 0.02:
            self._reverse(first_fen, _later(day, dice.below(40, "back", *key)), late=late)
        elif fate < 0.03:
            half = first_fen // 2
            self._reverse(half, _later(day, dice.below(40, "back", *key)), late=late)
        elif fate < 0.35:
            wan = drawn_fen // WAN_FEN
            fen = max(wan // 4, 1) * WAN_FEN if wan else drawn_fen
            self.repay("DK", 0, fen, _later(day, 30), late=late)
            if fate < 0.10:
                self.repay("DK", 1, drawn_fen - fen, _later(day, 61), late=late)

    def loan(
        self,
        what: str,
        fen: int,
        granted_on: date,
        *,
        months: int = 12,
        line: str | None = None,
        origin: str = "new",
        late: bool = False,
    ) -> None:
        """A loan contract."""
        dice, key = self._dice, (self._firm.uscc, self._name, what)
        row = {
            "external_id": self._number(what),
            "line_external_id": line,
            "uscc": self._firm.uscc,
            "outlet_id": self._outlet_id,
            "amount": yuan(fen),
            "origin": origin,
            "securities": dice.pick(SECURITIES, "security", *key),
            "annual_rate_bp": 365 + dice.below(90, "rate", *key),
            "granted_on": granted_on.isoformat(),
            "matures_on": _later(granted_on, months * 30 + 5).isoformat(),
            "booked_at": f"{granted_on.isoformat()}T08:15:00+08:00",
            "first_loan_claimed": not self._firm.lenders,
        }
        self._add(LOAN, granted_on, row, fen=fen, late=late, new_money=origin == "new")

    def draw(
        self,
        what: str,
        number: int,
        fen: int,
        drawn_on: date,
        *,
        late: bool = False,
        new_money: bool = True,
    ) -> None:
        """Money paid out."""
        row = {
            "external_id": f"{self._number(f'F{what}')}-{number}",
            "loan_external_id": self._number(what),
            "amount": yuan(fen),
            "drawn_on": drawn_on.isoformat(),
        }
        self._add(DRAWDOWN, drawn_on, row, fen=fen, late=late, new_money=new_money)

    def repay(
        self, what: str, number: int, fen: int, repaid_on: date, *, late: bool = False
    ) -> None:
        """Principal paid back."""
        if fen <= 0:
            return
        row = {
            "external_id": f"{self._number(f'H{what}')}-{number}",
            "loan_external_id": self._number(what),
            "principal": yuan(fen),
            "repaid_on": repaid_on.isoformat(),
        }
        self._add(REPAYMENT, repaid_on, row, fen=fen, late=late)

    def _reverse(self, fen: int, reversed_on: date, *, late: bool) -> None:
        row = {
            "external_id": self._number("CZ"),
            "drawdown_external_id": f"{self._number('FDK')}-0",
            "amount": yuan(fen),
            "reversed_on": reversed_on.isoformat(),
        }
        self._add(REVERSAL, reversed_on, row, fen=fen, late=late)


def early_loan(story: Story, dice: Dice, firm: Firm, code: str) -> None:
    """A loan from before the campaign; some come to their end in it, and some of these go on."""
    key = (firm.uscc, code)
    fen = (20 + 10 * dice.below(40, "early", *key)) * WAN_FEN
    granted_on = dice.day(EARLY_FROM, EARLY_UNTIL, "early day", *key)
    story.loan("ZQ", fen, granted_on)
    story.draw("ZQ", 0, fen, granted_on)
    ends_on = _later(granted_on, 365)
    if dice.chance(0.7, "ends", *key):
        story.repay("ZQ", 0, fen, ends_on)
        if dice.chance(0.5, "renewed", *key):
            story.loan("XD", fen, ends_on, origin="renewal")
            story.draw("XD", 0, fen, ends_on, new_money=False)
